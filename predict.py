# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["tensorflow>=2.20,<2.22", "numpy>=2.0,<3"]
# ///
"""Classification of texts with a trained run.

    python predict.py imdb_lstm "A film I will never forget."    newest finished run of a script
    python predict.py imdb_lstm < texts.txt                      one text per line
    python predict.py imdb_lstm --table reviews.csv --text review --output answers.csv
    python predict.py imdb_lstm --words "A film ..."             probability after each word
    python predict.py imdb_lstm --html page.html "A film ..."    the same as a page, words shaded

Prints the most probable class of each text; with more than two classes, the three most probable.
Words that are not in the run's vocabulary are left out, as they are from test texts in a data file.
A text of which the model knows no word has no class. Lines of a pipe are answered as they come.

--table reads the tables that prepare_texts.py reads, and writes all rows in order as CSV in UTF-8
(OUTPUT.tsv: with tabs), with two more columns, class and probability (predicted_class and
predicted_probability if one of these exists), which are empty for a text without a class. The
texts are in the columns that the run was trained on, or in the one with a usual name. A column of
labels, named with --label or as usual, gives the accuracy and the figures of each class on standard
error; a text without a class counts as an error.
"""

import codecs
import collections
import csv
import hashlib
import html
import itertools
import json
import os
import re
import select
import shlex
import sys

from corpus import DataError, cli, data_file, pages, printable, runs, tables
from corpus.classifier import Classifier, answer

AT_ONCE = 5_000  # texts that are in memory together
NAMES = tables.TEXT_NAMES | tables.LABEL_NAMES


def print_answer(each):
    best = sorted(each["probabilities"].items(), key=lambda item: -item[1])
    best = "  ".join(f"{name:8} {p:6.1%}" for name, p in best[: 1 if len(best) == 2 else 3])
    text = " ".join(each["text"].split())[:60]
    print(printable(f"{best}  {text}" if best else f"-  {text}  (no known words)"))
    for word, p in each.get("after_each_word", []):
        print(printable(f"  {each['class']:8} {p:6.1%}  {word}"))


def shade(classifier, each):
    """Returns an answer as HTML, each word shaded by the two most probable classes after it."""
    if each["class"] is None:
        return f"<h3>No known words</h3>\n<p>{html.escape(each['text'])}</p>\n"
    probabilities = list(each["probabilities"].values())
    *_, other, best = sorted(range(len(probabilities)), key=probabilities.__getitem__)
    names = (f"{classifier.classes[label]} {probabilities[label]:.1%}" for label in (best, other))
    shaded = pages.shaded(classifier, each["text"], best, other)
    return f"<h3>{html.escape(', '.join(names))}</h3>\n<p>{shaded}</p>\n"


def standard_input(program):
    """Yields lists of the lines of standard input, without their ends: those that are there now.

    Raises DataError where the first line is that of a table.
    """
    if os.isatty(0):
        print("Type one text per line; end with Ctrl-D (Windows: Ctrl-Z, Enter).", file=sys.stderr)
    number, rest, block = 0, b"", b"\n"
    while block:
        block = sys.stdin.buffer.read1(1 << 16)  # waits for the first of these bytes only
        rest += block
        if block and rest.count(b"\n") < AT_ONCE and has_more(sys.stdin):
            continue
        *lines, rest = rest.split(b"\n")
        lines += [rest] if rest and not block else []
        texts = [line.decode("utf-8-sig", "replace").rstrip("\r") for line in lines]
        for number, text in enumerate(texts, number + 1):
            named = any(tables.is_usual(cell, NAMES) for cell in re.split(r"[\t|;,]", text))
            if number == 1 and (named or tables.JSON.match(text)):
                raise DataError(f"line 1 is that of a table or JSON: {program} --table FILE")
            if "\ufffd" in text:  # what "replace" puts in
                print(f"Line {number} is not UTF-8, or contains U+FFFD.", file=sys.stderr)
        yield texts


def has_more(file):
    """Tells whether reading from a file would not wait; False on Windows, which cannot tell."""
    try:
        return bool(select.select([file], [], [], 0)[0])
    except OSError:
        return False


def main(arguments=None):
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("run", metavar="RUN", help="a script's name or a run's folder")
    add("texts", nargs="*", metavar="TEXT", help="none or -: standard input")
    add("--words", action="store_true", help="the probability after each word")
    add("--json", action="store_true", help="one JSON object per text")
    add("--html", metavar="FILE", help="write a page (.html) of the texts, each word shaded")
    add = parser.add_argument_group("with --table, as in prepare_texts.py").add_argument
    add("--table", metavar="FILE", help="classify the texts of a table")
    add("--text", metavar="NAME", help="text column, or several to join: title,body")
    add("--label", metavar="NAME", help="column of true labels, for the accuracy")
    add("--all", action="store_true", help="a column with the probability of each class")
    add("--output", metavar="OUTPUT", help="a .csv or .tsv file; default: standard output")
    add("--no-header", dest="header", action="store_false", help="line 1 is data, not column names")
    add("--encoding", metavar="NAME", help="of the table (default: UTF-8 or UTF-16, detected)")
    add("--quotes", choices=tables.QUOTES, help="meaning of quotation marks (default: detected)")
    options = cli.parse(parser, arguments)
    if options.table and (options.texts or options.words or options.json or options.html):
        parser.error("--table cannot be combined with TEXT, --words, --json or --html")
    if options.table:
        return answer_table(options)
    of_tables = "text", "label", "all", "output", "encoding", "quotes"
    if not options.header or any(vars(options)[name] for name in of_tables):
        parser.error(f"--no-header, --{', --'.join(of_tables)} need --table")
    if options.html and not options.html.endswith(".html"):
        parser.error("--html takes the name of a page, which ends in .html, before the texts")
    program = f"python predict.py {shlex.quote(options.run)}"
    for name in map(shlex.quote, filter(os.path.isfile, options.texts)):
        raise DataError(f"{name} is a file: {program} < {name}, or {program} --table {name}")
    classifier, sections = Classifier(options.run), []
    given = options.texts not in ([], ["-"])
    for texts in [options.texts] if given else standard_input(program):
        for each in answer(classifier, texts, options.words):
            print(json.dumps(each)) if options.json else print_answer(each)
            sections += [shade(classifier, each)] if options.html else []
        sys.stdout.flush()  # a pipe's reader may wait for this answer
    if options.html:
        about = f"{classifier.folder}: trained on {classifier.result['source']}"
        legend = pages.LEGEND.format("second most probable class")
        pages.write(options.html, "".join([f"<p>{html.escape(about)}</p>\n", legend, *sections]))


def choose(table, options, trained):
    """Returns the places of the columns of texts, a list, and of labels, None without one.

    Columns that are not given are those of the run's data, `trained`, or those with a usual name.
    """
    names, label = trained.get("text", []), trained.get("label")
    texts = [table.columns.index(name) for name in names if table.columns.count(name) == 1]
    if options.text or len(texts) < max(1, len(names)):
        given = options.text
        if not given and len(names) > 1:  # the one with a usual name alone would be another text
            given = ",".join(names)
            print(f"the run was trained on the columns {printable(given)}", file=sys.stderr)
        texts = tables.find(table, given, tables.TEXT_NAMES, "--text")
    places = [at for at in range(len(table.columns)) if at not in texts]
    labels = [at for at in places if table.columns[at] == label]
    labels = labels or [
        at for at in places if tables.is_usual(table.columns[at], tables.LABEL_NAMES)
    ]
    if options.label:
        labels = tables.find(table, options.label, tables.LABEL_NAMES, "--label")
        if len(labels) > 1:
            raise DataError(f"--label {options.label}: name one column")
    labels = labels if len(labels) == 1 else []
    for option, places in ("--text", texts), ("--label", labels):
        notes = [f"{option}: column {at + 1}, {table.columns[at][:40]!r}" for at in places]
        table.notes += [note for note in notes if note not in table.notes]
    return texts, next(iter(labels), None)


def answer_table(options):
    """Writes the rows of a table as CSV, with the class of each text and its probability."""
    path, output = options.table, options.output or ""
    if output and not output.endswith((".csv", ".tsv")):
        raise DataError(f"--output must end in .csv or .tsv, not {output}")
    if os.path.exists(output) and os.path.samefile(path, output):
        raise DataError(f"{output} is the table itself: name another --output")
    table = tables.read(path, options.encoding, options.quotes, options.header)
    run = runs.find(options.run)
    text_at, label_at = choose(table, options, run["about"].get("columns", {}))
    classes = list(map(str, run["classes"])) if options.all else []
    names = ["class", "probability", *(f"probability_{name}" for name in classes)]
    while set(map(str.lower, names)) & set(map(str.lower, table.columns)):
        names = [f"predicted_{name}" for name in names]
    added = f"new columns: {names[0]}, {names[1]}" + (f", {names[2]} ..." if classes else "")
    for note in [*table.notes, added]:
        print(printable(note), file=sys.stderr)
    classifier = Classifier(run)  # last, because it takes seconds
    rows, pairs = iter(table), collections.Counter()  # of true label and class
    with data_file.replacing(output) if output else open(1, "wb", closefd=False) as file:
        delimiter = "\t" if output.endswith(".tsv") else ","
        writer = csv.writer(codecs.getwriter("utf-8")(file, "replace"), delimiter=delimiter)
        writer.writerow([*table.columns, *names])
        while chunk := [cells for _, cells in itertools.islice(rows, AT_ONCE)]:
            texts = [" ".join(cells[at] for at in text_at) for cells in chunk]
            for cells, each in zip(chunk, answer(classifier, texts), strict=True):
                row = [*cells, each["class"], each["probability"]]
                writer.writerow(row + [each["probabilities"].get(name) for name in classes])
                pairs["" if label_at is None else cells[label_at], each["class"]] += 1
    without = sum(count for (_, name), count in pairs.items() if name is None)
    print(f"{table.rows:,} rows{table.account()}, {without:,} without a class", file=sys.stderr)
    if label_at is not None:
        print_figures(pairs, classifier.classes)
        digest = hashlib.sha256(os.fsencode(os.path.abspath(path))).hexdigest()[:16]
        if run["about"].get("made_from") == digest:  # see prepare_texts.py
            print("warning: the run was trained on rows of this table, too", file=sys.stderr)


def print_figures(pairs, classes):
    """Prints the accuracy, and precision, recall and F1 of each class, to standard error.

    Args: `pairs`, {(label in the table, class or None): number of rows}, a Counter. Labels are
    compared as in prepare_texts.py: in any case, and 1.0 is 1.
    """
    names = {spelling(name): name for name in classes}
    true, predicted, right, other = (collections.Counter() for _ in range(4))
    for (label, name), count in pairs.items():
        label, given = names.get(spelling(label)), label
        if label is None:
            other[given] += count
            continue
        true[label] += count
        predicted[name] += count
        right[label] += count * (label == name)
    lines = []
    if other:
        first = f"the first: {next(iter(other))[:40]!r}; classes: {', '.join(classes[:5])}"
        lines.append(f"{other.total():,} rows have no class of the run as label, {first}")
    if true:
        share = right.total() / true.total()
        lines.append(f"accuracy {share:.2%} of {true.total():,} rows whose label is a class")
        lines.append(f"{'class':20} {'precision':>9} {'recall':>9} {'F1':>9} {'rows':>9}")
    for name in classes:
        if true[name] or predicted[name]:
            shares = [right[name] / max(1, count) for count in (predicted[name], true[name])]
            shares.append(2 * right[name] / (predicted[name] + true[name]))
            shares = " ".join(f"{share:9.3f}" for share in shares)
            lines.append(f"{name:20} {shares} {true[name]:9,}")
    print(*map(printable, lines), sep="\n", file=sys.stderr)


def spelling(label):
    return re.sub(r"(?<=\d)\.0+$", "", " ".join(label.split())).lower()


if __name__ == "__main__":
    cli.start(main)
