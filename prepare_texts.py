# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["tensorflow>=2.20,<2.22", "numpy>=2.0,<3"]
# ///
"""Makes a data file for the training scripts from your own texts.

    python prepare_texts.py tickets.csv                 a table; its columns are found by name
    python prepare_texts.py tickets.tsv --text title,body --label queue    or named
    python prepare_texts.py sms.tsv --no-header --text 2 --label 1         or numbered from 1
    python prepare_texts.py tickets                     a folder: one sub-folder of texts per class
    python prepare_texts.py train.csv --test test.csv   with your own test set

The first of these writes data/tickets.npz, for DATA_FILE in a script: of two classes in the IMDB
scripts, of any number in reuters_rnn.py. Classes are in alphabetical order (numbers in numerical
order); of two, the network gives the probability of the second. Without a test set, a random fifth
of each class becomes it.

A table is text in UTF-8 or UTF-16, separated by commas, semicolons, tabs or |, JSON (lines, or an
array of objects), fastText's lines with __label__, a parquet or an Excel file; also as .gz, .bz2
or .zip of one file. A folder may hold train and test (and validation), each with the folders of the
classes. For all other shapes, call `write` in Python.

Every row is accounted for: those without words or a label (empty, nan) are left out and counted.
Labels that differ in case, in spaces or as 1 and 1.0 are one class.
"""

import collections
import contextlib
import hashlib
import json
import os
import random
import re
import shlex
import sys

import numpy as np

from corpus import WRITE, DataError, advice, cli, data_file, folders, printable, tables, words

RULE = "unicode"  # by which texts are split into words
ZEROS = re.compile(r"(?<=\d)\.0+$")  # which pandas adds to whole numbers


def write(path, texts, labels, test=None, validation=None):
    """Writes a data file from texts and their labels, and prints the report.

    Args: `path`, which ends in .npz; `texts` and `labels`, lists, arrays or columns of pandas, of
    equal length; `test` and `validation`, pairs (texts, labels). Without `test`, a random fifth of
    each class becomes it. Missing values (None, NaN, empty strings) are left out and counted.
    Raises: ValueError for arguments of the wrong kind; DataError for texts that do not suffice to
    train on, and if this function did not make the file at `path`.
    """
    pairs = {"train": (texts, labels), "test": test, "validation": validation}
    name = os.path.basename(path)
    make(os.fspath(path), name, (name, "texts", rows_of_lists(pairs), str))


def rows_of_lists(pairs):
    for part, pair in pairs.items():
        if pair is None:
            continue
        texts, labels = pair
        if not 0 < len(texts) == len(labels):
            raise ValueError(f"{part}: {len(texts):,} texts, but {len(labels):,} labels")
        for number, (text, label) in enumerate(zip(texts, labels), 1):
            yield part, as_text(text), as_text(label), f"{part}, text {number:,}", None


def as_text(value):
    """Returns a value as a string, which is empty if the value is missing."""
    if isinstance(value, str):
        return value
    if np.ndim(value) or isinstance(value, bytes):
        raise ValueError(f"texts and labels must be strings or numbers, not {value!r:.60}")
    return "" if str(value) in ("None", "nan", "NaT", "<NA>") else str(value)


def read(path, options):
    """Returns what `collect` needs of a table or folder: name, unit, rows, account."""
    if path.endswith(".npz"):
        raise DataError(f'{path} is a data file already: set DATA_FILE = "{path}" in a script')
    if os.path.isdir(path):
        if any(os.path.exists(f"{path}/{name}") for name in ("imdb.vocab", "train/urls_pos.txt")):
            raise DataError(f"{path} is IMDB: python download_imdb.py {shlex.quote(path)}")
        return path, "files", folders.texts(path, options.encoding), str
    table = tables.read(path, options.encoding, options.quotes, options.header)
    return path, "rows", rows_of_table(table, options), table.account


def rows_of_table(table, options):
    text_at, label_at = tables.choose(table, options.text, options.label)
    for note in table.notes:
        print(printable(note), file=sys.stderr)
    chosen = [*text_at, label_at]
    names = [table.columns[at] for at in chosen]
    unnamed = [at for at, name in enumerate(table.columns) if not name and at > max(chosen)]
    continued = 0  # rows whose text seems to go on in columns without a name
    for number, cells in table:
        *texts, label = (cells[at].strip() for at in chosen)
        reason = "repeated column names" if table.header and [*texts, label] == names else None
        continued += any(cells[at].strip() for at in unnamed)
        yield "train", " ".join(texts), label, f"{table.path}, {table.unit} {number:,}", reason
    if continued:
        columns = ",".join(str(at + 1) for at in [*text_at, *unnamed])
        print(f"{continued:,} rows go on in unnamed columns: add --text {columns}", file=sys.stderr)


def collect(encoder, name, unit, rows, account):
    """Reads rows and accounts for each of them.

    Args: `rows`, of (part, text, label, where it stands, reason to leave it out or None);
    `account`, a function that returns what else is said of their number.
    Returns: {"train", "test", "validation": [(id array, label), ...]} of what there is; lines.
    """
    parts = collections.defaultdict(list, train=[])
    counts, firsts = collections.Counter(taken=0), {}
    for part, text, label, where, reason in rows:
        # The name of a folder may be any bytes.
        label = " ".join((label or "").encode(errors="backslashreplace").decode().split())
        if not reason and label.lower() in ("", "nan", r"\n", *folders.UNLABELLED):
            reason = f"with the label {label}" if label else "without a label"
        ids = () if reason else encoder.add(text)
        reason = reason or ("taken" if len(ids) else "without words")
        counts[reason] += 1
        examples = parts[part]  # made, and perhaps left empty, for every part that has rows
        if len(ids):
            examples.append((ids, sys.intern(label)))
            if counts[reason] % 100_000 == 0:
                print(f"read {counts[reason]:,} texts", file=sys.stderr, flush=True)
        else:
            firsts.setdefault(reason, where)
    lines = [f"{name}: {counts.total():,} {unit}{account()}"]
    for reason, count in counts.items():
        where = f", the first: {firsts[reason]}" if reason in firsts else ""
        lines.append(f"  {count:9,}  {reason}{where}")
    if empty := [part for part in parts if not parts[part]]:
        reasons = printable("; ".join(map(str.strip, lines[1:])))
        raise DataError(f"{name} has no text with a label for {empty[0]} ({reasons}), {WRITE}")
    return parts, lines


def number_classes(labels):
    """Returns {label: number of its class}, the names of the classes, lines on the labels.

    1 and 1.0, or Spam and spam, are one class, whose name is the most frequent spelling.
    """
    counts, names, lines = collections.Counter(labels), {}, []
    keys = {label: ZEROS.sub("", label).lower() for label in counts}
    for label, _ in counts.most_common():
        names.setdefault(keys[label], ZEROS.sub("", label))
    classes = sorted(names.values())
    with contextlib.suppress(ValueError):  # not all are numbers
        classes = sorted(classes, key=float)
    if other := [label for label in counts if label != names[keys[label]]]:
        lines.append(f"{len(other):,} labels are spelt unlike their class, such as {other[0]!r}")
    if joined := [name for name in classes if re.search("[|;,]", name)]:
        lines.append(f"several labels in a cell, as in {joined[0]!r}? They are one class here")
    numbers = {name.lower(): number for number, name in enumerate(classes)}
    return {label: numbers[key] for label, key in keys.items()}, classes, lines


def split(examples, numbers, fraction, generator):
    """Returns train and test, stratified; train keeps a text of each class."""
    classes = collections.defaultdict(list)
    for ids, label in examples:
        classes[numbers[label]].append((ids, label))
    train, test = [], []
    for same in classes.values():
        generator.shuffle(same)
        size = min(max(1, round(len(same) * fraction)), len(same) - 1)
        test += same[:size]
        train += same[size:]
    return train, test


def make(target, name, source, test=None, made_from="prepare_texts.write", test_size=0.2, seed=1):
    """Reads texts, writes the data file `target` and prints the report.

    Args: `name`, of the texts; `source` and `test`, the arguments of `collect`; `made_from`, what
    an existing data file must be made from.
    """
    check_target(target, made_from)
    encoder = words.Encoder(RULE)
    parts, report = collect(encoder, *source)
    if test:
        added, lines = collect(encoder, *test)
        if len(parts) + len(added) > 2:
            raise DataError(f"{name}: there are test or validation parts: leave --test out")
        parts["test"] = added.pop("train")
        report += lines
    numbers, classes, lines = number_classes(label for part in parts.values() for _, label in part)
    report += lines
    counts = np.bincount([numbers[label] for _, label in parts["train"]], minlength=len(classes))
    needed = 1 if "test" in parts else 2  # one of these for test
    if len(classes) < 2 or counts.min() < needed:
        rarest = f"{classes[counts.argmin()]!r}, the rarest of {len(classes):,}, has {counts.min()}"
        reason = f"two classes with {needed} or more texts in train are needed, but {rarest}"
        raise DataError(f"{name}: {reason}. Choose with --label, {WRITE}")
    how, generator = "test as given", random.Random(seed)
    if "test" not in parts:
        parts["train"], parts["test"] = split(parts["train"], numbers, test_size, generator)
        how = f"{test_size:.0%} of it for test, seed {seed}"
    # Shuffled, since the scripts cut validation off the front of train.
    for part in "validation", "train":
        generator.shuffle(parts[part])
    (x_train, y_train), (x_test, y_test) = (
        ([ids for ids, _ in examples], [numbers[label] for _, label in examples])
        for examples in (parts["validation"] + parts["train"], parts["test"])
    )
    seen = {hash(ids.tobytes()) for ids in x_train}
    if twins := sum(hash(ids.tobytes()) in seen for ids in x_test):
        report.append(f"{twins:,} of {len(x_test):,} test texts are in train too: remove them")
    report += advise(y_train, classes, len(parts["validation"]))
    del parts, seen  # twice as much memory otherwise
    vocabulary = encoder.finish(x_train, x_test)
    source = f"own texts, {name}, {how}"
    data = data_file.pack(x_train, y_train, x_test, y_test, vocabulary, classes, source, RULE)
    about = data_file.about_of(data) | {"made_from": made_from}
    data_file.write(target, data | {"about": np.array(json.dumps(about))})

    data_file.print_counts(target, data)
    print(f"{len(classes)} classes; number of texts in train and in test:")
    counts = [np.bincount(labels, minlength=len(classes)) for labels in (y_train, y_test)]
    for name, train, test in zip(classes, *counts):
        print(f"  {printable(name):20} {train:9,} {test:9,}")
    print(*map(printable, report), sep="\n")
    scripts = "any training script" if len(classes) == 2 else "reuters_rnn.py"
    print(f'Now set DATA_FILE = "{target}" in {scripts} and run it.')


def check_target(target, made_from):
    """Raises DataError if other texts or a corpus may be at `target`."""
    name = os.path.basename(target).lower()
    if not name.endswith(".npz") or name in ("imdb.npz", "reuters.npz"):
        raise DataError(f"{target} is no NAME.npz, or the name of a corpus: name another OUTPUT")
    if os.path.exists(target):
        about = data_file.about_of(data_file.read(target))
        if about.get("made_from") != made_from:
            raise DataError(f"{target} has {about['source']}: name another OUTPUT, or delete it")
    data_file.check_writable(target)


def advise(y_train, classes, validation):
    """Returns lines on the constants that suit train, whose first texts are for validation."""
    lines, counts, total = [], np.bincount(y_train), len(y_train)
    batch = 128 if len(classes) == 2 else 32  # by default, of the IMDB scripts and reuters_rnn.py
    size = validation / total or data_file.VALIDATION_SIZE
    if validation:
        lines.append(f"VALIDATION_SIZE = {size} takes your {validation:,} texts for validation")
    uneven = counts.max() >= 4 * counts.min() and counts.max() > total / 2
    if uneven:
        largest = f"{classes[counts.argmax()]!r} is {counts.max() / total:.0%} of train"
        lines.append(f"imbalanced classes: {largest}. Look at the recall of each class (report.py)")
    return lines + advice.on_constants(counts, classes, batch, size, uneven)


def main(arguments=None):
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("path", metavar="PATH", help="a table, or a folder with a sub-folder per class")
    add("output", nargs="?", metavar="OUTPUT", help="default: data/ and PATH's name")
    test = parser.add_mutually_exclusive_group()
    test.add_argument("--test", metavar="PATH", help="a table or folder like PATH, to test on")
    test.add_argument("--test-size", type=float, default=0.2, help="of each class (default: 0.2)")
    add("--seed", type=int, default=1, help="seed of split and shuffling (default: 1)")
    add("--text", metavar="NAME", help="text column, or several to join: title,body")
    add("--label", metavar="NAME", help="column of labels")
    add("--no-header", dest="header", action="store_false", help="line 1 is data, not names")
    add("--encoding", metavar="NAME", help="of the files (default: UTF-8 or UTF-16, detected)")
    add("--quotes", choices=tables.QUOTES, help="what quotation marks mean (default: detected)")
    options = cli.parse(parser, arguments)  # OUTPUT may follow an option
    path, name = os.path.abspath(options.path), os.path.basename(os.path.abspath(options.path))
    stem = name if os.path.isdir(path) else re.sub(r"(?<=.)(\.\w+)?(\.(gz|bz2|zip))?$", "", name)
    target = options.output or f"data/{stem}.npz"
    if not 0 < options.test_size < 1:
        parser.error("--test-size must be between 0 and 1")
    source, test = read(options.path, options), options.test and read(options.test, options)
    name += f" and {os.path.basename(options.test)}" if test else ""
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    make(target, name, source, test, digest, options.test_size, options.seed)


if __name__ == "__main__":
    cli.start(main, unchanged="no data file was changed")
