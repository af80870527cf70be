"""prepare_texts.py: texts and labels, tables and folders of a user to a data file."""

import csv
import io
import os
import re
import time

import hypothesis
import numpy as np
import pandas
import pytest
from conftest import ROOT, make_folder, run, texts_of, words_of
from hypothesis import strategies

import prepare_texts
from corpus import DataError, data_file

ROWS = [(f"word{row} {'good' if row % 2 else 'bad'} thing", str(row % 2)) for row in range(40)]
TEXTS, LABELS = [text for text, _ in ROWS], [label for _, label in ROWS]


def write_table(path, rows, encoding="utf-8", header=("text", "label")):
    with open(path, "w", newline="", encoding=encoding) as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def read(path):
    """Returns a data file and its classes."""
    data = data_file.read(path)
    return data, bytes(data["classes"]).decode().split("\n")


def prepare(*arguments):
    """Runs the program; returns the one data file in data, and its classes."""
    prepare_texts.main(list(arguments))
    [name] = os.listdir("data")
    return read(f"data/{name}")


def decode(data, part):
    """Returns pairs of a text and its label."""
    vocabulary = words_of(data)
    texts = [" ".join(vocabulary[id - 4] for id in text[1:]) for text in texts_of(data, part)]
    return list(zip(texts, data[f"y_{part}"].tolist(), strict=True))


def equal(one, other):
    return all(np.array_equal(one[name], other[name]) for name in [*data_file.ARRAYS, "vectors"])


# --- write ---

FRAME = pandas.DataFrame({"text": TEXTS, "label": map(float, LABELS)}, index=range(100, 140))
KINDS = {
    "lists": (TEXTS, LABELS),
    "arrays": (np.array(TEXTS), np.array(LABELS, dtype="int8")),
    "columns": (FRAME["text"].astype("string"), FRAME["label"].astype("category")),
}


@pytest.mark.parametrize("texts, labels", KINDS.values(), ids=KINDS)
def test_write_gives_what_the_command_gives(in_folder, capsys, texts, labels):
    expected, _ = prepare(write_table("mine.csv", ROWS))
    report = capsys.readouterr().out.splitlines()
    prepare_texts.write(in_folder / "new" / "made.npz", texts, labels)
    data, classes = read("new/made.npz")
    assert equal(data, expected) and classes == ["0", "1"]
    same = [line for line in report if "mine" not in line]
    assert len(same) >= 10 and set(same) <= set(capsys.readouterr().out.splitlines())


def test_write_takes_test_and_validation_as_they_are(in_folder, capsys):
    test, validation = (["good thing", "bad new thing"], [1, 0]), (["word0 thing"] * 3, [0, 1, 0.0])
    prepare_texts.write("made.npz", TEXTS, LABELS, test, validation)
    data, _ = read("made.npz")
    assert decode(data, "test") == [("good thing", 1), ("bad thing", 0)]
    train = decode(data, "train")
    assert sorted(train[:3]) == [("word0 thing", 0), ("word0 thing", 0), ("word0 thing", 1)]
    assert sorted(train[3:]) == sorted((text, int(label)) for text, label in ROWS)
    size = float(re.search(r"VALIDATION_SIZE = (\S+) ", capsys.readouterr().out)[1])
    assert round(size * 43) == 3


def test_what_is_missing_is_left_out_and_counted(in_folder, capsys):
    missing = [None, float("nan"), np.float32("nan"), pandas.NA, pandas.NaT, "", " \n"]
    texts, labels = [*TEXTS, *missing, *TEXTS[:8]], [*LABELS, *"0101010", *missing, "NaN"]
    prepare_texts.write("made.npz", texts, labels)
    data, classes = read("made.npz")
    assert classes == ["0", "1"] and len(data["y_train"]) + len(data["y_test"]) == 40
    lines = re.findall(r" (\d+)  (.*label|.*words|taken)", capsys.readouterr().out)
    expected = {"taken": "40", "without words": "7", "without a label": "7", "with the label": "1"}
    assert {reason: count for count, reason in lines} == expected


def test_write_raises_and_writes_nothing(in_folder):
    for arguments in (
        (TEXTS, LABELS[:-1]),
        (TEXTS, LABELS, ([], [])),
        (TEXTS, np.eye(40)),
        ([b"text"] * 40, LABELS),
    ):
        with pytest.raises(ValueError):
            prepare_texts.write("made.npz", *arguments)
    for arguments in (TEXTS, ["1"] * 40), (["..."] * 40, LABELS), (TEXTS, LABELS, (["a"], [None])):
        with pytest.raises(DataError):
            prepare_texts.write("made.npz", *arguments)
    assert os.listdir() == []


def test_write_needs_numpy_alone_and_linear_time(in_folder):
    code = f"""import sys
sys.path.append({str(ROOT)!r})
sys.modules |= dict.fromkeys(["keras", "tensorflow", "pandas", "pyarrow", "openpyxl"])
import prepare_texts
prepare_texts.write("a.npz", ["good"] * 40_000, [n % 20_000 for n in range(40_000)])"""
    start = time.perf_counter()
    assert run("-c", in_folder, code).stderr == "" and os.path.exists("a.npz")
    assert time.perf_counter() - start < 30  # quadratic: minutes


# --- The command ---

CELLS = strategies.sampled_from(["good", "bad film", "", " ... ", "text", "label", "nan", "0", "1"])


@hypothesis.example([("text", "label"), ("bad film", "nan"), (" ... ", "0"), ("good", "")])
@hypothesis.given(strategies.lists(strategies.tuples(CELLS, CELLS), max_size=12))
def test_every_row_is_counted_once_and_taken_if_it_has_words_and_a_label(tmp_path_factory, rows):
    rows = [*rows, *(("good", label) for _, label in rows), ("good", "0"), ("good", "1")]
    table = write_table(tmp_path_factory.mktemp("rows") / "mine.csv", rows)
    taken = [
        (text, label.strip())
        for text, label in rows
        if text.strip(" .") and label not in ("", "nan") and (text, label) != ("text", "label")
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(os.path.dirname(table))
        patch.setattr("sys.stdout", printed := io.StringIO())
        data, classes = prepare(table, "--test", table)
    for part in "train", "test":
        assert sorted((text, classes[label]) for text, label in decode(data, part)) == sorted(taken)
    assert f": {len(rows)} rows in {len(rows) + 1} lines" in printed.getvalue()
    counts = re.findall(r"^ +(\d+)  (taken|with|repeated)", printed.getvalue(), re.MULTILINE)
    assert sum(int(count) for count, _ in counts) == 2 * len(rows)
    assert [int(count) for count, reason in counts if reason == "taken"] == [len(taken)] * 2


def test_columns_and_encodings_can_be_chosen(in_folder):
    rows = [(label, f"Größe {text}", "and so on") for text, label in ROWS]
    options, header = ["--text", "größe,more", "--label", "Klasse"], ("Klasse", "größe", "more")
    write_table("mine.csv", rows, "cp1252", header)
    one, _ = prepare("mine.csv", *options, "--encoding", "cp1252")
    other, _ = prepare(write_table("mine.csv", rows, "utf-8-sig", header), *options)
    assert {"größe", "and", "so", "on"} <= set(words_of(one)) and equal(one, other)
    write_table("mine.csv", rows[1:], header=rows[0])
    assert equal(prepare("mine.csv", "--no-header", "--text", "2,3", "--label", "1")[0], other)


@pytest.mark.parametrize("size, counts", [("0.1", [1, 1, 19]), ("0.9", [9, 1, 171])])
def test_the_split_is_stratified_seeded_and_shuffled(in_folder, size, counts):
    labels = ["rare"] * 10 + ["two"] * 2 + ["usual"] * 190
    write_table("mine.csv", [(f"unique{row}", label) for row, label in enumerate(labels)])
    one, again, other = (
        prepare("mine.csv", "--test-size", size, "--seed", seed)[0] for seed in ("5", "5", "6")
    )
    assert np.bincount(one["y_test"]).tolist() == counts
    assert np.bincount(one["y_train"]).tolist() == [10 - counts[0], 1, 190 - counts[2]]
    assert equal(one, again) and not np.array_equal(one["vocabulary"], other["vocabulary"])
    # Validation, the front of train, needs all classes.
    assert not np.array_equal(np.sort(one["y_train"]), one["y_train"])


def test_a_test_set_is_kept_and_test_texts_in_train_are_counted(in_folder, capsys):
    write_table("other.csv", [("good thing", "1"), ("bad new thing", "0"), ROWS[0]])
    data, _ = prepare(write_table("mine.csv", ROWS), "--test", "other.csv")
    assert len(data["y_train"]) == len(ROWS)
    assert decode(data, "test") == [("good thing", 1), ("bad thing", 0), ("word0 bad thing", 0)]
    assert "1 of 3 test texts are in train too" in capsys.readouterr().out
    assert str(data["source"]) == "own texts, mine.csv and other.csv, test as given"


CLASSES = {  # labels: classes, in order
    "10 9 0.5 -1 -2": "-2 -1 0.5 9 10",
    "b a 9 10": "10 9 a b",
    "1 1.0 2.0 2.5 0.00 0": "0 1 2 2.5",
    "1.1 1.10 2 10": "1.1 1.10 2 10",
    "Ham ham ham spam 007 NA": "007 NA ham spam",
}


@pytest.mark.parametrize("labels", CLASSES)
def test_classes_are_known_by_value_and_ordered(in_folder, capsys, labels):
    rows = [(f"text {label}", f" {label}") for label in labels.split() * 5]
    assert prepare(write_table("mine.csv", rows))[1] == CLASSES[labels].split()
    differ = len(labels.split()) > len(CLASSES[labels].split())
    assert ("spelt unlike their class" in capsys.readouterr().out) == differ


def test_spaces_and_control_characters_in_labels(in_folder, capfd):
    rows = [("a \33[2J text", label) for label in ("two\n words", "two  words", "\33[31mred") * 2]
    assert prepare(write_table("mine.csv", rows))[1] == ["\33[31mred", "two words"]
    printed = "".join(capfd.readouterr())
    assert r"\x1b[31mred" in printed and "\33" not in printed
    make_folder(in_folder, {f"mine/{name}/1": b"a" for name in ("b", os.fsdecode(b"gr\xf6n"))})
    prepare_texts.main(["mine", "bytes.npz", "--test", "mine"])
    assert read("bytes.npz")[1] == ["b", r"gr\udcf6n"]


def test_several_labels_and_texts_that_go_on_in_unnamed_columns_are_said(in_folder, capsys):
    rows = [("a|b" if n % 2 else "b", "good", " and so on" if n < 3 else "", "") for n in range(9)]
    table = write_table("mine.csv", rows, header=("v1", "v2", "", ""))
    prepare(table, "--label", "v1", "--text", "v2")
    printed = capsys.readouterr()
    assert "3 rows" in printed.err and "--text 2,3,4" in printed.err and "'a|b'" in printed.out
    data, _ = prepare(table, "--label", "v1", "--text", "2,3,4")
    assert {"and", "so", "on"} <= set(words_of(data))


def files_of(*parts, classes=("neg", "pos"), count=3):
    names = [f"{part}/{name}/{n}" for part in parts for name in classes for n in range(count)]
    return {name: name.replace("/", " ").encode() for name in names}


def test_parts_of_a_folder_are_kept_and_validation_is_in_front(in_folder, capsys):
    files = files_of("train", count=20) | files_of("test") | files_of("dev", count=2)
    data, classes = prepare(make_folder(in_folder / "mine", files | {"readme": b"text"}))
    assert classes == ["neg", "pos"] and len(data["y_test"]) == 6
    parts = [text.split()[0] for text, _ in decode(data, "train")]
    assert parts == ["dev"] * 4 + ["train"] * 40
    printed = capsys.readouterr().out
    assert "VALIDATION_SIZE = 0.0909" in printed and "mine/readme" in printed
    with pytest.raises(DataError, match="--test"):
        prepare_texts.main(["mine", "--test", "mine"])


TRAIN = files_of("mine/train")
REFUSED = {  # files: what the refusal of mine names
    "no names": ({"mine": b"good,1\nbad,0\n"}, "mine.*--no-header"),
    "no row": ({"mine": b"text,label\n"}, "mine has no text .*0  taken.*write"),
    "no words": ({"mine": b"text,label\n...,1\n"}, "1  without words, .* mine, line 2.*write"),
    "one class": ({"mine": b"text,label\ngood,1\nfine,1\n"}, "mine.*'1'.*--label.*write"),
    "one text": ({"mine": b"text,label\na,1\nb,2\nc,2\n"}, "'1', .* has 1.*--label.*write"),
    "latin-1": ({"mine": b"text,label\ngood,1\nsch\xf6n,1\n"}, "mine, line 3.*--encoding"),
    "other classes": (TRAIN | files_of("mine/test", classes=["new"]), "mine.*'new'.*write"),
    "no test": (TRAIN | {"mine/test/neg/1": b"."}, "mine has no text .* for test.*write"),
    "IMDB": (TRAIN | {"mine/imdb.vocab": b""}, "mine is IMDB: python download_imdb.py mine"),
    "movies": (TRAIN | {"mine/train/urls_pos.txt": b""}, "python download_imdb.py mine"),
}


@pytest.mark.parametrize("files, reason", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused_in_one_line(in_folder, files, reason):
    make_folder(in_folder, files)
    with pytest.raises(DataError, match=reason) as error:
        prepare("mine")
    assert "\n" not in str(error.value) and not list(in_folder.glob("data/*"))


def test_a_data_file_of_other_texts_is_not_replaced(in_folder, small_sample):
    table = write_table("mine.csv", ROWS)
    prepare(table, "--seed", "2")
    prepare(f"../{in_folder.name}/{table}", "--seed", "3")  # the same table
    prepare_texts.write("data/written.npz", TEXTS, LABELS)
    prepare_texts.write("data/written.npz", TEXTS, LABELS)
    data_file.write("data/other.npz", small_sample)
    os.makedirs("old")
    write_table("old/mine.csv", ROWS)
    os.mkfifo("pipe")
    before = {path.name: path.read_bytes() for path in (in_folder / "data").iterdir()}
    for line, reason in {
        "old/mine.csv": "data/mine.npz .*own texts, mine.csv.* another OUTPUT",
        "mine.csv data/other.npz": "data/other.npz .*built-in sample.* another OUTPUT",
        "mine.csv data/written.npz": "data/written.npz .* another OUTPUT",
        "mine.csv data/IMDB.npz": "data/IMDB.npz .* another OUTPUT",
        "mine.csv old/mine.csv": "old/mine.csv .* another OUTPUT",
        "data/mine.npz": 'DATA_FILE = "data/mine.npz"',
        "missing.csv": "missing.csv",
        "pipe": "pipe",
    }.items():
        with pytest.raises(DataError, match=reason) as error:
            prepare_texts.main(line.split())
        assert "\n" not in str(error.value)
    with pytest.raises(DataError, match="data/mine.npz"):
        prepare_texts.write("data/mine.npz", TEXTS, LABELS)
    for line in "--quotes x", "--test-size 1", "--test=", "--test-size 0.3 --test mine.csv":
        with pytest.raises(SystemExit, match="2"):
            prepare_texts.main(["mine.csv", *line.split()])
    assert {path.name: path.read_bytes() for path in (in_folder / "data").iterdir()} == before


def test_the_advice_names_the_constants_that_suit_the_data():
    def advice(*counts):
        labels = np.repeat(range(len(counts)), counts)
        return "\n".join(prepare_texts.advise(labels, list("abcdef")[: len(counts)], 0))

    assert "BATCH_SIZE = 16, EPOCHS = 20" in advice(160, 160) and "weight" not in advice(160, 160)
    assert advice(1600, 1600) == "" and advice(*[200] * 6) == ""
    rare = advice(3136, 64)
    assert "'a' is 98%" in rare and "class_weight={0: 0.51, 1: 25}" in rare
    assert "EPOCHS = 20 and VALIDATION_SIZE = 0" in rare and "BATCH_SIZE" not in rare
    for script in ROOT.glob("*.py"):  # 20 steps are enough: the scripts have these constants
        if "\ndef build_model(" in (source := script.read_text()):
            batch = int(re.search(r"\nBATCH_SIZE = (\d+)\n", source)[1])
            assert f"\nVALIDATION_SIZE = {data_file.VALIDATION_SIZE}" in source
            classes = 2 if batch == 128 else 3
            count = next(n for n in range(6, 9999, 6) if n - round(n / 10) > 19 * batch) // classes
            assert advice(*[count] * classes) == "" != advice(*[count - 3] * classes)


# What people's files must give: name; options; classes; texts; what is said; words; no words.
FIELD = """
quotes_swallow_text_first.tsv; ; 0 1; 20; --quotes none
quotes_refused.tsv; ; ham spam; 20; --quotes none
quotes_backslash.csv; --text Title,Description --label Class_Index; 1 2; 20; backslash; no twice
folder_train_test; ; neg pos; 20; test as given
folder_unsup; ; neg pos; 8; 4  in unsup, without a class, the first:
folder_unsup/train; ; neg pos; 8; 4  in unsup, without a class, the first:
folder_checkpoints; ; neg pos; 8; 2  hidden, or left by a system, the first:
folder_apple; ; neg pos; 8; 2  hidden, or left by a system, the first:
folder_no_ending; ; rec.boats sci.tea; 8; 8 files
lines.jsonl; ; FOOD TRAVEL; 20; 'headline'
lines.jsonl; --text headline --label category; FOOD TRAVEL; 20; 'category'
binary.parquet; ; 0 1; 20; 20 rows
binary.ft.txt.bz2; ; 1 2; 20; 20 rows in 20 lines
fasttext.txt; ; 1 2; 20; 20 rows in 20 lines
excel_utf16.txt; ; bad good; 20; 20 rows in 21 lines
spaces_nbsp.csv; ; 0 1; 20; ; concert
curly_apostrophe.csv; ; no yes; 20; ; wouldn't again
literal_backslash_n.csv; ; 1 2; 20; ; food bye; nfood nbye nnfood
label_1_and_1.0.csv; ; 0 1; 20; spelt unlike their class, such as '0.0'
label_na.csv; ; 0 1; 17; 3  with the label nan, the first:
label_empty.csv; ; 0 1; 17; 3  without a label, the first:
label_several.csv; ; food food|travel music,_food travel|music; 20; several labels in a cell
r_row_names.tsv; ; 0 1; 20; row names
IMDB Dataset.csv; ; negative positive; 20; 20 rows span; said; br
rare_class.csv; ; complaint fine; 600; class_weight={0: 10, 1: 0.526}
small_100.csv; ; negative positive; 100; Set BATCH_SIZE = 4, EPOCHS = 20
small_80_ok.csv; ; open shut; 80;
small_three_classes_ok.csv; ; account billing delivery; 90;
""".strip().splitlines()


@pytest.mark.parametrize("case", FIELD)
def test_peoples_files_are_read_right(in_folder, capsys, case):
    name, options, classes, count, said, present, absent = (case + ";;").split(";")[:7]
    path = ROOT.parent / "shared" / "field_cases" / name
    if not path.exists():
        pytest.skip("the miniatures (../shared/field_cases) are missing")
    data, names = prepare(str(path), *(word.replace("_", " ") for word in options.split()))
    printed = capsys.readouterr()
    assert [name.replace(" ", "_") for name in names] == classes.split()
    assert len(data["y_train"]) + len(data["y_test"]) == int(count)
    assert said.strip() in printed.err + printed.out
    vocabulary = set(words_of(data))
    assert set(present.split()) <= vocabulary and not set(absent.split()) & vocabulary
    assert not any(mark in word for word in vocabulary for mark in "’“”…\xa0\u202f")
    if name == "folder_train_test":
        assert len(data["y_train"]) == 12
