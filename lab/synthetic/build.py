"""What a writer of one native form works with."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .appearance import Person, Wardrobe, sample_population
from .camera import Camera
from .crop import CropSpec
from .domains import DOMAINS, Domain, domain_camera
from .jobs import Job, run_jobs
from .randomness import stream
from .scene import Actor, SceneSpec, Sighting
from .sizes import SetSize


@dataclass
class Truth:
    """What is really in the pictures, in the native form's own numbers.

    Args:
        images: An entry for each picture, as :meth:`add_image` makes it.
        traps: Irregularities that were put in on purpose.
        facts: Counts and other figures of the set.
    """

    images: list[dict] = field(default_factory=list)
    traps: list[dict] = field(default_factory=list)
    facts: dict = field(default_factory=dict)

    def add_image(
        self, file: str, split: str, persons: list[dict], **more: object
    ) -> None:
        """Record a picture and who is seen in it.

        Args:
            file: The picture, relative to the set's folder.
            split: Split that it belongs to.
            persons: One dict per person, with box and identity as the native
                form has them.
            more: What else is to be recorded of the picture.
        """
        self.images.append(
            dict(file=file, split=split, persons=persons, **more)
        )

    def add_trap(self, trap: str, where: str) -> None:
        """Record an irregularity that was put in on purpose.

        Args:
            trap: Its kind.
            where: The file or entry of one case of it.
        """
        self.traps.append({'trap': trap, 'where': where})

    def save(self, path: Path) -> None:
        """Write the record as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        record = {
            'facts': self.facts,
            'traps': self.traps,
            'images': self.images,
        }
        path.write_text(json.dumps(record, indent=1) + '\n')


@dataclass
class Build:
    """One data set in the making.

    Args:
        name: Its name.
        root: Its native folder, which is filled.
        size: How much it holds.
        seed: Seed of everything that is random in it.
        workers: Processes that draw.
        truth: Record of what is drawn.
        style: Name of its domain; None for the domain called ``name``.
    """

    name: str
    root: Path
    size: SetSize
    seed: int
    workers: int = 1
    truth: Truth = field(default_factory=Truth)
    style: str | None = None

    @property
    def domain(self) -> Domain:
        """The style of the set."""
        return DOMAINS[self.style or self.name]

    def rng(self, *keys: object) -> np.random.Generator:
        """The random numbers of what the keys name, in this set."""
        return stream(self.seed, self.name, *keys)

    def camera(self, *key: object) -> Camera:
        """The camera that the key names; the same key, the same camera."""
        return domain_camera(self.seed, self.style or self.name, *key)

    def population(
        self, count: int, *keys: object, wardrobe: Wardrobe | None = None
    ) -> list[Person]:
        """Persons of the set's style, in groups of look-alikes."""
        return sample_population(
            self.rng('population', *keys),
            count,
            wardrobe or self.domain.wardrobe,
        )

    def scene(
        self,
        key: tuple,
        place: tuple,
        size: tuple[int, int],
        camera: Camera,
        actors: list[Actor],
        **more,
    ) -> SceneSpec:
        """A picture of a place with persons in it.

        Args:
            key: Names the picture.
            place: Names the backdrop, which pictures of a camera share.
            size: Width and height, pixels.
            camera: What colours and noise come from.
            actors: Who is to be seen.
            more: Further fields of ``SceneSpec``.
        """
        return SceneSpec(
            self.seed,
            (self.name, *key),
            (self.name, *place),
            size,
            camera,
            self.domain.setting,
            tuple(actors),
            **{'liveliness': self.domain.liveliness, **more},
        )

    def crop(
        self,
        key: tuple,
        place: tuple,
        size: tuple[int, int],
        camera: Camera,
        person: Person | None,
        **more,
    ) -> CropSpec:
        """A crop of one person, or of nobody; arguments as in ``scene``."""
        return CropSpec(
            self.seed,
            (self.name, *key),
            (self.name, *place),
            size,
            camera,
            self.domain.setting,
            person,
            **more,
        )

    def render(
        self, specs: dict[str, SceneSpec | CropSpec]
    ) -> dict[str, list[Sighting]]:
        """Draw pictures.

        Args:
            specs: File, relative to ``root`` -> what is drawn into it.

        Returns:
            File -> who is seen in it; nobody for a crop.
        """
        jobs = [Job(spec, self.root / file) for file, spec in specs.items()]
        found = run_jobs(jobs, self.workers, self.name)
        return dict(zip(specs, found))


def clip_box(box: tuple, size: tuple[int, int]) -> np.ndarray:
    """xyxy (4,) limited to the picture."""
    return np.clip(box, 0, (*size, *size))
