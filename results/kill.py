"""Stops programs at random moments and tells whether anything half-written is left that passes for whole.

    python results/kill.py                      each program 50 times, half by SIGKILL and half by Ctrl-C
    python results/kill.py --times 10 download_imdb imdb_lstm

Each program runs in a folder with what it made the time before. After each stop, what it had made must be either as it
was or new and whole, or be refused by predict.py; and after Ctrl-C there must be no traceback, unless Python was still
loading TensorFlow. In the end a run that nobody stops must work. Not for Windows.
"""

import argparse
import functools
import io
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

from presets import IMDB_SCRIPTS
from tools import ROOT, start_program, table

import data_files
import download_imdb
import download_reuters
import predict

# What makes a training run one of seconds.
SMALL = {"VOCAB_SIZE": 200, "EMBEDDING_DIM": 4, "LSTM_UNITS": 4, "UNITS": "(4,)", "EPOCHS": 1}
SCRIPTS = *IMDB_SCRIPTS, "imdb_pretrained_lstm", "reuters_rnn"

# Python itself prints a traceback when it is interrupted while it loads what a program imports.
WHILE_IMPORTING = re.compile(rb"in <module>\n +(import|from) ")


def make_archive(path, files):
    """Packs (name, text) pairs."""
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files:
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


def make_reviews(folder):
    names = (
        f"aclImdb/{('train', 'test')[number % 2]}/{('pos', 'neg')[number // 2 % 2]}/{number}_1.txt"
        for number in range(4000)
    )
    make_archive(folder / "reviews.tar.gz", ((name, f"review {name} " * 100) for name in names))


def make_wires(folder):
    wire = "<REUTERS>\n<TOPICS><D>{}</D></TOPICS>\n<TEXT><BODY>{}</BODY></TEXT>\n</REUTERS>\n"
    wires = "".join(wire.format(("earn", "acq")[number % 2], f"wire {number} " * 100) for number in range(10_000))
    make_archive(folder / "wires.tar.gz", [("reut2-000.sgm", wires)])


def make_table(folder):
    rows = (
        f"review {number} {'good' if number % 2 else 'bad'} words and more words,{number % 2}"
        for number in range(200_000)
    )
    (folder / "mine.csv").write_text("text,label\n" + "\n".join(rows) + "\n")


def make_small(script, folder, constants):
    """Writes a training script with other constants into a folder."""
    text = (ROOT / f"{script}.py").read_text(encoding="utf-8")
    for name, value in constants.items():
        text = re.sub(rf"^{name} = [^#\n]+", f"{name} = {value}  ", text, flags=re.MULTILINE)
    (folder / f"{script}.py").write_text(text, encoding="utf-8")


def make_data(folder):
    data_files.write(str(folder / "data/imdb.npz"), download_imdb.from_sample())
    data_files.write(str(folder / "data/reuters.npz"), download_reuters.from_sample())


def make_training(script, folder):
    constants = SMALL | {"VECTORS_FILE": '"vectors.txt"'}
    if script in ("imdb_stacked_lstm", "imdb_bilstm"):
        constants["LSTM_UNITS"] = "(4,)"
    make_small(script, folder, constants)
    (folder / "vectors.txt").write_text("the 0.1 0.2 0.3 0.4\nfilm 0.2 0.1 0.4 0.3\n")
    make_data(folder)


def make_model(folder):
    make_training("imdb_lstm", folder)
    start(["imdb_lstm.py"], folder).communicate()


def make_results(folder):
    make_data(folder)
    for path in *ROOT.glob("*.py"), *(ROOT / "results").glob("*.py"):
        (folder / path.relative_to(ROOT)).parent.mkdir(exist_ok=True)
        shutil.copy(path, folder / path.relative_to(ROOT))


def read_runs(path):
    """Reads what reproduce.py has stored, and removes it, so that there is something to do the next time."""
    if os.path.exists(path):
        for line in pathlib.Path(path).read_text().splitlines():
            json.loads(line)
        os.remove(path)


# {name: (a function that makes what it needs, its command, what it makes, a reader that refuses what is not whole)}
PROGRAMS = {
    "download_imdb": (make_reviews, [ROOT / "download_imdb.py", "reviews.tar.gz"], "data/imdb.npz", data_files.read),
    "download_reuters": (
        make_wires,
        [ROOT / "download_reuters.py", "wires.tar.gz"],
        "data/reuters.npz",
        data_files.read,
    ),
    "prepare_texts": (make_table, [ROOT / "prepare_texts.py", "mine.csv"], "data/mine.npz", data_files.read),
    **{
        script: (
            functools.partial(make_training, script),
            [f"{script}.py"],
            f"runs/{script}/model.keras",
            predict.Classifier,
        )
        for script in SCRIPTS
    },
    "predict": (
        make_model,
        [ROOT / "predict.py", "runs/imdb_lstm/model.keras", "A good film."],
        "runs/imdb_lstm/model.keras",
        predict.Classifier,
    ),
    "reproduce": (make_results, ["results/reproduce.py", "majority_imdb"], "results/runs.jsonl", read_runs),
}


def start(command, folder):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, *map(str, command)], cwd=folder, env=environment, **pipes)


def attack(name, times, seed=1):
    """Stops a program `times` times.

    Returns how often it ended before its signal, how often predict.py refused what there was, and how much temporary is
    left.
    """
    prepare, command, made, read = PROGRAMS[name]
    moments = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        prepare(folder)

        def undisturbed():
            begin = time.perf_counter()
            process = start(command, folder)
            _, errors = process.communicate()
            assert process.returncode == 0, errors.decode()
            read(str(folder / made))
            return time.perf_counter() - begin

        seconds = undisturbed()
        stopped = whole = incomplete = 0
        while stopped < times:
            how = signal.SIGINT if stopped % 2 else signal.SIGKILL
            begin = time.perf_counter()
            process = start(command, folder)
            try:
                _, errors = process.communicate(timeout=moments.uniform(0.2, seconds))
                assert process.returncode == 0, errors.decode()
                seconds = time.perf_counter() - begin  # it was faster than the run by which its signal was timed
            except subprocess.TimeoutExpired:
                process.send_signal(how)
                _, errors = process.communicate(timeout=60)
            whole += process.returncode == 0
            stopped += process.returncode != 0
            if how == signal.SIGINT and process.returncode != 0:
                assert b"Traceback" not in errors or WHILE_IMPORTING.search(errors), errors.decode()
            try:
                read(str(folder / made))
            except predict.ModelError:
                incomplete += 1  # it says so, which is what counts
        undisturbed()
        leftovers = len([*folder.rglob("*.part"), *folder.rglob("runs/*/tmp*")])
    return whole, incomplete, leftovers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help="which to stop (default: all)")
    parser.add_argument("--times", type=int, default=50, help="how often to stop each (default: 50)")
    options = parser.parse_args()
    # What a shell starts in the background ignores Ctrl-C, and so would the programs that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    rows = []
    for name in options.programs or PROGRAMS:
        if name not in PROGRAMS:
            parser.error(f"there is no program {name!r}; there are: {', '.join(PROGRAMS)}")
        rows.append([name, options.times, *attack(name, options.times)])
        print(f"{name}: survived", flush=True)
    columns = [
        "program",
        "times stopped",
        "runs that ended before",
        "refused as incomplete afterwards",
        "temporary files and folders left",
    ]
    print(table(columns, rows))


if __name__ == "__main__":
    start_program(main)
