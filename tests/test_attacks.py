"""Bad luck: full disks, odd names and clocks, other encodings and line ends, small terminals, bad models and servers.

What must hold: one line that says what is wrong, nothing lost, nothing half-written that passes for whole.
"""

import contextlib
import hashlib
import http.server
import io
import json
import os
import pathlib
import re
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile

import keras
import numpy as np
import pytest

import benchmark
import data_files
import download_imdb
import fuzz
import imdb_lstm
import kill
import predict
import prepare_texts
import reproduce
import tools
from conftest import CACHE, ROOT, make_folder, run, same_data

pty, resource, termios = map(pytest.importorskip, ["pty", "resource", "termios"])  # which Windows has not

PROGRAMS = [path.name for path in sorted(ROOT.glob("*.py")) if path.name != "data_files.py"]
CORPUS = download_imdb.CORPUS


def start(path, *arguments):
    """Runs a program in this process as `python PATH ...` does; returns what it gives to sys.exit, or None."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(path), *map(str, arguments)])
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as stop:
            return stop.code


def small(script, **constants):
    """Writes a training script of seconds into the current folder and returns its name."""
    kill.make_small(script, pathlib.Path(), kill.SMALL | constants)
    return f"{script}.py"


def content(folder):
    """Returns {name: bytes} of the files of a folder."""
    return {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}


def own_texts(ending="\n", name="mine.csv"):
    """Writes a table of two classes and returns its name; in quotes, the texts have two lines."""
    rows = (f'"wörd{number} {word}{ending}zwei",{word}' for number in range(20) for word in ("gut", "größer"))
    pathlib.Path(name).write_bytes(ending.join(["text,label", *rows, ""]).encode())
    return name


@pytest.fixture
def training(in_folder, small_sample):
    """The name of a training script of seconds, in a folder with its data."""
    data_files.write("data/imdb.npz", small_sample)
    return small("imdb_lstm")


@pytest.fixture
def model(in_folder):
    """The path of a model, with the files of its run beside it."""
    make_folder(in_folder, fuzz.make_run())
    return in_folder / "model.keras"


# --- A full disk -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def full_disk(size):
    """No file grows beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    "program, arguments, made",
    [
        ("download_imdb.py", ["--sample"], "imdb.npz"),
        ("download_reuters.py", ["--sample"], "reuters.npz"),
        ("prepare_texts.py", ["mine.csv"], "mine.npz"),
    ],
)
def test_a_full_disk_leaves_the_data_file_as_it_was(in_folder, capsys, program, arguments, made):
    own_texts()
    start(ROOT / program, *arguments)
    before = content("data")
    with full_disk(1000):
        reason = start(ROOT / program, *arguments)
    fuzz.one_line(reason)
    assert made in reason and content("data") == before and list(before) == [made]


def test_a_full_disk_leaves_the_run_before_as_it_was(training, capsys):
    start(training)
    before = content("runs/imdb_lstm")
    with full_disk(20_000):
        fuzz.one_line(start(training))
    assert content("runs/imdb_lstm") == before


def test_on_a_full_disk_training_names_the_file_that_it_could_not_write(training, capsys):
    with full_disk(20_000):
        assert "runs" in start(training)


def test_ones_own_copy_that_does_not_fit_into_kerass_cache_is_refused_in_one_line(in_folder, empty_cache, monkeypatch):
    (in_folder / "imdb.npz").write_bytes(bytes(5000))
    monkeypatch.setattr(CORPUS, "keras_hashes", (data_files.digest("imdb.npz", "0" * 64), "0" * 32))
    with full_disk(1000), pytest.raises(SystemExit) as stop:
        data_files.start(lambda: data_files.main(CORPUS, "", ["imdb.npz"]))
    fuzz.one_line(stop.value.code)
    assert "imdb.npz" not in os.listdir(CACHE)


def output_into(file):
    """Standard output goes into a file or a file descriptor, at once."""
    return contextlib.redirect_stdout(io.TextIOWrapper(open(file, "wb", buffering=0), write_through=True))


@pytest.mark.parametrize("program", ["download_imdb.py", "download_reuters.py", "prepare_texts.py", "predict.py"])
def test_output_onto_a_full_disk_ends_in_one_line(model, program):
    arguments = {"prepare_texts.py": [own_texts()], "predict.py": [model, "a film"]}.get(program, ["--sample"])
    with output_into("/dev/full"):
        reason = start(ROOT / program, *arguments)
    fuzz.one_line(reason)
    assert "No space left" in reason and "None" not in reason


def test_a_full_disk_leaves_the_measurements_as_they_were(in_folder, capsys, monkeypatch):
    for name in "benchmark.json", "runs.jsonl", "results.md", "baselines.py":
        (in_folder / name).write_bytes((ROOT / "results" / name).read_bytes())
    before = content(".")
    figures = {"seconds": dict.fromkeys(benchmark.STARTUP, [1.0]), "memory": dict.fromkeys(benchmark.STARTUP, [1.0])}
    monkeypatch.setitem(benchmark.PARTS, "startup", (lambda rounds: figures, benchmark.report_startup))
    monkeypatch.setattr(reproduce, "run_in_process", lambda *_: {"source": "", "test_accuracy": 0.5, "seconds": 1.0})
    monkeypatch.setattr(reproduce, "RUNS", in_folder / "runs.jsonl")
    make_folder(in_folder, {"data/imdb.npz": b"", "data/reuters.npz": b""})
    for program, arguments in (benchmark, ["startup"]), (reproduce, ["majority_imdb", "--seeds", "9"]):
        monkeypatch.setattr(program, "FOLDER", in_folder)
        monkeypatch.setattr(sys, "argv", ["program", *arguments])
        with full_disk(2000), pytest.raises(SystemExit) as stop:
            tools.start_program(program.main)
        fuzz.one_line(stop.value.code)
    assert {name: (in_folder / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("damage", [lambda text: text[:-100], lambda text: b"<<<<<<< ours\n" + text])
def test_damaged_measurements_are_named_in_one_line(in_folder, monkeypatch, damage):
    for name in "benchmark.json", "runs.jsonl":
        (in_folder / name).write_bytes(damage((ROOT / "results" / name).read_bytes()))
    monkeypatch.setattr(reproduce, "RUNS", in_folder / "runs.jsonl")
    monkeypatch.setattr(benchmark, "FOLDER", in_folder)
    monkeypatch.setitem(benchmark.PARTS, "startup", (lambda rounds: pytest.fail("measured first"), None))
    make_folder(in_folder, {"data/imdb.npz": b"", "data/reuters.npz": b""})
    for program, argument, name in (reproduce, "--list", "runs.jsonl"), (benchmark, "startup", "benchmark.json"):
        monkeypatch.setattr(sys, "argv", ["program", argument])
        with pytest.raises(SystemExit, match=name) as stop:
            tools.start_program(program.main)
        fuzz.one_line(stop.value.code)


def test_ctrl_c_ends_the_programs_that_measure_in_one_line():
    def main():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as stop:
        tools.start_program(main)
    fuzz.one_line(stop.value.code)


SWALLOWED = """    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise TypeError("got None") from None
"""


@pytest.mark.parametrize("way", ["    signal.raise_signal(signal.SIGINT)\n", SWALLOWED], ids=["plain", "swallowed"])
def test_ctrl_c_ends_training_in_one_line(training, way):
    """Also where TensorFlow makes another error of it, as it does while it traces a network."""
    script = pathlib.Path(training)
    place = "    model.summary()\n"
    script.write_text(script.read_text().replace(place, way + place))
    reason = start(training)
    fuzz.one_line(reason)
    assert reason == "Stopped before the end. The files in runs are those of the last run that was saved."
    assert not os.listdir("runs/imdb_lstm")


def test_ctrl_c_ends_prediction_in_one_line(model, monkeypatch):
    def swallow(*_):
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise TypeError("got None")

    monkeypatch.setattr(keras.Model, "predict_on_batch", swallow)
    assert start(ROOT / "predict.py", model, "film") == "predict.py: stopped"


# --- Links, names, clocks --------------------------------------------------------------------------------------------


def test_folders_may_be_links_and_have_spaces_and_umlauts(tmp_path, monkeypatch, small_sample, capsys):
    work, elsewhere = tmp_path / "Meine Übung 1", tmp_path / "großer Datenträger"
    for folder in work, elsewhere / "data", elsewhere / "runs":
        folder.mkdir(parents=True)
    monkeypatch.chdir(work)
    for name in "data", "runs":
        os.symlink(elsewhere / name, name)
    assert start(ROOT / "download_imdb.py", "--sample") is None
    data_files.write("data/imdb.npz", small_sample)
    assert start(ROOT / "prepare_texts.py", own_texts(name="müde Kunden.csv")) is None
    assert start(small("imdb_lstm")) is None
    assert start(ROOT / "predict.py", "runs/imdb_lstm/model.keras", "the film") is None
    assert os.path.islink("data") and os.path.islink("runs")
    assert sorted(os.listdir(elsewhere / "data")) == ["imdb.npz", "müde Kunden.npz"]
    assert "model.keras" in os.listdir(elsewhere / "runs" / "imdb_lstm")


def test_what_a_data_file_links_to_is_not_written_to(in_folder, small_sample, capsys):
    data_files.write("precious.npz", small_sample)
    before = (in_folder / "precious.npz").read_bytes()
    os.mkdir("data")
    os.symlink("../precious.npz", "data/imdb.npz")
    assert start(ROOT / "download_imdb.py") is None  # "Already there, left as it is."
    assert os.path.islink("data/imdb.npz")
    assert start(ROOT / "download_imdb.py", "--sample") is None
    assert (in_folder / "precious.npz").read_bytes() == before


@pytest.mark.parametrize("way", ["file", "link to nowhere"])
def test_what_is_in_the_way_of_a_folder_is_said_first_and_kept(training, capsys, way):
    os.rename("data", "kept")
    for name in "data", "runs":
        if way == "file":
            pathlib.Path(name).write_text("something else")
        else:
            os.symlink("/nowhere/at/all", name)
    own_texts()
    before = os.listdir()
    for program, arguments in ("download_imdb.py", ["--sample"]), ("prepare_texts.py", ["mine.csv"]):
        reason = start(ROOT / program, *arguments)
        fuzz.one_line(reason)
        assert "data" in reason
    os.remove("data")
    os.rename("kept", "data")
    reason = start(training)
    fuzz.one_line(reason)
    assert "runs" in reason and "Epoch" not in capsys.readouterr().out
    assert set(os.listdir()) == set(before) - {"kept"} and (way != "file" or os.path.getsize("runs") == 14)


@pytest.mark.parametrize("year", [1970, 2110])
def test_with_a_clock_far_off_training_ends_well_or_does_not_begin(training, capsys, monkeypatch, year):
    """A computer without a clock of its own is in 1970 until it has found a network; .keras files begin in 1980."""
    seconds = (year - 1970) * 365.25 * 86_400 + 86_400
    real_time, localtime = time.time, time.localtime
    began = real_time()
    monkeypatch.setattr(time, "time", lambda: seconds + real_time() - began)
    monkeypatch.setattr(time, "localtime", lambda at=None: localtime(time.time() if at is None else at))
    if reason := start(training):
        fuzz.one_line(reason)
        assert "Epoch" not in capsys.readouterr().out
    else:
        assert predict.Classifier("runs/imdb_lstm/model.keras").classes == ["negative", "positive"]


@pytest.mark.parametrize("year", [1970, 2110])
def test_files_may_be_of_any_date(model, small_sample, capsys, year):
    data_files.write("data/imdb.npz", small_sample)
    for path in "data/imdb.npz", model:
        os.utime(path, ((year - 1970) * 365 * 86_400,) * 2)
    assert start(ROOT / "download_imdb.py") is None and start(ROOT / "predict.py", model, "film") is None


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_a_link_to_nowhere_among_the_texts_is_named_in_one_line(in_folder, capsys, kind):
    texts = {f"{part}/{label}/1_1.txt": b"a film" for part in ("train", "test") for label in ("pos", "neg")}
    make_folder(in_folder / "aclImdb", texts)
    if kind == "link":
        os.symlink("/nowhere/at/all", "aclImdb/train/pos/2_1.txt")
    else:
        os.mkdir("imdb.npz")
    reason = start(ROOT / "download_imdb.py", "aclImdb" if kind == "link" else "imdb.npz")
    fuzz.one_line(reason)
    assert ("2_1.txt" if kind == "link" else "imdb.npz") in reason and not os.path.exists("data/imdb.npz")


# --- Encodings and line ends -----------------------------------------------------------------------------------------


def ascii_only():
    """Standard output is one that can show nothing but ASCII."""
    return contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True))


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_is_shown_where_only_ascii_can_be(program):
    with ascii_only():
        assert start(ROOT / program, "--help") == 0


@pytest.mark.parametrize("script", ["imdb_lstm", "imdb_pretrained_lstm", "reuters_rnn"])
def test_own_names_are_shown_somehow_where_only_ascii_can_be(in_folder, capsys, script):
    prepare_texts.main([own_texts(name="müde Kunden.csv")])
    (in_folder / "vectors.txt").write_text("gut 1 2\n")  # and the other words are printed
    with ascii_only():
        assert start(small(script, DATA_FILE="'data/müde Kunden.npz'", VECTORS_FILE="'vectors.txt'")) is None
        assert start(ROOT / "predict.py", f"runs/{script}/model.keras", "schöner") is None


@pytest.fixture
def plain_c(monkeypatch):
    """Processes see the C locale with everything switched off that mends it."""
    for name, value in {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(name, value)


def test_own_texts_are_prepared_in_the_c_locale(in_folder, plain_c):
    process = run(ROOT / "prepare_texts.py", in_folder, own_texts(name="müde Kunden.csv"))
    assert process.returncode == 0, process.stderr
    with np.load("data/müde Kunden.npz") as file:
        assert bytes(file["classes"]).decode() == "größer\ngut"


def test_runs_are_listed_in_the_c_locale(in_folder, plain_c):
    process = run(ROOT / "results" / "reproduce.py", in_folder, "--list")
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("imdb_lstm ")


def test_a_folder_whose_name_is_not_utf8_is_taken_or_refused_in_one_line(in_folder):
    for label in b"gr\xf6\xdfer", b"gut":
        os.makedirs(os.path.join(b"mine", label))
        for number in range(4):
            with open(os.path.join(b"mine", label, b"%d.txt" % number), "wb") as file:
                file.write(b"word%d " % number + label.hex().encode())
    with fuzz.refusals():
        prepare_texts.main(["mine"])


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
@pytest.mark.parametrize("kind", ["table", "folder"])
def test_line_ends_of_other_systems_make_no_other_words(in_folder, capsys, kind, ending):
    """Those of Windows are taken; those of old Macs may be refused."""
    for path, end in ("unix", "\n"), ("other", ending):
        if kind == "table":
            own_texts(end, path)
        else:
            files = {
                f"{label}/{row}.txt": f"word{row} {label}{end}{end}und{end}" for row in range(20) for label in "ab"
            }
            make_folder(in_folder / path, {name: text.encode() for name, text in files.items()})
    assert start(ROOT / "prepare_texts.py", "unix") is None
    if reason := start(ROOT / "prepare_texts.py", "other"):
        fuzz.one_line(reason)
        assert ending == "\r"
    else:
        assert same_data(data_files.read("data/unix.npz"), data_files.read("data/other.npz"))


def test_words_keep_their_ids_on_the_way_to_predict(training, capsys):
    """Even those that have the end of a line in them."""
    data = data_files.read("data/imdb.npz")
    words = bytes(data["vocabulary"]).decode().split("\n")
    words[10], words[20] = "one\rtwo", "three\r"
    data_files.write("data/imdb.npz", data | {"vocabulary": np.frombuffer("\n".join(words).encode(), dtype="uint8")})
    start(training)
    ids = predict.Classifier("runs/imdb_lstm/model.keras").ids
    shown = {word: id for id, word in enumerate(words, 4) if id < kill.SMALL["VOCAB_SIZE"] and "\r" not in word}
    assert {word: ids.get(word) for word in shown} == shown


def test_a_vocabulary_with_other_line_ends_is_refused(model):
    path = model.parent / "vocabulary.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    reason = start(ROOT / "predict.py", model, "film")
    fuzz.one_line(reason)
    assert "vocabulary.txt is not the one" in reason


def test_the_first_word_of_a_file_with_a_byte_order_mark_is_read(model, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\ufefffilm\r\ngood\r\n".encode())))
    assert start(ROOT / "predict.py", "--json", model) is None
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["unknown_words"] for answer in answers] == [0, 0]


# --- Pipes and terminals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["download_imdb.py", "download_reuters.py", "prepare_texts.py", "predict.py"])
def test_a_pipe_that_closes_ends_a_program_without_a_traceback(model, monkeypatch, program):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    arguments = {"prepare_texts.py": [own_texts()], "predict.py": [model, "film"]}.get(program, ["--sample"])
    command = [sys.executable, ROOT / program, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert "Traceback" not in errors and "Exception ignored" not in errors and "None cannot be read" not in errors


def test_a_pipe_that_closes_ends_training_in_one_line(training):
    reader, writer = os.pipe()
    os.close(reader)
    with output_into(writer):
        reason = start(training)
    fuzz.one_line(reason)


def test_predict_without_standard_input_says_so_in_one_line(model, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    fuzz.one_line(start(ROOT / "predict.py", model))


def test_the_log_of_a_training_is_readable(training, capsys):
    start(small("imdb_lstm", EPOCHS=3, PATIENCE=None))
    log = capsys.readouterr().out
    assert not set(log) & set("\r\b\x1b")
    assert sum("loss:" in line for line in log.splitlines()) == 3 and len(log.splitlines()) < 60


def test_what_moves_fits_a_terminal_of_60_columns(training, monkeypatch):
    """A line that moves must not be wider: a terminal would show each of its states below the one before."""
    monkeypatch.setenv("COLUMNS", "60")
    small("imdb_lstm", BATCH_SIZE=8)
    control, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 60))
    process = subprocess.Popen([sys.executable, training], stdout=terminal, stderr=subprocess.DEVNULL)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # what a terminal gives at its end
        while part := os.read(control, 65_536):
            shown += part
    os.close(control)
    assert process.wait() == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())
    assert "test accuracy" in text
    moving = re.findall(r"([^\r\n\b]+)(?=\x08|\r(?!\n))", text)
    assert max(map(len, moving), default=0) <= 60


# --- Models with code in them, and models that do not fit ------------------------------------------------------------


def bad_model(path, change):
    """Changes the configuration in a model file, a dict, and sees to it that its hash is right."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(files["config.json"])
    files["config.json"] = json.dumps(change(config) or config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    set_hash(path)


def set_hash(path):
    """Makes the file beside a model say that this is the right one."""
    file = path.parent / "result.json"
    result = json.loads(file.read_text())
    file.write_text(json.dumps(result | {"model.keras sha256": hashlib.sha256(path.read_bytes()).hexdigest()}))


def thing(module, name, config):
    return {"module": module, "class_name": name, "config": config, "registered_name": name}


class Shell(keras.layers.Layer):
    """What somebody else's model may have: a layer that is code of theirs."""

    def call(self, inputs):
        pathlib.Path("executed").touch()
        return inputs


TOUCH = "touch executed"
CODE = {
    "os.system": thing("os", "system", {"command": TOUCH}),
    "subprocess": thing("subprocess", "Popen", {"args": TOUCH, "shell": True}),
    "exec": thing("builtins", "exec", {"source": "open('executed', 'w')"}),
    "this file": thing(__name__, "Shell", {}),
    "a way to switch safe mode off": thing("keras.config", "enable_unsafe_deserialization", {}),
    "a download": thing("keras.utils", "get_file", {"fname": "executed", "origin": "file:///etc/hostname"}),
    "a SavedModel": thing("keras.layers", "TFSMLayer", {"filepath": "executed", "call_endpoint": "serve"}),
}


def refused_by_predict(model, capsys, name="model.keras"):
    pathlib.Path("executed").unlink(missing_ok=True)
    capsys.readouterr()
    reason = start(ROOT / "predict.py", model.parent / name, "a good film")
    fuzz.one_line(reason)
    assert capsys.readouterr().out == "" and not os.path.exists("executed") and name in reason


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
@pytest.mark.parametrize("place", ["model", "layer", "activation", "loss"])
def test_code_in_a_models_configuration_is_refused_and_not_run(model, capsys, code, place):
    def change(config):
        if place == "model":
            return code
        if place == "layer":
            config["config"]["layers"].append(code)
        elif place == "activation":
            config["config"]["layers"][-1]["config"]["activation"] = code
        else:
            config["compile_config"] = {"optimizer": "adam", "loss": code}

    bad_model(model, change)
    refused_by_predict(model, capsys)


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.parametrize(
    "layer",
    [lambda: keras.layers.Lambda(lambda inputs: (open("executed", "w"), inputs)[1]), Shell],
    ids=["lambda", "class"],
)
def test_a_layer_of_someones_own_is_refused_and_not_run(model, capsys, layer, name):
    """Neither a Lambda, whose code is in the file, nor a class that happens to be known here."""
    path = model.parent / name
    layers = [keras.Input((None,), dtype="int32"), keras.layers.Embedding(10, 2), layer()]
    keras.Sequential([*layers, keras.layers.GlobalMaxPooling1D(), keras.layers.Dense(1)]).save(path)
    set_hash(path)
    refused_by_predict(model, capsys, name)


def network(*layers):
    return keras.Sequential([keras.Input((None,), dtype="int32"), *layers])


MISFITS = {
    "more answers than classes": lambda: network(keras.layers.Embedding(10, 46), keras.layers.GlobalMaxPooling1D()),
    "fewer words": lambda: network(keras.layers.Embedding(5, 1), keras.layers.GlobalMaxPooling1D()),
    "pictures": lambda: keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1)]),
}


@pytest.mark.parametrize("build", MISFITS.values(), ids=MISFITS)
def test_a_model_that_does_not_fit_the_files_beside_it_is_refused(model, capsys, build):
    build().save(model)
    set_hash(model)
    refused_by_predict(model, capsys)


# --- Servers ---------------------------------------------------------------------------------------------------------

BODY = bytes(range(256)) * 1200


@pytest.fixture
def server(empty_cache, in_folder, monkeypatch):
    """A server in the place of Keras's, which answers as `server.answer` does, and time limits of half a second."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            with contextlib.suppress(OSError):
                server.answer(self)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.over = threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(None)
    monkeypatch.setattr(data_files, "KERAS_URL", server.url)
    monkeypatch.setattr(data_files, "TIMEOUT", 0.5)
    monkeypatch.setattr(CORPUS, "keras_hashes", (hashlib.sha256(BODY).hexdigest(), hashlib.md5(BODY).hexdigest()))
    monkeypatch.setattr(CORPUS, "archives", {})
    real = keras.utils.get_file
    for module in "imdb", "reuters":
        monkeypatch.setattr(
            f"keras.src.datasets.{module}.get_file",
            lambda fname="", file_hash="", **_: real(fname=fname, origin=server.url + fname, file_hash=file_hash),
        )
    yield server
    socket.setdefaulttimeout(before)
    server.over.set()
    server.shutdown()
    server.server_close()


def head(request, status=200, **headers):
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()


def whole(request):
    head(request, Content_Length=len(BODY))
    request.wfile.write(BODY)


def half(request):
    head(request, Content_Length=len(BODY))
    request.wfile.write(BODY[: len(BODY) // 2])


def half_of_unknown_length(request):
    head(request)
    request.wfile.write(BODY[: len(BODY) // 2])


def garbage(request):
    head(request)
    request.wfile.write(b"<html>Please accept our cookies</html>")


def no_http(request):
    request.wfile.write(b"SSH-2.0\r\n\r\n")


def busy(request):
    request.send_error(503)


def redirects_forever(request):
    head(request, 302, Location=f"{request.path}x")


def redirects_to_a_file(request):
    head(request, 302, Location="file:///etc/hostname")


def silent(request):
    request.server.over.wait(20)


def falls_silent(request):
    half(request)
    request.wfile.flush()
    silent(request)


TROUBLES = [half, half_of_unknown_length, garbage, no_http, busy, redirects_forever, redirects_to_a_file, silent]
TROUBLES += [falls_silent]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_bad_server_is_given_up_and_leaves_nothing_behind(server, capsys, trouble):
    server.answer = trouble
    began = time.monotonic()
    with pytest.raises(SystemExit) as stop:
        data_files.main(CORPUS, "", ["--no-sample"])
    assert time.monotonic() - began < 5
    assert "IMDB cannot be fetched" in stop.value.code and server.url in stop.value.code
    assert os.listdir(CACHE) == [] and not os.path.exists("data/imdb.npz")
    server.answer = whole  # and the next try is a new one
    with open(data_files.fetch("imdb.npz", server.url + "imdb.npz", CORPUS.keras_hashes[0]), "rb") as file:
        assert file.read() == BODY


@pytest.mark.parametrize("trouble", [half, falls_silent])
def test_a_transfer_that_breaks_off_is_tried_a_second_time(server, trouble):
    answers = iter([trouble, whole])
    server.answer = lambda request: next(answers)(request)
    socket.setdefaulttimeout(0.5)
    with open(data_files.fetch("imdb.npz", server.url + "imdb.npz", CORPUS.keras_hashes[0]), "rb") as file:
        assert file.read() == BODY


@pytest.mark.parametrize("trouble", [half, garbage, busy, redirects_forever])
def test_a_bad_server_ends_a_training_script_in_one_line(server, capsys, trouble):
    server.answer = trouble
    with pytest.raises(SystemExit) as stop:
        imdb_lstm.load_data()
    fuzz.one_line(stop.value.code)
    assert "run download_imdb.py" in stop.value.code


def test_everything_that_fetches_has_a_time_limit(server, monkeypatch):
    """The training scripts without their data file, and a download of one's own copy without its word index."""
    limits = []

    def get_file(*_, **__):
        limits.append(socket.getdefaulttimeout())
        raise Exception("not now")

    pathlib.Path("imdb.npz").write_bytes(BODY)
    monkeypatch.setattr(keras.utils, "get_file", get_file)
    monkeypatch.setattr("keras.src.datasets.imdb.get_file", get_file)
    for fetch in imdb_lstm.load_data, lambda: data_files.main(CORPUS, "", ["imdb.npz"]):
        socket.setdefaulttimeout(None)
        with pytest.raises(SystemExit, match="not now") as stop:
            fetch()
    assert len(limits) == 2 and None not in limits
    assert "imdb.npz needs imdb_word_index.json beside it" in stop.value.code


def test_a_cache_that_cannot_be_made_is_named(server, monkeypatch):
    server.answer = whole
    pathlib.Path("file").write_text("")
    monkeypatch.setattr(data_files, "keras_cache", lambda: os.path.abspath("file/datasets"))
    with pytest.raises(data_files.DataError, match="KERAS_HOME names another place"):
        data_files.fetch("imdb.npz", server.url + "imdb.npz", CORPUS.keras_hashes[0])


def test_the_log_of_a_download_is_readable(server, capsys):
    server.answer = whole
    data_files.fetch("imdb.npz", server.url + "imdb.npz", CORPUS.keras_hashes[0])
    log = "".join(capsys.readouterr())
    assert not set(log) & set("\r\b\x1b") and len(log.splitlines()) < 20


# Keras's own takes seconds to import and gives a file its name from the start, as this does.
FETCH = """
import pathlib, sys, unittest.mock, urllib.request
import data_files

def get_file(fname, origin, file_hash, **_):
    path = pathlib.Path(data_files.keras_cache(), fname)
    urllib.request.urlretrieve(origin, path)
    if data_files.digest(path, file_hash) != file_hash:
        raise Exception("hash")
    return str(path)

sys.modules["keras"] = unittest.mock.MagicMock()
sys.modules["keras"].utils.get_file = get_file
data_files.fetch("f.npz", sys.argv[1], sys.argv[2])
"""


def test_two_downloads_at_once_do_not_disturb_each_other(server, monkeypatch):
    both = threading.Barrier(2)

    def together(request):
        head(request, Content_Length=len(BODY))
        request.wfile.write(BODY[:100_000])
        request.wfile.flush()
        both.wait(20)
        request.wfile.write(BODY[100_000:])

    server.answer = together
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    command = [sys.executable, "-c", FETCH, server.url, CORPUS.keras_hashes[0]]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[1] for process in processes] == ["", ""]
    assert os.listdir(CACHE) == ["f.npz"]
