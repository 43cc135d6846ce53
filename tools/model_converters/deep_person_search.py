"""Convert a checkpoint of deep-person-search (BSL, NAE or OIM)."""

import argparse
import re
from pathlib import Path

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

BLOCK = r'\.(\d+)\.(.*)'
# The three last blocks of the fourth stage keep their number in the stage.
STEM_BLOCKS = 3
TOPS = {
    r'reid_head\.extractor\.top': 'roi_head.reid_head.top',
    r'roi_heads\.box_head\.top': 'roi_head.shared_head',
}
RULES = [
    (r'backbone\.conv1\.0\.(.*)', r'backbone.conv1.\1'),
    (r'backbone\.conv1\.1\.(.*)', r'backbone.bn1.\1'),
    (r'backbone\.conv2' + BLOCK, r'backbone.layer1.\1.\2'),
    (r'backbone\.conv3' + BLOCK, r'backbone.layer2.\1.\2'),
    (r'backbone\.conv4_3' + BLOCK, r'backbone.layer3.\1.\2'),
    (r'(?:RPN|rpn)\.head\.conv\.(.*)', r'rpn_head.rpn_conv.\1'),
    (r'(?:RPN|rpn)\.head\.cls_logits\.(.*)', r'rpn_head.rpn_cls.\1'),
    (r'(?:RPN|rpn)\.head\.bbox_pred\.(.*)', r'rpn_head.rpn_reg.\1'),
    (r'RCNN\.box_head\.conv1\.0\.(.*)', r'roi_head.bbox_head.reduce.conv.\1'),
    (r'RCNN\.box_head\.conv1\.1\.(.*)', r'roi_head.bbox_head.reduce.bn.\1'),
    (r'RCNN\.box_head\.fc2\.(.*)', r'roi_head.bbox_head.fc.\1'),
    (
        r'(?:RCNN|roi_heads)\.box_predictor\.cls_score\.(.*)',
        r'roi_head.bbox_head.fc_cls.\1',
    ),
    (
        r'(?:RCNN|roi_heads)\.box_predictor\.bbox_pred\.(.*)',
        r'roi_head.bbox_head.fc_reg.\1',
    ),
    (
        r'reid_head\.extractor\.projectors\.(C[45])\.(.*)',
        r'roi_head.reid_head.norms.\1.\2',
    ),
    (
        r'roi_heads\.embedding_head\.rescaler\.(.*)',
        r'roi_head.bbox_head.norm_scale.\1',
    ),
]
PROJECTOR = r'roi_heads\.embedding_head\.projectors\.{}\.(.*)'
CRITERIA = {
    r'reid_head\.criterion\.(C[45])': r'roi_head.reid_head.losses.\1',
    r'roi_heads\.reid_loss': 'roi_head.loss_reid',
}
FIRST_PERSON_DELTA = 4  # rows 0 to 3 are the background's


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('src', type=Path, help='checkpoint, e.g. latest.pth')
    parser.add_argument('dst', type=Path, help='file to write')
    add_trust(parser)
    return parser.parse_args()


def key_rules(keys: list[str]) -> list[tuple[str, str | None]]:
    """Rules for a checkpoint with these keys."""
    rules = list(RULES)
    for old, new in TOPS.items():
        fourth = {
            int(match[1])
            for key in keys
            if (match := re.match(old + r'\.conv4_4\.(\d+)\.', key))
        }
        rules += [
            (
                rf'{old}\.conv4_4\.{block}\.(.*)',
                rf'{new}.layer3.{block + STEM_BLOCKS}.\1',
            )
            for block in sorted(fourth)
        ]
        rules.append((old + r'\.conv5' + BLOCK, rf'{new}.layer4.\1.\2'))
    levels = [
        level
        for level in ('C4', 'C5')
        if any(re.match(PROJECTOR.format(level), key) for key in keys)
    ]
    rules += [
        (
            PROJECTOR.format(level),
            rf'roi_head.bbox_head.embedding.projections.{i}.\1',
        )
        for i, level in enumerate(levels)
    ]
    for old, new in CRITERIA.items():
        old += r'\.classifier\.'
        memory = any(re.match(old + 'unlabeled_queue', key) for key in keys)
        table = 'memory.lookup_table' if memory else 'classifier.weight'
        rules += [
            (old + 'weight', f'{new}.{table}'),
            (old + 'unlabeled_queue', f'{new}.memory.queue'),
            (old + 'unlabeled_input_count', f'{new}.memory.count'),
            (old + 'zero_loss', None),
        ]
    if any('embedding_head.rescaler' in key for key in keys):
        # The norm of the embedding took this classifier's place.
        rules.insert(0, (r'roi_heads\.box_predictor\.cls_score\..*', None))
    return rules


def convert(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Weights in this project's layout, and what was dropped of them."""
    weights, dropped = rename_keys(weights, key_rules(list(weights)))
    for key, value in weights.items():
        if '.bbox_head.fc_cls.' in key:
            weights[key] = value.flip(0)  # person first, background last
        elif '.bbox_head.fc_reg.' in key and value.ndim:
            weights[key] = value[FIRST_PERSON_DELTA:]
            dropped.append(f'{key}: rows of the background')
    for key in [key for key in weights if key.endswith('.memory.count')]:
        memory = key.removesuffix('count')
        queue = weights[memory + 'queue']
        count = weights[key].long().reshape(()).clamp(0, len(queue))
        # The newest is last there; here it is before the tail.
        weights[memory + 'queue'] = queue.roll(int(count), dims=0)
        weights[key] = count
        weights[memory + 'tail'] = count % len(queue)
    return weights, dropped


def convert_file(src: Path, dst: Path, trust: bool) -> None:
    """Convert one file, and print what was left out."""
    weights = read_checkpoint(src, trust)['state_dict']
    try:
        weights, dropped = convert(weights)
    except KeyError as error:
        raise CheckpointError(
            f'{src}: key {error} is not of deep-person-search (BSL, NAE or '
            'OIM); give a checkpoint of that project, such as latest.pth'
        ) from error
    save_checkpoint(dict(state_dict=weights, meta=dict()), dst)
    print(f'{dst}: {len(weights)} tensors')
    for key in dropped:
        print(f'dropped {key}')


def main() -> None:
    """Run the command line."""
    args = parse_args()
    convert_file(args.src, args.dst, args.trust)


if __name__ == '__main__':
    run_command(main)
