"""Feeds damaged input to the programs that read a file of a user, or a run.

    python -m tests.stress.fuzz       10,000 inputs for each reader

A reader passes if it accepts an input, or refuses it in one line, within ten seconds. A failure is
shown with the smallest input that causes it. An input is a valid file with bytes changed, removed
or inserted, or a part of one.
"""

import contextlib
import gzip
import io
import pathlib
import re
import tempfile
from unittest import mock

import hypothesis
from hypothesis import strategies

import imdb_lstm
import predict
import prepare_texts
from corpus import DataError, cli, data_file

TABLE = b'text,label\n"a ""good"" film,\nlong",1\nbad,0\ngood,1\nawful,0\n\xc3\xa4,1\n'
LINES = b'{"text": "a g\\u00f6od film", "label": 1}\n{"text": "bad", "label": "0"}\n' * 2


def damaged(valid):
    """A strategy: a valid file in which up to four pieces are replaced, or a part of it."""
    places = strategies.integers(0, len(valid))
    cut = strategies.tuples(places, strategies.integers(0, 40), strategies.binary(max_size=12))

    def apply(cuts):
        content = valid
        for start, length, new in cuts:
            content = content[:start] + new + content[start + length :]
        return content

    parts = places.map(lambda end: valid[:end])
    return strategies.lists(cut, min_size=1, max_size=4).map(apply) | parts


def check_one_line(reason):
    assert isinstance(reason, str) and re.fullmatch(".+\n*", reason), f"not one line: {reason!r}"


def write(path, content):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_bytes(content)
    return path


def table(content):
    name = "a.gz" if content.startswith(b"\x1f\x8b") else "a.csv"
    prepare_texts.main([write(name, content)])


def run(files):
    for path, content in files.items():
        write(path, content)
    predict.main(["run", "a good film", "the"])


def readers():
    """Returns {name: (reader, strategy of its input)}; trains a network to have a valid run."""
    texts = ["a fine film", "a poor film"] * 10, [1, 0] * 10
    data = data_file.from_texts(*texts, *texts, ["bad", "good"], "fuzz")
    data_file.write("data/imdb.npz", data)
    small = {"VOCAB_SIZE": 20, "EMBEDDING_DIM": 4, "LSTM_UNITS": 4, "EPOCHS": 1}
    with mock.patch.multiple(imdb_lstm, **small):
        imdb_lstm.main()
    [valid] = pathlib.Path("runs").iterdir()
    files = {f"run/{path.name}": path.read_bytes() for path in valid.iterdir()}
    runs = [damaged(files[path]).map(lambda new, path=path: {path: new}) for path in files]
    tables = [TABLE, TABLE.decode().encode("utf-16"), LINES, gzip.compress(TABLE), b""]
    data = pathlib.Path("data/imdb.npz").read_bytes()
    return {
        "data": (lambda text: data_file.read(write("data.npz", text)), damaged(data)),
        "table": (table, strategies.one_of(*map(damaged, tables))),
        "run": (lambda damage: run(files | damage), strategies.one_of(runs)),
    }


def attack(reader, strategy, inputs):
    """Runs a reader on inputs in the current folder and raises its first failure."""
    options = {"max_examples": inputs, "deadline": 10_000, "database": None}
    options |= {"suppress_health_check": list(hypothesis.HealthCheck)}

    @hypothesis.settings(**options)
    @hypothesis.given(strategy)
    def read(content):
        silent = io.StringIO()
        try:
            with contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
                reader(content)
        except (SystemExit, DataError) as error:
            check_one_line(error.code if isinstance(error, SystemExit) else str(error))

    read()


def main():
    cli.parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name, (reader, strategy) in readers().items():
            attack(reader, strategy, inputs=10_000)
            print(f"{name} passed", flush=True)


if __name__ == "__main__":
    main()
