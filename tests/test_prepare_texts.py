"""prepare_texts.py: texts and labels, tables and folders of a user to a data file."""

import csv
import io
import os
import re
import shlex
import shutil
import textwrap

import hypothesis
import numpy as np
import pandas
import pytest
from conftest import ROOT, make_folder, texts_of, words_of
from hypothesis import strategies

import compare
import prepare_texts
from corpus import WRITE, DataError, data_file
from corpus.advice import on_constants

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


def warnings_of(data):
    return data_file.about_of(data).get("warnings", [])


def equal(one, other):
    return all(np.array_equal(one[name], other[name]) for name in [*data_file.ARRAYS, "vectors"])


def test_write_gives_what_the_command_gives(in_folder, capsys):
    expected, _ = prepare(write_table("mine.csv", ROWS))
    report = [line for line in capsys.readouterr().out.splitlines() if "mine" not in line]
    arrays = np.array(TEXTS), np.array(LABELS, dtype="int8")
    frame = pandas.DataFrame({"text": TEXTS, "label": map(float, LABELS)}, index=range(100, 140))
    columns = frame["text"].astype("string"), frame["label"].astype("category")
    for texts, labels in (TEXTS, LABELS), arrays, columns:
        prepare_texts.write(in_folder / "new" / "made.npz", texts, labels)
        data, classes = read("new/made.npz")
        assert equal(data, expected) and classes == ["0", "1"]
        assert len(report) >= 10 and set(report) <= set(capsys.readouterr().out.splitlines())


def test_write_takes_test_and_validation_as_they_are(in_folder, capsys):
    test = ["good thing", "bad new thing", ROWS[0][0]], [1, 0, 0]
    validation = ["other thing"] * 3, [0, 1, 0.0]
    prepare_texts.write("made.npz", TEXTS, LABELS, test, validation)
    data, _ = read("made.npz")
    assert decode(data, "test") == [("good thing", 1), ("bad thing", 0), ("word0 bad thing", 0)]
    train = decode(data, "train")
    assert sorted(train[:3]) == [("other thing", 0), ("other thing", 0), ("other thing", 1)]
    assert sorted(train[3:]) == sorted((text, int(label)) for text, label in ROWS)
    printed = capsys.readouterr().out
    assert round(float(re.search(r"VALIDATION_SIZE = (\S+) ", printed)[1]) * 43) == 3
    warning = "1 of 3 test texts are in train too"
    assert warning in printed and warnings_of(data) == [warning]
    source = f"own texts, made.npz, test as given, {warning}"
    assert str(data["source"]) == data_file.about_of(data)["source"] == source


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


def test_the_split_is_stratified_seeded_and_shuffled(in_folder):
    labels = ["rare"] * 10 + ["two"] * 2 + ["usual"] * 190
    write_table("mine.csv", [(f"unique{row}", label) for row, label in enumerate(labels)])
    line = "mine.csv --test-size 0.9 --seed".split()
    one, again, other = (prepare(*line, seed)[0] for seed in ("5", "5", "6"))
    assert np.bincount(one["y_test"]).tolist() == [9, 1, 171]
    assert np.bincount(one["y_train"]).tolist() == [1, 1, 19]
    assert equal(one, again) and not np.array_equal(one["vocabulary"], other["vocabulary"])
    # Validation, the front of train, needs all classes.
    assert not np.array_equal(np.sort(one["y_train"]), one["y_train"])


CLASSES = {  # labels: classes, in order
    "10 9 0.5 -1 -2": "-2 -1 0.5 9 10",
    "b a 9 10": "10 9 a b",
    "1 1.0 2.0 2.5 0.00 0": "0 1 2 2.5",
    "1.1 1.10 2 10": "1.1 1.10 2 10",
    "Ham ham ham spam 007 NA": "007 NA ham spam",
    "2024-06-30 2024-05-01": "2024-05-01 2024-06-30",
}


@pytest.mark.parametrize("labels", CLASSES)
def test_classes_are_known_by_value_and_ordered(in_folder, capsys, labels):
    rows = [(f"text {n}", f" {label}") for n, label in enumerate(labels.split() * 5)]
    assert prepare(write_table("mine.csv", rows))[1] == CLASSES[labels].split()
    differ = len(labels.split()) > len(CLASSES[labels].split())
    assert ("spelt unlike their class" in capsys.readouterr().out) == differ


def test_parts_and_classes_of_a_folder(in_folder, capfd):
    labels = "two\n  words", "\33red"
    names = [f"{part}/{label}" for part in ("train", "test", "dev") for label in labels]
    files = {f"{name}/{n}": name.encode() for name in names for n in range(3)}
    data, classes = prepare(make_folder(in_folder / "mine", files))
    assert classes == ["\33red", "two words"] and len(data["y_test"]) == 6
    parts = [text.split()[0] for text, _ in decode(data, "train")]
    assert parts == ["dev"] * 6 + ["train"] * 6
    printed = "".join(capfd.readouterr())
    assert r"\x1bred" in printed and "\33" not in printed


REFUSED = {  # files: what the refusal of mine names
    "no words": ({"mine": b"text,label\n...,1\n"}, "1  without words, .* mine, line 2.*write"),
    "one class": ({"mine": b"text,label\ngood,1\nfine,1\n"}, "mine.*'1'.*--label.*write"),
    "one text": ({"mine": b"text,label\na,1\nb,2\nc,2\n"}, "two texts of .*'1'.*--label.*write"),
    "other class": ({"mine": b"text,label,set\na,1,train\nb,2,train\nc,3,test"}, "'3'.*write"),
    "no test": ({"mine": b"text,label,set\na,1,train\nb,,test"}, "with a label for test.*write"),
    "IMDB": ({"mine/imdb.vocab": b""}, "mine is IMDB: python download_imdb.py mine"),
}


@pytest.mark.parametrize("files, reason", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused_in_one_line(in_folder, files, reason):
    make_folder(in_folder, files)
    with pytest.raises(DataError, match=reason) as error:
        prepare("mine")
    assert "\n" not in str(error.value) and not list(in_folder.glob("data/*"))


def test_a_data_file_of_other_texts_is_not_replaced(in_folder, small_sample, capsys):
    os.makedirs("old")
    for path in "mine.csv", "old/mine.csv":
        write_table(path, ROWS)
    prepare("mine.csv", "--seed", "2")
    prepare(f"../{in_folder.name}/mine.csv", "--seed", "3")  # the same table
    replaced = "data/mine.npz will be replaced: own texts, mine.csv, 20% of it for test, seed 2"
    assert replaced in capsys.readouterr().err
    for _ in range(2):
        prepare_texts.write("data/written.npz", TEXTS, LABELS)
    data_file.write("data/other.npz", small_sample)
    before = {path: path.read_bytes() for path in (in_folder / "data").iterdir()}
    for line, target in {
        "old/mine.csv": "data/mine.npz .*own texts, mine.csv",
        "mine.csv data/other.npz": "data/other.npz .*built-in sample",
        "mine.csv data/written.npz": "data/written.npz",
        "mine.csv data/IMDB.npz": "data/IMDB.npz",
    }.items():
        with pytest.raises(DataError, match=f"{target}.* another OUTPUT"):
            prepare_texts.main(line.split())
    with pytest.raises(DataError, match="data/mine.npz"):
        prepare_texts.write("data/mine.npz", TEXTS, LABELS)
    assert {path: path.read_bytes() for path in (in_folder / "data").iterdir()} == before


def test_the_advice_names_the_constants_that_suit_the_data():
    def advice(*counts, given=0):
        batch, size = 128 if len(counts) == 2 else 32, given / sum(counts) or 0.1
        return on_constants(np.array(counts), "abcdef", batch, size, max(counts) > 3000, given)

    assert advice(1600, 1600) == advice(*[200] * 6) == ([], {}) and advice(20_000, 60)[1] == {}
    few = {"BATCH_SIZE": 16, "EPOCHS": 20, "VALIDATION_SIZE": 0}
    [line], constants = advice(160, 160)
    assert constants == few and "BATCH_SIZE = 16, EPOCHS = 20, VALIDATION_SIZE = 0" in line
    assert advice(160, 160, given=32)[1] == few | {"VALIDATION_SIZE": 0.1}
    [rare, line], constants = advice(3136, 64)
    assert constants == {"EPOCHS": 20, "VALIDATION_SIZE": 0} and "EPOCHS = 20" in line
    names = {"np": np, "classes": "ab", "y_train": np.repeat([0, 1], [3136, 64])}
    weights = eval(re.search(r"class_weight=(dict\(.*\)) in", rare)[1], names)
    assert "'a' is 98% of train" in rare and weights == pytest.approx({0: 0.51, 1: 25}, rel=0.01)


@hypothesis.given(
    strategies.lists(strategies.tuples(strategies.integers(0, 9), strategies.sampled_from("aab"))),
    strategies.sampled_from(["0.1", "0.3", "0.9"]),
)
def test_equal_texts_stay_on_one_side_of_the_split(tmp_path_factory, rows, size):
    rows = [(f"word {number}", label) for number, label in rows]
    folder, texts = tmp_path_factory.mktemp("rows"), {text for text, _ in rows}
    table = write_table(folder / "mine.csv", rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        try:
            data, classes = prepare(table, "--test-size", size)
        except DataError:
            counts = [len({text for text, label in rows if label == each}) for each in "ab"]
            assert min(counts) < 2 or len(set(rows)) > len(texts)  # a text has both labels
            return
    train, test = decode(data, "train"), decode(data, "test")
    known = {word for text, _ in train for word in text.split()}
    kept = [(" ".join(word for word in text.split() if word in known), y) for text, y in rows]
    assert sorted((text, classes[label]) for text, label in train + test) == sorted(kept)
    assert not {text for text, _ in train} & {text for text, _ in test}
    assert {label for _, label in train} == {label for _, label in test} == {0, 1}
    # Wherever validation is cut off train, it shares one text at most with the rest.
    changes = sum(one[0] != other[0] for one, other in zip(train, train[1:]))
    assert changes == len({text for text, _ in train}) - 1


def test_equal_texts_are_said_and_kept(in_folder, capsys):
    rows = [(f"c{'+#'[n % 2]} {'x' * (n // 2 + 1)}", f"team {n % 2}") for n in range(60)]
    data, _ = prepare(write_table("mine.csv", rows + rows[:5]))
    printed = capsys.readouterr().out
    assert "\n5 texts for train repeat another one\n30 texts differ from another only" in printed
    assert warnings_of(data)[0] == "65 texts of the same words have different labels"


def test_characters_as_words(in_folder):
    rows = [(f"{'ab'[n % 2]}{n}.xY z", str(n % 2)) for n in range(40)]
    data, _ = prepare(write_table("mine.csv", rows), "--words", "characters")
    assert set(words_of(data)) == set("abxYz.␣0123456789")
    assert data_file.about_of(data)["words"] == "characters"
    prepare_texts.write("data/mine.npz.npz", *zip(*rows), rule="characters")
    assert equal(read("data/mine.npz.npz")[0], data)


def test_a_column_that_names_the_split_is_followed(in_folder, capsys):
    parts = ["Train", "train", "train", "test", "dev", "other"]
    rows = [(f"text {part} {n}", label, part) for n, part in enumerate(parts * 2) for label in "ab"]
    header = "text", "label", "Split"
    data, _ = prepare(write_table("mine.csv", rows, header=header))
    printed = capsys.readouterr()
    assert "column 3, 'Split'" in printed.err and "not read" not in printed.err
    assert "4  in the part 'other', the first: mine.csv, line 12\n" in printed.out
    assert [text.split()[1] for text, _ in decode(data, "train")[:4]] == ["dev"] * 4
    assert len(data["y_train"]) == 16 and data_file.about_of(data)["rows"] == [8, 9, 20, 21]
    with pytest.raises(DataError, match="leave --test and --validation out"):
        prepare("mine.csv", "--test", "mine.csv")


def test_several_tables_are_joined(in_folder):
    for name, rows in {"one": ROWS[:8], "b": ROWS[8:20], "c": ROWS[20:28], "d": ROWS[28:]}.items():
        write_table(f"{name}.csv", rows)
    data, _ = prepare("one.csv", "b.csv", "--test", "c.csv", "--validation", "d.csv")
    parts = decode(data, "train")[:12], decode(data, "train")[12:]
    for part, expected in zip(parts, (ROWS[28:], ROWS[:20]), strict=True):
        assert sorted(part) == sorted((text, int(label)) for text, label in expected)
    about = data_file.about_of(data)
    assert about["file"] == "c.csv" and sorted(about["rows"]) == [*range(2, 10)]


@pytest.mark.parametrize("header", [True, False])
def test_the_row_of_each_test_text_and_the_columns_are_kept(in_folder, header):
    rows = [("x" * (n % 7 + 1), n % 2, "é" * (n // 7 + 1)) for n in range(40)]
    names = ("a", "b", "c") if header else rows[0]
    write_table("mine.csv", rows[not header :], "cp1252", names)
    options = ["--text", "c,a"] if header else ["--text", "3,1", "--no-header"]
    data, _ = prepare("mine.csv", "--encoding", "cp1252", "--label", "2", *options)
    about = data_file.about_of(data)
    names = {"text": ["c", "a"], "label": "b"} if header else {"text": ["3", "1"], "label": "2"}
    assert about["columns"] == names and about["file"] == "mine.csv"
    kept = [rows[row - 1 - header] for row in about["rows"]]
    assert decode(data, "test") == [(f"{last} {first}", label) for first, label, last in kept]


def test_the_last_line_is_a_command_with_the_advised_constants(in_folder, capsys):
    prepare_texts.main([write_table("it's (1), new.csv", ROWS)])
    command = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert command[:3] == ["python", "compare.py", "imdb_lstm"]
    values = dict(argument.split("=", 1) for argument in command[3:])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        constants, _ = compare.read_script("imdb_lstm")
    for constant, value in values.items():
        compare.check_values("imdb_lstm", constants, constant, value)
    expected = dict(DATA_FILE="data/it's (1), new.npz", BATCH_SIZE=1, EPOCHS=20, VALIDATION_SIZE=0)
    values = {name: compare.values_of(value) for name, value in values.items()}
    assert values == {name: [value] for name, value in expected.items()}


# What people's files must give: name; options; classes; texts; what is said.
FIELD = """
../field_cases/quotes_swallow_text_first.tsv; ; 0 1; 20; --quotes none
../field_cases/folder_train_test; ; neg pos; 20; test as given
../field_cases/lines.jsonl; ; FOOD TRAVEL; 20; 'headline'
../field_cases/binary.parquet; ; 0 1; 20; 20 rows
../field_cases/label_several.csv; ; food food|travel music,_food travel|music; 20; several labels
../field_cases/IMDB Dataset.csv; ; negative positive; 20; 20 rows span
dga.csv; ; dga legit; 300; 60 of 60 test texts have no other words. For names
doccano.jsonl; --text text; bad good; 20; 10  without a label, the first
prodigy.jsonl; ; bad good; 30; not read: column 3, 'answer'
class_folder_of_lines; ; sport travel; 4; 4  of several lines, each one text
scores.csv; ; 0 0.1667 0.2000 0.3000 0.4000 0.5000 0.6000 0.7000 0.8333 1; 200; are not classes
double_encoded.csv; ; 0 1; 30; 30  in a wrong encoding
mixed_encoding.csv; --encoding cp1252; 0 1; 30; 15  in a wrong encoding
excel_merged.xlsx; ; bad good; 6; 24  without a label (empty, merged with
""".strip().splitlines()
CASES = ROOT.parent / "shared" / "field_cases_3"
with_cases = pytest.mark.skipif(not CASES.exists(), reason="the miniatures (../shared) are missing")


@with_cases
@pytest.mark.parametrize("case", FIELD)
def test_peoples_files_are_read_right(in_folder, capsys, case):
    name, options, classes, count, said = case.split("; ")
    data, names = prepare(str(CASES / name), *options.split())
    printed = capsys.readouterr()
    assert [name.replace(" ", "_") for name in names] == classes.split()
    assert len(data["y_train"]) + len(data["y_test"]) == int(count)
    assert said in printed.err + printed.out


REFUSED_FIELD = """
../field_cases/quotes_backslash.csv; line 2; ../field_cases/r_row_names.tsv; row names
../field_cases/fasttext.txt; --text; ../field_cases/binary.ft.txt.bz2; unpacked
hf_shards; train-00002-of; csv_per_source; Cyd.csv; parallel; a file for each text (not a line)
intents.json; A row must be {"text"; splits_of_pairs.json; A row must be {"text"
mixed_encoding.csv; mixed encodings; excel_second_sheet.xlsx; 'Data'; excel_title.xlsx; row 3
excel_formula.xlsx; formula; excel_sheet_per_class.xlsx; 'good'; psql.txt; line 2, 1 instead of 2
comment_commas.csv; '# Collected; single_quotes.csv; "'The clinic; trec.label; tab, |
""".strip()


@with_cases
def test_other_files_of_people_are_refused_with_a_way_out(in_folder):
    cases = re.split("; |\n", REFUSED_FIELD)
    for name, said in zip(cases[::2], cases[1::2], strict=True):
        with pytest.raises(DataError) as error:
            prepare(str(CASES / name))
        assert re.fullmatch(f".*{re.escape(said)}.*{WRITE}", str(error.value))


WRITTEN = """
reviews 20 neg pos; lines 20 sport travel; parallel 20 negative positive
trec 20 LOC:city NUM:date; intents 9 goodbye greeting hours; pairs 24 bad good
prodigy 18 bad good; scores 200 civil toxic; tweets 38 bad good; psql 20 bad good
survey 30 bad good; merged 30 bad good; sheets 30 bad good; jobs 80 team-a team-b
"""


@with_cases
def test_the_lines_for_odd_shapes_write_what_is_in_the_files(in_folder, capsys):
    """The blocks of docs/own_texts.md, on the miniatures that they name."""
    shutil.copytree(CASES, in_folder, dirs_exist_ok=True)
    page = (ROOT / "docs" / "own_texts.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(?:^    .*\n)+", page, re.MULTILINE)
    names, written = {}, {}
    for block in blocks:
        exec(textwrap.dedent(block), names)
        if target := re.search(r"data/(\w+)\.npz", block):
            data, classes = read(target[0])
            written[target[1]] = f"{len(data['y_train']) + len(data['y_test'])} {' '.join(classes)}"
            assert not re.search("without|differ", capsys.readouterr().out)
        elif "fixed.csv" in block:
            prepare_texts.main(["fixed.csv"])
            assert "café" in words_of(read("data/fixed.npz")[0])
            assert "encoding" not in capsys.readouterr().out
    expected = re.split("; |\n", WRITTEN.strip())
    assert written == {name: rest for name, _, rest in (case.partition(" ") for case in expected)}
