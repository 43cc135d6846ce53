"""Convert a checkpoint of SeqNet."""

from pathlib import Path

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

PROJECTOR = r'roi_heads\.embedding_head\.projectors\.'
RULES = [
    (r'(backbone\..*)', r'\1'),
    # torchvision nests the convolution deeper since 0.13.
    (r'rpn\.head\.conv\.(?:0\.0\.)?(\w+)', r'rpn_head.rpn_conv.\1'),
    (r'rpn\.head\.cls_logits\.(.*)', r'rpn_head.rpn_cls.\1'),
    (r'rpn\.head\.bbox_pred\.(.*)', r'rpn_head.rpn_reg.\1'),
    (r'roi_heads\.box_head\.(.*)', r'roi_head.first_top.\1'),
    (
        r'roi_heads\.faster_rcnn_predictor\.cls_score\.(.*)',
        r'roi_head.first_head.fc_cls.\1',
    ),
    (
        r'roi_heads\.faster_rcnn_predictor\.bbox_pred\.(.*)',
        r'roi_head.first_head.fc_reg.\1',
    ),
    (r'roi_heads\.reid_head\.(.*)', r'roi_head.shared_head.\1'),
    (
        r'roi_heads\.box_predictor\.bbox_pred\.(.*)',
        r'roi_head.bbox_head.fc_reg.\1',
    ),
    (
        PROJECTOR + r'feat_res4\.(.*)',
        r'roi_head.bbox_head.embedding.projections.0.\1',
    ),
    (
        PROJECTOR + r'feat_res5\.(.*)',
        r'roi_head.bbox_head.embedding.projections.1.\1',
    ),
    (
        r'roi_heads\.embedding_head\.rescaler\.(.*)',
        r'roi_head.bbox_head.norm_scale.\1',
    ),
    (r'roi_heads\.reid_loss\.lut', r'roi_head.loss_reid.memory.lookup_table'),
    (r'roi_heads\.reid_loss\.cq', r'roi_head.loss_reid.memory.queue'),
]


def convert(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Weights in this project's layout, and what was dropped of them."""
    weights, dropped = rename_keys(weights, RULES)
    adapt_heads(weights, dropped)
    adapt_memories(weights, dropped)
    return weights, dropped


def main() -> None:
    """Run the command line."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('src', type=Path, help='checkpoint, e.g. epoch_19.pth')
    parser.add_argument('dst', type=Path, help='file to write')
    add_trust(parser)
    args = parser.parse_args()
    convert_file(
        args.src, args.dst, args.trust, convert, 'SeqNet', 'epoch_19.pth'
    )


if __name__ == '__main__':
    run_command(main)
