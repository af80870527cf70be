"""Word vectors, the data file and the samples."""

import os
import pathlib
from unittest import mock

import numpy as np
import pytest

from corpus import DataError, data_file, samples, vectors
from download_reuters import TOPICS

# --- Vectors ---


def vectors_by_hand(ids, rows, contexts, window):
    """Returns U sqrt(S) of the positive pointwise mutual information, with the rows' norms."""
    ids = np.where(ids < rows, ids, 2)
    near = np.where(ids < contexts, ids, 2)
    chance = np.bincount(near, minlength=contexts) / len(near)
    near = [1] * window + near.tolist() + [1] * window  # start ids in front and behind
    counts = np.zeros((rows, contexts))
    for place, word in enumerate(ids):
        for distance in range(1, window + 1):
            counts[word, near[place + window - distance]] += (window + 1 - distance) / window
            counts[word, near[place + window + distance]] += (window + 1 - distance) / window
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(counts / counts.sum(axis=1, keepdims=True) / chance)
    information = np.where(counts > 0, np.maximum(information, 0), 0)
    left, values, _ = np.linalg.svd(information, full_matrices=False)
    vectors, times = left * np.sqrt(values), np.bincount(ids, minlength=rows)
    norms = np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)
    return vectors * (5 * times / (times + 20) / norms)[:, None]


def test_vectors_are_those_of_a_count_by_hand_and_an_svd(monkeypatch):
    # 3,000 random ids from 1 to 79, the lower ones more frequent.
    ids = (1 + 79 * np.random.default_rng(0).random(3_000) ** 2).astype("int32")
    monkeypatch.setattr(vectors, "ROWS", 60)
    monkeypatch.setattr(vectors, "CONTEXTS", 20)
    expected = vectors_by_hand(ids, 60, 20, vectors.WINDOW)
    counted = vectors.count_vectors([ids[:2_000], ids[2_000:]])
    assert counted.dtype == "float32" and counted.shape == (60, vectors.DIMENSIONS)
    # Column by column, the strongest direction first, whatever its sign.
    np.testing.assert_allclose(abs(counted[:, :19]), abs(expected[:, :19]), atol=2e-3)
    assert np.abs(counted[:, 20:]).max() == 0


def test_labels_test_and_validation_texts_do_not_change_the_vectors():
    """Validation is the first tenth of train, as in the scripts, and as hard as test."""
    texts = [f"a good film {number}" for number in range(17)] + ["a bad film", "good and bad"]

    def counted(train, labels=(0, 1), test="bad"):
        parts = train, [*labels] * 10, [test], [1]
        return data_file.from_texts(*parts, ["no", "yes"], "a test")["vectors"]

    one = counted(["bad film", *texts])
    assert np.array_equal(one, counted(["bad film", *texts], (1, 1), "a new good film"))
    assert np.array_equal(one, counted(["film bad", *texts]))
    assert not np.array_equal(one, counted([*texts, "film bad"]))


# --- The data file ---


def packed(train=("one two", "two three"), y_train=(0, 1), test=("two",), y_test=(1,), **changes):
    options = {"classes": ["no", "yes"], "source": "a test"} | changes
    return data_file.from_texts(train, y_train, test, y_test, **options)


PACKED = packed()


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "new" / "x.npz"
    data_file.write(str(path), PACKED)
    data = data_file.read(str(path))
    assert data.keys() == PACKED.keys()
    assert all(np.array_equal(data[name], value) for name, value in PACKED.items())


def test_the_fingerprint_changes_with_any_array_and_not_with_the_source():
    changes = [{}, {"train": ["two one", "two three"]}, {"train": ["one", "two two three"]}]
    changes += [{"train": ["one two", "two four"]}, {"y_train": [1, 1]}, {"test": ["one"]}]
    changes += [{"test": ["two", "two"], "y_test": [1, 1]}, {"y_test": [0]}]
    changes += [{"classes": ["no", "maybe"]}]
    fingerprint = [data_file.about_of(packed(**change))["fingerprint"] for change in changes]
    assert len(set(fingerprint)) == len(changes)
    other = data_file.with_source(packed(source="another"), "a third")
    assert data_file.about_of(other) == data_file.about_of(PACKED) | {"source": "a third"}


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("step", ["numpy.savez", "os.fsync", "os.replace"])
def test_an_interrupted_write_leaves_the_old_file(tmp_path, step, failure):
    path = tmp_path / "x.npz"
    data_file.write(str(path), PACKED)
    before = path.read_bytes()
    with mock.patch(step, side_effect=failure):
        with pytest.raises(KeyboardInterrupt if failure is KeyboardInterrupt else DataError):
            data_file.write(str(path), packed(["something", "else"]))
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["x.npz"]


DAMAGES = {name: {name: None} for name in [*data_file.ARRAYS, "about"]} | {
    "lengths": {"train_lengths": np.array([4, 3], dtype="int32")},
    "type": {"x_train": PACKED["x_train"].astype(float)},
    "edited labels": {"y_train": 1 - PACKED["y_train"]},
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_an_invalid_data_file_is_refused_with_its_name(tmp_path, damage):
    data = {name: value for name, value in (PACKED | damage).items() if value is not None}
    np.savez(tmp_path / "x.npz", **data)
    with pytest.raises(DataError, match="x.npz"):
        data_file.read(str(tmp_path / "x.npz"))


class Pickled:
    def __reduce__(self):
        return pathlib.Path.touch, (pathlib.Path("executed"),)


def test_nothing_is_unpickled(in_folder):
    np.savez("imdb.npz", **(PACKED | {"x_train": np.array([Pickled()], dtype=object)}))
    with pytest.raises(DataError, match="imdb.npz"):
        data_file.read("imdb.npz")
    assert os.listdir() == ["imdb.npz"]


# --- The samples ---


def test_the_samples_are_as_measured(sample):
    assert data_file.hash_of(sample, "") == "46a5fed3f4d0efa5"
    wires = samples.reuters()
    assert data_file.hash_of(wires, "") == "1891e65c29d167f9"
    counts = np.bincount(wires["y_train"])
    assert len(counts) == len(samples.SUBJECTS) == 12 and counts.max() > 5 * counts.min() > 0
    assert set(samples.SUBJECTS) < set(TOPICS)
