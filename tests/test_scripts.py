"""Running the training scripts: shell, import and notebook; data, constants, runs."""

import csv
import datetime
import inspect
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import types

import keras
import nbclient
import nbformat
import numpy as np
import pytest
from conftest import make_keras_files, run, texts_of, words_of

import imdb_bilstm
import imdb_cnn_lstm
import imdb_lstm
import imdb_pretrained_lstm
import imdb_stacked_lstm
import reuters_rnn
from corpus import data_file, samples
from download_reuters import TOPICS

SMALL = {
    imdb_lstm: dict(LSTM_UNITS=8),
    imdb_stacked_lstm: dict(LSTM_UNITS=(8, 4)),
    imdb_bilstm: dict(LSTM_UNITS=(8,)),
    imdb_cnn_lstm: dict(LSTM_UNITS=8, FILTERS=8),
    imdb_pretrained_lstm: dict(LSTM_UNITS=8, VECTORS_FILE="vectors.txt"),
    reuters_rnn: dict(UNITS=(8,), BATCH_SIZE=200),
}
for constants in SMALL.values():
    constants |= dict(VOCAB_SIZE=200, EMBEDDING_DIM=8, EPOCHS=1)
all_scripts = pytest.mark.parametrize("script", SMALL, ids=lambda script: script.__name__)


def with_constants(script, constants):
    """Returns the text of a script with other constants, as a user edits them."""
    text = pathlib.Path(script.__file__).read_text(encoding="utf-8")
    for name, value in constants.items():
        text, count = re.subn(rf"(?m)^{name} = .*?(?=  #|$)", f"{name} = {value!r}", text)
        assert count == 1
    return text


def newest_run():
    """Returns the folder of the newest run and its result."""
    run_folder = max(pathlib.Path("runs").iterdir())
    return run_folder, json.loads((run_folder / "result.json").read_text())


@pytest.fixture
def train(in_folder, monkeypatch, small_sample):
    """A function that trains a script on the small sample; what main() returns, and the result."""
    data_file.write("data/imdb.npz", small_sample)

    def train(script=imdb_lstm, **constants):
        for name, value in (SMALL[script] | constants).items():
            monkeypatch.setattr(script, name, value)
        return *script.main(), newest_run()[1]

    return train


# --- A notebook cell -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def notebook(tmp_path_factory, small_sample):
    """A folder, and {script: outputs} of all scripts in one kernel, each pasted into one cell."""
    folder = tmp_path_factory.mktemp("notebook")
    data_file.write(folder / "data" / "imdb.npz", small_sample)
    data_file.write(folder / "data" / "reuters.npz", samples.reuters(TOPICS))
    word = words_of(small_sample)[0]
    (folder / "vectors.txt").write_text(f"{word} {'1 ' * 8}\n", encoding="utf-8")
    cells = []
    for script, constants in SMALL.items():
        check = "print(type(model).__name__, history.epoch, max(os.listdir('runs')))"
        # %reset deletes all names, as a restart of the kernel does, but TensorFlow stays loaded.
        cells += ["%reset -f", with_constants(script, constants), f"import os; {check}"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(
        notebook, timeout=300, allow_errors=True, resources={"metadata": {"path": str(folder)}}
    ).execute()
    outputs = [str(cell.outputs) for cell in notebook.cells]
    return folder, dict(zip(SMALL, zip(outputs[1::3], outputs[2::3])))


@pytest.mark.slow
@all_scripts
def test_a_script_trains_in_a_notebook_cell(notebook, script):
    folder, outputs = notebook
    trained, check = outputs[script]
    assert "test accuracy" in trained and "'error'" not in trained + check
    assert "Sequential [0] notebook-" in check
    run_folder = folder / "runs" / re.search(r"notebook-[\d-]+", check)[0]
    functions = script.load_data, script.batches, script.build_model, script.main
    code = (run_folder / "code.py").read_text(encoding="utf-8")
    assert code == "\n\n".join(map(inspect.getsource, functions))
    result = json.loads((run_folder / "result.json").read_text())
    assert result["script"] == "notebook"
    assert set(result["constants"]) == {name for name in vars(script) if name.isupper()}


# --- The shell -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script, argument, status", [(imdb_lstm, "--help", 0), (reuters_rnn, "CELL=LSTM", 1)]
)
def test_an_argument_prints_the_docstring_and_trains_nothing(in_folder, script, argument, status):
    process = run(script.__file__, in_folder, argument)
    assert process.returncode == status and process.stdout.strip() == script.__doc__.strip()
    assert os.listdir() == []


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_keeps_its_history_and_has_no_result(in_folder, small_sample, sent):
    data_file.write("data/imdb.npz", small_sample)
    endless = SMALL[imdb_lstm] | dict(EPOCHS=100_000, PATIENCE=100_000)
    pathlib.Path("my_lstm.py").write_text(with_constants(imdb_lstm, endless), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "my_lstm.py"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # A test run in the background of a shell ignores SIGINT, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 120
        lines = []
        while len(lines) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
            lines = [line for path in in_folder.glob("runs/*/*.csv") for line in path.open()]
        process.send_signal(sent)
        assert process.wait(60) != 0
    finally:
        process.kill()
    [folder] = pathlib.Path("runs").iterdir()
    assert folder.name.startswith("my_lstm-")  # filed under the name of the copy
    assert sorted(os.listdir(folder)) == ["code.py", "history.csv"]
    assert len((folder / "history.csv").read_text().splitlines()) >= 3


def test_two_runs_at_the_same_moment_do_not_collide(train, monkeypatch):
    """Names have microseconds. A second run at the same one is refused, nothing is overwritten."""

    class Stopped(datetime.datetime):
        @classmethod
        def now(cls):
            return cls(2026, 1, 2, 3, 4, 5, 6)

    monkeypatch.setattr(imdb_lstm, "datetime", types.SimpleNamespace(datetime=Stopped))
    train()
    folder = pathlib.Path("runs/imdb_lstm-20260102-030405-000006")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(FileExistsError):
        train(SEED=2)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before and len(before) == 5


# --- Data ----------------------------------------------------------------------------------------


def test_the_data_file_is_read_whole(train, small_sample):
    (x_train, y_train), (x_test, y_test), *others = imdb_lstm.load_data()
    vocabulary, classes, vectors, about = others
    for part, texts, labels in ("train", x_train, y_train), ("test", x_test, y_test):
        assert np.array_equal(labels, small_sample[f"y_{part}"])
        for text, expected in zip(texts, texts_of(small_sample, part), strict=True):
            assert np.array_equal(text, expected)
    assert vocabulary == words_of(small_sample) and classes == ["negative", "positive"]
    assert np.array_equal(vectors, small_sample["vectors"])
    assert about == data_file.about_of(small_sample)


@pytest.mark.parametrize("script, name", [(imdb_lstm, "imdb"), (reuters_rnn, "reuters")])
def test_without_a_data_file_it_takes_keras_datasets(
    in_folder, monkeypatch, capsys, server, script, name
):
    make_keras_files(server.folder)
    server.trust()
    for constant, value in SMALL[script].items():
        monkeypatch.setattr(script, constant, value)
    script.main()
    assert "keras.datasets: random vectors" in capsys.readouterr().out
    run_folder, result = newest_run()
    assert result["about"] == {"source": f"keras.datasets.{name}"} and "val_accuracy" in result
    assert len(result["classes"]) == (46 if script is reuters_rnn else 2)
    words = (run_folder / "vocabulary.txt").read_text().split("\n")
    assert words == [f"word{number}" for number in range(300)]  # by rank
    loaded = script.load_data()[:2]
    pairs = [(list(text), label) for part in loaded for text, label in zip(*part)]
    with np.load(server.folder / f"{name}.npz", allow_pickle=True) as file:
        ends = ("",) if script is reuters_rnn else ("_train", "_test")
        parts = [(file[f"x{end}"], file[f"y{end}"]) for end in ends]
    # 1 starts a text, rank 1 has id 4, and Keras takes the rarest word for an unknown one, 2.
    ids = {rank: rank + 3 for rank in range(1, 300)} | {300: 2}
    expected = [([1, *map(ids.get, text)], y) for part in parts for text, y in zip(*part)]
    assert sorted(pairs) == sorted(expected)


def test_without_data_and_network_a_process_ends_in_one_line(in_folder, empty_cache):
    shutil.copy(reuters_rnn.__file__, ".")
    process = run("reuters_rnn.py", in_folder)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    last = process.stderr.splitlines()[-1]
    assert last.startswith("Cannot read data/reuters.npz: run download_reuters.py or prepare_texts")
    assert os.listdir() == ["reuters_rnn.py"]


@all_scripts
def test_without_data_and_network_one_line_names_the_download(in_folder, empty_cache, script):
    with pytest.raises(SystemExit) as stop:
        script.load_data()
    program = "download_reuters.py" if script is reuters_rnn else "download_imdb.py"
    assert program in stop.value.code and "\n" not in stop.value.code


@pytest.mark.parametrize("name", ["data/imbd.npz", "data/tickets.npz"])
def test_a_misspelt_data_file_does_not_train_on_imdb(train, server, name):
    make_keras_files(server.folder)
    server.trust()
    with pytest.raises(SystemExit, match=f"Cannot read {name}"):
        train(DATA_FILE=name)


@pytest.mark.parametrize("damage", ["empty", "cut off", "of the earlier layout"])
def test_a_damaged_data_file_is_not_replaced_by_keras_datasets(train, server, small_sample, damage):
    make_keras_files(server.folder)
    server.trust()
    path = pathlib.Path("data/imdb.npz")
    if damage == "of the earlier layout":
        np.savez(path, **{name: small_sample[name] for name in data_file.ARRAYS})
    else:
        path.write_bytes(b"" if damage == "empty" else path.read_bytes()[:-100])
    with pytest.raises(SystemExit, match="Cannot read data/imdb.npz: run download_imdb.py"):
        train()
    assert server.requests == []


# --- Constants -----------------------------------------------------------------------------------

# Keras and numpy accept these and do something else.
SILENT = [
    (imdb_lstm, "MAX_LENGTH", 0),
    (imdb_lstm, "MAX_LENGTH", -1),
    (imdb_lstm, "DROPOUT", -0.1),
    (imdb_lstm, "DROPOUT", 1.1),
    (imdb_lstm, "EPOCHS", 0),
    (imdb_lstm, "BATCH_SIZE", 0),
    (imdb_lstm, "BATCH_SIZE", -1),
    (imdb_lstm, "VALIDATION_SIZE", -0.1),
    (imdb_lstm, "EMBEDDING_DIM", 129),
    (imdb_cnn_lstm, "POOL_SIZE", 3),
    (imdb_cnn_lstm, "POOL_SIZE", 16),
    (reuters_rnn, "CELL", "LTSM"),
    (reuters_rnn, "CELL", "Dense"),
]


@pytest.mark.parametrize("script, name, value", SILENT)
def test_what_would_be_silently_wrong_is_named(train, monkeypatch, script, name, value):
    monkeypatch.setattr(script, "DATA_FILE", "data/imdb.npz")
    with pytest.raises(AssertionError, match=name):
        train(script, **{name: value})
    assert not os.path.exists("runs")


@pytest.mark.parametrize("part", ["train", "test"])
def test_more_classes_than_the_network_has_are_named(train, small_sample, part):
    labels = small_sample[f"y_{part}"].copy()
    labels[-1] = 2
    data_file.write("data/imdb.npz", small_sample | {f"y_{part}": labels})
    with pytest.raises(AssertionError, match="DATA_FILE: too many classes"):
        train()


@pytest.mark.parametrize(
    "script, name, value",
    [
        (imdb_bilstm, "MERGE_MODE", "average"),
        (imdb_lstm, "WORD_DROPOUT", 1.1),
        (imdb_lstm, "WORD_DROPOUT", -0.1),
    ],
)
def test_keras_refuses_the_rest(train, script, name, value):
    with pytest.raises(ValueError, match="(?i)merge mode|rate"):
        train(script, **{name: value})


# --- Training ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [50, 500])
def test_training_begins_with_the_stored_vectors(train, monkeypatch, small_sample, size):
    """The leading directions of them. Words without one begin at random."""
    begun = []
    monkeypatch.setattr(keras.Model, "fit", lambda model, *_, **__: begun.append(model) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(VOCAB_SIZE=size)
    [table] = begun[0].layers[0].get_weights()
    stored = small_sample["vectors"][:size, :8]
    assert table.shape == (size, 8) and np.array_equal(table[: len(stored)], stored)
    others = table[len(stored) :]
    assert (np.abs(others) <= 0.05).all() and len(np.unique(others)) == others.size


def test_the_same_seed_gives_the_same_figures(train):
    losses = [train(SEED=seed)[2]["test_loss"] for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("size, cut", [(0.2, 120), (0, 0)])
def test_validation_is_the_front_of_train(train, monkeypatch, size, cut):
    """Without validation the network is trained on all texts, for all epochs."""
    used, batches = [], imdb_lstm.batches
    monkeypatch.setattr(imdb_lstm, "batches", lambda *pair: used.append(pair) or batches(*pair))
    _, history, result = train(VALIDATION_SIZE=size, EPOCHS=2, PATIENCE=1)
    (x_train, y_train), test, *_ = imdb_lstm.load_data()
    expected = [(x_train[cut:], y_train[cut:]), (x_train[:cut], y_train[:cut]), test]
    for pair, (texts, labels) in zip(used, [one for one in expected if len(one[0])], strict=True):
        assert all(np.array_equal(*both) for both in zip(pair[0], texts, strict=True))
        assert np.array_equal(pair[1], labels)
    if not cut:
        assert result["epochs"] == result["best_epoch"] == 2
        assert result["loss"] == history.history["loss"][-1]
        assert not [name for name in result if name.startswith("val_")]


def test_a_run_is_saved_with_the_figures_of_its_best_epoch(
    train, monkeypatch, capsys, small_sample
):
    """Id 10 decides the label, except in a third of validation, so that its loss rises again."""
    labels = np.array([10 in text for text in texts_of(small_sample, "train")], dtype="int64")
    labels[:120:3] ^= 1
    data = small_sample | {"y_train": labels}
    data_file.write("data/imdb.npz", data)
    evaluated, evaluate = [], keras.Model.evaluate
    monkeypatch.setattr(
        keras.Model,
        "evaluate",
        lambda self, x, *_, **options: evaluated.append(len(x)) or evaluate(self, x, **options),
    )
    constants = dict(EPOCHS=30, PATIENCE=2, BATCH_SIZE=50, VALIDATION_SIZE=0.2)
    model, history, result = train(**constants)
    losses = history.history["val_loss"]
    best = int(np.argmin(losses))
    assert 0 < best and len(losses) == best + 3 < 30
    assert evaluated == [3] * len(losses) + [4]  # validation each epoch, test once

    folder, _ = newest_run()
    names = ["code.py", "history.csv", "model.keras", "result.json", "vocabulary.txt"]
    assert sorted(os.listdir(folder)) == names and folder.name.startswith("imdb_lstm-")
    rows = list(csv.DictReader((folder / "history.csv").open()))
    assert list(rows[0]) == ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"]
    assert [int(row["epoch"]) for row in rows] == list(range(len(losses)))
    assert [float(row["val_loss"]) for row in rows] == pytest.approx(losses)
    assert (folder / "vocabulary.txt").read_text("utf-8").split("\n") == words_of(small_sample)
    functions = imdb_lstm.load_data, imdb_lstm.batches, imdb_lstm.build_model, imdb_lstm.main
    code = (folder / "code.py").read_text("utf-8")
    assert code == "\n\n".join(map(inspect.getsource, functions))

    expected = {"script": "imdb_lstm", "classes": ["negative", "positive"], "device": "CPU"}
    expected |= {"about": data_file.about_of(data), "epochs": len(losses), "best_epoch": best + 1}
    expected |= {name: values[best] for name, values in history.history.items()}
    expected["constants"] = {
        name: value for name, value in vars(imdb_lstm).items() if name.isupper()
    }
    measured = {"seconds", "versions", "test_accuracy", "test_loss"}
    assert {name: result[name] for name in result if name not in measured} == expected
    assert set(result) == {*expected, *measured} and 0 < result["seconds"] < 600
    assert result["versions"]["keras"] == keras.__version__

    (x_train, y_train), (x_test, y_test), *_ = imdb_lstm.load_data()
    saved = keras.models.load_model(folder / "model.keras")
    for kept in model, saved:  # both are those of the best epoch
        loss, _ = evaluate(kept, imdb_lstm.batches(x_train[:120], y_train[:120]), verbose=0)
        assert loss == pytest.approx(losses[best], abs=1e-5)
        figures = evaluate(kept, imdb_lstm.batches(x_test, y_test), verbose=0)
        assert figures == pytest.approx([result["test_loss"], result["test_accuracy"]], abs=1e-5)

    *_, baseline, last = capsys.readouterr().out.splitlines()
    assert baseline == f"majority-class baseline: {np.mean(y_test == (y_train.mean() > 0.5)):.2%}"
    accuracy = f"test accuracy {result['test_accuracy']:.2%}"
    assert last == f"{folder}: {accuracy}, built-in sample, not IMDB"


@pytest.fixture(scope="module", params=[imdb_lstm, imdb_cnn_lstm, reuters_rnn])
def trained(request, tmp_path_factory, sample):
    """A script, and the folder in which it ran alone on its sample, with fewer epochs."""
    script = request.param
    folder = tmp_path_factory.mktemp(script.__name__)
    data = samples.reuters(TOPICS) if script is reuters_rnn else sample
    data_file.write(folder / script.DATA_FILE, data)
    path = folder / f"{script.__name__}.py"
    path.write_text(with_constants(script, dict(EPOCHS=3)), encoding="utf-8")
    process = run(path.name, folder)
    assert process.returncode == 0, process.stderr
    return script, folder


@pytest.mark.slow
def test_defaults_learn_the_sample_and_padding_does_not_decide(trained, monkeypatch):
    """No probability of a text alone differs by 0.02 from that in its batch, among longer ones."""
    script, folder = trained
    monkeypatch.chdir(folder)
    assert sorted(os.listdir()) == sorted(["data", f"{script.__name__}.py", "runs"])
    run_folder, result = newest_run()
    assert result["test_accuracy"] > 0.95 and run_folder.name.startswith(f"{script.__name__}-")
    model = keras.models.load_model(run_folder / "model.keras")
    _, (x_test, y_test), *_ = script.load_data()
    batches = list(script.batches(x_test, y_test))
    figures = model.evaluate(script.batches(x_test, y_test), verbose=0)
    assert figures == pytest.approx([result["test_loss"], result["test_accuracy"]], abs=1e-5)
    longer = 0
    for ids, labels in batches[:8]:
        together = model.predict_on_batch(ids)
        for row, label, answer in list(zip(ids.numpy(), labels.numpy(), together))[:10]:
            [(alone, _)] = script.batches([np.trim_zeros(row, "f")], np.array([label]))
            longer += alone.shape[1] < len(row)
            assert np.abs(model.predict_on_batch(alone)[0] - answer).max() < 0.02
    assert longer > 10


# --- imdb_pretrained_lstm.py: text files of vectors ----------------------------------------------

WORDS = ["the", "good", "bad", "don't", "naïve", "new york"]
VECTORS = {"the": [0.5, -1, 2], "other": [9, 9, 9], "bad": [1e-3, 0, -0.25], "naïve": [3, 4, 5]}
VECTORS |= {"new york": [7, 8, 9], ". . .": [1, 1, 1]}  # GloVe has words with spaces in them


def lines(vectors, end="\n"):
    return "".join(f"{word} {' '.join(map(str, vector))}{end}" for word, vector in vectors.items())


@pytest.fixture
def embedding(in_folder, monkeypatch):
    """A function that writes a vectors file and returns the embedding that begins with it."""
    constants = dict(VOCAB_SIZE=12, EMBEDDING_DIM=3, VECTORS_FILE="vectors.txt")
    for name, value in constants.items():
        monkeypatch.setattr(imdb_pretrained_lstm, name, value)

    def embedding(content):
        pathlib.Path("vectors.txt").write_bytes(content.encode())
        return imdb_pretrained_lstm.build_model(WORDS).layers[0].get_weights()[0]

    return embedding


@pytest.mark.parametrize("head", ["", "6 3\n"], ids=["GloVe", "word2vec"])
@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"], ids=["plain", "fastText", "Windows"])
def test_each_word_in_the_file_gets_its_vector(embedding, capsys, head, end):
    table = embedding(head + lines(VECTORS, end))
    for id, word in enumerate(WORDS, 4):
        if word in VECTORS:
            assert table[id].tolist() == np.float32(VECTORS[word]).tolist()
    others = table[[0, 1, 2, 3, 5, 7, 10, 11]]
    assert (np.abs(others) <= 0.05).all() and len(np.unique(others)) == others.size
    assert "vectors.txt: 4 of 6 words, 3 numbers each" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", "house 1 2 3\n", "the 1 2\n", "the 1 2 3 4\n", "2 300\n"])
def test_a_file_of_another_dimension_or_without_a_known_word_is_named(embedding, content):
    with pytest.raises(SystemExit) as stop:
        embedding(content)
    assert stop.value.code == "vectors.txt: 0 of 6 words, 3 numbers each"


def test_a_missing_vectors_file_is_named(train):
    with pytest.raises(SystemExit, match="^There is no VECTORS_FILE, vectors.txt.$"):
        train(imdb_pretrained_lstm)


@pytest.mark.parametrize("trainable", [False, True])
def test_vectors_move_only_if_trainable(train, small_sample, trainable):
    words = words_of(small_sample)
    table = np.random.default_rng(0).normal(size=(len(words), 8)).astype("float32")
    content = lines(dict(zip(words, table.tolist())))
    pathlib.Path("vectors.txt").write_text(content, encoding="utf-8")
    model, *_ = train(imdb_pretrained_lstm, TRAINABLE=trainable)
    found = model.layers[0].get_weights()[0][4 : 4 + len(words)]
    assert np.array_equal(found, table[: len(found)]) != trainable
