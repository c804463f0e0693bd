"""Walkers: ten made-up persons walk by; who is it? Windows of skeletons.

Procedural, and always the same: a person is the lengths of 11 bones and 7 habits of
walking (cadence, stride, bend of the knees, swing of the arms, bend of the elbows, lean
and twist of the trunk), which vary by 5 % from walk to walk. Each walk of 64 frames, 15
a second, starts anywhere, goes anywhere and has noise of 1 cm on each coordinate.
Windows, their normalisation and the joints are those of `skeletons`; the context is the
person, 0 to 9. 16 / 4 / 4 walks of each person, 2,080 / 520 / 520 windows.
"""

import math

import numpy as np

from zoo.data import DataSet
from zoo.datasets import _skeletons
from zoo.datasets._skeletons import Recordings

_PERSONS, _LENGTH = 10, 64
_TRAIN, _HELD_OUT = 16, 4  # walks of each
_RATE = 15.0  # frames a second, as the Kinect's
_NOISE = 0.01  # metres

# Lengths of a mean body, in metres.
_BODY = {
    "thigh": 0.42,
    "shank": 0.41,
    "foot": 0.16,
    "hip": 0.09,
    "loin": 0.20,
    "back": 0.28,
    "head": 0.20,
    "shoulder": 0.18,
    "upper_arm": 0.28,
    "forearm": 0.25,
    "hand": 0.09,
}
# From the least to the most of each way of walking: cycles a second, else radians.
_GAIT = {
    "cadence": (0.75, 1.05),
    "stride": (0.30, 0.50),
    "knee": (0.60, 1.00),
    "swing": (0.20, 0.70),
    "elbow": (0.10, 0.90),
    "lean": (0.00, 0.15),
    "twist": (0.05, 0.15),
}


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set; always the same rows.

    Args:
        data_dir: Not used.
        seed: Not used.

    Returns:
        The data set.
    """
    del data_dir, seed
    found = recordings()
    test = found.repetition > _TRAIN + _HELD_OUT
    validation = (found.repetition > _TRAIN) & ~test
    return _skeletons.dataset("walkers", found, validation, test)


def recordings() -> Recordings:
    """Each of 10 persons walks by 24 times, for 64 frames; always the same."""
    rng = np.random.default_rng(2020)
    walks = (_PERSONS, _TRAIN + 2 * _HELD_OUT, 1)
    persons = (_PERSONS, 1, 1)
    body = {
        part: length * np.exp(0.08 * rng.standard_normal(persons))
        for part, length in _BODY.items()
    }
    # A person never walks twice in exactly the same way.
    gait = {
        habit: rng.uniform(*ends, persons) * np.exp(0.05 * rng.standard_normal(walks))
        for habit, ends in _GAIT.items()
    }
    start, heading = rng.uniform(0, 2 * math.pi, (2, *walks))
    joints = _walk(body, gait, start, np.arange(_LENGTH) / _RATE)
    place = rng.uniform((-1.0, -1.0, 2.0), (1.0, -0.8, 4.0), (*walks, 3))
    joints = _turned(joints, heading[..., None]) + place[..., None, :]
    joints += _NOISE * rng.standard_normal(joints.shape)
    person, repetition = np.indices(walks[:2]).reshape(2, -1) + 1
    return Recordings(
        joints.reshape(-1, *joints.shape[3:]).astype(np.float32),
        np.arange(len(person) + 1) * _LENGTH,
        np.ones_like(person),
        person,
        repetition,
    )


def _walk(
    body: dict[str, np.ndarray],
    gait: dict[str, np.ndarray],
    start: np.ndarray,
    time: np.ndarray,
) -> np.ndarray:
    """Joints `[persons, walks, frames, 20, 3]` of walks along -z from the origin.

    Args:
        body: Lengths `[persons, 1, 1]`.
        gait: Ways of walking `[persons, walks, 1]`.
        start: Phases at the beginning `[persons, walks, 1]`.
        time: Seconds `[frames]`.
    """
    phase = start + 2 * math.pi * gait["cadence"] * time
    twist = gait["twist"] * np.sin(phase)
    upwards = math.pi - gait["lean"]
    spine = _limb(body["loin"], upwards)
    neck = spine + _limb(body["back"], upwards)
    joints = {
        6: np.zeros(3),
        3: spine,
        2: neck,
        19: neck + _limb(body["head"], upwards),
    }
    for first, side, swing in ((0, -1, phase + math.pi), (1, 1, phase)):
        # The leg swings to the front as its knee bends.
        thigh = gait["stride"] * np.sin(swing)
        shank = thigh - 0.1 - gait["knee"] * ((1 + np.cos(swing + 0.1)) / 2) ** 2
        hip = _across(side * body["hip"], twist)
        knee = hip + _limb(body["thigh"], thigh)
        ankle = knee + _limb(body["shank"], shank)
        foot = ankle + _limb(body["foot"], shank + math.pi / 2)
        # Arms and shoulders go against the legs and hips.
        upper_arm = -gait["swing"] * np.sin(swing)
        forearm = upper_arm + gait["elbow"]
        shoulder = neck + _across(side * body["shoulder"], -twist)
        elbow = shoulder + _limb(body["upper_arm"], upper_arm)
        wrist = elbow + _limb(body["forearm"], forearm)
        hand = wrist + _limb(body["hand"], forearm)
        limbs = {0: shoulder, 4: hip, 7: elbow, 9: wrist, 11: hand}
        limbs |= {13: knee, 15: ankle, 17: foot}
        joints |= {first + joint: place for joint, place in limbs.items()}
    shape = (*phase.shape, 3)
    x = np.stack([np.broadcast_to(joints[i], shape) for i in range(20)], axis=-2)
    # The lower ankle is on the ground, and slides as little as may be.
    x[..., 1] -= x[..., [15, 16], 1].min(axis=-1, keepdims=True)
    leg = body["thigh"] + body["shank"]
    speed = 4 * gait["cadence"] * leg * np.sin(gait["stride"])
    x[..., 2] -= (speed * time)[..., None]
    return x


def _limb(length: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Vectors `[..., 3]` of a length, turned from straight down to the front, -z."""
    down, front = -length * np.cos(angle), -length * np.sin(angle)
    return np.stack(np.broadcast_arrays(0.0, down, front), axis=-1)


def _across(length: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Vectors `[..., 3]` of a length, turned from straight right to the front, -z."""
    right, front = length * np.cos(angle), -length * np.sin(angle)
    return np.stack(np.broadcast_arrays(right, 0.0, front), axis=-1)


def _turned(x: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Points `[..., 3]` turned about the vertical by angles `[...]`."""
    cos, sin = np.cos(angle), np.sin(angle)
    turned = (cos * x[..., 0] + sin * x[..., 2], cos * x[..., 2] - sin * x[..., 0])
    return np.stack([turned[0], x[..., 1], turned[1]], axis=-1)
