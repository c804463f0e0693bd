"""Skeletons: who is moving, in 16 frames of joints? New repetitions; from an .npz.

Source: MSR Action3D (Li, Zhang and Liu, 2010), the joints in metres, at
https://sites.google.com/view/wanqingli/data-sets/msr-action3d; no licence is known. 567
sequences: 10 persons, 20 actions, each up to 3 times. Trained on repetitions 1 and 2,
tested on repetition 3; validated on those sequences of repetition 2 whose numbers of
action and person have a sum that 3 divides, 6 or so of each person. No sequence has
windows in two splits: 2,010 / 383 / 1,264 windows of 313 / 62 / 185 sequences.

Normalised for position, size and heading, each window by one movement, one turn about
the vertical and one factor: on average over its frames the pelvis is at 0, hips and
shoulders are along x, so that the person faces -z, and a bone has length 1. Nothing
else is removed: neither movement within the window nor the tilt of the camera. A window
is 16 frames (a second, at about 15 a second) of 20 joints, `[16, 20, 3]`, one window
every 4 frames; the context is the person, 0 to 9. The five normalised quantities make
windows lie on a surface of fewer dimensions, so densities on them have no upper limit,
and log-densities of two models say little; accuracies and pictures do.

Frames with a joint at exactly (0, 0, 0), which the sensor lost, are in no window: there
are 1,113, in 20 sequences, one of which has no others. Nothing is filled in, as such
gaps are long, 9 to 740 frames. 7 sequences have no 16 frames on end and so no window.

Read from `msr_action3d.npz` in `--data_dir`, or in `$TFGEN_DATA_DIR/npz`:

    joints      [frames, 20, 3]   floats, all sequences one after the other
    offset      [sequences + 1]   sequence i is joints[offset[i]:offset[i + 1]]
    action, subject, repetition   [sequences], from 1: the numbers in the names of the
                                  original files, aXX_sXX_eXX_skeleton3D.txt

`zoo/datasets/_skeletons.py` names the joints and axes. Other recordings in this format
will do as well, with as many persons as they have.
"""

from zoo.data import DataSet
from zoo.datasets import _skeletons


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set, with fixed splits.

    Args:
        data_dir: Directory of `msr_action3d.npz`.
        seed: Not used.

    Returns:
        The data set.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not in the format.
    """
    del seed
    found = _skeletons.read(data_dir)
    mixed = (found.action.astype(int) + found.subject) % 3 == 0
    validation = (found.repetition == 2) & mixed
    return _skeletons.dataset("skeletons", found, validation, test=found.repetition > 2)
