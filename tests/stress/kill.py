"""Stops programs that write data files or runs at random moments; nothing incomplete may remain.

    python -m tests.stress.kill                                  each program 50 times
    python -m tests.stress.kill --times 10 download_imdb imdb_lstm

Half of the stops are SIGKILL, half are Ctrl-C. After each stop the data file and the earlier runs
must be unchanged, and a new run's folder must have no result.json, or predict.py must load it. In
the end a run that nobody stops must work. Not for Windows.
"""

import contextlib
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import predict
from corpus import cli, data_file

ROOT = pathlib.Path(__file__).parents[2]


def write_inputs():
    texts, labels, classes = ["a good film", "a bad film"] * 1000, [1, 0] * 1000, ["bad", "good"]
    data = data_file.from_texts(texts, labels, texts, labels, classes, "built-in sample: kill")
    for name in "imdb", "reuters":
        data_file.write(f"data/{name}.npz", data)
    pathlib.Path("vectors.txt").write_text("a 1 2 3 4 5 6 7 8\nfilm 8 7 6 5 4 3 2 1\n")
    rows = (f"a {('bad', 'good')[n % 2]} film {n % 300},{n % 2}\n" for n in range(50_000))
    pathlib.Path("mine.csv").write_text("text,label\n" + "".join(rows))


def training(script):
    """Returns the command line of a training run that takes seconds."""
    code = f"""import {script} as script
script.EPOCHS, script.VECTORS_FILE, script.EMBEDDING_DIM = 2, "vectors.txt", 8
script.main()"""
    return ["-c", code]


SCRIPTS = [path for path in sorted(ROOT.glob("*.py")) if "\ndef build_model(" in path.read_text()]
SCRIPTS = [path.stem for path in SCRIPTS]
PROGRAMS = {script: training(script) for script in SCRIPTS} | {
    "download_imdb": [ROOT / "download_imdb.py", "--sample"],
    "download_reuters": [ROOT / "download_reuters.py", "--sample"],
    "prepare_texts": [ROOT / "prepare_texts.py", "mine.csv"],
}


def run(line, how=None, seconds=None):
    """Runs a command line, and stops it after so many seconds."""
    # What a shell starts in the background ignores Ctrl-C, and so would what that starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environment, null = os.environ | {"PYTHONPATH": str(ROOT)}, subprocess.DEVNULL
    command = [sys.executable, *map(str, line)]
    process = subprocess.Popen(command, env=environment, stdout=null, stderr=null)
    try:
        assert process.wait(seconds) == 0, f"{command} failed"
    except subprocess.TimeoutExpired:
        process.send_signal(how)
        process.wait(60)
    finally:
        process.kill()


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


def attack(name, times):
    """Stops a program `times` times in the current folder."""
    write_inputs()
    begin = time.perf_counter()
    run(PROGRAMS[name])
    seconds, files = time.perf_counter() - begin, read_all({})
    moments = random.Random(1)
    for number in range(times):
        how = (signal.SIGKILL, signal.SIGINT)[number % 2]
        # Later moments are more likely: programs write at their end.
        run(PROGRAMS[name], how, moments.triangular(0.2, seconds, seconds))
        after = read_all(files)
        assert files.items() <= after.items(), f"{how.name} changed an earlier file"
        files = after
    run(PROGRAMS[name])


def main():
    parser = cli.parser(__doc__)
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help="default: all")
    parser.add_argument("--times", type=int, default=50, help="stops of each; default: 50")
    options = parser.parse_args()
    for name in options.programs or PROGRAMS:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            attack(name, options.times)
        print(f"{name}: passed", flush=True)


if __name__ == "__main__":
    main()
