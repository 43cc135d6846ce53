"""Test a model: ``python tools/test.py CONFIG CHECKPOINT``."""

import argparse
from dataclasses import fields
from pathlib import Path

from mmdet_ps.evaluation.settings import SearchSettings
from mmdet_ps.utils.building import explained
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    add_trust,
    run_command,
    whole_number,
)
from mmdet_ps.utils.data_check import check_data
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import write_json
from mmdet_ps.utils.hub import is_published, weights_file
from mmdet_ps.utils.launch import (
    add_run_arguments,
    load_config,
    require_complete_weights,
)
from mmdet_ps.utils.processes import (
    naming_lost_processes,
    start_processes,
)
from mmdet_ps.utils.safe_load import trust_file
from mmdet_ps.utils.work_folder import latest_checkpoint


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(description=__doc__)
    add_run_arguments(parser)
    parser.add_argument(
        'checkpoint',
        help='checkpoint file, the folder or address of a published model, '
        'or a work folder: its newest one',
    )
    parser.add_argument(
        '--out',
        help='write detections and embeddings to this file (.pkl), to be '
        'scored again by tools/test_results*.py',
    )
    parser.add_argument('--json', help='write the figures to this file')
    parser.add_argument(
        '--batch-size',
        type=whole_number(1),
        help='pictures computed together (default: as the configuration '
        'says); those of different sizes are padded, which changes figures '
        'a little',
    )
    parser.add_argument(
        '--half',
        action='store_true',
        help='compute in half precision, bfloat16 on a CPU: faster, and '
        'figures change in their third digit',
    )
    add_trust(parser)
    return parser.parse_args()


def find_checkpoint(path: str, config: str) -> str:
    """The weights of that name, or the newest ones of a work folder."""
    found = path
    if Path(path).is_dir() and not is_published(path):
        found = latest_checkpoint(path)
    if not found or not ('://' in path or weights_file(found).is_file()):
        raise UserError(
            f'{path}: no such checkpoint; train one with `python '
            f'tools/train.py {config}` or convert a published one with '
            'tools/model_converters'
        )
    return str(found)


def scoring_of(evaluators: list[dict]) -> dict:
    """How the configuration scores, so that the file is scored like that."""
    known = {field.name for field in fields(SearchSettings)}
    for evaluator in evaluators:
        if evaluator['type'] == 'PersonSearchMetric':
            settings = {k: v for k, v in evaluator.items() if k in known}
            return dict(preset=evaluator.get('preset'), settings=settings)
    return {}


def main() -> None:
    """Test as the configuration says."""
    args = parse_args()
    cfg = load_config(args)
    if args.out:
        evaluators = cfg.test_evaluator
        if not isinstance(evaluators, list):
            evaluators = [evaluators]
        cfg.test_evaluator = [
            *evaluators,
            dict(
                type='DumpSearchResults',
                out_file=args.out,
                header=dict(config=args.config, **scoring_of(evaluators)),
            ),
        ]
    check_data(cfg, ('test',))
    if args.batch_size:
        cfg.test_dataloader.batch_size = args.batch_size
    if args.half:
        cfg.test_cfg.fp16 = True
    cfg.load_from = find_checkpoint(args.checkpoint, args.config)
    require_complete_weights(cfg)
    if args.trust:
        trust_file(cfg.load_from)
    # Here and not above, so that mistakes in options, paths and data are
    # told before MMDetection has taken its ten seconds to import.
    import torch
    from mmengine.device import get_device
    from mmengine.runner import Runner

    import mmdet_ps.registration  # noqa: F401
    from mmdet_ps.utils.devices import half_precision
    from mmdet_ps.utils.prediction import prepare_for_prediction

    if args.half:
        half_precision(torch.device(get_device()))
    start_processes(cfg)
    with explained(args.config), naming_lost_processes():
        runner = Runner.from_cfg(cfg)
        prepare_for_prediction(runner.model)
        with torch.inference_mode():
            metrics = runner.test()
    if args.json and runner.rank == 0:
        write_json(args.json, metrics, indent=1)


if __name__ == '__main__':
    run_command(main)
