"""Measures time and memory against the number of texts: a table, an epoch of training, prediction.

    python -m experiments.scale                          10 thousand, 100 thousand, a million texts
    python -m experiments.scale --texts 1000 20000

It writes results/scale.md. A million texts take about ten minutes and 1.5 GB of disk.
"""

import os
import tempfile

import numpy as np

from corpus import cli
from experiments import tools

VOCABULARY = 300_000  # words to draw from
MEAN_WORDS = 60

PREPARE = "import prepare_texts; prepare_texts.main(['texts.csv'])"
TRAIN = """
import imdb_lstm
imdb_lstm.DATA_FILE, imdb_lstm.EPOCHS = "data/texts.npz", 1
imdb_lstm.main()
"""
PREDICT = "import predict; predict.main(['imdb_lstm', '--table', 'texts.csv', '--output', 'a.csv'])"


def write_texts(path, count):
    """Writes a table of generated texts of two classes that differ in the frequency of words."""
    random = np.random.default_rng(1)
    words = np.array([f"w{rank}" for rank in range(VOCABULARY)], dtype=object)
    cumulative = np.cumsum(1 / np.arange(1, VOCABULARY + 1))
    cumulative /= cumulative[-1]
    with open(path, "w") as file:
        file.write("text,label\n")
        for _ in range(count):
            label = random.integers(2)
            length = 1 + random.poisson(random.gamma(2, MEAN_WORDS / 2))
            ranks = np.searchsorted(cumulative, random.random(length))
            # A tenth of the frequent words have even ranks in one class and odd ones in the other.
            changed = (ranks < 1000) & (random.random(length) < 0.1)
            ranks[changed] = ranks[changed] // 2 * 2 + label
            file.write(" ".join(words[ranks]) + f",{label}\n")


def measure(count, folder):
    """Returns a row of the table, for a number of texts."""
    print(f"{count:,} texts ...", flush=True)
    write_texts(f"{folder}/texts.csv", count)
    runs = [tools.run_code(code, folder)[:2] for code in (PREPARE, TRAIN, PREDICT)]
    files = f"{folder}/texts.csv", f"{folder}/data/texts.npz"
    figures = [os.path.getsize(file) / 2**20 for file in files]
    figures += [figure for run in runs for figure in run]  # seconds and peak memory
    return [f"{count:,}", *(f"{figure:,.0f}" for figure in figures)]


def main(arguments=None):
    parser = cli.parser(__doc__, prog="python -m experiments.scale")
    counts = [10_000, 100_000, 1_000_000]
    parser.add_argument("--texts", type=int, nargs="+", default=counts, metavar="COUNT")
    counts, rows = cli.parse(parser, arguments).texts, []
    if min(counts) < 100:
        parser.error("at least 100 texts")
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(count, folder))
    columns = "texts", "table, MiB", "data file, MiB", "prepare, s", "peak memory, MiB"
    columns += "train, s", "peak memory, MiB", "predict, s", "peak memory, MiB"
    text = f"""# Time and memory against the number of texts

Written by `python -m experiments.scale`. The texts are generated, with a mean of {MEAN_WORDS} words
from a vocabulary of {VOCABULARY:,}; the word of rank r has a probability proportional to 1 / r.
Training is one epoch of `imdb_lstm.py` on four fifths, and evaluation; prediction is `predict.py`
on the whole table. Seconds and memory are those of whole processes.

{tools.machine(tools.versions())}.

{tools.table(columns, rows)}
"""
    tools.write(tools.RESULTS / "scale.md", text)
    print(f"written: {tools.RESULTS / 'scale.md'}")


if __name__ == "__main__":
    cli.start(main)
