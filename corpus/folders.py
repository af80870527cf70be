"""Folders of texts: a sub-folder for each class, perhaps inside folders for train and test."""

import os
import re
import shlex

from corpus import WRITE, DataError, tables

PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
PARTS |= dict.fromkeys(["validation", "valid", "val", "dev"], "validation")
UNLABELLED = "unsup", "unsupervised", "unlabeled", "unlabelled"
# What editors, notebooks, Git or an operating system leave.
HIDDEN = re.compile(r"\.|(__MACOSX|__pycache__|Thumbs\.db|desktop\.ini)$")
TABLE = re.compile(r"(?i)\.(csv|tsv|jsonl|parquet|xlsx)(\.gz|\.bz2|\.zip)?$")


def sub_folders(*path):
    """Returns the names of the folders in a folder, without hidden ones and those of no class."""
    folder = os.path.join(*path)
    names = [name for name in os.listdir(folder) if os.path.isdir(os.path.join(folder, name))]
    return sorted(n for n in names if not HIDDEN.match(n) and n.lower() not in UNLABELLED)


def texts(path, encoding):
    """Yields (part, text, class, file, reason) of each file under a folder; part is "train", say.

    A file that is not a text of a class has a `reason` instead of text and class.
    Raises: DataError where the folders are not those of classes.
    """
    names, taken = sub_folders(path), False
    nested = [name for name in names if sub_folders(path, name)]
    parts = {name: PARTS.get(name.lower()) for name in nested}
    if nested and (nested != names or None in parts.values() or "train" not in parts.values()):
        raise refusal(path)
    for folder, folders, files in os.walk(path):
        folders.sort()
        below = [name for name in os.path.relpath(folder, path).split(os.sep) if name != "."]
        part = parts.get(below[0], "train") if below else "train"
        classes = below[1:] if parts else below
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in sorted(files + links):
            file, text, reason = os.path.join(folder, name), None, None
            if any(map(HIDDEN.match, [*below, name])):
                reason = "hidden, or left by a system"
            elif not os.path.isfile(file):
                reason = "not a file"
            elif not classes:
                reason = "in no folder of a class"
            elif classes[0].lower() in UNLABELLED:
                reason = f"in {classes[0]}, without a class"
            elif TABLE.search(name):
                reason = "a table, where each file should be one text"
            else:
                try:
                    text = "".join(tables.lines(file, encoding))
                except tables.NoText:
                    reason = "not text"
            taken = taken or not reason
            yield part, text, None if reason else classes[0], file, reason
    if not taken:
        raise refusal(path)


def refusal(path):
    """Returns the DataError for a folder of another layout, with a command where one works."""
    inner, arguments = path, []
    while len(names := sub_folders(inner)) == 1:
        inner = os.path.join(inner, names[0])
    files = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
    files = sorted(filter(TABLE.search, files))
    train = [file for file in files if re.search(r"(?i)\btrain", os.path.relpath(file, path))]
    test = [file for file in files if re.search(r"(?i)\btest", os.path.relpath(file, path))]
    if inner != path and names:
        arguments = [inner]
    elif len(files) == 1:
        arguments = files
    elif len(train) == len(test) == 1:
        arguments = [*train, "--test", *test]
    command = shlex.join(["python", "prepare_texts.py", *arguments])
    way = f"Type: {command}" if arguments else f"Move the files, {WRITE}"
    needed = "needs a folder for each class, with a file for each text (not a line); or train (and"
    return DataError(f"{path} {needed} test, validation) with these, and nothing beside. {way}")
