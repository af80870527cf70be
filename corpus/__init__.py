"""What the programs share: the command line, downloads, archives, words and vectors, the data file,
samples, tables and folders of texts, equal texts, advice; runs, the jobs that train them, their
classes, the classifiers that read them, and pages.

The training scripts import none of it: they read the data file with `np.load` alone.
"""

import re


class DataError(Exception):
    """An error that the user can correct; its text is shown as it is, without a traceback."""


SEE = "see docs/own_texts.md"
# How every refusal of a file ends, where no command of ours reads it.
WRITE = "or read it with pandas and call prepare_texts.write: docs/own_texts.md"


def printable(text):
    """Returns a text for the terminal: control characters, such as escape, become their codes."""
    return re.sub(r"[\0-\x1f\x7f-\x9f]", lambda match: ascii(match[0])[1:-1], text)
