"""prepare_texts.py: tables and folders of a user to a data file."""

import csv
import os

import numpy as np
import pytest
from conftest import ROOT, make_folder, run, texts_of, words_of

import prepare_texts
from corpus import DataError, data_file

ROWS = [(f"word{row} {'good' if row % 2 else 'bad'} thing", str(row % 2)) for row in range(40)]


def write_table(path, rows, delimiter=",", encoding="utf-8", header=("text", "label")):
    with open(path, "w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return path


def prepare(*arguments):
    """Runs the program; returns the one data file in data, and its classes."""
    prepare_texts.main(list(arguments))
    [name] = os.listdir("data")
    data = data_file.read(f"data/{name}")
    return data, bytes(data["classes"]).decode().split("\n")


def decode(data, part):
    """Returns pairs of a text and its label."""
    vocabulary = words_of(data)
    texts = [" ".join(vocabulary[id - 4] for id in text[1:]) for text in texts_of(data, part)]
    return list(zip(texts, data[f"y_{part}"].tolist(), strict=True))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_keeps_every_text_with_its_label(in_folder, delimiter):
    rows = [("", f'{text}, "quoted"; over\ntwo\tlines |', label) for text, label in ROWS]
    table = write_table("mine.csv", rows, delimiter, header=("", " text", "label "))
    data, classes = prepare(table)
    assert os.listdir("data") == ["mine.npz"] and classes == ["0", "1"]
    assert len(data["y_train"]) == 32 and len(data["y_test"]) == 8
    source = "own texts, mine.csv, 20% of it for test, seed 1"
    assert str(data["source"]) == data_file.about_of(data)["source"] == source
    expected = {(f"{text} quoted over two lines", int(label)) for text, label in ROWS}
    train = set(decode(data, "train"))
    assert train <= expected and len(train) == 32
    for text, label in decode(data, "test"):  # without the words that do not occur in train
        assert text == f"{'good' if label else 'bad'} thing quoted over two lines"
    assert data["vectors"].shape == (len(words_of(data)) + 4, 128) and data["vectors"].any()


def test_columns_and_encodings_can_be_chosen(in_folder):
    rows = [(label, f"Größe {text}") for text, label in ROWS]
    options = "--text", "größe", "--label", "Klasse"
    header = "Klasse", "größe"
    table = write_table("mine.csv", rows, encoding="cp1252", header=header)
    one, _ = prepare(table, *options, "--encoding", "cp1252")
    other, _ = prepare(write_table("mine.csv", rows, encoding="utf-8-sig", header=header), *options)
    assert "größe" in words_of(one)
    assert data_file.about_of(one) == data_file.about_of(other)


def test_a_folder_gives_the_same_as_a_table_whatever_its_line_ends(in_folder):
    ends = ["\n", "\r\n", "\r"]
    files = {f"{label}/{row:02}.{'txt' if row % 5 else 'TXT'}": text.replace(" ", ends[row % 3])
             for row, (text, label) in enumerate(ROWS)}  # fmt: skip
    files |= {"1/notes.md": "no text", "loose.txt": "no class"}
    make_folder(in_folder / "mine.v1", {name: text.encode() for name, text in files.items()})
    folder, classes = prepare("mine.v1")
    assert classes == ["0", "1"] and os.listdir("data") == ["mine.v1.npz"]
    os.remove("data/mine.v1.npz")
    table, _ = prepare(write_table("mine.csv", sorted(ROWS, key=lambda row: row[1])))
    assert all(np.array_equal(folder[name], table[name]) for name in data_file.ARRAYS)


def test_a_class_whose_name_is_not_utf8_is_refused_in_one_line(in_folder):
    classes = "gut", os.fsdecode(b"gr\xf6\xdfer")
    make_folder(in_folder, {f"mine/{name}/1.txt": b"good" for name in classes})
    with pytest.raises(DataError, match="1.txt: the label is not UTF-8$"):
        prepare("mine")


@pytest.mark.parametrize("size, counts", [("0.1", [1, 1, 19]), ("0.9", [9, 1, 171])])
def test_the_split_is_stratified_seeded_and_shuffled(in_folder, size, counts):
    labels = ["rare"] * 10 + ["two"] * 2 + ["usual"] * 190
    table = write_table("mine.csv", [(f"unique{row}", label) for row, label in enumerate(labels)])
    seeds = ["5", "5", "6"]
    one, again, other = (prepare(table, "--test-size", size, "--seed", n)[0] for n in seeds)
    assert np.bincount(one["y_test"]).tolist() == counts
    assert np.bincount(one["y_train"]).tolist() == [10 - counts[0], 1, 190 - counts[2]]
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert not np.array_equal(one["vocabulary"], other["vocabulary"])
    # Validation, the front of train, needs all classes.
    assert not np.array_equal(np.sort(one["y_train"]), one["y_train"])


def test_a_test_part_of_the_users_is_kept_and_texts_without_words_are_left_out(in_folder, capsys):
    write_table("mine.csv", [*ROWS[:3], (" ... ", "1"), ("", "1"), *ROWS[3:]])
    write_table("other.csv", [("good thing", "1"), ("bad new thing", "0"), ROWS[0]])
    data, _ = prepare("mine.csv", "--test", "other.csv")
    assert len(data["y_train"]) == len(ROWS)  # without the texts that have no words
    assert decode(data, "test") == [("good thing", 1), ("bad thing", 0), ("word0 bad thing", 0)]
    messages = capsys.readouterr().err
    assert "1 of 3 test texts are in train too" in messages
    assert "no words in them: 2, the first at mine.csv, line 5" in messages
    assert str(data["source"]) == "own texts, mine.csv, test from other.csv"


@pytest.mark.parametrize("ordered", ["-2 -1 0.5 9 10", "10 9 a b"])
def test_classes_are_ordered_by_name_or_number(in_folder, ordered):
    ordered = ordered.split()
    rows = [(f"text {ordered.index(name)}", name) for name in ordered[::-1] * 5]
    data, classes = prepare(write_table("mine.csv", rows))
    assert classes == ordered
    assert all(text == f"text {label}" for text, label in decode(data, "train"))


TABLES = {
    b"good,1\nbad,0\n": "Line 1: 'good,1'. Choose with --text and --label",
    b"text,label\n": "there are no texts in mine.csv",
    b"text,label\rgood,1\rbad,0\r": "line 1: a carriage return in the line",
    b"text,label\ngood,1\nbad,\n": "line 3: the label is empty",
    b'text,label\ngood,1\nbad,"0\n1"\n': "line 3: the label is of several lines",
    b'text,label\ngood,1\n"bad,0\nmore,0\n': "line 3: unexpected end of data",
    b"text,label\ngood,1\nfine,1\n": "are of class '1'",
    b"text,label\na,1\nb,2\nc,3\nd,4\n": "with a single text: '1', '2', '3' and 1 more",
    b"text,label\na good, red car,1\n": "line 2: 3 columns where the first line has 2. A text",
    b"PK\x03\x04\x14\x00": "mine.csv is a zip file, as those of Excel are",
    b"text,label\ngood,1\nsch\xf6n,1\n": "line 3: byte 0xf6 is not utf-8",
}


@pytest.mark.parametrize("content", TABLES)
def test_an_invalid_table_is_refused_in_one_line(in_folder, content):
    (in_folder / "mine.csv").write_bytes(content)
    with pytest.raises(DataError) as error:
        prepare("mine.csv")
    assert TABLES[content] in str(error.value) and "\n" not in str(error.value)
    assert not os.path.exists("data/mine.npz")


def test_other_input_is_refused_in_one_line(in_folder, small_sample):
    write_table("mine.csv", ROWS)
    write_table("other.csv", [("new", "2"), ("old", "1")])
    make_folder(in_folder / "broken", {"a/1.txt": b"good", "b/2.txt": b"fine\nb\xffd"})
    data_file.write("data/imdb.npz", small_sample)
    earlier = {name: small_sample[name] for name in data_file.ARRAYS}
    np.savez("data/old.npz", **earlier, source="own texts, old.csv")
    before = {path.name: path.read_bytes() for path in (in_folder / "data").iterdir()}
    refusals = {
        ("missing.csv",): "there is no file or folder missing.csv",
        ("mine.csv", "--test", "other.csv"): "other.csv has the class '2', of which mine.csv has",
        ("mine.csv", "data/imdb.npz"): "data/imdb.npz holds other data",
        ("mine.csv", "data/old.npz"): "layout of an earlier version.*prepare_texts.py",
        ("broken",): "2.txt, line 2: byte 0xff is not utf-8",
    }
    for arguments, reason in refusals.items():
        with pytest.raises(DataError, match=reason) as error:
            prepare(*arguments)
        assert "\n" not in str(error.value)
    assert {path.name: path.read_bytes() for path in (in_folder / "data").iterdir()} == before


USAGE = ["mine.txt"], ["--encoding", "utf-16"], ["--encoding", "x"], ["--test-size", "1"], \
    ["--seed", "-1"], ["--test-size", "0.3", "--test", "other.csv"]  # fmt: skip
EMPTY = [""], ["--test", ""], ["--test="]


@pytest.mark.parametrize("arguments", [*USAGE, *EMPTY])
def test_an_invalid_command_line_is_refused(in_folder, capsys, arguments):
    write_table("mine.csv", ROWS)
    with pytest.raises(SystemExit) as stop:
        prepare("mine.csv", *arguments)
    assert stop.value.code == 2 and os.listdir() == ["mine.csv"]
    last = capsys.readouterr().err.splitlines()[-1]
    assert ("an argument is empty" in last) == (arguments in EMPTY)


def test_the_program_runs_in_the_c_locale_with_names_that_are_not_ascii(in_folder, monkeypatch):
    for name, value in {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(name, value)
    rows = [(f"schön {row}", "größer" if row % 2 else "gut") for row in range(9)]
    write_table("Müde 1.csv", rows)
    process = run(ROOT / "prepare_texts.py", in_folder, "Müde 1.csv", "--seed", "2", "data/ü.npz")
    assert process.returncode == 0, process.stderr
    assert bytes(data_file.read("data/ü.npz")["classes"]).decode() == "größer\ngut"
