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
from .domain_alignment import DomainAlignment
from .feature_queue import NO_SOURCE

# Features (N, C) and the sources (N,) they came from.
Rows = tuple[Tensor, Tensor]


@MODELS.register_module()
class IntraTaskAlignment(BaseModule):
    """One domain classifier per sub-task and level, never across sub-tasks.

    Image level: the mean of a feature map over each image. Instance level:
    the embeddings that the detector hands to its identity losses.

    Args:
        sources: The names of each sub-task's sources, e.g.
            ``dict(det=['crowdhuman', 'ecp'], reid=['market1501', 'msmt17'])``.
            A sub-task with fewer than two has nothing to align.
        image: The maps to align, by the name of the detector's part:
            ``dict(backbone=dict(in_channels=512, level=-1))``; ``level``
            picks one of several outputs. None switches the level off.
        instance: ``dict(in_channels=256)`` aligns the embeddings, None does
            not. Here as in ``image``, ``weight`` overrides the common one.
        weight: Final weight of the reversed gradients.
        ramp: Steepness of their ramp 2 / (1 + exp(-ramp * p)) - 1; 0 is none.
        queue_size: Features kept per source, sub-task and level; 0 is none.
        hidden_channels: Width of the classifiers.
        embedding_names: The identity losses of the detector (filled in by
            the detector).
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
        self.sources = {task: list(names) for task, names in sources.items()}
        self.image = dict(image or {})
        levels = [('image', *item) for item in self.image.items()]
        if instance is not None:
            levels += [
                ('instance', loss, instance) for loss in embedding_names
            ]
        self.levels = nn.ModuleDict()
        self.level_names = {}
        for task, names in self.sources.items():
            if len(names) < 2:
                continue
            for kind, name, options in levels:
                key = f'{task}_{kind}_{name.replace(".", "_")}'
                self.level_names[key] = (task, kind, name)
                self.levels[key] = DomainAlignment(
                    options['in_channels'],
                    len(names),
                    weight=options.get('weight', weight),
                    ramp=ramp,
                    queue_size=queue_size,
                    hidden_channels=hidden_channels,
                )

    def source_indices(self, task: str, data_samples: SampleList) -> list[int]:
        """Index of each sample's source within its sub-task."""
        names = self.sources.get(task, [])
        for data_sample in data_samples:
            if data_sample.get('source') not in names:
                raise UserError(
                    f'an image of the {task} branch is of the source '
                    f'{data_sample.get("source")!r}, but alignment was told '
                    f'of {names}: name it in alignment.sources'
                )
        return [names.index(sample.source) for sample in data_samples]

    def rows(
        self,
        task: str,
        captured: ForwardCapture,
        data_samples: SampleList,
    ) -> dict[str, Rows]:
        """What each level of a sub-task is to align after a forward pass.

        Args:
            task: ``det`` or ``reid``.
            captured: What the detector put out in the pass.
            data_samples: Its B samples.
        """
        found = {}
        sources = self.source_indices(task, data_samples)
        for key, (level_task, kind, name) in self.level_names.items():
            if level_task != task:
                continue
            if kind == 'image':
                rows = self._image_rows(name, captured, data_samples, sources)
            else:
                rows = self._instance_rows(name, captured, sources)
            if rows is not None:
                found[key] = rows
        return found

    def forward(self, task: str, passes: list[dict[str, Rows]]) -> dict:
        """Losses and accuracies of one sub-task.

        Every classifier of the sub-task takes part even if there is nothing
        to align (no image, no embedding), so that in distributed training
        all ranks use the same parameters and exchange the same queues.

        Args:
            task: ``det`` or ``reid``.
            passes: The :meth:`rows` of the sub-task's forward passes.
        """
        results = {}
        for key, level in self.levels.items():
            if self.level_names[key][0] != task:
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
        means = mean_over_images(features, features.new_tensor(shares))
        return means, torch.tensor(sources, device=means.device)

    @staticmethod
    def _instance_rows(
        name: str, captured: ForwardCapture, sources: Sequence[int]
    ) -> Rows | None:
        """One row per embedding of an identity loss; those that it ignores
        have NO_SOURCE."""
        rows = captured.rows(name)
        if rows is None:
            return None
        takes_part = rows.person_ids != IGNORED
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
