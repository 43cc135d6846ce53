"""Convert a checkpoint of SOLIDER's pre-training, a Swin Transformer.

The result is the backbone alone. Name it as `checkpoint` of a `StagedSwin`
with a `semantic_weight`, as configs/seqnet/seqnet_swin-t-solider_*.py do.
"""

from pathlib import Path

from torch import Tensor

from mmdet_ps.utils.checkpoint import (
    CheckpointError,
    plain_state_dict,
    save_checkpoint,
)
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    add_trust,
    run_command,
)
from mmdet_ps.utils.key_rules import Rule, rename_keys
from mmdet_ps.utils.safe_load import load_file

# Its pre-training keeps two networks; the project goes on with this one.
TEACHER = 'teacher'
PREFIX = r'(?:backbone\.)?'
RULES: list[Rule] = [
    (PREFIX + r'((?:patch_embed|stages|norm[0-3])\..*)', r'\1'),
    (PREFIX + r'(semantic_embed_[wb]\.[0-2]\..*)', r'\1'),
    # What follows the last stage changes no map that is put out.
    (PREFIX + r'semantic_embed_[wb]\.3\..*', None),
    (r'head\..*', None),
]


def convert(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Weights of the backbone, and what was dropped."""
    return rename_keys(weights, RULES)


def convert_file(src: Path, dst: Path, trust: bool) -> None:
    """Convert one file, and print what was left out."""
    content = load_file(src, trust=trust)
    if isinstance(content, dict):
        content = content.get(TEACHER, content)
    weights = plain_state_dict(content) if isinstance(content, dict) else {}
    try:
        if not weights:
            raise KeyError('none')
        weights, dropped = convert(weights)
    except KeyError as error:
        raise CheckpointError(
            f'{src}: key {error} is not of SOLIDER; give a checkpoint of its '
            'pre-training, such as swin_tiny.pth'
        ) from error
    save_checkpoint(dict(state_dict=weights, meta=dict()), dst)
    print(f'{dst}: {len(weights)} tensors')
    if not any(key.startswith('semantic_embed') for key in weights):
        print('no semantic layers: leave semantic_weight out')
    for key in dropped:
        print(f'dropped {key}')


def main() -> None:
    """Run the command line."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('src', type=Path, help='checkpoint of SOLIDER')
    parser.add_argument('dst', type=Path, help='file to write')
    add_trust(parser)
    args = parser.parse_args()
    convert_file(args.src, args.dst, args.trust)


if __name__ == '__main__':
    run_command(main)
