"""Files from the network, and Keras's own data files; a hash is checked before a file is read."""

import hashlib
import json
import os
import shutil
import sys

from corpus import DataError, data_file

KERAS_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def cache():
    """The folder in which Keras keeps data files; the environment variable KERAS_HOME moves it."""
    return os.path.join(
        os.path.expanduser(os.environ.get("KERAS_HOME", os.path.join("~", ".keras"))), "datasets"
    )


def digest(path, like):
    """Returns a file's hash in hexadecimal: md5 or sha256, with as many digits as `like`."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256" if len(like) == 64 else "md5").hexdigest()


def fetch(url, file_hash):
    """Returns the path of a file in Keras's cache, fetched if it is not there yet.

    Raises DataError if the cache has a file of this name with another hash; the file is kept (Keras
    would delete it). A download gets its final name only after its hash is checked, so that an
    interrupted one is never used. It is tried a second time.
    """
    path = os.path.join(cache(), os.path.basename(url))
    if os.path.exists(path):
        if digest(path, file_hash) != file_hash:
            raise DataError(
                f"{path} is not the file that {url} gives (its hash differs). It is kept as it is; "
                "move it away and run this again to fetch the right one"
            )
        return path
    import keras  # here, because it takes seconds, and the other sources do without

    if not sys.stdout.isatty():
        keras.config.disable_interactive_logging()  # no progress bar in a log file
    try:
        os.makedirs(cache(), exist_ok=True)  # else Keras would put the file elsewhere
    except OSError as error:
        raise DataError(
            f"{error}; set the environment variable KERAS_HOME to another folder"
        ) from None
    part = f"{path}.{os.getpid()}.part"  # so that two downloads at once do not collide
    for last_try in False, True:
        try:
            os.replace(
                keras.utils.get_file(fname=os.path.basename(part), origin=url, file_hash=file_hash),
                path,
            )
            return path
        except Exception as error:  # Keras raises a bare Exception when it cannot fetch
            if os.path.exists(part):
                os.remove(part)  # Keras leaves a file with a wrong hash
            reason = " ".join(str(error).split())
            broke_off = isinstance(error, OSError) or "retrieval incomplete" in reason
            if last_try or not broke_off:
                reason = reason.removeprefix(f"URL fetch failure on {url}: ").removeprefix(
                    "None -- "
                )
                raise DataError(reason) from None


def keras_files(name, hashes):
    """Returns {URL: hash} of Keras's texts (sha256) and word index (md5) of a corpus, "imdb"."""
    return dict(zip((f"{KERAS_URL}{name}.npz", f"{KERAS_URL}{name}_word_index.json"), hashes))


def from_keras(name, hashes, classes, source):
    """Returns the data of Keras's files in Keras's order; fetches what is not in Keras's cache."""
    for url, file_hash in keras_files(name, hashes).items():
        index_path = fetch(url, file_hash)
    from keras import datasets

    print(f"reading {name}.npz ...", file=sys.stderr, flush=True)
    (x_train, y_train), (x_test, y_test) = getattr(datasets, name).load_data()
    with open(index_path, encoding="utf-8") as file:
        ranks = json.load(file)
    vocabulary = sorted(ranks, key=ranks.get)
    return data_file.pack(x_train, y_train, x_test, y_test, vocabulary, classes, source)


def adopt(path, name, hashes):
    """Copies a user's copy of Keras's .npz file, and its word index, to where Keras looks.

    Raises DataError where a hash is wrong, or where the word index is missing and cannot be
    fetched.
    """
    (texts_url, texts_hash), (index_url, index_hash) = keras_files(name, hashes).items()
    index = os.path.join(os.path.dirname(path), os.path.basename(index_url))
    copy(path, texts_url, texts_hash)
    if os.path.exists(index):
        copy(index, index_url, index_hash)
    cached = os.path.exists(os.path.join(cache(), os.path.basename(index_url)))
    try:
        fetch(index_url, index_hash)
    except DataError as error:
        if cached:
            raise
        raise DataError(
            f"{path} needs {os.path.basename(index)} beside it, from {index_url}: {error}"
        ) from None


def copy(path, url, file_hash):
    """Copies a file with the right hash to where `fetch` looks; raises DataError otherwise."""
    target = os.path.join(cache(), os.path.basename(url))
    if digest(path, file_hash) != file_hash:
        raise DataError(
            f"{path} is not Keras's {os.path.basename(url)}: its hash differs, "
            f"so it was not opened. The right one is {url}"
        )
    if not os.path.exists(target):
        os.makedirs(cache(), exist_ok=True)
        shutil.copyfile(path, target + ".part")
        os.replace(target + ".part", target)
