"""Reports every load of weights, and refuses one that loads nothing."""

from collections.abc import Sequence

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from mmdet_ps.models.alignment import DomainAlignment
from mmdet_ps.models.detectors import NearStartTerm
from mmdet_ps.models.losses import IdentityLoss, SceneMemory
from mmdet_ps.utils.checkpoint import (
    BACKBONE_PREFIX,
    CheckpointError,
    LoadReport,
    compare,
    plain_state_dict,
    training_only,
    under_prefix,
)
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.pretrained_weights import (
    ROI_STAGES,
    WRAPPER_PREFIX,
    module_keys,
    spread_backbone,
)

from .identity_state_hook import names_of


@HOOKS.register_module()
class CheckedLoadHook(Hook):
    """Says as a table what ``load_from`` and ``resume`` put into the model.

    ``load_from`` takes a whole detector as well as a backbone alone (keys
    without a prefix) and a pre-training checkpoint that was not formatted
    (keys below ``detector.``). A file that fits no part of the backbone is
    an error.

    After ``load_from`` the identity memories, the classifiers and queues of
    the sources, and the start that a ``NearStartTerm`` keeps to, are those of
    a fresh model, whatever the file holds: they are of other persons, other
    sources and another start, even where their sizes agree. ``resume`` takes
    them over.

    Args:
        limit: Rows of the table per kind of problem.
        complete: Refuse a file that lacks anything but what a training
            alone uses; so do tests.
        keep_memories: Take them over from ``load_from`` as well, for a file
            that was trained on the same persons, such as a converted one.
        leave_out: Name, or names, of modules that a training starts afresh
            although ``load_from`` has weights for them, such as ``rpn_head``.

    Attributes:
        report: What the latest load gave.
    """

    priority = 'VERY_LOW'

    def __init__(
        self,
        limit: int = 40,
        keep_memories: bool = False,
        complete: bool = False,
        leave_out: str | Sequence[str] = (),
    ) -> None:
        self.limit = limit
        self.keep_memories = keep_memories
        self.complete = complete
        one = isinstance(leave_out, str)
        self.leave_out = [leave_out] if one else list(leave_out)
        self.report: LoadReport | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Bring the keys into the model's layout and report.

        Args:
            runner: Its model is about to receive the checkpoint.
            checkpoint: As read from the file; ``state_dict`` is rewritten.
        """
        model = runner.model
        inner = model.module if is_model_wrapper(model) else model
        wanted = inner.state_dict()
        layouts = candidate_layouts(
            plain_state_dict(checkpoint), wanted, checkpoint.get(ROI_STAGES)
        )
        given = max(layouts, key=lambda s: len(compare(wanted, s).loaded))
        fresh = [] if runner._resume else self._fresh(inner)
        if fresh:
            left_out = module_keys(given, fresh)
            given = {k: v for k, v in given.items() if k not in left_out}
            kept = module_keys(wanted, fresh)
            wanted = {k: v for k, v in wanted.items() if k not in kept}
            if left_out:
                runner.logger.info(
                    f'{len(left_out)} entries of {", ".join(fresh)} are left '
                    'out: what holds the persons, the sources or the start '
                    'of another training starts afresh, and so does what '
                    'leave_out names'
                )
        self.report = report = compare(wanted, given)
        runner.logger.info(
            f'weights for {type(model).__name__}: {report.table(self.limit)}'
        )
        source = runner._load_from or 'the checkpoint'
        report.require(BACKBONE_PREFIX, str(source))
        report.require(WRAPPER_PREFIX + BACKBONE_PREFIX, str(source))
        report.require('', str(source))
        if runner._resume:
            self._require_resumable(report, checkpoint, str(source))
        elif self.complete:
            wrong = report.differences(training_only(inner))
            if wrong:
                raise CheckpointError(
                    f'{source}: does not hold a whole model of this '
                    f'configuration; weights: {wrong}. A test needs a '
                    'checkpoint that was trained with it; weights to start '
                    'from are trained by tools/train.py --load-from'
                )
        checkpoint['state_dict'] = given

    def _fresh(self, model: nn.Module) -> list[str]:
        """Names of the modules that ``load_from`` leaves as they are."""
        fresh = []
        if not self.keep_memories:
            fresh += names_of(
                model,
                IdentityLoss,
                SceneMemory,
                DomainAlignment,
                NearStartTerm,
            )
        # A test needs everything that the training made of these modules.
        if not self.complete:
            modules = dict(model.named_modules())
            for name in self.leave_out:
                if name not in modules:
                    raise UserError(
                        f'leave_out of CheckedLoadHook: the model has no '
                        f'module {name!r}; it consists of '
                        f'{", ".join(n for n, _ in model.named_children())}'
                    )
            fresh += self.leave_out
        return fresh

    @staticmethod
    def _require_resumable(
        report: LoadReport, checkpoint: dict, source: str
    ) -> None:
        """Refuse what is no state of this training."""
        lacking = [
            key
            for key in ('meta', 'message_hub')
            if not isinstance(checkpoint.get(key), dict)
        ]
        if lacking:
            raise CheckpointError(
                f'{source}: holds weights, but no state of a training (no '
                f'{lacking[0]}); start from it by --load-from instead'
            )
        for key in ('epoch', 'iter'):
            number = checkpoint['meta'].get(key)
            if not isinstance(number, int) or number < 0:
                raise CheckpointError(
                    f'{source}: its {key} is {number!r}, not a number of '
                    'steps done; start from it by --load-from instead'
                )
        if wrong := report.differences():
            raise CheckpointError(
                f'{source}: is of another configuration: {wrong}; resume '
                'with the one it was trained with, or start from it by '
                '--load-from'
            )


def candidate_layouts(
    state_dict: dict, wanted: dict, on_rois: dict | None = None
) -> list[dict]:
    """The state dict, and what it would be in the layout of ``wanted``; see
    ``spread_backbone``."""
    return [
        state_dict,
        under_prefix(state_dict, WRAPPER_PREFIX),
        spread_backbone(state_dict, wanted, '', on_rois),
        {WRAPPER_PREFIX + key: value for key, value in state_dict.items()},
        spread_backbone(state_dict, wanted, WRAPPER_PREFIX, on_rois),
    ]
