"""Tables of texts, read row by row; cells are strings, spelt as in the file.

Formats: delimited text, JSON (an object per line, or an array of them), parquet, Excel; also as
.gz. Excel and a JSON array are loaded into memory.
"""

import contextlib
import csv
import gzip
import io
import itertools
import json
import os
import re

from corpus import WRITE, DataError

QUOTES = "double", "none"  # quotation marks are as in CSV, or text
JSON = re.compile(r"""\s*(\{\s*(["'}]|$)|\[\s*([\[{\]]|$))""")
NUMBERS = dict.fromkeys(["parse_int", "parse_float", "parse_constant"], str)  # spelt as in JSON
ROW = 'A row must be {"text": "...", "label": "..."}, on a line or in an array'

TEXT_NAMES = set(
    "text texts review reviews reviewtext sentence message content headline body tweet phrase "
    "comment commenttext document description post question article email sms".split()
)
LABEL_NAMES = set("label labels class category sentiment target topic rating stars intent".split())


class Table:
    """A table; iterate over it once for (number, cells) of each row.

    Args: `source`, the same, with the names first if `header`, and no cells for an empty line;
    `unit`, of the numbers: "row", or "line" on which a row ends; `missing`, why a label is empty.
    """

    def __init__(self, path, source, header=True, unit="line", notes=(), missing=None):
        number, cells = next((row for row in source if row[1]), (0, []))
        if not cells:
            raise refusal(path, "is empty")
        self.columns = [cell.strip() if header else str(at) for at, cell in enumerate(cells, 1)]
        if not header:
            source = itertools.chain([(number, cells)], source)
        self.path, self.source, self.unit, self.notes = path, source, unit, list(notes)
        self.header, self.missing, self.rows, self.last = header, missing, 0, 0

    def __iter__(self):
        for self.last, cells in self.source:
            if cells:
                self.rows += 1
                yield self.last, cells

    def account(self):
        """Returns what follows "N rows" in a report, after the iteration."""
        return f" in {self.last:,} lines" if self.unit == "line" else ""


def read(path, encoding=None, quotes=None, header=True):
    """Returns the Table of a file; raises DataError.

    Args: `encoding`, None: UTF-8 (a byte order mark overrules both); `quotes`, one of QUOTES, None:
    the first that fits; `header`, whether the first row of delimited text or Excel has the names.
    """
    if not os.path.isfile(path):
        raise refusal(path, "is not a file on disk")
    if path.lower().endswith((".zip", ".bz2", ".xz")):
        raise refusal(path, "must be unpacked")
    with opened(path) as file:
        start = file.read(4)
    if start == b"PAR1":
        return Table(path, parquet(path), unit="row")
    if start == b"PK\3\4":
        missing = "without a label (empty, merged with another cell, or a formula never computed)"
        return Table(path, excel(path, header), header, "row", missing=missing)
    first = next(filter(str.strip, lines(path, encoding)), "")
    if JSON.match(first):
        return Table(path, json_rows(path, encoding, first.lstrip().startswith("[")), unit="row")
    return delimited_table(path, encoding, header, first, [quotes] if quotes else QUOTES)


def refusal(where, reason):
    return DataError(f"{where} {reason}. Correct it, {WRITE}")


@contextlib.contextmanager
def opened(path):
    """Opens a file for bytes, decompressed. What libraries raise inside becomes a DataError."""
    try:
        with (gzip.open if path.lower().endswith(".gz") else open)(path, "rb") as file:
            yield file
    except ImportError as error:
        raise DataError(f"{error}: python -m pip install -r requirements-tools.txt") from None
    except (DataError, MemoryError):
        raise
    except Exception as error:  # which one depends on where a file is damaged
        raise refusal(path, f"cannot be read, {str(error)[:80]!r}") from None


def lines(path, encoding):
    r"""Yields the lines of a text file with their ends, \n or \r\n."""
    with opened(path) as file:
        marked = file.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff")
        number, encoding = 0, "utf-16" if marked else encoding or "utf-8"
        try:
            for number, line in enumerate(io.TextIOWrapper(file, encoding, newline="\n"), 1):
                if "\0" in line:
                    raise refusal(f"{path}, line {number}", "may be UTF-16: --encoding utf-16-le")
                yield line.removeprefix("\ufeff")  # a byte order mark
        except UnicodeDecodeError as error:
            number += 1 + error.object[: error.start].count(b"\n")
            reason = f"is not {encoding}: add --encoding, such as cp1252"
            with opened(path) as file:
                rest = (line.decode(errors="replace") for line in file if not line.isascii())
                if not all("\ufffd" in line for line in rest):
                    reason = f"is not {encoding}, but other lines are in UTF-8: mixed encodings"
            raise refusal(f"{path}, line {number},", reason) from None


def delimited_table(path, encoding, header, start, quotes):
    """Returns the Table of delimited text, read in the first way in which all rows fit.

    Ways in which no row spans lines come first: in others a stray mark could swallow rows.
    """
    separators = [mark for mark in sorted("\t|;,", key=start.count, reverse=True) if mark in start]
    furthest, notes = (), []
    for may_span, *way in itertools.product((False, True), separators or "\t", quotes):
        last, spanning = 0, 0
        try:
            for end, _ in delimited(path, encoding, *way):
                spanning += end > last + 1
                if spanning and not may_span:
                    raise csv.Error("a row spans lines")
                last = end
            break
        except csv.Error as error:
            furthest = max(furthest, (may_span, last + 1, str(error)))
    else:
        raise refusal(f"{path}, line {furthest[1]:,},", furthest[2].split(" - ")[0])
    if way[1] == "none":
        notes.append("quotation marks are not as in CSV, but text: --quotes none")
    if spanning:
        notes.append(f"{spanning:,} rows span several lines; if each line is a row: --quotes none")
    return Table(path, delimited(path, encoding, *way), header, notes=notes)


def delimited(path, encoding, separator, quotes):
    """Yields the rows of delimited text; raises csv.Error where one does not fit."""
    csv.field_size_limit(1 << 24)  # characters: a mark that is never closed takes in all the rest
    quoting = csv.QUOTE_NONE if quotes == "none" else csv.QUOTE_MINIMAL
    source = lines(path, encoding)
    reader, names = csv.reader(source, delimiter=separator, quoting=quoting, strict=True), []
    for cells in reader:
        names = names or cells
        if cells and len(cells) != len(names):
            row, first = (repr(separator.join(each)[:40]) for each in (cells, names))
            reason = 'cells (no double quotation marks, \\" for "", or row names of R?)'
            reason = f"{len(cells)} instead of {len(names)} {reason}"
            raise csv.Error(f"{reason}: {row}. The first row: {first}")
        yield reader.line_num, cells


def json_rows(path, encoding, array):
    names = dict.fromkeys(name for _, row in objects(path, encoding, array) for name in row)
    yield 0, list(map(as_text, names))
    for number, row in objects(path, encoding, array):
        yield number, [as_text(row.get(name)) for name in names] if row or array else []


def objects(path, encoding, array):
    """Yields (number, object) of each row of JSON, {} for an empty line."""
    rows, number = lines(path, encoding), 1
    try:
        if array:
            rows = json.loads("".join(rows), **NUMBERS)
        for number, row in enumerate(rows, 1):
            row = row if array else json.loads(row.strip() or "{}", **NUMBERS)
            if row != {} and all(isinstance(cell, dict | list) for cell in row.values()):
                raise ValueError("all values are lists or objects")
            yield number, row
    except (AttributeError, ValueError, RecursionError) as error:
        raise refusal(f"{path}, row {number:,}:", f"{ROW} ({error})") from None


def as_text(value):
    """Returns a value of JSON, parquet or Excel as a string; of a list of one, its element."""
    if isinstance(value, list) and len(value) < 2:
        value = value[0] if value else None
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, bool | list | dict):
        value = json.dumps(value, ensure_ascii=False, default=str)
    missing = value is None or value != value  # NaN is what pandas makes of #N/A in Excel
    return "" if missing else str(value).encode(errors="replace").decode()  # surrogates


def parquet(path):
    with opened(path) as file:
        from pyarrow.parquet import ParquetFile

        content, count = ParquetFile(file), itertools.count(1)
        yield 0, content.schema_arrow.names
        for batch in content.iter_batches(1000):
            for cells in zip(*(column.to_pylist() for column in batch.columns)):
                yield next(count), list(map(as_text, cells))


def excel(path, header):
    """Yields the rows of the only sheet with cells."""
    with opened(path) as file:
        import pandas

        options = {"sheet_name": None, "header": None, "dtype": object, "na_filter": False}
        sheets = pandas.read_excel(file, **options)
    names = [name for name in sheets if not sheets[name].empty]
    if len(names) != 1:
        raise refusal(path, f"must have cells in one sheet, not in {len(names)}: {names}")
    table = sheets[names[0]].itertuples(index=False, name=None)
    rows = ((number, list(map(as_text, cells))) for number, cells in enumerate(table, 1))
    rows = [(number, cells) for number, cells in rows if any(cells)]
    number = next(number for number, cells in rows if cells[-1])
    if header and number != rows[0][0]:
        raise refusal(f"{path}, row {number:,},", "has a cell in a column without a name")
    yield from rows


def is_usual(name, names):
    """Tells whether a name is one of the usual `names`, in any case and with any underscores."""
    return re.sub(r"[\W_]", "", name.lower()) in names


def find(table, given, names, option):
    """Returns the places, from 0, of the columns that a user gave, or of the one with a usual name.

    Args: `given`, names or numbers, separated by commas, or None; `option`, "--text", say.
    """
    columns = [name.lower() for name in table.columns]
    keys = {str(at): at - 1 for at in range(1, len(columns) + 1)}
    keys |= {name: at for at, name in enumerate(columns) if columns.count(name) == 1}
    usual = [name for name in columns if is_usual(name, names)]
    places = [keys.get(name.strip()) for name in (given.lower().split(",") if given else usual)]
    if None in places or not (given or len(places) == 1):
        listed = ", ".join(f"{at} {name[:40]!r}" for at, name in enumerate(table.columns[:20], 1))
        reason = f"has no column {option} {given!r}" if given else f"has no usual name for {option}"
        advice = f"Choose: {option} NAME or number; if line 1 is data: --no-header {option} 1"
        listed = f"Columns (tab, |, ; or comma): {listed}"
        raise refusal(table.path, f"{reason}, or several. {listed}. {advice}")
    table.notes += [f"{option}: column {at + 1}, {table.columns[at][:40]!r}" for at in places]
    return places


def choose(table, text, label):
    """Returns the places of the columns of texts, a list, and of labels; see `find`."""
    texts = find(table, text, TEXT_NAMES, "--text")
    labels = find(table, label, LABEL_NAMES, "--label")
    if len(labels) > 1 or labels[0] in texts:
        raise refusal(table.path, "needs one column for --label, which is not one of --text")
    return texts, labels[0]
