"""Tables for predict.py: the answers to a table's texts as two more columns."""

import codecs
import contextlib
import csv
import itertools
import os
import re
import shlex
import sys

from corpus import DataError, data_file, tables

ROWS_AT_ONCE = 5_000  # rows that are in memory together
SHOW_EVERY = 100_000  # rows between two lines of progress
NAMES = tables.TEXT_NAMES | tables.LABEL_NAMES
ENDINGS = "csv|tsv|txt|json|jsonl|ndjson|parquet|xlsx?|ft|gz|bz2|zip"


def open_table(options):
    """Returns the Table that predict.py's options name, and the places of its columns of texts."""
    path, output = options.table, options.output
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder, not a table")
    if not os.path.exists(path):
        raise DataError(f"there is no file {path}")
    if not os.path.isfile(path):
        raise DataError(f"{path} is a pipe or device, but a table is read twice: save it as a file")
    if output and os.path.exists(output):
        if os.path.samefile(path, output):
            raise DataError(f"{output} is the table itself: name another --output")
        if not os.path.isfile(output):  # a device would be replaced
            raise DataError(f"{output} is not a regular file: name another --output")
    with contextlib.suppress(AttributeError, OSError, ValueError):  # not a file, in a notebook
        if not output and os.path.samestat(os.stat(path), os.fstat(sys.stdout.fileno())):
            raise DataError(f"standard output is {path} itself: name another file, with --output")
    try:
        "".encode(options.encoding or "utf-8")
    except (LookupError, UnicodeError):
        raise DataError(f"unknown encoding {options.encoding!r}") from None
    table = tables.read(path, options.encoding, options.quotes, options.header)
    text_at = tables.find(table, options.text, tables.TEXT_NAMES, "--text")
    return table, text_at


def write(table, text_at, answer, output):
    """Writes a table as CSV with the class of each text and its probability in two more columns.

    Args: `text_at`, the places of the columns of texts, which are joined by spaces; `answer`, a
    function from a list of texts to predict.py's dicts; `output`, a path, None: standard output.
    """
    names = ["class", "probability"]
    while set(names) & {name.strip().lower() for name in table.columns}:
        names = [f"predicted_{name}" for name in names]
    if names[0] != "class":
        print(f"the new columns are {' and '.join(names)}", file=sys.stderr)
    for note in table.notes:
        print(note, file=sys.stderr)
    count = without = 0
    with data_file.replacing(output) if output else standard_output() as file:
        write_row = writer(file, "\t" if str(output).lower().endswith(".tsv") else ",")
        write_row([*table.columns, *names])
        rows = iter(table)
        while chunk := [cells for _, cells in itertools.islice(rows, ROWS_AT_ONCE)]:
            texts = [" ".join(cells[at] for at in text_at) for cells in chunk]
            for cells, found in zip(chunk, answer(texts), strict=True):
                known = found["class"] is not None
                write_row([*cells, found["class"], f"{found['probability']:.7g}"]
                          if known else [*cells, "", ""])  # fmt: skip
                count, without = count + 1, without + (not known)
            if count % SHOW_EVERY == 0:
                print(f"{count:,} rows", file=sys.stderr, flush=True)
    empty = f", {without:,} of them without words, so without a class" if without else ""
    print(f"{table.path}: {count:,} rows{table.account()}{empty}", file=sys.stderr)


@contextlib.contextmanager
def standard_output():
    """Yields what takes the bytes of standard output, or in a notebook its text."""
    sys.stdout.flush()
    yield getattr(sys.stdout, "buffer", sys.stdout)
    sys.stdout.flush()


def writer(file, delimiter):
    """Returns a function that writes a row of cells as CSV in UTF-8."""
    if file is not sys.stdout:
        file = codecs.getwriter("utf-8")(file, "replace")
    plain = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    quoted = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def write_row(cells):  # `plain` leaves a carriage return without quotation marks
        (quoted if any("\r" in cell for cell in cells) else plain).writerow(cells)

    return write_row


# --- What is a table, and not a text ---


def check_texts(texts, run):
    """Raises DataError with the command to type where one of the texts is the name of a file.

    Args: `run`, as on predict.py's command line.
    """
    for text in texts:
        command = f"python predict.py {shlex.quote(run)}"
        if os.path.isfile(text):
            name = shlex.quote(text)
            how = f"--table {name}" if is_table_file(text) else f"< {name}"
            raise DataError(
                f"{text!r} is a file. Type: {command} {how}. If it is a text: --as-text"
            )
        if re.fullmatch(rf"\S+\.({ENDINGS})", text, re.IGNORECASE):
            raise DataError(
                f"there is no file {text!r}. If it is a text: --as-text. "
                f"Of a file with a table: {command} --table FILE"
            )


def check_lines(lines, run):
    """Raises DataError with the command to type where lines of standard input are a table."""
    text = "\n".join(lines)
    if "\0" in text or text.count("\ufffd") > len(text) / 10:
        what = "binary, or not in UTF-8"
    elif is_table(lines):
        what = "a table or JSON, not one text a line"
    else:
        return
    raise DataError(
        f"standard input seems to be {what}. Type: python predict.py {shlex.quote(run)} "
        "--table FILE. If it is one text a line: --as-text"
    )


def is_table_file(path):
    """Tells whether a file holds a table or JSON rather than one text a line."""
    try:
        with tables.opened(path) as file:
            head = file.read(tables.HEAD)
    except DataError:  # a damaged archive, say: its reader has the words
        return True
    encoding = tables.encoding_of(head)
    if tables.kind_of(head) != "text" or encoding not in ("utf-8", "utf-8-sig"):
        return True
    whole = head[: head.rfind(b"\n") + 1] if len(head) == tables.HEAD else head
    return is_table(whole.decode(encoding, "replace").split("\n"))


def is_table(lines):
    """Tells whether lines are those of a table or JSON rather than one text a line.

    A table's first line has a usual name, of texts or labels, among names that most lines have
    cells for; or, without such a name, all of five lines have the same number of cells.
    """
    lines = [line for line in lines if line.strip()][: tables.SAMPLE]
    if re.match(r'\s*(\[\s*["\[{\]]|\{\s*["}]|__label__\S)', "\n".join(lines[:3])):
        return True
    if len(lines) < 2:
        return False
    separator = tables.find_separator(lines)
    try:
        names, *rows = csv.reader(lines, delimiter=separator)
    except csv.Error:
        return False
    more = [len(row) - len(names) for row in rows]
    if len(names) == 1:
        named = names[0] in tables.TEXT_NAMES
    else:
        named = any(tables.is_usual(name, NAMES) for name in names)
    if named and 2 * sum(each in (0, 1) for each in more) > len(more):  # 1: R's row names
        return True
    return len(names) > 1 and not any(more) and len(rows) >= (1 if separator == "\t" else 4)
