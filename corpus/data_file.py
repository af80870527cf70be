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
import hashlib
import json
import os
import secrets
import tempfile

import numpy as np

from corpus import DataError, vectors, words

ARRAYS = ["x_train", "train_lengths", "y_train", "x_test", "test_lengths", "y_test"]
ARRAYS += ["vocabulary", "classes"]
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
    train, test, unlabelled = (list(map(encoder.add, part)) for part in (train, test, unlabelled))
    vocabulary = encoder.finish(train, test, unlabelled)
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

    Raises DataError where a file cannot be written.
    """
    temporary = f"{path}.{secrets.token_hex(4)}.part"
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
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
        about = about_of(data)
        edited = hash_of(data, about["vectors"]) != about["fingerprint"]
    except Exception as error:  # what a damaged file raises depends on where the damage is
        raise DataError(f"{path} is not a valid data file ({error}). Move it away") from None
    if edited:
        raise EditedError(
            f"{path} was edited after it was made ({about['source']}). Make it again. Edit texts "
            "or labels in `main` of a copy of a script, or write them with prepare_texts.write."
        )
    return data


def fingerprint(path, vectors=True):
    """Returns the fingerprint of a data file, without `vectors` that of its texts and labels alone.

    Returns None where there is no file; raises like `read`.
    """
    if not os.path.exists(path):
        return None
    return read_fingerprints(path, os.stat(path).st_mtime_ns)[not vectors]


@functools.lru_cache
def read_fingerprints(path, time):
    data = read(path)
    return about_of(data)["fingerprint"], hash_of(data, "")


def print_counts(path, data):
    """Prints the source, the number and lengths of the texts, and the number of words."""
    print(f"{path}: {data['source']}")
    print(f"{'':5}  {'texts':>7}  {'mean length':>11}  {'longest':>7}  {'shortest':>8}")
    for part in "train", "test":
        x = data[f"{part}_lengths"]
        print(f"{part:5}  {len(x):7,}  {x.mean():11.5f}  {x.max():7,}  {x.min():8,}")
    rows, dimensions = data["vectors"].shape
    print(f"vocabulary: {len(bytes(data['vocabulary']).split()):,} words")
    print(f"word vectors: {dimensions} dimensions, for the {rows:,} most frequent ids")
