"""CUHK-SYSU: which persons meet in which picture, traps included."""

from dataclasses import dataclass, field, replace

import numpy as np

from ..appearance import Person
from ..build import Build
from ..casting import cast_scenes
from ..placement import Placement, border_placement, sample_pose
from ..scene import Actor

TRAIN_CAPACITY, POOL_CAPACITY = 5, 4
UNLABELLED = -1
SMALL_BOX = (12, 34)  # its adaptive IoU threshold is 0.42


@dataclass
class Picture:
    """One image: name, actors, and how each actor is annotated."""

    name: str
    split: str
    size: tuple[int, int]
    actors: list[Actor] = field(default_factory=list)
    small: set[int] = field(default_factory=set)  # actors with a 12x34 box
    empty_box: bool = False  # carries an annotation of width 0


@dataclass
class Plan:
    """Pictures by name, and the numbers of the identities."""

    pictures: dict[str, Picture]
    train_ids: list[int]
    test_ids: list[int]
    queries: dict[int, str]  # test identity -> picture
    roles: dict[str, int]  # trap -> test identity that shows it
    other_ids: list[int] = field(default_factory=list)  # Person.mat only


def picture_sizes(size: tuple[int, int]) -> list[tuple[int, int]]:
    """The three sizes of pictures: landscape, wider landscape, portrait.

    The wider one has coordinates above 255, which need more than 8 bits.
    """
    width, height = size
    return [
        size,
        (width * 6 // 5, height * 6 // 5),
        (width * 7 // 10, height * 3 // 2),
    ]


def _names(build: Build, count: int) -> list[str]:
    """File names with gaps, in no order."""
    numbers = build.rng('names').permutation(count * 5 // 4)[:count] + 1
    return [f's{number}.jpg' for number in numbers]


def _small_actor(
    rng: np.random.Generator, person: Person, tag: int, size: tuple[int, int]
) -> Actor:
    width, height = size
    foot = (width * rng.uniform(0.3, 0.7), height * 0.62)
    return Actor(person, tag, Placement(foot, 33.0, sample_pose(rng)))


def make_plan(build: Build) -> Plan:
    """Decide who appears where and in which role, before drawing."""
    size = build.size
    rng = build.rng('plan')
    names = _names(build, size.train_images + size.test_images)
    train_names = names[: size.train_images]
    pool_names = names[size.train_images :]
    shapes = picture_sizes(size.image)
    pictures = {
        name: Picture(
            name,
            'train' if name in set(train_names) else 'test',
            shapes[int(rng.choice(3, p=[0.5, 0.3, 0.2]))],
        )
        for name in names
    }
    num_ids = size.train_ids + size.test_ids + 4
    ids = (rng.permutation(num_ids * 4 // 3)[:num_ids] + 1).tolist()
    people = dict(zip(ids, build.population(num_ids)))
    plan = Plan(
        pictures,
        ids[: size.train_ids],
        ids[size.train_ids : size.train_ids + size.test_ids],
        {},
        {},
        ids[-4:],
    )
    _cast_train(build, plan, train_names, people)
    _cast_test(build, plan, pool_names, people)
    _add_strangers(build, plan)
    for name in (train_names[0], pool_names[0]):
        pictures[name].empty_box = True
        build.truth.add_trap('box of width 0', name)
    return plan


def _cast_train(
    build: Build, plan: Plan, names: list[str], people: dict[int, Person]
) -> None:
    rng = build.rng('cast', 'train')
    num_bare = max(2, len(names) // 12)  # without any labelled person
    counts = {tag: int(rng.integers(2, 6)) for tag in plan.train_ids}
    limit = TRAIN_CAPACITY * (len(names) - num_bare)
    while sum(counts.values()) > limit * 0.8:
        tag = max(counts, key=counts.get)
        counts[tag] -= 1
    counts.update(dict.fromkeys(plan.other_ids, 2))
    scenes = cast_scenes(rng, counts, len(names) - num_bare, TRAIN_CAPACITY)
    for name, tags in zip(names, scenes):
        picture = plan.pictures[name]
        picture.actors = [Actor(people[tag], tag) for tag in tags]
    twin = plan.pictures[names[1]]
    tag = next(
        actor.tag for actor in twin.actors if actor.tag in set(plan.train_ids)
    )
    twin.actors.append(Actor(people[tag], tag))
    build.truth.add_trap('training identity twice in one image', twin.name)
    for name in names[len(names) - num_bare :]:
        build.truth.add_trap('training image without labelled box', name)
    for name, right in ((names[2], False), (names[3], True)):
        picture = plan.pictures[name]
        first = picture.actors[0]
        place = border_placement(rng, picture.size, right)
        picture.actors[0] = replace(first, placement=place)


def _cast_test(
    build: Build, plan: Plan, names: list[str], people: dict[int, Person]
) -> None:
    rng = build.rng('cast', 'test')
    share = (len(names) * POOL_CAPACITY * 0.8) / len(plan.test_ids)
    most = max(2, min(7, int(share * 2) - 2))
    counts = {
        tag: int(np.clip(rng.geometric(0.38) + 1, 2, most))
        for tag in plan.test_ids
    }
    missing = len(names) - sum(counts.values())
    for index in range(max(0, missing + 4)):  # no picture stays empty
        counts[plan.test_ids[index % len(plan.test_ids)]] += 1
    scenes = cast_scenes(rng, counts, len(names), POOL_CAPACITY)
    where: dict[int, list[str]] = {tag: [] for tag in plan.test_ids}
    for name, tags in zip(names, scenes):
        plan.pictures[name].actors = [Actor(people[tag], tag) for tag in tags]
        for tag in tags:
            where[tag].append(name)
    for tag, found in where.items():
        plan.queries[tag] = found[int(rng.integers(len(found)))]
    _add_test_traps(build, plan, rng, where)


def _add_test_traps(
    build: Build,
    plan: Plan,
    rng: np.random.Generator,
    where: dict[int, list[str]],
) -> None:
    """Pick one identity each for the known irregularities."""
    same, twin, self_other, self_same, small, border = plan.test_ids[:6]
    plan.roles = {
        'duplicate entry, same box': same,
        'duplicate entry, different boxes': twin,
        'query image in its gallery, different box': self_other,
        'query image in its gallery, query box': self_same,
    }
    for trap, tag in plan.roles.items():
        build.truth.add_trap(trap, f'query of p{tag}')

    def appears(tag: int, query: bool) -> tuple[Picture, int]:
        name = next(
            name for name in where[tag] if (name == plan.queries[tag]) == query
        )
        picture = plan.pictures[name]
        index = next(
            index
            for index, actor in enumerate(picture.actors)
            if actor.tag == tag
        )
        return picture, index

    for tag, query in ((twin, False), (self_other, True)):
        picture, index = appears(tag, query)
        picture.actors.append(Actor(picture.actors[index].person, tag))
    picture, index = appears(small, False)
    picture.actors[index] = _small_actor(
        rng, picture.actors[index].person, small, picture.size
    )
    picture.small.add(index)
    build.truth.add_trap('labelled box of 12 x 34', picture.name)
    for query, right in ((False, False), (True, True)):
        picture, index = appears(border, query)
        place = border_placement(rng, picture.size, right)
        picture.actors[index] = replace(picture.actors[index], placement=place)


def _add_strangers(build: Build, plan: Plan) -> None:
    strangers = build.population(80, 'strangers')
    for name, picture in plan.pictures.items():
        rng = build.rng('strangers', name)
        room = 7 - len(picture.actors)
        number = min(room, int(rng.poisson(1.3)))
        if not picture.actors:
            number = max(1, number)
        for index in rng.choice(len(strangers), number, replace=False):
            picture.actors.append(Actor(strangers[int(index)], UNLABELLED))
