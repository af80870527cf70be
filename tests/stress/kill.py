"""Stops programs at random moments and checks that nothing incomplete passes for whole.

    python -m tests.stress.kill                                  each program 50 times
    python -m tests.stress.kill --times 10 download_imdb imdb_lstm

Half of the stops are SIGKILL, half are Ctrl-C. After each stop the data file and the earlier runs
must be unchanged, and a new run's folder must have no result.json, or predict.py must load it. Data
programs and predict.py must show no traceback at Ctrl-C, unless Python was still importing modules.
In the end a run that nobody stops must work. Not for Windows.
"""

import contextlib
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

import predict
from corpus import cli, data_file

ROOT = pathlib.Path(__file__).parents[2]
WHILE_IMPORTING = re.compile(rb"in <module>\n +(import|from) ")


def write_reviews():
    for folder in "train/pos", "train/neg", "test/pos", "test/neg":
        pathlib.Path("aclImdb", folder).mkdir(parents=True)
        for number in range(1000):
            path = pathlib.Path("aclImdb", folder, f"{number}_1.txt")
            path.write_text(f"{folder} review {number % 300} " * 100)


def write_wires():
    wire = "<TOPICS><D>{}</D></TOPICS>\n<BODY>{}</BODY>\n"
    rows = (wire.format(["earn", "acq"][n % 2], f"wire {n % 300} " * 100) for n in range(5000))
    pathlib.Path("reuters21578").mkdir()
    pathlib.Path("reuters21578/reut2-000.sgm").write_text("".join(rows))


def write_table():
    rows = (f"a {('bad', 'good')[n % 2]} film {n % 300},{n % 2}\n" for n in range(50_000))
    pathlib.Path("mine.csv").write_text("text,label\n" + "".join(rows))


def write_data():
    texts, labels, classes = ["a good film", "a bad film"], [1, 0], ["negative", "positive"]
    data = data_file.from_texts(texts * 1000, labels * 1000, texts, labels, classes, "kill")
    for name in "imdb", "reuters":
        data_file.write(f"data/{name}.npz", data)
    pathlib.Path("vectors.txt").write_text("a 1 2 3 4 5 6 7 8\nfilm 8 7 6 5 4 3 2 1\n")


def training(script):
    """Returns the command line of a training run that takes seconds."""
    code = f"""import {script} as script
script.EPOCHS, script.VECTORS_FILE, script.EMBEDDING_DIM = 2, "vectors.txt", 8
script.main()"""
    return ["-c", code]


def write_run():
    write_data()
    run(training("imdb_lstm"))


SCRIPTS = [path for path in sorted(ROOT.glob("*.py")) if "\ndef build_model(" in path.read_text()]
SCRIPTS = [path.stem for path in SCRIPTS]
PROGRAMS = {  # name: a function that writes what the program reads, its command line
    "download_imdb": (write_reviews, [ROOT / "download_imdb.py", "aclImdb"]),
    "download_reuters": (write_wires, [ROOT / "download_reuters.py", "reuters21578"]),
    "prepare_texts": (write_table, [ROOT / "prepare_texts.py", "mine.csv"]),
    "predict": (write_run, [ROOT / "predict.py", "imdb_lstm", "A good film."]),
    "report": (write_run, [ROOT / "report.py", "imdb_lstm"]),
    **{script: (write_data, training(script)) for script in SCRIPTS},
}


def run(line, how=None, seconds=None):
    """Runs a command line, and stops it after so many seconds; returns its status and errors."""
    # What a shell starts in the background ignores Ctrl-C, and so would what that starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, *map(str, line)], env=environment, **pipes)
    try:
        _, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(how)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert how or process.returncode == 0, errors.decode()
    return process.returncode, errors


def read_all(known):
    """Returns {path: bytes} of all data files and finished runs; what is not `known` must load."""
    files = {}
    for path in pathlib.Path().glob("data/*.npz"):
        files[path] = path.read_bytes()
        data_file.read(path)
    for path in pathlib.Path().glob("runs/*/result.json"):
        files |= {path: path.read_bytes() for path in path.parent.iterdir()}
        if path not in known:
            predict.Classifier(path.parent)
    return files


def attack(name, times, seed=1):
    """Stops a program `times` times in the current folder; returns how often it ended before."""
    write, line = PROGRAMS[name]
    write()
    begin = time.perf_counter()
    run(line)
    seconds, files = time.perf_counter() - begin, read_all({})
    moments, ended = random.Random(seed), 0
    for number in range(times):
        how = (signal.SIGKILL, signal.SIGINT)[number % 2]
        # Later moments are more likely: programs write at their end.
        status, errors = run(line, how, moments.triangular(0.2, seconds, seconds))
        if status == 0:
            ended, seconds = ended + 1, seconds * 0.9
        elif how == signal.SIGINT and name not in SCRIPTS:
            assert b"Traceback" not in errors or WHILE_IMPORTING.search(errors), errors.decode()
        after = read_all(files)
        assert files.items() <= after.items(), f"{how.name} changed an earlier file"
        files = after
    run(line)
    return ended


def main():
    parser = cli.parser(__doc__)
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help="default: all")
    parser.add_argument("--times", type=int, default=50, help="stops of each; default: 50")
    options = parser.parse_args()
    if unknown := set(options.programs) - set(PROGRAMS):
        parser.error(f"there is no program {unknown.pop()}; there are: {', '.join(PROGRAMS)}")
    for name in options.programs or PROGRAMS:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            ended = attack(name, options.times)
        print(f"{name}: passed; {ended} runs ended before the signal", flush=True)


if __name__ == "__main__":
    main()
