"""Tables of texts in the formats that people have, read row by row.

`read` finds the format by content: delimited text, JSON, fastText's lines, parquet or Excel, also
as .gz, .bz2 or a .zip of one file. Every cell is a string, spelt as in the file. Delimited text,
JSON and fastText need Python alone. Excel, compressed parquet and a file that is one JSON value are
loaded whole; the rest is read as a stream.
"""

import bz2
import contextlib
import csv
import errno
import gzip
import io
import itertools
import json
import re
import zipfile
import zlib

from corpus import DataError

TOOLS = "python -m pip install -r requirements-tools.txt"
HEAD = 1 << 16  # bytes by which the kind and the encoding of a file are found
SAMPLE = 200  # lines by which the separator is found
SEPARATORS = "\t|;,"  # in doubt the first, which texts contain least often
QUOTES = "csv", "backslash", "letters"  # what quotation marks may be, see `parse`
ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
SPACED = re.compile(r'\s+".*"\s*', re.DOTALL)
SPACE = re.compile(r"[ \t\r\n]*")

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

    Attributes: `path`; `kind`, "delimited text", say; `columns`, the names, "" where there is none;
    `notes`, lines to say; `unit`, what rows are numbered by, "line" or "row"; `count`, how many of
    these the file has, counted without the parser; `header`, how many of them name the columns;
    `example`, the cells of the first row. While iterated: `rows`; `blank`, empty lines; `spanning`,
    rows that span lines, `first_spanning` the first; `further`, their lines beyond the first.
    Raises: DataError, also where the rows do not add up to `count`.
    """

    def __init__(self, path, kind, columns, rows, count, header=0, unit="line", notes=()):
        self.path, self.kind, self.columns, self.count = path, kind, columns, count
        self.header, self.unit, self.notes = header, unit, list(notes)
        self.rows = self.blank = self.spanning = self.further = 0
        self.first_spanning = None
        first = list(itertools.islice(rows, 1))  # also raises errors of the first row now
        self.source = itertools.chain(first, rows)
        self.example = first[0][1] if first else []

    def __iter__(self):
        for number, cells, lines in self.source:
            if not cells:
                self.blank += lines
                continue
            self.rows += 1
            if lines > 1:
                self.spanning, self.further = self.spanning + 1, self.further + lines - 1
                self.first_spanning = self.first_spanning or number
            yield number, cells
        found = self.header + self.rows + self.further + self.blank
        if found != self.count:
            raise DataError(f"{self.path}: {self.count:,} {self.unit}s, but {found:,} were read")

    def account(self):
        """Returns how rows and lines add up, after the rows were read."""
        if self.unit != "line":
            return ""
        parts = [
            f"{self.header:,} with the names of the columns" if self.header else "",
            f"{self.blank:,} empty" if self.blank else "",
            f"{self.spanning:,} rows span {self.spanning + self.further:,} lines, the first from "
            f"line {self.first_spanning:,}"
            if self.spanning
            else "",
        ]
        more = "; ".join(filter(None, parts))
        return f" in {self.count:,} lines" + (f" ({more})" if more else "")


def read(path, encoding=None, quotes=None, header=True):
    """Returns the Table of a file.

    Args: `encoding`, None: found by content; `quotes`, one of QUOTES, None: found by content;
    `header`, whether the first line of delimited text or Excel names the columns (else "1", "2").
    Raises: DataError where the file cannot be read, with the reason and what to do.
    """
    with opened(path) as file:
        head = file.read(HEAD)
    kind = kind_of(head, encoding)
    if kind in OTHER.values():
        raise DataError(f"{path} is {kind}")
    if tar_in(head):
        raise DataError(f"{path} is a tar archive: unpack it, and name the table or folder in it")
    if kind == "parquet":
        return read_parquet(path)
    if kind == "Excel":
        return read_excel(path, header)
    encoding = marked(head) or encoding or encoding_of(head)
    if encoding is None:
        raise DataError(
            f"{path} is not a table: it is binary, of no kind known here. Save it as CSV"
        )
    if kind == "JSON":
        return read_json(path, encoding)
    if kind == "fastText":
        return read_fasttext(path, encoding)
    return read_delimited(path, encoding, quotes, header)


# --- Files ---


PAGE = "a web page, not the file itself"
OTHER = {  # the first bytes of files that people take for a table
    b"%PDF": "a PDF: save its text or table as CSV",
    b"SQLite format": "a database: export the table as CSV",
    b"version https://git-lfs": "a pointer of Git LFS, not the file: fetch it with `git lfs pull`",
    b"<!doctype html": f"{PAGE}: download it again",
    b"<html": f"{PAGE}: download it again, or, if Excel opens it, save it as CSV",
    b"<table": "a table in HTML: open it in a spreadsheet and save it as CSV",
    b"<?xml": "XML: open it in a spreadsheet, say, and save it as CSV",
    b"{\\rtf": "a document of a word processor (RTF): save its table as CSV",
    b"@relation": "Weka's ARFF: remove all lines up to @data, and add --no-header",
    b"ARROW1": "an Arrow or Feather file: save the table as parquet or CSV",
    b"\x80\x04": "a pickle, which could run code: save the table as CSV or parquet",
    b"\x80\x05": "a pickle, which could run code: save the table as CSV or parquet",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"Rar!": "a RAR archive: unpack it first",
    b"\xfd7zXZ": "an xz file: unpack it first",
    b"\x28\xb5\x2f\xfd": "a zstd file: unpack it first",
}


@contextlib.contextmanager
def opened(path):
    """Opens a file for bytes; a .gz, .bz2 or .zip of one file is decompressed as it is read."""
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(open(path, "rb"))
            start = file.peek(4)[:4]
            if start[:2] == b"\x1f\x8b":
                file = stack.enter_context(gzip.open(file))
            elif start[:3] == b"BZh":
                file = stack.enter_context(bz2.open(file))
            elif start in (b"PK\3\4", b"PK\5\6"):
                archive = stack.enter_context(zipfile.ZipFile(file))
                if (name := only_file(path, archive)) is None:
                    file.seek(0)  # Excel's
                else:
                    file = stack.enter_context(archive.open(name))
            yield file
        except (EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, OSError) as error:
            if getattr(error, "errno", None) not in (None, errno.EINVAL):
                raise  # of the disk, not of the content
            reason = " ".join(str(error).split())
            raise DataError(f"{path} is damaged or incomplete ({reason}); fetch it again") from None


def only_file(path, archive):
    """Returns the name of the one file in a zip archive, None for a workbook of Excel."""
    names = archive.namelist()
    if "xl/workbook.xml" in names:
        return None
    if {"mimetype", "[Content_Types].xml", "Index/Document.iwa"} & set(names):
        raise DataError(f"{path} is an office document: save its table as CSV or .xlsx")
    names = [name for name in names if not re.search(r"/$|(^|/)(__MACOSX/|\.)", name)]
    if len(names) != 1:
        some = ", ".join(map(repr, names[:3]))
        raise DataError(
            f"{path} is a zip archive of {len(names):,} files ({some}): "
            "unpack it, and name the one with the texts, or the folder"
        )
    if archive.getinfo(names[0]).flag_bits & 1:
        raise DataError(f"{path} is a zip archive with a password: unpack it first")
    return names[0]


def kind_of(head, encoding=None):
    """Returns what a file is, from its first bytes: parquet, Excel, JSON, fastText, text, OTHER."""
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"PK\3\4", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")):
        return "Excel"
    for start, kind in OTHER.items():
        if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:30].lower().startswith(start.lower()):
            return kind
    if tar_in(head):
        return "text"
    try:
        text = head.decode(encoding or encoding_of(head) or "latin-1", "replace")
    except UnicodeError:
        return "text"
    text = text.lstrip("\ufeff \t\r\n")
    if re.match(r"""\{\s*(["'}]|$)|\[\s*(\{|\]|\[\s*"|$)""", text):
        return "JSON"
    if not re.match(r"__label__\S", text):
        return "text"
    some = [line for line in text.splitlines()[:SAMPLE] if line.strip()]
    delimited = all(re.match(r"__label__[^\s,;|]+[,;|](?!__label__)\S", line) for line in some)
    return "text" if delimited else "fastText"


def tar_in(head):
    return head[257:262] == b"ustar"


def marked(head):
    """Returns the encoding that a byte order mark names, None if there is none."""
    marks = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe\0\0": "utf-32"}
    marks |= {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    return next((marks[mark] for mark in marks if head.startswith(mark)), None)


def encoding_of(head):
    """Returns the encoding of a text from its first bytes, UTF-8 or UTF-16; None if it is binary.

    Other encodings cannot be told from UTF-8 here; they fail when they are decoded.
    """
    if encoding := marked(head):
        return encoding
    nulls = head[0::2].count(0), head[1::2].count(0)
    if min(nulls) == 0 and max(nulls) > 3 + len(head) / 40:
        return "utf-16-be" if nulls[0] else "utf-16-le"
    control = sum(head.count(byte) for byte in range(32) if byte not in b"\t\n\r\f")
    return None if control > 5 + len(head) / 20 else "utf-8"


def lines(path, encoding):
    """Yields the lines of a text file with their ends, which are those of Unix, Windows or Mac.

    A byte order mark is removed from every line: files that were joined have it inside.
    """
    with opened(path) as file:
        head = file.read(HEAD)
    old_mac = b"\r" in head and b"\n" not in head
    with opened(path) as file:
        text = io.TextIOWrapper(file, encoding, newline="\r" if old_mac else "\n")
        try:
            for line in text:
                yield line.removeprefix("\ufeff")
        except UnicodeError:
            raise undecodable(path, encoding) from None


def undecodable(path, encoding):
    """Returns the DataError that names the first byte of a file that cannot be decoded."""
    with opened(path) as file:
        content = file.read()  # slow and large, but only once
    return decoding_error(path, content, encoding)


def decoding_error(path, content, encoding):
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding, "replace")
        line, byte = before.count("\n") + 1, content[error.start]
        name = "utf-8" if encoding == "utf-8-sig" else encoding
        start = f"{path}, line {line:,}: byte {byte:#04x} is not {name}. "
        if name.startswith(("utf-16", "utf-32")):
            return DataError(f"{start}The file is damaged or incomplete: fetch or save it again")
        if re.match("(?i)shift|sjis|euc|gb|big5|cp9|iso.?2022", name):
            return DataError(f"{start}Try a larger character set: --encoding cp932 (Japanese), "
                             "gb18030 (Chinese), big5hkscs or cp949 (Korean)")  # fmt: skip
        if name != "utf-8":
            return DataError(f"{start}Try another one, for instance: --encoding latin-1")
        if not before.isascii():  # naming another encoding would spoil these
            return DataError(
                f"{start}The text before it is, so the file mixes encodings: correct the line, "
                "or remove such bytes: iconv -f utf-8 -t utf-8 -c FILE > NEW"
            )
        high = sum(byte > 127 for byte in content[:HEAD])
        western = high < min(len(content), HEAD) / 5
        likely = "cp1252" if western else "cp1251 (Cyrillic), gb18030 (Chinese) or cp932 (Japanese)"
        return DataError(
            f"{start}Save the file as UTF-8, or name its encoding, for instance: "
            f"--encoding {likely}"
        )
    except UnicodeError as error:
        return DataError(f"{path} is not {encoding}: {error}")
    return DataError(f"{path} is not {encoding}")


# --- Delimited text ---


def parse(lines, separator, quotes):
    """Yields (cells, lines) of each row of delimited text; no cells for an empty line.

    Args: `quotes`, what marks are: "csv", they enclose cells and are doubled inside; "spaced", the
    same but spaces may stand in front of cells; "backslash", the same as "csv" but a backslash
    stands before those inside; "letters", each line is a row.
    Raises: csv.Error.
    """
    if quotes == "letters":
        for line in lines:
            line = line.rstrip("\r\n")
            yield list(map(without_marks, line.split(separator))) if line else [], [line]
        return
    taken = []

    def recorded():
        for line in lines:
            taken.append(line)
            yield ESCAPED.sub(kept, line) if escape and "\\" in line else line

    def kept(match):
        """Doubles a backslash that escapes nothing, as in \\n, since the parser would remove it."""
        return match[0] if match[1] and match[1] in f'"\\{separator}' else "\\" + match[0]

    spaced, escape = quotes == "spaced", "\\" if quotes == "backslash" else None
    for cells in csv.reader(
        recorded(), delimiter=separator, strict=True, skipinitialspace=spaced, escapechar=escape
    ):
        yield cells, taken
        taken.clear()


def without_marks(cell):
    """Removes the marks around a cell that has no others."""
    outer = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1]
    return cell[1:-1] if outer else cell


def read_delimited(path, encoding, quotes, header):
    csv.field_size_limit(2**31 - 1)
    count, marks, escaped = 0, False, False  # independently of the parser
    for line in lines(path, encoding):
        count += 1
        marks = marks or '"' in line
        escaped = escaped or ("\\" in line and re.search(r'\\["\t|;,]', line) is not None)
    if not count:
        raise DataError(f"{path} is empty")
    sample = list(itertools.islice(lines(path, encoding), SAMPLE))
    named = re.fullmatch(r'"?sep=([\t|;,])"?[\s;,]*', sample[0])  # for Excel
    separator = named[1] if named else find_separator(sample)

    def layout(quotes):
        return Layout(path, encoding, separator, quotes, header, skip=bool(named))

    find = (marks or escaped) and not quotes
    chosen = find_quotes(layout, escaped) if find else layout(quotes or "csv")
    notes = list(chosen.notes)
    if chosen.row_names:
        notes.append("the first column has no name: row names, as R writes them")
    return Table(path, "delimited text", chosen.columns, chosen.rows(), count,
                 chosen.header_lines, notes=notes)  # fmt: skip


def find_separator(sample):
    """Returns the separator by which most lines of a sample have as many cells as the first."""
    best, most = SEPARATORS[0], 0
    quoted_names = re.match(r'"[^"]*"( "[^"]*")+\s*$', sample[0])  # R's default
    for separator in SEPARATORS + " " * bool(quoted_names):
        for quotes in QUOTES:
            good, width = 0, None
            with contextlib.suppress(csv.Error):
                for cells, taken in parse(sample, separator, quotes):
                    width = width or len(cells)
                    good += len(taken) if cells and len(cells) - width in (0, 1) else 0
            if (width or 1) > 1 and good > most:
                best, most = separator, good
    return best


def find_quotes(layout, escaped):
    """Returns a Layout that reads every row; detects the meaning of quotation marks.

    Args: `layout`, a function from one of QUOTES to a Layout; `escaped`, whether a mark has a
    backslash in front anywhere.
    """
    plain = layout("csv")
    problem = plain.problem()
    glued = None if problem else plain.glued()
    if not problem and not glued and not plain.spaced:
        return plain
    advice = ""
    if problem and escaped:
        other = layout("backslash")
        advice = "" if other.problem() else " If a backslash stands in front: --quotes backslash."
        if advice and not other.glued():
            other.notes.append("quotation marks inside texts have a backslash in front")
            return other
    if (problem or plain.spaced) and plain.separator in ",;":
        other = layout("spaced")
        if not other.problem() and not other.glued():
            other.notes.append("spaces after separators are removed")
            return other
    if not problem and not glued:
        return plain
    letters = layout("letters")
    as_letters = letters.problem()
    if as_letters:
        raise DataError(
            (f"{glued} If that is right: --quotes csv." if glued else f"{problem}.{advice}")
            + f" Read as ordinary characters, they do not fit either: {as_letters}"
        )
    if glued and not plain.telling:
        raise DataError(f"{glued} If they are one: --quotes csv; if not: --quotes letters")
    reason = (problem or glued).split(". ")[0].removesuffix(".")
    letters.notes.append(f"quotation marks are ordinary characters, each line a row: {reason}")
    return letters


class Layout:
    """Delimited text read in one way. Attributes: `columns`, `header_lines`, `row_names`."""

    def __init__(self, path, encoding, separator, quotes, header, skip=False):
        self.path, self.encoding, self.separator = path, encoding, separator
        self.quotes, self.notes, self.row_names = quotes, [], False
        self.columns, self.header_lines, self.skip = [], int(skip), int(skip)
        with contextlib.suppress(DataError):  # which `problem` and `rows` raise again
            parsed = ((number, cells, taken[:]) for number, cells, taken in self.parsed())
            number, names, taken = next((row for row in parsed if row[1]), (1, [""], [""]))
            if header:
                self.columns = [name.strip() for name in names]
                self.header_lines = number + len(taken) - 1
                some = [cells for _, cells, _ in itertools.islice(parsed, SAMPLE) if cells]
                first = {cells[0] for cells in some if len(cells) == len(names) + 1}
                self.row_names = 0 < len(first) == len(some) and all(map(str.isdigit, first))
                self.columns = [""] * self.row_names + self.columns
            else:
                self.columns = [str(place + 1) for place in range(len(names))]
        named = [place for place, name in enumerate(self.columns) if name]
        self.needed = max(named, default=len(self.columns) - 1) + 1  # the last named column

    def parsed(self):
        """Yields (number of its first line, cells, lines) of each row, the header included."""
        number = 1 + self.skip
        source = itertools.islice(lines(self.path, self.encoding), self.skip, None)
        try:
            for cells, taken in parse(source, self.separator, self.quotes):
                yield number, cells, taken
                number += len(taken)
        except csv.Error as error:
            reason = str(error).split(" - ")[0]  # the rest is for programmers
            advice = "A quotation mark that opens a cell must be closed, and one inside it doubled"
            if reason.startswith("new-line"):
                advice = "Remove the carriage return inside the line; or, where no cell is in " \
                    "quotation marks: --quotes letters"  # fmt: skip
            raise DataError(f"{self.path}, line {number:,}: {reason}. {advice}") from None

    def body(self):
        """Yields (number, cells, lines) of each row below the header; no cells: an empty line."""
        width = len(self.columns)
        for number, cells, taken in self.parsed():
            if number <= self.header_lines:
                continue
            if len(cells) == 1 < width and not cells[0].strip("\0\x1a \t\r\n"):
                cells = []  # a line of spaces, or the mark that ends files of DOS
            while len(cells) > width and not cells[-1].strip():
                cells.pop()
            if self.needed <= len(cells) < width:  # what is missing has no name
                cells += [""] * (width - len(cells))
            if cells and len(cells) != width:
                advice = f"A text with a {self.separator!r} in it must stand in quotation marks"
                first = number == self.header_lines + 1
                if len(cells) < width and first and self.quotes != "letters":
                    advice = "Remove what stands above the names of the columns"
                elif len(cells) == width + 1 and first:
                    advice += ". If the first column is R's row names: row.names = FALSE"
                raise DataError(
                    f"{self.path}, line {number:,}: {len(cells)} columns where the first line has "
                    f"{width}. {advice}"
                )
            yield number, cells, taken

    def rows(self):
        return ((number, cells, len(taken)) for number, cells, taken in self.body())

    def problem(self):
        """Returns what is wrong with the first row that cannot be read, None if all can."""
        self.rows_of_lines, self.loose_marks, self.spaced, enclosed = 0, False, False, True
        seen = {place: set() for place in range(len(self.columns))}
        count = 0
        try:
            for _, cells, taken in self.body():
                if not cells:
                    continue
                count += 1
                self.rows_of_lines += len(taken) > 1
                enclosed = enclosed and taken[0][0] == taken[-1].rstrip("\r\n")[-1:] == '"'
                if taken[0][0] != '"' and '"' in taken[0]:
                    self.loose_marks = True
                if '"' in taken[0] and any(map(SPACED.fullmatch, cells)):
                    self.spaced = True
                for place in list(seen):
                    seen[place].add(shape(cells[place]))
                    if len(cells[place]) > 50 or len(seen[place]) > 1000:
                        del seen[place]
        except DataError as error:
            return str(error)
        if enclosed:  # every row starts and ends with a mark: none of them is a letter
            self.rows_of_lines = 0
        # Columns whose cells occur again, such as labels and numbers.
        self.telling = {
            place: shapes
            for place, shapes in seen.items()
            if 2 * len(shapes) <= count and shapes != {""}
        }
        return None

    def glued(self):
        """Returns which row seems to be several, joined by a stray quotation mark; None if none.

        A text of several lines may well contain separators. But where most of its lines have the
        cells of a row, and of these the columns with few different cells have known ones, a mark
        was a letter. Call `problem` first.
        """
        if not self.rows_of_lines or (len(self.columns) == 1 and not self.loose_marks):
            return None
        for number, _, taken in self.body():
            alike = sum(self.is_like_a_row(line) for line in taken) if len(taken) > 1 else 0
            if alike > 1 and 2 * (alike - 1) >= len(taken) - 1:
                return (
                    f"{self.path}, line {number:,}: a quotation mark joins {len(taken):,} lines "
                    "into one row, and most of them look like rows of their own."
                )
        return None

    def is_like_a_row(self, line):
        cells = line.rstrip("\r\n").split(self.separator)
        return len(cells) == len(self.columns) and all(
            shape(cells[place]) in shapes for place, shapes in self.telling.items()
        )


def shape(cell):
    """Returns a cell with each number as 9, and without quotation marks."""
    return re.sub(r"\d+", "9", cell.replace('"', ""))


# --- JSON, fastText, parquet, Excel ---


def as_text(value):
    """Returns a value of a cell as a string; what is missing is an empty one."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, bool | list | dict | tuple):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return str(value).encode(errors="replace").decode()  # JSON may hold half a surrogate pair


def flat(values, prefix=""):
    """Returns {name: cell} of a JSON object; the names in a nested one are joined by a dot."""
    cells = {}
    for name, value in values.items():
        if isinstance(value, dict):
            cells |= flat(value, f"{prefix}{name}.")
        else:
            cells[as_text(prefix + name)] = as_text(value)
    return cells


NUMBERS = dict.fromkeys(["parse_int", "parse_float", "parse_constant"], str)  # spelt as they are


def read_json(path, encoding):
    """Returns the Table of JSON lines, of an array of objects, or of an object of columns."""
    start = next(filter(str.strip, lines(path, encoding))).lstrip()
    objects, unit = json_lines, "line"
    if start.startswith("["):
        objects, unit = json_array, "row"
    elif found := json_whole(path, encoding, start):
        columns, cells = found
        rows = ((number, row, 1) for number, row in enumerate(cells, 1))
        return Table(path, "JSON", columns, rows, len(cells), unit="row")
    names = {}
    count = 0
    for _, values in objects(path, encoding):
        count += 1
        names |= dict.fromkeys(values)
    if not names:
        raise DataError(f"{path} has no rows")

    def rows():
        for number, values in objects(path, encoding):
            yield number, [values.get(name, "") for name in names] if values else [], 1

    if unit == "line":
        count = sum(1 for _ in lines(path, encoding))
    return Table(path, "JSON", list(names), rows(), count, unit=unit)


def json_lines(path, encoding):
    """Yields (number, {name: cell}) of each line, which is an object; {} for an empty line."""
    for number, line in enumerate(lines(path, encoding), 1):
        try:
            values = json.loads(line, **NUMBERS) if line.strip() else {}
            if not isinstance(values, dict):
                raise ValueError("not an object")
            yield number, flat(values)
        except (ValueError, RecursionError) as error:
            reason = str(error).split(": line")[0]
            raise DataError(
                f"{path}, line {number:,}: {reason}. JSON must be one object a line, or an array "
                "of objects"
            ) from None


def json_array(path, encoding):
    """Yields (number, {name: cell}) of each object of an array, which is not loaded whole."""
    decoder = json.JSONDecoder(**NUMBERS)
    with opened(path) as file:
        text = io.TextIOWrapper(file, encoding)
        buffer, number = "", 0

        def skip(place):
            """Returns the place of the next character that is no space; reads on as needed."""
            nonlocal buffer
            place = SPACE.match(buffer, place).end()
            while place == len(buffer):
                if not (more := text.read(HEAD)):
                    raise ValueError("it ends early")
                buffer, place = more, SPACE.match(more).end()
            return place

        try:
            place = skip(skip(0) + 1)  # behind "[", and a byte order mark
            while buffer[place] != "]":
                if number:
                    if buffer[place] != ",":
                        raise ValueError("no comma between two objects")
                    place = skip(place + 1)
                while True:
                    try:
                        values, end = decoder.raw_decode(buffer, place)
                        break
                    except ValueError:
                        if not (more := text.read(max(HEAD, len(buffer)))):
                            raise
                        buffer, place = buffer[place:] + more, 0
                number += 1
                if isinstance(values, list):  # columns have no names
                    values = {str(place): value for place, value in enumerate(values, 1)}
                if not isinstance(values, dict):
                    raise ValueError("not an object")
                yield number, flat(values)
                place = skip(end)
            if buffer[place + 1 :].strip() or text.read().strip():
                raise ValueError("something follows the array")
        except UnicodeError:
            raise undecodable(path, encoding) from None
        except (ValueError, RecursionError) as error:
            reason = str(error).split(": line")[0]
            raise DataError(f"{path}, near object {number + 1:,}: {reason}") from None


def json_whole(path, encoding, start):
    """Returns (names, rows of cells) of a file that is one object, as pandas writes it; else None.

    It may hold columns, rows by number (orient="index"), names and rows ("split"), or rows under a
    key beside others ("table").
    """
    several = False
    try:
        json.loads(start)
        several = len(list(itertools.islice(filter(str.strip, lines(path, encoding)), 2))) > 1
    except (ValueError, RecursionError):
        pass
    if several:
        return None  # one object a line
    try:
        values = json.loads("".join(lines(path, encoding)), **NUMBERS)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    if {"columns", "data"} <= values.keys() <= {"columns", "index", "data"}:
        names, rows = values["columns"], values["data"]
        if all(isinstance(row, list) and len(row) == len(names) for row in rows):
            return list(map(as_text, names)), [list(map(as_text, row)) for row in rows]
    if rows := rows_in(values):
        rows = list(map(flat, rows))
        names = list(dict.fromkeys(name for row in rows for name in row))
        return names, [[row.get(name, "") for name in names] for row in rows]
    columns = {
        as_text(name): list(map(as_text, column.values() if isinstance(column, dict) else column))
        for name, column in values.items()
        if isinstance(column, dict | list)
    }
    same_length = len(set(map(len, columns.values()))) == 1
    if len(columns) == len(values) and same_length:
        return list(columns), list(map(list, zip(*columns.values())))
    deep = any(isinstance(column, list) and len(column) > 1 and isinstance(column[0], dict | list)
               for column in values.values())  # fmt: skip
    if deep:
        some = ", ".join(map(repr, list(values)[:5]))
        raise DataError(
            f"{path} is one JSON object, with {some}: save the rows in it as an array of objects"
        )
    return None


def rows_in(values):
    """Returns the objects that are the rows in one JSON object, [] if none are."""
    lists = {
        name: rows
        for name, rows in values.items()
        if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)
    }
    if len(lists) > 1:
        lists = {name: rows for name, rows in lists.items() if name in ("data", "rows")}
    if len(lists) == 1:
        [rows] = lists.values()
        others = [other for other in values.values() if other is not rows]
        if not any(isinstance(other, list) and len(other) == len(rows) for other in others):
            return rows
    rows = list(values.values())
    if len(rows) > 1 and all(isinstance(row, dict) and row for row in rows):
        numbered = all(map(str.isdecimal, values)) and not any(map(str.isdecimal, rows[0]))
        if numbered or (any(is_usual(name, TEXT_NAMES) for name in rows[0])
                        and not any(is_usual(name, TEXT_NAMES) for name in values)):  # fmt: skip
            return rows
    return []


def read_fasttext(path, encoding):
    """Returns the Table of lines of a text with __label__ in front of its label or labels."""
    count = sum(1 for _ in lines(path, encoding))

    def rows():
        for number, line in enumerate(lines(path, encoding), 1):
            labels = [name.rstrip(",;") for name in re.findall(r"__label__(\S+)", line)]
            text = re.sub(r"__label__\S+\s*", "", line).strip()
            yield number, [",".join(labels), text] if line.strip() else [], 1

    return Table(path, "fastText", ["label", "text"], rows(), count)


def read_parquet(path):
    try:
        from pyarrow import parquet
    except ImportError:
        raise DataError(f"{path} is a parquet file, which needs pyarrow: {TOOLS}") from None
    with opened(path) as file:
        plain = file.seekable() and isinstance(file, io.BufferedReader)
        content = open(path, "rb") if plain else io.BytesIO(file.read())
    try:
        table = parquet.ParquetFile(content)
        names, count = table.schema_arrow.names, table.metadata.num_rows
    except Exception as error:  # which one depends on where the file is damaged
        raise damaged(path, "parquet", error) from None

    def rows():
        numbers = itertools.count(1)
        try:
            with content:
                for batch in table.iter_batches(1000):
                    for cells in zip(*(column.to_pylist() for column in batch.columns)):
                        yield next(numbers), list(map(as_text, cells)), 1
        except Exception as error:
            raise damaged(path, "parquet", error) from None

    return Table(path, "parquet", list(map(str, names)), rows(), count, unit="row")


def read_excel(path, header):
    """Returns the Table of the first sheet of a workbook."""
    try:
        import pandas
    except ImportError:
        raise DataError(f"{path} is an Excel file, which needs pandas: {TOOLS}") from None
    try:
        with opened(path) as file, pandas.ExcelFile(io.BytesIO(file.read())) as book:
            sheets = list(map(str, book.sheet_names))
            cells = pandas.read_excel(book, header=None, dtype=str, na_filter=False)
    except ImportError as error:
        engine = "xlrd" if "xlrd" in str(error) else "openpyxl"
        raise DataError(
            f"{path} is an Excel file, which needs {engine}: python -m pip install {engine}"
        ) from None
    except DataError:
        raise
    except Exception as error:
        raise damaged(path, "Excel", error) from None
    if cells.empty:
        raise DataError(
            f"the first sheet of {path}, {sheets[0]!r}, is empty: save the right one as CSV"
        )
    every = [[excel_text(cell) for cell in row] for row in cells.to_numpy().tolist()]
    empty = next((place for place, row in enumerate(every) if "".join(row).strip()), 0)
    first = empty + int(header)
    names = [name.strip() for name in every[empty]]
    columns = names if header else [str(place + 1) for place in range(len(names))]
    rows = ((number, row, 1) for number, row in enumerate(every[first:], 1 + first))
    notes = [f"the sheet {sheets[0]!r} is read; left out: {', '.join(sheets[1:])}"]
    notes = notes[: len(sheets) - 1]
    if empty:
        notes.append(f"the first rows ({empty:,}) are empty and left out")
    return Table(path, "Excel", columns, rows, len(every), first, "row", notes)


def excel_text(cell):
    """Returns a cell of Excel as a string: "" for an error such as #N/A, characters for _x000D_."""
    if not isinstance(cell, str):
        return ""
    return re.sub(r"_x([0-9A-F]{4})_", lambda match: chr(int(match[1], 16)), cell)


def damaged(path, kind, error):
    reason = (" ".join(str(error).split()) or repr(error))[:200]
    return DataError(f"{path} is not a whole {kind} file ({reason})")


# --- Columns ---


def describe(table):
    """Returns the columns of a table with an example of each, in one line."""
    columns = [
        f"{place} {name!r} ({shorten(cell)})"
        for place, (name, cell) in enumerate(zip(table.columns, table.example), 1)
    ]
    return ", ".join(columns[:20]) + (" and more" if len(columns) > 20 else "")


def shorten(cell):
    cell = " ".join(cell.split())
    return cell if len(cell) < 40 else cell[:37] + "..."


def column(table, name):
    """Returns the place, from 0, of a column given by its name, in any case, or its number."""
    for key in str, lambda text: text.strip().lower():
        found = [place for place, other in enumerate(table.columns) if key(other) == key(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise DataError(
                f"{table.path} has several columns {name!r}: choose by number. "
                f"Columns: {describe(table)}"
            )
    if name.isdecimal() and 1 <= int(name) <= len(table.columns):
        return int(name) - 1
    raise DataError(f"{table.path} has no column {name!r}. Columns: {describe(table)}")


def columns(table, names):
    """Returns the places of columns given as "title,description"; one name may hold a comma."""
    if "," not in names or names.lower() in map(str.lower, table.columns):
        return [column(table, names)]
    return [column(table, name.strip()) for name in names.split(",")]


def is_usual(name, names):
    """Tells whether a name is one of the usual `names`, in any case and with any underscores."""
    return re.sub(r"[\W_]", "", name.lower()) in names


def find(table, given, names, option):
    """Returns the places, from 0, of the columns that a user gave or, if None, of a usual name.

    Args: `names`, TEXT_NAMES or LABEL_NAMES; `option`, "--text", say.
    Raises: DataError, with all columns, where there is not exactly one with a usual name.
    """
    found = columns(table, given) if given else []
    if given and table.header and given.isdecimal() and given not in table.columns:
        name = table.columns[found[0]]
        if len(name) > 40 or len(name.split()) > 3 or re.fullmatch(r"-?\d+(\.\d+)?", name):
            raise DataError(
                f"{table.path}: line 1 looks like data, not column names ({shorten(name)!r}). "
                f"If so: --no-header. Otherwise give {option} the name of a column"
            )
        what = "texts" if option == "--text" else "labels"
        table.notes.append(f"{what}: column {found[0] + 1} of {len(table.columns)}, {name!r}")
    if not given:
        found = [place for place, name in enumerate(table.columns) if is_usual(name, names)]
        if len(found) != 1:
            several = (
                f"{'several columns have' if found else 'no column has'} a usual name for {option}"
            )
            aside = " If line 1 is data: --no-header." if table.header else ""
            if table.header and sum(map(bool, table.columns)) == 1:
                aside = " Remove what stands above the names of the columns."
            raise DataError(
                f"{table.path}: {several}. Choose by name or number with {option}."
                f"{aside} Columns: {describe(table)}"
            )
        number, name = found[0] + 1, table.columns[found[0]]
        what = "texts" if option == "--text" else "labels"
        table.notes.append(f"{what}: column {number} of {len(table.columns)}, {name!r}")
    return found


def choose(table, text, label, header=True):
    """Returns the places of the columns of texts, a list, and of labels; see `find`."""
    if table.kind == "delimited text" and len(table.columns) == 1:
        raise DataError(
            f"{table.path} has one column only, {shorten(table.columns[0])!r}: nothing "
            "separates texts from labels (a tab, |, ; or comma). If line 1 is a title or comment, "
            "remove it; if each class has its own file, make a folder per class, a file per text"
        )
    text_at = find(table, text, TEXT_NAMES, "--text")
    [label_at, *more] = find(table, label, LABEL_NAMES, "--label")
    if more or label_at in text_at:
        raise DataError(f"{table.path}: --label must be one column, and not one of --text")
    if not header and len(table.example) > label_at:
        first = [table.example[place] for place in (*text_at, label_at)]
        if is_usual(first[0], TEXT_NAMES) and is_usual(first[-1], LABEL_NAMES):
            raise DataError(f"{table.path}: line 1 names the columns: leave --no-header out")
    return text_at, label_at
