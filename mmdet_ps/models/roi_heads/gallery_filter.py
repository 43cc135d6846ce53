"""Says whether a person is in a picture, before it is searched there."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmengine import dist
from mmengine.model import BaseModule
from torch import Tensor

from mmdet_ps.models.layers import SmallBatchNorm1d
from mmdet_ps.models.losses.distributed import (
    all_gather_live_rows,
    all_gather_rows,
    shared_random_seed,
)
from mmdet_ps.models.losses.ids_on_host import places
from mmdet_ps.models.losses.scene_memory import NOBODY, SceneMemory
from mmdet_ps.structures.fields import IGNORED
from mmdet_ps.structures.scenes import GATE_TEMPERATURE
from mmdet_ps.utils.standing_in import stands_in

from .bbox_heads import EmbeddingLayer

# In the place of minus infinity, whose gradient is not a number.
FAR = -1e4


class ScenePersons(NamedTuple):
    """Pictures, and the persons in them."""

    scenes: Tensor  # (N, D) unit embeddings of the pictures
    persons: Tensor  # (Q, D) unit embeddings of the persons
    person_ids: Tensor  # (Q,) int64, on the host
    scene_of: Tensor  # (Q,) int64, the picture of each, on the host


@MODELS.register_module()
class GalleryFilter(BaseModule):
    """Gallery Filter Network: a score of a person and a picture.

    Jaffe and Zakhor, "Gallery Filter Network for Person Search" (WACV 2023),
    section 3. The feature map of a picture is pooled to a fixed size and
    embedded as a RoI is. With the unit embeddings x of a person and y of a
    picture, and a batch norm BN,

        z(x, y) = BN(y * sigmoid(x / 0.2)),

    a person x of picture y is in picture y' with the score

        s = sigmoid(cos(z(x, y), z(x, y'))).

    Training draws z(x, y) to z(x, y') for all pictures y' that show the
    person, y included, and away from those that do not:

        -log(exp(c / t) / (exp(c / t) + sum_n exp(c_n / t))),

    the mean over all pairs of person and picture that shows it, with the
    cosines c of the pair and c_n of the person with the pictures that do not
    show it. For a person without identity, who may be in any picture, these
    are pictures that have no known person in common with its own. Pictures
    come from the batch of all processes and from a memory.

    Args:
        top (dict): layers on the pooled map (C4) that give C5.
        embed_dims (int): length of the embeddings, that of persons.
        pool_size (tuple[int, int]): height and width of the pooled map.
        temperature (float): t of the loss.
        num_scenes (int): pictures that the memory holds.
        max_persons (int): persons that it holds of each.
        loss_weight (float): weight of the loss.
        init_cfg (dict, optional): initial weights.
    """

    def __init__(
        self,
        top: dict,
        embed_dims: int = 2048,
        pool_size: tuple[int, int] = (56, 56),
        temperature: float = 0.1,
        num_scenes: int = 2000,
        max_persons: int = 8,
        loss_weight: float = 1.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.top = MODELS.build(top)
        channels = [self.top.in_channels, self.top.out_channels]
        self.embedding = EmbeddingLayer(
            channels, embed_dims, bias=True, norm_std=0.01
        )
        # Every process sees the rows of all.
        self.norm = SmallBatchNorm1d(embed_dims, jointly=False)
        self.scene_memory = SceneMemory(num_scenes, max_persons, embed_dims)
        self.pool_size = tuple(pool_size)
        self.temperature = temperature
        self.loss_weight = loss_weight

    def forward(self, x: tuple[Tensor]) -> Tensor:
        """Unit embeddings (B, D) float32 of pictures.

        Args:
            x (tuple[Tensor]): one feature map, (B, C4, H, W) float.
        """
        pooled = F.adaptive_max_pool2d(x[0], self.pool_size)
        levels = [pooled, self.top(pooled)]
        rows = self.embedding([level.amax(dim=(2, 3)) for level in levels])
        return F.normalize(rows.float())

    def fuse(self, persons: Tensor, scenes: Tensor) -> Tensor:
        """z of every picture and person, (N, Q, D) float32.

        Args:
            persons (Tensor): unit embeddings, (Q, D) float32.
            scenes (Tensor): unit embeddings, (N, D) float32.
        """
        gated = scenes[:, None] * (persons / GATE_TEMPERATURE).sigmoid()
        return self.norm(gated.flatten(0, 1)).view_as(gated)

    def scene_rows(self, scenes: Tensor) -> Tensor:
        """What the search needs to know of pictures.

        In testing z(x, y) = v * sigmoid(x / 0.2) + b with a shift b that all
        pictures share: rows v and b.

        Args:
            scenes (Tensor): unit embeddings, (N, D) float32.

        Returns:
            Tensor: (N, 2, D) float32.
        """
        norm = self.norm
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        shift = norm.bias - norm.running_mean * scale
        return torch.stack([scenes * scale, shift.expand_as(scenes)], dim=1)

    def loss(
        self,
        x: tuple[Tensor],
        persons: Tensor,
        person_ids: Tensor,
        scene_of: Tensor,
        image_ids: Tensor,
    ) -> Tensor:
        """Loss of a batch.

        Args:
            x (tuple[Tensor]): one feature map, (B, C4, H, W) float.
            persons (Tensor): embeddings of the annotated boxes, (Q, D) float
                of any length.
            person_ids (Tensor): their persons, (Q,) int64.
            scene_of (Tensor): the picture of each, (Q,) int64.
            image_ids (Tensor): name of each picture, (B,) int64; negative
                for one without.
        """
        # They decide how many persons there are: looked at once.
        numbers = torch.cat([person_ids, scene_of, image_ids]).cpu()
        person_ids, scene_of, image_ids = numbers.split(
            [len(person_ids), len(scene_of), len(image_ids)]
        )
        used = places(person_ids > IGNORED)
        scenes = self(x)
        with torch.autocast(persons.device.type, enabled=False):
            batch = ScenePersons(
                scenes,
                F.normalize(persons[used].float()),
                person_ids[used],
                scene_of[used],
            )
            batch, image_ids = over_all_processes(batch, image_ids)
            compared = self.with_memory(batch, image_ids)
            if self.training:
                self.scene_memory.store(*batch, image_ids)
            return self.loss_weight * self.contrast(compared)

    def with_memory(
        self, batch: ScenePersons, image_ids: Tensor
    ) -> ScenePersons:
        """The batch, and pictures of the memory behind it."""
        memory = self.scene_memory
        generator = torch.Generator()
        generator.manual_seed(shared_random_seed(batch.scenes.device))
        drawn = memory.draw(
            batch.person_ids, batch.scene_of, image_ids, generator
        )
        scene, place = (drawn.person_ids != NOBODY).nonzero(as_tuple=True)
        held = ScenePersons(
            memory.scenes[drawn.places],
            memory.persons[drawn.places][scene, place],
            drawn.person_ids[scene, place],
            scene + len(batch.scenes),
        )
        return ScenePersons(*map(torch.cat, zip(batch, held)))

    def contrast(self, given: ScenePersons) -> Tensor:
        """Mean loss of the pairs of a person and a picture that shows it."""
        fused = F.normalize(self.fuse(given.persons, given.scenes), dim=2)
        given = given._replace(
            person_ids=given.person_ids.to(fused.device),
            scene_of=given.scene_of.to(fused.device),
        )
        numbers = torch.arange(len(given.scene_of), device=fused.device)
        anchors = fused[given.scene_of, numbers]
        logits = torch.einsum('qd,nqd->qn', anchors, fused) / self.temperature
        shows, others = pairs(given, len(given.scenes))
        rivals = logits.masked_fill(~others, FAR).logsumexp(1, keepdim=True)
        losses = torch.logaddexp(logits, rivals) - logits
        # Where nobody is compared with anybody, there is nothing to learn.
        counted = shows & others.any()
        return (losses * counted).sum() / counted.sum().clamp(min=1)


def pairs(given: ScenePersons, number: int) -> tuple[Tensor, Tensor]:
    """Which pictures show a person, and which ones do not.

    Args:
        given (ScenePersons): persons of the pictures.
        number (int): of pictures, N.

    Returns:
        tuple[Tensor, Tensor]: (Q, N) bool each. A picture may be neither.
    """
    ids, scene_of = given.person_ids, given.scene_of
    own = scene_of[:, None] == torch.arange(number, device=ids.device)
    known = ids >= 0
    same = ((ids[:, None] == ids) & known).float()
    member = own.float()
    shows = own | (same @ member > 0)
    in_common = (member.t() @ same @ member > 0)[scene_of]
    return shows, ~shows & (known[:, None] | ~in_common)


def over_all_processes(
    batch: ScenePersons, image_ids: Tensor
) -> tuple[ScenePersons, Tensor]:
    """The batches of all processes as one, the same in each of them."""
    if dist.get_world_size() == 1:
        return batch, image_ids
    device = batch.scenes.device
    number = 0 if stands_in() else len(batch.scenes)
    counts = dist.all_gather(torch.tensor([number], device=device))
    before = torch.cat(counts)[: dist.get_rank()].sum()
    joined = ScenePersons(
        all_gather_live_rows(batch.scenes),
        all_gather_live_rows(batch.persons),
        all_gather_rows(batch.person_ids.to(device)).cpu(),
        all_gather_rows(batch.scene_of.to(device) + before).cpu(),
    )
    return joined, all_gather_rows(image_ids.to(device)).cpu()
