"""What several test files use. No test reaches the network: a proxy that nobody answers stands in its way."""

import contextlib
import functools
import http.server
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading

# Before keras is imported, which reads KERAS_HOME once: tests must not see or touch the person's own cache.
KERAS_HOME = tempfile.TemporaryDirectory()
os.environ.update(KERAS_HOME=KERAS_HOME.name, https_proxy="http://127.0.0.1:9", HTTPS_PROXY="http://127.0.0.1:9")
os.environ.update(no_proxy="127.0.0.1", NO_PROXY="127.0.0.1")

import keras
import numpy as np
import pytest

import data_files
import download_imdb
import download_reuters

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "results"))  # where the programs that measure are
CACHE = os.path.join(KERAS_HOME.name, "datasets")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: some ten seconds or more; `-m 'not slow'` leaves these tests out")


def pytest_collection_modifyitems(items):
    for item in items:
        if "trained" in item.fixturenames:
            item.add_marker("slow")


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """An empty folder, which is the current one during the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def empty_cache():
    """Sees to it that Keras's cache is empty before and after the test."""
    os.makedirs(CACHE, exist_ok=True)
    yield
    for name in os.listdir(CACHE):
        os.remove(os.path.join(CACHE, name))


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


@pytest.fixture(scope="session")
def trained(tmp_path_factory, sample):
    """A function that runs a training script with its defaults, alone in a folder with its built-in sample.

    It returns the folder and the finished process; each script is run once.
    """

    @functools.cache
    def train(script):
        folder = tmp_path_factory.mktemp(script)
        shutil.copy(ROOT / f"{script}.py", folder)
        name, data = ("reuters", download_reuters.from_sample()) if script == "reuters_rnn" else ("imdb", sample)
        data_files.write(str(folder / "data" / f"{name}.npz"), data)
        return folder, run(f"{script}.py", folder)

    return train


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


def download(corpus, *arguments):
    data_files.main(corpus, "", [str(argument) for argument in arguments])


def refused(corpus, *arguments, reason):
    """Asserts that a download ends with a reason in one line, and that the data file stays as it was."""
    os.makedirs("data", exist_ok=True)
    with open(corpus.data_file, "wb") as file:
        file.write(b"as it was")
    with pytest.raises(SystemExit, match=reason) as stop:
        download(corpus, *arguments)
    assert "\n" not in stop.value.code
    with open(corpus.data_file, "rb") as file:
        assert file.read() == b"as it was"


@contextlib.contextmanager
def serving_for_keras(folder, corpus, monkeypatch):
    """Serves a folder on the loopback interface as if it were Keras's server and its files had the known hashes."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    hashes = {
        name: data_files.digest(folder / name, "0" * length) for name, length in zip(corpus.keras_files, (64, 32))
    }
    monkeypatch.setattr(data_files, "KERAS_URL", url)
    monkeypatch.setattr(corpus, "keras_hashes", tuple(hashes.values()))
    # keras.datasets has the address and the hash in its code.
    real = keras.utils.get_file
    monkeypatch.setattr(
        f"keras.src.datasets.{corpus.keras_name}.get_file",
        lambda fname="", origin="", file_hash="", **_: real(fname=fname, origin=url + fname, file_hash=hashes[fname]),
    )
    yield url
    server.shutdown()
    server.server_close()


def make_archive(path, files):
    """Writes {name: bytes} as a tar archive and returns its path."""
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
