"""Fixtures and functions of several test files. No test reaches the network or the user's cache."""

import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

# Before keras is imported, which reads KERAS_HOME once. Nobody answers at port 9.
KERAS_HOME = tempfile.TemporaryDirectory()
os.environ["KERAS_HOME"] = KERAS_HOME.name
os.environ |= dict.fromkeys(["http_proxy", "https_proxy", "HTTPS_PROXY"], "http://127.0.0.1:9")
os.environ |= dict.fromkeys(["no_proxy", "NO_PROXY"], "127.0.0.1")

import hypothesis  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

from corpus import samples  # noqa: E402

ROOT = pathlib.Path(__file__).parents[1]
SCRIPTS = [path for path in sorted(ROOT.glob("*.py")) if "\ndef build_model(" in path.read_text()]
SCRIPTS = [path.stem for path in SCRIPTS]
CACHE = pathlib.Path(KERAS_HOME.name, "datasets")

hypothesis.settings.register_profile("here", database=None, deadline=None, derandomize=True)
hypothesis.settings.load_profile("here")


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """An empty folder, which is the current one during the test."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def empty_cache():
    """Keras's cache, empty before and after the test."""
    CACHE.mkdir(exist_ok=True)
    yield CACHE
    for path in CACHE.iterdir():
        path.unlink()


@pytest.fixture(scope="session")
def sample():
    """The built-in sample of IMDB, a dict of arrays."""
    return samples.imdb()


@pytest.fixture(scope="session")
def small_sample(sample):
    """The first 600 training and 200 test reviews of the sample, with the whole vocabulary."""
    small = dict(sample)
    for part, count in ("train", 600), ("test", 200):
        lengths = sample[f"{part}_lengths"][:count]
        small[f"{part}_lengths"], small[f"y_{part}"] = lengths, sample[f"y_{part}"][:count]
        small[f"x_{part}"] = sample[f"x_{part}"][: lengths.sum()]
    return small


@pytest.fixture(scope="session")
def shared_data():
    """The folder with the real archives."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real archives (../shared/data) are missing")
    return folder


def run(script, folder, *arguments):
    """Runs a Python script as a process in a folder, as a user would."""
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)


def texts_of(data, part):
    """Returns the id arrays of a data file's train or test part, one per text."""
    return np.split(data[f"x_{part}"], np.cumsum(data[f"{part}_lengths"])[:-1])


def words_of(data):
    return bytes(data["vocabulary"]).decode().split("\n")


def make_archive(path, files):
    """Writes {name: bytes} as a tar archive; returns its path."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return str(path)


def make_folder(path, files):
    """Writes {name: bytes} as files in a folder and returns its path."""
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return str(path)


def make_keras_files(folder):
    """Writes imdb.npz, reuters.npz and their word indices in Keras's own format: random texts."""
    random = np.random.default_rng(0)
    # Pickled object arrays. The None keeps numpy from making a table of texts of one length.
    lists = [random.integers(1, 301, size).tolist() for size in random.integers(5, 40, 100)]
    texts = np.array([*lists, None], dtype=object)[:-1]
    arrays = {"x_train": texts[:60], "x_test": texts[60:]}
    np.savez(folder / "imdb.npz", **arrays, y_train=np.arange(60) % 2, y_test=np.arange(40) % 2)
    np.savez(folder / "reuters.npz", x=texts, y=np.arange(100) % 46)
    ranks = {f"word{number}": number + 1 for number in reversed(range(300))}
    for name in "imdb", "reuters":
        (folder / f"{name}_word_index.json").write_text(json.dumps(ranks))


@pytest.fixture
def keras_datasets(tmp_path, monkeypatch):
    """Makes keras.datasets read random texts; returns the folder of their files."""
    folder = tmp_path / "keras"
    folder.mkdir()
    make_keras_files(folder)
    for name in "imdb", "reuters":
        place = f"keras.src.datasets.{name}.get_file"
        monkeypatch.setattr(place, lambda fname, **_: str(folder / fname))
    return folder
