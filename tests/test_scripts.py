"""Every training script as a person runs it: alone in a folder, with the built-in sample, and without any data."""

import json
import os
import shutil

import keras
import numpy as np
import pytest

import data_files
import download_reuters
import imdb_bilstm
import imdb_cnn_lstm
import imdb_lstm
import imdb_stacked_lstm
import reuters_rnn
from conftest import ROOT, run

MODULES = {
    module.__name__: module for module in (imdb_lstm, imdb_stacked_lstm, imdb_bilstm, imdb_cnn_lstm, reuters_rnn)
}


@pytest.fixture(params=MODULES)
def done(request, trained):
    """Each script in turn: its name, the folder in which it ran, and its process."""
    return request.param, *trained(request.param)


def load(script, folder, monkeypatch):
    """Returns the saved model and the test texts and labels."""
    monkeypatch.chdir(folder)
    _, (x_test, y_test), *_ = MODULES[script].load_data()
    return keras.models.load_model(f"runs/{script}/model.keras"), x_test, y_test


def test_it_learns_and_writes_its_run(done):
    script, folder, process = done
    assert process.returncode == 0, process.stderr
    result = json.loads((folder / "runs" / script / "result.json").read_text())
    source = "built-in sample, not " + ("Reuters" if script == "reuters_rnn" else "IMDB")
    assert result["test_accuracy"] > 0.95
    assert result["source"] == source
    keys = "script source test_accuracy test_loss epochs seconds parameters device versions constants classes".split()
    assert list(result) == [*keys, "model.keras sha256", "vocabulary.txt sha256"]
    assert result["constants"] == {
        name: list(value) if type(value) is tuple else value
        for name, value in vars(MODULES[script]).items()
        if name.isupper()
    }
    lines = process.stdout.splitlines()
    for name, value in result["constants"].items():
        assert f"{name} = {tuple(value) if type(value) is list else value!r}" in lines
    assert lines[-1].startswith(f"{script}: test accuracy {result['test_accuracy']:.2%}, test loss ")
    assert lines[-1].endswith(f"({source})")
    assert f"python predict.py runs/{script}/model.keras" in process.stdout
    data = data_files.read(folder / "data" / ("reuters.npz" if script == "reuters_rnn" else "imdb.npz"))
    usual = np.bincount(data["y_train"]).argmax()
    said = f"accuracy of always saying {result['classes'][usual]!r}, the most frequent class of train: "
    assert lines[-2] == f"{said}{np.mean(data['y_test'] == usual):.2%}"
    files = ["history.csv", "model.keras", "result.json", "vocabulary.txt"]
    assert sorted(os.listdir(folder / "runs" / script)) == files
    assert len((folder / "runs" / script / "history.csv").read_text().splitlines()) == result["epochs"] + 1


def test_the_saved_model_gives_the_same_figures(done, monkeypatch):
    script, folder, _ = done
    model, x_test, y_test = load(script, folder, monkeypatch)
    loss, accuracy = model.evaluate(MODULES[script].batches(x_test, y_test), verbose=0)
    result = json.loads((folder / "runs" / script / "result.json").read_text())
    assert loss == pytest.approx(result["test_loss"], abs=1e-6)
    assert accuracy == pytest.approx(result["test_accuracy"], abs=1e-6)


def test_padding_does_not_decide(done, monkeypatch):
    """A text alone and in its batch, among longer ones: no probability differs by more than 0.02."""
    script, folder, _ = done
    model, x_test, y_test = load(script, folder, monkeypatch)
    batches = MODULES[script].batches
    different_padding = 0
    for ids, labels in list(batches(x_test, y_test))[:8]:
        together = model.predict_on_batch(ids)
        for row, label, answer in list(zip(ids.numpy(), labels.numpy(), together))[:10]:
            (alone, _), *_ = batches([np.trim_zeros(row, "f")], np.array([label]))
            different_padding += alone.shape[1] != len(row)
            assert np.abs(model.predict_on_batch(alone)[0] - answer).max() < 0.02
    assert different_padding > 10


@pytest.mark.parametrize("script", MODULES)
def test_without_data_and_network_it_ends_in_one_line(script, tmp_path):
    shutil.copy(ROOT / f"{script}.py", tmp_path)
    process = run(f"{script}.py", tmp_path)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    last = process.stderr.splitlines()[-1]
    assert MODULES[script].DATA_FILE in last
    assert ("download_reuters.py" if script == "reuters_rnn" else "download_imdb.py") in last
    assert os.listdir(tmp_path) == [f"{script}.py"]


def test_help_is_the_docstring_and_anything_else_is_refused(tmp_path):
    process = run(ROOT / "imdb_lstm.py", tmp_path, "--help")
    assert process.returncode == 0 and imdb_lstm.__doc__.strip() in process.stdout
    process = run(ROOT / "imdb_lstm.py", tmp_path, "--epochs", "3")
    assert process.returncode == 2 and "--epochs" in process.stderr and "Traceback" not in process.stderr


def test_the_topics_are_shown_by_name_share_and_recall(done):
    script, _, process = done
    if script != "reuters_rnn":
        pytest.skip("only reuters_rnn.py has topics")
    lines = process.stdout.splitlines()
    start = lines.index("share of the test texts and recall, by topic:")
    cells = [line[place : place + 29].split() for place in (0, 32, 64) for line in lines[start + 1 : start + 17]]
    cells = [cell for cell in cells if cell]
    labels = download_reuters.from_sample()["y_test"]
    counts = np.bincount(labels, minlength=46)
    shares = [float(share.rstrip("%")) for _, share, _ in cells]
    assert sorted(name for name, *_ in cells) == sorted(download_reuters.TOPICS)
    assert shares == sorted(shares, reverse=True)
    for name, share, recall in cells:
        assert float(share.rstrip("%")) == pytest.approx(
            100 * counts[download_reuters.TOPICS.index(name)] / len(labels), abs=0.05
        )
    overall = sum(
        float(share.rstrip("%")) * float(recall.rstrip("%")) / 100 for _, share, recall in cells if recall != "-"
    )
    accuracy = float(lines[-1].split("test accuracy ")[1].split("%")[0])
    assert overall == pytest.approx(accuracy, abs=1.5)
