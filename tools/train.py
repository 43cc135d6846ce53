"""Train a model: ``python tools/train.py CONFIG``."""

import argparse

from mmengine.config import Config

from mmdet_ps.utils.building import explained
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    add_trust,
    run_command,
    seed_number,
)
from mmdet_ps.utils.configuration import check_optimizers
from mmdet_ps.utils.data_check import check_data, check_start
from mmdet_ps.utils.launch import (
    add_run_arguments,
    load_config,
)
from mmdet_ps.utils.processes import (
    naming_lost_processes,
    process_rank,
    start_processes,
)
from mmdet_ps.utils.safe_load import trust_file
from mmdet_ps.utils.work_folder import (
    latest_checkpoint,
    lock_work_folder,
    require_whole,
)

PRECISIONS = {'fp16': 'float16', 'bf16': 'bfloat16'}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(description=__doc__)
    add_run_arguments(parser)
    parser.add_argument(
        '--amp',
        nargs='?',
        const='fp16',
        choices=list(PRECISIONS),
        help='train in mixed precision: fp16, also without a value, or bf16',
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate to the number of images per step',
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='continue from this checkpoint, or, without a value, from the '
        'newest one in the work folder',
    )
    parser.add_argument(
        '--load-from', help='start from the weights of this checkpoint'
    )
    parser.add_argument(
        '--check',
        action='store_true',
        help='try one batch, say what would run, and end; writes nothing',
    )
    parser.add_argument(
        '--seed', type=seed_number, help='seed of every random source'
    )
    add_trust(parser)
    return parser.parse_args()


def resume(cfg: Config, checkpoint: str) -> None:
    """Let a run continue from a checkpoint.

    Args:
        cfg: The configuration of the run.
        checkpoint: The file, or 'auto': the newest of the work folder; where
            there is none yet, the run starts anew.
    """
    if checkpoint == 'auto':
        found = latest_checkpoint(cfg.work_dir)
    else:
        found = require_whole(checkpoint)
    if found:
        cfg.resume, cfg.load_from = True, str(found)


def main() -> None:
    """Train as the configuration says."""
    args = parse_args()
    cfg = load_config(args)
    if args.amp:
        cfg.optim_wrapper.type = 'MixedPrecisionOptimWrapper'
        cfg.optim_wrapper.dtype = PRECISIONS[args.amp]
    if args.auto_scale_lr:
        cfg.auto_scale_lr = dict(cfg.auto_scale_lr, enable=True)
    if args.load_from:
        cfg.load_from = args.load_from
    if args.seed is not None:
        cfg.randomness = dict(cfg.get('randomness') or {}, seed=args.seed)
    check_data(cfg, ('train', 'val'))
    if process_rank(args.launcher) == 0 and not args.check:
        lock_work_folder(cfg.work_dir)
    if args.resume:
        resume(cfg, args.resume)
    check_start(cfg)
    if args.trust and cfg.load_from:
        trust_file(cfg.load_from)
    # Here and not above, so that mistakes in options, paths and data are
    # told before MMDetection has taken its ten seconds to import.
    import mmdet_ps.registration  # noqa: F401
    from mmdet_ps.engine.rehearsal import rehearse
    from mmdet_ps.engine.search_runner import SearchRunner

    check_optimizers(cfg)
    with explained(args.config), naming_lost_processes():
        if args.check:
            rehearse(cfg)
            return
        start_processes(cfg)
        SearchRunner.from_cfg(cfg).train()


if __name__ == '__main__':
    run_command(main)
