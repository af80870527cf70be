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

The first of these writes data/tickets.npz, for DATA_FILE in a script: of two classes in the IMDB
scripts, of any number in reuters_rnn.py. Classes are in alphabetical order (numbers in numerical
order); of two, the network gives the probability of the second. Without a test set, a random fifth
of each class becomes it; texts of the same words stay together.

A table is text in UTF-8 or UTF-16, separated by commas, semicolons, tabs or |, JSON (lines, or an
array of objects), fastText's lines with __label__, a parquet or an Excel file; also as .gz, .bz2
or .zip of one file. A column split, set or fold with train, test or validation in it is followed.
Several PATHs are joined. A folder may hold train and test (and validation), each with the folders
of the classes. For all other shapes, call `write` in Python: see docs/own_texts.md.

Every row is accounted for: those without words or a label (empty, nan) are left out and counted.
Labels that differ in case, in spaces or as 1 and 1.0 are one class.
"""

import collections
import contextlib
import hashlib
import itertools
import json
import os
import random
import re
import shlex
import sys

import numpy as np

from corpus import WRITE, DataError, advice, cli, data_file, folders, printable, tables, words

ZEROS = re.compile(r"(?<=\d)\.0+$")  # which pandas adds to whole numbers
SCORE = re.compile(r"-?\d*\.\d.*|\d+[-/.]\d+[-/.]\d.*")  # a fraction or a date
SEE = "see docs/own_texts.md"
RULES = "unicode", "characters"  # by which texts are split into words: see corpus/words.py
PART_NAMES = "split", "set", "fold", "subset", "part", "partition"
UNKNOWN = 0.3, 0.05  # of the words and of the texts of test: above one of these, it is a warning

# `rows`, of (part, or None for `part`; text; label; number, or path of the file; reason to leave it
# out, or None); `unit`, what they are numbered by; `account`, a function that returns what else is
# said of their number; `columns` of a table, as in the data file's `about`.
Source = collections.namedtuple("Source", "part name unit rows account columns", defaults=(str, {}))
Example = collections.namedtuple("Example", "ids label place text")  # `text`: a hash


def write(path, texts, labels, test=None, validation=None, rule=RULES[0]):
    """Writes a data file from texts and their labels, and prints the report.

    Args: `path`, which ends in .npz; `texts` and `labels`, lists, arrays or columns of pandas, of
    equal length; `test` and `validation`, pairs (texts, labels); `rule`, "unicode" for words, or
    "characters". Without `test`, a random fifth of each class becomes it. Missing values (None,
    NaN, empty strings) are left out and counted.
    Raises: ValueError for arguments of the wrong kind; DataError for texts that do not suffice to
    train on, and if this function did not make the file at `path`.
    """
    pairs, name = [("train", (texts, labels))], os.path.basename(path)
    pairs += [("test", test)] * (test is not None)
    pairs += [("validation", validation)] * (validation is not None)
    sources = [
        Source(part, f"{name}, {part}", "text", rows_of_lists(*pair)) for part, pair in pairs
    ]
    make(os.fspath(path), name, sources, rule)


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
    names = [table.columns[at] for at in chosen]
    unnamed = [at for at, name in enumerate(table.columns) if not name and at > max(chosen)]
    continued = 0  # rows whose text seems to go on in columns without a name
    for number, cells in table:
        if table.rows == 1:
            part_at = part_column(table, chosen, cells if part == "train" else [])
        *texts, label = (cells[at].strip() for at in chosen)
        given = part if part_at is None else cells[part_at].strip().lower()
        reason = None if label else table.missing
        if given not in folders.PARTS:
            reason = f"in the part {given!r}"
        if table.header and [*texts, label] == names:
            reason = "repeated column names"
        continued += any(cells[at].strip() for at in unnamed)
        yield folders.PARTS.get(given), " ".join(texts), label, number, reason
    if continued:
        columns = ",".join(str(at + 1) for at in [*chosen[:-1], *unnamed])
        print(f"{continued:,} rows go on in unnamed columns: add --text {columns}", file=sys.stderr)


def part_column(table, chosen, first):
    """Returns the place of the column that names the part of each row, None without one.

    Args: `first`, the cells of the first row. Prints which columns are read and which are not.
    """
    places = [at for at, cell in enumerate(first) if cell.strip().lower() in folders.PARTS]
    places = [at for at in places if tables.is_usual(table.columns[at], PART_NAMES)]
    place = places[0] if len(places) == 1 and places[0] not in chosen else None
    if place is not None:
        table.notes.append(f"train, test: column {place + 1}, {table.columns[place]!r}")
    rest = [at for at, name in enumerate(table.columns) if name and at not in [*chosen, place]]
    if rest:
        names = ", ".join(repr(table.columns[at][:40]) for at in rest[:20])
        table.notes.append(f"not read: {names}")
    for note in table.notes:
        print(printable(note), file=sys.stderr)
    return place


def collect(encoder, source):
    """Reads the rows of a Source and accounts for each of them.

    Returns: {"train", "test", "validation": list of Examples} of what there is; lines.
    """
    parts = collections.defaultdict(list, {source.part: []})
    counts, firsts = collections.Counter(taken=0), {}
    several, spoilt = 0, []
    for part, text, label, place, reason in source.rows:
        # The name of a folder may be any bytes.
        label = " ".join((label or "").encode(errors="backslashreplace").decode().split())
        if not reason and label.lower() in ("", "nan", r"\n", *folders.UNLABELLED):
            reason = f"with the label {label}" if label else "without a label"
        ids = () if reason else encoder.add(text)
        reason = reason or ("taken" if len(ids) else "without words")
        counts[reason] += 1
        where = f"{source.name}, {source.unit} {place:,}" if isinstance(place, int) else place
        examples = parts[part or source.part]  # made, and perhaps left empty, for all with rows
        if len(ids):
            examples.append(Example(ids, sys.intern(label), place, hash(text)))
            several += "\n" in text.strip()
            if not text.isascii() and is_spoilt(text):
                spoilt.append(where)
            if counts[reason] % 100_000 == 0:
                print(f"read {counts[reason]:,} texts", file=sys.stderr, flush=True)
        else:
            firsts.setdefault(reason, where)
    unit = "rows" if source.columns else f"{source.unit}s"
    lines = [f"{source.name}: {counts.total():,} {unit}{source.account()}"]
    for reason, count in counts.items():
        where = f", the first: {firsts[reason]}" if reason in firsts else ""
        lines += [f"  {count:9,}  {reason}{where}"] * (count > 0)
    if empty := [part for part in parts if not parts[part]]:
        reasons = printable("; ".join(map(str.strip, lines[1:]))) or "no rows"
        raise DataError(
            f"{source.name} has no text with a label for {empty[0]} ({reasons}), {WRITE}"
        )
    if unit == "files" and several > counts["taken"] / 2:
        lines.append(f"{several:,} files have several lines, and each file is one text: {SEE}")
    if spoilt:
        lines.append(
            f"{len(spoilt):,} texts are in a wrong encoding, the first: {spoilt[0]}: {SEE}"
        )
    return parts, lines


def is_spoilt(text):
    """Tells whether a text in UTF-8 was decoded as cp1252, once more or instead: Ã© for é."""
    try:
        return not text.encode("cp1252", "ignore").decode().isascii()
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
        lines.append(
            f"scores (or dates), such as {scores[-1]}, are no classes: set thresholds, {SEE}"
        )
    numbers = {name.lower(): number for number, name in enumerate(classes)}
    return {label: numbers[key] for label, key in keys.items()}, classes, lines


def group(examples):
    """Returns {hash: those of the examples that have the same words}."""
    groups = collections.defaultdict(list)
    for example in examples:
        groups[hash(example.ids.tobytes())].append(example)
    return groups


def split(groups, numbers, fraction):
    """Returns train, groups, and test, examples, stratified; train keeps a text of each class."""
    totals = collections.Counter(numbers[each.label] for same in groups for each in same)
    sizes = {number: min(round(n * fraction), n - 1) for number, n in totals.items()}
    train, test, taken = [], [], collections.Counter()
    for same in groups:
        counts = collections.Counter(numbers[each.label] for each in same)
        if all(
            taken[number] + n <= sizes[number] or (not taken[number] and 2 * n <= totals[number])
            for number, n in counts.items()
        ):
            taken.update(counts)
            test += same
        else:
            train.append(same)
    return train, test


def compare(parts, groups, numbers):
    """Returns lines on equal texts and warnings, which are lines on what spoils an accuracy.

    Args: `groups`, train as `group` returns it.
    """
    lines, warnings, total = [], [], len(parts["train"])
    texts = {example.text for example in parts["train"]}
    if repeated := total - len(texts):
        lines.append(f"{repeated:,} of {total:,} texts in train repeat another one")
    if differ := len(texts) - len(groups):
        dropped = "only in what is dropped, such as punctuation and case"
        lines.append(f"{differ:,} texts differ from another one {dropped}: {SEE}")
    mixed = [len(same) for same in groups.values() if len({numbers[e.label] for e in same}) > 1]
    if mixed:
        warnings.append(f"{sum(mixed):,} texts of the same words have different labels")
    for part in "validation", "test":
        examples = parts.get(part, [])
        if twins := sum(hash(each.ids.tobytes()) in groups for each in examples):
            warnings.append(f"{twins:,} of {len(examples):,} {part} texts are in train too")
    return lines, warnings


def make(target, name, sources, rule, made_from="prepare_texts.write", test_size=0.2, seed=1):
    """Reads texts, writes the data file `target` and prints the report.

    Args: `name`, of the texts; `sources`, a list; `rule`, a key of words.RULES; `made_from`, what
    an existing data file must be made from.
    """
    check_target(target, made_from)
    encoder, parts, origins, report = words.Encoder(rule), {}, {}, []
    for source in sources:
        added, lines = collect(encoder, source)
        report += lines
        for part in added:
            origins.setdefault(part, []).append(source)
            if origins[part][0].part != source.part:
                raise DataError(f"{name}: there are texts for {part} already: leave --{part} out")
            parts[part] = parts.get(part, []) + added[part]
    numbers, classes, lines = number_classes(each.label for part in parts.values() for each in part)
    groups = group(parts["train"])
    equal, warnings = compare(parts, groups, numbers)
    report += lines + equal
    how, generator = "test as given", random.Random(seed)
    if warnings and "test texts" in warnings[-1]:
        how += f", {warnings[-1]}"
    # Shuffled, since the scripts cut validation off the front of train. Equal texts stay together,
    # so that this cut, too, separates few of them.
    train, validation = list(groups.values()), parts.get("validation", [])
    generator.shuffle(train)
    generator.shuffle(validation)
    if "test" not in parts:
        train, parts["test"] = split(train, numbers, test_size)
        how = f"{test_size:.0%} of it for test, seed {seed}"
    (x_train, y_train), (x_test, y_test) = (
        ([each.ids for each in examples], [numbers[each.label] for each in examples])
        for examples in ([*validation, *itertools.chain(*train)], parts["test"])
    )
    check_classes(name, classes, y_train[len(validation) :], y_test, "test" in origins)
    rows = [each.place for each in parts["test"]]
    report += advise(y_train, classes, len(validation))
    constants = advice.constants(*sizes_of(y_train, classes, len(validation)))
    del parts, groups, train, validation  # twice as much memory otherwise
    count = sum(map(len, x_test))
    vocabulary = encoder.finish(x_train, x_test)
    unknown = 1 - (sum(map(len, x_test)) - len(x_test)) / count
    without = sum(len(ids) == 1 for ids in x_test)
    line = f"{unknown:.1%} of the words of test are unknown, since train lacks them; "
    line += f"{without:,} of {len(x_test):,} test texts have no other words"
    if unknown > UNKNOWN[0] or without > UNKNOWN[1] * len(x_test):
        warnings.append(line)
        line += ". Names or codes: add --words characters; otherwise more texts"
    report += [*warnings, line]
    source = f"own texts, {name}, {how}"
    data = data_file.pack(x_train, y_train, x_test, y_test, vocabulary, classes, source, rule)
    about = data_file.about_of(data) | {"made_from": made_from, "columns": sources[0].columns}
    about |= {"warnings": warnings}
    [first, *more] = origins.get("test", origins["train"])
    if not more and first.unit != "file":
        about |= {"rows": rows, "file": first.columns and first.name}
    about = {name: value for name, value in about.items() if value}
    data_file.write(target, data | {"about": np.array(json.dumps(about))})

    data_file.print_counts(target, data)
    print(f"{len(classes)} classes; number of texts in train and in test:")
    counts = [np.bincount(labels, minlength=len(classes)) for labels in (y_train, y_test)]
    for name, train, test in zip(classes, *counts):
        print(f"  {printable(name):20} {train:9,} {test:9,}")
    print(*map(printable, report), sep="\n")
    two = len(classes) == 2
    print(f"Now set DATA_FILE in {'any training script' if two else 'reuters_rnn.py'}, or type:")
    value = target if re.fullmatch(r"[\w./~-]+", target) else repr(target)
    command = ["python", "compare.py", "imdb_lstm" if two else "reuters_rnn", f"DATA_FILE={value}"]
    print(shlex.join([*command, *(f"{name}={value}" for name, value in constants.items())]))


def check_classes(name, classes, y_train, y_test, given):
    """Raises DataError unless there are two classes, each in train and, if not given, in test."""
    counts = np.bincount(y_train, minlength=len(classes))
    needed = "a text in train"
    if not given:
        needed = "two texts of different words"
        counts *= np.bincount(y_test, minlength=len(classes)) > 0
    if len(classes) < 2 or counts.min() < 1:
        rarest = classes[counts.argmin()]
        reason = f"two classes or more are needed, each with {needed}, unlike {rarest!r}"
        raise DataError(f"{name}: {reason}. Choose with --label, {WRITE}")


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


def advise(y_train, classes, validation):
    """Returns lines on the constants that suit train, whose first texts are for validation."""
    counts, batch, size, uneven, given = sizes_of(y_train, classes, validation)
    lines = []
    if validation:
        lines.append(f"VALIDATION_SIZE = {size} takes your {validation:,} texts for validation")
    if uneven:
        largest = f"{classes[counts.argmax()]!r} is {counts.max() / len(y_train):.0%} of train"
        lines.append(f"imbalanced classes: {largest}. Look at the recall of each class (report.py)")
    return lines + advice.on_constants(counts, classes, batch, size, uneven, given)


def sizes_of(y_train, classes, validation):
    """Returns the arguments of advice.constants."""
    counts, total = np.bincount(y_train), len(y_train)
    batch = 128 if len(classes) == 2 else 32  # by default, of the IMDB scripts and reuters_rnn.py
    size = validation / total or data_file.VALIDATION_SIZE
    uneven = counts.max() >= 4 * counts.min() and counts.max() > total / 2
    return counts, batch, size, uneven, validation > 0


def main(arguments=None):
    usage = "%(prog)s PATH [PATH ...] [OUTPUT.npz] [options]"
    parser = cli.parser(__doc__, usage=usage)
    add = parser.add_argument
    add("paths", nargs="+", metavar="PATH", help="a table, or a folder with a sub-folder per class")
    test = parser.add_mutually_exclusive_group()
    own = {"action": "append", "default": [], "metavar": "PATH"}
    test.add_argument("--test", **own, help="a table or folder like PATH, to test on")
    test.add_argument("--test-size", type=float, default=0.2, help="of each class (default: 0.2)")
    add("--validation", **own, help="a table or folder like PATH, for validation")
    add("--seed", type=int, default=1, help="seed of split and shuffling (default: 1)")
    add("--text", metavar="NAME", help="text column, or several to join: title,body")
    add("--label", metavar="NAME", help="column of labels")
    add("--words", choices=RULES, default=RULES[0], help="what a word is (default: a word)")
    add("--no-header", dest="header", action="store_false", help="line 1 is data, not names")
    add("--encoding", metavar="NAME", help="of the files (default: UTF-8 or UTF-16, detected)")
    add("--quotes", choices=tables.QUOTES, help="what quotation marks mean (default: detected)")
    options = cli.parse(parser, arguments)  # PATH and OUTPUT may follow an option
    if not 0 < options.test_size < 1:
        parser.error("--test-size must be between 0 and 1")
    *paths, last = options.paths
    output = last if paths and last.endswith(".npz") else None
    paths = paths if output else options.paths
    real = list(map(os.path.abspath, paths))
    name = os.path.basename(real[0])
    stem = name if os.path.isdir(real[0]) else re.sub(r"(?<=.)(\.\w+)?(\.(gz|bz2|zip))?$", "", name)
    given = [("train", paths), ("test", options.test), ("validation", options.validation)]
    sources = [read(part, path, options) for part, group in given for path in group]
    names = [os.path.basename(os.path.abspath(source.name)) for source in sources]
    name = " and ".join(names if len(names) < 4 else [names[0], f"{len(names) - 1} more"])
    digest = hashlib.sha256(os.fsencode("\0".join(real))).hexdigest()[:16]
    target = output or f"data/{stem}.npz"
    make(target, name, sources, options.words, digest, options.test_size, options.seed)


if __name__ == "__main__":
    cli.start(main, unchanged="no data file was changed")
