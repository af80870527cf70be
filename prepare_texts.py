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
    python prepare_texts.py names.csv --words characters                   for names and codes

The first of these writes data/tickets.npz. Set DATA_FILE to it: in an IMDB script for two classes,
in reuters_rnn.py for any number. Classes are in alphabetical order (numbers in numerical
order); of two, the network gives the probability of the second. Without a test set, a random fifth
of each class becomes it; texts of the same words stay together.

A table is text in UTF-8 or UTF-16, separated by commas, semicolons, tabs or |, JSON (lines, or an
array of objects), a parquet or an Excel file; also as .gz. Several are joined. A column split, set
or fold says what is train, validation and test; so do folders of these names, each with the folders
of the classes. For all other shapes, call `write` in Python: docs/own_texts.md. Rows without words
or a label (empty, nan) are left out and counted. Labels that differ in case, in spaces or as 1 and
1.0 are one class.
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

from corpus import SEE, WRITE, DataError, advice, cli, data_file, folders, printable, tables, words
from corpus.duplicates import Example, compare, shuffle, split

ZEROS = re.compile(r"(?<=\d)\.0+$")  # which pandas adds to whole numbers
SCORE = re.compile(r"-?\d*\.\d.*|\d+[-/.]\d+[-/.]\d.*")  # a fraction or a date
PART_NAMES = "split", "set", "fold"
SPOILT, LINES = f"in a wrong encoding: {SEE}", f"of several lines, each one text: {SEE}"

# `rows`: of (part, None for `part`; text; label; number, or path of the file; reason to leave it
# out, or None). `unit`: what they are numbered by. `account`: returns what else is said of their
# number. `columns`, of a table: as in the data file's `about`.
Source = collections.namedtuple("Source", "part name unit rows account columns", defaults=(str, {}))


def write(path, texts, labels, test=None, validation=None, rule="unicode"):
    """Writes a data file from texts and their labels, and prints the report.

    Args: `path`, which ends in .npz; `texts` and `labels`, lists, arrays or columns of pandas, of
    equal length; `test` and `validation`, pairs (texts, labels); `rule`, "unicode" for words, or
    "characters". Without `test`, a random fifth of each class becomes it. Missing values (None,
    NaN, empty strings) are left out and counted.
    Raises: ValueError for arguments of the wrong kind; DataError for texts that do not suffice to
    train on, and if this function did not make the file at `path`.
    """
    pairs = {"train": (texts, labels), "test": test, "validation": validation}
    sources = [
        Source(part, f"{os.path.basename(path)}, {part}", "text", rows_of_lists(*pair))
        for part, pair in pairs.items()
        if pair is not None
    ]
    make(os.fspath(path), os.path.basename(path), sources, rule)


def rows_of_lists(texts, labels):
    if not 0 < len(texts) == len(labels):
        raise ValueError(f"{len(texts):,} texts, but {len(labels):,} labels")
    for number, (text, label) in enumerate(zip(texts, labels), 1):
        yield None, as_text(text), as_text(label), number, None


def as_text(value):
    """Returns a value as a string, which is empty if the value is missing."""
    if isinstance(value, str):
        return value
    if np.ndim(value) or isinstance(value, bytes):
        raise ValueError(f"texts and labels must be strings or numbers, not {value!r:.60}")
    return "" if str(value) in ("None", "nan", "NaT", "<NA>") else str(value)


def read(part, path, options):
    """Returns the Source of a table or folder."""
    if path.endswith(".npz"):
        raise DataError(f'{path} is a data file already: set DATA_FILE = "{path}" in a script')
    if os.path.isdir(path):
        if any(os.path.exists(f"{path}/{name}") for name in ("imdb.vocab", "train/urls_pos.txt")):
            raise DataError(f"{path} is IMDB: python download_imdb.py {shlex.quote(path)}")
        return Source(part, path, "file", folders.texts(path, options.encoding))
    table = tables.read(path, options.encoding, options.quotes, options.header)
    text_at, label_at = tables.choose(table, options.text, options.label)
    columns = {"text": [table.columns[at] for at in text_at], "label": table.columns[label_at]}
    rows = rows_of_table(table, [*text_at, label_at], part)
    return Source(part, path, table.unit, rows, table.account, columns)


def rows_of_table(table, chosen, part):
    names, part_at = [table.columns[at] for at in chosen], None
    for number, cells in table:
        if table.rows == 1:
            part_at = part_column(table, chosen, cells if part == "train" else None)
        *texts, label = (cells[at].strip() for at in chosen)
        given = part if part_at is None else cells[part_at].strip().lower()
        reason = None if label else table.missing
        if given not in folders.PARTS:
            reason = f"in the part {given!r}"
        if table.header and [*texts, label] == names:
            reason = "repeated column names"
        yield folders.PARTS.get(given), " ".join(texts), label, number, reason


def part_column(table, chosen, first):
    """Returns the place of the column that names the part of each row, None without one.

    Args: `first`, the cells of the first row, or None. Prints which columns are read.
    """
    rest = [at for at in range(len(table.columns)) if at not in chosen]
    usual = [at for at in rest if tables.is_usual(table.columns[at], PART_NAMES) and first]
    place = next((at for at in usual if first[at].strip().lower() in folders.PARTS), None)
    unread = [at for at in rest if at != place]
    for what, places in ("train, test", [place] * (place in rest)), ("not read", unread[:20]):
        listed = "; ".join(f"{at + 1}, {table.columns[at][:40]!r}" for at in places)
        table.notes += [f"{what}: column {listed}"] * bool(places)
    print(*map(printable, table.notes), sep="\n", file=sys.stderr)
    return place


def collect(encoder, sources):
    """Reads the rows of Sources and accounts for each of them.

    Returns: {"train", "test", "validation": list of Examples} of what there is; lines.
    """
    parts, report, numbers = {source.part: [] for source in sources}, [], {}
    for source in sources:
        counts, firsts, total = collections.Counter(taken=0), {}, 0
        for total, (part, text, label, place, reason) in enumerate(source.rows, 1):
            # The name of a folder may be any bytes.
            label = " ".join((label or "").encode(errors="backslashreplace").decode().split())
            if not reason and label.lower() in ("", "nan", r"\n", *folders.UNLABELLED):
                reason = f"with the label {label}" if label else "without a label"
            ids = () if reason else encoder.add(text)
            reasons = [reason or ("taken" if len(ids) else "without words")]
            examples = parts.setdefault(part or source.part, [])
            if len(ids):
                same = numbers.setdefault(hash(ids.tobytes()), len(numbers))
                examples.append(Example(ids, sys.intern(label), place, same, hash(text)))
                reasons += [SPOILT] * is_spoilt(text)
                reasons += [LINES] * (source.unit == "file" and "\n" in text.strip())
            for each in reasons:
                counts[each] += 1
                firsts.setdefault(each, place)
            if part not in (None, source.part) and sources[0].part != sources[-1].part:
                raise DataError(f"{source.name} has parts: leave --test and --validation out")
        unit = "row" if source.columns else source.unit
        report.append(f"{source.name}: {total:,} {unit}s{source.account()}")
        for reason in filter(counts.get, counts):
            first = f", the first: {source.name}, {source.unit} {firsts[reason]}"
            report.append(f"  {counts[reason]:9,}  {reason}{first if reason != 'taken' else ''}")
    if empty := [part for part in parts if not parts[part]]:
        reason = f"no text with a label for {empty[0]}. Correct this, {WRITE}"
        raise DataError("; ".join([*map(printable, map(str.strip, report)), reason]))
    return parts, report


def is_spoilt(text):
    """Tells whether a text in UTF-8 was decoded as cp1252, once more or instead: Ã© for é."""
    try:
        return not (text.isascii() or text.encode("cp1252", "ignore").decode().isascii())
    except UnicodeDecodeError:
        return False


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
    scores = [name for name in classes if SCORE.fullmatch(name)]
    if scores and not any(re.search(r"[^\W\d]", name) for name in classes):
        lines.append(f"scores and dates, such as {scores[-1]}, are not classes: {SEE}")
    numbers = {name.lower(): number for number, name in enumerate(classes)}
    return {label: numbers[key] for label, key in keys.items()}, classes, lines


def make(target, name, sources, rule, made_from="prepare_texts.write", test_size=0.2, seed=1):
    """Reads texts, writes the data file `target` and prints the report.

    Args: `name`, of the texts; `sources`, a list; `rule`, a key of words.RULES; `made_from`, what
    an existing data file must be made from.
    """
    check_target(target, made_from)
    encoder, generator = words.Encoder(rule), random.Random(seed)
    parts, report = collect(encoder, sources)
    numbers, classes, lines = number_classes(each.label for part in parts.values() for each in part)
    equal, warnings, how = compare(parts, numbers)
    if not (given := "test" in parts):
        shuffle(parts["train"], generator)
        parts["train"], parts["test"] = split(parts["train"], numbers, test_size)
        how = f"{test_size:.0%} of it for test, seed {seed}"
    # Shuffled, since the scripts cut validation off the front of train. Equal texts stay together,
    # so that this cut, too, separates few of them.
    shuffle(parts["train"], generator)
    shuffle(parts.setdefault("validation", []), generator)
    validation = len(parts["validation"])
    (x_train, y_train), (x_test, y_test) = (
        ([each.ids for each in examples], [numbers[each.label] for each in examples])
        for examples in (parts["validation"] + parts["train"], parts["test"])
    )
    usable = set(y_train[validation:]) & set(y_train if given else y_test)
    if len(usable) < max(2, len(classes)):
        other = classes[min({*range(len(classes))} - usable, default=0)]
        needed = "one text for train" if given else "two texts of different words"
        reason = f"two classes, each with {needed}, are needed, unlike {other!r}"
        rows = "; ".join(map(str.strip, report))
        raise DataError(f"{rows}; {reason}. Choose another column with --label, {WRITE}")
    counts, test_counts = (
        np.bincount(labels, minlength=len(classes)) for labels in (y_train, y_test)
    )
    batch = 128 if len(classes) == 2 else 32  # by default, of the IMDB scripts and reuters_rnn.py
    uneven = counts.max() >= 4 * counts.min() and counts.max() > len(y_train) / 2
    sizes = batch, validation / len(y_train) or data_file.VALIDATION_SIZE, uneven, validation
    advised, constants = advice.on_constants(counts, classes, *sizes)
    rows, count = [each.place for each in parts["test"]], sum(map(len, x_test))
    del parts  # twice as much memory otherwise
    vocabulary = encoder.finish(x_train, x_test)
    unknown = 1 - (sum(map(len, x_test)) - len(x_test)) / count
    without = sum(len(ids) == 1 for ids in x_test)
    line = f"train lacks {unknown:.1%} of the words of test; "
    line += f"{without:,} of {len(x_test):,} test texts have no other words"
    if many := unknown > 0.3 or without > 0.05 * len(x_test):
        line += ". For names and codes: --words characters"
    report += [*lines, *equal, *warnings, line, *advised]
    source = f"own texts, {name}, {how}"
    data = data_file.pack(x_train, y_train, x_test, y_test, vocabulary, classes, source, rule)
    about = {"made_from": made_from, "columns": sources[0].columns}
    about["warnings"] = warnings + [line] * many
    of_test = [each for each in sources if each.part == "test"]
    [first, *more] = of_test or [each for each in sources if each.part == "train"]
    if first.unit != "file" and not more:
        about |= {"rows": rows, "file": first.columns and first.name}
    about = data_file.about_of(data) | {key: value for key, value in about.items() if value}
    data_file.write(target, data | {"about": np.array(json.dumps(about))})

    data_file.print_counts(target, data)
    print(f"{len(classes)} classes; number of texts in train and in test:")
    for name, train, test in zip(classes, counts, test_counts):
        print(f"  {printable(name):20} {train:9,} {test:9,}")
    print(*map(printable, report), sep="\n")
    script = "imdb_lstm" if len(classes) == 2 else "reuters_rnn"
    print(f"Now set DATA_FILE in {script}.py, or type:")
    value = target if re.fullmatch(r"[\w./-]+", target) else repr(target)
    constants = [f"{name}={value}" for name, value in constants.items()]
    print(shlex.join(["python", "compare.py", script, f"DATA_FILE={value}", *constants]))


def check_target(target, made_from):
    """Raises DataError if other texts or a corpus may be at `target`."""
    name = os.path.basename(target).lower()
    if not name.endswith(".npz") or name in ("imdb.npz", "reuters.npz"):
        raise DataError(f"{target} is no NAME.npz, or the name of a corpus: name another OUTPUT")
    if os.path.exists(target):
        about = data_file.about_of(data_file.read(target))
        if about.get("made_from") != made_from:
            raise DataError(f"{target} has {about['source']}: name another OUTPUT, or delete it")
        print(f"{target} will be replaced: {printable(about['source'])}", file=sys.stderr)
    data_file.check_writable(target)


def main(arguments=None):
    parser = cli.parser(__doc__)
    add = parser.add_argument
    paths = "a table, or a folder with a folder per class; the last may be OUTPUT.npz"
    add("paths", nargs="+", metavar="PATH", help=f"{paths} (default: data/ and PATH's name)")
    test = parser.add_mutually_exclusive_group()
    own = {"action": "append", "default": [], "metavar": "PATH"}
    test.add_argument("--test", **own, help="a table or folder like PATH, to test on")
    test.add_argument("--test-size", type=float, default=0.2, help="of each class (default: 0.2)")
    add("--validation", **own, help="a table or folder like PATH, for validation")
    add("--seed", type=int, default=1, help="seed of split and shuffling (default: 1)")
    add("--text", metavar="NAME", help="text column, or several to join: title,body")
    add("--label", metavar="NAME", help="column of labels")
    choices = "unicode", "characters"
    add("--words", choices=choices, default="unicode", help="what the network reads as words")
    add("--no-header", dest="header", action="store_false", help="line 1 is data, not names")
    add("--encoding", metavar="NAME", help="of the files (default: UTF-8 or UTF-16, detected)")
    add("--quotes", choices=tables.QUOTES, help="what quotation marks mean (default: detected)")
    options = cli.parse(parser, arguments)  # a PATH may follow an option
    if not 0 < options.test_size < 1:
        parser.error("--test-size must be between 0 and 1")
    paths = options.paths
    target = paths.pop() if len(paths) > 1 and paths[-1].endswith(".npz") else None
    given = {"train": paths, "test": options.test, "validation": options.validation}
    sources = [read(part, path, options) for part, of_part in given.items() for path in of_part]
    paths = list(map(os.path.abspath, paths))
    names = [os.path.basename(os.path.abspath(source.name)) for source in sources]
    stem = names[0]
    if not os.path.isdir(paths[0]):
        stem = re.sub(r"(?<=.)(\.\w+)?(\.gz)?$", "", stem)
    name = " and ".join(names if len(names) < 4 else [names[0], f"{len(names) - 1} more"])
    made_from = hashlib.sha256(os.fsencode("\0".join(paths))).hexdigest()[:16]
    target = target or f"data/{stem}.npz"
    make(target, name, sources, options.words, made_from, options.test_size, options.seed)


if __name__ == "__main__":
    cli.start(main, unchanged="no data file was changed")
