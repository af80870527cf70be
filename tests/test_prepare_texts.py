"""prepare_texts.py: tables and folders of a user to a data file."""

import csv
import os

import numpy as np
import pytest
from conftest import ROOT, make_folder, run, texts_of, words_of

import prepare_texts
from corpus import DataError, advice, data_file

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
    assert data["vectors"].shape == (len(words_of(data)) + 4, 256) and data["vectors"].any()


def test_columns_and_encodings_can_be_chosen(in_folder):
    rows = [(label, f"Größe {text}") for text, label in ROWS]
    options = "--text", "größe", "--label", "Klasse"
    header = "Klasse", "größe"
    table = write_table("mine.csv", rows, encoding="cp1252", header=header)
    one, _ = prepare(table, *options, "--encoding", "cp1252")
    other, _ = prepare(write_table("mine.csv", rows, encoding="utf-8-sig", header=header), *options)
    assert "größe" in words_of(one)
    assert data_file.about_of(one) == data_file.about_of(other)


def test_a_folder_gives_the_same_as_a_table_whatever_its_line_ends(in_folder, capsys):
    ends = ["\n", "\r\n", "\r"]
    files = {f"{label}/{row:02}.{'txt' if row % 5 else 'TXT'}": text.replace(" ", ends[row % 3])
             for row, (text, label) in enumerate(ROWS)}  # fmt: skip
    files |= {"loose.txt": "no class", "1/.hidden": "none"}
    content = {name: text.encode("utf-16" if "7" in name else "utf-8-sig")
               for name, text in files.items()}  # fmt: skip
    make_folder(in_folder / "mine.v1", content | {"0/a.jpg": bytes(range(256))})
    folder, classes = prepare("mine.v1")
    assert classes == ["0", "1"] and os.listdir("data") == ["mine.v1.npz"]
    os.remove("data/mine.v1.npz")
    in_order = sorted(enumerate(ROWS), key=lambda row: (row[1][1], f"{row[0]:02}"))
    table, _ = prepare(write_table("mine.csv", [row for _, row in in_order]))
    said = capsys.readouterr().out
    for line in ["43 files", "40  taken", "1  not text, the first: mine.v1/0/a.jpg",
                 "1  in no folder of a class, the first: mine.v1/loose.txt",
                 "1  hidden, or left by a system, the first: mine.v1/1/.hidden"]:  # fmt: skip
        assert line in said
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
    report = capsys.readouterr().out
    assert "1 of 3 test texts are in train too" in report
    assert "mine.csv: 42 rows in 43 lines (1 with the names of the columns)\n" in report
    assert "2  without words, the first: mine.csv, line 5\n" in report
    assert "other.csv: 3 rows in 4 lines" in report
    assert str(data["source"]) == "own texts, mine.csv, test from other.csv"


@pytest.mark.parametrize("ordered", ["-2 -1 0.5 9 10", "10 9 a b"])
def test_classes_are_ordered_by_name_or_number(in_folder, ordered):
    ordered = ordered.split()
    rows = [(f"text {ordered.index(name)}", name) for name in ordered[::-1] * 5]
    data, classes = prepare(write_table("mine.csv", rows))
    assert classes == ordered
    assert all(text == f"text {label}" for text, label in decode(data, "train"))


TABLES = {
    b"good,1\nbad,0\n": "--no-header. Columns: 1 'good' (bad), 2 '1' (0)",
    b"text,label\n": "there are no texts in mine.csv",
    b"text,label\n...,1\n": "there are no texts in mine.csv. 0  taken; 1  without words, the first",
    b'text,label\ngood,1\nbad,"0\n1"\n': "line 3: the label has several lines",
    b"text,label\ngood,1\nfine,1\n": "are of class '1'",
    b"text,label\na,1\nb,2\nc,3\nd,4\n": "with a single text: '1', '2', '3' and 1 more",
    b"text,label\na,x|y\nb,x|z\nc,y\nd,z\n": "does a cell hold several labels?",
    b"text,label\na good, red car,1\n": "line 2: 3 columns where the first line has 2. A text",
    b"text,label\ngood,1\nsch\xf6n,1\n": "line 3: byte 0xf6 is not utf-8",
    b"review,text,label\na,b,1\n": "several columns have a usual name for --text. "
    "Choose by name or number",
    b"PK\x03\x04\x14\x00": "mine.csv is damaged or incomplete",
    b"the 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1.0\n" * 3: 'Type: VECTORS_FILE = "mine.csv" in',
    b"<!DOCTYPE html>": "mine.csv is a web page",
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
        ("mine.csv", "data/imdb.npz"): "data/imdb.npz is not from prepare_texts.py",
        ("mine.csv", "data/old.npz"): "is from an earlier version.*prepare_texts.py",
        ("broken",): "2.txt, line 2: byte 0xff is not utf-8",
    }
    for arguments, reason in refusals.items():
        with pytest.raises(DataError, match=reason) as error:
            prepare(*arguments)
        assert "\n" not in str(error.value)
    assert {path.name: path.read_bytes() for path in (in_folder / "data").iterdir()} == before


USAGE = [
    ["mine.txt"], ["--encoding", "hex"], ["--encoding", "x"], ["--quotes", "x"], ["--seed", "-1"],
    ["--test-size", "1"], ["--test-size", "0.3", "--test", "other.csv"],
]  # fmt: skip
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


# What people's files must give: options, classes, texts, what is said.
FIELD = {
    "quotes_swallow_text_first.tsv": ([], "0 1", 20, "marks are ordinary characters"),
    "quotes_refused.tsv": ([], "ham spam", 20, "marks are ordinary characters"),
    "quotes_backslash.csv": (
        ["--text", "Title,Description", "--label", "Class Index"], "1 2", 20, "backslash"),
    "folder_train_test": ([], "neg pos", 20, "train and test as given"),
    "folder_unsup": ([], "neg pos", 8, "4  in unsup, without a class, the first: "),
    "folder_unsup/train": ([], "neg pos", 8, "4  in unsup, without a class, the first: "),
    "folder_checkpoints": ([], "neg pos", 8, "2  hidden, or left by a system, the first: "),
    "folder_apple": ([], "neg pos", 8, "2  hidden, or left by a system, the first: "),
    "folder_no_ending": ([], "rec.boats sci.tea", 8, "8 files"),
    "lines.jsonl": ([], "FOOD TRAVEL", 20, "'headline'\nlabels: column 1 of 2, 'category'"),
    "binary.parquet": ([], "0 1", 20, "20 rows\n"),
    "binary.ft.txt.bz2": ([], "1 2", 20, "20 rows in 20 lines\n"),
    "fasttext.txt": ([], "1 2", 20, "20 rows in 20 lines\n"),
    "excel_utf16.txt": ([], "bad good", 20, "20 rows in 21 lines"),
    "spaces_nbsp.csv": ([], "0 1", 20, ""),
    "curly_apostrophe.csv": ([], "no yes", 20, ""),
    "literal_backslash_n.csv": ([], "1 2", 20, ""),
    "label_1_and_1.0.csv": ([], "0 1", 20, "one class in several spellings: '1', '1.0'"),
    "label_na.csv": ([], "0 1", 17, "3  with the label nan, the first: "),
    "label_empty.csv": ([], "0 1", 17, "3  without a label, the first: "),
    "label_several.csv": (
        [], "food food|travel music,_food travel|music", 20, "several labels in a cell, as in"),
    "r_row_names.tsv": ([], "0 1", 20, "the first column has no name: row names, as R writes"),
    "IMDB Dataset.csv": ([], "negative positive", 20, "20 rows span 40 lines, the first from line"),
    "rare_class.csv": ([], "complaint fine", 600, "class_weight={0: 10, 1: 0.526}"),
    "small_100.csv": ([], "negative positive", 100, "Set BATCH_SIZE = 4, EPOCHS = 20"),
    "small_80_ok.csv": ([], "open shut", 80, ""),
    "small_three_classes_ok.csv": ([], "account billing delivery", 90, ""),
}  # fmt: skip
WORDS = {  # words that must be in the vocabulary, words that must not
    "IMDB Dataset.csv": ("said", "br"),
    "spaces_nbsp.csv": ("concert", ""),
    "curly_apostrophe.csv": ("wouldn't again", ""),
    "literal_backslash_n.csv": ("food bye", "nfood nbye nnfood"),
    "quotes_backslash.csv": ("no twice", ""),
}


@pytest.mark.parametrize("name", FIELD)
def test_peoples_files_are_read_right(in_folder, capsys, name):
    path = ROOT.parent / "shared" / "field_cases" / name
    if not path.exists():
        pytest.skip("the miniatures (../shared/field_cases) are missing")
    options, classes, count, said = FIELD[name]
    data, found = prepare(str(path), *options)
    printed = capsys.readouterr()
    assert [name.replace(" ", "_") for name in found] == classes.split()
    assert len(data["y_train"]) + len(data["y_test"]) == count
    assert said in printed.err + printed.out
    present, absent = (set(part.split()) for part in WORDS.get(name, ("", "")))
    vocabulary = set(words_of(data))
    assert present <= vocabulary and not absent & vocabulary
    assert not any(mark in word for word in vocabulary for mark in "’“”…\xa0\u202f")
    if name == "folder_train_test":
        assert len(data["y_train"]) == 12


def test_several_columns_are_joined_and_the_first_line_may_be_a_row(in_folder):
    rows = [("n", f"title{n % 2}", f"body{n // 4} good", n % 2) for n in range(8)]
    table = write_table("mine.csv", rows[1:], header=rows[0])
    data, _ = prepare(table, "--no-header", "--text", "2,3", "--label", "4")
    texts = [text for part in ("train", "test") for text, _ in decode(data, part)]
    expected = [f"title{n % 2} body{n // 4} good" for n in range(8)]
    assert sorted(texts) == sorted(expected)


def test_labels_that_are_spelt_differently_are_one_class(in_folder, capsys):
    spelt = [
        "Ham",
        " ham",
        "\ufeffham\0",
        "ham\u200b",
        "Scho\u0308n",
        "sch\u00f6n",
        "NA",
        "NA",
        "007",
        "007",
    ]
    rows = [(f"text {n}", label) for n, label in enumerate(spelt)]
    rows[3:3] = [
        ("text", "label"),
        ("no label", " "),
        ("x", "NaN"),
        ("y", r"\N"),
        ("Text", "Label"),
    ]
    _, classes = prepare(write_table("mine.csv", rows))
    assert classes == ["007", "NA", "Sch\u00f6n", "ham"]
    report = capsys.readouterr().out
    assert "classes: 'NA'. If that is no label" in report
    assert "in several spellings: 'Ham', 'ham'" in report
    for line in ["10  taken", "1  without a label, the first: mine.csv, line 6",
                 "1  with the label nan, the first: mine.csv, line 7",
                 "1  with the label nan or \\N, the first: mine.csv, line 8",
                 "2  repeated column names, the first: mine.csv, line 5"]:  # fmt: skip
        assert line in report


@pytest.mark.parametrize("numbers, classes", [
    (["1", "1.0", "2.50", "2.5", "-0.0", "0"], ["0", "1", "2.5"]),
    (["1", "01", "1", "01", "10", "10.0"], ["01", "1", "10"]),
    (["+1", "1", "1.", "1.000000000000000000e+00", "-1", "-1.0e+00"], ["-1", "1"]),
])  # fmt: skip
def test_numbers_are_one_class_by_value_but_not_codes(in_folder, numbers, classes):
    rows = [(f"text {n}", label) for n, label in enumerate(numbers * 2)]
    assert prepare(write_table("mine.csv", rows))[1] == classes


def test_texts_that_go_on_in_columns_without_a_name(in_folder, capsys):
    rows = [(n % 2, "good", " and so on" if n < 3 else "", "") for n in range(9)]
    table = write_table("mine.csv", [*rows, ("unsup", "good", "", "")], header=("v1", "v2", "", ""))
    prepare(table, "--label", "v1", "--text", "v2")
    printed = capsys.readouterr()
    assert "3 rows have more cells, in unnamed columns" in printed.err
    assert "--text 2,3,4" in printed.err
    assert "1  with the label unsup, without a class" in printed.out
    data, _ = prepare(table, "--label", "v1", "--text", "2,3,4")
    assert {"and", "so", "on"} <= set(words_of(data))
    assert "unnamed columns" not in capsys.readouterr().err


def test_a_class_named_like_a_row_of_line_1_is_not_lost(in_folder):
    rows = [("good film", "x")] * 3 + [("bad film", "queue")] * 3
    table = write_table("mine.csv", rows, header=("body", "queue"))
    with pytest.raises(
        DataError, match="line 5: the label is 'queue', the column name in line 1.*--no-header"
    ):
        prepare(table, "--label", "queue")


def files_of(*parts, classes=("neg", "pos"), count=3):
    return {f"{part}/{name}/{n}": f"{part} {name} {n}".encode()
            for part in parts for name in classes for n in range(count)}  # fmt: skip


def test_folders_of_parts_are_kept_and_validation_is_in_front(in_folder, capsys):
    files = files_of("20news-train", count=20) | files_of("20news-test") | files_of("dev", count=2)
    data, classes = prepare(make_folder(in_folder / "mine", files | {"readme": b"text"}))
    assert classes == ["neg", "pos"] and len(data["y_test"]) == 6
    train = [text for text, _ in decode(data, "train")]
    assert all(text.startswith("dev") for text in train[:4]) and len(train) == 44
    assert not any(text.startswith("dev") for text in train[4:])
    report = capsys.readouterr().out
    assert "51 files" in report and "1  in no folder of a class" in report
    size = float(report.split("VALIDATION_SIZE = ")[1].split()[0])
    assert round(44 * size) == 4


def test_a_class_may_be_named_as_a_part(in_folder):
    files = {f"{name}/{n}": b"a wheel" for name in ("bus", "car", "train") for n in range(2)}
    assert prepare(make_folder(in_folder / "vehicles", files))[1] == ["bus", "car", "train"]


FOLDERS = {  # the files of a folder: what is said
    "other classes": (files_of("train") | files_of("test", classes=["neg"]),
                      "are its folders parts .train, test. or classes?.*test holds neg"),
    "another folder": (files_of("train", "test") | files_of("docs", classes=["a"]),
                       "are its folders parts .train, test. or classes?"),
    "test without classes": (files_of("train") | {"test/1": b"a", "test/2": b"b"},
                             "are its folders parts .* python prepare_texts.py mine/train"),
    "a part and files": (files_of("train") | {"docs/1": b"a", "docs/2": b"b"},
                         "are its folders parts .* python prepare_texts.py mine/train"),
    "another part": (files_of("train", "holdout"), "are its folders parts "),
    "tables in parts": ({"train/a.csv": b"", "test/b.csv": b""},
                        "python prepare_texts.py mine/train/a.csv --test mine/test/b.csv"),
    "tables of a class": ({f"{name}/{n}.csv": b"text" for name in "ab" for n in range(3)},
                          "6  a table, where each file should be one text"),
    "no classes": ({"train/1": b"a", "test/1": b"b"}, "hold no folders of classes"),
    "tables": ({"train.csv": b"", "test.csv": b""},
               "python prepare_texts.py mine/train.csv --test mine/test.csv"),
    "a folder in a folder": (files_of("inner"), "python prepare_texts.py mine/inner"),
    "latin-1": ({"a/1": b"good", "b/2": b"fine\nb\xe4d"}, "b/2, line 2: byte 0xe4 is not utf-8"),
    "IMDB": (files_of("train", "test") | {"imdb.vocab": b""}, "Type: python download_imdb.py mine"),
    "IMDB without": (files_of("train", "test") | {"train/urls_pos.txt": b""}, "download_imdb.py"),
    "Reuters": ({"reut2-000.sgm": b""}, "Type: python download_reuters.py mine"),
    "a run": ({"result.json": b"{}", "model.keras": b""}, "Type: python predict.py mine"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_that_is_no_folder_of_classes_is_refused_in_one_line(in_folder, kind):
    files, reason = FOLDERS[kind]
    make_folder(in_folder / "mine", files)
    with pytest.raises(DataError, match=reason) as error:
        prepare("mine")
    assert "\n" not in str(error.value) and not list(in_folder.glob("data/*"))


def test_what_is_no_text_or_marked_in_a_folder(in_folder, capsys):
    files = {f"{name}/{n}": b"good" for name in "ab" for n in range(2)}
    files |= {"a/x.rtf": b"{\\rtf1 good}", "__pycache__/x.pyc": b"\xa7\r\r\n"}
    files["a/marked"] = "\ufeffsch\u00f6n schön".encode()
    data, classes = prepare(make_folder(in_folder / "mine", files), "--encoding", "latin-1")
    assert classes == ["a", "b"] and set(words_of(data)) <= {"good", "schön"}
    report = capsys.readouterr().out
    assert "5  taken" in report and "1  not text" in report and "1  hidden" in report


def test_parts_with_other_names(in_folder, capsys):
    files = files_of("trainset") | files_of("test_data")
    data, classes = prepare(make_folder(in_folder / "mine", files))
    assert classes == ["neg", "pos"] and len(data["y_test"]) == 6
    prepare(make_folder(in_folder / "other", files_of("fold1", "fold2")), "data/mine.npz")
    assert "each of these folders holds neg, pos" in capsys.readouterr().err


def test_a_latin1_folder_is_read_with_its_encoding(in_folder):
    files = {f"{name}/{n}": "schön – gut".encode("cp1252") for name in "ab" for n in range(2)}
    data, _ = prepare(make_folder(in_folder / "mine", files), "--encoding", "cp1252")
    assert words_of(data) == ["gut", "schön"]


def test_the_report_names_the_constants_that_suit_the_data(in_folder, capsys):
    def report(rows, *options):
        prepare(write_table("mine.csv", rows), *options)
        return capsys.readouterr().out

    few = report([(f"word{n} " * 3, n % 2) for n in range(400)])
    assert "3 steps per epoch are too few to learn much. Set BATCH_SIZE = 16, EPOCHS = 20" in few
    assert "class_weight" not in few
    many = report([(f"word{n}", n % 2) for n in range(4000)])
    for name in "BATCH_SIZE", "VALIDATION_SIZE", "class_weight", "MAX_LENGTH":
        assert name not in many
    assert "VALIDATION_SIZE" not in report([(f"word{n}", n % 60) for n in range(3000)])
    uneven = report([(f"word{n}", n % 10 == 0) for n in range(4000)])
    assert "'False' is 90% of train" in uneven and "{0: 0.556, 1: 5}" in uneven
    assert "VALIDATION_SIZE" not in uneven
    rare = report([(f"word{n}", n % 50 == 0) for n in range(4000)])
    assert "few validation texts of 'True'" in rare and "BATCH_SIZE" not in rare
    assert "Set EPOCHS = 20 and VALIDATION_SIZE = 0" in rare
    both = report([(f"word{n}", n % 20 == 0) for n in range(600)])
    assert "{0: 0.526, 1: 10} to model.fit" in both
    assert "so that rare classes count more\nfew texts: 4 steps per epoch are" in both
    assert both.count("VALIDATION_SIZE") == 1 and "Set BATCH_SIZE = 16, EPOCHS = 20" in both
    long = report([("word " * (500 if n % 4 else 300), n % 2) for n in range(40)])
    assert "% have more than MAX_LENGTH = 400 words" in long and "MAX_LENGTH = 600 keeps" in long


def test_the_advice_knows_the_constants_of_the_scripts():
    for script in ROOT.glob("*.py"):
        if "\ndef build_model(" in (source := script.read_text()):
            batch = advice.BATCH_SIZES["more" if 'DATA_FILE = "data/reuters' in source else "two"]
            for name in "MAX_LENGTH", "VALIDATION_SIZE":
                assert f"\n{name} = {getattr(advice, name)}" in source
            assert f"\nBATCH_SIZE = {batch}\n" in source
