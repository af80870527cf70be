# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["tensorflow>=2.20,<2.22", "numpy>=2.0,<3"]
# ///
"""Classification of texts with a trained run.

    python predict.py imdb_lstm "A film I will never forget."    newest finished run of a script
    python predict.py imdb_lstm < texts.txt                      one text per line
    python predict.py imdb_lstm --table reviews.csv --text review --output answers.csv
    python predict.py imdb_lstm --words "A film ..."             probability after each word

Prints the most probable class of each text; with more than two classes, the three most probable.
Words that are not in the run's vocabulary are left out, as they are from test texts in a data file.
A text without any other word has no class.

--table reads the tables that prepare_texts.py reads, and writes all rows in order as CSV in UTF-8
(OUTPUT.tsv: with tabs), with two more columns, class and probability (predicted_class and
predicted_probability if one of these exists), which are empty for a text without a class.
"""

import codecs
import csv
import itertools
import json
import os
import re
import shlex
import sys

from corpus import DataError, cli, data_file, printable, tables
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


def standard_input(program):
    """Yields the lines of standard input without their ends; refuses a table."""
    if os.isatty(0):
        print("Type one text per line; end with Ctrl-D (Windows: Ctrl-Z, Enter).", file=sys.stderr)
    for number, line in enumerate(sys.stdin.buffer, 1):
        text = line.decode("utf-8-sig", "replace").rstrip("\r\n")
        named = any(tables.is_usual(cell, NAMES) for cell in re.split(r"[\t|;,]", text))
        if number == 1 and (named or tables.JSON.match(text)):
            raise DataError(f"line 1 is that of a table or JSON: {program} --table FILE")
        if "\ufffd" in text:  # what "replace" puts in
            print(f"Line {number} is not UTF-8, or contains U+FFFD.", file=sys.stderr)
        yield text


def main(arguments=None):
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("run", metavar="RUN", help="a script's name or a run's folder")
    add("texts", nargs="*", metavar="TEXT", help="none or -: standard input")
    add("--words", action="store_true", help="the probability after each word")
    add("--json", action="store_true", help="one JSON object per text")
    add = parser.add_argument_group("with --table, as in prepare_texts.py").add_argument
    add("--table", metavar="FILE", help="classify the texts of a table")
    add("--text", metavar="NAME", help="text column, or several to join: title,body")
    add("--output", metavar="OUTPUT", help="a .csv or .tsv file; default: standard output")
    add("--no-header", dest="header", action="store_false", help="line 1 is data, not column names")
    add("--encoding", metavar="NAME", help="of the table (default: UTF-8 or UTF-16, detected)")
    add("--quotes", choices=tables.QUOTES, help="meaning of quotation marks (default: detected)")
    options = cli.parse(parser, arguments)
    if options.table and (options.texts or options.words or options.json):
        parser.error("--table cannot be combined with TEXT, --words or --json")
    if options.table:
        return answer_table(options)
    if options.text or options.output or options.encoding or options.quotes or not options.header:
        parser.error("--text, --output, --no-header, --encoding and --quotes need --table")
    program = f"python predict.py {shlex.quote(options.run)}"
    for name in map(shlex.quote, filter(os.path.isfile, options.texts)):
        raise DataError(f"{name} is a file: {program} < {name}, or {program} --table {name}")
    classifier = Classifier(options.run)
    texts = standard_input(program) if options.texts in ([], ["-"]) else iter(options.texts)
    while chunk := list(itertools.islice(texts, 1 if os.isatty(0) else AT_ONCE)):
        for each in answer(classifier, chunk, options.words):
            print(json.dumps(each)) if options.json else print_answer(each)


def answer_table(options):
    """Writes the rows of a table as CSV, with the class of each text and its probability."""
    path, output = options.table, options.output or ""
    if output and not output.endswith((".csv", ".tsv")):
        raise DataError(f"--output must end in .csv or .tsv, not {output}")
    if os.path.exists(output) and os.path.samefile(path, output):
        raise DataError(f"{output} is the table itself: name another --output")
    table = tables.read(path, options.encoding, options.quotes, options.header)
    text_at = tables.find(table, options.text, tables.TEXT_NAMES, "--text")
    names = ["class", "probability"]
    while set(names) & set(map(str.lower, table.columns)):
        names = [f"predicted_{name}" for name in names]
    for note in [*table.notes, f"new columns: {', '.join(names)}"]:
        print(printable(note), file=sys.stderr)
    classifier = Classifier(options.run)  # last, because it takes seconds
    rows, without = iter(table), 0
    with data_file.replacing(output) if output else open(1, "wb", closefd=False) as file:
        delimiter = "\t" if output.endswith(".tsv") else ","
        writer = csv.writer(codecs.getwriter("utf-8")(file, "replace"), delimiter=delimiter)
        writer.writerow([*table.columns, *names])
        while chunk := [cells for _, cells in itertools.islice(rows, AT_ONCE)]:
            texts = [" ".join(cells[at] for at in text_at) for cells in chunk]
            for cells, each in zip(chunk, answer(classifier, texts), strict=True):
                writer.writerow([*cells, each["class"], each["probability"]])
                without += each["class"] is None
    print(f"{table.rows:,} rows{table.account()}, {without:,} without a class", file=sys.stderr)


if __name__ == "__main__":
    cli.start(main)
