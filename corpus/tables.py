"""Tables of texts, read row by row; cells are strings, spelt as in the file.

Formats: delimited text, JSON (an object per line, or an array of them), fastText's lines, parquet,
Excel; also as .gz, .bz2 or .zip of one file. Excel and a JSON array are loaded into memory.
"""

import bz2
import collections
import contextlib
import csv
import gzip
import io
import itertools
import json
import os
import re
import zipfile

from corpus import WRITE, DataError

QUOTES = "double", "backslash", "none"  # quotation marks: see `delimited`
JSON = re.compile(r"""\s*(\{\s*(["'}]|$)|\[\s*([\[{\]]|$))""")
NUMBERS = dict.fromkeys(["parse_int", "parse_float", "parse_constant"], str)  # spelt as in JSON
ROW = 'A row must be {"text": "...", "label": "..."}, on a line or in an array'

TEXT_NAMES = set(
    "text texts review reviews reviewtext sentence sentences message messages content headline "
    "body tweet tweets phrase comment comments document description post question utterance "
    "article abstract news email sms commenttext questiontext tweettext".split()
)
LABEL_NAMES = set(
    "label labels class classes category categories sentiment sentiments target topic topics "
    "rating ratings stars polarity emotion intent genre classindex".split()
)


class Table:
    """A table; iterate over it once for (number, cells) of each row.

    Args: `source`, the same, with the names first if `header`, and no cells for an empty line;
    `unit`, what rows are numbered by: "row", or "line" for the line on which a row ends; `missing`,
    why a label may be empty.
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
    if re.match(r"__label__[^\s,;|]+[ \t]", first):
        return Table(path, fasttext(path, encoding))
    return delimited_table(path, encoding, header, first, [quotes] if quotes else QUOTES)


def refusal(where, reason):
    return DataError(f"{where} {reason}. Correct it, {WRITE}")


@contextlib.contextmanager
def opened(path):
    """Opens a file for bytes, decompressed. What libraries raise inside becomes a DataError."""
    ending = os.path.splitext(path)[1].lower()
    try:
        if ending == ".zip":
            archive = zipfile.ZipFile(path)
            names = [name for name in archive.namelist() if not re.search(r"/$|(^|/)(__|\.)", name)]
            if len(names) != 1:
                raise refusal(path, f"is a zip archive of {len(names):,} files, not of one")
            file = archive.open(names[0])
        else:
            file = {".gz": gzip.open, ".bz2": bz2.open}.get(ending, open)(path, "rb")
        with file:
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
            for line in io.TextIOWrapper(file, encoding, newline="\n"):
                number += 1
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
    ways = itertools.product((False, True)[: 1 + header], separators or "\t", quotes)
    furthest, notes = (), []
    for may_span, way in itertools.product((False, True), ways):
        last, spanning = 0, 0
        try:
            for end, _ in delimited(path, encoding, *way):
                spanning += end > last + 1
                if spanning and not may_span:
                    raise csv.Error("a row spans lines")
                last = end
            break
        except csv.Error as error:
            furthest = max(furthest, (may_span, not way[0], last + 1, str(error)))
    else:
        raise refusal(f"{path}, line {furthest[2]:,},", furthest[3].split(" - ")[0])
    row_names, _, marks = way
    if row_names:
        notes.append("the first column has no name: row names, as R writes them")
    if marks != "double":
        notes.append(f"quotation marks are not as in CSV: --quotes {marks}")
    if spanning:
        notes.append(f"{spanning:,} rows span several lines; if each line is a row: --quotes none")
    return Table(path, delimited(path, encoding, *way), header, notes=notes)


def delimited(path, encoding, row_names, separator, quotes):
    """Yields the rows of delimited text; raises csv.Error where one does not fit.

    Args: `row_names`, whether all rows but the first have a number in front, as R writes them;
    `quotes`, "double": as in CSV; "backslash": also with one before a mark; "none": marks are text.
    """
    csv.field_size_limit(1 << 24)  # characters: a mark that is never closed takes in all the rest
    source = lines(path, encoding)
    if quotes == "backslash":
        escaped = re.compile(r'\\(["\\])')
        source = (escaped.sub(lambda mark: mark[1].replace('"', '""'), line) for line in source)
    quoting = csv.QUOTE_NONE if quotes == "none" else csv.QUOTE_MINIMAL
    reader = csv.reader(source, delimiter=separator, quoting=quoting, strict=True)
    names = []
    for cells in reader:
        if cells and not names:
            names = cells = [""] * row_names + cells
        elif cells and (len(cells) != len(names) or (row_names and not cells[0].isdecimal())):
            shown = [repr(separator.join(row)[:40]) for row in (names, cells)]
            reason = f"{len(cells)} instead of {len(names)} cells (no double quotation marks?)"
            raise csv.Error(f"{reason}: {shown[1]}. The first row: {shown[0]}")
        yield reader.line_num, cells


def json_rows(path, encoding, array):
    names = dict.fromkeys(name for _, row in objects(path, encoding, array) for name in row)
    yield 0, list(map(as_text, names))
    for number, row in objects(path, encoding, array):
        yield number, [as_text(row.get(name)) for name in names] if row or array else []


def objects(path, encoding, array):
    """Yields (number, object) of each row of JSON, {} for an empty line."""
    source = ["".join(lines(path, encoding))] if array else lines(path, encoding)
    for number, text in enumerate(source, 1):
        try:
            rows = json.loads(text.strip() or "{}", **NUMBERS)
            for number, row in enumerate(rows if array else [rows], number):
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
    return "" if value is None else str(value).encode(errors="replace").decode()  # surrogates


def fasttext(path, encoding):
    yield 0, ["label", "text"]
    for number, line in enumerate(lines(path, encoding), 1):
        labels = ",".join(re.findall(r"__label__(\S+)", line))
        text = re.sub(r"__label__\S+", "", line).strip()
        yield number, [labels, text] if labels or text else []


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
        from openpyxl import load_workbook

        sheets = collections.defaultdict(list)
        for sheet in load_workbook(file, read_only=True, data_only=True).worksheets:
            sheet.reset_dimensions()  # those in the file may be wrong
            for number, values in enumerate(sheet.values, 1):
                if used := [at for at, value in enumerate(values, 1) if value not in (None, "")]:
                    cells = list(map(as_text, values[: used[-1]]))
                    sheets[sheet.title].append((number, cells))
    if len(sheets) != 1:
        raise refusal(path, f"must have cells in one sheet, not in {len(sheets)}: {list(sheets)}")
    [rows] = sheets.values()
    number, widest = max(rows, key=lambda row: len(row[1]))
    if header and len(rows[0][1]) < len(widest):
        raise refusal(f"{path}, row {number:,},", "has a cell in a column without a name")
    for number, cells in rows:
        yield number, cells + [""] * (len(widest) - len(cells))


def is_usual(name, names):
    """Tells whether a name is one of the usual `names`, in any case and with any underscores."""
    return re.sub(r"[\W_]", "", name.lower()) in names


def find(table, given, names, option):
    """Returns the places, from 0, of the columns that a user gave, or of the one with a usual name.

    Args: `given`, names or numbers, separated by commas, or None; `option`, "--text", say.
    """
    columns = [name.lower() for name in table.columns]
    counts = collections.Counter(columns)
    keys = {str(at): at - 1 for at in range(1, len(columns) + 1)}
    keys |= {name: at for at, name in enumerate(columns) if counts[name] == 1}
    usual = [name for name in columns if is_usual(name, names)]
    places = [keys.get(name.strip()) for name in (given.lower().split(",") if given else usual)]
    if None in places or not (given or len(places) == 1):
        listed = ", ".join(f"{at} {name[:40]!r}" for at, name in enumerate(table.columns[:20], 1))
        reason = f"has no column, or several, for {option} {given or 'a usual name'!r}"
        advice = f"Choose: {option} NAME or number; if line 1 is data: --no-header {option} 1"
        raise refusal(table.path, f"{reason}. Columns (tab, |, ; or comma): {listed}. {advice}")
    table.notes += [f"{option}: column {at + 1}, {table.columns[at][:40]!r}" for at in places]
    return places


def choose(table, text, label):
    """Returns the places of the columns of texts, a list, and of labels; see `find`."""
    texts = find(table, text, TEXT_NAMES, "--text")
    labels = find(table, label, LABEL_NAMES, "--label")
    if len(labels) > 1 or labels[0] in texts:
        raise refusal(table.path, "needs one column for --label, which is not one of --text")
    return texts, labels[0]
