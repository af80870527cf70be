"""The data file: the one place that documents, writes and checks it.

A data file is a .npz file of plain arrays, no pickles:

    x_train        (words,)           int32, ids of training texts, concatenated (corpus/words.py)
    train_lengths  (texts,)           int32, the number of ids of each text
    y_train        (texts,)           int64, the labels
    x_test, test_lengths, y_test      the same for test
    vocabulary     (bytes,)           uint8, the words by rank: UTF-8, separated by newlines
    classes        (bytes,)           uint8, the names of labels 0, 1 and so on, likewise
    source         ()                 text, one line that says where the data come from
    vectors        (ids, directions)  float32, word vectors, see corpus.vectors.count_vectors
    about          ()                 text, JSON: source; fingerprint, 16 hexadecimal digits of a
                                      SHA-256 of corpus.vectors.VECTORS and of the arrays in ARRAYS;
                                      words, the word rule, a key of corpus.words.RULES; vectors,
                                      how the word vectors are made
"""

import contextlib
import hashlib
import json
import os
import tempfile

import numpy as np

from corpus import DataError, vectors, words

ARRAYS = {
    "x_train": "int32", "train_lengths": "int32", "y_train": "int64",
    "x_test": "int32", "test_lengths": "int32", "y_test": "int64",
    "vocabulary": "uint8", "classes": "uint8",
}  # fmt: skip
VALIDATION_SIZE = 0.1  # as in the scripts


def pack(train, y_train, test, y_test, vocabulary, classes, source, rule="keras"):
    """Returns the arrays of a data file as a dict, word vectors included.

    Args: `train` and `test`, lists of integer arrays of shape (length,); `y_train` and `y_test`,
    their labels; `vocabulary` and `classes`, lists of words and names; `source`, one line;
    `rule`, the key of `words.RULES` by which the texts were split.
    """
    data = {
        "x_train": np.concatenate(train).astype("int32"),
        "train_lengths": np.array([len(text) for text in train], dtype="int32"),
        "y_train": np.array(y_train, dtype="int64"),
        "x_test": np.concatenate(test).astype("int32"),
        "test_lengths": np.array([len(text) for text in test], dtype="int32"),
        "y_test": np.array(y_test, dtype="int64"),
        "vocabulary": np.frombuffer("\n".join(vocabulary).encode(), dtype="uint8"),
        "classes": np.frombuffer("\n".join(classes).encode(), dtype="uint8"),
    }
    digest = hashlib.sha256(vectors.VECTORS.encode())
    for name in ARRAYS:
        digest.update(data[name])
    about = {"fingerprint": digest.hexdigest()[:16], "words": rule, "vectors": vectors.VECTORS}
    # The first texts become validation in the scripts. Vectors that were counted on them too would
    # make validation accuracy higher than test accuracy.
    front = data["train_lengths"][: round(len(train) * VALIDATION_SIZE)].sum()
    data["vectors"] = vectors.count_vectors(data["x_train"][front:])
    return with_source(data | {"about": np.array(json.dumps(about))}, source)


def from_texts(train, y_train, test, y_test, classes, source, rule="keras"):
    """Returns the arrays of a data file from lists of texts (strings) and their labels."""
    encoder = words.Encoder(rule)
    train, test = ([encoder.add(text) for text in texts] for texts in (train, test))
    vocabulary = encoder.finish(train, test)
    return pack(train, y_train, test, y_test, vocabulary, classes, source, rule)


def with_source(data, source):
    """Returns the same data with another source."""
    about = {"source": source} | {
        key: value for key, value in about_of(data).items() if key != "source"
    }
    return data | {"source": np.array(source), "about": np.array(json.dumps(about))}


def about_of(data):
    return json.loads(str(data["about"]))


def write(path, data):
    """Writes a data file atomically: a reader sees the old file or the new one."""
    with replacing(path) as file:
        np.savez(file, **data)


@contextlib.contextmanager
def replacing(path):
    """Opens a temporary file for bytes, which replaces `path` atomically when it is complete."""
    folder = os.path.dirname(path) or "."
    temporary = None
    try:
        os.makedirs(folder, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(
            prefix=os.path.basename(path) + ".", suffix=".part", dir=folder
        )
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)  # which cannot be read without setting it
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # mkstemp gives a file that only its owner may read
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(
            f"{path} cannot be written ({error.strerror or error}); nothing was changed"
        ) from None
    finally:
        if temporary and os.path.exists(temporary):
            os.remove(temporary)


def check_writable(path):
    """Raises DataError if the folder of `path` is not writable: call it before long work."""
    folder = os.path.dirname(path) or "."
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise DataError(
            f"the folder {folder} cannot be written to ({error.strerror or error})"
        ) from None


def read(path):
    """Reads and checks a data file; raises DataError with the reason where it cannot be used."""
    try:
        with np.load(path, allow_pickle=False) as file:
            data = dict(file.items())
    except Exception as error:  # what a damaged file raises depends on where the damage is
        raise DataError(
            f"{path} is not a data file of these scripts, or is damaged ({error})"
        ) from None
    made = {"x_train", "vocabulary", "source"} <= data.keys()
    if made and not {"vectors", "about"} <= data.keys():
        raise earlier(path, data, "without word vectors")
    for name in [*ARRAYS, "source"]:
        if name not in data:
            raise DataError(f"{path} is not a data file of these scripts: it has no {name}")
    for name, dtype in ARRAYS.items():
        if data[name].dtype != dtype or data[name].ndim != 1:
            raise DataError(
                f"{path} is damaged: {name} is {data[name].dtype}{data[name].shape}, "
                f"not one-dimensional {dtype}"
            )
    for part in "train", "test":
        x, lengths, y = data[f"x_{part}"], data[f"{part}_lengths"], data[f"y_{part}"]
        if (
            len(lengths) == 0
            or len(lengths) != len(y)
            or lengths.min() < 1
            or lengths.sum() != len(x)
        ):
            raise DataError(
                f"{path} is damaged: the lengths of {part} do not fit its texts or labels"
            )
    if data.get("vectors", np.array(0)).ndim != 2:
        raise DataError(f"{path} is damaged: vectors is missing or not two-dimensional")
    try:
        about = about_of(data)
        about["source"]
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{path} is damaged: about is missing or not JSON with a source") from None
    if about.get("vectors") != vectors.VECTORS:
        raise earlier(path, data, "with its word vectors")
    return data


def earlier(path, data, what):
    """Returns the error of a data file of an earlier version."""
    own = str(data["source"]).startswith("own texts")
    name = os.path.splitext(os.path.basename(path))[0]
    program = "prepare_texts.py" if own else f"download_{name}.py"
    return DataError(
        f"{path} is from an earlier version, {what}: move it away and make a new one with {program}"
    )


def print_counts(path, data):
    """Prints the source, the number and lengths of the texts, and the number of words."""
    print(f"{path}: {data['source']}")
    print(f"{'':5}  {'texts':>7}  {'mean length':>11}  {'longest':>7}  {'shortest':>8}")
    for part in "train", "test":
        lengths = data[f"{part}_lengths"]
        mean, longest, shortest = lengths.mean(), lengths.max(), lengths.min()
        print(f"{part:5}  {len(lengths):7,}  {mean:11.5f}  {longest:7,}  {shortest:8,}")
    rows, directions = data["vectors"].shape
    print(f"vocabulary: {len(bytes(data['vocabulary']).split()):,} words")
    print(f"word vectors: {directions} dimensions, for the {rows:,} most frequent ids")
