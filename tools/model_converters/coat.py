"""Convert a checkpoint of COAT."""

from pathlib import Path

import torch
from torch import Tensor

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
BLOCK = r'transformer_encoder\.blocks\.scale(\d)\.0\.'
INNER = r'transformer\.0\.'
PROJECTOR = r'embedding_head_{}\.projectors\.'
STAGES = {'1st': 'first', '2nd': 'second', '3rd': 'third'}
QUERY, KEY, VALUE = 'query', 'key', 'value'


def rules_of_stage(theirs: str, ours: str) -> list:
    """Rules for the keys of one stage."""
    top = rf'roi_head.stages.{ours}.top'
    head = rf'roi_head.stages.{ours}.head'
    box_head = HEADS + rf'box_head_{theirs}\.'
    block = box_head + BLOCK
    inner = block + INNER
    # Scales count from 1 there and from 0 here; see ``convert``.
    scale = top + r'.scale\1'
    memory = rf'roi_head.stages.{ours}.loss_reid.memory'
    projector = HEADS + PROJECTOR.format(theirs)
    predictor = HEADS + rf'box_predictor_{theirs}\.'
    return [
        (box_head + r'conv1\.weight', top + '.reduce.weight'),
        (box_head + r'conv2\.weight', top + '.expand.weight'),
        (box_head + r'conv0\.weight', top + '.skip.weight'),
        # Never used, with the published options.
        (box_head + r'transformer_encoder\.output_linear\..*', None),
        # The same block once more.
        (block + r'transblock\..*', None),
        (
            inner + r'attention\.(query|key|value)_embedding\.(\w+)',
            scale + r'.\2.\3',
        ),
        (
            inner + r'attention\.output_linear\.(\w+)',
            scale + r'.projection.\2',
        ),
        (inner + r'ffn\.conv\.0\.(\w+)', scale + r'.ffn.0.\2'),
        (inner + r'ffn\.conv\.3\.(\w+)', scale + r'.ffn.2.\2'),
        (inner + r'(norm[12]\.\w+)', scale + r'.\2'),
        (block + r'patch2vec\.(\w+)', scale + r'.to_tokens.\2'),
        (block + r'vec2patch\.embedding\.(\w+)', scale + r'.to_map.\2'),
        (predictor + r'cls_score\.(.*)', head + r'.fc_cls.\1'),
        (predictor + r'bbox_pred\.(.*)', head + r'.fc_reg.\1'),
        (
            projector + r'before_trans\.(.*)',
            head + r'.embedding.projections.0.\1',
        ),
        (
            projector + r'after_trans\.(.*)',
            head + r'.embedding.projections.1.\1',
        ),
        (
            HEADS + rf'embedding_head_{theirs}\.rescaler\.(.*)',
            head + r'.norm_scale.\1',
        ),
        (HEADS + rf'reid_loss_{theirs}\.lut', memory + '.lookup_table'),
        (HEADS + rf'reid_loss_{theirs}\.cq', memory + '.queue'),
    ]


RULES = [
    (r'(backbone\..*)', r'\1'),
    # torchvision nests the convolution deeper since 0.13.
    (r'rpn\.head\.conv\.(?:0\.0\.)?(\w+)', r'rpn_head.rpn_conv.\1'),
    (r'rpn\.head\.cls_logits\.(.*)', r'rpn_head.rpn_cls.\1'),
    (r'rpn\.head\.bbox_pred\.(.*)', r'rpn_head.rpn_reg.\1'),
    # The first stage passes its features on as they are.
    (HEADS + r'box_head_1st\.conv0\.weight', None),
    # The first stage's layers, and the second's box layer, once more.
    (HEADS + r'box_head\..*', None),
    (HEADS + r'box_predictor\..*', None),
    *[
        rule
        for theirs, ours in STAGES.items()
        for rule in rules_of_stage(theirs, ours)
    ],
]


def convert(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Weights in this project's layout, and what was dropped of them."""
    weights, dropped = rename_keys(weights, RULES)
    for number in (1, 2):
        weights = {
            key.replace(f'.scale{number}.', f'.scales.{number - 1}.'): value
            for key, value in weights.items()
        }
    for key in [key for key in weights if f'.{QUERY}.' in key]:
        parts = [
            weights.pop(key.replace(f'.{QUERY}.', f'.{name}.'))
            for name in (QUERY, KEY, VALUE)
        ]
        weights[key.replace(f'.{QUERY}.', '.qkv.')] = torch.cat(parts)
    adapt_heads(weights, dropped)
    adapt_memories(weights, dropped)
    return weights, dropped


def main() -> None:
    """Run the command line."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('src', type=Path, help='checkpoint, e.g. epoch_12.pth')
    parser.add_argument('dst', type=Path, help='file to write')
    add_trust(parser)
    args = parser.parse_args()
    convert_file(
        args.src, args.dst, args.trust, convert, 'COAT', 'epoch_12.pth'
    )


if __name__ == '__main__':
    run_command(main)
