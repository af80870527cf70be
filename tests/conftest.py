"""What several test files use. No test reaches the network: a proxy that nobody answers stands in its way."""

import os
import pathlib
import subprocess
import sys
import tempfile

# Before keras is imported, which reads KERAS_HOME once: tests must not see or touch the person's own cache.
KERAS_HOME = tempfile.TemporaryDirectory()
os.environ.update(KERAS_HOME=KERAS_HOME.name, https_proxy="http://127.0.0.1:9", HTTPS_PROXY="http://127.0.0.1:9")
os.environ.update(no_proxy="127.0.0.1", NO_PROXY="127.0.0.1")

import numpy as np
import pytest

import data_files
import download_imdb

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """An empty folder, which is the current one during the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def sample():
    """The built-in sample as a dict of arrays."""
    return download_imdb.from_sample()


@pytest.fixture(scope="session")
def small_sample(sample):
    """The first 600 and 200 reviews of the built-in sample."""
    small = dict(sample)
    for part, count in ("train", 600), ("test", 200):
        lengths = sample[f"{part}_lengths"][:count]
        small[f"{part}_lengths"] = lengths
        small[f"y_{part}"] = sample[f"y_{part}"][:count]
        small[f"x_{part}"] = sample[f"x_{part}"][: lengths.sum()]
    return small


@pytest.fixture(scope="session")
def shared_data():
    """The folder with the real archives; tests that want it are skipped where it is missing."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data (../shared/data) are not here")
    return folder


def run(script, folder, *arguments):
    """Runs a script of this project as a process in a folder, as a person would."""
    return subprocess.run(
        [sys.executable, str(script), *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=600
    )


def texts_of(data, part):
    """Returns the id arrays of a data file's train or test part, one per text."""
    return np.split(data[f"x_{part}"], np.cumsum(data[f"{part}_lengths"])[:-1])


def words_of(data):
    return bytes(data["vocabulary"]).decode().split("\n")


def same_data(one, other):
    return all(np.array_equal(one[name], other[name]) for name in data_files.ARRAYS)
