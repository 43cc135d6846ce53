"""Alignment of the sources within each sub-task of hybrid pre-training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdet_ps.models.layers import mean_over_images
from mmdet_ps.structures.fields import IGNORED
from mmdet_ps.utils.errors import UserError

from ..forward_capture import ForwardCapture
from ..losses.identity_loss import NO_BOX
from .domain_alignment import DomainAlignment
from .feature_queue import NO_SOURCE

# Features (N, C) and the sources (N,) they came from.
Rows = tuple[Tensor, Tensor]


@MODELS.register_module()
class IntraTaskAlignment(BaseModule):
    """Make the sources of each sub-task look alike to the detector.

    The two sub-tasks, detection on scenes and re-identification on crops, are
    the branches ``det`` and ``reid`` of a batch. Each has a
    :class:`DomainAlignment` of its own per level; scenes are never aligned
    with crops. The levels are: image, the mean of a feature map over each
    image; and instance, the embeddings that the detector hands to its identity
    losses.

    Args:
        sources (dict): names of each branch's sources, e.g.
            ``dict(det=['crowdhuman', 'eurocity'], reid=['market1501',
            'msmt17'])``. A branch with fewer than two has nothing to align.
        image (dict, optional): maps to align, by the name of the detector's
            part: ``dict(backbone=dict(in_channels=512, level=-1))``; ``level``
            picks one of several outputs. None switches the level off.
        instance (dict, optional): ``dict(in_channels=256)`` aligns the
            embeddings, None does not. Here as in ``image``, ``weight``
            overrides the common one.
        weight (float): final weight of the reversed gradients.
        ramp (float): steepness of their ramp, see :func:`reversal_ramp`; 0 is
            none.
        queue_size (int): features kept per source, branch and level; 0 is
            none.
        hidden_channels (int): width of the classifiers.
        embedding_names (Sequence[str]): identity losses of the detector,
            filled in by the detector.

    Raises:
        UserError: an image of a source that ``sources`` does not name.
    """

    def __init__(
        self,
        sources: dict[str, Sequence[str]],
        image: dict[str, dict] | None = None,
        instance: dict | None = None,
        weight: float = 0.1,
        ramp: float = 10.0,
        queue_size: int = 0,
        hidden_channels: int = 256,
        embedding_names: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.sources = {
            branch: list(names) for branch, names in sources.items()
        }
        self.image = dict(image or {})
        levels = [('image', *item) for item in self.image.items()]
        if instance is not None:
            levels += [
                ('instance', loss, instance) for loss in embedding_names
            ]
        self.levels = nn.ModuleDict()
        self.level_names = {}
        for branch, names in self.sources.items():
            if len(names) < 2:
                continue
            for kind, name, options in levels:
                key = f'{branch}_{kind}_{name.replace(".", "_")}'
                self.level_names[key] = (branch, kind, name)
                self.levels[key] = DomainAlignment(
                    options['in_channels'],
                    len(names),
                    weight=options.get('weight', weight),
                    ramp=ramp,
                    queue_size=queue_size,
                    hidden_channels=hidden_channels,
                )

    def source_indices(
        self, branch: str, data_samples: SampleList
    ) -> list[int]:
        """Index of each of B samples' source within its branch."""
        names = self.sources.get(branch, [])
        for data_sample in data_samples:
            if data_sample.get('source') not in names:
                raise UserError(
                    f'an image of the {branch} branch is of the source '
                    f'{data_sample.get("source")!r}, but alignment was told '
                    f'of {names}: name it in alignment.sources'
                )
        return [names.index(sample.source) for sample in data_samples]

    def rows(
        self,
        branch: str,
        captured: ForwardCapture,
        data_samples: SampleList,
    ) -> dict[str, Rows]:
        """What each level of a branch is to align after a forward pass.

        Args:
            branch (str): ``det`` or ``reid``.
            captured (ForwardCapture): what the detector put out in the pass.
            data_samples (list): the B samples of the pass.

        Returns:
            dict: by the name of the level, features (N, C) float and the
            indices (N,) int64 of their sources.
        """
        found = {}
        sources = self.source_indices(branch, data_samples)
        for key, (level_branch, kind, name) in self.level_names.items():
            if level_branch != branch:
                continue
            if kind == 'image':
                rows = self._image_rows(name, captured, data_samples, sources)
            else:
                rows = self._instance_rows(name, captured, sources)
            if rows is not None:
                found[key] = rows
        return found

    def forward(self, branch: str, passes: list[dict[str, Rows]]) -> dict:
        """Losses and accuracies of one branch.

        Every classifier of the branch takes part even if there is nothing to
        align (no image, no embedding), so that in distributed training all
        ranks use the same parameters and exchange the same queues.

        Args:
            branch (str): ``det`` or ``reid``.
            passes (list[dict]): the :meth:`rows` of the branch's forward
                passes.

        Returns:
            dict: scalars ``<level>_domain_loss`` and, where there are rows,
            ``<level>_domain_acc``.
        """
        results = {}
        for key, level in self.levels.items():
            if self.level_names[key][0] != branch:
                continue
            rows = [found[key] for found in passes if key in found]
            features, sources = zip(level.no_rows(), *rows)
            loss, accuracy = level(
                torch.cat([part.float() for part in features]),
                torch.cat(sources),
            )
            results[f'{key}_domain_loss'] = loss
            if accuracy is not None:
                results[f'{without_losses(key)}_domain_acc'] = accuracy
        return results

    def _image_rows(
        self,
        name: str,
        captured: ForwardCapture,
        data_samples: SampleList,
        sources: Sequence[int],
    ) -> Rows:
        """One row per image: its mean over a map, padding left out."""
        output = captured.maps[name]
        level = self.image[name].get('level', -1)
        features = output if isinstance(output, Tensor) else output[level]
        shares = [
            (
                sample.img_shape[0] / sample.batch_input_shape[0],
                sample.img_shape[1] / sample.batch_input_shape[1],
            )
            for sample in data_samples
        ]
        means = mean_over_images(
            features, torch.tensor(shares, device=features.device)
        )
        return means, torch.tensor(sources, device=means.device)

    @staticmethod
    def _instance_rows(
        name: str, captured: ForwardCapture, sources: Sequence[int]
    ) -> Rows | None:
        """One row per embedding; background has NO_SOURCE."""
        rows = captured.rows(name)
        if rows is None:
            return None
        # A person that the identity loss ignores has a source all the same.
        takes_part = (
            rows.person_ids != IGNORED
            if rows.box_indices is None
            else rows.box_indices != NO_BOX
        )
        sources = torch.tensor(sources, device=takes_part.device)
        sources = sources[rows.image_indices].where(takes_part, NO_SOURCE)
        return rows.embeddings, sources


def without_losses(key: str) -> str:
    """A key without the words that make mmengine take it for a loss.

    It adds up all logged values that have ``loss`` in their key, and a level
    may be named after the identity loss that it listens to.
    """
    words = [word for word in key.split('_') if not word.startswith('loss')]
    return '_'.join(words)
