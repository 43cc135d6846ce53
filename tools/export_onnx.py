"""Write a trained model as an ONNX file.

    python tools/export_onnx.py CONFIG CHECKPOINT model.onnx

Picture in (1 x 3 x height x width, uint8, BGR, of any size), boxes, scores
and unit embeddings out. OIM, NAE, SeqNet and AlignPS are exported, all in
standard operators. The file is used in place of a configuration and without
a checkpoint: mmdet_ps.apis.init_model('model.onnx').
"""

import mmdet_ps.registration  # noqa: F401  registers every part
from mmdet_ps.apis import init_model
from mmdet_ps.export.onnx_file import write_onnx
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    add_trust,
    run_command,
)


def main() -> None:
    """Command line."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('out', help='the ONNX file')
    add_trust(parser)
    args = parser.parse_args()
    model = init_model(args.config, args.checkpoint, trust=args.trust)
    write_onnx(model, args.out)
    print(f'written: {args.out}')


if __name__ == '__main__':
    run_command(main)
