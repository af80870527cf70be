"""What the data programs and predict.py do alike as commands; the course of a download program."""

import argparse
import os
import re
import shlex
import socket
import sys

from corpus import DataError, data_file, fetch

TIMEOUT = 30  # seconds without a byte after which a server is given up


def start(main, unchanged="nothing was changed"):
    """Calls a program's main function. Ctrl-C and errors that a user can correct end it in one
    line.

    Args: `unchanged`, what is said at Ctrl-C of what the program was to make.
    """
    program = os.path.basename(sys.argv[0])
    if hasattr(sys.stdout, "reconfigure"):  # a notebook's has not
        sys.stdout.reconfigure(errors="replace")  # a terminal may lack a letter
    try:
        try:
            main()
        finally:
            if sys.stdout:
                sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(f"{program}: stopped; {unchanged}")
    except DataError as error:
        sys.exit(f"{program}: {error}")
    except ImportError as error:
        sys.exit(f"{program}: {error}. Install it: python -m pip install -r requirements.txt")
    except OSError as error:
        sys.stdout = None  # else Python would try, and complain, once more when it ends
        piped = isinstance(error, BrokenPipeError)  # into `head`, say, which has read enough
        sys.exit(1 if piped else f"{program}: {error}")


def parser(documentation, **options):
    """Returns an argument parser whose help is a program's docstring."""
    form = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(description=documentation, formatter_class=form, **options)


def parse(parser, arguments):
    """Parses a command line. An empty argument, as from an unset variable, is refused."""
    given = sys.argv[1:] if arguments is None else arguments
    if any(text == "" or re.fullmatch(r"--[\w-]+=", text) for text in given):
        parser.error("an argument is empty: is a variable unset?")
    return parser.parse_intermixed_args(arguments)


def download(name, documentation, sources, from_path, sample, is_whole, arguments=None):
    """Runs a download program: writes data/NAME.npz from the first source that can be had.

    Args: `name`, "IMDB", say; `sources`, {URL: a function that returns the data}, in the order in
    which they are tried; `from_path`, a function from the path of a user's copy to the data;
    `sample`, a function that returns the built-in sample; `is_whole`, a function that tells whether
    data are the corpus with its known counts.
    """
    command = parser(documentation, usage="%(prog)s [OPTION] [PATH]")
    command.add_argument("path", nargs="?", metavar="PATH", help="your own copy")
    choice = command.add_mutually_exclusive_group()
    choice.add_argument("--sample", action="store_true", help="write the built-in sample")
    choice.add_argument(
        "--no-sample", action="store_true", help=f"{name} or an error, never the sample"
    )
    options = parse(command, arguments)
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
        f"  ({lower}.npz needs {fetch.KERAS_URL}{lower}_word_index.json beside it.)",
        f"  Files are kept in {fetch.cache()}; KERAS_HOME (environment) names another folder.",
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
