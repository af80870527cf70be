"""What the programs that make data files share: the tokeniser, the data file and the ways to get a corpus.

predict.py shares the tokeniser. The training scripts do not import this module: they read what it writes, a .npz file
of plain arrays,

    x_train        (words,)   int32, the ids of all training texts end to end
    train_lengths  (texts,)   int32, how many of those ids belong to each text
    y_train        (texts,)   int64, the labels
    x_test, test_lengths, y_test    the same for test
    vocabulary     (bytes,)   uint8, the words by rank, the most frequent first: UTF-8, joined by newlines
    classes        (bytes,)   uint8, the names of the classes by label, likewise; older files have none
    source         ()         text, one line that says where the data came from

with the ids of keras.datasets: 0 pads, 1 starts a text, 2 stands for an unknown word, 3 is unused, and the word of
rank r (the most frequent has rank 1) is r + 3.
"""

import argparse
import collections
import dataclasses
import hashlib
import itertools
import json
import os
import re
import shlex
import shutil
import socket
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable

import numpy as np

START_ID, FIRST_WORD_ID = 1, 4

# The characters that Keras's tokeniser takes for spaces; the apostrophe is not among them.
PUNCTUATION = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
PUNCTUATION_TO_SPACE = str.maketrans(PUNCTUATION, " " * len(PUNCTUATION))

KERAS_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
TIMEOUT = 30  # seconds without a byte after which a server is given up

SHUFFLE_SEED = 113  # the one of keras.datasets

ARRAYS = {
    "x_train": "int32", "train_lengths": "int32", "y_train": "int64",
    "x_test": "int32", "test_lengths": "int32", "y_test": "int64",
    "vocabulary": "uint8",
}  # fmt: skip


class DataError(Exception):
    """Something that the person at the keyboard can mend; its text is shown as it is, without a traceback."""


# --- Text to ids -----------------------------------------------------------------------------------------------------


def tokenise(text):
    """Splits a text into words as Keras does: lower case, punctuation to spaces, split on spaces and nothing else."""
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
        """Ranks the words by their frequency in train and gives every text its final ids, in place to save memory.

        Args: `train` and `test`, lists of what `add` returned; they become lists of int32 arrays, start id first.
        Returns: the list of words by rank. A word never seen in train has no rank and is left out of the test texts.
        Words of equal frequency stand in alphabetical order.
        """
        words = list(self.numbers)
        counts = np.zeros(len(words), dtype="int64")
        for first in range(0, len(train), 10_000):
            counts += np.bincount(np.concatenate(train[first : first + 10_000]), minlength=len(words))
        by_rank = sorted(np.flatnonzero(counts), key=lambda number: (-counts[number], words[number]))
        ids = np.zeros(len(words), dtype="int32")
        ids[by_rank] = np.arange(len(by_rank), dtype="int32") + FIRST_WORD_ID
        start = np.array([START_ID], dtype="int32")
        for texts in train, test:
            for row, text in enumerate(texts):
                text = ids[text]
                texts[row] = np.concatenate([start, text[text > 0]])
        return [words[number] for number in by_rank]


# --- The data file ---------------------------------------------------------------------------------------------------


def pack(train, y_train, test, y_test, words, classes, source):
    """Returns the arrays of a data file (see the top of this module) as a dict."""
    return {
        "x_train": np.concatenate(train).astype("int32"),
        "train_lengths": np.array([len(text) for text in train], dtype="int32"),
        "y_train": np.array(y_train, dtype="int64"),
        "x_test": np.concatenate(test).astype("int32"),
        "test_lengths": np.array([len(text) for text in test], dtype="int32"),
        "y_test": np.array(y_test, dtype="int64"),
        "vocabulary": np.frombuffer("\n".join(words).encode(), dtype="uint8"),
        "classes": np.frombuffer("\n".join(classes).encode(), dtype="uint8"),
        "source": np.array(source),
    }


def write(path, data):
    """Writes a data file whole or not at all: under another name first, so that no reader ever meets half a file."""
    folder = os.path.dirname(path) or "."
    temporary = None
    try:
        os.makedirs(folder, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=os.path.basename(path) + ".", suffix=".part", dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, **data)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)  # which cannot be read without setting it
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # mkstemp gives a file that only its owner may read
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror or error}); nothing was changed") from None
    finally:
        if temporary and os.path.exists(temporary):
            os.remove(temporary)


def print_counts(path, data):
    """Prints where the data came from, how many texts there are, how long they are, and how many words."""
    print(f"{path}: {data['source']}")
    print(f"{'':5}  {'texts':>7}  {'mean length':>11}  {'longest':>7}  {'shortest':>8}")
    for part in ("train", "test"):
        lengths = data[f"{part}_lengths"]
        print(f"{part:5}  {len(lengths):7,}  {lengths.mean():11.5f}  {lengths.max():7,}  {lengths.min():8,}")
    print(f"vocabulary: {len(bytes(data['vocabulary']).split()):,} words")


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
            data = {name: file[name] for name in [*ARRAYS, "source", *{"classes"}.intersection(file)]}
    except KeyError as error:
        raise DataError(f"{path} is not a data file of these scripts: {error.args[0]}") from None
    except Exception as error:  # what a damaged file raises depends on where the damage is
        raise DataError(f"{path} is not a data file of these scripts, or is damaged ({error})") from None
    for name, dtype in ARRAYS.items():
        if data[name].dtype != dtype or data[name].ndim != 1:
            raise DataError(f"{path} is damaged: {name} is {data[name].dtype}{data[name].shape}, not a row of {dtype}")
    for part in ("train", "test"):
        x, lengths, y = data[f"x_{part}"], data[f"{part}_lengths"], data[f"y_{part}"]
        if len(lengths) == 0 or len(lengths) != len(y) or lengths.min() < 1 or lengths.sum() != len(x):
            raise DataError(f"{path} is damaged: the lengths of {part} do not fit its texts or labels")
    return data


# --- Ways to a corpus ------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Corpus:
    """What one download script knows of its corpus. All else about the ways to it is in this module."""

    name: str  # "IMDB"
    keras_name: str  # its module in keras.datasets, and the stem of Keras's files and of the data file
    classes: list  # the names of labels 0, 1 and so on
    keras_hashes: tuple  # of Keras's texts (sha256) and of its word index (md5)
    archives: dict  # url: hash of the archives of raw texts that may be fetched
    member_name: re.Pattern  # the names of the files that matter in the archive or its folder
    from_files: Callable  # (pairs of name and content, source) -> data
    from_sample: Callable  # () -> data
    is_known: Callable  # data -> whether it is the corpus as the world knows it

    @property
    def data_file(self):
        return f"data/{self.keras_name}.npz"

    @property
    def keras_files(self):
        return dict(zip((f"{self.keras_name}.npz", f"{self.keras_name}_word_index.json"), self.keras_hashes))

    @property
    def sample_source(self):
        return f"built-in sample, not {self.name}"


def start(main):
    """Calls a program's main function. What cannot be read or written on the way ends the program in one line."""
    if hasattr(sys.stdout, "reconfigure"):  # a notebook's has not
        sys.stdout.reconfigure(errors="replace")  # a terminal may lack a letter
    try:
        try:
            main()
        finally:
            if sys.stdout:
                sys.stdout.flush()
    except OSError as error:
        sys.stdout = None  # else Python would try, and complain, once more when it ends
        piped = isinstance(error, BrokenPipeError)  # into `head`, say, which has read enough
        sys.exit(1 if piped else f"{os.path.basename(sys.argv[0])}: {error}")


def main(corpus, documentation, arguments=None):
    """Runs a download script. Ends the program with a message and exit status 1 when something cannot be had."""
    parser = argparse.ArgumentParser(
        description=documentation,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [OPTION] [PATH]",
    )
    parser.add_argument("path", nargs="?", metavar="PATH", help="your own copy")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--sample", action="store_true", help="write the built-in sample")
    choice.add_argument("--no-sample", action="store_true", help=f"{corpus.name} or an error, never the sample")
    options = parser.parse_args(arguments)
    if options.path and options.sample:
        parser.error("PATH and --sample exclude each other")
    socket.setdefaulttimeout(TIMEOUT)
    try:
        provide(corpus, options)
    except DataError as error:
        sys.exit(f"{parser.prog}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{parser.prog}: stopped; {corpus.data_file} is as it was")


def provide(corpus, options):
    """Sees to it that the data file is there, from the source that the options ask for, and reports what it holds."""
    if os.path.exists(corpus.data_file) and not options.path and not options.sample:
        data = read(corpus.data_file)
        if not (options.no_sample and str(data["source"]) == corpus.sample_source):
            print("Already there, left as it is.")
            report(corpus, data)
            return
    check_writable(corpus.data_file)
    if options.path:
        data = from_path(corpus, options.path)
    elif options.sample:
        data = corpus.from_sample()
    else:
        try:
            data = from_network(corpus)
        except DataError as error:
            if options.no_sample:
                raise
            print(f"{error}\nSo that everything runs all the same, here is the built-in sample.", file=sys.stderr)
            data = corpus.from_sample()
    write(corpus.data_file, data)
    report(corpus, data)


def report(corpus, data):
    """Prints what a data file holds and whether that is the corpus as the world knows it."""
    print_counts(corpus.data_file, data)
    if str(data["source"]) == corpus.sample_source:
        print(f"This is the built-in sample, generated text that is NOT {corpus.name}.", file=sys.stderr)
        print(f"For {corpus.name}, with a network: python {shlex.quote(sys.argv[0])} --no-sample", file=sys.stderr)
    elif corpus.is_known(data):
        print(f"These are the known counts of {corpus.name}.")
    else:
        print(f"These are NOT the known counts of {corpus.name}: something is missing or changed.", file=sys.stderr)


def from_path(corpus, path):
    """Returns the data of a person's own copy: Keras's .npz file, a folder of raw texts, or an archive of them."""
    path = os.path.abspath(path)
    if not os.path.exists(path):
        raise DataError(f"there is no file or folder {path}")
    if path.endswith(".npz"):
        adopt_keras_files(corpus, path)
        index = corpus.keras_name + "_word_index.json"
        try:
            return from_keras(corpus)
        except DataError as error:
            if os.path.exists(os.path.join(keras_cache(), index)):
                raise
            raise DataError(f"{path} needs {index} beside it, from {KERAS_URL}{index}: {error}") from None
    files = files_in_folder if os.path.isdir(path) else files_in_archive
    return from_raw(corpus, files(path, corpus.member_name), os.path.basename(path))


def from_network(corpus):
    """Returns the corpus from the first server that gives it; raises DataError with what each of them said."""

    def from_archive(url):
        path = fetch(os.path.basename(url), url, corpus.archives[url])
        return from_raw(corpus, files_in_archive(path, corpus.member_name), os.path.basename(url))

    print(f"looking for {corpus.name} on the network ...", file=sys.stderr, flush=True)
    urls = [KERAS_URL + name for name in corpus.keras_files]
    ways = [(urls[0], lambda: from_keras(corpus)), *((url, lambda: from_archive(url)) for url in corpus.archives)]
    troubles = []
    for url, get in ways:
        try:
            return get()
        except DataError as error:
            troubles.append(f"  {url}\n    {error}")
    raise DataError(
        f"{corpus.name} cannot be fetched:\n" + "\n".join(troubles) + "\n"
        "What helps:\n"
        f"  Fetch it with a browser, then: python {shlex.quote(sys.argv[0])} PATH-OF-THE-FILE\n"
        f"  ({corpus.keras_name}.npz needs {urls[1]} beside it.)\n"
        f"  Files are kept in {keras_cache()}; the environment variable KERAS_HOME names another place.\n"
        "  Behind a proxy: set the environment variable https_proxy=http://HOST:PORT.\n"
        "  CERTIFICATE_VERIFY_FAILED on a Mac: run 'Install Certificates.command' in the folder of your Python."
    )


def from_raw(corpus, files, name):
    """Builds the data from raw texts; what is not the whole corpus does not pass for it."""
    data = corpus.from_files(files, f"{corpus.name} from {name}")
    if not corpus.is_known(data):
        data["source"] = np.array(f"{data['source']}; not the whole of {corpus.name}, or changed")
    return data


# --- Keras's files ---------------------------------------------------------------------------------------------------


def keras_cache():
    """The folder in which Keras keeps data files; KERAS_HOME moves it."""
    return os.path.join(os.path.expanduser(os.environ.get("KERAS_HOME", os.path.join("~", ".keras"))), "datasets")


def from_keras(corpus):
    """Returns the data of Keras's files in Keras's own order, fetched into Keras's cache if they are not there yet."""
    for name, file_hash in corpus.keras_files.items():
        index_path = fetch(name, KERAS_URL + name, file_hash)
    from keras import datasets

    print(f"reading {corpus.keras_name}.npz ...", file=sys.stderr, flush=True)
    (x_train, y_train), (x_test, y_test) = getattr(datasets, corpus.keras_name).load_data()
    with open(index_path, encoding="utf-8") as file:
        ranks = json.load(file)
    words = sorted(ranks, key=ranks.get)
    source = f"{corpus.name} from Keras's {corpus.keras_name}.npz"
    return pack(x_train, y_train, x_test, y_test, words, corpus.classes, source)


def adopt_keras_files(corpus, path):
    """Copies a person's own .npz file and the word index beside it to where Keras looks; checks their hashes first."""
    sources = path, os.path.join(os.path.dirname(path), f"{corpus.keras_name}_word_index.json")
    for source, (name, file_hash) in zip(sources, corpus.keras_files.items()):
        target = os.path.join(keras_cache(), name)
        if not os.path.exists(source):
            continue
        if digest(source, file_hash) != file_hash:
            raise DataError(
                f"{source} is not Keras's {name}: its hash differs, so it was not opened. "
                f"The right one is {KERAS_URL}{name}"
            )
        if not os.path.exists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(source, target + ".part")
            os.replace(target + ".part", target)


def fetch(name, url, file_hash):
    """Returns the path of a file in Keras's cache, fetched with a progress bar if it is not there yet.

    A file that lies there with another hash is not ours to delete (Keras would): DataError names it. What is fetched
    gets its name only after its hash was found right, so a transfer that was killed never passes for a whole file. One
    that broke off is tried a second time.
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

    if not sys.stdout.isatty():
        keras.config.disable_interactive_logging()  # no moving bar in a log file
    try:
        os.makedirs(keras_cache(), exist_ok=True)  # else Keras would put the file elsewhere
    except OSError as error:
        raise DataError(f"{error}; the environment variable KERAS_HOME names another place") from None
    part = f"{path}.{os.getpid()}.part"  # so that two downloads at once do not meet
    for last_try in False, True:
        try:
            os.replace(keras.utils.get_file(fname=os.path.basename(part), origin=url, file_hash=file_hash), path)
            return path
        except Exception as error:  # Keras raises a bare Exception when it cannot fetch
            if os.path.exists(part):
                os.remove(part)  # Keras leaves a file with a wrong hash
            reason = " ".join(str(error).split())
            broke_off = isinstance(error, OSError) or "retrieval incomplete" in reason
            if last_try or not broke_off:
                reason = reason.removeprefix(f"URL fetch failure on {url}: ").removeprefix("None -- ")
                raise DataError(reason) from None


def digest(path, like):
    """Returns the file's hash in hexadecimal, md5 or sha256, whichever has as many digits as `like`."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256" if len(like) == 64 else "md5").hexdigest()


# --- Built-in samples ------------------------------------------------------------------------------------------------


def pick(random, items):
    return items[random.randint(len(items))]


def strew(random, sentences, count, templates, words):
    """Returns the sentences as one text, with `count` more in between: templates filled with random words."""
    for _ in range(count):
        sentence = pick(random, templates).format(**{name: pick(random, choice) for name, choice in words.items()})
        sentences.insert(random.randint(len(sentences) + 1), sentence)
    return " ".join(sentences)


# --- Archives and folders of raw texts -------------------------------------------------------------------------------


def files_in_archive(path, wanted):
    """Yields (name, bytes) of the members of a tar archive whose names match. Nothing is unpacked onto the disk."""
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.name.startswith("/") or ".." in member.name.split("/"):
                    raise DataError(f"{path} is refused: its member {member.name!r} points outside its folder")
                if member.isfile() and wanted.match(member.name):
                    yield member.name, archive.extractfile(member).read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        reason = (str(error) or "it ends early").splitlines()[0].rstrip(":")  # one line of the many that tarfile gives
        raise DataError(f"{path} is damaged or not a tar archive ({reason}); fetch it again") from None


def files_in_folder(path, wanted):
    """Yields the same as `files_in_archive` from the archive's folder, or from a folder that holds it."""
    for folder, _, names in os.walk(path):
        for name in names:
            name = os.path.join(folder, name)
            relative = os.path.relpath(name, path).replace(os.sep, "/")
            if wanted.match(relative):
                with open(name, "rb") as file:
                    yield relative, file.read()


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
