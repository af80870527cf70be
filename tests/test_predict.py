"""predict.py: unusable models are refused, probabilities as in training, tables come out whole."""

import collections
import csv
import hashlib
import io
import json
import os
import pathlib
import select
import shutil
import sys
import threading
import types
import xml.etree.ElementTree as ElementTree

import hypothesis
import keras
import numpy as np
import pandas
import pytest
from conftest import texts_of, words_of
from hypothesis import strategies
from keras import layers
from sklearn import metrics

import imdb_lstm
import predict
from corpus import DataError, cli, data_file, tables

SMALL = {"VOCAB_SIZE": 150, "MAX_LENGTH": 30, "EMBEDDING_DIM": 16, "LSTM_UNITS": 8}
SMALL |= {"BATCH_SIZE": 16, "EPOCHS": 3, "WORD_DROPOUT": 0}
TEXT = "The film was not dull, it was charming."


@pytest.fixture(scope="session")
def data(small_sample):
    """The small sample with labels that are learnt in seconds: whether the text contains "i"."""
    texts = {part: texts_of(small_sample, part) for part in ("train", "test")}
    labels = {part: [8 in text[-30:] for text in texts[part]] for part in texts}
    return small_sample | {f"y_{part}": np.array(labels[part], "int64") for part in labels}


@pytest.fixture(scope="session")
def trained(tmp_path_factory, data):
    """The folder of a short training run."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in SMALL.items():
            patch.setattr(imdb_lstm, name, value)
        data_file.write("data/imdb.npz", data)
        imdb_lstm.main()
    return next((folder / "runs").iterdir())


@pytest.fixture(scope="session")
def classifier(trained):
    return predict.Classifier(trained)


@pytest.fixture
def run_folder(trained, in_folder):
    """A copy of the run in the current folder, to be damaged."""
    return shutil.copytree(trained, in_folder / "runs" / trained.name)


@pytest.fixture
def loaded(classifier, monkeypatch):
    """The command finds and loads no run but has that of `classifier`."""
    monkeypatch.setattr(predict.runs, "find", lambda name: classifier.result)
    monkeypatch.setattr(predict, "Classifier", lambda run: classifier)


def refused(capsys, *arguments):
    """Asserts that a command ends with status 1, one line, and no output; returns the line."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        cli.start(lambda: predict.main(list(map(str, arguments))))
    assert isinstance(stop.value.code, str) and "\n" not in stop.value.code
    assert capsys.readouterr().out == ""
    return stop.value.code


# --- Runs ---


def network(columns, *parts, rows=150):
    """Returns a model: ids (batch, time) to outputs (batch, columns), all the same."""
    embedding = layers.Embedding(rows, columns, embeddings_initializer="ones")
    output = [embedding, layers.GlobalMaxPooling1D(), layers.Activation("softmax"), *parts]
    return keras.Sequential([keras.Input((None,), dtype="int32"), *output])


UNUSABLE = {
    "more outputs than classes": lambda: network(46),
    "fewer words": lambda: network(1, rows=100),
    "logits": lambda: network(1, layers.Rescaling(2.0)),
    "NaN": lambda: network(1, layers.Rescaling(float("nan"))),
    "code": lambda: network(1, layers.Lambda(lambda x: (open("executed", "w"), x)[1])),
}


@pytest.mark.parametrize("build", UNUSABLE.values(), ids=UNUSABLE)
def test_a_model_that_does_not_fit_or_has_code_is_refused(run_folder, capsys, build):
    build().save(run_folder / "model.keras")
    pathlib.Path("executed").unlink(missing_ok=True)  # its code runs when it is built
    assert "cannot be used" in refused(capsys, run_folder, TEXT)
    assert not pathlib.Path("executed").exists()


def test_classes_and_word_rule_are_those_of_the_run(run_folder, capsys):
    network(4).save(run_folder / "model.keras")
    result = json.loads((run_folder / "result.json").read_bytes()) | {"classes": list("abcd")}
    for rule, words in ("keras", ["it's", "goo\u0301d"]), ("unicode", ["it's", "go\u00f3d"]):
        result["about"]["words"] = rule
        (run_folder / "result.json").write_text(json.dumps(result))
        assert predict.Classifier(run_folder).split("It's, goo\u0301d") == words
    predict.main([str(run_folder), TEXT])
    assert capsys.readouterr().out.split()[:7] == ["a", "25.0%", "b", "25.0%", "c", "25.0%", "The"]


# --- Texts ---


def test_probabilities_are_those_of_the_training_run(classifier, data, monkeypatch):
    texts, labels, vocabulary = texts_of(data, "test"), data["y_test"], words_of(data)
    assert max(map(len, texts)) > SMALL["MAX_LENGTH"]  # some texts are cut,
    assert max(map(max, texts)) >= SMALL["VOCAB_SIZE"]  # and some words are rare
    outputs = classifier.probabilities(texts)
    # In training, texts of other lengths share a batch: padding may change a class or two.
    accuracy = np.mean(outputs.argmax(axis=1) == labels)
    assert 0.7 < accuracy == pytest.approx(classifier.result["test_accuracy"], abs=0.01)
    for name, value in SMALL.items():
        monkeypatch.setattr(imdb_lstm, name, value)
    for row in range(0, 200, 10):
        [(ids, _)] = imdb_lstm.batches(texts[row : row + 1], labels[:1])
        expected = float(classifier.model.predict_on_batch(ids)[0, 0])
        assert outputs[row] == pytest.approx([1 - expected, expected], abs=1e-6)
        words = [vocabulary[number - 4].upper() for number in texts[row][1:]]
        words.insert(row % len(words), "Qwertz")  # left out, as from the test texts
        [each] = predict.answer(classifier, [", ".join(words)])
        assert (each["words"], each["unknown_words"]) == (len(words), 1)
        assert list(each["probabilities"].values()) == pytest.approx(outputs[row], abs=1e-6)


def test_a_probability_does_not_depend_on_other_texts_nor_on_what_is_cut(classifier):
    end = "my " * 23 + "the film was funny rather than dull"  # as many words as are read
    texts = [TEXT, "dull", "i " * 100_000 + end, "film " + end, *[TEXT.upper()] * 200]
    first, _, long, short, *others = predict.answer(classifier, texts)
    [alone] = predict.answer(classifier, (text for text in [TEXT]))
    for each, expected in (first, alone), (long, short), *((other, alone) for other in others):
        assert each["probability"] == pytest.approx(expected["probability"], abs=1e-6)
    assert long["words"] == 100_030


def test_after_each_known_word_is_the_probability_of_the_text_up_to_it(classifier):
    words = "at first the film seemed dull and in the end charming".split()
    [each] = predict.answer(classifier, [" qwertz ".join(["", *words])], with_words=True)
    texts = [" ".join(words[: end + 1]) for end in range(len(words))]
    expected = [one["probabilities"][each["class"]] for one in predict.answer(classifier, texts)]
    assert [word for word, _ in each["after_each_word"]] == words
    assert [p for _, p in each["after_each_word"]] == pytest.approx(expected, abs=1e-6)
    assert expected[-1] == pytest.approx(each["probability"], abs=1e-6)


def test_a_text_without_a_known_word_has_no_class(classifier):
    rare = [word for word, number in classifier.ids.items() if number >= SMALL["VOCAB_SIZE"]]
    texts = ["", "!?...", "\r\n", "qwertz", " ".join(rare)]
    for each in predict.answer(classifier, texts, with_words=True):
        assert (each["class"], each["probability"]) == (None, None)
        assert each["probabilities"] == {} and each["after_each_word"] == []
    with pytest.raises(AssertionError, match="a list of texts"):
        predict.answer(classifier, "a film")


def test_a_page_shades_each_word_that_is_read(loaded, classifier, in_folder):
    text = "I <br>LOVE &amp; hate\x1b qwertz, THE Film: " * 9 + "it's  the \udcff charming end!"
    predict.main(["run", "--html", "page.html", text, "Qwertz <b>"])
    page = pathlib.Path("page.html").read_text(encoding="utf-8").replace("&nbsp;", " ")
    body = ElementTree.fromstring(page).find("body")  # raises if a text is not escaped
    assert body[0].text.endswith("trained on built-in sample, not IMDB")
    assert [body[4].text, body[5].text] == ["No known words", "Qwertz <b>"]
    shown = "".join(body[3].itertext())
    assert shown.startswith("[…]") and shown.endswith(" it's the ? charming end!")
    [each] = predict.answer(classifier, [text], with_words=True)
    shaded = [span.text.lower() for span in body[3].findall("span") if span.get("style")]
    assert shaded == [word for word, _ in each["after_each_word"]][-SMALL["MAX_LENGTH"] :]


def give(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_each_line_of_standard_input_becomes_a_json_object(loaded, classifier, capsys, monkeypatch):
    give(monkeypatch, "\ufefffilm\r\n\nwas caf\xe9\n".encode() + b"was \xff\n" + b"the")
    predict.main(["run", "--json", "--words", "-"])
    out, err = capsys.readouterr()
    texts = ["film", "", "was caf\xe9", "was \ufffd"], ["the"]
    expected = [each for some in texts for each in predict.answer(classifier, some, True)]
    assert list(map(json.loads, out.splitlines())) == expected
    assert out.isascii()  # whatever the encoding of the console or the pipe
    assert "Line 4 " in err and len(err.splitlines()) == 1


BYTES = strategies.sampled_from([b"a", b"\n", b"\r", b"\xc3", b"\xa9"])  # the last two are é
BLOCKS = strategies.lists(strategies.lists(BYTES, min_size=1).map(b"".join))


@hypothesis.given(BLOCKS, strategies.randoms(), strategies.integers(1, 4))
def test_lines_are_whole_whatever_the_blocks_in_which_they_come(blocks, random, at_once):
    content, source = b"".join(blocks), iter([*blocks, b""])
    stream = types.SimpleNamespace(read1=lambda size: next(source))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", types.SimpleNamespace(buffer=stream))
        patch.setattr(predict, "has_more", lambda file: random.random() < 0.5)
        patch.setattr(predict, "AT_ONCE", at_once)
        patch.setattr(predict, "NAMES", set())
        found = [line for lines in predict.standard_input("") for line in lines]
    lines = content.removesuffix(b"\n").split(b"\n") if content else []
    assert found == [line.decode("utf-8-sig", "replace").rstrip("\r") for line in lines]


def test_files_and_tables_are_not_taken_for_texts(loaded, in_folder, capsys, monkeypatch):
    pathlib.Path("ask me").write_text("text\ngood\n")
    reason = refused(capsys, "my run", TEXT, "ask me")
    assert "python predict.py 'my run' --table 'ask me'" in reason and "< 'ask me'" in reason
    for line in "id,text", '"Review";"Stars"', '{"text": "a"}', "[":
        give(monkeypatch, f"{line}\n1,good\n".encode())
        assert "python predict.py run --table FILE" in refused(capsys, "run")


def test_lines_of_an_open_pipe_are_answered_as_they_come(loaded, monkeypatch):
    (asked, ask), (told, tell) = os.pipe(), os.pipe()
    monkeypatch.setattr(sys, "stdin", open(asked))
    monkeypatch.setattr(sys, "stdout", open(tell, "w"))  # buffered
    thread = threading.Thread(target=predict.main, args=[["run"]])
    thread.start()
    with open(told) as answers, open(ask, "w") as texts:
        for text in TEXT, "the film", "qwertz":
            print(text, file=texts, flush=True)
            assert select.select([answers], [], [], 60)[0]
            assert text in answers.readline()
    thread.join()


# --- Tables ---

CELLS = strategies.text(strategies.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@hypothesis.given(strategies.lists(strategies.tuples(CELLS, CELLS), min_size=1, max_size=7))
def test_each_row_comes_out_once_and_in_order(tmp_path_factory, rows):
    """Read back by pandas; the answer to a text is the text itself."""
    path = tmp_path_factory.mktemp("rows") / "ask.jsonl"
    path.write_text("".join(json.dumps({"id": one, "text": text}) + "\n" for one, text in rows))

    def answer(_, texts):
        return [{"class": text, "probability": 0.5, "probabilities": {}} for text in texts]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict.runs, "find", lambda name: {"about": {}, "classes": []})
        patch.setattr(predict, "Classifier", lambda run: None)
        patch.setattr(predict, "answer", answer)
        patch.setattr(predict, "AT_ONCE", 2)
        for name, separator in ("out.csv", ","), ("out.tsv", "\t"):
            predict.main(["run", "--table", str(path), "--output", str(path.parent / name)])
            options = {"sep": separator, "dtype": str, "na_filter": False}
            frame = pandas.read_csv(path.parent / name, **options)
            assert list(frame) == ["id", "text", "class", "probability"]
            assert frame.to_numpy().tolist() == [[one, text, text, "0.5"] for one, text in rows]


def test_labels_give_the_figures_of_scikit_learn(capsys):
    classes, random = ["1", "Bad", "good one", "rare"], np.random.default_rng(0)
    true, found = random.choice(classes[:3], 300), random.choice([*classes, None], 300)
    spelt = {"1": "1.0", "Bad": " bad", "good one": "Good  one", "rare": "rare"}
    pairs = collections.Counter((spelt[label], each) for label, each in zip(true, found))
    predict.print_figures(pairs + collections.Counter({("", "1"): 2, ("worse", None): 1}), classes)
    other, accuracy, _, *rows = capsys.readouterr().err.splitlines()
    assert other.startswith("3 rows ") and f" {np.mean(true == found):.2%} of 300 rows" in accuracy
    options = {"labels": classes, "zero_division": 0}
    found = [each or "none" for each in found]  # a text without a class is an error
    expected = metrics.precision_recall_fscore_support(true, found, **options)
    for row, name, *figures in zip(rows, classes, *expected, strict=True):
        assert row.startswith(name)
        assert list(map(float, row[20:].split())) == pytest.approx(figures, abs=6e-4)


def test_a_table_has_all_probabilities_and_the_accuracy_where_there_are_labels(
    loaded, classifier, in_folder, capfd, monkeypatch
):
    first, second = predict.answer(classifier, [TEXT, "the film was dull"])
    ask = [["7", TEXT, first["class"], "é"], ["007", second["text"], second["class"].upper(), ""]]
    with open("ask.csv", "w", newline="", encoding="utf-8") as file:
        rows = [["Class", "review", "Topic", ""], *ask, ["", "...", "negative", ""]]
        csv.writer(file).writerows(rows)
    digest = hashlib.sha256(os.fsencode(in_folder / "ask.csv")).hexdigest()[:16]
    monkeypatch.setitem(classifier.result["about"], "made_from", digest)
    predict.main(["run", "--table", "ask.csv", "--text", "2", "--label", "topic", "--all"])
    out, err = capfd.readouterr()
    header, *rows = csv.reader(out.splitlines())
    assert header[4:6] == ["predicted_class", "predicted_probability"]
    assert header[6:] == ["predicted_probability_negative", "predicted_probability_positive"]
    for row, given, each in zip(rows, ask, (first, second)):
        assert row[:5] == [*given, each["class"]]
        expected = [each["probability"], *each["probabilities"].values()]
        assert list(map(float, row[5:])) == pytest.approx(expected, abs=1e-6)
    assert rows[2] == ["", "...", "negative", *[""] * 5]
    assert "3 rows in 4 lines, 1 without a class" in err and "accuracy 66.67% of 3 rows" in err
    assert "warning: the run was trained on rows of this table" in err


def test_the_columns_are_those_of_the_training_run_unless_others_are_named():
    def chosen(columns, texts, label="queue", **given):
        table = tables.Table("a.csv", iter([(1, columns)]))
        options = types.SimpleNamespace(**{"text": None, "label": None} | given)
        found = predict.choose(table, options, {"text": texts, "label": label})
        assert len(table.notes) == len(set(table.notes)) == len(found[0]) + (found[1] is not None)
        return found

    both = ["subject", "body"]
    assert chosen(["id", "body", "subject", "queue", "topic"], both) == ([2, 1], 3)
    assert chosen(["1", "0", "2"], ["0"], "2") == ([1], 2)  # names, not numbers
    assert chosen(["body", "topic"], both, text="body") == ([0], 1)
    assert chosen(["body", "topic", "stars"], ["a, b"]) == ([0], None)  # two usual names
    assert chosen(["body", "topic"], both[1:], label="2") == ([0], 1)
    for columns in ["body", "text"], ["subject", "body", "body"]:  # not on one of the two alone
        with pytest.raises(DataError, match="--text .subject,body"):
            chosen(columns, both)


REFUSED = {
    "ask.csv": "--text 'title,two'",
    "ask.csv --text one --output a.xlsx": ".csv or .tsv",
    "ask.csv --text one --output link.csv": "another --output",
}


def test_refusals_come_before_the_model_and_change_nothing(in_folder, capsys, monkeypatch):
    trained = {"about": {"columns": {"text": ["title", "two"], "label": "id"}}, "classes": ["a"]}
    monkeypatch.setattr(predict.runs, "find", lambda name: trained)
    monkeypatch.setattr(predict, "Classifier", None)
    pathlib.Path("ask.csv").write_text("id,one,two\n1,good,bad\n")
    before = pathlib.Path("ask.csv").read_bytes()
    os.symlink("ask.csv", "link.csv")
    for arguments, reason in REFUSED.items():
        assert reason in refused(capsys, "no run", "--table", *arguments.split())
    for words in ["--table", "ask.csv", "text"], ["--all", "a"], [""]:
        with pytest.raises(SystemExit, match="2"):
            predict.main(["run", *words])
    assert pathlib.Path("ask.csv").read_bytes() == before and len(os.listdir()) == 2
