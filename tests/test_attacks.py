"""Bad luck of whole programs: full disks, closed pipes, dead links, two downloads at once.

An error is one line; nothing that existed is lost; nothing incomplete passes for whole.
"""

import contextlib
import hashlib
import os
import pathlib
import runpy
import subprocess
import sys

import pytest
from conftest import ROOT, make_folder

import download_imdb
from corpus import DataError, cli, data_file, download
from tests.stress import fuzz

resource = pytest.importorskip("resource")  # not on Windows

PROGRAMS = {"download_imdb.py": "aclImdb", "download_reuters.py": "reuters21578"}
PROGRAMS["prepare_texts.py"] = "mine.csv"


def start(program):
    """Runs a program on its input in this process; returns what it gives to sys.exit, or None."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [program, PROGRAMS[program]])
        try:
            runpy.run_path(str(ROOT / program), run_name="__main__")
        except SystemExit as stop:
            return stop.code


@pytest.fixture
def inputs(in_folder):
    """What all PROGRAMS read, in the current folder."""
    reviews = (f"{part}/{label}/1_1.txt" for part in ("train", "test") for label in ("pos", "neg"))
    make_folder(in_folder / "aclImdb", {name: b"a fine film" for name in reviews})
    wires = fuzz.WIRE % b"earn" + fuzz.WIRE % b"acq"
    table = b"text,label\ngood,1\nbad,0\nfine,1\npoor,0\n"
    make_folder(in_folder, {"reuters21578/reut2-000.sgm": wires, "mine.csv": table})


@contextlib.contextmanager
def full_disk():
    """No file grows beyond 1,000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_full_disk_leaves_the_data_file_as_it_was(inputs, program):
    assert start(program) is None
    [path] = pathlib.Path("data").iterdir()
    before = path.read_bytes()
    with full_disk():
        reason = start(program)
    fuzz.check_one_line(reason)
    assert str(path) in reason
    assert [other.read_bytes() for other in pathlib.Path("data").iterdir()] == [before]


def test_a_download_that_does_not_fit_into_keras_cache_leaves_nothing(empty_cache, monkeypatch):
    monkeypatch.setattr(download, "get", lambda url: bytes(5000))
    with full_disk(), pytest.raises(DataError) as error:
        download.fetch("http://127.0.0.1/imdb.npz", hashlib.sha256(bytes(5000)).hexdigest())
    fuzz.check_one_line(str(error.value))
    assert "imdb.npz" in str(error.value) and os.listdir(empty_cache) == []


@pytest.mark.parametrize("output", ["/dev/full", "a pipe that closes"])
def test_output_that_cannot_be_written_ends_without_a_traceback(inputs, output):
    if output == "/dev/full":
        target = os.open(output, os.O_WRONLY)
    else:
        reader, target = os.pipe()
        os.close(reader)
    line = [sys.executable, str(ROOT / "download_imdb.py"), "aclImdb"]
    process = subprocess.run(line, stdout=target, stderr=subprocess.PIPE, text=True)
    os.close(target)
    assert process.returncode == 1
    assert "Traceback" not in process.stderr and "Exception ignored" not in process.stderr
    assert ("No space left" in process.stderr) == (output == "/dev/full")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_dead_link_instead_of_the_folder_data_is_named_and_kept(inputs, program):
    os.symlink("/nowhere/at/all", "data")
    reason = start(program)
    fuzz.check_one_line(reason)
    assert "folder data cannot be written to" in reason  # said before all work
    assert not os.path.isdir("data") and os.path.lexists("data")


def test_a_dead_link_among_the_texts_is_named(inputs):
    os.symlink("/nowhere/at/all", "aclImdb/train/pos/2_1.txt")
    reason = start("download_imdb.py")
    fuzz.check_one_line(reason)
    assert "2_1.txt" in reason and os.listdir("data") == []


def test_data_may_be_a_link_and_what_a_data_file_links_to_is_not_changed(inputs):
    os.mkdir("disk")
    os.symlink("disk", "data")
    assert start("download_imdb.py") is None
    os.replace("disk/imdb.npz", "precious")
    before = pathlib.Path("precious").read_bytes()
    os.symlink("../precious", "disk/imdb.npz")
    assert start("download_imdb.py") is None
    assert data_file.read("disk/imdb.npz") and not os.path.islink("disk/imdb.npz")
    assert pathlib.Path("precious").read_bytes() == before


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt(), DataError("no text")])
def test_an_error_that_a_user_can_correct_ends_in_one_line(error):
    def main():
        raise error

    with pytest.raises(SystemExit) as stop:
        cli.start(main)
    fuzz.check_one_line(stop.value.code)


@pytest.mark.parametrize("arguments", [[""], ["--no-sample", ""], ["--no-sample="]])
def test_an_empty_argument_is_refused(in_folder, capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        download_imdb.main(arguments)
    assert stop.value.code == 2 and os.listdir() == []
    assert "an argument is empty" in capsys.readouterr().err.splitlines()[-1]
