"""Folders of texts: a sub-folder for each class, perhaps inside folders for train and test."""

import pathlib
import re

from corpus import WRITE, DataError, tables

PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
PARTS |= dict.fromkeys(["validation", "valid", "val", "dev"], "validation")
UNLABELLED = "unsup", "unsupervised", "unlabeled", "unlabelled"
# What editors, notebooks, Git or an operating system leave.
HIDDEN = re.compile(r"\.|(__MACOSX|__pycache__|Thumbs\.db|desktop\.ini)$")
TABLE = re.compile(r"(?i)\.(csv|tsv|jsonl|parquet|xlsx)(\.gz)?$")


def sub_folders(*path):
    """Returns the names of the folders in a folder, without hidden ones and those of no class."""
    names = [child.name for child in pathlib.Path(*path).iterdir() if child.is_dir()]
    return sorted(n for n in names if not HIDDEN.match(n) and n.lower() not in UNLABELLED)


def texts(path, encoding):
    """Yields (part, text, class, file, reason) of each file under a folder.

    The part is None if the folder has no parts. A file that is not a text of a class has a `reason`
    instead of text and class.
    Raises: DataError where the folders are not those of classes, or a file is not text.
    """
    names, files = sub_folders(path), sorted(pathlib.Path(path).rglob("*"))
    nested = [name for name in names if sub_folders(path, name)]
    parts = {name: PARTS.get(name.lower()) for name in nested}
    of_parts = nested == names and None not in parts.values() and "train" in parts.values()
    if not of_parts and (nested or len(names) < 2):
        reason = "must have a folder for each class, with a file for each text (not a line), or "
        reason += "train (and test, validation) with such folders, and nothing beside. It has "
        reason += f"{names[:9]}"
        if found := [str(file) for file in files if TABLE.search(file.name)]:
            reason += f" and {len(found)} tables. To read tables, name them: PATH PATH --test PATH"
            reason += f" --validation PATH. They are {', '.join(found[:99])}"
        raise DataError(f"{path} {reason}. Name another folder, {WRITE}")
    for file in files:
        if file.is_dir() and not file.is_symlink():
            continue
        *below, name = file.relative_to(path).parts
        part = parts.get(below[0]) if below else None
        classes, text, reason = below[1:] if parts else below, None, None
        if any(map(HIDDEN.match, [*below, name])):
            reason = "hidden, or left by a system"
        elif not file.is_file():
            reason = "not a file"
        elif not classes:
            reason = "in no folder of a class"
        elif classes[0].lower() in UNLABELLED:
            reason = f"in {classes[0]}, without a class"
        elif TABLE.search(name):
            reason = "a table, where each file should be one text"
        else:
            text = "".join(tables.lines(str(file), encoding))
        yield part, text, None if reason else classes[0], str(file), reason
