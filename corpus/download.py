"""Downloads into Keras's cache, Keras's own files, and the course of a download program."""

import hashlib
import io
import json
import os
import pathlib
import sys
import urllib.request

import numpy as np

from corpus import DataError, cli, data_file, printable
from corpus.words import FIRST_WORD_ID, START_ID, UNKNOWN_ID

KERAS_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
TIMEOUT = 30  # seconds without a byte, after which a server is given up
SAMPLE = "built-in sample"  # the source of a sample begins so
ADVICE = """{name} cannot be fetched. What to do:
  Download a file in a browser, then: python download_{lower}.py PATH-OF-THE-FILE
  ({lower}.npz needs {url}{lower}_word_index.json beside it.)
  Downloads are kept in {cache}: move a wrong file away. KERAS_HOME is another folder.
  Behind a proxy: set the environment variable https_proxy=http://HOST:PORT.
  CERTIFICATE_VERIFY_FAILED on a Mac: run 'Install Certificates.command' of your Python."""


def cache():
    """Returns the folder in which Keras keeps downloads."""
    home = os.environ.get("KERAS_HOME", os.path.join("~", ".keras"))
    return os.path.join(os.path.expanduser(home), "datasets")


def check(content, file_hash, place):
    """Returns the bytes of a file; raises DataError unless they have the SHA-256 or MD5."""
    kind = "sha256" if len(file_hash) == 64 else "md5"
    if hashlib.new(kind, content).hexdigest() != file_hash:
        raise DataError(f"{place} is not the original file: its hash differs. Use another copy")
    return content


def get(url):
    """Returns the bytes at a URL; raises DataError with the reason if that fails."""
    print(f"downloading {url} ...", file=sys.stderr, flush=True)
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            return response.read()
    except Exception as error:  # what urllib raises depends on what the server does
        raise DataError(f"cannot fetch {url}: {error}") from None


def fetch(url, file_hash):
    """Returns the path of a file in Keras's cache; downloads it if it is not there yet.

    Raises DataError if that fails, or if the cache has another file of this name, which is kept.
    """
    path = pathlib.Path(cache(), os.path.basename(url))
    if path.exists():
        check(path.read_bytes(), file_hash, path)
    else:
        data_file.check_writable(path)
        content = check(get(url), file_hash, f"what {url} sent")
        with data_file.replacing(path) as file:
            file.write(content)
    return str(path)


def from_keras(name, hashes, classes, path=None):
    """Returns the data of Keras's imdb.npz or reuters.npz, in the order of keras.datasets.

    Args: `name`, "IMDB" or "Reuters"; `hashes`, of the file and of its word index; `classes`, the
    names of the labels; `path`, a user's copy of the file, maybe with the word index beside it.
    """
    path = path or fetch(f"{KERAS_URL}{name.lower()}.npz", hashes[0])
    content = check(pathlib.Path(path).read_bytes(), hashes[0], path)
    # These are pickled lists of ranks. The hash says that they are Keras's.
    arrays = np.load(io.BytesIO(content), allow_pickle=True)
    index = os.path.join(os.path.dirname(path), f"{name.lower()}_word_index.json")
    if not os.path.exists(index):
        index = fetch(KERAS_URL + os.path.basename(index), hashes[1])
    ranks = json.loads(check(pathlib.Path(index).read_bytes(), hashes[1], index))

    random = np.random.RandomState(113)
    texts, labels = [], []
    for part in ["_train", "_test"] if "y_train" in arrays else [""]:
        order = random.permutation(len(arrays[f"y{part}"]))
        texts.extend(arrays[f"x{part}"][order])
        labels.extend(arrays[f"y{part}"][order])
    cut = len(arrays["y_train"]) if "y_train" in arrays else int(0.8 * len(texts))
    ids = np.arange(max(map(max, texts)) + 1) + FIRST_WORD_ID - 1  # by rank
    ids[-1] = UNKNOWN_ID  # as in keras.datasets
    texts = [np.append(START_ID, ids[text]) for text in texts]
    parts = texts[:cut], labels[:cut], texts[cut:], labels[cut:], sorted(ranks, key=ranks.get)
    return data_file.pack(*parts, classes, f"{name} from Keras's {name.lower()}.npz")


def run(name, documentation, arguments, classes, hashes, from_path, fetched, sample, is_complete):
    """Runs a download program: writes data/NAME.npz, prints its counts, and returns its source.

    Args: `name`, `classes` and `hashes` as for `from_keras`; `documentation`, the help; functions:
    `from_path` from a user's copy to data, `fetched` and `sample` without arguments to those of the
    archive on the network and to generated ones, and `is_complete`, whether data have the counts of
    the corpus.
    Raises: DataError where other data than the corpus or its sample would be replaced, or the
    complete corpus by an incomplete copy.
    """
    parser = cli.parser(documentation)
    parser.add_argument("path", nargs="?", metavar="PATH", help="your own copy")
    parser.add_argument("--sample", action="store_true", help="write the built-in sample")
    parser.add_argument("--no-sample", action="store_true", help=f"{name} or an error")
    options = cli.parse(parser, arguments)
    given = bool(options.path) + options.sample + options.no_sample
    if given > 1:
        parser.error("PATH, --sample and --no-sample exclude each other")
    path = f"data/{name.lower()}.npz"
    data = old = data_file.read(path) if os.path.exists(path) else None
    if given or not old:
        if old and not str(old["source"]).startswith((name, SAMPLE)):
            raise DataError(f"{path} is not {name}, but: {old['source']}. Move it away")
        data_file.check_writable(path)
    if options.path and options.path.endswith(".npz"):
        data = from_keras(name, hashes, classes, options.path)
    elif options.path:
        data = from_path(options.path)
    elif options.sample:
        data = sample()
    elif not old or options.no_sample and not is_complete(old):
        sources = fetched, lambda: from_keras(name, hashes, classes)
        data = first_of(name, sources, options.no_sample) or sample()

    generated, complete = str(data["source"]).startswith(SAMPLE), is_complete(data)
    if data is old:
        print(f"{path} already exists; nothing to do.")
    else:
        if not generated and not complete:
            if old and is_complete(old):
                raise DataError(f"this copy is incomplete; move the complete {path} away first")
            data = data_file.with_source(data, f"{data['source']}; incomplete or modified")
        data_file.write(path, data)
    data_file.print_counts(path, data)
    if generated:
        again = f"python download_{name.lower()}.py --no-sample"
        print(f"This is generated text, NOT {name}. For {name}: {again}", file=sys.stderr)
    elif complete:
        print(f"The counts match those of {name}.")
    else:
        print(f"The counts are NOT those of {name}: texts are missing or changed.", file=sys.stderr)
    return str(data["source"])


def first_of(name, sources, required):
    """Returns the data of the first source that is available; else prints advice, returns None.

    Raises DataError with the advice if the corpus is `required`.
    """
    for source in sources:
        try:
            return source()
        except DataError as error:
            print(printable(str(error)), file=sys.stderr, flush=True)
    advice = ADVICE.format(name=name, lower=name.lower(), url=KERAS_URL, cache=cache())
    if required:
        raise DataError(advice)
    print(advice, file=sys.stderr)
