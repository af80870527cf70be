"""Full disks, closed pipes and links: an error is one line, and nothing is lost."""

import contextlib
import hashlib
import os
import pathlib
import subprocess
import sys
from unittest import mock

import pytest
from conftest import ROOT, make_folder

import download_imdb
from corpus import DataError, cli, download
from tests.stress import fuzz

resource = pytest.importorskip("resource")  # not on Windows


@pytest.fixture
def program(in_folder):
    """download_imdb.py with reviews: a function that returns None, or the line that it ends in."""
    reviews = (f"{part}/{label}/1_1.txt" for part in ("train", "test") for label in ("pos", "neg"))
    make_folder(in_folder / "aclImdb", {name: b"a fine film" for name in reviews})

    def run():
        try:
            cli.start(lambda: download_imdb.main(["aclImdb"]))
        except SystemExit as stop:
            fuzz.check_one_line(stop.code)
            return stop.code

    return run


@contextlib.contextmanager
def full_disk():
    """No file grows beyond 1,000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_data_file_as_it_was(program):
    assert program() is None
    before = pathlib.Path("data/imdb.npz").read_bytes()
    with full_disk():
        assert "data/imdb.npz" in program()
    assert pathlib.Path("data/imdb.npz").read_bytes() == before
    assert os.listdir("data") == ["imdb.npz"]


def test_a_download_that_does_not_fit_into_keras_cache_leaves_nothing(empty_cache, monkeypatch):
    monkeypatch.setattr(download, "get", lambda url: bytes(5000))
    with full_disk(), pytest.raises(DataError) as error:
        download.fetch("http://127.0.0.1/imdb.npz", hashlib.sha256(bytes(5000)).hexdigest())
    fuzz.check_one_line(str(error.value))
    assert "imdb.npz" in str(error.value) and os.listdir(empty_cache) == []


@pytest.mark.parametrize("output", ["/dev/full", "a pipe that closes"])
def test_output_that_cannot_be_written_ends_without_a_traceback(program, output):
    reader, target = os.pipe()
    os.close(reader)
    if output == "/dev/full":
        target = os.open(output, os.O_WRONLY)
    line = [sys.executable, str(ROOT / "download_imdb.py"), "aclImdb"]
    buffered = os.environ | {"PYTHONUNBUFFERED": ""}
    process = subprocess.run(line, stdout=target, stderr=subprocess.PIPE, text=True, env=buffered)
    os.close(target)
    assert process.returncode == 1
    for unwanted in "Traceback", "Exception ignored", "Broken pipe":
        assert unwanted not in process.stderr
    assert ("No space left" in process.stderr) == (output == "/dev/full")


def test_a_dead_link_instead_of_the_folder_data_is_named_and_kept(program):
    os.symlink("/nowhere/at/all", "data")
    assert "folder data" in program()
    assert os.path.lexists("data") and not os.path.isdir("data")


def test_what_a_data_file_links_to_is_not_changed(program):
    program()
    os.replace("data/imdb.npz", "precious")
    before = pathlib.Path("precious").read_bytes()
    os.symlink("../precious", "data/imdb.npz")
    assert program() is None and not os.path.islink("data/imdb.npz")
    assert pathlib.Path("precious").read_bytes() == before


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt(), DataError("no \x1b[2J")])
def test_an_error_that_a_user_can_correct_ends_in_one_line_without_control_characters(error):
    with pytest.raises(SystemExit) as stop:
        cli.start(mock.Mock(side_effect=error))
    fuzz.check_one_line(stop.value.code)
    assert stop.value.code.isprintable()


@pytest.mark.parametrize("argument", ["", "--no-sample="])
def test_an_empty_argument_is_refused(in_folder, capsys, argument):
    with pytest.raises(SystemExit) as stop:
        download_imdb.main([argument])
    assert stop.value.code == 2 and os.listdir() == []
    assert "an argument is empty" in capsys.readouterr().err.splitlines()[-1]
