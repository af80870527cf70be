"""Feeds damaged and generated input to everything that reads a file or a text.

    python -m tests.stress.fuzz                                  10,000 inputs for each reader
    python -m tests.stress.fuzz --inputs 200000 table vectors

A reader passes if it accepts an input, or refuses it in one line, within TIME_LIMIT. A traceback is
a failure and is shown with the smallest input that hypothesis finds for it. An input is a valid
file with bytes changed, removed or inserted, a part of one, or hypothesis's own bytes.
"""

import bz2
import collections
import contextlib
import gzip
import io
import itertools
import json
import pathlib
import re
import tarfile
import tempfile
import time
import zipfile
from unittest import mock

import hypothesis
import keras
import numpy as np
import pandas
from hypothesis import strategies

import download_imdb
import download_reuters
import imdb_lstm
import imdb_pretrained_lstm
import predict
import prepare_texts
from corpus import DataError, archives, cli, data_file, runs, tables

TIME_LIMIT = 10  # seconds for one input
AT_ONCE = 10_000  # inputs in a row; hypothesis remembers them, which makes long rows slow


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
WIRES = WIRE % b"earn" + WIRE % b"acq" + WIRE % b"cocoa"
TABLE = b'text,label\n"a ""good"" film,\nlong",1\nbad,0\ngood,1\nawful,0\n\xc3\xa4,1\n'
JSON_LINES = b'{"text": "a g\\u00f6od film", "label": 1}\n{"text": "bad", "label": "0"}\n' * 2
JSON_ARRAY = b'[{"text": "good", "label": 1.0}, {"text": "bad", "a": {"label": null}}] '
FASTTEXT = b"__label__1 a good film\n__label__0 bad\n\n" * 2
LETTERS = b'text\tlabel\n"soon, she said\t1\nbad\t0\n"no\\"t" bad"\t0\n5" long\t1\n'
VECTORS = b"3 4\nthe 0.1 -0.2 3e-1 4\n. . 1 2 3 4\ngood 5 6 7 8 \n"


def valid_archive():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in "train/pos/0_9.txt", "test/neg/0_1.txt":
            member = tarfile.TarInfo(f"aclImdb/{name}")
            member.size = len(REVIEW)
            archive.addfile(member, io.BytesIO(REVIEW))
    return buffer.getvalue()


def valid_data():
    buffer = io.BytesIO()
    texts, test = ["a fine film", "a poor film"], ["fine"]
    np.savez(buffer, **data_file.from_texts(texts, [1, 0], test, [1], ["bad", "good"], "fuzz"))
    return buffer.getvalue()


def valid_run():
    """Returns {name: bytes} of a run's folder as a training script writes it, without training."""
    layers = [keras.layers.Embedding(10, 2), keras.layers.GlobalMaxPooling1D()]
    layers.append(keras.layers.Dense(1, activation="sigmoid"))
    model = keras.Sequential([keras.Input((None,), dtype="int32"), *layers])
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        content = pathlib.Path(folder, "model.keras").read_bytes()
    constants = {"MAX_LENGTH": 4, "VOCAB_SIZE": 10, "SEED": 1, "VALIDATION_SIZE": 0}
    constants["DATA_FILE"] = "data.npz"
    result = {"script": "imdb_lstm", "classes": ["negative", "positive"], "constants": constants}
    result |= {"about": {"source": "fuzz", "words": "keras"}, "versions": {}}
    result |= dict.fromkeys(runs.NUMBERS, 1) | {"device": "CPU", "backend": "tensorflow"}
    return {
        "model.keras": content,
        "vocabulary.txt": b"the\nfilm\ng\xc3\xb6od",
        "code.py": b"VOCAB_SIZE = 10",
        "history.csv": b"epoch,accuracy,loss\n0,0.5,0.7\n",
        "result.json": json.dumps(result).encode(),
    }


# Readers: each takes the bytes of a file, or of texts, and may write into the current folder.
def write(path, content):
    pathlib.Path(path).write_bytes(content)
    return path


def archive(content):
    for _ in archives.files(write("corpus.tar.gz", content), re.compile("")):
        pass


def reviews(content):
    names = [f"{part}/{label}/0_1.txt" for part in ("train", "test") for label in ("pos", "neg")]
    names += ["train/urls_pos.txt", "train/urls_neg.txt"]
    download_imdb.from_files([(name, content) for name in names], "fuzz")


def training(content):
    with mock.patch.object(imdb_lstm, "DATA_FILE", write("data.npz", content)):
        imdb_lstm.load_data()


def vectors(content):
    constants = {"VOCAB_SIZE": 10, "EMBEDDING_DIM": 4, "LSTM_UNITS": 1}
    constants["VECTORS_FILE"] = write("vectors.txt", content)
    with mock.patch.multiple(imdb_pretrained_lstm, **constants):
        with contextlib.suppress(ValueError):  # what is no number is numpy's to say
            imdb_pretrained_lstm.build_model(["the", "film", "good"])


def valid_tables():
    """Returns {name: bytes} of tables: parquet, Excel, compressed, UTF-16."""
    frame = pandas.DataFrame({"text": ["a good film", "bad"], "label": [1, 0]})
    excel, archive = io.BytesIO(), io.BytesIO()
    frame.to_excel(excel, index=False)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.csv", TABLE)
    files = {"a.parquet": frame.to_parquet(), "a.xlsx": excel.getvalue()}
    files |= {"a.gz": gzip.compress(TABLE), "a.bz2": bz2.compress(FASTTEXT)}
    return files | {"a.zip": archive.getvalue(), "a.csv": TABLE.decode().encode("utf-16")}


def folder(content):
    for name in "a/1", "a/2", "b/1", "b/2":
        pathlib.Path("mine", name).parent.mkdir(parents=True, exist_ok=True)
        write(f"mine/{name}", content)
    prepare_texts.main(["mine"])


def read_table(content, name="a.csv"):
    prepare_texts.main([write(name, content)])


def read_rows(content):
    """Reads delimited text or fastText's lines, and checks that no letter of it is lost."""
    table = tables.read(write("a.csv", content))
    text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    if not tables.JSON.match(text):
        names = table.columns if table.header else []
        cells = "".join(itertools.chain(names, *(cells for _, cells in table)))
        letters = collections.Counter(re.findall(r"\w", text.replace("__label__", "")))
        assert letters == collections.Counter(re.findall(r"\w", cells.replace("__label__", "")))
    read_table(content)


def run(files):
    for name, content in files.items():
        write(f"run/{name}", content)
    predict.main(["run", "a good film", "the"])


def texts(content, classifier):
    stdin = io.TextIOWrapper(io.BytesIO(content))
    with mock.patch("sys.stdin", stdin), mock.patch("predict.Classifier", lambda _: classifier):
        predict.main(["run", "--words"])


def readers():
    """Returns {name: (reader, strategy of its input)}."""
    files = valid_run()
    pathlib.Path("run").mkdir()
    with refusals():
        run(files)
    classifier = predict.Classifier("run")
    data, table = damaged(valid_data()), damaged(TABLE) | damaged(LETTERS) | damaged(FASTTEXT)
    json_file = damaged(JSON_LINES) | damaged(JSON_ARRAY)
    binary = [
        damaged(content).map(lambda content, name=name: (content, name))
        for name, content in valid_tables().items()
    ]
    any_bytes = strategies.binary(max_size=200) | strategies.text(max_size=100).map(str.encode)

    def part_of_run(name):
        return lambda content: run(files | {name: content}), damaged(files[name])

    return {
        "archive": (archive, damaged(valid_archive()) | any_bytes),
        "reviews": (reviews, damaged(REVIEW) | damaged(URLS)),
        "wires": (lambda text: download_reuters.from_files([("", text)], "fuzz"), damaged(WIRES)),
        "data": (lambda content: data_file.read(write("data.npz", content)), data | any_bytes),
        "training": (training, data),
        "table": (read_rows, table | any_bytes),
        "json": (read_table, json_file),
        "binary table": (lambda file: read_table(*file), strategies.one_of(binary)),
        "folder": (folder, damaged(REVIEW) | any_bytes),
        "vectors": (vectors, damaged(VECTORS) | any_bytes),
        "result": part_of_run("result.json"),
        "vocabulary": part_of_run("vocabulary.txt"),
        "model": part_of_run("model.keras"),
        "texts": (lambda content: texts(content, classifier), any_bytes),
    }


def attack(reader, strategy, inputs, repeatable=True):
    """Runs a reader on inputs in the current folder and raises its first failure.

    Returns the seconds of the slowest input.
    """
    slowest = 0.0

    options = {"max_examples": inputs, "derandomize": repeatable, "deadline": None}
    options |= {"database": None, "suppress_health_check": list(hypothesis.HealthCheck)}

    @hypothesis.settings(**options)
    @hypothesis.given(strategy)
    def read(content):
        nonlocal slowest
        start = time.perf_counter()
        with refusals():
            reader(content)
        seconds = time.perf_counter() - start
        slowest = max(slowest, seconds)
        assert seconds < TIME_LIMIT, f"it took {seconds:.0f} s"

    read()
    return slowest


def main():
    parser = cli.parser(__doc__)
    parser.add_argument("readers", nargs="*", metavar="READER", help="default: all")
    parser.add_argument("--inputs", type=int, default=10_000, help="for each; default: 10,000")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        every = readers()
        if unknown := set(options.readers) - set(every):
            parser.error(f"there is no reader {unknown.pop()}; there are: {', '.join(every)}")
        for name in options.readers or every:
            start = time.perf_counter()
            counts = [min(AT_ONCE, options.inputs - n) for n in range(0, options.inputs, AT_ONCE)]
            slowest = max(attack(*every[name], count, repeatable=False) for count in counts)
            seconds = time.perf_counter() - start
            print(f"{name}: {options.inputs:,} inputs passed in {seconds:.0f} s", end=", ")
            print(f"the slowest in {slowest:.2f} s", flush=True)


if __name__ == "__main__":
    main()
