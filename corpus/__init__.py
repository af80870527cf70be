"""What the programs share: the command line, downloads, archives, words and vectors, the data file,
samples, tables and folders of texts, advice.

The training scripts import none of it: they read the data file with `np.load` alone.
"""


class DataError(Exception):
    """An error that the user can correct; its text is shown as it is, without a traceback."""


# How every refusal of a file ends, where no command of ours reads it.
WRITE = "or read it with pandas and call prepare_texts.write: see README"
