"""corpus/tables.py: tables of all kinds, read cell for cell or refused, and never silently less."""

import bz2
import csv
import decimal
import gzip
import io
import json
import sys
import zipfile

import hypothesis
import pytest
from hypothesis import strategies as st

from corpus import DataError, tables

WORDS = "the film was not so good bad and I, we; it's 5 10 don't".split()
FORMS = {  # what a table may be wrapped in
    "plain": lambda content: content,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "zip": lambda content: zipped({"a.csv": content, "__MACOSX/._a.csv": b"\0\5\x16\7"}),
}


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """A function from a file's bytes to (Table, its rows)."""
    path = tmp_path_factory.mktemp("tables") / "table"

    def read(content, **options):
        path.write_bytes(content)
        table = tables.read(str(path), **options)
        return table, [cells for _, cells in table]

    return read


def written(rows, separator=",", quoting=csv.QUOTE_MINIMAL, end="\r\n"):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator, quoting=quoting, lineterminator=end).writerows(rows)
    return file.getvalue()


letters = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\r\n")
cells = st.text(letters, max_size=8) | st.sampled_from(["007", "NA", "None", "nan", "1.0", '"', ""])
any_rows = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=6)
)
sentence = st.lists(st.sampled_from(WORDS), min_size=2, max_size=9).map(" ".join)
sentences = st.lists(sentence, min_size=1, max_size=4)
reviews = st.lists(st.tuples(sentences, st.sampled_from("01")), min_size=4, max_size=20)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@hypothesis.settings(max_examples=40)
@hypothesis.given(any_rows, st.sampled_from([*FORMS]), st.sampled_from(["utf-8", "utf-16"]))
def test_what_a_csv_writer_wrote_is_read_cell_for_cell(
    read, separator, quoting, rows, form, encoding
):
    names = ["name", "text", "label", "more"][: len(rows[0])]
    content = FORMS[form](written([names, *rows], separator, quoting).encode(encoding))
    table, found = read(content, quotes="csv")
    assert table.columns == names and found == rows
    assert table.count == 1 + len(rows) + table.further
    try:
        table, found = read(content)
    except DataError as error:  # marks that may be letters or not are for the user to decide
        assert "--quotes csv" in str(error)
    else:
        assert found == rows or "ordinary characters" in " ".join(table.notes)


@hypothesis.given(reviews, st.sampled_from(",;\t|"), st.booleans(), st.randoms())
def test_texts_of_several_lines_stay_whole(read, texts, separator, first, random):
    """Reviews with line ends, separators and quoted words, as a CSV writer writes them."""
    ends = ["\n", f"{separator} ", '\n"fine"\n', f"\n{separator}"]
    rows = [[random.choice(ends).join(text), label] for text, label in texts]
    rows = [row if first else row[::-1] for row in rows]
    names = ["text", "label"] if first else ["label", "text"]
    table, found = read(written([names, *rows], separator).encode())
    assert found == rows and not table.notes


@hypothesis.settings(max_examples=150)
@hypothesis.given(
    st.lists(st.tuples(st.lists(st.sampled_from([*WORDS, '"', '""']), min_size=4, max_size=9),
                       st.sampled_from(["ham", "spam"])), min_size=8, max_size=30),
    st.booleans(), st.sampled_from(["", " "]))  # fmt: skip
def test_stray_quotation_marks_never_swallow_a_row(read, texts, first, space):
    """Tab-separated texts whose marks are letters, anywhere."""
    rows = [[space.join(text), label] for text, label in texts]
    rows = [row if first else row[::-1] for row in rows]
    names = ["text", "label"] if first else ["label", "text"]
    content = "".join("\t".join(row) + "\n" for row in [names, *rows]).encode()
    label_at = names.index("label")
    try:
        table, found = read(content)
    except DataError as error:
        assert "--quotes letters" in str(error)
        table, found = read(content, quotes="letters")
    assert [row[label_at] for row in found] == [row[label_at] for row in rows]
    for cells, row in zip(found, rows, strict=True):
        assert cells[1 - label_at].replace('"', "") == row[1 - label_at].replace('"', "")


def test_marks_with_a_backslash_are_part_of_the_text(read):
    texts = [r"She said \"no\", twice", r"a \\ b", "plain", r"\"Soon\""] * 3
    rows = "".join(f'"{n % 2}","{text}"\n' for n, text in enumerate(texts))
    table, found = read(f"label,text\n{rows}".encode())
    assert [cells[1] for cells in found[:4]] == [
        'She said "no", twice',
        "a \\ b",
        "plain",
        '"Soon"',
    ]
    assert len(found) == 12 and "backslash" in table.notes[0]
    assert read(b'label,text\n1,"a \\n b"\n')[1] == [["1", "a \\n b"]]  # as it is


BROKEN = {
    'text,label\n"a, b",1\n"soon,0\nfine,1\nthe end",0\nmore,1\nless,0\nx,1\n':
        ["line 3: a quotation mark joins 3 lines", "--quotes csv", "line 2: 3 columns"],
    'text,label\n"a, b",1\n"soon,0\nfine,1\n': ["line 3: unexpected end of data", "line 2: 3 col"],
    "text,label\na good, red car,1\n": ["line 2: 3 columns where the first line has 2. A text"],
    "text,label\ngo\rod,1\nfine,0\n": ["line 2: new-line character seen in unquoted field"],
    "": ["is empty"],
}  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
def test_rows_that_do_not_fit_are_named(read, text):
    with pytest.raises(DataError) as error:
        read(text.encode())
    assert all(part in str(error.value) for part in BROKEN[text]), error.value
    assert "\n" not in str(error.value)


def test_a_row_that_was_read_twice_or_never_is_noticed(read):
    rows = iter([(2, ["a"], 1), (3, ["b"], 1)])
    with pytest.raises(DataError, match="4 lines, but 3 were read"):
        list(tables.Table("a.csv", "", ["text"], rows, 4, header=1))


@pytest.mark.parametrize("text, columns, width", [
    ("a\tlabel\n1, 2\tx\n3, 4\ty\n", ["a", "label"], 2),
    ("ham\tGo, now\nspam\tWin, a, lot\n", ["ham", "Go, now"], 2),
    ("a;b\nx, y;1\nz, w;2\n", ["a", "b"], 2),
    ('"text" "label"\n"1" "a \\"good\\" film" 0\n"2" "bad" 1\n', ["", "text", "label"], 3),
    ("text\tlabel\n7\ta\t0\n9\tb\t1\n", ["", "text", "label"], 3),
    ("v1,v2,,,\nham,a,,,\nspam,b,,\n", ["v1", "v2", "", "", ""], 5),
    ("text,label\r\na,1,\r\n\r\n  \r\nb,0\r\n", ["text", "label"], 2),
    ("text,label\ra,1\rb,0\r", ["text", "label"], 2),
])  # fmt: skip
def test_layouts_of_delimited_text(read, text, columns, width):
    for content in text.encode(), text.encode("utf-16"), text.encode("utf-16-le"):
        table, found = read(content)
        assert table.columns == columns and [len(cells) for cells in found[-2:]] == [width] * len(
            found[-2:]
        )
        assert "\r" not in str(found)


def test_row_names_must_be_numbers(read):
    with pytest.raises(DataError, match="3 columns where the first line has 2"):
        read(b"text,label\ngood, nice,1\nbad, so so,0\n")  # no names, but commas in texts


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=6)
OBJECT = st.dictionaries(st.sampled_from(["text", "label", "ü"]), VALUES, min_size=1)
OBJECTS = st.lists(OBJECT, min_size=1, max_size=9)


@pytest.mark.parametrize("form", ["lines", "array", "indented", "columns"])
@hypothesis.settings(max_examples=40)
@hypothesis.given(objects=OBJECTS, wrap=st.sampled_from([*FORMS]))
def test_json_keeps_every_value(read, form, objects, wrap):
    names = list(dict.fromkeys(name for values in objects for name in values))
    expected = [[tables.as_text(values.get(name)) for name in names] for values in objects]
    if form == "lines":
        text = "\n".join(json.dumps(values, ensure_ascii=False) for values in objects)
    elif form == "columns":  # as pandas writes it
        text = json.dumps({name: {n: v.get(name) for n, v in enumerate(objects)} for name in names})
    else:
        text = json.dumps(objects, indent=2 if form == "indented" else None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "HEAD", 50)  # so that an array is read in many pieces
        table, found = read(FORMS[wrap](text.encode()))
    assert table.kind == "JSON" and table.columns == names and found == expected


def test_numbers_and_nested_values_of_json_stay_what_they_are(read):
    line = b'{"id": 12345678901234567890123, "a": {"text": "x", "n": 1.10}, "l": ["p", "q"]}\n'
    table, found = read(line * 2)
    assert table.columns == ["id", "a.text", "a.n", "l"]
    assert found == [["12345678901234567890123", "x", "1.10", '["p", "q"]']] * 2


def test_parquet_and_excel_keep_texts_and_numbers(read, tmp_path):
    pandas = pytest.importorskip("pandas")
    rows = [["a, b\nc", "007", "1"], ["NA", "None", "2"], ["", "x", ""]]
    numbers = pandas.array([1, 2, None], dtype="Int64")
    frame = pandas.DataFrame([row[:2] for row in rows], columns=["text", "label"])
    frame["n"] = numbers
    frame.to_parquet(tmp_path / "a.parquet")
    with pandas.ExcelWriter(tmp_path / "a.xlsx") as book:
        frame.to_excel(book, index=False)
        frame.to_excel(book, sheet_name="more")
    for name, kind in ("a.parquet", "parquet"), ("a.xlsx", "Excel"):
        for wrap in FORMS.values():
            table, found = read(wrap((tmp_path / name).read_bytes()))
            assert table.kind == kind and table.columns == ["text", "label", "n"] and found == rows
    assert table.notes == ["the sheet 'Sheet1' is read; left out: more"]


def test_a_missing_library_is_named_with_the_command_that_installs_it(read, monkeypatch):
    for module in "pandas", "pyarrow":
        monkeypatch.setitem(sys.modules, module, None)
    for content in b"PAR1", zipped({"xl/workbook.xml": b""}):
        with pytest.raises(DataError, match="needs p.*python -m pip install -r requirements-tools"):
            read(content)
    assert read(b'{"text": "a", "label": 1}')[1] == [["a", "1"]]  # needs none


def test_fasttext_lines(read):
    table, found = read(b'__label__1 a, "b\n\n__label__a __label__b  c d\nno label\n')
    assert found == [["1", 'a, "b'], ["a,b", "c d"], ["", "no label"]] and table.blank == 1


@pytest.mark.parametrize("content, reason", [
    (gzip.compress(b"text,label\n" * 999)[:-20], "damaged or incomplete"),
    (bz2.compress(b"text,label\n")[:-4], "damaged or incomplete"),
    (zipped({"a.csv": b"text,label\n", "b.csv": b""}), "zip archive of 2 files .'a.csv', 'b.csv'"),
    (b"\x80\x04\x95abc", "a pickle, which could run code"),
    (b"\n<!DOCTYPE html><p>", "a web page, not the file itself"),
    (bytes(range(256)) * 9, "is not a table: it is binary"),
    (b"PAR1 and so on", "not a whole parquet file"),
    (b'{"text": "a"}\n{"text": \n', "line 2: Expecting value"),
    (b'[{"text": "a"}, {"text": 1', "near object 2: "),
    (b'[{"text": "a"} {"text": 1}]', "no comma between"),
    (b'[{"text": "a"}] x', "something follows the array"),
    (b'[{"text": "a"}, 1]', "near object 3: not an object"),
    (b"text,label\nsch\xf6n,1\n", "line 2: byte 0xf6 is not utf-8.* --encoding cp1252"),
    ("text,label\nгруппа слов,1\n".encode("cp1251"), "line 2: byte .* --encoding cp1251"),
    ("text,label\nschön,1\n".encode() + b"sch\xf6n,1\n", "line 3: .* mixes encodings"),
    ("text,label\na,1\n".encode("utf-16")[:-1], "is not utf-16"),
    ("text,label\n良い①,1\n".encode("cp932"), "cp932 .Japanese"),
    (b"# from x, 2020\ntext\na\n", "line 2: 1 columns.*Remove what stands above the names"),
    (b"text\tlabel\ndoc1\ta\t1\n", "R's row names: row.names = FALSE"),
    (b"text,label\ngo\rod,1\n", "carriage return inside the line.*--quotes letters"),
    (b'{"train": [["a", 1], ["b", 2]], "test": []}', "one JSON object, with 'train', 'test'"),
    (b"{'text': 'a', 'label': 1}\n", "line 1: Expecting property name"),
    (b'<table border="1"><tr><td>', "a table in HTML: .* save it as CSV"),
    (b'\xef\xbb\xbf<?xml version="1.0"?>', "is XML: "),
    (b"ARROW1\0\0", "an Arrow or Feather file"),
    (zipped({"mimetype": b"", "content.xml": b""}), "an office document"),
    (b"a.csv".ljust(257, b"\0") + b"ustar\x0000" + bytes(248), "a tar archive: unpack it"),
])  # fmt: skip
def test_other_files_are_refused_in_one_line(read, content, reason):
    with pytest.raises(DataError, match=reason) as error:
        read(content)
    assert "\n" not in str(error.value)


def test_an_encoding_can_be_named(read):
    content = "text,label\nschön – „gut“,1\n".encode("cp1252")
    assert read(content, encoding="cp1252")[1] == [["schön – „gut“", "1"]]
    with pytest.raises(DataError, match="line 2: byte 0x9d is not cp1252.*--encoding latin-1"):
        read(b"text,label\nA\x9d,1\n", encoding="cp1252")


def test_columns_by_name_number_and_usual_name(read):
    table, _ = read(b"Id,Review ,Class Index,text_2,\n1,a,x,b,\n2,c,y,d,\n")
    assert tables.choose(table, None, None) == ([1], 2)
    assert table.notes == ["texts: column 2 of 5, 'Review'", "labels: column 3 of 5, 'Class Index'"]
    assert tables.choose(table, "review,TEXT_2", "1") == ([1, 3], 0)
    for text, label, reason in [
        ("body", None, "has no column 'body'. Columns: 1 'Id' .1., 2 'Review' .a."),
        ("6", None, "no column '6'"), ("0", None, "no column '0'"),
        ("text_2", "text_2", "--label must be one column, and not one of --text"),
        ("text_2", "id,review", "--label must be one column"),
    ]:  # fmt: skip
        with pytest.raises(DataError, match=reason):
            tables.choose(table, text, label)
    table, _ = read(b"text,label,topic\na,1,x\n")
    with pytest.raises(
        DataError, match="several columns have a usual name for --label.*3 'topic' .x."
    ):
        tables.choose(table, None, None)


def test_a_first_line_that_is_a_row_is_not_lost(read):
    content = b"ham\tGo until I say stop\nspam\tWin a lot of money now\nham\tok\n"
    table, rows = read(content)
    with pytest.raises(DataError, match="--no-header. Columns: 1 'ham' .spam., 2 'Go until"):
        tables.choose(table, None, None)
    with pytest.raises(DataError, match="line 1 looks like data.*--no-header"):
        tables.choose(table, "2", "1")
    table, rows = read(content, header=False)
    assert len(rows) == 3 and tables.choose(table, "2", "1", header=False) == ([1], 0)
    table, _ = read(b"text,label\na,1\nb,0\n", header=False)
    with pytest.raises(DataError, match="leave --no-header out"):
        tables.choose(table, "1", "2", header=False)


@pytest.mark.parametrize("text, rows", [
    ("sep=;\r\ntext;label\r\na, b;1\r\n", [["a, b", "1"]]),
    ('label, text\n1, "good, fine"\n0, "bad"\n', [["1", "good, fine"], ["0", "bad"]]),
    ('text, label\n"good", "1"\n"bad", "0"\n', [["good", "1"], ["bad", "0"]]),
    ('text,label\n\\"a\\" b,1\n"\\"c\\", \\\\ \\n d",0\n',
     [['"a" b', "1"], ['"c", \\ \\n d', "0"]]),
    ("text,label\na,1\nb,0\n\x1a", [["a", "1"], ["b", "0"]]),
    ("text,label\na\\, b,1\nc,0\n", [["a, b", "1"], ["c", "0"]]),
    ("\ufefflabel,text\nham,a\n\ufeffham,b\n\ufeff\"spam\",\"c\"\n",
     [["ham", "a"], ["ham", "b"], ["spam", "c"]]),
    ('"text";"label"\n"good;5\n very";"4"\n"bad";"5"\n', [["good;5\n very", "4"], ["bad", "5"]]),
    ('__label__ham,"good film"\n__label__spam,"bad, too"\n', [["__label__spam", "bad, too"]]),
])  # fmt: skip
def test_habits_of_programs_that_write_tables(read, text, rows):
    assert read(text.encode())[1] == rows


ROWS = [{"text": "good, fine", "label": 1}, {"text": "bad", "label": None}]


@pytest.mark.parametrize("value", [
    {"columns": ["text", "label"], "index": [0, 1], "data": [["good, fine", 1], ["bad", None]]},
    {"5": ROWS[0], "7": ROWS[1]},
    {"a": ROWS[0], "b": ROWS[1]},
    {"schema": {"fields": [{"name": "text"}, {"name": "label"}]}, "data": ROWS},
    {"version": 1, "data": ROWS},
    {"features": [{"name": "text"}], "rows": ROWS, "n": 2},
    [["good, fine", 1], ["bad", None]],
])  # fmt: skip
@pytest.mark.parametrize("indent", [None, 2])
def test_other_shapes_of_json_are_read_row_by_row(read, value, indent):
    table, found = read(json.dumps(value, indent=indent).encode())
    assert table.kind == "JSON" and found == [["good, fine", "1"], ["bad", ""]]
    assert table.columns == (["1", "2"] if isinstance(value, list) else ["text", "label"])


def test_a_mark_at_the_start_overrules_a_named_encoding(read):
    assert read("\ufefftext,label\nschön,1\n".encode(), encoding="latin-1")[1] == [["schön", "1"]]


def test_excel_with_empty_rows_errors_and_carriage_returns(read, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    rows = [[" ", None], ["text", "label"], ["good_x000D_\nfilm", "#N/A"], ["bad", 1]]
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    table, found = read((tmp_path / "a.xlsx").read_bytes())
    assert table.columns == ["text", "label"] and found == [["good\r\nfilm", ""], ["bad", "1"]]
    assert table.notes == ["the first rows (1) are empty and left out"]


def test_decimals_and_dates_of_parquet_have_no_quotation_marks(read, tmp_path):
    pandas = pytest.importorskip("pandas")
    values = [decimal.Decimal("1.0"), decimal.Decimal("2.0")]
    pandas.DataFrame({"text": ["a", "b"], "label": values}).to_parquet(tmp_path / "a")
    assert read((tmp_path / "a").read_bytes())[1] == [["a", "1.0"], ["b", "2.0"]]


def test_a_named_encoding_that_does_not_fit_is_not_answered_with_latin1(read):
    content = "text,label\n良い①,1\n".encode("cp932")
    with pytest.raises(DataError, match="is not shift_jis.*--encoding cp932"):
        read(content, encoding="shift_jis")
    assert read(content, encoding="cp932")[1] == [["良い①", "1"]]
    with pytest.raises(DataError, match="damaged or incomplete"):
        read("text,label\na,1\n".encode("utf-16")[:-1])


def test_one_column_and_columns_by_number_are_said(read):
    with pytest.raises(DataError, match="has one column only, 'a good film'.*a file per text"):
        tables.choose(read(b"a good film\nanother\n")[0], None, None)
    table, _ = read(b"joy\tgood\nham\tbad\n")
    tables.choose(table, "2", "1")
    assert table.notes == ["texts: column 2 of 2, 'good'", "labels: column 1 of 2, 'joy'"]
