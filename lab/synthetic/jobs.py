"""Renders many pictures on several processes, in an order that is fixed."""

import multiprocessing
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from .crop import CropSpec, render_crop
from .scene import SceneSpec, Sighting, render_scene

JPEG_QUALITY = 92
CHUNK = 8


@dataclass(frozen=True)
class Job:
    """One picture and the file it goes to."""

    spec: SceneSpec | CropSpec
    path: Path


def write_image(path: Path, image: np.ndarray) -> None:
    """Write a BGR uint8 image (H, W, 3) in the form that the suffix names.

    Folders that are missing are made.

    Raises:
        OSError: OpenCV cannot encode it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = (
        [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        if path.suffix == '.jpg'
        else []
    )
    done, data = cv2.imencode(path.suffix, image, settings)
    if not done:
        raise OSError(f'{path}: OpenCV could not encode this image')
    path.write_bytes(data.tobytes())


def do(job: Job) -> list[Sighting]:
    """Render one job; a crop has no sightings."""
    cv2.setNumThreads(1)
    if isinstance(job.spec, CropSpec):
        write_image(job.path, render_crop(job.spec))
        return []
    image, sightings = render_scene(job.spec)
    write_image(job.path, image)
    return sightings


def default_workers() -> int:
    """Number of cores that this process may use."""
    return (
        len(os.sched_getaffinity(0))
        if hasattr(os, 'sched_getaffinity')
        else os.cpu_count() or 1
    )


def run_jobs(
    jobs: list[Job], workers: int, title: str
) -> list[list[Sighting]]:
    """The sightings of every job, in the order of `jobs`."""

    def show(results: Iterable) -> list:
        return list(
            tqdm(
                results,
                title,
                len(jobs),
                leave=False,
                delay=2.0,
                mininterval=0.5,
            )
        )

    if workers <= 1 or len(jobs) <= CHUNK:
        return show(map(do, jobs))
    method: Callable = multiprocessing.get_context(
        'fork' if 'fork' in multiprocessing.get_all_start_methods() else None
    )
    with method.Pool(workers) as pool:
        return show(pool.imap(do, jobs, chunksize=CHUNK))
