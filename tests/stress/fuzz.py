"""Feeds damaged and generated input to everything that reads a file or a text.

    python -m tests.stress.fuzz                                  10,000 inputs for each reader
    python -m tests.stress.fuzz --inputs 200000 table folder

A reader passes if it accepts an input, or refuses it in one line, within TIME_LIMIT. A failure is
shown with the smallest input that causes it. An input is a valid file with bytes changed, removed
or inserted, a part of one, or any bytes.
"""

import contextlib
import gzip
import io
import json
import pathlib
import re
import tarfile
import tempfile
import time

import hypothesis
import keras
import numpy as np
import pandas
from hypothesis import strategies

import download_imdb
import download_reuters
import predict
import prepare_texts
from corpus import DataError, archives, cli, data_file, runs

TIME_LIMIT = 10  # seconds for one input


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


@contextlib.contextmanager
def refusals():
    """Accepts a refusal in one line, and no other error."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    except (SystemExit, DataError) as error:
        check_one_line(error.code if isinstance(error, SystemExit) else str(error))


REVIEW = b"A g\xc3\xb6od film.<br />It's long."
URLS = b"http://www.imdb.com/title/tt0064354/usercomments\n" * 2
WIRE = b"<TOPICS><D>%s</D></TOPICS>\n<BODY>Oil &lt;up> 3 pct.\n Reuter\n&#3;</BODY>\n"
TABLE = b'text,label\n"a ""good"" film,\nlong",1\nbad,0\ngood,1\nawful,0\n\xc3\xa4,1\n'
TEXTS = [  # tables in text files
    TABLE,
    TABLE.decode().encode("utf-16"),
    b'text\tlabel\n"soon, she said\t1\nbad\t0\n"no\\"t" bad"\t0\n5" long\t1\n',
    b"__label__1 a good film\n__label__0 bad\n\n" * 2,
    b'{"text": "a g\\u00f6od film", "label": 1}\n{"text": "bad", "label": "0"}\n' * 2,
    b'[{"text": "good", "label": 1.0}, {"text": "bad", "a": {"label": null}}] ',
]


def valid_archive():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(cli.__file__, "aclImdb/train/pos/0_9.txt")
    return buffer.getvalue()


def valid_data():
    buffer = io.BytesIO()
    texts = ["a fine film", "a poor film"], [1, 0], ["fine"], [1]
    np.savez(buffer, **data_file.from_texts(*texts, ["bad", "good"], "fuzz"))
    return buffer.getvalue()


def valid_run():
    """Writes the folder of a run without training; returns {path: bytes} of its files."""
    layers = [keras.layers.Embedding(10, 2), keras.layers.GlobalMaxPooling1D()]
    layers.append(keras.layers.Dense(1, activation="sigmoid"))
    constants = {"MAX_LENGTH": 4, "VOCAB_SIZE": 10, "SEED": 1, "VALIDATION_SIZE": 0}
    constants["DATA_FILE"] = "data.npz"
    result = {"script": "imdb_lstm", "classes": ["negative", "positive"], "constants": constants}
    result |= {"about": {"source": "fuzz", "words": "keras"}, "versions": {}}
    result |= dict.fromkeys(runs.NUMBERS, 1) | {"device": "CPU", "backend": "tensorflow"}
    write("run/result.json", json.dumps(result).encode())
    write("run/vocabulary.txt", b"the\nfilm\ng\xc3\xb6od")
    write("run/code.py", b"VOCAB_SIZE = 10")
    write("run/history.csv", b"epoch,accuracy,loss\n0,0.5,0.7\n")
    keras.Sequential([keras.Input((None,), dtype="int32"), *layers]).save("run/model.keras")
    return {str(path): path.read_bytes() for path in pathlib.Path("run").iterdir()}


# Readers: each takes the bytes of a file, or of texts, and may write into the current folder.
def write(path, content):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_bytes(content)
    return path


def archive(content):
    list(archives.files(write("corpus.tar.gz", content), re.compile("")))


def reviews(content):
    names = [f"{part}/{label}/0_1.txt" for part in ("train", "test") for label in ("pos", "neg")]
    files = [(name, content) for name in [*names, "train/urls_pos.txt", "train/urls_neg.txt"]]
    download_imdb.encode(files, "fuzz")


def valid_tables():
    frame, excel = pandas.DataFrame({"text": ["a good film", "bad"], "label": [1, 0]}), io.BytesIO()
    frame.to_excel(excel, index=False)
    return [*TEXTS, frame.to_parquet(), excel.getvalue(), gzip.compress(TABLE)]


def table(content):
    name = "a.gz" if content.startswith(b"\x1f\x8b") else "a.csv"
    prepare_texts.main([write(name, content)])


def folder(content):
    for name in "a/1", "a/2", "b/1", "b/2":
        write(f"mine/{name}", content)
    prepare_texts.main(["mine"])


def run(files):
    for path, content in files.items():
        write(path, content)
    predict.main(["run", "a good film", "the"])


def readers():
    """Returns {name: (reader, strategy of its input)}."""
    files, wires = valid_run(), WIRE % b"earn" + WIRE % b"acq" + WIRE % b"cocoa"
    runs = [damaged(valid).map(lambda new, path=path: {path: new}) for path, valid in files.items()]
    any_bytes = strategies.binary(max_size=200) | strategies.text(max_size=100).map(str.encode)
    return {
        "archive": (archive, damaged(valid_archive()) | any_bytes),
        "reviews": (reviews, damaged(REVIEW) | damaged(URLS)),
        "wires": (lambda text: download_reuters.from_files([("", text)], "fuzz"), damaged(wires)),
        "data": (lambda text: data_file.read(write("data.npz", text)), damaged(valid_data())),
        "table": (table, strategies.one_of(*map(damaged, valid_tables()), any_bytes)),
        "folder": (folder, damaged(REVIEW) | any_bytes),
        "run": (lambda damage: run(files | damage), strategies.one_of(runs)),
    }


def attack(reader, strategy, inputs, repeatable=True):
    """Runs a reader on inputs in the current folder and raises its first failure."""
    options = {"max_examples": inputs, "derandomize": repeatable, "deadline": None}
    options |= {"database": None, "suppress_health_check": list(hypothesis.HealthCheck)}

    @hypothesis.settings(**options)
    @hypothesis.given(strategy)
    def read(content):
        start = time.perf_counter()
        with refusals():
            reader(content)
        assert time.perf_counter() - start < TIME_LIMIT

    read()


def main():
    parser = cli.parser(__doc__)
    parser.add_argument("readers", nargs="*", metavar="READER", help="default: all")
    parser.add_argument("--inputs", type=int, default=10_000, help="for each; default: 10,000")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        every = readers()
        for name in options.readers or every:
            attack(*every[name], options.inputs, repeatable=False)
            print(f"{name}: {options.inputs:,} inputs passed", flush=True)


if __name__ == "__main__":
    main()
