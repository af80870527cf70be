"""What the download scripts share: the tokeniser, the data file and the way files are fetched.

The training scripts do not import this module. They read what it writes: a .npz file of plain arrays,

    x_train        (words,)   int32, the ids of all training texts end to end
    train_lengths  (texts,)   int32, how many of those ids belong to each text
    y_train        (texts,)   int64, the labels
    x_test, test_lengths, y_test    the same for test
    vocabulary     (bytes,)   uint8, the words by rank, the most frequent first: UTF-8, joined by newlines
    source         ()         text, one line that says where the data came from

with the ids of keras.datasets: 0 pads, 1 starts a text, 2 stands for an unknown word, 3 is unused, and the word of
rank r (the most frequent has rank 1) is r + 3.
"""

import collections
import hashlib
import itertools
import os
import sys
import tempfile
import zipfile

import numpy as np

START_ID, FIRST_WORD_ID = 1, 4

SAMPLE_SOURCE = "built-in sample, not IMDB"

# The characters that Keras's tokeniser takes for spaces; the apostrophe is not among them.
PUNCTUATION = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
PUNCTUATION_TO_SPACE = str.maketrans(PUNCTUATION, " " * len(PUNCTUATION))

KERAS_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

ARRAYS = {
    "x_train": "int32", "train_lengths": "int32", "y_train": "int64",
    "x_test": "int32", "test_lengths": "int32", "y_test": "int64",
    "vocabulary": "uint8",
}  # fmt: skip


class DataError(Exception):
    """Something that the person at the keyboard can mend; its text is shown as it is, without a traceback."""


# --- Text to ids -----------------------------------------------------------------------------------------------------


def tokenise(text):
    """Splits a text into words as Keras does: lower-case, punctuation to spaces, split on spaces (and on nothing else)."""
    return [word for word in text.lower().translate(PUNCTUATION_TO_SPACE).split(" ") if word]


class Encoder:
    """Turns texts into ids. Feed it every text with `add`; ranks are known only after the last one, with `finish`."""

    def __init__(self):
        # Each new word gets the next number; `finish` exchanges these numbers for ranks.
        self.numbers = collections.defaultdict(itertools.count().__next__)

    def add(self, text):
        """Returns the provisional ids of a text, an int32 array of shape (words,)."""
        return np.array([self.numbers[word] for word in tokenise(text)], dtype="int32")

    def finish(self, train, test):
        """Ranks the words by their frequency in train and gives every text its final ids.

        Args: `train` and `test`, lists of what `add` returned.
        Returns: train, test (lists of int32 arrays, start id first) and the list of words by rank. A word never seen
        in train has no rank and is left out of the test texts. Words of equal frequency stand in alphabetical order.
        """
        words = list(self.numbers)
        counts = np.bincount(np.concatenate(train), minlength=len(words))
        by_rank = sorted(np.flatnonzero(counts), key=lambda number: (-counts[number], words[number]))
        ids = np.zeros(len(words), dtype="int32")
        ids[by_rank] = np.arange(len(by_rank), dtype="int32") + FIRST_WORD_ID
        start = np.array([START_ID], dtype="int32")

        def final(text):
            text = ids[text]
            return np.concatenate([start, text[text > 0]])

        return [final(text) for text in train], [final(text) for text in test], [words[number] for number in by_rank]


# --- The data file ---------------------------------------------------------------------------------------------------


def pack(train, y_train, test, y_test, words, source):
    """Returns the arrays of a data file (see the top of this module) as a dict."""
    return {
        "x_train": np.concatenate(train).astype("int32"),
        "train_lengths": np.array([len(text) for text in train], dtype="int32"),
        "y_train": np.array(y_train, dtype="int64"),
        "x_test": np.concatenate(test).astype("int32"),
        "test_lengths": np.array([len(text) for text in test], dtype="int32"),
        "y_test": np.array(y_test, dtype="int64"),
        "vocabulary": np.frombuffer("\n".join(words).encode(), dtype="uint8"),
        "source": np.array(source),
    }


def write(path, data):
    """Writes a data file whole or not at all: under another name first, then renamed, so no reader meets half a file."""
    folder = os.path.dirname(path) or "."
    temporary = None
    try:
        os.makedirs(folder, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=os.path.basename(path) + ".", suffix=".part", dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, **data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp gives a file that only its owner may read
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror or error}); nothing was changed") from None
    finally:
        if temporary and os.path.exists(temporary):
            os.remove(temporary)


def check_writable(path):
    """Raises DataError before minutes are spent on a file that could not be kept."""
    folder = os.path.dirname(path) or "."
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise DataError(f"the folder {folder} cannot be written to ({error.strerror or error})") from None


def read(path):
    """Reads a data file and checks that it is sound; raises DataError with the reason where it is not."""
    try:
        with np.load(path, allow_pickle=False) as file:
            data = {name: file[name] for name in [*ARRAYS, "source"]}
    except KeyError as error:
        raise DataError(f"{path} is not a data file of these scripts: {error.args[0]}") from None
    except (OSError, EOFError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is not a data file of these scripts, or is damaged ({error})") from None
    for name, dtype in ARRAYS.items():
        if data[name].dtype != dtype or data[name].ndim != 1:
            raise DataError(f"{path} is damaged: {name} is {data[name].dtype}{data[name].shape}, not a row of {dtype}")
    for part in ("train", "test"):
        x, lengths, y = data[f"x_{part}"], data[f"{part}_lengths"], data[f"y_{part}"]
        if len(lengths) == 0 or len(lengths) != len(y) or lengths.min() < 1 or lengths.sum() != len(x):
            raise DataError(f"{path} is damaged: the lengths of {part} do not fit its texts or labels")
    return data


def describe(data):
    """Returns a few lines for a person: how many texts of which lengths, and how many words the vocabulary has."""
    lines = [f"{'':5}  {'texts':>7}  {'mean length':>11}  {'longest':>7}  {'shortest':>8}"]
    for part in ("train", "test"):
        lengths = data[f"{part}_lengths"]
        lines.append(
            f"{part:5}  {len(lengths):7,}  {lengths.mean():11.5f}  {lengths.max():7,}  {lengths.min():8,}"
        )
    lines.append(f"vocabulary: {vocabulary_size(data):,} words")
    return "\n".join(lines)


def vocabulary_size(data):
    return int(np.count_nonzero(data["vocabulary"] == ord("\n"))) + 1


# --- Fetching --------------------------------------------------------------------------------------------------------


def keras_cache():
    """The folder in which Keras keeps data files; KERAS_HOME moves it."""
    return os.path.join(os.path.expanduser(os.environ.get("KERAS_HOME", os.path.join("~", ".keras"))), "datasets")


def digest(path, like):
    """Returns the file's hash in hexadecimal, md5 or sha256, whichever has as many digits as `like`."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256" if len(like) == 64 else "md5").hexdigest()


def fetch(name, url, file_hash):
    """Returns the path of a file in Keras's cache, fetched with a progress bar if it is not there yet.

    A file that lies there with another hash is not ours to delete (Keras would): DataError names it. What is fetched
    gets its name only after its hash was found right, so a transfer that was killed never passes for a whole file.
    """
    path = os.path.join(keras_cache(), name)
    if os.path.exists(path):
        if digest(path, file_hash) != file_hash:
            raise DataError(
                f"{path} is not the file that {url} gives (its hash differs). It is kept as it is; "
                "move it away and run this again to fetch the right one"
            )
        return path
    import keras  # here, because it takes seconds and the other ways to the data do without

    try:
        part = keras.utils.get_file(fname=name + ".part", origin=url, file_hash=file_hash)
    except Exception as error:  # Keras raises a bare Exception when it cannot fetch
        if os.path.exists(path + ".part"):
            os.remove(path + ".part")  # Keras leaves a file with a wrong hash
        raise DataError(str(error).removeprefix(f"URL fetch failure on {url}: ").removeprefix("None -- ")) from None
    path = part.removesuffix(".part")
    os.replace(part, path)
    return path


def show_progress(items, label, total):
    """Passes items through and shows how many have come: one moving line on a terminal, one line per 20 % in a log."""
    moving = sys.stderr.isatty()
    step = max(1, total // (100 if moving else 5))
    for count, item in enumerate(items, 1):
        if count % step == 0:
            print(f"{label}: {count:,}", end="\r" if moving else "\n", file=sys.stderr, flush=True)
        yield item
    if moving:
        print(file=sys.stderr)
