"""Measures how time and memory grow with the number of texts, from a table of texts to an epoch of training.

    python results/scale.py                          10 thousand, 100 thousand and a million generated texts
    python results/scale.py --texts 1000 20000

For each number of texts prepare_texts.py makes a data file of a table, and imdb_lstm.py trains on it for an epoch and
evaluates; nothing else is changed. It writes results/scale.md, runs on Linux, and a million texts take about ten
minutes and 1.5 GB of disk.
"""

import argparse
import os
import sys
import tempfile
import time

import numpy as np
from tools import FOLDER, machine, run_process, start_program, table, write

VOCABULARY = 300_000  # words to draw from
MEAN_WORDS = 60

PREPARE = "import prepare_texts; prepare_texts.main(['texts.csv'])"
TRAIN = """
import imdb_lstm
imdb_lstm.DATA_FILE, imdb_lstm.EPOCHS = "data/texts.npz", 1
imdb_lstm.main()
"""
PEAK = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def write_texts(path, count):
    """Writes a table of generated texts of two classes, which differ in how often they use some words."""
    random = np.random.default_rng(1)
    words = np.array([f"w{rank}" for rank in range(VOCABULARY)], dtype=object)
    shares = np.cumsum(1 / np.arange(1, VOCABULARY + 1))
    shares /= shares[-1]
    with open(path, "w") as file:
        file.write("text,label\n")
        for _ in range(count):
            label = random.integers(2)
            length = 1 + random.poisson(random.gamma(2, MEAN_WORDS / 2))
            ranks = np.searchsorted(shares, random.random(length))
            # Every tenth word or so of the frequent ones is even in one class and odd in the other.
            swayed = (ranks < 1000) & (random.random(length) < 0.1)
            ranks[swayed] = ranks[swayed] // 2 * 2 + label
            file.write(" ".join(words[ranks]) + f",{label}\n")


def run(code, folder):
    """Runs code in a process of its own and returns the seconds it took, its peak memory in MiB and its output."""
    start = time.perf_counter()
    process = run_process([sys.executable, "-c", code + PEAK], folder, capture_output=True)
    seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(process.stderr.decode())
    lines = process.stdout.decode().splitlines()
    return seconds, int(lines[-1]) / 1024, lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], metavar="COUNT")
    rows = []
    for count in parser.parse_args().texts:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{count:,} texts: generating ...", flush=True)
            write_texts(f"{folder}/texts.csv", count)
            print("preparing ...", flush=True)
            preparing, prepare_peak, _ = run("\n" + PREPARE, folder)
            print(f"{preparing:.0f} s, {prepare_peak:.0f} MiB; training ...", flush=True)
            training, train_peak, lines = run(TRAIN, folder)
            print(f"{training:.0f} s, {train_peak:.0f} MiB: {lines[-2]}", flush=True)
            sizes = [os.path.getsize(f"{folder}/{name}") / 2**20 for name in ("texts.csv", "data/texts.npz")]
        figures = [*sizes, preparing, prepare_peak, training, train_peak]
        rows.append([f"{count:,}", *(f"{figure:,.0f}" for figure in figures)])
    columns = "texts", "table, MiB", "data file, MiB", "prepare, s", "its peak, MiB", "train, s", "its peak, MiB"
    text = f"""# How cost grows with the number of texts

Made by `python results/scale.py`. The texts are generated: {MEAN_WORDS} words on average, as in a support ticket, of
{VOCABULARY:,} words, the word of rank r being drawn 1 / r times as often as the first. Four fifths are train; training
is one epoch of `imdb_lstm.py`, with evaluation. Seconds and memory are those of whole processes, on a machine that
others share.

{machine()}.

{table(columns, rows)}
"""
    write(FOLDER / "scale.md", text)
    print(f"Written: {FOLDER / 'scale.md'}")


if __name__ == "__main__":
    start_program(main)
