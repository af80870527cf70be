"""Folders of texts: a sub-folder for each class, perhaps inside folders for train and test."""

import os
import re
import shlex

from corpus import WRITE, DataError, tables

PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
PARTS |= dict.fromkeys(["validation", "valid", "val", "dev"], "validation")
UNLABELLED = "unsup", "unsupervised", "unlabeled", "unlabelled"
SYSTEM = "__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini"
TABLE = re.compile(r"(?i)\.(csv|tsv|jsonl?|parquet|xlsx)(\.gz|\.bz2|\.zip)?$")


def is_hidden(name):
    """Tells whether a name is one that editors, notebooks, Git or an operating system leave."""
    return name.startswith(".") or name in SYSTEM


def sub_folders(*path):
    """Returns the names of the folders in a folder that are neither hidden nor `unsup`."""
    with os.scandir(os.path.join(*path)) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir())
    return [name for name in names if not is_hidden(name) and name.lower() not in UNLABELLED]


def texts(path, encoding):
    """Yields (part, text, class, file, reason) of each file under a folder; part is "train", say.

    A file that is not a text of a class has a `reason` instead of text and class.
    Raises: DataError where the folders are not those of classes, or no file is a text of a class.
    """
    names = sub_folders(path)
    parts = {
        name: PARTS[name.lower()]
        for name in names
        if name.lower() in PARTS and sub_folders(path, name)
    }
    mixed = parts and (len(parts) < len(names) or "train" not in parts.values())
    if mixed or (not parts and len(names) == 1 and sub_folders(path, names[0])):
        raise refusal(path)
    taken = False
    for folder, folders, files in os.walk(path):
        folders.sort()
        below = [name for name in os.path.relpath(folder, path).split(os.sep) if name != os.curdir]
        part = parts.get(below[0], "train") if below else "train"
        classes = below[1:] if parts else below
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in sorted(files + links):
            file, text, reason = os.path.join(folder, name), None, None
            if any(map(is_hidden, [*below, name])):
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
    """Returns the DataError for a folder of another layout, with the command to type if one works."""
    inner, arguments = path, []
    while len(names := sub_folders(inner)) == 1:
        inner = os.path.join(inner, names[0])
    files = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
    files = sorted(filter(TABLE.search, files))
    train, test = (
        [file for file in files if re.search(rf"(?i)\b{part}", file[len(path) :])]
        for part in ("train", "test")
    )
    if names and inner != path:
        arguments = [inner]
    elif len(files) == 1:
        arguments = files
    elif len(train) == len(test) == 1:
        arguments = [*train, "--test", *test]
    needed = "needs a folder for each class (or these in train, test and validation, and no others)"
    command = shlex.join(["python", "prepare_texts.py", *arguments])
    way = f"Type: {command}" if arguments else f"Move the files, {WRITE}"
    return DataError(f"{path} {needed}, and in them a file for each text, not a line. {way}")
