"""The command line: how programs start, parse their arguments and end."""

import argparse
import os
import re
import sys

from corpus import DataError, printable


def start(main, unchanged="nothing was changed"):
    """Calls a program's main function; Ctrl-C and a user's errors end it in one line.

    Args: `unchanged`, what the message at Ctrl-C says about the program's output.
    """
    program = os.path.basename(sys.argv[0])
    if hasattr(sys.stdout, "reconfigure"):  # Jupyter's stdout has no reconfigure
        sys.stdout.reconfigure(errors="replace")  # the console's encoding may lack a character
    try:
        try:
            main()
        finally:
            if sys.stdout:
                sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(f"{program}: stopped; {unchanged}")
    except MemoryError:
        sys.exit(f"{program}: out of memory; {unchanged}")
    except ImportError as error:
        sys.exit(f"{program}: {error}. Install it: python -m pip install -r requirements.txt")
    except DataError as error:  # of several lines where several runs failed
        sys.exit(f"{program}: " + "\n".join(map(printable, str(error).split("\n"))))
    except OSError as error:
        sys.stdout = None  # otherwise Python flushes it again at exit and prints a second error
        piped = isinstance(error, BrokenPipeError)  # `head`, for example, stops reading early
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
