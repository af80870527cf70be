"""corpus/tables.py and folders.py: files are read cell for cell or refused, never silently less."""

import bz2
import collections
import csv
import gzip
import io
import json
import random
import re
import sys
import zipfile

import hypothesis
import pytest
from conftest import make_folder
from hypothesis import strategies as st

from corpus import WRITE, DataError, folders, tables

WORDS = "the film was not so good bad and I, we; it's 5 10 don't".split()


def zipped(*names, content=b""):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """A function from a file's bytes to (Table, its rows)."""
    folder = tmp_path_factory.mktemp("tables")

    def read(content, name="a.csv", **options):
        (folder / name).write_bytes(content)
        table = tables.read(str(folder / name), **options)
        rows = [cells for _, cells in table]
        assert all(len(cells) == len(table.columns) for cells in rows) and table.rows == len(rows)
        return table, rows

    return read


def random_table(seed, words, ends):
    """Returns random rows, names first, of a text and a label in either order, and a separator."""
    chance = random.Random(seed)
    separator, rows = chance.choice(",;\t|"), [["text", "label"]]
    for _ in range(chance.randint(6, 25)):
        lines = [chance.choices(words, k=chance.randint(4, 9)) for _ in range(3)]
        text = chance.choice(ends).join(chance.choice([" ", ""]).join(line) for line in lines)
        rows.append([text.replace("SEPARATOR", separator), chance.choice(["ham", "007"])])
    return ([row[::-1] for row in rows] if chance.random() < 0.5 else rows), separator


def test_what_a_csv_writer_wrote_is_read_cell_for_cell(read):
    right = 0
    for seed in range(1500):
        words = [*WORDS, "NA", '"', "\r"] if seed % 2 else WORDS
        ends = ["\n", ", ", '\n"fine"\n', "\nSEPARATOR"]
        (names, *rows), separator = random_table(seed, words, ends)
        file = io.StringIO(newline="")
        csv.writer(file, delimiter=separator).writerows([names, *rows])
        table, found = read(file.getvalue().encode())
        right += found == rows
        assert found == rows or "--quotes none" in table.notes[0]
        assert re.sub(r"\D", "", table.account()) == str(file.getvalue().count("\n"))
        assert read(file.getvalue().encode(), quotes="double")[1] == rows
    assert right > 1490


def test_stray_quotation_marks_never_swallow_a_row(read):
    for seed in range(1500):
        rows, separator = random_table(seed, [*WORDS, '"', '""'], [" "])
        rows = [[cell.replace(separator, " ") for cell in row] for row in rows]
        content = "\n".join(map(separator.join, rows))
        found = [[cell.replace('"', "") for cell in row] for row in read(content.encode())[1]]
        assert found == [[cell.replace('"', "") for cell in row] for row in rows[1:]]


@hypothesis.settings(max_examples=1000)
@hypothesis.given(st.text('ab1",;\t|\\\n\r ', max_size=40), st.booleans())
def test_all_of_a_file_is_in_its_rows_or_it_is_refused(read, text, header):
    try:
        table, found = read(text.encode(), header=header)
    except DataError as error:
        assert str(error).endswith(WRITE) and "\n" not in str(error)
        return
    kept = [*(table.columns if header else []), *(cell for row in found for cell in row)]
    assert re.findall("[ab1]", "".join(kept)) == re.findall("[ab1]", text)
    lines = [line for line in text.split("\n") if line.strip("\r")]
    if len(found) + header < len(lines):  # rows span lines: said, and each line is no row
        assert "--quotes none" in table.notes[-1]
        for separator in "\t|;,":
            assert separator not in lines[0] or len({line.count(separator) for line in lines}) > 1


FORMS = {
    'n,text\n1,"a \\"b\\", c"\n2,"\\\\ \\n"\n': [["1", 'a "b", c'], ["2", "\\ \\n"]],
    "text\tlabel\n7\ta\t0\n9\tb\t1\n": [["7", "a", "0"], ["9", "b", "1"]],  # R's row names
    "\r\ntext,label\r\na,1\r\n\r\nb,\r\n": [["a", "1"], ["b", ""]],
    "ham\tGo, now\nspam\tWin, a, lot\n": [["spam", "Win, a, lot"]],
    'a,b;c,d\n\ufeff"1",2;3,4\n': [["1", "2;3", "4"]],
    '[{}, {"a": 1, "b": "x"}]': [["", ""], ["1", "x"]],
    f"text,label\n{'x' * 150_000},1\n": [["x" * 150_000, "1"]],
    '__label__1 a, "b\n\n__label__a __label__b  c\nno': [["1", 'a, "b'], ["a,b", "c"], ["", "no"]],
    '{"n": 1.10, "l": ["a"]}\n{"b": true, "l": ["\\ud800", 2]}': [
        ["1.10", "a", ""],
        ["", '["?", "2"]', "true"],
    ],
}


@pytest.mark.parametrize("text", FORMS)
def test_forms_of_text_files(read, text):
    for content in text.encode(), text.encode("utf-8-sig"), text.encode("utf-16"):
        archive = zipped("a.csv", "__MACOSX/._a.csv", content=content)
        packed = [gzip.compress(content), bz2.compress(content), archive, content]
        for content, name in zip(packed, ["a.gz", "a.bz2", "a.zip", "a"]):
            assert read(content, name)[1] == FORMS[text]


VALUES = st.none() | st.integers() | st.text(max_size=6)
OBJECT = st.dictionaries(st.sampled_from(["text", "label", "\u00fc"]), VALUES, min_size=1)


@hypothesis.given(st.lists(OBJECT, min_size=1), st.sampled_from(["lines", None, 2]))
def test_json_keeps_every_value(read, objects, form):
    lines = "\n".join(map(json.dumps, objects))
    text = lines if form == "lines" else json.dumps(objects, indent=form)
    table, found = read(text.encode())
    assert table.columns == list(dict.fromkeys(name for values in objects for name in values))
    expected = [[values.get(name) for name in table.columns] for values in objects]
    assert found == [["" if cell is None else str(cell) for cell in cells] for cells in expected]


def test_parquet_and_excel_keep_cells_as_they_stand(read, tmp_path):
    openpyxl, pandas = pytest.importorskip("openpyxl"), pytest.importorskip("pandas")
    rows = [["a, b\nc", "007", "1"], ["NA", "None", "x"], ["", "1.0", ""]]
    frame = pandas.DataFrame(rows, columns=["text", "label", ""])
    assert read(frame.to_parquet())[1] == rows
    book, path = openpyxl.Workbook(), tmp_path / "a.xlsx"
    sheet = book.active
    book.create_sheet("first", 0).append(["a note"])
    for row in [[], ["", None, "text", "label"], *[[row[2], None, *row[:2]] for row in rows]]:
        sheet.append(row)
    sheet["XFD2"] = "far"  # the last column: not 16,384 cells in each row
    book.save(path)
    table, found = read(path.read_bytes())
    assert table.columns == ["", "text", "label", "far"] and "'first'" in table.notes[0]
    assert found == [[row[2], *row[:2], ""] for row in rows]
    for value, reason in (1, "row 3.*column"), ("=1+1", "formula"):
        sheet["XFD2"], sheet["XFD3"] = None, value
        book.save(path)
        with pytest.raises(DataError, match=reason):
            read(path.read_bytes())


REFUSED = {
    b"": "",
    b"text,label\na,1\nb\n": "line 3|1 instead of 2",
    b'text,label\n"a, b",1\n"c,0\nd,1\n': "line 3",
    b"text,label\na\rb,1\n": "line 2",
    b"text,label\n1,a, b\nx,a,b\n": "line 2|3 instead of 2",
    b"text,label\n\x1b[31m,1,1\n": r"line 2|\x1b[31m",
    b"text,label\nsch\xf6n,1\n": "line 2|--encoding|cp1252",
    b"text,label\nsch\xf6n,1\nsch\xc3\xb6n,1\n": "line 2|line 3|mixes",
    "text,label\n".encode("utf-16-le"): "line 1|--encoding utf-16-le",
    "text,label\n".encode("utf-16")[:-1]: "utf-16",
    gzip.compress(b"text,label\n" * 99)[:-9]: "",
    zipped("a.csv", "b.csv"): "2 files",
    b'{"text": "a"}\n{"text": \n': 'line 2|{"text": "..."',
    b'[{"text": "a"}, 1]': 'row 2|{"text": "..."',
    b'{"text": {"0": "a"}, "label": {"0": 1}}': '{"text": "..."',
    b"__label__1 a\r__label__2 b\r": "line 1|__label__",
    b"PAR1 and so on": "",
    b"PK\3\4 and so on": "",
}


@pytest.mark.parametrize("content", REFUSED)
def test_other_files_are_refused_in_one_line_with_the_way_out(read, content):
    name = "a.gz" if content[:2] == b"\x1f\x8b" else "a.zip" if content[:2] == b"PK" else "a.csv"
    with pytest.raises(DataError) as error:
        read(content, name)
    assert name in str(error.value) and not re.search(r"[\n\x1b]", str(error.value))
    assert all(part in str(error.value) for part in [*REFUSED[content].split("|"), WRITE])


def test_a_missing_library_is_named_with_the_command_that_installs_it(read, monkeypatch):
    for module, start in ("pyarrow.parquet", b"PAR1"), ("openpyxl", b"PK\3\4"):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(DataError, match=f"{module}.*pip install -r requirements-tools.txt"):
            read(start)


def test_columns_by_name_number_and_usual_name(read):
    table, _ = read(b"Id,Review ,Class Index,text_2,x,X\n1,a,x,b,,\n")
    assert tables.choose(table, None, None) == ([1], 2)
    assert "'Review'" in table.notes[0] and "'Class Index'" in table.notes[1]
    assert tables.choose(table, "review,TEXT_2", "1") == ([1, 3], 0)
    for text, label in ("y", None), ("7", None), ("0", None), ("x", None), ("id", "id,review"):
        with pytest.raises(DataError, match="--text|--label"):
            tables.choose(table, text, label)
    ways = {b"text,label,topic": "--label", b"ham\ta": "--no-header --text 1", b"text": "pandas"}
    for content, way in ways.items():
        with pytest.raises(DataError, match=way):
            tables.choose(read(content)[0], None, None)
    assert read(b"ham\ta\nspam\tb\n", header=False)[1] == [["ham", "a"], ["spam", "b"]]
    content = "text;1\nsch\u00f6n;2\n".encode("cp1252")
    assert read(content, encoding="cp1252")[1] == [["sch\u00f6n", "2"]]


def test_every_file_of_a_folder_is_a_text_or_has_a_reason(tmp_path):
    parts = ["train", "Test", "dev"]
    content = {f"{part}/{name}/{n}": b"text" for part in parts for name in "ab" for n in range(2)}
    others = [
        "readme",
        "__MACOSX/a/1",
        "train/.x/1",
        "train/unsup/1",
        "train/a/.x",
        "train/a/x.csv",
    ]
    content |= dict.fromkeys(others, b"text") | {"train/b/x.jpg": bytes(range(256))}
    content["train/a/1"] = "\ufefftext".encode("utf-16-le")
    path = make_folder(tmp_path / "mine", content)
    (tmp_path / "mine/train/b/link").symlink_to(tmp_path)
    rows = list(folders.texts(path, None))
    taken = collections.Counter(row[:3] for row in rows if not row[4])
    parts = ["train", "test", "validation"]
    assert taken == {(part, "text", name): 2 for part in parts for name in "ab"}
    left_out = {row[3] for row in rows if row[4]}
    assert left_out == {f"{path}/{name}" for name in [*others, "train/b/x.jpg", "train/b/link"]}
    path = make_folder(tmp_path / "vehicles", {"bus/1": b"a", "train/1": b"\nb\xe4d"})
    with pytest.raises(DataError, match="train/1, line 2.*--encoding"):
        list(folders.texts(path, None))
    assert [row[2] for row in folders.texts(path, "cp1252")] == ["bus", "train"]


LAYOUTS = {
    "x/in/a/1 x/in/b/1": "python prepare_texts.py mine/x/in",
    "x/a.csv": "python prepare_texts.py mine/x/a.csv",
    "train/a.csv test/b.csv": "python prepare_texts.py mine/train/a.csv --test mine/test/b.csv",
    "train-1.csv train-2.csv test.csv": WRITE,
    "train/a/1 train/b/1 docs/1": WRITE,
    "train/a/1 train/b/1 test/1": WRITE,
    "test/a/1 test/b/1 dev/a/1": WRITE,
    "fold1/a/1 fold1/b/1 fold2/a/1 fold2/b/1": WRITE,
    "reviews.pos reviews.neg": WRITE,
}


@pytest.mark.parametrize("files", LAYOUTS)
def test_a_folder_of_another_layout_is_refused_with_the_way_out(in_folder, files):
    make_folder(in_folder / "mine", dict.fromkeys(files.split(), b"text"))
    with pytest.raises(DataError, match=re.escape(LAYOUTS[files]) + "$"):
        list(folders.texts("mine", None))
