"""Closed pipes, full disks, links, empty arguments: an error is one line, and nothing is lost."""

import os
import pathlib
import subprocess
import sys
from unittest import mock

import pytest
from conftest import ROOT

import download_imdb
from corpus import DataError, cli
from tests.stress import fuzz


@pytest.mark.parametrize("output", ["/dev/full", "a pipe that closes"])
def test_output_that_cannot_be_written_ends_without_a_traceback(in_folder, output):
    reader, target = os.pipe()
    os.close(reader)
    if output == "/dev/full":
        target = os.open(output, os.O_WRONLY)
    line = [sys.executable, str(ROOT / "download_imdb.py"), "--help"]
    buffered = os.environ | {"PYTHONUNBUFFERED": ""}
    process = subprocess.run(line, stdout=target, stderr=subprocess.PIPE, text=True, env=buffered)
    os.close(target)
    assert process.returncode == 1
    for unwanted in "Traceback", "Exception ignored", "Broken pipe":
        assert unwanted not in process.stderr
    assert ("No space left" in process.stderr) == (output == "/dev/full")


def test_what_a_data_file_links_to_is_not_changed(in_folder, sample, monkeypatch):
    monkeypatch.setattr(download_imdb.samples, "imdb", lambda: sample)
    download_imdb.main(["--sample"])
    os.replace("data/imdb.npz", "precious")
    before = pathlib.Path("precious").read_bytes()
    os.symlink("../precious", "data/imdb.npz")
    download_imdb.main(["--sample"])
    assert not os.path.islink("data/imdb.npz")
    assert pathlib.Path("precious").read_bytes() == before


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt(), DataError("no \x1b[2J")])
def test_an_error_that_a_user_can_correct_ends_in_one_line_without_control_characters(error):
    with pytest.raises(SystemExit) as stop:
        cli.start(mock.Mock(side_effect=error))
    fuzz.check_one_line(stop.value.code)
    assert stop.value.code.isprintable()
