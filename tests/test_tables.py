"""corpus/tables.py and folders.py: files are read cell for cell or refused, never silently less."""

import re

import hypothesis
import openpyxl
import pandas
import pytest
from conftest import make_folder
from hypothesis import strategies as st

from corpus import WRITE, DataError, folders, tables

STRAY = st.lists(st.text('ab"'), min_size=2).map(",0\n".join).map("{},0".format) | st.text('a",\n')
CELL = st.text('ab1",;|\\\n\t é', min_size=1)


def read(factory, content, **options):
    path = factory.getbasetemp() / "a.csv"
    path.write_bytes(content)
    table = tables.read(str(path), **options)
    rows = [cells for _, cells in table]
    assert all(len(cells) == len(table.columns) for cells in rows) and table.rows == len(rows)
    return table, rows


@hypothesis.settings(max_examples=1000)
@hypothesis.given(st.text('ab1",;\t|\\\n\r ', max_size=40) | STRAY, st.booleans())
def test_all_of_a_file_is_in_its_rows_or_it_is_refused(tmp_path_factory, text, header):
    try:
        table, rows = read(tmp_path_factory, text.encode(), header=header)
    except DataError as error:
        assert str(error).endswith(WRITE) and "\n" not in str(error)
        return
    kept = [*(table.columns if header else []), *(cell for row in rows for cell in row)]
    assert re.findall(r"[a-z\d]", "".join(kept)) == re.findall(r"[a-z\d]", text)
    lines = [line for line in text.split("\n") if line.strip("\r")]
    if len(rows) + header < len(lines):  # rows span lines: said, and not each line is a row
        assert "--quotes none" in table.notes[-1]
        for separator in "\t|;,":
            differ = len({line.count(separator) for line in lines}) > 1
            assert separator not in lines[0] or differ or re.search("\r(?!\n)", text)


@hypothesis.settings(max_examples=50)
@hypothesis.given(st.lists(st.tuples(CELL, CELL), min_size=1))
def test_what_pandas_writes_is_read_cell_for_cell(tmp_path_factory, rows):
    frame, folder = pandas.DataFrame(rows, columns=["text", "label"]), tmp_path_factory.mktemp("a")
    for ending in "csv", "gz":
        frame.to_csv(folder / f"a.{ending}", index=False)
    frame.to_json(folder / "lines", orient="records", lines=True)
    frame.to_json(folder / "array", orient="records")
    frame.to_parquet(folder / "parquet")
    frame.to_excel(folder / "excel.xlsx", index=False)
    for path in folder.iterdir():
        for quotes in None, "double":
            table = tables.read(str(path), quotes=quotes)
            same = [tuple(cells) for _, cells in table] == rows
            assert same or (quotes is None and "--quotes" in str(table.notes))


FORMS = {  # rows, or what the refusal names
    "\r\ntext,label\r\na,1\r\n\r\nb,\r\n": [["a", "1"], ["b", ""]],
    'text\tlabel\n"no" way\t0\n5" wide"\t1\n': [['"no" way', "0"], ['5" wide"', "1"]],
    'a,b;c,d\n\ufeff"1",2;3,4\n': [["1", "2;3", "4"]],
    '[{}, {"a": 1.10, "b": ["\\ud800"]}]': [["", ""], ["1.10", "?"]],
    "text,label\n1,a, b\nx,a,b\n": "line 2, 3 instead of 2",
    "text\0,label\na,1\n": "line 1 may be UTF-16",
    '{"text": "a"}\n{"text": {"0": "a"}, "label": {"0": 1}}': "row 2",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", FORMS)
def test_text_files_are_read_or_refused_with_the_place(tmp_path_factory, text, encoding):
    if isinstance(FORMS[text], list):
        assert read(tmp_path_factory, text.encode(encoding))[1] == FORMS[text]
        return
    with pytest.raises(DataError, match=f"a.csv, {FORMS[text]}.*{WRITE}"):
        read(tmp_path_factory, text.encode(encoding))


def test_excel(tmp_path):
    book, path = openpyxl.Workbook(), tmp_path / "a"
    for row in [], [None, "text", "label"], [], [0, "NA", "007"], [0, None, False], [None, 1, 2]:
        book.active.append(row)
    book.save(path)
    expected = [(4, ["0", "NA", "007"]), (5, ["0", "", "false"]), (6, ["", "1", "2"])]
    assert list(tables.read(str(path))) == expected
    book.create_sheet()["A1"] = "more"
    book.save(path)
    with pytest.raises(DataError, match=f"'Sheet1'.*{WRITE}"):
        tables.read(str(path))


def test_columns_by_name_number_and_usual_name(tmp_path_factory):
    table, _ = read(tmp_path_factory, b"Id,Review ,Class Index,topic,x,X\n1,a,x,b,,\n")
    assert tables.choose(table, None, "CLASS index") == ([1], 2)
    assert tables.choose(table, None, None) == ([1], 3)
    for text, label in ("y", "1"), ("7", "1"), ("0", "1"), ("x", "1"), ("1", "1"), ("4", None):
        with pytest.raises(DataError, match=f"--(text|label).*{WRITE}"):
            tables.choose(table, text, label)


FOLDERS = {  # files: part and class of those that are taken
    "train/a/1 Test/a/1 dev/b/1": "train a text, test a text, validation b text",
    "b/1 train/1 no __MACOSX/b/1 b/.ipynb/1 b/x.csv unsup/1": "None b text, None train text",
}


@pytest.mark.parametrize("files", FOLDERS)
def test_every_file_of_a_folder_is_a_text_or_has_a_reason(in_folder, files):
    names = [f"mine/{name}" for name in files.split()]
    make_folder(in_folder, dict.fromkeys(names, "text".encode("utf-16")))
    (in_folder / (link := f"{names[0]}.link")).symlink_to("nowhere")
    rows = list(folders.texts("mine", None))
    assert sorted(row[3] for row in rows) == sorted([link, *names])
    taken = [f"{part} {name} {text}" for part, text, name, _, reason in rows if not reason]
    assert sorted(taken) == sorted(FOLDERS[files].split(", "))
    make_folder(in_folder, {"mine/fold/a/1": b"text"})
    with pytest.raises(DataError, match=f"nothing beside.*{WRITE}"):
        list(folders.texts("mine", None))
