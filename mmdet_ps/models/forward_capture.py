"""What the parts of a detector put out during one forward pass.

Terms that are added to a detector's own losses (alignment of sources, for
one) need its feature maps and the embeddings it trains on. No detector has
to hand them out: its parts are listened to, whatever they are called.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from mmdet_ps.utils.errors import UserError

from .losses.identity_loss import IdentityLoss, PersonRows


@dataclass
class ForwardCapture:
    """Outputs of one forward pass, with their graph.

    Attributes:
        maps: output of each part of the detector that was asked for, by its
            name: a map (B, C, H, W) or a sequence of them.
        calls: the rows of each call of each identity loss, by its name.
    """

    maps: dict[str, Tensor | Sequence[Tensor]] = field(default_factory=dict)
    calls: dict[str, list[PersonRows]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def rows(self, name: str) -> PersonRows | None:
        """All rows that an identity loss received, None if it was not called.

        Each row says which image of the batch and which of that image's
        annotated boxes it stands for.

        Args:
            name (str): one of :func:`identity_loss_names`.

        Raises:
            ValueError: the detector does not say the image of its rows.
        """
        if not self.calls.get(name):
            return None
        rows = PersonRows.join(self.calls[name])
        if rows.image_indices is None:
            raise UserError(
                f'the identity loss {name} is not told which image each '
                'embedding comes from: call it with image_indices'
            )
        return rows


def identity_loss_names(detector: nn.Module) -> list[str]:
    """Names of the modules of a detector that are identity losses."""
    return [
        name
        for name, module in detector.named_modules()
        if isinstance(module, IdentityLoss)
    ]


def check_parts(detector: nn.Module, names: Sequence[str]) -> None:
    """Refuse names of parts that a detector does not have.

    Raises:
        ValueError: naming the parts that it has.
    """
    modules = dict(detector.named_modules())
    for name in names:
        if name not in modules:
            raise UserError(
                f'{name!r} is to be listened to, but the detector has no such '
                f'part; it has {sorted(dict(detector.named_children()))}'
            )


@contextmanager
def capture_forward(
    detector: nn.Module, map_names: Sequence[str] = ()
) -> Iterator[ForwardCapture]:
    """Listen to a detector for the time of a ``with`` block.

    The hooks go away with the block, so that a copy of the detector made at
    any other time is whole and listened to by nobody.

    Args:
        detector (nn.Module): any detector whose identity losses derive from
            ``IdentityLoss``.
        map_names (Sequence[str]): its parts (``backbone``, ``neck``) whose
            output to note.

    Yields:
        ForwardCapture: filled as the forward pass goes on.
    """
    captured = ForwardCapture()

    def note_map(name: str, output: Any) -> None:
        captured.maps[name] = output

    def note_rows(name: str, args: tuple, kwargs: dict) -> None:
        named = dict(zip(PersonRows._fields, args))
        captured.calls[name].append(PersonRows(**named, **kwargs))

    with ExitStack() as hooks:
        for name in map_names:
            hook = detector.get_submodule(name).register_forward_hook(
                lambda module, args, output, name=name: note_map(name, output)
            )
            hooks.callback(hook.remove)
        for name in identity_loss_names(detector):
            hook = detector.get_submodule(name).register_forward_pre_hook(
                lambda module, args, kwargs, name=name: note_rows(
                    name, args, kwargs
                ),
                with_kwargs=True,
            )
            hooks.callback(hook.remove)
        yield captured


def sampled_rois(
    detector: nn.Module,
) -> tuple[Tensor, Tensor] | dict[str, tuple[Tensor, Tensor]] | None:
    """Where a detector looked in its last training step, for pictures.

    Returns:
        RoIs (N, 5), image in the batch and xyxy in pixels of the input, and
        their person ids (N,), negative for background and strangers. By
        branch, where the detector has branches; None where it has not kept
        any.
    """
    heads = (
        getattr(detector, name, None) for name in ('roi_head', 'bbox_head')
    )
    for part in (detector, *heads):
        found = getattr(part, 'sampled_rois', None)
        if found is not None:
            return found
    return None
