"""Where the joints of a walking person are, seen from one side.

The body is a stick model in three dimensions (x to the person's left, y up
from the ground, z forward; the whole body is 1 high), turned by the facing
direction and projected without perspective.
"""

from dataclasses import dataclass

import numpy as np

HIP_Y, SHOULDER_Y, NECK_Y, HEAD_Y = 0.49, 0.815, 0.85, 0.925
THIGH, SHIN, UPPER_ARM, FOREARM = 0.245, 0.225, 0.165, 0.155
HIP_HALF, SHOULDER_HALF = 0.048, 0.103


@dataclass(frozen=True)
class Pose:
    """What the body does in one image."""

    yaw: float  # 0 = facing the viewer, pi / 2 = walking to the right
    phase: float  # of the step, radians
    stride: float = 0.45  # largest angle of a leg, radians
    left_arm: float = 0.0  # raised sideways by, radians
    right_arm: float = 0.0
    lean: float = 0.0  # of the upper body in the walking direction


class View:
    """Projects body coordinates for one facing direction.

    Args:
        yaw: The direction in radians; 0 faces the viewer, pi / 2 is walking
            to the right.
    """

    def __init__(self, yaw: float) -> None:
        self.yaw = yaw
        self.cos, self.sin = float(np.cos(yaw)), float(np.sin(yaw))

    def project(self, x: float, y: float, z: float) -> np.ndarray:
        """Body coordinates to picture coordinates (2,), y still upwards."""
        return np.array([x * self.cos + z * self.sin, y])

    def nearness(self, x: float, z: float) -> float:
        """Larger for what is closer to the viewer."""
        return z * self.cos - x * self.sin


@dataclass(frozen=True)
class Skeleton:
    """Joints in body coordinates: name -> (x, y, z)."""

    joints: dict[str, np.ndarray]
    view: View

    def at(self, name: str) -> np.ndarray:
        """The joint in picture coordinates (2,)."""
        return self.view.project(*self.joints[name])

    def nearness(self, name: str) -> float:
        """How near to the viewer a joint is; the nearer is drawn later."""
        x, _, z = self.joints[name]
        return self.view.nearness(x, z)


def _leg(side: int, swing: float, build: float) -> list[np.ndarray]:
    knee_bend = 0.12 + max(0.0, -swing) * 1.1
    hip = np.array([side * HIP_HALF * build, HIP_Y, 0.0])
    knee = hip + THIGH * np.array([0, -np.cos(swing), np.sin(swing)])
    angle = swing - knee_bend
    ankle = knee + SHIN * np.array([0, -np.cos(angle), np.sin(angle)])
    return [hip, knee, ankle]


def _arm(
    side: int, swing: float, raised: float, lean: float, build: float
) -> list[np.ndarray]:
    out = 0.13 + raised
    shoulder = np.array(
        [side * SHOULDER_HALF * build, SHOULDER_Y, np.sin(lean) * 0.3]
    )
    elbow = shoulder + UPPER_ARM * np.array(
        [side * np.sin(out), -np.cos(out) * np.cos(swing), np.sin(swing)]
    )
    bend = swing + 0.35
    out += 0.4 * raised
    wrist = elbow + FOREARM * np.array(
        [side * np.sin(out) * 0.8, -np.cos(out) * np.cos(bend), np.sin(bend)]
    )
    return [shoulder, elbow, wrist]


def make_skeleton(pose: Pose, build: float) -> Skeleton:
    """The joints of a body of the given width in `pose`, feet on y = 0."""
    swing = pose.stride * float(np.sin(pose.phase))
    joints: dict[str, np.ndarray] = {}
    for name, side in (('left', 1), ('right', -1)):
        leg = _leg(side, side * swing, build)
        arm = _arm(
            side,
            -side * swing * 0.8,
            getattr(pose, f'{name}_arm'),
            pose.lean,
            build,
        )
        for part, joint in zip(('hip', 'knee', 'ankle'), leg):
            joints[f'{name}_{part}'] = joint
        for part, joint in zip(('shoulder', 'elbow', 'wrist'), arm):
            joints[f'{name}_{part}'] = joint
    forward = float(np.sin(pose.lean))
    joints['neck'] = np.array([0, NECK_Y, forward * 0.34])
    joints['head'] = np.array([0, HEAD_Y, forward * 0.42 + 0.012])
    lowest = min(joints['left_ankle'][1], joints['right_ankle'][1])
    drop = np.array([0, lowest - 0.022, 0])
    return Skeleton(
        {name: joint - drop for name, joint in joints.items()}, View(pose.yaw)
    )
