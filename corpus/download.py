"""Files from the network, and Keras's own data files; a hash is checked before a file is read."""

import hashlib
import json
import os
import shlex
import shutil
import socket
import sys

from corpus import DataError, cli, data_file

TIMEOUT = 30  # seconds without a byte after which a server is given up
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


def run(name, documentation, sources, from_path, sample, is_whole, arguments=None):
    """Runs a download program: writes data/NAME.npz from the first source that can be had.

    Args: `name`, "IMDB", say; `sources`, {URL: a function that returns the data}, in the order in
    which they are tried; `from_path`, a function from the path of a user's copy to the data;
    `sample`, a function that returns the built-in sample; `is_whole`, a function that tells whether
    data are the corpus with its known counts.
    """
    command = cli.parser(documentation, usage="%(prog)s [OPTION] [PATH]")
    command.add_argument("path", nargs="?", metavar="PATH", help="your own copy")
    choice = command.add_mutually_exclusive_group()
    choice.add_argument("--sample", action="store_true", help="write the built-in sample")
    choice.add_argument(
        "--no-sample", action="store_true", help=f"{name} or an error, never the sample"
    )
    options = cli.parse(command, arguments)
    if options.path and options.sample:
        command.error("PATH and --sample exclude each other")
    socket.setdefaulttimeout(TIMEOUT)
    target = f"data/{name.lower()}.npz"
    again = f"python {shlex.quote(sys.argv[0])}"

    data = None
    if os.path.exists(target) and not options.path and not options.sample:
        data = data_file.read(target)
        if options.no_sample and is_sample(data):
            data = None
        else:
            print(f"{target} already exists; nothing to do.")
    if data is None:
        data_file.check_writable(target)
        if options.path:
            data = own_copy(name, options.path, target, from_path, is_whole)
        elif options.sample:
            data = sample()
        else:
            data = first_of(name, sources, again, None if options.no_sample else sample)
        data_file.write(target, data)

    data_file.print_counts(target, data)
    if is_sample(data):
        print(f"This is the built-in sample, generated text that is NOT {name}.", file=sys.stderr)
        print(f"For {name}, with a network: {again} --no-sample", file=sys.stderr)
    elif is_whole(data):
        print(f"The counts match those of {name}.")
    else:
        print(
            f"The counts do NOT match those of {name}: texts are missing or changed.",
            file=sys.stderr,
        )


def is_sample(data):
    return str(data["source"]).startswith("built-in sample")


def own_copy(name, path, target, from_path, is_whole):
    """Returns the data of a user's copy; the source tells if it is not the complete corpus.

    Raises DataError if an incomplete copy would replace the complete corpus in `target`.
    """
    path = os.path.abspath(path)
    if not os.path.exists(path):
        raise DataError(f"there is no file or folder {path}")
    data = from_path(path)
    if not is_whole(data):
        if holds(target, is_whole):
            raise DataError(
                f"{path} is not the whole of {name}, or changed; {target} is the whole and was "
                f"kept. To use {path}, move {target} away first"
            )
        data = data_file.with_source(data, f"{data['source']}; not the whole of {name}, or changed")
    return data


def holds(path, is_whole):
    """Tells whether there is a data file that can be read and is whole."""
    try:
        return is_whole(data_file.read(path))
    except DataError:
        return False


def first_of(name, sources, again, sample):
    """Returns the data of the first source that is available, else the sample (None: DataError).

    The error, or the message before the sample, says what went wrong with each source and what to
    do about it.
    """
    print(f"looking for {name} on the network ...", file=sys.stderr, flush=True)
    reasons = []
    for url, get in sources.items():
        try:
            return get()
        except DataError as error:
            reasons.append(f"  {url}\n    {error}")
            print(f"cannot fetch {url}: {error}", file=sys.stderr, flush=True)
    lower = name.lower()
    advice = "\n".join([
        f"{name} cannot be fetched:",
        *reasons,
        "What to do:",
        f"  Download it in a browser, then: {again} PATH-OF-THE-FILE",
        f"  ({lower}.npz needs {KERAS_URL}{lower}_word_index.json beside it.)",
        f"  Files are kept in {cache()}; KERAS_HOME (environment) names another folder.",
        "  Behind a proxy: set the environment variable https_proxy=http://HOST:PORT.",
        "  CERTIFICATE_VERIFY_FAILED on a Mac: run 'Install Certificates.command' of your Python.",
    ])  # fmt: skip
    if sample is None:
        raise DataError(advice)
    print(
        f"{advice}\nThe built-in sample is used instead: the scripts run without a network.",
        file=sys.stderr,
    )
    return sample()
