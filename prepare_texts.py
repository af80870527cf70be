# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["tensorflow>=2.20,<2.22", "numpy>=2.0,<3"]
# ///
"""Makes a data file for the training scripts from your own texts.

    python prepare_texts.py tickets.csv                 a table with columns "text" and "label"
    python prepare_texts.py tickets.tsv --text body --label queue        with other column names
    python prepare_texts.py tickets                     a folder: a sub-folder of .txt files a class
    python prepare_texts.py train.csv --test test.csv   with a test part of your own

The first of these writes data/tickets.npz. In a script set DATA_FILE = "data/tickets.npz" and
nothing else: the IMDB scripts classify into two classes, reuters_rnn.py into any number. Classes
are in alphabetical order (numbers in numerical order); of two, the network gives the probability of
the second.

A table is UTF-8 text, separated by commas, semicolons, tabs or |, with the names of the columns in
its first line. Where no test part is given, a fifth of each class, chosen at random, becomes it.
Texts without a word are left out.
"""

import csv
import os
import re
import sys

import numpy as np

from corpus import DataError, command, data_file, words

SHOW_EVERY = 100_000  # texts between two lines of progress


def decoded_lines(path, encoding):
    """Yields the lines of a text file; raises DataError where one cannot be decoded."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield line.decode(encoding)
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}, line {number}: byte {line[error.start]:#04x} is not {encoding}. "
                    "Save the file as UTF-8, or name its encoding, for instance: --encoding cp1252"
                ) from None


def texts_in_table(path, text_column, label_column, encoding):
    """Yields (text, label, where it stands) of each row of a table."""
    with open(path, "rb") as file:
        if file.read(2) == b"PK":
            raise DataError(
                f"{path} is a zip file, as those of Excel are: save the table as CSV, in UTF-8"
            )
    lines = decoded_lines(path, encoding)
    header = next(lines, "").removeprefix("\ufeff").rstrip("\r\n")
    if "\r" in header:
        raise DataError(
            f"{path}, line 1: a carriage return in the line. Save the file with line ends of Unix"
        )
    for delimiter in ",;\t|":
        columns = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
        if text_column in columns and label_column in columns:
            break
    else:
        raise DataError(
            f"{path} has no columns {text_column!r} and {label_column!r}, or not both. "
            f"Line 1: {header[:200]!r}. Choose with --text and --label; line 1 names the columns"
        )
    text_at, label_at = columns.index(text_column), columns.index(label_column)
    csv.field_size_limit(2**31 - 1)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        where = f"{path}, line {rows.line_num + 2}"
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{where}: {error}. "
                "A quotation mark that opens a column must be closed, and one inside it doubled"
            ) from None
        if len(row) == len(columns):
            yield row[text_at], row[label_at].strip(), where
        elif row:
            raise DataError(
                f"{where}: {len(row)} columns where the first line has {len(columns)}. "
                f"A text with a {delimiter!r} in it must stand in quotation marks"
            )


def texts_in_folder(path, encoding):
    """Yields (text, class, file) of the .txt files in the sub-folders, which name the classes."""
    for folder, folders, names in os.walk(path):
        folders.sort()
        label = os.path.relpath(folder, path).split(os.sep)[0]
        for name in sorted(names):
            if label != os.curdir and name.lower().endswith(".txt"):
                file = os.path.join(folder, name)
                yield "".join(decoded_lines(file, encoding)).removeprefix("\ufeff"), label, file


def collect(path, options, encoder, numbers):
    """Reads a table or folder; returns its texts (provisional ids) and numbers of classes.

    `numbers`, a dict from class names to numbers, is extended as classes are met.
    """
    if os.path.isdir(path):
        examples = texts_in_folder(path, options.encoding)
    elif os.path.exists(path):
        examples = texts_in_table(path, options.text, options.label, options.encoding)
    else:
        raise DataError(f"there is no file or folder {path}")
    texts, labels, empty = [], [], []
    for text, label, where in examples:
        if not label or "\n" in label:
            raise DataError(f"{where}: the label is {'empty' if not label else 'of several lines'}")
        try:
            label.encode()
        except UnicodeEncodeError:  # the name of a folder may be any bytes
            raise DataError(
                f"{where.encode(errors='replace').decode()}: the label is not UTF-8"
            ) from None
        ids = encoder.add(text.replace("\r", "\n"))
        if len(ids) == 0:
            empty.append(where)
            continue
        texts.append(ids)
        labels.append(numbers.setdefault(label, len(numbers)))
        if len(texts) % SHOW_EVERY == 0:
            print(f"read {len(texts):,} texts", file=sys.stderr, flush=True)
    if empty:
        print(
            f"left out, since there are no words in them: {len(empty):,}, the first at {empty[0]}",
            file=sys.stderr,
        )
    if not texts:
        raise DataError(
            f"there are no texts in {path}: "
            "it must be a table, or a folder of folders with .txt files"
        )
    return texts, np.array(labels)


def by_name(classes):
    """Returns class names in order: that of numbers where all are numbers, else the alphabet's."""
    numbers = all(re.fullmatch(r"-?\d+(\.\d+)?", name) for name in classes)
    return sorted(classes, key=float) if numbers else sorted(classes)


def split(labels, fraction, random):
    """Returns the rows of train and of test: `fraction` of each class, at least one, is test."""
    test = np.zeros(len(labels), dtype=bool)
    for number in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == number))
        test[rows[: min(max(1, round(len(rows) * fraction)), len(rows) - 1)]] = True
    return np.flatnonzero(~test), np.flatnonzero(test)


def prepare(options):
    """Returns the data file's arrays."""
    path = options.path
    encoder, numbers = words.Encoder(), {}
    random = np.random.default_rng(options.seed)
    texts, labels = collect(path, options, encoder, numbers)
    counts = dict(zip(numbers, np.bincount(labels)))
    if len(numbers) < 2:
        raise DataError(
            f"all texts in {path} are of class {next(iter(numbers))!r}: a network needs two classes"
        )
    if options.test:
        more_texts, more_labels = collect(options.test, options, encoder, numbers)
        if unknown := list(numbers)[len(counts) :]:
            raise DataError(
                f"{options.test} has the class {unknown[0]!r}, of which {path} has no text"
            )
        train, test = np.arange(len(texts)), len(texts) + np.arange(len(more_texts))
        texts, labels = texts + more_texts, np.concatenate([labels, more_labels])
        of_test = f"test from {os.path.basename(options.test)}"
    else:
        if single := [name for name, count in counts.items() if count == 1]:
            named = ", ".join(map(repr, single[:3])) + (
                f" and {len(single) - 3:,} more" if len(single) > 3 else ""
            )
            raise DataError(
                f"classes with a single text: {named}. A class needs two, for train and for test: "
                "add texts, leave the class out, or choose the right column with --label"
            )
        train, test = split(labels, options.test_size, random)
        of_test = f"{options.test_size:.0%} of it for test, seed {options.seed}"

    classes = by_name(numbers)
    labels = np.array([classes.index(name) for name in numbers])[labels]
    # Shuffled, since the scripts cut validation off the front of train.
    random.shuffle(train)
    seen = {texts[row].tobytes() for row in train}
    if twice := sum(texts[row].tobytes() in seen for row in test):
        print(
            f"{twice:,} of {len(test):,} test texts are in train too: test accuracy is too high",
            file=sys.stderr,
        )
    del seen
    x_train, x_test = [texts[row] for row in train], [texts[row] for row in test]
    del texts
    vocabulary = encoder.finish(x_train, x_test)
    source = f"own texts, {os.path.basename(os.path.abspath(path))}, {of_test}"
    return data_file.pack(x_train, labels[train], x_test, labels[test], vocabulary, classes, source)


def report(target, data):
    """Prints what the data file holds and what to do with it."""
    data_file.print_counts(target, data)
    classes = bytes(data["classes"]).decode().split("\n")
    counts = [np.bincount(data[f"y_{part}"], minlength=len(classes)) for part in ("train", "test")]
    print(f"classes: {len(classes)}, with these texts in train and test")
    for name, train, test in zip(classes, *counts):
        print(f"  {name:20} {train:9,} {test:9,}")
    scripts = "any training script" if len(classes) == 2 else "reuters_rnn.py"
    print(f'Now set DATA_FILE = "{target}" in {scripts} and run it.')


def main(arguments=None):
    parser = command.parser(__doc__)
    parser.add_argument("path", metavar="PATH", help="a table, or a folder of classes")
    parser.add_argument(
        "output", nargs="?", metavar="OUTPUT", help="default: data/ and PATH's name"
    )
    test = parser.add_mutually_exclusive_group()
    test.add_argument("--test", metavar="PATH", help="a table or folder like PATH, to test on")
    test.add_argument(
        "--test-size",
        type=float,
        default=0.2,
        metavar="FRACTION",
        help="that becomes test (default: 0.2)",
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="of the split and the order (default: 1)"
    )
    parser.add_argument(
        "--text", default="text", metavar="NAME", help="column of texts (default: text)"
    )
    parser.add_argument(
        "--label", default="label", metavar="NAME", help="column of classes (default: label)"
    )
    parser.add_argument(
        "--encoding", default="utf-8", metavar="NAME", help="of the files (default: utf-8)"
    )
    options = command.parse(parser, arguments)  # OUTPUT may follow an option
    target = options.output or default_target(options.path)
    if options.encoding.lower() in ("utf-8-sig", "utf_8_sig"):
        options.encoding = "utf-8"  # a byte order mark is removed anyway
    try:
        if "\n".encode(options.encoding) != b"\n":
            parser.error(
                f"{options.encoding} files cannot be read line by line: save the file as UTF-8"
            )
    except (LookupError, UnicodeError):
        parser.error(f"there is no encoding {options.encoding!r}")
    if not 0 < options.test_size < 1:
        parser.error("--test-size must be between 0 and 1")
    if options.seed < 0:
        parser.error("--seed must be 0 or more")
    if not target.endswith(".npz"):
        parser.error(f"OUTPUT must end in .npz, not {target}")
    if os.path.exists(target) and not str(data_file.read(target)["source"]).startswith("own texts"):
        raise DataError(f"{target} holds other data: name another file, or delete it")
    data_file.check_writable(target)
    data = prepare(options)
    data_file.write(target, data)
    report(target, data)


def default_target(path):
    """Returns the data file's path for a table or folder: tickets.csv gives data/tickets.npz."""
    name = os.path.basename(os.path.abspath(path))
    return f"data/{name if os.path.isdir(path) else os.path.splitext(name)[0]}.npz"


if __name__ == "__main__":
    command.start(main, unchanged="no data file was changed")
