"""Stops programs at random moments and tells whether anything half-written is left that passes for whole.

    python results/kill.py                      each program 50 times, half by SIGKILL and half by Ctrl-C
    python results/kill.py --times 10 download_imdb imdb_lstm

Each program runs in a folder with what it made the time before. After each stop, what it had made must be either as it
was or new and whole, or be refused by predict.py; and after Ctrl-C there must be no traceback, unless Python was still
loading TensorFlow. In the end a run that nobody stops must work. Not for Windows.
"""

import argparse
import io
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

from tools import ROOT, table

import data_files
import download_imdb
import predict

# What makes a training run one of seconds.
SMALL = {"VOCAB_SIZE": 200, "EMBEDDING_DIM": 4, "LSTM_UNITS": 4, "EPOCHS": 1}

# Python itself prints a traceback when it is interrupted while it loads what a program imports.
WHILE_IMPORTING = re.compile(rb"in <module>\n +(import|from) ")


def make_archive(folder):
    with tarfile.open(folder / "reviews.tar.gz", "w:gz") as archive:
        for number in range(4000):
            content = f"review {number} " * 100
            part, label = ("train", "test")[number % 2], ("pos", "neg")[number // 2 % 2]
            member = tarfile.TarInfo(f"aclImdb/{part}/{label}/{number}_1.txt")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))


def make_table(folder):
    rows = (
        f"review {number} {'good' if number % 2 else 'bad'} words and more words,{number % 2}"
        for number in range(200_000)
    )
    (folder / "mine.csv").write_text("text,label\n" + "\n".join(rows) + "\n")


def make_training(folder):
    text = (ROOT / "imdb_lstm.py").read_text()
    for name, value in SMALL.items():
        text = re.sub(rf"^{name} = \S+", f"{name} = {value}", text, flags=re.MULTILINE)
    (folder / "imdb_lstm.py").write_text(text)
    data_files.write(str(folder / "data/imdb.npz"), download_imdb.from_sample())


# {name: (a function that makes what it needs, its command, what it makes, a reader that refuses what is not whole)}
PROGRAMS = {
    "download_imdb": (make_archive, [ROOT / "download_imdb.py", "reviews.tar.gz"], "data/imdb.npz", data_files.read),
    "prepare_texts": (make_table, [ROOT / "prepare_texts.py", "mine.csv"], "data/mine.npz", data_files.read),
    "imdb_lstm": (make_training, ["imdb_lstm.py"], "runs/imdb_lstm/model.keras", predict.Classifier),
}


def start(command, folder):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, *map(str, command)], cwd=folder, env=environment, **pipes)


def attack(name, times, seed=1):
    """Stops a program `times` times.

    Returns how often that ended it, how often predict.py refused what there was, and how many temporary files are left.
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
        stopped = incomplete = 0
        for number in range(times):
            how = signal.SIGINT if number % 2 else signal.SIGKILL
            process = start(command, folder)
            time.sleep(moments.uniform(0.2, seconds))
            process.send_signal(how)
            _, errors = process.communicate(timeout=60)
            stopped += process.returncode != 0
            if how == signal.SIGINT and process.returncode != 0:
                assert b"Traceback" not in errors or WHILE_IMPORTING.search(errors), errors.decode()
            try:
                read(str(folder / made))
            except predict.ModelError:
                incomplete += 1  # it says so, which is what counts
        undisturbed()
        leftovers = len(list(folder.rglob("*.part")))
    return stopped, incomplete, leftovers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help="which to stop (default: all)")
    parser.add_argument("--times", type=int, default=50, help="how often to stop each (default: 50)")
    options = parser.parse_args()
    rows = []
    for name in options.programs or PROGRAMS:
        if name not in PROGRAMS:
            parser.error(f"there is no program {name!r}; there are: {', '.join(PROGRAMS)}")
        rows.append([name, options.times, *attack(name, options.times)])
        print(f"{name}: survived", flush=True)
    columns = ["program", "signals sent", "stopped by them", "refused as incomplete afterwards", "temporary files left"]
    print(table(columns, rows))


if __name__ == "__main__":
    main()
