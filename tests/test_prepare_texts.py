"""A person's own texts: from tables and folders to a data file, and from there through a training script."""

import csv
import json
import os
import re

import numpy as np
import pytest

import data_files
import imdb_lstm
import predict
import prepare_texts
import reuters_rnn
from conftest import make_folder, same_data, texts_of, words_of

ROWS = [(f"word{number} {'good' if number % 2 else 'bad'} thing", str(number % 2)) for number in range(40)]


def write_table(path, rows, delimiter=",", encoding="utf-8", header=("text", "label")):
    with open(path, "w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return str(path)


def prepare(*arguments):
    """Runs the program and returns the data file it wrote, with its classes."""
    prepare_texts.main([str(argument) for argument in arguments])
    [name] = os.listdir("data")
    with np.load(f"data/{name}") as file:
        classes = bytes(file["classes"]).decode().split("\n")
    return data_files.read(f"data/{name}"), classes


def decode(data, part):
    """Returns the pairs of text and label of a part."""
    words = words_of(data)
    texts = [" ".join(words[id - data_files.FIRST_WORD_ID] for id in text[1:]) for text in texts_of(data, part)]
    return list(zip(texts, data[f"y_{part}"].tolist()))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_keeps_every_text_with_its_label(in_folder, delimiter):
    rows = [(str(row), f'{text}, "quoted"; over\ntwo\tlines |', label) for row, (text, label) in enumerate(ROWS)]
    data, classes = prepare(write_table("mine.csv", rows, delimiter, header=("id", " text", "label ")))
    assert os.listdir("data") == ["mine.npz"]
    assert classes == ["0", "1"]
    assert len(data["y_train"]) == 32 and len(data["y_test"]) == 8
    assert str(data["source"]) == "own texts, mine.csv, 20% of it for test, seed 1"
    wanted = {f"{text} quoted over two lines": int(label) for text, label in ROWS}
    assert dict(decode(data, "train")) == {text: wanted[text] for text, _ in decode(data, "train")}
    for text, label in decode(data, "test"):  # words that train lacks are left out
        assert text == f"{'good' if label else 'bad'} thing quoted over two lines"


@pytest.mark.parametrize("header", [("", "text", "label"), ("text", "label", "")])
def test_a_column_may_have_no_name(in_folder, header):
    """As the first one of pandas's tables has none."""
    rows = [[""] + list(row) if header[0] == "" else list(row) + [""] for row in ROWS]
    data, _ = prepare(write_table("mine.tsv", rows, "\t", header=header))
    assert len(data["y_train"]) == 32


def test_other_columns_encodings_and_a_byte_order_mark(in_folder):
    rows = [(label, f"Größe {text}") for text, label in ROWS]
    path = write_table("mine.csv", rows, encoding="cp1252", header=("Klasse", "größe"))
    data, _ = prepare(path, "--text", "größe", "--label", "Klasse", "--encoding", "cp1252")
    same, _ = prepare(
        write_table("mine.csv", rows, encoding="utf-8-sig", header=("größe", "Klasse")), "--text", "Klasse",
        "--label", "größe",
    )  # fmt: skip
    assert "größe" in words_of(data) and "größe" in words_of(same)


def test_a_folder_gives_the_same_as_a_table(in_folder):
    endings = "txt", "TXT"
    files = {f"{label}/{row:02}.{endings[row % 2]}": text.encode() for row, (text, label) in enumerate(ROWS)}
    make_folder(in_folder / "mine", files | {"1/notes.md": b"not a text", "loose.txt": b"of no class"})
    folder, classes = prepare("mine")
    os.remove("data/mine.npz")
    table, _ = prepare(write_table("mine.csv", sorted(ROWS, key=lambda row: row[1])))
    assert classes == ["0", "1"]
    assert same_data(folder, table)


def test_the_split_is_stratified_seeded_and_shuffled(in_folder):
    rows = [(f"unique{number}", "rare" if number < 10 else "usual") for number in range(200)]
    write_table("mine.csv", rows)
    one, classes = prepare("mine.csv", "--test-size", "0.3", "--seed", "5")
    again, _ = prepare("mine.csv", "--test-size", "0.3", "--seed", "5")
    other, _ = prepare("mine.csv", "--test-size", "0.3", "--seed", "6")
    assert classes == ["rare", "usual"]
    assert np.bincount(one["y_test"]).tolist() == [3, 57] and np.bincount(one["y_train"]).tolist() == [7, 133]
    assert one.keys() == again.keys() and all(np.array_equal(one[name], again[name]) for name in one)
    assert not np.array_equal(one["vocabulary"], other["vocabulary"])
    assert not np.array_equal(np.sort(one["y_train"]), one["y_train"])  # validation, its front, needs all classes


def test_the_smallest_class_is_in_both_parts(in_folder):
    data, _ = prepare(write_table("mine.csv", [*ROWS, ("few", "2"), ("few as well", "2")]))
    assert np.bincount(data["y_train"])[2] == 1 and np.bincount(data["y_test"])[2] == 1


def test_a_test_part_of_ones_own_is_kept(in_folder, capsys):
    write_table("mine.csv", ROWS)
    write_table("other.csv", [("good thing", "1"), ("bad new thing", "0"), ROWS[0]])
    data, _ = prepare("mine.csv", "--test", "other.csv")
    assert len(data["y_train"]) == len(ROWS)
    assert decode(data, "test") == [("good thing", 1), ("bad thing", 0), ("word0 bad thing", 0)]
    assert "1 of 3 test texts stand in train as well" in capsys.readouterr().err
    assert str(data["source"]) == "own texts, mine.csv, test from other.csv"


@pytest.mark.parametrize(
    "names, ordered",
    [
        (["10", "9", "1"], ["1", "9", "10"]),
        (["b", "10", "a"], ["10", "a", "b"]),
        (["spam", "ham"], ["ham", "spam"]),
        (["1", "-1", "0.5", "-2"], ["-2", "-1", "0.5", "1"]),
    ],
)
def test_classes_are_ordered_by_name(in_folder, names, ordered):
    data, classes = prepare(write_table("mine.csv", [(f"text {names.index(name)}", name) for name in names * 5]))
    assert classes == ordered
    assert all(text == f"text {names.index(ordered[label])}" for text, label in decode(data, "train"))


def test_texts_without_words_are_left_out_and_counted(in_folder, capsys):
    data, _ = prepare(write_table("mine.csv", [*ROWS[:3], (" ... ", "1"), ("", "1"), *ROWS[3:]]))
    assert len(data["y_train"]) + len(data["y_test"]) == len(ROWS)
    assert "no words in them: 2, the first at mine.csv, line 5" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "line 1: there are no columns 'text' and 'label', at least not both"),
        (b"good,1\nbad,0\n", "line 1: there are no columns"),
        (b"text,label\n", "there are no texts in mine.csv"),
        (b"text,label\rgood,1\rbad,0\r", "line 1: a carriage return within the line"),
        (b"text,label\ngood,1\nbad\n", "line 3: 1 columns where the first line has 2"),
        (b"text,label\ngood,1\nbad,\n", "line 3: the label is empty"),
        (b'text,label\ngood,1\nbad,"0\n1"\n', "line 3: the label is of several lines"),
        (b'text,label\ngood,1\n"bad,0\nmore,0\n', "line 3: unexpected end of data"),
        (b'text,label\ngood,1\n"bad" x,0\n', "line 3: ',' expected after '\"'"),
        (b"text,label\ngood,1\nfine,1\n", "are of class '1'"),
        (b"text,label\ngood,1\nfine,1\nbad,0\n", "classes with a single text: '0'. A class needs two"),
        (b"text,label\ngood,a\nfine,b\nbad,c\nmore,d\n", "classes with a single text: 'a', 'b', 'c' and 1 more"),
        (b"text,label\na good, red car,1\n", "line 2: 3 columns where the first line has 2. A text with a ','"),
        (b"PK\x03\x04\x14\x00", "mine.csv is a zip file, as those of Excel are"),
        (b"text,label\ngood,1\nsch\xf6n,1\n", "line 3: byte 0xf6 is not utf-8"),
        ("text,label\ngood,1\n".encode("utf-16"), "line 1: byte 0xff is not utf-8"),
        (b"\x00\x01\x02\x80" * 1000, "line 1: byte 0x80 is not utf-8"),
    ],
)
def test_what_a_table_cannot_support_is_said_in_one_line(in_folder, content, reason):
    (in_folder / "mine.csv").write_bytes(content)
    with pytest.raises(SystemExit) as stop:
        prepare("mine.csv")
    assert reason in stop.value.code and "\n" not in stop.value.code
    assert not os.path.exists("data/mine.npz")


def test_the_data_file_has_the_name_of_the_folder_and_the_rights_that_the_person_wants(in_folder):
    make_folder(in_folder / "v1.2", {f"{label}/{number}.txt": b"good" for label in "ab" for number in range(3)})
    before = os.umask(0o077)
    try:
        prepare("v1.2")
    finally:
        os.umask(before)
    assert os.stat("data/v1.2.npz").st_mode & 0o777 == 0o600


def test_the_data_file_may_be_named_behind_an_option(in_folder, capsys):
    write_table("mine.csv", ROWS)
    prepare_texts.main(["mine.csv", "--seed", "2", "data/own.npz"])
    assert os.listdir("data") == ["own.npz"]


def test_other_refusals(in_folder, small_sample):
    write_table("mine.csv", ROWS)
    write_table("other.csv", [("new", "2"), ("old", "1")])
    make_folder(in_folder / "broken", {"a/1.txt": b"good", "b/2.txt": b"fine\nb\xffd"})
    data_files.write("data/imdb.npz", small_sample)
    refusals = {
        ("missing.csv",): "there is no file or folder missing.csv",
        ("mine.csv", "--test", "other.csv"): "other.csv has the class '2', of which mine.csv has no text",
        ("mine.csv", "--test", "nowhere"): "there is no file or folder nowhere",
        ("mine.csv", "data/imdb.npz"): "data/imdb.npz holds other data",
        ("broken",): "2.txt, line 2: byte 0xff is not utf-8",
    }
    for arguments, reason in refusals.items():
        with pytest.raises(SystemExit) as stop:
            prepare(*arguments)
        assert reason in stop.value.code and "\n" not in stop.value.code
    for arguments in ["mine.csv", "mine.txt"], ["mine.csv", "--encoding", "utf-16"], ["mine.csv", "--encoding", "x"], \
            ["mine.csv", "--test-size", "1"], ["mine.csv", "--seed", "-1"], \
            ["mine.csv", "--test-size", "0.3", "--test", "other.csv"]:  # fmt: skip
        with pytest.raises(SystemExit) as stop:
            prepare(*arguments)
        assert stop.value.code == 2
    assert os.listdir("data") == ["imdb.npz"]


def train(module, monkeypatch, **constants):
    for name, value in constants.items():
        monkeypatch.setattr(module, name, value)
    module.main()
    script = module.__name__
    with open(f"runs/{script}/result.json") as file:
        return json.load(file), predict.Classifier(f"runs/{script}/model.keras")


def test_two_classes_of_ones_own_train_and_predict_by_name(in_folder, monkeypatch):
    rows = [(f"it was {'great' if number % 2 else 'awful'}", "ham" if number % 2 else "spam") for number in range(200)]
    prepare(write_table("mine.csv", rows))
    result, classifier = train(
        imdb_lstm, monkeypatch, DATA_FILE="data/mine.npz", EPOCHS=30, BATCH_SIZE=16, LEARNING_RATE=0.01
    )
    assert result["classes"] == ["ham", "spam"] and result["source"].startswith("own texts, mine.csv")
    assert result["test_accuracy"] == 1
    answers = predict.answer(classifier, ["it was great", "it was awful"])
    assert [answer["class"] for answer in answers] == ["ham", "spam"]


def test_any_number_of_classes_of_ones_own(in_folder, monkeypatch, capsys):
    names = ["billing", "delivery", "other", "returns", "praise"]
    rows = [(f"about {names[number % 5]}", names[number % 5]) for number in range(250)]
    prepare(write_table("mine.csv", rows))
    result, classifier = train(
        reuters_rnn, monkeypatch, DATA_FILE="data/mine.npz", EPOCHS=20, BATCH_SIZE=16, LEARNING_RATE=0.01
    )
    assert result["classes"] == sorted(names) and result["test_accuracy"] == 1
    assert predict.answer(classifier, ["about returns"])[0]["class"] == "returns"
    assert re.search(r"\breturns +20\.0% 100\.0%", capsys.readouterr().out)
    monkeypatch.setattr(imdb_lstm, "DATA_FILE", "data/mine.npz")
    with pytest.raises(SystemExit, match="data/mine.npz has 5 classes, and this script tells two apart"):
        imdb_lstm.load_data()
