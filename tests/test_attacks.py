"""Bad luck of whole programs: full disks, names, encodings, links, clocks and servers.

An error is one line; nothing that existed is lost; nothing incomplete passes for whole.
"""

import contextlib
import hashlib
import io
import os
import pathlib
import runpy
import sys
import threading
import time
from concurrent import futures

import pytest
from conftest import CACHE, ROOT, make_folder

import download_reuters
import imdb_lstm
from corpus import command, data_file, fetch
from tests.stress import fuzz

resource = pytest.importorskip("resource")  # not on Windows

DATA_PROGRAMS = {"download_imdb.py": ["aclImdb"], "download_reuters.py": ["reuters21578"]}
DATA_PROGRAMS["prepare_texts.py"] = ["mine.csv"]
PROGRAMS = DATA_PROGRAMS | {"predict.py": ["run", "film"]}


def start(program, *arguments):
    """Runs a program in this process; returns what it gives to sys.exit, or None."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [program, *arguments])
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
    make_folder(in_folder / "reuters21578", {"reut2-000.sgm": wires})
    make_folder(in_folder, {"mine.csv": fuzz.TABLE})
    make_folder(in_folder / "run", fuzz.valid_run())


@contextlib.contextmanager
def full_disk():
    """No file grows beyond 1,000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("program", DATA_PROGRAMS)
def test_a_full_disk_leaves_the_data_file_as_it_was(inputs, program):
    assert start(program, *DATA_PROGRAMS[program]) is None
    [path] = pathlib.Path("data").iterdir()
    before = path.read_bytes()
    with full_disk():
        reason = start(program, *DATA_PROGRAMS[program])
    fuzz.check_one_line(reason)
    assert str(path) in reason
    assert [other.read_bytes() for other in pathlib.Path("data").iterdir()] == [before]


def test_a_copy_that_does_not_fit_into_keras_cache_is_refused(in_folder, empty_cache, monkeypatch):
    pathlib.Path("imdb.npz").write_bytes(bytes(5000))
    with full_disk(), pytest.raises(OSError) as error:
        fetch.copy("imdb.npz", "http://127.0.0.1/imdb.npz", hashlib.sha256(bytes(5000)).hexdigest())
    fuzz.check_one_line(str(error.value))
    assert not (CACHE / "imdb.npz").exists()


@pytest.mark.parametrize("output", ["/dev/full", "a pipe that closes"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_output_that_cannot_be_written_ends_a_program(inputs, capfd, program, output):
    if output == "/dev/full":
        target = os.open(output, os.O_WRONLY)
    else:
        reader, target = os.pipe()
        os.close(reader)
    file = io.TextIOWrapper(open(target, "wb", buffering=0), write_through=True)
    with contextlib.redirect_stdout(file):
        reason = start(program, *PROGRAMS[program])
    assert ("No space left" in reason) if output == "/dev/full" else (reason == 1)


@pytest.mark.parametrize("way", ["file", "link"])
@pytest.mark.parametrize("program", DATA_PROGRAMS)
def test_a_file_or_dead_link_instead_of_the_folder_data_is_named_and_kept(inputs, program, way):
    os.symlink("/nowhere/at/all", "data") if way == "link" else pathlib.Path("data").touch()
    reason = start(program, *DATA_PROGRAMS[program])
    fuzz.check_one_line(reason)
    assert "data" in reason and not os.path.isdir("data") and os.path.lexists("data")


def test_a_dead_link_among_the_texts_is_named(inputs):
    os.symlink("/nowhere/at/all", "aclImdb/train/pos/2_1.txt")
    reason = start("download_imdb.py", "aclImdb")
    fuzz.check_one_line(reason)
    assert "2_1.txt" in reason and os.listdir("data") == []


def test_data_may_be_a_link_and_what_a_data_file_links_to_is_not_changed(inputs):
    os.mkdir("disk")
    os.symlink("disk", "data")
    pathlib.Path("precious").write_text("precious")
    os.symlink("../precious", "disk/imdb.npz")
    assert start("download_imdb.py", "aclImdb") is None
    assert data_file.read("disk/imdb.npz") and pathlib.Path("precious").read_text() == "precious"


def test_folders_and_files_may_have_spaces_and_umlauts(inputs, monkeypatch):
    os.mkdir("Meine Übung 1")
    os.rename("mine.csv", "Meine Übung 1/müde Kunden.csv")
    os.rename("run", "Meine Übung 1/großer Lauf")
    monkeypatch.chdir("Meine Übung 1")
    assert start("prepare_texts.py", "müde Kunden.csv") is None
    assert data_file.read("data/müde Kunden.npz")
    assert start("predict.py", "großer Lauf", "schöner Film") is None


def test_a_class_whose_name_is_not_utf8_is_accepted_or_refused_in_one_line(in_folder):
    classes = "gut", os.fsdecode(b"gr\xf6\xdfer")
    make_folder(in_folder, {f"mine/{classes[n % 2]}/{n}.txt": b"text %d" % n for n in range(8)})
    with fuzz.refusals():
        fuzz.prepare_texts.main(["mine"])


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_run_where_only_ascii_can_be_shown(inputs, program):
    pathlib.Path("mine.csv").write_text("text,label\n" + "a,schön\nb,größer\n" * 5)
    for arguments in ["--help"], PROGRAMS[program][:1] + ["größer"] * (program == "predict.py"):
        output = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
        with contextlib.redirect_stdout(output):
            assert start(program, *arguments) in (None, 0)


@pytest.mark.parametrize("year", [1970, 2110])
def test_files_and_the_clock_may_be_of_any_year(inputs, monkeypatch, year):
    """A computer without a clock is in 1970 until it finds a network; zip files begin in 1980."""
    seconds, localtime = (year - 1970) * 365.25 * 86_400 + 86_400, time.localtime
    monkeypatch.setattr(time, "time", lambda: seconds)
    monkeypatch.setattr(time, "localtime", lambda at=seconds: localtime(at))
    assert start("download_imdb.py", "aclImdb") is None
    for path in "data/imdb.npz", *pathlib.Path("run").iterdir():
        os.utime(path, (seconds, seconds))
    assert start("download_imdb.py") is None and start("predict.py", "run", "film") is None


TROUBLES = {
    "no HTTP": b"SSH-2.0\r\n\r\n",
    "an endless redirect": b"HTTP/1.0 302 Found\r\nLocation: %s\r\n\r\n",
    "a redirect to a file": b"HTTP/1.0 302 Found\r\nLocation: file:///etc/hostname\r\n\r\n",
    "silence after a while": b"HTTP/1.0 200 OK\r\n\r\nabc",
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_bad_server_is_given_up_and_nothing_is_left(server, in_folder, monkeypatch, trouble):
    def answer(request):
        request.wfile.write(TROUBLES[trouble].replace(b"%s", request.path.encode()))
        time.sleep(30 * (trouble == "silence after a while"))

    monkeypatch.setattr(command, "TIMEOUT", 0.5)
    server.answers |= dict.fromkeys(["reuters.npz", "imdb.npz"], answer)
    begin = time.monotonic()
    with pytest.raises(fuzz.DataError, match="Reuters cannot be fetched"):
        download_reuters.main(["--no-sample"])
    assert os.listdir(CACHE) == [] and os.listdir("data") == []
    with pytest.raises(SystemExit, match="run download_imdb.py"):
        imdb_lstm.load_data()
    assert time.monotonic() - begin < 20


def test_two_downloads_at_once_do_not_disturb_each_other(server, monkeypatch):
    content, both = bytes(range(256)) * 1200, threading.Barrier(2)

    def together(request):
        request.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + content[:100_000])
        both.wait(20)
        request.wfile.write(content[100_000:])

    server.answers["f.npz"] = together
    monkeypatch.setattr(os, "getpid", threading.get_ident)  # threads in place of processes
    arguments = [f"{server.url}f.npz"] * 2, [hashlib.sha256(content).hexdigest()] * 2
    with futures.ThreadPoolExecutor() as pool:
        paths = list(pool.map(fetch.fetch, *arguments))
    assert paths == [str(path) for path in CACHE.iterdir()] * 2
    assert pathlib.Path(paths[0]).read_bytes() == content
