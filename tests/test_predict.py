"""predict.py: runs are found, probabilities are as in training, unusable runs are refused."""

import bz2
import concurrent.futures
import csv
import gzip
import io
import json
import os
import pathlib
import re
import shutil
import sys
import zipfile

import hypothesis
import keras
import numpy as np
import pytest
from conftest import ROOT, run, texts_of, words_of
from hypothesis import strategies
from keras import layers

import imdb_lstm
import predict
from corpus import DataError, answers, cli, data_file

SMALL = {"VOCAB_SIZE": 150, "MAX_LENGTH": 30, "EMBEDDING_DIM": 16, "LSTM_UNITS": 8}
SMALL |= {"BATCH_SIZE": 16, "EPOCHS": 3, "WORD_DROPOUT": 0}
TEXT = "The film was not dull, it was charming."
NAME = "imdb_lstm-20260102-030405-000006"


@pytest.fixture(scope="session")
def data(small_sample):
    """The small sample with labels that are learnt in seconds: whether the text contains "i"."""
    labels = {
        f"y_{part}": np.array([8 in text[-30:] for text in texts_of(small_sample, part)], "int64")
        for part in ("train", "test")
    }
    return small_sample | labels


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
    return shutil.copytree(trained, in_folder / "runs" / NAME)


@pytest.fixture
def loaded(classifier, monkeypatch):
    """The command finds and loads no run but has that of `classifier`."""
    monkeypatch.setattr(predict, "Classifier", lambda run: classifier)


def refused(capsys, run, text=TEXT):
    """Asserts that a command ends with status 1, one line, and no output; returns the line."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        cli.start(lambda: predict.main([str(run), *text.splitlines()]))
    assert isinstance(stop.value.code, str) and "\n" not in stop.value.code
    assert capsys.readouterr().out == ""
    return stop.value.code


def test_the_newest_finished_run_of_exactly_this_script_is_taken(in_folder, capsys):
    runs = in_folder / "runs"
    finished = "my-20250101-000000-000000 my-20260101-000000-000001 my-20260101-000000-000000"
    others = "my-2-20270101-000000-000000 my_lstm-20270101-000000-000000 my-20270101 my"
    for name in f"{finished} {others}".split():
        (runs / name).mkdir(parents=True)
        (runs / name / "result.json").touch()
    (runs / "my-20280101-000000-000000").mkdir()  # unfinished
    newest = pathlib.Path("runs/my-20260101-000000-000001")
    assert predict.find_run("my") == predict.find_run("my.py") == newest
    assert capsys.readouterr().err.splitlines()[0] == f"my: {newest}"
    assert predict.find_run("my-2").name == "my-2-20270101-000000-000000"
    capsys.readouterr()
    assert predict.find_run(f"{newest}/") == newest and capsys.readouterr().err == ""
    for name in "m", "y", "runs/my-2027", "m*", "[":
        with pytest.raises(DataError, match="there is no run"):
            predict.find_run(name)


def test_runs_that_cannot_be_used_are_named_in_one_line(run_folder, capsys):
    earlier = run_folder.parent / "imdb_bilstm"
    earlier.mkdir()
    (earlier / "result.json").write_text('{"constants": {"MAX_LENGTH": null, "PADDING": 8}}')
    for name in "imdb_bilstm", earlier:
        assert "earlier version; train again" in refused(capsys, name)
    (run_folder / "result.json").unlink()
    for name in "imdb_lstm", run_folder:
        assert f"{NAME} is unfinished" in refused(capsys, name)
    for name in "imdb_cnn_lstm", "runs/none":
        assert f"no run {name}; train one first" in refused(capsys, name)


def test_probabilities_are_those_of_the_training_run(classifier, data, monkeypatch):
    texts, labels = texts_of(data, "test"), data["y_test"]
    assert max(map(len, texts)) > SMALL["MAX_LENGTH"]  # some texts are cut,
    assert max(map(max, texts)) >= SMALL["VOCAB_SIZE"]  # and some words are rare
    found = classifier.probabilities(texts)
    # In training, texts of other lengths share a batch: padding may change a class or two.
    accuracy = np.mean(found.argmax(axis=1) == labels)
    assert 0.7 < accuracy == pytest.approx(classifier.result["test_accuracy"], abs=0.01)
    for name, value in SMALL.items():
        monkeypatch.setattr(imdb_lstm, name, value)
    for row in range(0, 200, 10):
        [(ids, _)] = imdb_lstm.batches(texts[row : row + 1], labels[:1])
        expected = float(classifier.model.predict_on_batch(ids)[0, 0])
        assert found[row] == pytest.approx([1 - expected, expected], abs=1e-6)


def test_words_get_the_ids_of_training(classifier, data):
    vocabulary = words_of(data)
    for ids in texts_of(data, "test")[:20]:
        words = [vocabulary[id - 4] for id in ids[1:]]
        known = np.where(ids < SMALL["VOCAB_SIZE"], ids, 2)
        assert np.array_equal(classifier.encode(words), known)
        [found] = predict.answer(classifier, [" ".join(words).upper()])
        assert (found["words"], found["unknown_words"]) == (len(words), np.sum(known == 2))
        expected = classifier.probabilities([ids]).max()
        assert found["probability"] == pytest.approx(expected, abs=1e-6)


def test_a_probability_does_not_depend_on_other_texts_nor_on_what_is_cut(classifier):
    end = "my " * 23 + "the film began badly but ended well"  # as many words as are read
    texts = [TEXT, "dull", "i " * 100_000 + end, "film " + end, *[TEXT.upper()] * 40]
    first, _, long, short, *others = predict.answer(classifier, texts)
    [alone] = predict.answer(classifier, (text for text in [TEXT]))
    for found, expected in (first, alone), (long, short), *((other, alone) for other in others):
        assert found["probability"] == pytest.approx(expected["probability"], abs=1e-6)
    assert long["words"] == 100_030


def test_after_each_word_is_the_probability_of_the_text_up_to_it(classifier):
    words = "the film started badly and had dull scenes but a charming end".split()
    [found] = predict.answer(classifier, [" ".join(words)], with_words=True)
    texts = [" ".join(words[: end + 1]) for end in range(len(words))]
    expected = [each["probabilities"][found["class"]] for each in predict.answer(classifier, texts)]
    assert [word for word, _ in found["after_each_word"]] == words
    assert [p for _, p in found["after_each_word"]] == pytest.approx(expected, abs=1e-6)
    assert expected[-1] == pytest.approx(found["probability"], abs=1e-6)


def test_a_text_without_words_has_no_class(classifier):
    for found in predict.answer(classifier, ["", "!?...", "\r\n"], with_words=True):
        assert (found["class"], found["probability"], found["words"]) == (None, None, 0)
        assert found["probabilities"] == {} and found["after_each_word"] == []
    with pytest.raises(AssertionError, match="a list of texts"):
        predict.answer(classifier, "a film")


def test_a_line_names_class_probability_and_text(loaded, classifier, capsys):
    [found] = predict.answer(classifier, [TEXT])
    line = f"{found['class']:8} {found['probability']:6.1%}  {TEXT}"
    predict.main(["run", TEXT, "\U0001f3ac qwertz"])
    first, second = capsys.readouterr().out.splitlines()
    assert first == line and second.endswith("qwertz  (no known words)")
    predict.main(["run", "--words", TEXT, "..."])
    table = capsys.readouterr().out.splitlines()
    assert table[0] == line and f"probability of {found['class']} after" in table[1]
    words = "the film was not dull it was charming".split()
    assert [row.split()[1] for row in table[2:-1]] == words
    assert table[-2].split()[0] == f"{found['probability']:.1%}"
    assert table[-1] == "-  ...  (no known words)"


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_each_line_of_standard_input_becomes_a_json_object(
    loaded, classifier, capsys, monkeypatch, arguments
):
    sizes, real = [], predict.answer
    monkeypatch.setattr(predict, "TEXTS_AT_ONCE", 2)
    monkeypatch.setattr(predict, "answer", lambda *args: sizes.append(len(args[1])) or real(*args))
    lines = "\ufefffilm\r\n\nwas caf\xe9\n".encode() + b"was \xff\n" + b"the"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    predict.main(["run", "--json", "--words", *arguments])
    out, err = capsys.readouterr()
    found = list(map(json.loads, out.splitlines()))
    for start, texts in (0, ["film", ""]), (2, ["was caf\xe9", "was \ufffd"]), (4, ["the"]):
        assert found[start : start + 2] == real(classifier, texts, True)
    assert [each["unknown_words"] for each in found] == [0, 0, 1, 1, 0] and sizes == [2, 2, 1]
    assert out.isascii()  # whatever the encoding of the console or the pipe
    assert err.splitlines() == ["Line 4 is not UTF-8, or contains U+FFFD."]


def test_missing_input_and_empty_arguments_are_refused(loaded, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert "no standard input" in refused(capsys, "run", text="")
    for arguments in ["", TEXT], ["run", ""]:
        with pytest.raises(SystemExit, match="2"):
            predict.main(arguments)
        assert "an argument is empty" in capsys.readouterr().err


def test_as_a_process(run_folder):
    done = run(ROOT / "predict.py", run_folder.parents[1], "imdb_lstm", TEXT)
    assert done.returncode == 0 and done.stdout.endswith(f"%  {TEXT}\n")
    assert done.stderr.startswith(f"imdb_lstm: {pathlib.Path('runs', NAME)}\n")
    # Errors come at once: keras, which takes seconds to import, is not imported before them.
    code = "import sys; sys.modules['keras'] = None; import predict; predict.main(['none', 'text'])"
    assert "there is no run none" in run("-c", ROOT, code).stderr


@pytest.mark.parametrize("name", ["result.json", "vocabulary.txt", "model.keras"])
def test_a_damaged_file_is_named_in_one_line(run_folder, capsys, name):
    valid = (run_folder / name).read_bytes()
    for content in b"\xff{", b"[" * 100_000, b'{"about": 1}', valid[:-9], valid[:1000] + b"\xff":
        if name != "vocabulary.txt" or b"\xff" in content:  # any text is a vocabulary
            (run_folder / name).write_bytes(content)
            assert re.search(f"{name}.* cannot be used", refused(capsys, run_folder))
    if name != "result.json":  # without it, the run is unfinished
        (run_folder / name).unlink()
        assert f"{name} cannot be used" in refused(capsys, run_folder)


def test_words_keep_their_ids_whatever_the_line_ends(run_folder):
    words = (run_folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")
    words[10] = "one\rtwo"
    for end in "\n", "\r\n":
        (run_folder / "vocabulary.txt").write_bytes(end.join(words).encode())
        expected = dict(zip(words, range(4, SMALL["VOCAB_SIZE"])))
        assert predict.Classifier(run_folder).ids == expected


class Custom(layers.Layer):
    """A layer that is not part of Keras, although it could be imported here."""

    def call(self, inputs):
        pathlib.Path("executed").touch()
        return inputs


def network(rows, columns, *parts, activation="sigmoid"):
    """Returns a model: ids (batch, time) to outputs (batch, columns), all the same."""
    embedding = layers.Embedding(rows, columns, embeddings_initializer="ones")
    output = [embedding, layers.GlobalMaxPooling1D(), layers.Activation(activation), *parts]
    return keras.Sequential([keras.Input((None,), dtype="int32"), *output])


UNUSABLE = {
    "more outputs than classes": lambda: network(150, 46),
    "fewer words": lambda: network(100, 1),
    "one width": lambda: keras.Sequential(
        [keras.Input((16,)), layers.Embedding(150, 1), layers.Flatten(), layers.Dense(1, "sigmoid")]
    ),
    "logits": lambda: network(150, 1, layers.Rescaling(2.0)),
    "NaN": lambda: network(150, 1, layers.Rescaling(float("nan"))),
    "Lambda": lambda: network(150, 1, layers.Lambda(lambda x: (open("executed", "w"), x)[1])),
    "custom layer": lambda: network(150, 1, Custom()),
}


@pytest.mark.parametrize("build", UNUSABLE.values(), ids=UNUSABLE)
def test_a_model_that_does_not_fit_or_has_code_is_refused(run_folder, capsys, build):
    build().save(run_folder / "model.keras")
    pathlib.Path("executed").unlink(missing_ok=True)  # its code runs when it is built
    assert "model.keras cannot be used" in refused(capsys, run_folder)
    assert not pathlib.Path("executed").exists()


def test_of_more_than_two_classes_the_three_most_probable_are_printed(run_folder, capsys):
    network(150, 4, activation="softmax").save(run_folder / "model.keras")
    result = json.loads((run_folder / "result.json").read_bytes()) | {"classes": list("abcd")}
    (run_folder / "result.json").write_text(json.dumps(result))
    predict.main([str(run_folder), TEXT])
    assert capsys.readouterr().out.split()[:7] == ["a", "25.0%", "b", "25.0%", "c", "25.0%", "The"]


def thing(module, name, **config):
    return {"module": module, "class_name": name, "config": config, "registered_name": name}


CODE = {
    "os.system": thing("os", "system", command="touch executed"),
    "safe mode off": thing("keras.config", "enable_unsafe_deserialization"),
    "download": thing("keras.utils", "get_file", fname="x", origin="file:///etc/hosts"),
}


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
@pytest.mark.parametrize("place", ["model", "layer", "activation"])
def test_code_in_the_configuration_of_a_model_is_not_run(run_folder, capsys, code, place):
    with zipfile.ZipFile(run_folder / "model.keras") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(files["config.json"])
    if place == "layer":
        config["config"]["layers"].append(code)
    if place == "activation":
        config["config"]["layers"][-1]["config"]["activation"] = code
    files["config.json"] = json.dumps(code if place == "model" else config).encode()
    with zipfile.ZipFile(run_folder / "model.keras", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    assert "model.keras cannot be used" in refused(capsys, run_folder)
    assert not pathlib.Path("executed").exists()


# --- The rule of words, other versions, threads ---


def changed(run_folder, **changes):
    """Changes result.json of a run; returns the run's folder."""
    result = json.loads((run_folder / "result.json").read_bytes())
    (run_folder / "result.json").write_text(json.dumps(result | changes))
    return run_folder


def test_words_are_split_by_the_rule_of_the_run(run_folder, capsys):
    about = json.loads((run_folder / "result.json").read_bytes())["about"]
    text = "it’s a\u00a0good\rfilm"
    expected = {"keras": ["it’s", "a\u00a0good", "film"], "unicode": ["it's", "a", "good", "film"]}
    for rule, words in (*expected.items(), (None, expected["keras"])):
        named = {name: value for name, value in (about | {"words": rule}).items() if value}
        [found] = predict.answer(predict.Classifier(changed(run_folder, about=named)), [text], True)
        assert [word for word, _ in found["after_each_word"]] == words
    for rule in "newer", ["keras"]:
        reason = refused(capsys, changed(run_folder, about=about | {"words": rule}))
        assert "unknown rule of words 'newer'" in reason or rule != "newer"


def test_a_model_of_another_keras_is_named_with_both_versions(run_folder, capsys):
    for version, expected in ("3.99.1", True), (keras.__version__, False):
        (run_folder / "model.keras").write_bytes(b"of another version")
        reason = refused(capsys, changed(run_folder, versions={"keras": version}))
        named = f"it is of Keras 3.99.1, this is Keras {keras.__version__}. Install it, python -m "
        assert ("model.keras cannot be used" in reason) and ((named in reason) == expected)


def test_it_works_in_threads(run_folder, capsys):
    texts = ["the film began badly", TEXT]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        classifier = pool.submit(predict.Classifier, run_folder).result()
        many = [pool.submit(predict.answer, classifier, texts) for _ in range(20)]
        expected = predict.answer(classifier, texts)
        for found in many:
            for each, other in zip(found.result(), expected, strict=True):
                assert each["probability"] == pytest.approx(other["probability"], abs=1e-6)
        pool.submit(predict.main, [str(run_folder), TEXT]).result()
        pathlib.Path("ask.csv").write_text(f"text\n{TEXT}\n")
        pool.submit(predict.main, [str(run_folder), "--table", "ask.csv"]).result()
    assert capsys.readouterr().out.count(f"{expected[1]['probability']:.7g}") == 1


# --- Files given as texts, tables on standard input ---

TABLES = {
    "header": b"id,text\n1,good\n2,bad\n",
    "one column": b"text\ngood\nbad\n",
    "quoted": b'"Review";"Stars"\n"good; very";1\n"bad\nfilm";2\n',
    "no header": b"ham\tGo now\nspam\tWin\n",
    "many rows": b"1,good\n0,bad film\n" * 3,
    "row names of R": b'"text" "label"\n"1" "a good film" 1\n"2" "bad" 0\n',
    "JSON lines": b'{"text": "good"}\n',
    "JSON": b'[\n  {"text": "good"}]\n',
    "JSON strings": b'["good", "bad"]',
    "fastText": b"__label__1 good\n__label__2 bad\n",
    "parquet": b"PAR1\x15\0\x15\x1a\x15",
    "UTF-16": "\ufefftext\tlabel\n".encode("utf-16-le"),
    "gzip": gzip.compress(b"id,text\n1,good\n2,bad\n"),
    "bz2": bz2.compress(b"id,text\n1,good\n2,bad\n"),
}
NO_TABLES = {
    "commas": b"Good, but long.\nBad, but short.\n\nWell, well, well.\nFine.\n",
    "names of columns in a text": b"Text, label and class.\nNot, a, table.\nA film.\n",
    "brackets": b"[sic] a film\n{not} JSON\n",
    "one line": b"text,label",
    "stray marks": b'"Good, but\nvery\nlong\nfilm\nBad", he said, "often\n',
    "one word": b"News!\nGood film\n",
    "cp1252": b"caf\xe9 and some more words\n",
}


@pytest.mark.parametrize("content", TABLES.values(), ids=TABLES)
def test_a_table_is_refused_with_the_command_unless_said_to_be_text(
    loaded, in_folder, capsys, monkeypatch, content
):
    (in_folder / "ask me").write_bytes(content)
    reason = refused(capsys, "my run", "ask me")
    assert "'ask me' is a file. Type: python predict.py 'my run' --table 'ask me'." in reason
    assert "If it is a text: --as-text" in reason
    for arguments in [], ["-"]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        reason = refused(capsys, "my run", "\n".join(arguments))
        assert "Type: python predict.py 'my run' --table FILE." in reason
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    predict.main(["run", "--as-text"])
    assert len(capsys.readouterr().out.splitlines()) == len(content.splitlines(True))
    predict.main(["run", "ask me", "--as-text"])
    assert capsys.readouterr().out.endswith("  ask me  (no known words)\n")


@pytest.mark.parametrize("content", NO_TABLES.values(), ids=NO_TABLES)
def test_texts_are_not_taken_for_a_table(loaded, in_folder, capsys, monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    predict.main(["run"])
    assert len(capsys.readouterr().out.splitlines()) == len(content.splitlines())
    (in_folder / "texts.txt").write_bytes(content)
    reason = refused(capsys, "run", f"{TEXT}\ntexts.txt")
    assert "'texts.txt' is a file. Type: python predict.py run < texts.txt." in reason


def test_a_missing_file_is_not_classified_as_a_text(loaded, in_folder, capsys):
    for name in "reviews.csv", "my/Texts.JSONL", "a.csv.gz":
        reason = refused(capsys, "run", name)
        assert f"there is no file {name!r}. If it is a text: --as-text. Of a" in reason
    predict.main(["run", "See reviews.csv", "The end.", "A.", "data", "--as-text", "b.csv"])
    assert len(capsys.readouterr().out.splitlines()) == 5


# --- A table in, a table out ---


def rows_of(path, delimiter=","):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter, strict=True))


ROWS = [["7", TEXT, 'é, "quoted"'], ["007", "...", ""], ["NA", "the film\nbegan badly", "x\ry"]]


def write_rows(path, rows, header=("id", "review", ""), **options):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL, **options).writerows([header, *rows])


def test_a_table_comes_out_with_all_columns_in_order_and_two_more(
    loaded, classifier, in_folder, capsys, monkeypatch
):
    monkeypatch.setattr(answers, "ROWS_AT_ONCE", 2)
    rows = ROWS * 5
    expected = []
    for row, found in zip(rows, predict.answer(classifier, [row[1] for row in rows]), strict=True):
        p = found["probability"]
        expected.append([*row, found["class"] or "", "" if p is None else pytest.approx(p, 1e-5)])
    write_rows("ask.csv", rows, delimiter=";")
    before = pathlib.Path("ask.csv").read_bytes()
    predict.main(["run", "--table", "ask.csv", "--output", "new/answers.csv"])
    predict.main(["run", "--table", "ask.csv", "--output", "answers.tsv", "--text", "2"])
    out, err = capsys.readouterr()
    assert out == "" and "5 of them without words, so without a class" in err
    predict.main(["run", "--table", "ask.csv", "--text", "Review"])
    pathlib.Path("stdout.csv").write_bytes(capsys.readouterr().out.encode())
    for path, delimiter in ("new/answers.csv", ","), ("answers.tsv", "\t"), ("stdout.csv", ","):
        header, *found = rows_of(path, delimiter)
        assert header == ["id", "review", "", "class", "probability"]
        assert [[*row[:4], row[4] and float(row[4])] for row in found] == expected
    assert pathlib.Path("ask.csv").read_bytes() == before
    assert not [name for name in (*os.listdir(), *os.listdir("new")) if ".part" in name]


def test_columns_of_the_same_name_are_kept(loaded, in_folder, capsys):
    for taken, prefix in (
        (["Class"], "predicted_"),
        (["predicted_class"], ""),
        (["predicted_class", "probability"], "predicted_predicted_"),
    ):
        write_rows("ask.csv", [[*taken, TEXT]], header=(*taken, "text"))
        predict.main(["run", "--table", "ask.csv", "--output", "answers.csv"])
        header, row = rows_of("answers.csv")
        assert header == [*taken, "text", f"{prefix}class", f"{prefix}probability"]
        assert row[:-2] == [*taken, TEXT]
        said = f"the new columns are {prefix}class and {prefix}probability"
        assert (said in capsys.readouterr().err) == bool(prefix)


def test_the_input_and_special_files_are_never_replaced(loaded, in_folder, capsys):
    write_rows("ask.csv", ROWS)
    before = pathlib.Path("ask.csv").read_bytes()
    os.symlink("ask.csv", "link.csv")
    os.link("ask.csv", "hard.csv")
    os.mkfifo("pipe.csv")
    os.mkdir("folder.csv")
    for output in "ask.csv", "./ask.csv", "link.csv", "hard.csv":
        reason = refused(capsys, "run", f"--table\nask.csv\n--output\n{output}")
        assert f"{output} is the table itself: name another --output" in reason
        assert "itself" in refused(capsys, "run", f"--table\n{output}\n--output\nask.csv")
    for output in "pipe.csv", "folder.csv":
        reason = refused(capsys, "run", f"--table\nask.csv\n--output\n{output}")
        assert "is not a regular file" in reason
    for output in "answers.xlsx", "answers":
        with pytest.raises(SystemExit, match="2"):
            predict.main(["run", "--table", "ask.csv", "--output", output])
    assert pathlib.Path("ask.csv").read_bytes() == before and not os.path.exists("answers")


def test_the_table_is_not_appended_to_itself(run_folder):
    write_rows("ask.csv", ROWS)
    before = pathlib.Path("ask.csv").read_bytes()
    code = f"""import subprocess, sys
with open("ask.csv", "ab") as file:
    sys.exit(subprocess.run([sys.executable, {str(ROOT / "predict.py")!r}, "imdb_lstm", "--table",
        "ask.csv"], stdout=file).returncode)"""
    done = run("-c", run_folder.parents[1], code)
    assert done.returncode == 1 and "standard output is ask.csv itself" in done.stderr
    assert pathlib.Path("ask.csv").read_bytes() == before


@pytest.mark.parametrize(
    "failure", [KeyboardInterrupt, DataError("the model"), OSError(28, "full")]
)
def test_an_interrupted_table_leaves_the_earlier_answers(loaded, in_folder, monkeypatch, failure):
    monkeypatch.setattr(answers, "ROWS_AT_ONCE", 1)
    write_rows("ask.csv", ROWS)
    pathlib.Path("answers.csv").write_text("earlier")
    real, count = predict.answer, iter(range(9))

    def answer(*arguments):
        if next(count) == 2:
            raise failure
        return real(*arguments)

    monkeypatch.setattr(predict, "answer", answer)
    with pytest.raises((KeyboardInterrupt, DataError)):
        predict.main(["run", "--table", "ask.csv", "--output", "answers.csv"])
    assert pathlib.Path("answers.csv").read_text() == "earlier"
    assert sorted(os.listdir()) == ["answers.csv", "ask.csv"]


def test_tables_that_cannot_be_read_are_refused_before_the_model_is_loaded(in_folder, capsys):
    write_rows("ask.csv", ROWS, header=("id", "one", "two"))
    os.mkfifo("pipe")
    for arguments, reason in {
        "--table missing.csv": "there is no file missing.csv",
        "--table .": ". is a folder, not a table",
        "--table pipe": "pipe is a pipe or device",
        "--table ask.csv": "Choose by name or number",
        "--table ask.csv --text three": "has no column 'three'. Columns: 1 'id'",
        "--table ask.csv --text one --encoding x": "unknown encoding 'x'",
    }.items():
        assert reason in refused(capsys, "no run", "\n".join(arguments.split()))
    for arguments in "--table ask.csv text", "--table ask.csv --json", "--output a.csv text":
        with pytest.raises(SystemExit, match="2"):
            predict.main(["run", *arguments.split()])


CELLS = strategies.text(strategies.characters(codec="utf-8", exclude_characters="\0"))


@hypothesis.given(strategies.lists(strategies.tuples(CELLS, CELLS), min_size=1))
def test_whatever_is_in_the_cells_is_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "answers.csv"
    with data_file.replacing(path) as file:
        write_row = answers.writer(file, ",")
        for row in rows:
            write_row(row)
    assert rows_of(path) == list(map(list, rows))


def test_the_miniature_of_questions_is_answered(loaded, in_folder, capsys):
    folder = ROOT.parent / "shared" / "field_cases"
    if not folder.is_dir():
        pytest.skip("the miniatures (../shared/field_cases) are missing")
    asked = rows_of(folder / "ask.csv")
    predict.main(["run", "--table", str(folder / "ask.csv"), "--text", "text"])
    pathlib.Path("answers.csv").write_text(capsys.readouterr().out)
    found = rows_of("answers.csv")
    assert [row[:-2] for row in found] == asked and len(found) == 5
    assert {row[-2] for row in found[1:]} <= {"negative", "positive"}
