"""CUHK-SYSU: pictures in Image/SSM, annotations in MATLAB files."""

from dataclasses import dataclass

import numpy as np

from ..build import Build, clip_box
from ..scene import Sighting
from .cuhk_plan import SMALL_BOX, UNLABELLED, Picture, Plan, make_plan
from .matlab import ABSENT, cell, save, smallest_unsigned, struct

GALLERY_SIZES = (50, 100, 500, 1000, 2000, 4000)
ALWAYS_WRITTEN = (50, 100)  # with fewer entries where the pool is small
HARD_VISIBILITY = 0.65
Box = tuple[int, int, int, int]  # x, y, w, h as MATLAB counts them


@dataclass(frozen=True)
class Entry:
    """A person in a picture; box None = not there."""

    name: str
    box: Box | None
    hard: bool = False

    def fields(self) -> dict:
        """The struct of MATLAB that stands for it."""
        absent = self.box is None
        return {
            'imname': self.name,
            'idlocate': ABSENT if absent else smallest_unsigned(self.box),
            'ishard': ABSENT if absent else smallest_unsigned([self.hard]),
        }


def matlab_box(box: tuple, size: tuple[int, int], small: bool) -> Box:
    """1-based x, y and the w, h for which x + w is the last column."""
    x0, y0, x1, y1 = np.rint(clip_box(box, size)).astype(int).tolist()
    if small:
        width, height = SMALL_BOX
        x0, y0 = (x0 + x1 - width) // 2, y1 - 1 - height
        return x0 + 1, y0 + 1, width, height
    return x0 + 1, y0 + 1, max(1, x1 - x0 - 1), max(1, y1 - y0 - 1)


def _entries(picture: Picture, sightings: list[Sighting]) -> list[Entry]:
    return [
        Entry(
            picture.name,
            matlab_box(seen.box, picture.size, index in picture.small),
            seen.visibility < HARD_VISIBILITY,
        )
        for index, seen in enumerate(sightings)
    ]


def _person(number: int, entries: list[Entry]) -> dict:
    return {
        'idname': f'p{number}',
        'nAppear': smallest_unsigned([len(entries)]),
        'scene': struct([entry.fields() for entry in entries]),
    }


class Annotations:
    """All boxes of the rendered pictures, by picture and by identity."""

    def __init__(
        self, plan: Plan, sightings: dict[str, list[Sighting]]
    ) -> None:
        self.plan = plan
        self.by_picture: dict[str, list[Entry]] = {}
        self.by_identity: dict[int, list[Entry]] = {}
        for name, picture in plan.pictures.items():
            entries = _entries(picture, sightings[f'Image/SSM/{name}'])
            self.by_picture[name] = entries
            for actor, entry in zip(picture.actors, entries):
                if actor.tag != UNLABELLED:
                    self.by_identity.setdefault(actor.tag, []).append(entry)

    def pool(self) -> list[str]:
        """Names of the test pictures, in their order."""
        return [
            name
            for name, picture in self.plan.pictures.items()
            if picture.split == 'test'
        ]

    def query(self, tag: int) -> Entry:
        """The appearance by which an identity is looked for."""
        name = self.plan.queries[tag]
        return next(
            entry for entry in self.by_identity[tag] if entry.name == name
        )

    def positives(self, tag: int) -> list[Entry]:
        """Gallery entries that show the person, known data errors too."""
        query, roles = self.query(tag), self.plan.roles
        found = [
            entry
            for entry in self.by_identity[tag]
            if entry.name != query.name
        ]
        if roles['duplicate entry, same box'] == tag:
            found.insert(1, found[0])
        if roles['query image in its gallery, query box'] == tag:
            found.append(query)
        if roles['query image in its gallery, different box'] == tag:
            found += [
                entry
                for entry in self.by_identity[tag]
                if entry.name == query.name and entry is not query
            ]
        return found


def _test_rows(
    build: Build, notes: Annotations, gallery_size: int, tags: list[int]
) -> list[dict]:
    """One struct row per query; positives first, then other images."""
    pool = notes.pool()
    rows = []
    for tag in tags:
        query, positives = notes.query(tag), notes.positives(tag)
        own = {entry.name for entry in notes.by_identity[tag]}
        others = [name for name in pool if name not in own]
        order = build.rng('gallery', tag).permutation(len(others))
        room = max(0, gallery_size - len(positives))
        gallery = positives + [
            Entry(others[index], None) for index in order[:room]
        ]
        rows.append(
            {
                'Query': struct([dict(**query.fields(), idname=f'p{tag}')]),
                'Gallery': struct([entry.fields() for entry in gallery]),
            }
        )
    return rows


def _write_images_mat(build: Build, notes: Annotations) -> None:
    rows = []
    for name, picture in notes.plan.pictures.items():
        boxes = [entry.fields() for entry in notes.by_picture[name]]
        if picture.empty_box:
            boxes.insert(
                1,
                {
                    'idlocate': smallest_unsigned((40, 30, 0, 60)),
                    'ishard': smallest_unsigned([0]),
                },
            )
        for box in boxes:
            box.pop('imname', None)
        rows.append(
            {
                'imname': name,
                'nAppear': smallest_unsigned([len(boxes)]),
                'box': struct(boxes),
            }
        )
    order = build.rng('image order').permutation(len(rows))
    save(
        build.root / 'annotation/Images.mat',
        Img=struct([rows[index] for index in order]),
    )


def _write_test_mats(build: Build, notes: Annotations) -> None:
    folder = build.root / 'annotation/test'
    tags = notes.plan.test_ids
    pool = notes.pool()
    save(build.root / 'annotation/pool.mat', pool=cell(pool))
    for size in GALLERY_SIZES:
        if size <= len(pool) - 12 or size in ALWAYS_WRITTEN:
            rows = _test_rows(build, notes, min(size, len(pool) - 2), tags)
            save(
                folder / f'train_test/TestG{size}.mat',
                **{f'TestG{size}': struct(rows)},
            )
    shown = min(100, len(pool) - 2)
    hidden = [
        tag
        for tag in tags
        if any(entry.hard for entry in notes.positives(tag))
    ]
    hidden = hidden if len(hidden) > 1 else tags[:2]
    rows = _test_rows(build, notes, shown, hidden)
    for row in rows:
        row['occlusion'] = smallest_unsigned([1])
    save(folder / 'subset/Occlusion.mat', Occlusion1=struct(rows))
    by_size = sorted(tags, key=lambda tag: notes.query(tag).box[3])
    rows = _test_rows(build, notes, shown, by_size[: max(2, len(tags) // 5)])
    save(folder / 'subset/Resolution.mat', Test_Size=struct(rows))


def _record_truth(build: Build, notes: Annotations) -> None:
    truth, plan = build.truth, notes.plan
    for name, picture in plan.pictures.items():
        persons = [
            {'id': actor.tag, 'box': list(entry.box), 'hard': entry.hard}
            for actor, entry in zip(picture.actors, notes.by_picture[name])
        ]
        truth.add_image(
            f'Image/SSM/{name}', picture.split, persons, size=picture.size
        )
        for _, entry in zip(picture.actors, notes.by_picture[name]):
            if entry.box[0] == 1:
                truth.add_trap('box starts at x = 1', name)
            if entry.box[0] + entry.box[2] == picture.size[0]:
                truth.add_trap('box ends at the image width', name)
    truth.facts.update(
        num_train_identities=len(plan.train_ids),
        train_ids=plan.train_ids,
        test_ids=plan.test_ids,
        person_mat_only_ids=plan.other_ids,
        queries={
            f'p{tag}': {
                'name': notes.query(tag).name,
                'box': list(notes.query(tag).box),
                'positives': [
                    [entry.name, list(entry.box)]
                    for entry in notes.positives(tag)
                ],
            }
            for tag in plan.test_ids
        },
    )


def write(build: Build) -> None:
    """Draw CUHK-SYSU: pictures, and the .mat files of all protocols."""
    plan = make_plan(build)
    specs = {}
    for name, picture in plan.pictures.items():
        specs[f'Image/SSM/{name}'] = build.scene(
            (name,), (name,), picture.size, build.camera(name), picture.actors
        )
    notes = Annotations(plan, build.render(specs))
    _write_images_mat(build, notes)
    folder = build.root / 'annotation/test/train_test'
    save(
        build.root / 'annotation/Person.mat',
        Person=struct(
            [
                _person(tag, entries)
                for tag, entries in sorted(notes.by_identity.items())
            ]
        ),
    )
    save(
        folder / 'Train.mat',
        Train=cell(
            [
                struct([_person(tag, notes.by_identity[tag])])
                for tag in plan.train_ids
            ]
        ),
    )
    _write_test_mats(build, notes)
    _record_truth(build, notes)
