"""Running the training scripts: import and notebook; data, constants, runs."""

import csv
import json
import os
import pathlib
import re
import runpy
import sys

import keras
import nbclient
import nbformat
import numpy as np
import pytest
from conftest import texts_of, words_of

import imdb_bilstm
import imdb_cnn_lstm
import imdb_lstm
import imdb_pretrained_lstm
import imdb_stacked_lstm
import reuters_rnn
from corpus import data_file, runs, samples

# load_data, batches and main are equal in all scripts (test_skeleton.py): imdb_lstm.py runs here.
SMALL = dict(VOCAB_SIZE=200, EMBEDDING_DIM=8, LSTM_UNITS=8, EPOCHS=1)
SCRIPT = pathlib.Path(imdb_lstm.__file__).read_text(encoding="utf-8")
TEXT = runs.with_constants(SCRIPT, SMALL)
EPOCH = r"\d/\d+ - \d+s - "  # a line an epoch, as in a log


@pytest.fixture
def with_data(in_folder, small_sample):
    data_file.write("data/imdb.npz", small_sample)


@pytest.fixture
def train(with_data, monkeypatch):
    """A function that trains a script; returns the model, the history, the folder, the result."""

    def train(script=imdb_lstm, **constants):
        for name, value in (SMALL | constants).items():
            monkeypatch.setattr(script, name, value)
        model, history = script.main()
        folder = max(pathlib.Path("runs").iterdir())
        return model, history, folder, json.loads((folder / "result.json").read_text())

    return train


@pytest.mark.slow
def test_a_script_trains_in_a_notebook_and_records_what_ran(with_data, in_folder):
    """Pasted whole, below %%time, with a function replaced by a later cell; imported and edited."""
    left = "assert history.epoch == [0] and model.built\ndel model, history"
    cells = ["HF_TOKEN, EPOCHS = 'secret', 7", f"%%time\n{TEXT}", left, TEXT, left]
    cells += ["original = load_data\ndef load_data():\n    return original()"]
    cells += ["model, history = main()", left]
    pathlib.Path("my_lstm.py").write_text(TEXT, encoding="utf-8")
    cells += ["import my_lstm, pathlib; path = pathlib.Path('my_lstm.py')"]
    cells += ["path.write_text(path.read_text().replace('layers.LSTM', 'layers.GRU'))"]
    cells += ["try:\n    my_lstm.main()\nexcept SystemExit as stop:\n    print('refused:', stop)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    place = {"metadata": {"path": str(in_folder)}}
    nbclient.NotebookClient(notebook, timeout=300, resources=place).execute()  # raises errors
    outputs = [str(cell.outputs) for cell in notebook.cells]
    assert "test accuracy" in outputs[3] and not re.search(EPOCH, outputs[3])  # but a bar
    assert "refused: " in outputs[-1] and "importlib.reload" in outputs[-1]
    codes = ["get_ipython().run_cell_magic('time'", TEXT.strip()]
    codes += ["# from another file or cell: load_data"]
    for folder, code in zip(sorted(pathlib.Path("runs").iterdir()), codes, strict=True):
        assert folder.name.startswith("notebook-")
        assert (folder / "code.py").read_text(encoding="utf-8").startswith(code)
        result = json.loads((folder / "result.json").read_text())
        assert result["constants"] == runs.constants_of(TEXT)


def test_an_argument_prints_the_docstring_and_trains_nothing(in_folder, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["imdb_lstm.py", "LSTM_UNITS=8"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(imdb_lstm.__file__, run_name="__main__")
    assert imdb_lstm.__doc__ in stop.value.code and "compare.py" in stop.value.code
    assert os.listdir() == []


@pytest.mark.parametrize("name, ends", [("imdb", ("_train", "_test")), ("reuters", ("",))])
def test_without_a_data_file_it_takes_keras_datasets(keras_datasets, monkeypatch, name, ends):
    monkeypatch.setattr(imdb_lstm, "DATA_FILE", f"{name}.npz")
    *loaded, words, classes, vectors, about = imdb_lstm.load_data()
    assert about == {"source": f"keras.datasets.{name}, without word vectors"}
    assert len(classes) == (46 if name == "reuters" else 2) and len(vectors) == 0
    assert words == [f"word{number}" for number in range(300)]  # by rank
    with np.load(keras_datasets / f"{name}.npz", allow_pickle=True) as file:
        parts = [(file[f"x{end}"], file[f"y{end}"]) for end in ends]
    # 1 starts a text, rank 1 has id 4, and Keras takes the rarest word for an unknown one, 2.
    ids = {rank: rank + 3 for rank in range(1, 300)} | {300: 2}
    expected = [([1, *map(ids.get, text)], y) for part in parts for text, y in zip(*part)]
    pairs = [(list(text), label) for part in loaded for text, label in zip(*part)]
    assert sorted(pairs) == sorted(expected)


def test_without_a_data_file_random_vectors_are_trained(train, capsys, keras_datasets):
    os.remove("data/imdb.npz")
    model, *_, result = train()
    assert model.layers[0].trainable and "val_accuracy" in result
    source = result["about"]["source"]
    assert source == "keras.datasets.imdb, without word vectors"
    assert f"{source}: train 54, val 6, test 40 texts" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize("name, program", [("imdb", "download_imdb"), ("a", "prepare_texts")])
def test_without_data_a_line_names_the_program(in_folder, empty_cache, monkeypatch, name, program):
    monkeypatch.setattr(imdb_lstm, "DATA_FILE", f"data/{name}.npz")
    with pytest.raises(SystemExit, match=f"data/{name}.npz.* python {program}.py"):
        imdb_lstm.load_data()
    assert os.listdir() == []


@pytest.mark.parametrize("name", ["x_train", "train_lengths", "y_train", "x_test"])
def test_arrays_that_do_not_fit_are_refused(train, small_sample, name):
    """Texts would be shifted against their labels."""
    np.savez("data/imdb.npz", **small_sample | {name: small_sample[name][1:]})
    with pytest.raises(AssertionError, match="data/imdb.npz"):
        train()


@pytest.mark.parametrize(
    "script, name, value",
    [
        (imdb_lstm, "MAX_LENGTH", 0),
        (imdb_lstm, "BATCH_SIZE", -1),
        (imdb_lstm, "DROPOUT", -0.1),
        (imdb_lstm, "WORD_DROPOUT", 1),
        (imdb_lstm, "VALIDATION_SIZE", 1),
        (imdb_lstm, "VALIDATION_SIZE", 0.9999),  # of 600 texts
        (imdb_cnn_lstm, "POOL_SIZE", 3),
    ],
)
def test_values_that_keras_accepts_silently_raise_an_error(train, script, name, value):
    with pytest.raises(AssertionError, match=name):
        train(script, **{name: value})
    assert not os.path.exists("runs")


def test_more_classes_than_the_network_has_are_refused(train, small_sample):
    classes = np.frombuffer(b"one\ntwo\nthree", dtype="uint8")
    data_file.write("data/imdb.npz", small_sample | {"classes": classes})
    with pytest.raises(AssertionError, match="reuters_rnn.py"):
        train()


def test_the_data_file_gives_the_vectors_and_validation(train, monkeypatch, small_sample):
    """The leading dimensions are frozen; words without a vector have random ones."""
    begun, used, batches = [], [], imdb_lstm.batches
    keep = lambda *pair, **options: used.append(pair) or batches(*pair, **options)  # noqa: E731
    monkeypatch.setattr(imdb_lstm, "batches", keep)
    monkeypatch.setattr(keras.Model, "fit", lambda model, *_, **__: begun.append(model) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(VOCAB_SIZE=500, VALIDATION_SIZE=0.2)
    [table] = begun[0].layers[0].get_weights()
    assert not begun[0].layers[0].trainable
    stored = small_sample["vectors"][:, :8]
    assert table.shape == (500, 8) and np.array_equal(table[: len(stored)], stored)
    others = table[len(stored) :]
    assert (np.abs(others) <= 0.05).all() and len(np.unique(others)) == others.size > 0
    x_train, y_train = texts_of(small_sample, "train"), small_sample["y_train"]
    for (x, y), rows in zip(used, (slice(120, 600), slice(120)), strict=True):
        assert list(map(bytes, x)) == list(map(bytes, x_train[rows]))
        assert np.array_equal(y, y_train[rows])


def test_the_same_seed_gives_the_same_figures(train):
    """Here without validation, so that each run has all epochs."""
    constants = dict(VALIDATION_SIZE=0, EPOCHS=2, PATIENCE=1)
    runs = [train(**constants, SEED=seed) for seed in (1, 1, 2)]
    losses = [result["test_loss"] for *_, result in runs]
    assert losses[0] == losses[1] != losses[2]
    _, history, _, result = runs[0]
    assert result["epochs"] == result["best_epoch"] == 2
    assert result["loss"] == history.history["loss"][-1] and "val_loss" not in result


def test_a_run_has_the_figures_of_its_best_epoch(train, monkeypatch, capsys, small_sample):
    """Id 13 decides the label, except in a third of validation, so that its loss rises again."""
    labels = np.array([13 in text for text in texts_of(small_sample, "train")], dtype="int64")
    labels[:120:3] ^= 1
    data_file.write("data/imdb.npz", small_sample | {"y_train": labels})
    evaluated, evaluate = [], keras.Model.evaluate

    def counted(self, x, *_, **options):
        evaluated.append(len(x))
        return evaluate(self, x, **options)

    monkeypatch.setattr(keras.Model, "evaluate", counted)
    monkeypatch.setattr(imdb_lstm, "HF_TOKEN", "secret", raising=False)
    constants = dict(EPOCHS=30, PATIENCE=2, BATCH_SIZE=np.int64(50), VALIDATION_SIZE=0.2)
    model, history, folder, result = train(**constants)
    losses = history.history["val_loss"]
    best = int(np.argmin(losses))
    assert 0 < best and len(losses) == best + 3 < 30
    assert evaluated == [3] * len(losses) + [4]  # validation each epoch, test once

    names = ["code.py", "history.csv", "model.keras", "result.json", "vocabulary.txt"]
    assert sorted(os.listdir(folder)) == names and folder.name.startswith("imdb_lstm-")
    rows = list(csv.DictReader((folder / "history.csv").open()))
    assert list(rows[0]) == ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"]
    assert [float(row["val_loss"]) for row in rows] == pytest.approx(losses)
    assert (folder / "vocabulary.txt").read_text("utf-8").split("\n") == words_of(small_sample)
    assert (folder / "code.py").read_text("utf-8") == SCRIPT

    expected = {"script": "imdb_lstm", "classes": ["negative", "positive"], "device": "CPU"}
    data = data_file.read("data/imdb.npz")  # with the fingerprint of these labels
    expected |= {"about": data_file.about_of(data), "epochs": len(losses), "best_epoch": best + 1}
    expected |= {name: values[best] for name, values in history.history.items()}
    expected |= {"constants": runs.constants_of(TEXT) | constants}
    expected |= {"parameters": model.count_params(), "backend": keras.config.backend()}
    measured = {"seconds", "versions", "test_accuracy", "test_loss"}
    assert {name: result[name] for name in result if name not in measured} == expected
    assert set(result) == {*expected, *measured} and 0 < result["seconds"] < 600
    assert result["versions"]["keras"] == keras.__version__

    (x_train, x_test), y_test = (texts_of(data, part) for part in ("train", "test")), data["y_test"]
    for kept in model, keras.models.load_model(folder / "model.keras"):
        validation = imdb_lstm.batches(x_train[:120], labels[:120], shuffle=False)
        assert evaluate(kept, validation, verbose=0)[0] == pytest.approx(losses[best], abs=1e-5)
        figures = evaluate(kept, imdb_lstm.batches(x_test, y_test, shuffle=False), verbose=0)
        assert figures == pytest.approx([result["test_loss"], result["test_accuracy"]], abs=1e-5)

    *_, baseline, following, last = capsys.readouterr().out.splitlines()
    assert following.endswith(f"python report.py {folder}")
    assert baseline == f"majority-class baseline: {np.mean(y_test == (labels.mean() > 0.5)):.2%}"
    said = f"{folder}: test accuracy {result['test_accuracy']:.2%}"
    assert last == f"{said}, built-in sample, not IMDB"


@pytest.mark.slow
@pytest.mark.parametrize(
    "script, epochs",
    [
        (imdb_lstm, 6),
        (imdb_stacked_lstm, 6),
        (imdb_bilstm, 5),
        (imdb_cnn_lstm, 6),
        (reuters_rnn, 12),
    ],
)
def test_scripts_learn_and_padding_does_not_decide(in_folder, sample, script, epochs, monkeypatch):
    """No probability of a text alone differs by 0.02 from that in its batch, among longer ones."""
    data_file.write(script.DATA_FILE, samples.reuters() if script is reuters_rnn else sample)
    monkeypatch.setattr(script, "EPOCHS", epochs)  # as many as it needs, at most the default
    model, _ = script.main()
    [folder] = pathlib.Path("runs").iterdir()
    result = json.loads((folder / "result.json").read_text())
    gap = 0.1 if script is reuters_rnn else 0.04  # to the best possible accuracy
    assert result["test_accuracy"] > 1 - samples.WRONG - gap
    _, (x_test, y_test), *_ = script.load_data()
    longer = 0
    for ids, labels in script.batches(x_test, y_test).take(8):
        together = model.predict_on_batch(ids)
        for row, label, output in list(zip(ids.numpy(), labels.numpy(), together))[:10]:
            [(alone, _)] = script.batches([np.trim_zeros(row, "f")], np.array([label]))
            longer += alone.shape[1] < len(row)
            assert np.abs(model.predict_on_batch(alone)[0] - output).max() < 0.02
    assert longer > 10


# --- imdb_pretrained_lstm.py: text files of vectors ----------------------------------------------

WORDS = ["the", "good", "bad", "don't", "naïve", "new york"]
VECTORS = {"the": [0.5, -1, 2], "other": [9, 9, 9], "bad": [1e-3, 0, -0.25], "naïve": [3, 4, 5]}
VECTORS |= {"new york": [7, 8, 9], ". . .": [1, 1, 1]}  # GloVe has words with spaces in them


@pytest.fixture
def embedding(in_folder, monkeypatch):
    """A function that writes a file of vectors; returns the embedding and the record of the run."""
    for name, value in dict(VOCAB_SIZE=12, EMBEDDING_DIM=3, VECTORS_FILE="vectors.txt").items():
        monkeypatch.setattr(imdb_pretrained_lstm, name, value)

    def embedding(content):
        pathlib.Path("vectors.txt").write_bytes(content.encode())
        about = {}
        model = imdb_pretrained_lstm.build_model(WORDS, about)
        return model.layers[0].get_weights()[0], about

    return embedding


@pytest.mark.parametrize("head, end", [("", "\n"), ("6 3\n", " \n")], ids=["GloVe", "fastText"])
def test_each_word_in_the_file_gets_its_vector(embedding, capsys, head, end):
    rows = [f"{word} {' '.join(map(str, vector))}{end}" for word, vector in VECTORS.items()]
    table, _ = embedding(head + "".join(rows))
    for id, word in enumerate(WORDS, 4):
        if word in VECTORS:
            assert table[id].tolist() == np.float32(VECTORS[word]).tolist()
    others = table[[0, 1, 2, 3, 5, 7, 10, 11]]
    assert (np.abs(others) <= 0.05).all() and len(np.unique(others)) == others.size
    assert "4 of 6 words" in capsys.readouterr().out


def test_an_unusable_vectors_file_is_named(embedding):
    with pytest.raises(SystemExit, match=r"vectors.txt.*glove.*862 MB"):
        imdb_pretrained_lstm.build_model(WORDS, {})
    for content, dimension in ("the 1 2\n", 2), ("the 1 2 3 4\n", 4):
        with pytest.raises(AssertionError, match=f"vectors.txt .*binary.* {dimension} "):
            embedding(content)


def test_the_content_of_the_vectors_file_is_part_of_the_record(embedding):
    _, first = embedding("the 1 2 3\n")
    _, second = embedding("the 1 2 4\n")
    assert first != second
    assert second["vectors_file"] == runs.vectors_of({"VECTORS_FILE": "vectors.txt"})
