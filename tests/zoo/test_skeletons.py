"""Skeletons: their file, their windows, and what normalising leaves of them."""

import dataclasses
import os

import numpy as np
import pytest

from zoo import data, pictures, showing
from zoo.datasets import _skeletons, walkers
from zoo.datasets._skeletons import FRAMES, PARENTS, STRIDE

ROOT = os.environ.get("TFGEN_DATA_DIR", "")
needs_data = pytest.mark.skipif(
    not os.path.exists(os.path.join(ROOT, "npz", "msr_action3d.npz")),
    reason="TFGEN_DATA_DIR names no directory with npz/msr_action3d.npz",
)
NAMES = ("skeletons", "skeletons_actions")


@pytest.fixture(scope="module")
def walks():
    return walkers.recordings()


def recordings():
    """2 persons, 20 actions, 3 repetitions of 24 random frames each."""
    rng = np.random.default_rng(0)
    action, subject, repetition = np.indices((20, 2, 3)).reshape(3, -1) + 1
    return {
        "joints": rng.standard_normal((24 * len(action), 20, 3)).astype("float32"),
        "offset": 24 * np.arange(len(action) + 1),
        "action": action.astype("uint8"),
        "subject": subject.astype("uint8"),
        "repetition": repetition.astype("uint8"),
    }


def load(name, folder, arrays):
    np.savez(folder / "msr_action3d.npz", **arrays)
    return data.load(name, data_dir=str(folder))


def turned(x, angle):
    """Turned about the vertical, by a matrix."""
    cos, sin = np.cos(angle), np.sin(angle)
    return x @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])


class TestNormalized:
    @pytest.mark.parametrize("angle", [0.5, 2.0, np.pi, -1.2])
    def test_place_heading_and_size_do_not_matter(self, walks, angle):
        x = walks.joints[: 8 * FRAMES].reshape(8, FRAMES, 20, 3).astype("float64")
        moved = 1.7 * turned(x, angle) + [3.0, -0.4, 9.0]
        before, after = _skeletons.normalized(x), _skeletons.normalized(moved)
        assert after.dtype == np.float32
        np.testing.assert_allclose(after, before, rtol=0, atol=2e-6)

    def test_the_rest_does(self, walks):
        x = walks.joints[:FRAMES][None].astype("float64")
        mirrored = x * [-1, 1, 1]
        tilted = x[..., [0, 2, 1]] * [1, -1, 1]
        for other in (mirrored, tilted, x[:, ::-1]):
            change = _skeletons.normalized(other) - _skeletons.normalized(x)
            assert np.abs(change).max() > 0.5

    def test_a_window_comes_to_the_middle_and_faces_the_front(self, walks):
        x = _skeletons.windows(walks, np.ones(len(walks.subject), bool)).x
        x = x.astype("float64")
        np.testing.assert_allclose(x[:, :, 6].mean(axis=1), 0, atol=1e-5)
        across = x[:, :, [1, 5]].sum((1, 2)) - x[:, :, [0, 4]].sum((1, 2))
        assert (across[:, 0] > 0).all()
        np.testing.assert_allclose(across[:, 2], 0, atol=1e-3)
        joints = [joint for joint in range(20) if joint != PARENTS[joint]]
        ends = [PARENTS[joint] for joint in joints]
        length = np.linalg.norm(x[:, :, joints] - x[:, :, ends], axis=-1)
        np.testing.assert_allclose(length.mean(axis=(1, 2)), 1, atol=1e-5)
        # Hands go against the feet; knees bend to the front.
        ahead = x[:, :, 6, None, 2] - x[..., 2]
        for hand, knee, foot in ((11, 13, 15), (12, 14, 16)):
            a, b = (ahead[..., i].ravel() for i in (hand, foot))
            assert np.corrcoef(a, b)[0, 1] < -0.4
            assert (ahead[..., knee] > ahead[..., [4, foot]].mean(axis=-1)).mean() > 0.9
        # They walk to where they face, and heads are up.
        assert (x[:, -1, 6, 2] < x[:, 0, 6, 2] - 1).all()
        assert (x[..., 19, 1] > x[..., 17, 1] + 4).all()

    def test_a_known_window(self):
        x = np.zeros((1, FRAMES, 20, 3))
        x[..., 1, :] = x[..., 5, :] = [0.0, 0.0, -2.0]
        x[..., 8, :] = [0.0, 3.0, -2.0]
        # Of 19 bones 5-6 is 2 long, 1-2 also, 8-1 is 3, and 5-14, 8-10 as long as
        # their joints 14 and 10 are at the origin.
        mean = (2 + 2 + 3 + 2 + np.hypot(3, 2)) / 19
        expected = np.array([2.0, 0.0, 0.0]) / mean
        actual = _skeletons.normalized(x + [1.0, 2.0, 3.0])
        np.testing.assert_allclose(actual[0, :, 1], [expected] * FRAMES, atol=1e-6)
        np.testing.assert_allclose(actual[0, 0, 8], [2 / mean, 3 / mean, 0], atol=1e-6)


class TestWindows:
    @staticmethod
    def starts(arrays, chosen=None):
        """The first frames of the windows, told by a joint that counts the frames."""
        found = _skeletons.Recordings(**arrays)
        chosen = np.ones(len(found.subject), bool) if chosen is None else chosen
        calls = []

        def keep(x):
            calls.append(x)
            return x

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_skeletons, "normalized", keep)
            split = _skeletons.windows(found, chosen)
        frames = {row.tobytes(): i for i, row in enumerate(found.joints)}
        return [[frames[row.tobytes()] for row in window] for window in calls[0]], split

    def test_all_frames_of_one_sequence_in_order(self):
        arrays = recordings()
        found, split = self.starts(arrays)
        begins = [w[0] for w in found]
        assert all(w == list(range(w[0], w[0] + FRAMES)) for w in found)
        expected = [24 * i + j for i in range(120) for j in (0, STRIDE, 2 * STRIDE)]
        assert begins == expected
        np.testing.assert_array_equal(split.group, np.arange(120).repeat(3))
        np.testing.assert_array_equal(
            split.context, (arrays["subject"].astype(int) - 1).repeat(3)
        )

    def test_lost_frames_are_in_no_window(self):
        arrays = recordings()
        joints = arrays["joints"]
        joints[2] = 0  # Begins at 3: 3 and 7.
        joints[24 + 20, 5] = 0  # One joint, one window before it and one more.
        joints[48 + 12] = 0  # No 16 frames on either side.
        joints[72 : 72 + 24] = 0  # A sequence that was lost.
        joints[96:120, 3, 1] = 0  # One coordinate may be 0.
        begins = [w[0] for w in self.starts(arrays)[0] if w[0] < 120]
        assert begins == [3, 7, 24, 28, 96, 100, 104]

    def test_short_sequences_have_none(self):
        arrays = recordings()
        arrays["offset"] = np.array([0, 15, 31, 31, 48])
        for key in ("action", "subject", "repetition"):
            arrays[key] = arrays[key][:4]
        found, split = self.starts(arrays)
        assert [w[0] for w in found] == [15, 31]
        assert split.group.tolist() == [1, 3]

    def test_only_those_chosen(self):
        chosen = np.zeros(120, bool)
        assert len(self.starts(recordings(), chosen)[1]) == 0
        chosen[[3, 70]] = True
        assert set(self.starts(recordings(), chosen)[1].group) == {3, 70}


class TestProtocols:
    @staticmethod
    def groups(name, folder):
        arrays = recordings()
        dataset = load(name, folder, arrays)
        assert dataset.spec.event_shape == (16, 20, 3)
        assert dataset.spec.context.num_classes == 2
        assert dataset.spec.parents == PARENTS
        assert not dataset.spec.is_image
        groups = [set(split.group) for split in dataset.splits.values()]
        assert set.union(*groups) == set(range(120))
        assert sum(map(len, groups)) == 120
        for split in dataset.splits.values():
            np.testing.assert_array_equal(
                split.context, arrays["subject"][split.group] - 1
            )
        return [
            {key: arrays[key][sorted(g)].astype(int) for key in list(arrays)[2:]}
            for g in groups
        ]

    def test_repetitions(self, tmp_path):
        train, validation, test = self.groups("skeletons", tmp_path)
        assert set(train["repetition"]) == {1, 2}
        assert set(validation["repetition"]) == {2}
        assert set(test["repetition"]) == {3}
        assert len(test["action"]) == 40
        assert set((validation["action"] + validation["subject"]) % 3) == {0}
        assert len(validation["action"]) == 14

    def test_actions(self, tmp_path):
        train, validation, test = self.groups("skeletons_actions", tmp_path)
        assert set(test["action"]) == set(range(2, 21, 2))
        assert set(validation["action"]) == {9, 19}
        assert set(train["action"]) == {1, 3, 5, 7, 11, 13, 15, 17}

    @needs_data
    @pytest.mark.parametrize(
        ("name", "sequences"),
        [("skeletons", (313, 62, 185)), ("skeletons_actions", (213, 60, 287))],
    )
    def test_splits_are_those_of_the_docstrings(self, name, sequences):
        dataset = data.load(name, data_dir=os.path.join(ROOT, "npz"))
        groups = [set(split.group) for split in dataset.splits.values()]
        assert tuple(map(len, groups)) == sequences
        assert len(set.union(*groups)) == sum(sequences) == 560


FAULTS = {
    "missing": ({"subject": None}, "received subject missing in"),
    "joints": ({"joints": lambda x: x[:, :15]}, r"joints of shape \[2880, 15, 3\]"),
    "integers": ({"joints": lambda x: x.astype(int)}, "and dtype int64 in"),
    "nan": ({"joints": lambda x: x / 0.0 * 0.0}, "joints with NaN or infinity in"),
    "end": ({"offset": lambda x: x + 1}, "offset that does not rise from 0 to 2880"),
    "falls": (
        {"offset": lambda x: x[[0, 2, 1, *range(3, 121)]].astype("uint16")},
        "offset that does not rise",
    ),
    "none": ({"offset": lambda x: x[:0]}, "offset that does not rise"),
    "floats": ({"offset": lambda x: x / 1}, r"offset of shape \[121\] and dtype float"),
    "labels": ({"action": lambda x: x[1:]}, r"action of shape \[119\]"),
    "zero": ({"subject": lambda x: x - 1}, "received subject from 0 in"),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_wrong_file_is_described(tmp_path, name):
    changes, message = FAULTS[name]
    arrays = recordings()
    for key, change in changes.items():
        if change is None:
            del arrays[key]
        else:
            with np.errstate(all="ignore"):
                arrays[key] = change(arrays[key])
    with pytest.raises(ValueError, match=f"holds the array joints .*{message}.*again"):
        load("skeletons", tmp_path, arrays)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_not_there_is_described(tmp_path, name):
    message = r"msr_action3d\.npz in --data_dir or .*joints \[frames, 20, 3\].*https://"
    with pytest.raises(FileNotFoundError, match=message):
        data.load(name, data_dir=str(tmp_path))


def test_recordings_without_a_third_repetition_have_no_test_split(tmp_path):
    arrays = recordings()
    arrays["repetition"] = np.minimum(arrays["repetition"], 2)
    with pytest.raises(ValueError, match="none in the test split of skeletons"):
        load("skeletons", tmp_path, arrays)


class TestWalkers:
    def test_always_the_same(self, walks):
        again = walkers.recordings()
        for field in dataclasses.fields(walks):
            np.testing.assert_array_equal(
                getattr(walks, field.name), getattr(again, field.name)
            )
        fingerprints = {
            data.load("walkers", seed=seed).fingerprint() for seed in (0, 1)
        }
        assert len(fingerprints) == 1

    def test_they_are_of_the_format(self, walks, tmp_path):
        dataset = load("skeletons", tmp_path, dataclasses.asdict(walks))
        assert dataset.spec.context.num_classes == 10

    def test_walks_are_in_one_split_and_persons_in_all(self):
        splits = data.load("walkers").splits.values()
        groups = [set(split.group) for split in splits]
        assert [len(group) for group in groups] == [160, 40, 40]
        assert len(set.union(*groups)) == 240
        for split in splits:
            assert set(np.bincount(split.context)) == {len(split) // 10}

    def test_persons_can_be_told_apart(self):
        train, _, test = data.load("walkers").splits.values()
        # By the lengths of bones alone: the person with the nearest mean.
        lengths = [
            np.linalg.norm(split.x - split.x[:, :, PARENTS], axis=-1).mean(axis=1)
            for split in (train, test)
        ]
        means = np.stack([lengths[0][train.context == k].mean(0) for k in range(10)])
        distance = np.linalg.norm(lengths[1][:, None] - means, axis=-1)
        assert np.mean(distance.argmin(axis=1) == test.context) > 0.95
        # And by how they move: what differs within a window from its mean.
        moves = [split.x.std(axis=1).reshape(len(split), -1) for split in (train, test)]
        means = np.stack([moves[0][train.context == k].mean(0) for k in range(10)])
        distance = np.linalg.norm(moves[1][:, None] - means, axis=-1)
        assert np.mean(distance.argmin(axis=1) == test.context) > 0.4

    def test_bones_keep_their_lengths_and_one_foot_is_on_the_ground(self, monkeypatch):
        monkeypatch.setattr(walkers, "_NOISE", 0.0)
        walks = walkers.recordings()
        x = walks.joints.reshape(10, 24, 64, 20, 3).astype("float64")
        length = np.linalg.norm(x - x[..., PARENTS, :], axis=-1)
        np.testing.assert_allclose(
            length, np.broadcast_to(length[:, :1, :1], length.shape), atol=1e-5
        )
        assert np.ptp(length[:, 0, 0, 13]) > 0.05
        ground = x[..., [15, 16], 1].min(axis=-1)
        np.testing.assert_allclose(
            ground, np.broadcast_to(ground[..., :1], ground.shape), atol=1e-5
        )
        # Left and right legs are in turns before the pelvis.
        ahead = x[..., 15, :] - x[..., 16, :]
        assert (np.linalg.norm(ahead, axis=-1).min(axis=-1) < 0.3).all()
        assert (np.linalg.norm(ahead, axis=-1).max(axis=-1) > 0.4).all()


def test_samples_are_drawn_as_stick_figures_a_row_a_person(tmp_path, monkeypatch):
    drawn = {}

    def keep(path, windows, parents, **options):
        drawn.update(options, windows=windows, parents=parents)
        return path

    monkeypatch.setattr(pictures, "stick_figures", keep)
    dataset = data.load("walkers")
    x, person = dataset.test.x[::-7], dataset.test.context[::-7]
    showing.draw_picture(tmp_path / "a.png", None, dataset, x, person)
    assert drawn["parents"] == PARENTS
    assert drawn["row_labels"] == [str(label) for label in range(10)]
    firsts = [x[np.flatnonzero(person == label)[0]] for label in range(10)]
    np.testing.assert_array_equal(drawn["windows"], firsts)
    dataset = dataset.without_context()
    showing.draw_picture(tmp_path / "a.png", None, dataset, x)
    np.testing.assert_array_equal(drawn["windows"], x[:10])
    assert drawn["row_labels"] is None


@pytest.mark.parametrize(
    ("shape", "parents"),
    [((16, 2, 3), (0, 0, 0)), ((16, 2, 2), (0, 0)), ((2, 3), (0, 2)), ((6,), (0, 0))],
)
def test_a_spec_of_skeletons_is_checked(shape, parents):
    with pytest.raises(ValueError, match="event_shape .frames, joints, 3.*received"):
        data.DataSpec("a", shape, "float32", parents=parents)
