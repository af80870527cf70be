"""Tables of texts, read row by row; cells are strings, spelt as in the file.

Formats: delimited text, JSON (an object per line, or an array of them), fastText's lines, parquet,
Excel; also as .gz, .bz2 or .zip of one file. Excel and a JSON array are loaded into memory.
"""

import bz2
import collections
import contextlib
import csv
import errno
import gzip
import io
import itertools
import json
import os
import re
import zipfile

from corpus import WRITE, DataError

QUOTES = "none", "double", "backslash"  # what quotation marks mean, see `delimited`
MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
JSON = re.compile(r"""\s*(\{\s*(["'}]|$)|\[\s*([\[{\]]|$))""")
NUMBERS = dict.fromkeys(["parse_int", "parse_float", "parse_constant"], str)  # spelt as in JSON
ROW = 'A row must be {"text": "...", "label": "..."}, on a line or in an array, not a list'

TEXT_NAMES = set(
    "text texts review reviews reviewtext sentence sentences message messages content headline "
    "body tweet tweets phrase comment comments document description post question utterance "
    "article abstract news email sms commenttext questiontext tweettext".split()
)
LABEL_NAMES = set(
    "label labels class classes category categories sentiment sentiments target topic topics "
    "rating ratings stars polarity emotion intent genre classindex".split()
)


class NoText(DataError):
    """A file with null bytes."""


class Table:
    """A table; iterate over it once for (number, cells) of each row.

    Args: `source`, (number, cells, lines) of each row, without cells for an empty line; `header`,
    whether the first of them has the names of the columns.
    Attributes: `path`; `columns`, the names, else "1", "2"; `header`; `unit`, what rows are
    numbered by, "line" or "row"; `notes`, lines to print; `rows`, how many were read.
    """

    def __init__(self, path, source, header=True, unit="line", notes=()):
        number, cells, lines = next(source)
        self.columns = [cell.strip() for cell in cells]
        if not header:
            self.columns = [str(place) for place in range(1, len(cells) + 1)]
            source = itertools.chain([(number, cells, lines)], source)
        self.path, self.source, self.unit, self.notes = path, source, unit, list(notes)
        self.header = int(header and lines > 0)
        self.rows = self.empty = self.last = 0

    def __iter__(self):
        for number, cells, lines in self.source:
            self.last = number + lines - 1
            self.rows += bool(cells)
            self.empty += not cells
            if cells:
                yield number, cells

    def account(self):
        """Returns what follows "N rows" in a report, after the iteration."""
        empty = f", {self.empty:,} of them empty" if self.empty else ""
        return f" in {self.last:,} lines{empty}" if self.unit == "line" else ""


def read(path, encoding=None, quotes=None, header=True):
    """Returns the Table of a file; raises DataError.

    Args: `encoding`, None: UTF-8 (a byte order mark overrules both); `quotes`, one of QUOTES, None:
    the first that fits; `header`, whether the first row of delimited text or Excel has the names.
    """
    if not os.path.isfile(path):
        raise refusal(path, "is not a file on disk")
    with opened(path) as file:
        start, notes = file.read(4), []
    if start == b"PAR1":
        return Table(path, parquet(path), unit="row")
    if start == b"PK\3\4":
        return Table(path, excel(path, header, notes), header, "row", notes)
    first = next(filter(str.strip, lines(path, encoding)), None)
    if first is None:
        raise refusal(path, "is empty")
    if JSON.match(first):
        array = first.lstrip()[0] == "["
        return Table(path, json_rows(path, encoding, array), unit="row" if array else "line")
    if re.match(r"__label__[^\s,;|]+[ \t]", first):
        return Table(path, fasttext(path, encoding))
    way = find_way(path, encoding, quotes, header, first, notes)
    return Table(path, delimited(path, encoding, *way), header, notes=notes)


def refusal(where, reason):
    return DataError(f"{where} {reason}. Correct it, {WRITE}")


def short(text):
    """Returns the beginning of a text for a message: one line, without control characters."""
    text = " ".join(text.split())
    return repr(text if len(text) <= 40 else text[:40] + "...")


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
        tools = "python -m pip install -r requirements-tools.txt"
        raise DataError(f"{path} needs {error.name}: {tools}") from None
    except Exception as error:  # which one depends on where a file is damaged
        of_disk = getattr(error, "errno", None) not in (None, errno.EINVAL)
        if of_disk or isinstance(error, DataError | MemoryError):
            raise
        raise refusal(path, f"cannot be read, {short(str(error))}") from None


def lines(path, encoding, errors="strict"):
    r"""Yields the lines of a text file with their ends, \n or \r\n."""
    with opened(path) as file:
        start = file.peek(3)
        encoding = next((MARKS[mark] for mark in MARKS if start.startswith(mark)), encoding)
        text = io.TextIOWrapper(file, encoding or "utf-8", errors, newline="\n")
        try:
            for number, line in enumerate(text, 1):
                if "\0" in line:
                    advice = "for UTF-16 without a byte order mark: --encoding utf-16-le"
                    raise NoText(f"{path}, line {number:,}, has a null byte; {advice}, {WRITE}")
                yield line.removeprefix("\ufeff")  # inside where files were joined
        except UnicodeDecodeError:
            raise undecodable(path, encoding or "UTF-8") from None


def undecodable(path, encoding):
    """Returns the DataError for a text in another encoding, or in two: none is advised then."""
    wrong = right = 0
    for number, line in enumerate(lines(path, encoding, "replace"), 1):
        if "\ufffd" in line:
            wrong = wrong or number
        elif not line.isascii():
            right = right or number
    reason = ": add --encoding, for example cp1252 (Western), cp1251 (Cyrillic), gb18030 (Chinese)"
    if right and encoding.lower().startswith("utf-8"):
        reason = f", but line {right:,} is: the file mixes encodings"
    return refusal(f"{path}, line {wrong:,},", f"is not {encoding}{reason}")


def find_way(path, encoding, quotes, header, start, notes):
    """Returns the first way to read delimited text, see there, in which all rows fit.

    Ways in which no row spans lines come first: in others a stray mark could swallow rows.
    """
    separators = [mark for mark in sorted("\t|;,", key=start.count, reverse=True) if mark in start]
    meanings = [quotes] if quotes else ["double", "backslash", "none"]
    ways, misfits = [], []
    for way in itertools.product((False, True)[: 1 + header], separators or "\t", meanings):
        try:
            spanning = [at for at, _, count in delimited(path, encoding, *way) if count > 1]
            ways.append((spanning, *way))
            if not spanning:
                break
        except csv.Error as error:
            misfits.append((not way[0], *error.args))
    if not ways:
        _, number, reason = max(misfits, key=lambda misfit: misfit[:2])
        advice = "Cells with separators need double quotation marks around them, doubled inside"
        raise refusal(f"{path}, line {number:,},", f"{reason}. {advice}")
    spanning, row_names, separator, quotes = min(ways, key=lambda way: way[0] != [])
    if row_names:
        notes.append("the first column has no name: row names, as R writes them")
    if quotes == "backslash":
        notes.append("a backslash stands before quotation marks in texts: --quotes backslash")
    if quotes == "none":
        notes.append("quotation marks are kept as text and each line is one row: --quotes none")
    if spanning:
        first = f"{spanning[0]:,}; if each line is a row: --quotes none"
        notes.append(f"{len(spanning):,} rows span several lines, the first from line {first}")
    return row_names, separator, quotes


def delimited(path, encoding, row_names, separator, quotes):
    r"""Yields the rows of delimited text.

    Args: `row_names`, whether all rows but the first have a number more in front, as R writes it;
    `quotes`: "double", quotation marks enclose cells and are doubled inside; "backslash", the same,
    or with a backslash in front; "none", each line is a row.
    Raises: csv.Error where a row does not fit: the number of its first line, and the reason.
    """
    csv.field_size_limit(1 << 24)  # characters: a mark that is never closed takes in all the rest
    source = lines(path, encoding)
    if quotes == "backslash":
        escaped = re.compile(r'\\(["\\])')
        source = (escaped.sub(lambda mark: mark[1].replace('"', '""'), line) for line in source)
    quoting = csv.QUOTE_NONE if quotes == "none" else csv.QUOTE_MINIMAL
    reader = csv.reader(source, delimiter=separator, quoting=quoting, strict=True)
    names, width, number = [], 0, 1
    try:
        for cells in reader:
            if cells and not width:
                names, width = cells, len(cells) + row_names
                cells = [""] * row_names + cells
            elif cells and (len(cells) != width or (row_names and not cells[0].isdecimal())):
                row, first = (short(separator.join(row)) for row in (cells, names))
                counts = f"{len(cells)} instead of {len(names)} cells"
                raise csv.Error(f"{row}, is not a row like the first, {first}: {counts}")
            if width:
                yield number, cells, reader.line_num + 1 - number
            number = reader.line_num + 1
    except csv.Error as error:
        raise csv.Error(number, str(error).split(" - ")[0]) from None


def json_rows(path, encoding, array):
    names, count = {}, 0
    for _, row in objects(path, encoding, array):
        names |= row
        count += bool(row)
    if not names or (count == 1 and any(isinstance(cell, dict | list) for cell in names.values())):
        raise refusal(path, f"is one JSON value for all rows. {ROW}")
    yield 1, list(map(as_text, names)), 0
    for number, row in objects(path, encoding, array):
        yield number, [as_text(row.get(name)) for name in names] if row or array else [], 1


def objects(path, encoding, array):
    """Yields (number, object) of each row of JSON, {} for an empty line."""
    source = ["".join(lines(path, encoding))] if array else lines(path, encoding)
    for number, text in enumerate(source, 1):
        try:
            rows = json.loads(text, **NUMBERS) if text.strip() else {}
            for number, row in enumerate(rows if array else [rows], number):
                if not isinstance(row, dict):
                    raise ValueError("not an object")
                yield number, row
        except (ValueError, RecursionError) as error:
            where = f"{path}, {'row' if array else 'line'} {number:,}:"
            raise refusal(where, f"{error}. {ROW}") from None


def as_text(value):
    """Returns a value of JSON, parquet or Excel as a string; of a list of one, its element."""
    if isinstance(value, list) and len(value) < 2:
        value = value[0] if value else None
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, bool | list | dict):
        value = json.dumps(value, ensure_ascii=False, default=str)
    # JSON may have half a surrogate pair.
    return "" if value is None else str(value).encode(errors="replace").decode()


def fasttext(path, encoding):
    yield 1, ["label", "text"], 0
    for number, line in enumerate(lines(path, encoding), 1):
        labels = re.match(r"(__label__\S+(\s+|$))*", line)[0]
        text = line[len(labels) :].strip()
        if "__label__" in text:
            raise refusal(f"{path}, line {number:,},", "has __label__ inside its text")
        labels = ",".join(labels.split()).replace("__label__", "")
        yield number, [labels, text] if line.strip() else [], 1


def parquet(path):
    with opened(path) as file:
        from pyarrow.parquet import ParquetFile

        content, count = ParquetFile(file), itertools.count(1)
        yield 1, content.schema_arrow.names, 0
        for batch in content.iter_batches(1000):
            for cells in zip(*(column.to_pylist() for column in batch.columns)):
                yield next(count), list(map(as_text, cells)), 1


def excel(path, header, notes):
    """Yields the rows of the first sheet that has two; empty rows and columns are left out."""
    with opened(path) as file:
        from openpyxl import load_workbook

        books = [load_workbook(file, read_only=True, data_only=data) for data in (True, False)]
        for sheet, formulas in zip(*(book.worksheets for book in books)):
            sheet.reset_dimensions()  # those in the file may be wrong
            formulas.reset_dimensions()
            rows, results = [], set()
            for number, pair in enumerate(zip(sheet.values, formulas.values), 1):
                results |= {cell for cell, formula in zip(*pair) if cell != formula}
                if any(cells := list(map(as_text, pair[0]))):
                    rows.append((number, cells))
            if results == {None}:
                raise refusal(path, "has formulas without values: open it in Excel and save it")
            if len(rows) > 1:
                break
        else:
            raise refusal(path, "has no sheet with two rows")
        archive = zipfile.ZipFile(file)
        sheets = [archive.read(name) for name in archive.namelist() if "/worksheets/" in name]
        if any(b"<mergeCell " in sheet for sheet in sheets):
            notes.append("there are merged cells, of which only the first has a value")
        if len(books[0].sheetnames) > 1:
            names = ", ".join(map(short, books[0].sheetnames))
            notes.append(f"only the sheet {short(sheet.title)} is read, of {names}")
    used = sorted({at for _, cells in rows for at, cell in enumerate(cells) if cell})
    rows = [(n, [cells[at] if at < len(cells) else "" for at in used], 1) for n, cells in rows]
    for number, cells, _ in rows if header else ():
        if any(cell and not name for cell, name in zip(cells[1:], rows[0][1][1:])):
            raise refusal(f"{path}, row {number:,},", "has a cell in a column without a name")
    yield from rows


def is_usual(name, names):
    """Tells whether a name is one of the usual `names`, in any case and with any underscores."""
    return re.sub(r"[\W_]", "", name.lower()) in names


def find(table, given, names, option):
    """Returns the places, from 0, of the columns that a user gave, or of the one with a usual name.

    Args: `given`, names or numbers from 1, separated by commas, or None; `names`, TEXT_NAMES or
    LABEL_NAMES; `option`, "--text", say.
    """
    columns = [name.lower() for name in table.columns]
    counts = collections.Counter(columns)
    keys = {str(at): at - 1 for at in range(1, len(columns) + 1)}
    keys |= {name: at for at, name in enumerate(columns) if counts[name] == 1}
    usual = [at for at, name in enumerate(columns) if is_usual(name, names)]
    places = usual if len(usual) == 1 else [None]
    if given:
        wanted = [given] if given.lower() in keys else given.split(",")
        places = [keys.get(name.strip().lower()) for name in wanted]
    if None in places:
        what = f"called {given!r}" if given else f"with a usual name for {option}"
        listed = ", ".join(f"{at} {short(name)}" for at, name in enumerate(table.columns[:20], 1))
        reason = f"{table.path} has no column, or several, {what}. Columns: {listed}"
        advice = f"; if line 1 is data: --no-header {option} 1" if table.header else ""
        raise DataError(f"{reason}. Choose by name or number: {option} NAME{advice}")
    chosen = ", ".join(f"column {at + 1}, {short(table.columns[at])}" for at in places)
    table.notes.append(f"{option}: {chosen}")
    return places


def choose(table, text, label, header=True):
    """Returns the places of the columns of texts, a list, and of labels; see `find`."""
    if len(table.columns) == 1:
        reason = "; ".join([f"has one column only, {short(table.columns[0])}", *table.notes])
        raise refusal(table.path, f"{reason}. Two are needed, with a tab, |, ; or comma between")
    texts = find(table, text, TEXT_NAMES, "--text")
    labels = find(table, label, LABEL_NAMES, "--label")
    if len(labels) > 1 or labels[0] in texts:
        raise DataError(f"{table.path}: --label must be one column, and not one of --text")
    return texts, labels[0]
