"""What a scene reports is what its pixels show."""

from dataclasses import replace

import numpy as np
import pytest

from lab.synthetic.appearance import Wardrobe, sample_population
from lab.synthetic.backdrop import Setting
from lab.synthetic.camera import Camera
from lab.synthetic.placement import Placement, covered_share
from lab.synthetic.randomness import stream
from lab.synthetic.scene import Actor, SceneSpec, render_scene
from lab.synthetic.skeleton import Pose

PEOPLE = sample_population(stream(0, 'scene test'), 4, Wardrobe())
QUIET = Camera(noise=0.0, light=0.0)


def scene(*actors: Actor, size=(240, 160), **more) -> SceneSpec:
    more = {'num_props': 0.0, 'light_swing': 0.0, **more}
    return SceneSpec(
        0, ('test',), ('here',), size, QUIET, Setting(), actors, **more
    )


def standing(index: int, x: float, foot: float, height=90.0, yaw=0.0):
    place = Placement((x, foot), height, Pose(yaw, 0.5))
    return Actor(PEOPLE[index], index, place)


@pytest.mark.parametrize('yaw', [0.0, 1.6, 3.1])
def test_the_box_bounds_exactly_the_pixels_that_changed(yaw):
    empty, _ = render_scene(scene())
    image, (seen,) = render_scene(scene(standing(0, 120, 140, yaw=yaw)))
    rows, columns = np.nonzero(np.abs(image.astype(int) - empty).max(2) > 24)
    changed = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert np.abs(np.array(seen.box) - changed).max() < 1.6
    assert np.abs(np.array(seen.visible_box) - changed).max() <= 1
    assert seen.visibility == 1.0
    assert seen.head_box[3] < seen.box[1] + 0.3 * 90


def test_who_stands_in_front_hides_who_stands_behind():
    behind, front = standing(0, 120, 120), standing(1, 124, 150, 120.0)
    _, (far, near) = render_scene(scene(behind, front))
    assert near.visibility == 1.0
    assert far.visibility < 0.5
    _, (far_again, _) = render_scene(
        scene(behind, replace(front, placement=standing(1, 30, 150).placement))
    )
    assert far_again.visibility == 1.0
    assert far_again.box == far.box  # hiding does not change the whole box


def test_boxes_may_leave_the_picture_but_visible_ones_do_not():
    _, (seen,) = render_scene(scene(standing(0, 4, 150)))
    assert seen.box[0] < 0 <= seen.visible_box[0]


def test_a_larger_picture_shows_the_same_persons_larger():
    small = scene(standing(0, 120, 140))
    large = scene(standing(0, 480, 560, 360.0), size=(960, 640))
    boxes = [render_scene(spec)[1][0].box for spec in (small, large)]
    assert np.allclose(np.array(boxes[0]) * 4, boxes[1], atol=1e-6)


def test_nobody_placed_at_random_is_hidden_wholly():
    actors = [Actor(person, index) for index, person in enumerate(PEOPLE)]
    for key in range(12):
        spec = replace(scene(*actors, num_props=2.0), key=(key,))
        _, sightings = render_scene(spec)
        assert min(seen.visibility for seen in sightings) > 0.1


def test_covered_share_by_hand():
    assert covered_share((0, 0, 10, 10), (5, 0, 20, 5)) == 0.25
    assert covered_share((0, 0, 10, 10), (10, 0, 20, 10)) == 0.0
