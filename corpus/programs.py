"""Which program reads a file or folder, so that the others can name the command to type."""

import contextlib
import itertools
import os
import re
import shlex
import tarfile
import zipfile

from corpus import DataError, folders, tables

IMDB = re.compile(r"(.*/)?(imdb\.vocab|imdbEr\.txt|urls_(pos|neg|unsup)\.txt)$")
REUTERS = re.compile(r"(.*/)?reut2-\d+\.sgm$")
MEMBERS = 5_000  # of an archive that are looked at


def check(path, program):
    """Raises DataError with the command to type if another program than `program` reads `path`."""
    what, other, command = special(path)
    if other is None and program != "prepare_texts.py":
        what, other, command = table(path)
    if other not in (program, None):
        raise DataError(f"{path} is {what}. Type: {command}")


@contextlib.contextmanager
def pointing(path, program):
    """Where `path` cannot be read, says so with the program that reads it, if there is one."""
    try:
        yield
    except DataError:
        check(path, program)
        raise


def special(path):
    """Returns what a file or folder is, the program that reads it (None: unknown), the command.

    Texts that prepare_texts.py reads are not among them: see `table`.
    """
    quoted = shlex.quote(path)
    names = members(path)
    if names & {"model.keras", "result.json"}:
        return "the folder of a run", "predict.py", f'python predict.py {quoted} "A text."'
    if {"vocabulary.npy", "x_train.npy"} <= names:
        setting = f'DATA_FILE = "{path}"'
        return "a data file already", "a training script", f"{setting} in a training script"
    for name, marks, keras in (
        ("IMDB", IMDB, {"x_train.npy", "x_test.npy"}),
        ("Reuters", REUTERS, {"x.npy", "y.npy"}),
    ):
        program = f"download_{name.lower()}.py"
        if keras <= names:
            return f"Keras's copy of {name}", program, f"python {program} {quoted}"
        if any(map(marks.match, names)) or marks.match(os.path.basename(path)):
            part = os.path.isfile(path) and marks.match(os.path.basename(path))
            part = part or os.path.basename(os.path.abspath(path)) in ("train", "test")
            whole = shlex.quote(os.path.dirname(os.path.abspath(path))) if part else quoted
            return f"{name}, or a part of it", program, f"python {program} {whole}"
    with contextlib.suppress(DataError, OSError):
        if is_vectors(path):
            setting = f'VECTORS_FILE = "{path}"'
            return "word vectors", "imdb_pretrained_lstm.py", f"{setting} in that script"
    return "", None, ""


def table(path):
    """Returns the same for a table or folder of texts."""
    with contextlib.suppress(DataError, OSError):
        command = f"python prepare_texts.py {shlex.quote(path)}"
        if os.path.isdir(path):
            if folders.sub_folders(path):
                return "a folder of texts, one sub-folder a class", "prepare_texts.py", command
        elif len(tables.read(path).columns) > 1:
            what = "a table, without a split into train and test"
            return what, "prepare_texts.py", command
    return "", None, ""


def members(path):
    """Returns the names in a folder and in its folders, or in an archive, a set."""
    if os.path.isdir(path):
        names = set(os.listdir(path))
        for name in sorted(names)[:100]:
            if os.path.isdir(folder := os.path.join(path, name)):
                some = itertools.islice(os.scandir(folder), MEMBERS)
                names |= {f"{name}/{entry.name}" for entry in some}
        return names
    with contextlib.suppress(Exception):  # what a damaged archive raises is for its reader to say
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return set(archive.namelist())
        with tables.opened(path) as file:
            if not tables.tar_in(file.read(512)):
                return set()
        with tarfile.open(path) as archive:
            return {member.name for member in itertools.islice(archive, MEMBERS)}
    return set()


def is_vectors(path):
    """Tells whether a file is word vectors as text: a word and numbers in each line."""
    if os.path.isdir(path):
        return False
    with tables.opened(path) as file:
        head = file.read(tables.HEAD).split(b"\n")[1:3]
    rows = [re.findall(rb" -?\d+\.\d+(?:e-?\d+)?(?= |$)", line) for line in head]
    return all(len(row) >= 10 for row in rows) and len(rows) == 2
