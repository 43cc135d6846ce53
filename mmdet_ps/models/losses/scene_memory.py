"""The latest training pictures as a whole, with the persons in them."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mmdet_ps.structures.fields import IGNORED

NOBODY = IGNORED - 1  # a place of a picture that holds no person


class Drawn(NamedTuple):
    """Pictures of a memory, on the host."""

    places: Tensor  # (n,) int64
    person_ids: Tensor  # (n, max_persons) int64, NOBODY where is none


class SceneMemory(nn.Module):
    """Embeddings of pictures and of their persons, to compare a batch with.

    Buffers, so that a resumed training goes on alike. A picture that is held
    already is replaced, in a new place if its own is among the oldest ones,
    which make room for new ones.

    Args:
        num_scenes (int): pictures held.
        max_persons (int): persons held of each picture, those with an
            identity first.
        embed_dims (int): length of an embedding.
    """

    def __init__(
        self, num_scenes: int, max_persons: int, embed_dims: int
    ) -> None:
        super().__init__()
        places = (num_scenes, max_persons)
        self.register_buffer('scenes', torch.zeros(num_scenes, embed_dims))
        self.register_buffer('persons', torch.zeros(*places, embed_dims))
        self.register_buffer('person_ids', torch.full(places, NOBODY))
        self.register_buffer('image_ids', torch.full((num_scenes,), -1))
        self.register_buffer('tail', torch.zeros((), dtype=torch.long))

    def draw(
        self,
        person_ids: Tensor,
        scene_of: Tensor,
        image_ids: Tensor,
        generator: torch.Generator,
    ) -> Drawn:
        """Pictures to compare a batch with.

        As many persons of the batch as it has pictures are chosen. For each,
        one held picture that shows it, and one that does not but shows
        another person of its picture.

        Args:
            person_ids (Tensor): persons of the batch, (Q,) int64, on the
                host as are the others.
            scene_of (Tensor): the picture of each, (Q,) int64.
            image_ids (Tensor): names of the pictures, (N,) int64; these
                themselves are not drawn.
            generator (torch.Generator): of the CPU.

        Returns:
            Drawn: their places in the memory, and the persons there.
        """
        # A GPU is waited for once.
        table = torch.cat([self.person_ids, self.image_ids[:, None]], 1).cpu()
        held, names = table[:, :-1], table[:, -1]
        ids = person_ids
        usable = (held != NOBODY).any(1)
        usable &= ~torch.isin(names, image_ids) | (names < 0)
        known = ids[ids >= 0].unique()
        order = torch.randperm(len(known), generator=generator)
        drawn: list[int] = []
        for person in known[order[: len(image_ids)]]:
            own = ids[scene_of == scene_of[ids == person][0]]
            shows = (held == person).any(1)
            company = torch.isin(held, own[own >= 0]).any(1) & ~shows
            for wanted in (shows, company):
                places = (wanted & usable).nonzero().squeeze(1)
                if len(places):
                    number = torch.randint(
                        len(places), (), generator=generator
                    )
                    drawn.append(int(places[number]))
                    usable[drawn[-1]] = False
        places = torch.tensor(drawn, dtype=torch.long)
        return Drawn(places, held[places])

    @torch.no_grad()
    def store(
        self,
        scenes: Tensor,
        persons: Tensor,
        person_ids: Tensor,
        scene_of: Tensor,
        image_ids: Tensor,
    ) -> None:
        """Take in the pictures of a batch.

        Args:
            scenes (Tensor): embeddings of the pictures, (N, D) float.
            persons (Tensor): embeddings of their persons, (Q, D) float.
            person_ids, scene_of, image_ids (Tensor): as of ``draw``.
                They decide how many persons are taken in.
        """
        size, places = self.person_ids.shape
        device = self.image_ids.device
        names = image_ids.to(device)
        same = (names[:, None] == self.image_ids) & (names[:, None] >= 0)
        old = same.long().argmax(1)
        held = same.any(1)
        moved = self._in_the_way(held, old)
        gone = (same & moved[:, None]).any(0)
        self.image_ids.masked_fill_(gone, -1)
        self.person_ids.masked_fill_(gone[:, None], NOBODY)
        held &= ~moved
        new = self.tail + (~held).cumsum(0) - 1
        slots = torch.where(held, old, new % size)
        self.tail.copy_((self.tail + (~held).sum()) % size)
        self.scenes[slots] = scenes.float()
        self.image_ids[slots] = names
        self.person_ids[slots] = NOBODY
        # Persons picture by picture, those with an identity first.
        order = (2 * scene_of + (person_ids < 0)).argsort(stable=True)
        ordered = scene_of[order]
        numbers = torch.arange(len(image_ids), device=ordered.device)
        counts = (ordered == numbers[:, None]).sum(1)
        starts = counts.cumsum(0) - counts
        place = torch.arange(len(order), device=order.device)
        place = place - starts[ordered]
        fits = place < places
        ordered, place, order = (
            part[fits].to(device) for part in (ordered, place, order)
        )
        slot = slots[ordered]
        self.person_ids[slot, place] = person_ids.to(device)[order]
        self.persons[slot, place] = persons[order].float()

    def _in_the_way(self, held: Tensor, places: Tensor) -> Tensor:
        """Which held pictures (N,) of a batch are where new ones will be.

        Each takes a place behind the new ones, so that the next one may be in
        the way as well.
        """
        size = len(self.image_ids)
        ahead = torch.where(held, (places - self.tail) % size, size)
        ahead, order = ahead.sort()
        before = torch.arange(len(held), device=held.device)
        found = (ahead < (~held).sum() + before).long().cumprod(0).bool()
        return torch.zeros_like(held).scatter(0, order, found & held[order])
