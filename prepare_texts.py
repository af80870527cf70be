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

The first of these writes data/tickets.npz. In a script set DATA_FILE = "data/tickets.npz" and
nothing else: the IMDB scripts classify into two classes, reuters_rnn.py into any number. Classes
are in alphabetical order (numbers in numerical order); of two, the network gives the probability of
the second.

A table is text in UTF-8 or UTF-16, separated by commas, semicolons, tabs or |, JSON (lines, or an
array of objects), fastText's lines with __label__, a parquet or an Excel file; also as .gz, .bz2
or .zip of one file. Without a test set, a random fifth of each class becomes it. A folder may hold
train and test (and validation), each with the folders of the classes.

The report accounts for every row. Labels that differ in case, outer spaces or as 1 and 1.0 are one
class. Rows without words or without a label (empty, or nan) are left out and counted.
"""

import collections
import decimal
import os
import re
import sys
import unicodedata

import numpy as np

from corpus import DataError, advice, cli, data_file, folders, programs, tables, words

SHOW_EVERY = 100_000  # texts between two lines of progress
RULE = "unicode"  # by which texts are split into words
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
# +1, 1., 1.0e+00
OTHER_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d*)?(e[+-]\d\d)?", re.IGNORECASE)
EDGE = r"[\s\0\ufeff\u200b\u200e\u200f\u2060]+"  # around labels: spaces, what cannot be seen


class Classes:
    """The classes by number as they are met, and the spellings of each in the file."""

    def __init__(self):
        self.numbers, self.spellings = {}, collections.defaultdict(collections.Counter)

    def number(self, label):
        """Returns the number of a label's class: 1 and 1.0, or Spam and spam, are one."""
        label = unicodedata.normalize("NFC", label)
        if OTHER_NUMBER.fullmatch(label):
            key = format(decimal.Decimal(label), "f")
            key = re.sub(r"\.0+$|(\.\d*?[1-9])0+$", r"\1", key)
            key = "0" if key == "-0" else key
        else:
            key = label.lower()
        self.spellings[key][label] += 1
        return self.numbers.setdefault(key, len(self.numbers))

    def names(self):
        """Returns the names in order of number: a class has its most frequent spelling."""
        return [
            key
            if NUMBER.fullmatch(key)
            else max(sorted(spelt := self.spellings[key]), key=spelt.get)
            for key in self.numbers
        ]


def texts_in_table(table, options):
    """Yields (part, text, label, where, reason to leave it out or None) of each row of a table."""
    text_at, label_at = tables.choose(table, options.text, options.label, options.header)
    for note in table.notes:
        print(note, file=sys.stderr)
    beyond = [at for at, name in enumerate(table.columns) if not name and at > max(text_at)]
    cut = 0  # rows whose text seems to go on in columns without a name
    text_names, label_name = [table.columns[at] for at in text_at], table.columns[label_at]
    for number, cells in table:
        label = re.sub(rf"\A{EDGE}|{EDGE}\Z", "", cells[label_at])
        text = " ".join(cells[at] for at in text_at)
        where, reason = f"{table.path}, {table.unit} {number:,}", None
        cut += any(cells[at].strip() for at in beyond if at != label_at)
        if label.lower() == label_name.lower() and options.header and table.header:
            named = [cells[at].strip().lower() for at in text_at] == list(
                map(str.lower, text_names)
            )
            if not named and not tables.is_usual(label_name, tables.LABEL_NAMES):
                raise DataError(
                    f"{where}: the label is {label!r}, the column name in line 1. If line 1 is "
                    "data: --no-header; otherwise remove this row"
                )
            reason = "repeated column names"
        elif not label:
            reason = "without a label"
        elif label.lower() in ("nan", r"\n"):  # the latter is MySQL's
            reason = "with the label nan" + r" or \N" * (label[0] == "\\")
        elif label.lower() in folders.UNLABELLED:
            reason = f"with the label {label}, without a class"
        elif "\n" in label or "\r" in label:
            raise DataError(f"{where}: the label has several lines; is it the right column?")
        yield "train", text, label, where, reason
    if cut:
        joined = ",".join(str(at + 1) for at in [*text_at, *beyond] if at != label_at)
        print(
            f"{cut:,} rows have more cells, in unnamed columns, which are left out. To join them: "
            f"--text {joined}",
            file=sys.stderr,
        )


def collect(path, options, encoder, classes):
    """Reads a table or folder.

    Returns: {"train", "test", "validation": (texts, labels)} of what there is, where a text is an
    array of provisional ids, and a label the number in `classes`; and the account of all rows,
    lines to print.
    """
    if os.path.isdir(path):
        folders.check(path)
        if note := folders.note(path):
            print(note, file=sys.stderr)
        examples = folders.texts(path, options.encoding)
    elif os.path.exists(path):
        table = tables.read(path, options.encoding, options.quotes, options.header)
        examples = texts_in_table(table, options)
    else:
        raise DataError(f"there is no file or folder {path}")
    found = collections.defaultdict(lambda: ([], []))
    left_out = collections.defaultdict(list)  # reason: where the first stands, the number of rows
    taken = 0
    for part, text, label, where, reason in examples:
        ids = () if reason else encoder.add(text)
        if len(ids):
            try:
                label.encode()
            except UnicodeEncodeError:  # the name of a folder may be any bytes
                where = where.encode(errors="replace").decode()
                raise DataError(f"{where}: the label is not UTF-8") from None
            texts, labels = found[part]
            texts.append(ids)
            labels.append(classes.number(label))
            taken += 1
            if taken % SHOW_EVERY == 0:
                print(f"read {taken:,} texts", file=sys.stderr, flush=True)
        else:
            row = left_out[reason or "without words"]
            row[:] = (row[0], row[1] + 1) if row else (where, 1)
    account = {"taken": (None, taken)} | left_out
    total = sum(rows for _, rows in account.values())
    if os.path.isdir(path):
        known, unit, more = folders.count(path), "files", ""
    else:
        known, unit, more = table.rows, "rows", table.account()
    if total != known:
        raise DataError(f"{path}: {known:,} {unit}, but {total:,} were counted: please report this")
    lines = [f"{path}: {total:,} {unit}{more}"]
    for reason, (where, rows) in account.items():
        lines.append(f"  {rows:9,}  {reason}" + (f", the first: {where}" if where else ""))
    if not taken:
        raise DataError(f"there are no texts in {path}. " + "; ".join(map(str.strip, lines[1:])))
    return found, lines


def by_name(names):
    """Returns class names in numerical order if all are numbers, otherwise alphabetically."""
    numbers = all(map(NUMBER.fullmatch, names))
    return sorted(names, key=float) if numbers else sorted(names)


def split(labels, fraction, random):
    """Returns the rows of train and of test, stratified; train keeps a text of each class."""
    test = np.zeros(len(labels), dtype=bool)
    for number in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == number))
        test[rows[: min(max(1, round(len(rows) * fraction)), len(rows) - 1)]] = True
    return np.flatnonzero(~test), np.flatnonzero(test)


def prepare(options):
    """Returns the data file's arrays and the lines of the report on what was read."""
    path = options.path
    encoder, classes = words.Encoder(RULE), Classes()
    random = np.random.default_rng(options.seed)
    found, report = collect(path, options, encoder, classes)
    texts, labels = found["train"]
    known = len(classes.numbers)
    of_test = "train and test as given"
    if options.test:
        if len(found) > 1:
            raise DataError(f"{path} has a test or validation part already: leave --test out")
        found["test"], more = collect(options.test, options, encoder, classes)
        report += more
        if len(found["test"]) > 1:
            raise DataError(f"{options.test} has parts: name one of its folders")
        found["test"] = found["test"]["train"]
        of_test = f"test from {os.path.basename(options.test)}"
    in_train = np.bincount(labels, minlength=len(classes.numbers))
    if known < 2:
        raise DataError(
            f"all texts in {path} are of class {classes.names()[0]!r}: a network needs two classes"
            + folders.inner(path)
        )
    if not in_train.all():
        name = classes.names()[in_train.argmin()]
        raise DataError(f"{options.test or path} has the class {name!r}, of which "
                        f"{path if options.test else 'train'} has no text")  # fmt: skip
    train = np.arange(len(texts))
    validation = found.get("validation", ([], []))
    if "test" in found:
        test = len(texts) + np.arange(len(found["test"][0]))
        texts, labels = texts + found["test"][0], labels + found["test"][1]
    else:
        advice.check_sizes(dict(zip(classes.names(), in_train)))
        train, test = split(np.array(labels), options.test_size, random)
        of_test = f"{options.test_size:.0%} of it for test, seed {options.seed}"
    first = len(texts) + np.arange(len(validation[0]))
    texts, labels = texts + validation[0], labels + validation[1]

    names = classes.names()
    ordered = by_name(names)
    labels = np.array([ordered.index(name) for name in names])[labels]
    # Shuffled, since the scripts cut validation off the front of train.
    random.shuffle(train)
    random.shuffle(first)
    train = np.concatenate([first, train])
    report += advice.on_labels(classes.spellings)
    report += advice.on_twins(texts, labels, train, test)
    x_train, x_test = [texts[row] for row in train], [texts[row] for row in test]
    del texts, found, validation  # twice as much memory otherwise
    vocabulary = encoder.finish(x_train, x_test)
    source = f"own texts, {os.path.basename(os.path.abspath(path))}, {of_test}"
    y_train, y_test = labels[train], labels[test]
    report += advice.on_training(x_train, y_train, ordered, len(first))
    data = data_file.pack(x_train, y_train, x_test, y_test, vocabulary, ordered, source, RULE)
    return data, report


def main(arguments=None):
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("path", metavar="PATH", help="a table, or a folder with a sub-folder per class")
    add("output", nargs="?", metavar="OUTPUT", help="default: data/ and PATH's name")
    test = parser.add_mutually_exclusive_group()
    test.add_argument("--test", metavar="PATH", help="a table or folder like PATH, to test on")
    test.add_argument("--test-size", type=float, default=0.2, metavar="FRACTION",
                      help="fraction of each class for test (default: 0.2)")  # fmt: skip
    add("--seed", type=int, default=1, help="seed of split and shuffling (default: 1)")
    add("--text", metavar="NAME", help="text column, or several to join: title,body")
    add("--label", metavar="NAME", help="column of labels")
    add("--no-header", dest="header", action="store_false", help="line 1 is data, not names")
    add("--encoding", metavar="NAME", help="of the files (default: UTF-8 or UTF-16, detected)")
    add("--quotes", choices=tables.QUOTES, help="what quotation marks mean (default: detected): "
        "csv, around cells; backslash, inside too; letters, ordinary characters")  # fmt: skip
    options = cli.parse(parser, arguments)  # OUTPUT may follow an option
    target = options.output or default_target(options.path)
    try:
        "".encode(options.encoding or "utf-8")
    except (LookupError, UnicodeError):
        parser.error(f"unknown encoding {options.encoding!r}")
    if not 0 < options.test_size < 1:
        parser.error("--test-size must be between 0 and 1")
    if options.seed < 0:
        parser.error("--seed must be 0 or more")
    if not target.endswith(".npz"):
        parser.error(f"OUTPUT must end in .npz, not {target}")
    for path in filter(None, [options.path, options.test]):
        programs.check(path, "prepare_texts.py")
    if os.path.exists(target) and not str(data_file.read(target)["source"]).startswith("own texts"):
        raise DataError(f"{target} is not from prepare_texts.py: name another file, or delete it")
    data_file.check_writable(target)
    data, lines = prepare(options)
    data_file.write(target, data)
    report(target, data, lines)


def report(target, data, lines):
    """Prints what the data file holds, what became of each row, and what to do next."""
    data_file.print_counts(target, data)
    classes = bytes(data["classes"]).decode().split("\n")
    counts = [np.bincount(data[f"y_{part}"], minlength=len(classes)) for part in ("train", "test")]
    print(f"{len(classes)} classes; number of texts in train and in test:")
    for name, train, test in zip(classes, *counts):
        print(f"  {name:20} {train:9,} {test:9,}")
    print("\n".join(lines))
    scripts = "any training script" if len(classes) == 2 else "reuters_rnn.py"
    print(f'Now set DATA_FILE = "{target}" in {scripts} and run it.')


def default_target(path):
    """Returns the data file's path for a table or folder: tickets.csv.gz gives data/tickets.npz."""
    name = os.path.basename(os.path.abspath(path))
    if not os.path.isdir(path):
        name = re.sub(r"(?i)(?<=.)\.(gz|bz2|zip)$", "", name)
        name = os.path.splitext(name)[0]
    return f"data/{name}.npz"


if __name__ == "__main__":
    cli.start(main, unchanged="no data file was changed")
