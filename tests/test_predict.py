"""predict.py: runs are found, probabilities are as in training, unusable runs are refused."""

import io
import json
import pathlib
import re
import shutil
import sys
import zipfile

import keras
import numpy as np
import pytest
from conftest import ROOT, run, texts_of, words_of
from keras import layers

import imdb_lstm
import predict
from corpus import DataError, command, data_file

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
        command.start(lambda: predict.main([str(run), *text.splitlines()]))
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
