"""The data file: the one place that documents, writes and checks it.

A data file is a .npz file of plain arrays, no pickles:

    x_train        (words,)           int32, ids of training texts, concatenated (corpus/words.py)
    train_lengths  (texts,)           int32, the number of ids of each text
    y_train        (texts,)           int64, the labels
    x_test, test_lengths, y_test      the same for test
    vocabulary     (bytes,)           uint8, the words by rank: UTF-8, separated by newlines
    classes        (bytes,)           uint8, the names of labels 0, 1 and so on, likewise
    source         ()                 text, one line that says where the data come from
    vectors        (ids, dimensions)  float32, word vectors, see corpus/vectors.py
    about          ()                 text, JSON: source; fingerprint, 16 hexadecimal digits of a
                                      SHA-256 of `vectors` here and of the arrays in ARRAYS;
                                      words, the word rule, a key of corpus.words.RULES; vectors,
                                      how and from which texts the word vectors are made

`about` of a user's texts may also have: made_from, digits of a SHA-256 of their path; columns,
{"text": [names], "label": name} of a table; rows, the number of each test text in its table or
list, as messages count, and file, the path of this table; warnings, a list of lines on what spoils
an accuracy.
"""

import contextlib
import functools
import glob
import hashlib
import json
import os
import secrets
import tempfile

import numpy as np

from corpus import DataError, vectors, words

ARRAYS = {"x_train": "int32", "train_lengths": "int32", "y_train": "int64"}
ARRAYS |= {"x_test": "int32", "test_lengths": "int32", "y_test": "int64"}
ARRAYS |= {"vocabulary": "uint8", "classes": "uint8"}
VALIDATION_SIZE = 0.1  # as in the scripts


class EditedError(DataError):
    """A data file does not have the texts and labels with which it was made."""


def pack(train, y_train, test, y_test, vocabulary, classes, source, rule="keras", unlabelled=()):
    """Returns the arrays of a data file as a dict, word vectors included.

    Args: `train` and `test`, lists of integer arrays of shape (length,); `y_train` and `y_test`,
    their labels; `vocabulary` and `classes`, lists of words and names; `source`, one line;
    `rule`, the key of `words.RULES` by which the texts were split; `unlabelled`, a list like
    `train`, from which the word vectors are made too.
    """
    data = {}
    for part, texts, labels in ("train", train, y_train), ("test", test, y_test):
        data[f"x_{part}"] = np.concatenate(texts).astype("int32")
        data[f"{part}_lengths"] = np.array([len(text) for text in texts], dtype="int32")
        data[f"y_{part}"] = np.array(labels, dtype="int64")
    for name, lines in ("vocabulary", vocabulary), ("classes", classes):
        data[name] = np.frombuffer("\n".join(lines).encode(), dtype="uint8")
    made = "PPMI-SVD of nine tenths of train"
    if unlabelled:
        made += f" and of {len(unlabelled):,} unlabelled texts ({sum(map(len, unlabelled)):,} ids)"
    made += f": {vectors.METHOD}"
    about = {"source": source, "fingerprint": hash_of(data, made), "words": rule, "vectors": made}
    # The first texts become validation in the scripts. Vectors that were counted on them too would
    # make validation accuracy higher than test accuracy.
    validation = data["train_lengths"][: round(len(train) * VALIDATION_SIZE)].sum()
    data["vectors"] = vectors.count_vectors([data["x_train"][validation:], *unlabelled])
    return data | {"about": np.array(json.dumps(about)), "source": np.array(source)}


def hash_of(data, made):
    """Returns the fingerprint of arrays; `made` is how their word vectors were made."""
    digest = hashlib.sha256(made.encode())
    for name in ARRAYS:
        digest.update(data[name])
    return digest.hexdigest()[:16]


def from_texts(train, y_train, test, y_test, classes, source, rule="keras", unlabelled=()):
    """Returns the arrays of a data file from lists of texts (strings) and their labels."""
    encoder = words.Encoder(rule)
    parts = [[encoder.add(text) for text in texts] for texts in (train, test, unlabelled)]
    vocabulary = encoder.finish(*parts)
    train, test, unlabelled = parts
    return pack(train, y_train, test, y_test, vocabulary, classes, source, rule, unlabelled)


def with_source(data, source):
    """Returns the same data with another source."""
    about = json.dumps(about_of(data) | {"source": source})
    return data | {"about": np.array(about), "source": np.array(source)}


def about_of(data):
    return json.loads(str(data["about"]))


def write(path, data):
    """Writes a data file atomically, with its fingerprint: a reader sees the old or the new one."""
    about = about_of(data)
    about["fingerprint"] = hash_of(data, about["vectors"])
    data = data | {"about": np.array(json.dumps(about))}
    with replacing(path) as file:
        np.savez(file, **data)


@contextlib.contextmanager
def replacing(path):
    """Opens a temporary file for bytes, which replaces `path` atomically when it is complete.

    Temporary files that killed programs left beside `path` are removed then. Raises DataError where
    a file cannot be written.
    """
    temporary = f"{path}.{secrets.token_hex(4)}.part"
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        try:
            os.replace(temporary, path)
        except FileNotFoundError:  # another program has just replaced `path`, and removed this one
            if not os.path.exists(path):
                raise
        for part in glob.glob(f"{glob.escape(path)}.????????.part"):
            with contextlib.suppress(OSError):
                os.remove(part)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror or error})") from None
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def check_writable(path):
    """Raises DataError if the folder of `path` is not writable: call it before long work."""
    folder = os.path.dirname(path) or "."
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise DataError(f"cannot write to the folder {folder}: {error.strerror or error}") from None


def read(path):
    """Reads and checks a data file; raises DataError with the reason where it cannot be used.

    One that was edited after it was made is not used: a run would name the data from before.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            data = dict(file.items())
        check(data)
    except Exception as error:  # what a damaged file raises depends on where the damage is
        raise DataError(f"{path} is not a valid data file ({error}). Move it away") from None
    about = about_of(data)
    if hash_of(data, about["vectors"]) != about["fingerprint"]:
        raise EditedError(
            f"{path} was edited after it was made ({about['source']}). Make it again. For other "
            "texts or labels, edit them in a line of `main` in a copy of a script, or write them "
            "with prepare_texts.write."
        )
    return data


def fingerprint(path, vectors=True):
    """Returns the fingerprint of a data file, None where there is none; raises like `read`.

    Without `vectors`, it is that of the texts and labels alone.
    """
    if not os.path.exists(path):
        return None
    return read_fingerprints(path, os.stat(path).st_mtime_ns)[not vectors]


@functools.lru_cache
def read_fingerprints(path, time):
    data = read(path)
    return about_of(data)["fingerprint"], hash_of(data, "")


def check(data):
    """Raises ValueError where the arrays of a data file do not fit each other."""
    if missing := {*ARRAYS, "source", "vectors", "about"} - data.keys():
        raise ValueError(f"it has no {min(missing)}")
    for name, dtype in ARRAYS.items():
        if data[name].dtype != dtype or data[name].ndim != 1:
            raise ValueError(f"{name} is not one-dimensional {dtype}")
    for part in "train", "test":
        lengths, texts, labels = data[f"{part}_lengths"], data[f"x_{part}"], data[f"y_{part}"]
        if not 0 < len(lengths) == len(labels) or lengths.min() < 1 or lengths.sum() != len(texts):
            raise ValueError(f"{part}_lengths does not fit its texts or labels")
    if data["vectors"].ndim != 2:
        raise ValueError("vectors is not two-dimensional")
    if missing := {"source", "fingerprint", "vectors"} - about_of(data).keys():
        raise ValueError(f"about has no {min(missing)}")


def print_counts(path, data):
    """Prints the source, the number and lengths of the texts, and the number of words."""
    print(f"{path}: {data['source']}")
    print(f"{'':5}  {'texts':>7}  {'mean length':>11}  {'longest':>7}  {'shortest':>8}")
    for part in "train", "test":
        lengths = data[f"{part}_lengths"]
        mean, longest, shortest = lengths.mean(), lengths.max(), lengths.min()
        print(f"{part:5}  {len(lengths):7,}  {mean:11.5f}  {longest:7,}  {shortest:8,}")
    rows, dimensions = data["vectors"].shape
    print(f"vocabulary: {len(bytes(data['vocabulary']).split()):,} words")
    print(f"word vectors: {dimensions} dimensions, for the {rows:,} most frequent ids")
