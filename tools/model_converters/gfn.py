"""Convert a checkpoint of GFN (SeqNeXt with the Gallery Filter Network)."""

from pathlib import Path

from torch import Tensor

from mmdet_ps.models.backbones.staged_convnext import TORCHVISION
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    add_trust,
    run_command,
)
from mmdet_ps.utils.key_rules import rename_keys
from mmdet_ps.utils.seqnet_layout import (
    adapt_heads,
    adapt_memories,
    convert_file,
)

HEADS = r'roi_heads\.'
FILTER = 'roi_head.gallery_filter'
# The last stage of the backbone, three times.
TOPS = {
    r'roi_heads\.prop_head\.head': 'roi_head.first_top',
    r'roi_heads\.reid_head\.head': 'roi_head.shared_head',
    r'gfn\.head\.image_reid_head\.head': f'{FILTER}.top',
}
HEAD_RULES = [
    (r'rpn\.head\.conv\.(?:0\.0\.)?(\w+)', r'rpn_head.rpn_conv.\1'),
    (r'rpn\.head\.cls_logits\.(.*)', r'rpn_head.rpn_cls.\1'),
    (r'rpn\.head\.bbox_pred\.(.*)', r'rpn_head.rpn_reg.\1'),
    (
        HEADS + r'faster_rcnn_predictor\.cls_score\.(.*)',
        r'roi_head.first_head.fc_cls.\1',
    ),
    (
        HEADS + r'faster_rcnn_predictor\.bbox_pred\.(.*)',
        r'roi_head.first_head.fc_reg.\1',
    ),
    (
        HEADS + r'score_predictor\.cls_score\.(.*)',
        r'roi_head.bbox_head.fc_cls.\1',
    ),
    (
        HEADS + r'score_predictor\.bbox_pred\.(.*)',
        r'roi_head.bbox_head.fc_reg.\1',
    ),
    *[
        rule
        for level, theirs in enumerate(('feat_res4', 'feat_res5'))
        for rule in (
            (
                HEADS + rf'embedding_head\.projectors\.{theirs}\.(.*)',
                rf'roi_head.bbox_head.embedding.projections.{level}.\1',
            ),
            (
                rf'gfn\.head\.image_emb_head\.projectors\.{theirs}\.(.*)',
                rf'{FILTER}.embedding.projections.{level}.\1',
            ),
        )
    ],
    (r'gfn\.fuser\.norm\.norm\.(.*)', rf'{FILTER}.norm.\1'),
    (HEADS + r'reid_loss\.lut', 'roi_head.loss_reid.memory.lookup_table'),
    (HEADS + r'reid_loss\.cq', 'roi_head.loss_reid.memory.queue'),
    # The same modules under further names.
    (HEADS + r'(gfn|box_head)\..*', None),
    (r'gfn\.(query_reid_head|query_emb_head|reid_loss)\..*', None),
]
RESNET_RULES = [
    (r'backbone\.body\.(.*)', r'backbone.\1'),
    *[
        (theirs + r'\.(.*)', rf'{ours}.layer4.\1')
        for theirs, ours in TOPS.items()
    ],
]


def convnext_rules() -> list:
    """Rules for a ConvNeXt of torchvision, cut before its last stage."""
    rules = []
    for pattern, new in TORCHVISION:
        if new is None:
            continue
        stem = pattern.replace(r'features\.', r'backbone\.body\.')
        rules.append((stem, f'backbone.{new}'))
        # Numbers 6 and 7 of its features are 0 and 1 of the last stage.
        for place in ('6', '7'):
            head = rf'features\.{place}\.'
            if pattern.startswith(head):
                rest = pattern.removeprefix(head)
                rules += [
                    (rf'{theirs}\.{int(place) - 6}\.{rest}', f'{ours}.{new}')
                    for theirs, ours in TOPS.items()
                ]
    return rules


def convert(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Weights in this project's layout, and what was dropped of them."""
    resnet = 'backbone.body.conv1.weight' in weights
    rules = RESNET_RULES if resnet else convnext_rules()
    weights, dropped = rename_keys(weights, [*rules, *HEAD_RULES])
    for key, value in weights.items():
        if key.endswith('.gamma'):
            weights[key] = value.flatten()
    # The second stage has one logit, and boxes of persons alone.
    first = {k: v for k, v in weights.items() if '.first_head.' in k}
    adapt_heads(first, dropped)
    weights.update(first)
    adapt_memories(weights, dropped)
    return weights, dropped


def main() -> None:
    """Run the command line."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument(
        'src',
        type=Path,
        help='checkpoint, e.g. prw_final_convnext-base_e30.pt',
    )
    parser.add_argument('dst', type=Path, help='file to write')
    add_trust(parser)
    args = parser.parse_args()
    convert_file(
        args.src,
        args.dst,
        args.trust,
        convert,
        'GFN',
        'prw_final_convnext-base_e30.pt',
    )


if __name__ == '__main__':
    run_command(main)
