"""Folders of texts: a sub-folder for each class, perhaps inside folders for train and test."""

import os
import re
import shlex

from corpus import DataError, tables

SPLITS = {
    **dict.fromkeys(["train", "training"], "train"),
    **dict.fromkeys(["test", "testing"], "test"),
    **dict.fromkeys(["validation", "valid", "val", "dev"], "validation"),
}
UNLABELLED = "unsup", "unsupervised", "unlabeled", "unlabelled"
SYSTEM = "__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini"
TABLE = re.compile(r"(?i)\.(csv|tsv|jsonl|parquet|xlsx?)(\.gz|\.bz2|\.zip)?$")


def is_hidden(name):
    """Tells whether a name is one that editors, notebooks, Git or an operating system leave."""
    return name.startswith(".") or name in SYSTEM


def sub_folders(path):
    """Returns the names of the folders in a folder, without hidden ones."""
    names = sorted(name for name in os.listdir(path) if not is_hidden(name))
    return [name for name in names if os.path.isdir(os.path.join(path, name))]


def parts(path):
    """Returns {name of a sub-folder: "train", "test" or "validation"}, {} where all are classes.

    They are parts when all are named so, as `train` or `20news-bydate-test`, and hold folders with
    the same names: `vehicles` with `bus`, `car` and `train` is three classes.
    Raises: DataError where this cannot be decided.
    """
    names = sub_folders(path)
    inner = {name: set(sub_folders(os.path.join(path, name))) - set(UNLABELLED) for name in names}
    roles = {name: role for name in names if (role := role_of(name))}
    holding = [name for name in roles if inner[name]]
    same = len({frozenset(inner[name]) for name in holding}) == 1
    if holding == names and same:
        # Without a part for train, the texts of all parts are split at random.
        return roles if "train" in roles.values() else dict.fromkeys(roles, "train")
    if len(roles) == len(names) > 1 and not holding:
        if command := of_tables(path, roles):
            raise DataError(f"{path} holds tables. Type: {command}")
        raise DataError(
            f"{path}: {', '.join(names)} are named as parts of a data set, but hold no folders "
            "of classes. Make a folder for each class in them, or give the classes other names"
        )
    apart = [name for name in holding if len(inner[name]) > 1 and not has_files(path, name)]
    if holding and (len(roles) == len(names) or (len(holding) > 1 and same) or apart):
        named = "; ".join(
            f"{name} holds {', '.join(sorted(inner[name])[:5]) or 'no folder'}" for name in names
        )
        raise DataError(
            f"{path}: are its folders parts (train, test) or classes? Parts hold the same classes, "
            f"with no other folder beside them; otherwise rename the class. {named}. To read one "
            f"of them: python prepare_texts.py {shlex.quote(os.path.join(path, holding[0]))}"
        )
    return {}


def has_files(*path):
    """Tells whether a folder holds files itself, without hidden ones."""
    with os.scandir(os.path.join(*path)) as entries:
        return any(entry.is_file() and not is_hidden(entry.name) for entry in entries)


def of_tables(path, roles):
    """Returns the command that reads the tables in the folders of parts, "" if there are none."""
    files = {}
    for name, role in roles.items():
        some = sorted(filter(TABLE.search, os.listdir(os.path.join(path, name))))
        files |= {role: shlex.quote(os.path.join(path, name, some[0]))} if some else {}
    known = [files[role] for role in ("train", "test") if role in files]
    return "python prepare_texts.py " + " --test ".join(known) if known else ""


def note(path):
    """Returns a line where all folders hold folders of the same names, which may be the classes."""
    names = sub_folders(path)
    inner = {tuple(sub_folders(os.path.join(path, name))) for name in names}
    if parts(path) or len(names) < 2 or len(inner) != 1 or len(some := inner.pop()) < 2:
        return ""
    return (
        f"classes: {', '.join(names[:5])}; each of these folders holds {', '.join(some[:5])}. If "
        "the latter are the classes, name one folder, or put their files together"
    )


def role_of(name):
    """Returns which part of a data set a folder is named as, None if none."""
    words = re.split(r"[^a-z]+|(?:data|set)(?![a-z])", name.lower())
    found = {SPLITS[word] for word in words if word in SPLITS}
    return found.pop() if len(found) == 1 else None


def texts(path, encoding):
    """Yields (part, text, class, file, reason) of each file under a folder; part is "train", say.

    A file that is no text of a class has a `reason` instead of text and class.
    """
    roles = parts(path)
    for folder, folders, names in os.walk(path):
        folders.sort()
        below = os.path.relpath(folder, path).split(os.sep)
        below = below if below != [os.curdir] else []
        part = roles.get(below[0], "train") if below else "train"
        classes = below[1:] if roles else below
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in sorted(names + links):
            file, text = os.path.join(folder, name), None
            if any(map(is_hidden, [*below, name])):
                reason = "hidden, or left by a system"
            elif not os.path.isfile(file):
                reason = "a link to a folder" if name in links else "not a file"
            elif not classes:
                reason = "in no folder of a class"
            elif classes[0].lower() in UNLABELLED:
                reason = f"in {classes[0]}, without a class"
            elif TABLE.search(name):
                reason = "a table, where each file should be one text"
            else:
                text = read_text(file, encoding)
                reason = "not text" if text is None else None
            yield part, text, None if reason else classes[0], file, reason


def count(path):
    """Returns the number of files under a folder; a link to a folder counts as one."""
    with os.scandir(path) as entries:
        return sum(count(entry) if entry.is_dir(follow_symlinks=False) else 1 for entry in entries)


def read_text(file, encoding):
    """Returns the content of a text file, None if it is binary."""
    with open(file, "rb") as opened:
        content = opened.read()
    found = tables.encoding_of(content[: tables.HEAD])
    if found is None or content.startswith(
        (b"\x1f\x8b", b"PK\3\4", b"%PDF", b"\x89PNG", b"{\\rtf")
    ):
        return None
    encoding = tables.marked(content) or encoding or found
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeError:
        raise tables.decoding_error(file, content, encoding) from None


def check(path):
    """Raises DataError with the command to type where a folder holds no folders but tables."""
    if sub_folders(path):
        return
    named = {role_of(os.path.splitext(name)[0]): name for name in sorted(os.listdir(path))}
    files = [shlex.quote(os.path.join(path, named[part])) for part in ("train", "test")
             if part in named]  # fmt: skip
    command = " --test ".join(files) or shlex.quote(os.path.join(path, "FILE"))
    raise DataError(
        f"{path} has no folders, one for each class. For a table: python prepare_texts.py {command}"
    )


def inner(path):
    """Returns a hint where the only folder in a folder holds folders, which may be the classes."""
    names = sub_folders(path) if os.path.isdir(path) else []
    if len(names) != 1 or not sub_folders(folder := os.path.join(path, names[0])):
        return ""
    return f". Are the classes in it? Type: python prepare_texts.py {shlex.quote(folder)}"
