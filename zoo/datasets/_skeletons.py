"""Recordings of skeletons: their file, and windows of them that models learn from.

The skeletons are those of the first Kinect. Of the 20 joints, when the person faces the
sensor, these are on the

    left, -x   0 shoulder, 4 hip, 7 elbow, 9 wrist, 11 hand, 13 knee, 15 ankle, 17 toes
    middle     2 neck, 3 spine, 6 pelvis (the root), 19 head
    right, +x  1 shoulder, 5 hip, 8 elbow, 10 wrist, 12 hand, 14 knee, 16 ankle, 18 toes

The second coordinate points upwards, the third away from the sensor.
"""

import dataclasses

import numpy as np

from zoo.data import ContextSpec, DataSet, DataSpec, Split
from zoo.datasets import _npz

FRAMES, STRIDE = 16, 4
PARENTS = (2, 2, 3, 6, 6, 6, 6, 0, 1, 7, 8, 9, 10, 4, 5, 13, 14, 15, 16, 2)
_JOINTS, _ROOT = len(PARENTS), 6
_LEFT, _RIGHT = (0, 4), (1, 5)

_FILE = "msr_action3d"
_ORIGIN = "https://sites.google.com/view/wanqingli/data-sets/msr-action3d"
_CONTENTS = (
    f"the array joints [frames, {_JOINTS}, 3] of finite floats, all sequences one "
    "after the other, the array offset [sequences + 1] of rising integers from 0 to "
    "frames, where each begins, and the arrays action, subject and repetition "
    "[sequences] of integers from 1"
)


@dataclasses.dataclass(frozen=True)
class Recordings:
    """Sequences of skeletons, each of one person.

    Args:
        joints: The frames of all sequences, `[frames, 20, 3]`. A joint at exactly
            (0, 0, 0) is one that the sensor lost.
        offset: Sequence `i` is `joints[offset[i]:offset[i + 1]]`.
        action: What the person does, `[sequences]`, from 1.
        subject: Who it is, `[sequences]`, from 1.
        repetition: Which of the person's performances of it, `[sequences]`, from 1.
    """

    joints: np.ndarray
    offset: np.ndarray
    action: np.ndarray
    subject: np.ndarray
    repetition: np.ndarray


def read(data_dir: str | None) -> Recordings:
    """Reads and checks `msr_action3d.npz`.

    Args:
        data_dir: Directory of the file; None for `$TFGEN_DATA_DIR/npz`.

    Returns:
        The recordings.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not in the format.
    """
    keys = [field.name for field in dataclasses.fields(Recordings)]
    found, path = _npz.open_arrays(
        _FILE, keys, contents=_CONTENTS, data_dir=data_dir, origin=_ORIGIN
    )
    for key in keys:
        fault = "missing" if key not in found else _fault(key, found)
        if fault:
            raise _npz.wrong(path, key, fault, contents=_CONTENTS, origin=_ORIGIN)
    return Recordings(**found)


def _fault(key: str, arrays: dict[str, np.ndarray]) -> str:
    """What is wrong with an array, those before it being right; empty if nothing is."""
    array = arrays[key]
    about = f"of shape {list(array.shape)} and dtype {array.dtype}"
    if key == "joints":
        if array.shape[1:] != (_JOINTS, 3) or array.dtype.kind != "f":
            return about
        return "" if np.isfinite(array).all() else "with NaN or infinity"
    if array.ndim != 1 or array.dtype.kind not in "iu":
        return about
    if key == "offset":
        ends = [0, len(arrays["joints"])]
        # Unsigned integers have no negative differences.
        rises = (array[1:] >= array[:-1]).all()
        fits = len(array) > 1 and rises and [array[0], array[-1]] == ends
        return "" if fits else f"that does not rise from 0 to {ends[1]}"
    if len(array) != len(arrays["offset"]) - 1:
        return about
    return "" if array.min() > 0 else f"from {array.min()}"


def windows(recordings: Recordings, chosen: np.ndarray) -> Split:
    """Windows of 16 frames, one every 4 frames, of some sequences.

    No window holds a frame with a lost joint: such a frame ends a run of frames, and
    the next run has windows of its own.

    Args:
        recordings: The sequences.
        chosen: Which of them, booleans `[sequences]`.

    Returns:
        Normalised windows `[rows, 16, 20, 3]`; their contexts, the persons from 0; and
        their groups, the numbers of the sequences.
    """
    seen = (recordings.joints != 0).any(axis=-1).all(axis=-1)
    starts: list[int] = []
    sequences: list[int] = []
    for sequence in np.flatnonzero(chosen):
        first, last = (int(end) for end in recordings.offset[sequence : sequence + 2])
        # Where a run of frames begins, and where it has ended, in turns.
        changes = np.diff(seen[first:last], prepend=False, append=False)
        for begin, end in first + np.flatnonzero(changes).reshape(-1, 2):
            runs = range(begin, end - FRAMES + 1, STRIDE)
            starts += runs
            sequences += [int(sequence)] * len(runs)
    rows = np.asarray(starts, int)[:, None] + np.arange(FRAMES)
    group = np.asarray(sequences, int)
    person = recordings.subject[group].astype(np.int32) - 1
    return Split(normalized(recordings.joints[rows]), person, group=group)


def normalized(x: np.ndarray) -> np.ndarray:
    """Windows without their position, size and heading; nothing else is changed.

    Each window is moved, turned about the vertical and scaled as a whole: on average
    over its frames the pelvis is at 0, the line from the left hip and shoulder to the
    right ones is along +x, so that the person faces -z, and a bone has length 1.

    Args:
        x: Windows `[rows, frames, 20, 3]`.

    Returns:
        `[rows, frames, 20, 3]`, float32.
    """
    x = x.astype(np.float64)
    x = x - x[:, :, _ROOT].mean(axis=1)[:, None, None]
    bones = np.linalg.norm(x - x[:, :, PARENTS], axis=-1)
    size = bones.sum(axis=-1).mean(axis=-1) / (_JOINTS - 1)
    across = (x[:, :, _RIGHT] - x[:, :, _LEFT]).sum(axis=(1, 2))
    angle = np.arctan2(across[:, 2], across[:, 0])
    cos, sin = (f(angle) / size for f in (np.cos, np.sin))
    zero, one = np.zeros_like(size), 1 / size
    turn = np.stack([cos, zero, -sin, zero, one, zero, sin, zero, cos], axis=-1)
    return np.einsum("nfji,nik->nfjk", x, turn.reshape(-1, 3, 3)).astype(np.float32)


def dataset(
    name: str, recordings: Recordings, validation: np.ndarray, test: np.ndarray
) -> DataSet:
    """Windows of the recordings as a data set, whose context is the person.

    Args:
        name: Its name.
        recordings: The sequences.
        validation: Which sequences are for validation, booleans `[sequences]`.
        test: Which are for testing; all others are for training.

    Returns:
        The data set.
    """
    train = windows(recordings, ~(validation | test))
    persons = int(recordings.subject.max())
    spec = DataSpec(
        name,
        (FRAMES, _JOINTS, 3),
        "float32",
        context=ContextSpec((), "int32", num_classes=persons, columns=("person",)),
        num_train=len(train),
        parents=PARENTS,
    )
    return DataSet(
        spec, train, windows(recordings, validation), windows(recordings, test)
    )
