"""Several crops tiled into one canvas, so that it looks like a scene."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from mmcv.transforms import Compose
from mmdet.registry import DATASETS
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.dataset import force_full_init

from mmdet_ps.utils.errors import UserError

from .permutation import shuffled
from .samplers.identity_sampler import draw, identity_groups

MAX_DRAWS = 1000  # canvases in a row that a pipeline may give up


@DATASETS.register_module()
class CropMosaicDataset:
    """Canvases of crops with one box per tile.

    What an index shows depends on the index and the seed alone. Going through
    ``len(dataset)`` indices shows every crop (with ``num_instances``: every
    identity) ``num_rounds`` times, each time in other company.

    Args:
        dataset: A ``ReIDCropDataset`` (or its config) whose pipeline gives
            ``img``, e.g. ``[dict(type='LoadImageFromFile')]``, plus what is
            to happen to single crops.
        pipeline: Transforms of the canvas, from ``RandomFlip`` to packing.
        grid: Rows and columns of tiles.
        tile_size: Height and width of a tile in pixels.
        scale_range: A crop is fitted into its tile and then shrunk by a
            random factor from this range; where it lies in the tile is
            random as well.
        num_instances: Crops of one identity per canvas.
        num_rounds: How often each crop (or identity) is shown in an epoch.
        fill: Colour of what no crop covers, from 0 to 255 and in the image's
            channel order.
        seed: Seed of the arrangement.
        lazy_init: Load the crops at the first use only.

    Raises:
        UserError: The tiles are no multiple of ``num_instances``, or there
            are fewer crops (or identities) than a canvas takes.
    """

    def __init__(
        self,
        dataset: dict | object,
        pipeline: Sequence[dict | Callable] = (),
        grid: tuple[int, int] = (2, 4),
        tile_size: tuple[int, int] = (256, 128),
        scale_range: tuple[float, float] = (1.0, 1.0),
        num_instances: int = 1,
        num_rounds: int = 20,
        fill: tuple[int, int, int] = (104, 116, 124),
        seed: int = 0,
        lazy_init: bool = False,
    ) -> None:
        if isinstance(dataset, dict):
            dataset = DATASETS.build(dataset)
        self.dataset = dataset
        self.pipeline = Compose(list(pipeline))
        self.grid, self.tile_size = grid, tile_size
        self.scale_range, self.fill, self.seed = scale_range, fill, seed
        self.num_instances, self.num_rounds = num_instances, num_rounds
        self.num_units, rest = divmod(grid[0] * grid[1], num_instances)
        if rest:
            raise UserError(
                f'a grid of {grid[0]} x {grid[1]} tiles cannot hold groups of '
                f'num_instances={num_instances}: make it divide the tiles'
            )
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        """Load the crops' index and, for groups, the identities."""
        if self._fully_initialized:
            return
        self.dataset.full_init()
        self._groups = None
        self._pool = len(self.dataset)
        if self.num_instances > 1:
            self._groups = identity_groups(self.dataset.get_person_ids())
            self._pool = len(self._groups)
        if self._pool < self.num_units:
            raise UserError(
                f'{self._pool} crops or identities do not fill a mosaic of '
                f'{self.num_units}: choose a smaller grid'
            )
        self._fully_initialized = True

    @property
    def metainfo(self) -> dict:
        """The metainfo of the dataset of crops."""
        return self.dataset.metainfo

    @force_full_init
    def __len__(self) -> int:
        return self.num_rounds * (self._pool // self.num_units)

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        """Describe a canvas.

        Returns:
            dict: ``sample_idx``, ``img_id``, ``width`` and ``height`` in
            pixels, ``source``, and ``crops``, the indices of its crops.
        """
        height, width = self._canvas_size()
        return dict(
            sample_idx=idx,
            img_id=idx,
            width=width,
            height=height,
            source=self.metainfo.get('source', ''),
            crops=self.crops_of(idx),
        )

    def _canvas_size(self) -> tuple[int, int]:
        return (
            self.grid[0] * self.tile_size[0],
            self.grid[1] * self.tile_size[1],
        )

    @force_full_init
    def crops_of(self, idx: int) -> list[int]:
        """Indices of the crops of a canvas, tile by tile."""
        per_round = self._pool // self.num_units
        turn, place = divmod(idx % len(self), per_round)
        # Every member of the pool once per round, in an order that needs no
        # memory: a pool may hold millions.
        key = self.seed * self.num_rounds + turn
        units = [
            shuffled(place * self.num_units + k, self._pool, key)
            for k in range(self.num_units)
        ]
        if self._groups is None:
            return units
        rng = np.random.default_rng([self.seed, turn, place])
        crops = [
            draw(self._groups[unit], self.num_instances, rng) for unit in units
        ]
        return [crop for group in crops for crop in group]

    def __getitem__(self, idx: int) -> dict:
        """One canvas; the next one where the pipeline gives it up.

        Raises:
            UserError: The pipeline gives up one after another.
        """
        for step in range(MAX_DRAWS):
            results = self._make((idx + step) % len(self))
            if results is not None:
                return results
        raise UserError(
            f'the pipeline of the mosaics left nothing of {MAX_DRAWS} in a '
            'row: take out what drops all persons of a picture'
        )

    def _make(self, idx: int) -> dict | None:
        info = self.get_data_info(idx)
        crops = [self.dataset[k] for k in info['crops']]
        rng = np.random.default_rng([self.seed, idx, len(self)])
        canvas, boxes = self._tile([crop['img'] for crop in crops], rng)
        return self.pipeline(
            dict(
                info,
                img=canvas,
                img_path=crops[0]['img_path'],
                img_shape=canvas.shape[:2],
                ori_shape=canvas.shape[:2],
                scale_factor=(1.0, 1.0),
                gt_bboxes=HorizontalBoxes(boxes),
                gt_bboxes_labels=np.zeros(len(crops), np.int64),
                gt_instances_ids=np.array(
                    [c['instances'][0]['instance_id'] for c in crops], np.int64
                ),
                gt_ignore_flags=np.zeros(len(crops), bool),
            )
        )

    def _tile(
        self, images: list[np.ndarray], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Canvas (H, W, 3) and boxes (N, 4) of the crops in it."""
        tile_height, tile_width = self.tile_size
        canvas = np.full((*self._canvas_size(), 3), self.fill, np.uint8)
        boxes = np.zeros((len(images), 4), np.float32)
        for k, image in enumerate(images):
            row, column = divmod(k, self.grid[1])
            fit = min(
                tile_height / image.shape[0], tile_width / image.shape[1]
            )
            scale = fit * rng.uniform(*self.scale_range)
            height = max(1, min(tile_height, round(image.shape[0] * scale)))
            width = max(1, min(tile_width, round(image.shape[1] * scale)))
            top = row * tile_height + rng.integers(tile_height - height + 1)
            left = column * tile_width + rng.integers(tile_width - width + 1)
            canvas[top : top + height, left : left + width] = cv2.resize(
                image, (width, height)
            )
            boxes[k] = left, top, left + width, top + height
        return canvas, boxes
