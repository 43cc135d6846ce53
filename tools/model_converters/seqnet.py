"""Convert a checkpoint of SeqNet."""

from pathlib import Path

import torch
from torch import Tensor

from mmdet_ps.utils.checkpoint import (
    CheckpointError,
    read_checkpoint,
    save_checkpoint,
)
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    add_trust,
    run_command,
)
from mmdet_ps.utils.key_rules import rename_keys

TABLE = 'roi_head.loss_reid.memory.lookup_table'
QUEUE = 'roi_head.loss_reid.memory.queue'
# SeqNet keeps PRW's own numbers of its training persons, 1 to 478, 480 to 483
# and 932, less one as rows of a table of 482: row 478 is nobody's, and persons
# 483 and 932 have none. Here the 483 persons are numbered without a gap.
PRW_ROWS, PRW_IDENTITIES = 482, 483
PRW_GAP = 478
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
    (r'roi_heads\.reid_loss\.lut', TABLE),
    (r'roi_heads\.reid_loss\.cq', QUEUE),
]
FIRST_PERSON_DELTA = 4  # rows 0 to 3 are the background's


def convert(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Weights in this project's layout, and what was dropped of them."""
    weights, dropped = rename_keys(weights, RULES)
    for key, value in weights.items():
        if '.first_head.fc_cls.' in key:
            weights[key] = value.flip(0)  # person first, background last
        elif '.fc_reg.' in key and value.ndim:
            weights[key] = value[FIRST_PERSON_DELTA:]
            dropped.append(f'{key}: rows of the background')
    if len(weights.get(TABLE, ())) == PRW_ROWS:
        table = weights[TABLE]
        moved = torch.cat([table[:PRW_GAP], table[PRW_GAP + 1 :]])
        weights[TABLE] = table.new_zeros(PRW_IDENTITIES, table.size(1))
        weights[TABLE][: len(moved)] = moved
        dropped.append(f'{TABLE}: row {PRW_GAP}, of no training person')
    if QUEUE in weights:
        # The writing position is not saved there; slots of zeros are free.
        filled = weights[QUEUE].any(dim=1).sum()
        weights[QUEUE.replace('queue', 'count')] = filled
        weights[QUEUE.replace('queue', 'tail')] = filled % len(weights[QUEUE])
    return weights, dropped


def convert_file(src: Path, dst: Path, trust: bool) -> None:
    """Convert one file, and print what was left out."""
    weights = read_checkpoint(src, trust)['state_dict']
    try:
        weights, dropped = convert(weights)
    except KeyError as error:
        raise CheckpointError(
            f'{src}: key {error} is not of SeqNet; give a checkpoint of that '
            'project, such as epoch_19.pth'
        ) from error
    save_checkpoint(dict(state_dict=weights, meta=dict()), dst)
    print(f'{dst}: {len(weights)} tensors')
    for key in dropped:
        print(f'dropped {key}')


def main() -> None:
    """Run the command line."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('src', type=Path, help='checkpoint, e.g. epoch_19.pth')
    parser.add_argument('dst', type=Path, help='file to write')
    add_trust(parser)
    args = parser.parse_args()
    convert_file(args.src, args.dst, args.trust)


if __name__ == '__main__':
    run_command(main)
