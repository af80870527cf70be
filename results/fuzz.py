"""Feeds damaged and made-up input to everything that reads a file or a text, and tells whether it survives.

    python results/fuzz.py                        10,000 inputs for each reader
    python results/fuzz.py --inputs 200000 table vectors

A reader survives an input when it takes it, or refuses it in one line, within TIME_LIMIT; a traceback is a failure and
is shown with the smallest input that hypothesis finds for it. An input is a sound file with some bytes changed, removed
or inserted, a part of a sound file, or bytes of hypothesis's own invention.
"""

import argparse
import contextlib
import hashlib
import io
import json
import pathlib
import re
import sys
import tarfile
import tempfile
import time

import keras
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tools import configure, start_program, table

import data_files
import download_imdb
import download_reuters
import predict
import prepare_texts

TIME_LIMIT = 10  # seconds for one input
AT_ONCE = 10_000  # inputs in a row; hypothesis remembers them, which makes long rows slow


def damaged(sound):
    """A strategy: a sound file after up to four cuts, each of which puts other bytes in the place of some."""
    cut = st.tuples(st.integers(0, len(sound)), st.integers(0, 40), st.binary(max_size=12))

    def apply(cuts):
        content = sound
        for start, length, new in cuts:
            content = content[:start] + new + content[start + length :]
        return content

    return st.lists(cut, min_size=1, max_size=4).map(apply) | st.integers(0, len(sound)).map(lambda end: sound[:end])


def one_line(reason):
    assert isinstance(reason, str) and reason and "\n" not in reason.strip(), (
        f"refused, but not in one line: {reason!r}"
    )


@contextlib.contextmanager
def refusals():
    """Lets pass what a program says of input that it cannot take; nothing else."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    except (SystemExit, data_files.DataError, predict.ModelError) as error:
        one_line(error.code if isinstance(error, SystemExit) else str(error))


def write(path, content):
    pathlib.Path(path).write_bytes(content)
    return path


# --- Sound files -----------------------------------------------------------------------------------------------------


def sound_archive():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in "train/pos/0_9.txt", "test/neg/0_1.txt":
            member = tarfile.TarInfo(f"aclImdb/{name}")
            member.size = 12
            archive.addfile(member, io.BytesIO(b"a fine film."))
    return buffer.getvalue()


def sound_data():
    texts = [np.array([1, 4, 5, 6]), np.array([1, 6, 2])]
    words = ["the", "film", "good"]
    data = data_files.pack(texts, [0, 1], texts[:1], [1], words, ["bad", "good"], "own texts, fuzz.csv")
    buffer = io.BytesIO()
    np.savez(buffer, **data)
    return buffer.getvalue()


REVIEW = b"A g\xc3\xb6od film.<br />It's long."
WIRE = b"<REUTERS>\n<TOPICS><D>%s</D></TOPICS>\n<BODY>Oil &lt;up> 3 pct.\n Reuter\n&#3;</BODY></REUTERS>\n"
TABLE = b'text,label\n"a ""good"" film,\nlong",1\nbad,0\ngood,1\nawful,0\n\xc3\xa4,1\n'
VECTORS = b"3 4\nthe 0.1 -0.2 3e-1 4\n. . 1 2 3 4\ngood 5 6 7 8 \n"


# --- Readers: each takes the bytes of a file, or a text, in an empty folder ------------------------------------------


def archive(content):
    write("corpus.tar.gz", content)
    for _ in data_files.files_in_archive("corpus.tar.gz", re.compile(".*")):
        pass


def reviews(content):
    names = [f"{part}/{label}/0_1.txt" for part in ("train", "test") for label in ("pos", "neg")]
    names += ["train/urls_pos.txt", "train/urls_neg.txt"]
    download_imdb.from_files([(name, content) for name in names], "fuzz")


def wires(content):
    download_reuters.from_files([("reut2-000.sgm", content)], "fuzz")


def data_file(content):
    data_files.read(write("data.npz", content))


def training_data(content):
    script = configure("imdb_lstm", {"DATA_FILE": write("data.npz", content)})
    (x_train, y_train), *_ = script.load_data()
    if len(x_train):
        next(iter(script.batches(x_train, y_train)))


def table_of_texts(content):
    write("mine.csv", content)
    prepare_texts.main(["mine.csv"])


def vectors(content):
    script = configure("imdb_pretrained_lstm", {"VECTORS_FILE": write("vectors.vec", content), "VOCAB_SIZE": 10})
    script.load_vectors(["the", "film", "good"], [np.array([1, 4, 5])])


def make_run():
    """Trains nothing, but writes a run's folder as a training script does; returns the content of its files."""
    model = keras.Sequential([keras.Input((None,), dtype="int32"), keras.layers.Embedding(10, 2)])
    model.add(keras.layers.GlobalMaxPooling1D())
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        content = pathlib.Path(folder, "model.keras").read_bytes()
    words = "the\nfilm\ngood".encode()
    result = {"classes": ["negative", "positive"], "constants": {"MAX_LENGTH": 4, "PADDING": 2}}
    for name, data in ("model.keras", content), ("vocabulary.txt", words):
        result[f"{name} sha256"] = hashlib.sha256(data).hexdigest()
    return {"model.keras": content, "vocabulary.txt": words, "result.json": json.dumps(result).encode()}


def load_run(files):
    """Loads a run whose hashes are right, so that more than the check of the hashes is tried."""
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        result = json.loads(files["result.json"])
        for name in "model.keras", "vocabulary.txt":
            result[f"{name} sha256"] = hashlib.sha256(files[name]).hexdigest()
        files = files | {"result.json": json.dumps(result).encode()}
    for name, content in files.items():
        write(name, content)
    classifier = predict.Classifier("model.keras")
    for answer in predict.answer(classifier, ["a good film", "the"]):
        predict.line_of(answer)


def texts(content):
    sys.stdin = io.TextIOWrapper(io.BytesIO(content))
    try:
        for some in predict.texts_from([]):
            for answer in predict.answer(texts.classifier, some, with_words=True):
                if answer["class"]:
                    predict.words_of(answer)
                predict.line_of(answer)
                json.dumps(answer)
    finally:
        sys.stdin = sys.__stdin__


def readers():
    """Returns {name: (reader, strategy of its input)}."""
    run = make_run()
    for name, content in run.items():
        write(name, content)
    texts.classifier = predict.Classifier("model.keras")
    return {
        "archive": (archive, damaged(sound_archive()) | st.binary(max_size=2000)),
        "reviews": (reviews, damaged(REVIEW) | damaged(b"http://www.imdb.com/title/tt0064354/usercomments\n" * 2)),
        "wires": (wires, damaged(WIRE % b"earn" + WIRE % b"acq" + WIRE % b"cocoa")),
        "data": (data_file, damaged(sound_data()) | st.binary(max_size=2000)),
        "training": (training_data, damaged(sound_data())),
        "table": (table_of_texts, damaged(TABLE) | st.binary(max_size=200) | st.text(max_size=100).map(str.encode)),
        "vectors": (vectors, damaged(VECTORS) | st.binary(max_size=200)),
        "result": (lambda content: load_run(run | {"result.json": content}), damaged(run["result.json"])),
        "vocabulary": (lambda content: load_run(run | {"vocabulary.txt": content}), damaged(run["vocabulary.txt"])),
        "model": (lambda content: load_run(run | {"model.keras": content}), damaged(run["model.keras"])),
        "texts": (texts, st.binary(max_size=200) | st.text(max_size=100).map(str.encode)),
    }


def attack(reader, strategy, inputs, repeatable=True):
    """Runs a reader on inputs in the current folder; raises the first failure. Returns the slowest input's seconds."""
    slowest = 0.0

    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        derandomize=repeatable,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def run(content):
        nonlocal slowest
        start = time.perf_counter()
        with refusals():
            reader(content)
        seconds = time.perf_counter() - start
        slowest = max(slowest, seconds)
        assert seconds < TIME_LIMIT, f"it took {seconds:.0f} s"

    run()
    return slowest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", metavar="READER", help="which to try (default: all)")
    parser.add_argument("--inputs", type=int, default=10_000, help="how many for each (default: 10,000)")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        every = readers()
        for name in options.readers or every:
            if name not in every:
                parser.error(f"there is no reader {name!r}; there are: {', '.join(every)}")
            start = time.perf_counter()
            parts = [min(AT_ONCE, options.inputs - done) for done in range(0, options.inputs, AT_ONCE)]
            slowest = max(attack(*every[name], inputs, repeatable=False) for inputs in parts)
            rows.append([name, f"{options.inputs:,}", f"{time.perf_counter() - start:.0f}", f"{slowest:.2f}"])
            print(f"{name}: {options.inputs:,} inputs survived", flush=True)
    print(table(["reader", "inputs", "seconds", "slowest input, s"], rows))


if __name__ == "__main__":
    start_program(main)
