"""The commands of the README and of docs/large_data.md work as written; what they name exists."""

import concurrent.futures
import csv
import os
import re
import shutil
import socket
import subprocess
import sys

import numpy as np
import pytest
import tf_keras
from conftest import ROOT

import imdb_lstm
from corpus import data_file, runs
from predict import Classifier, answer

README = (ROOT / "README.md").read_text(encoding="utf-8")
LARGE_DATA = (ROOT / "docs" / "large_data.md").read_text(encoding="utf-8")


def block(containing, page=README):
    """Returns the indented block of a page that contains a text, without its indent."""
    blocks = [part for part in page.split("\n\n") if part.startswith("    ")]
    [found] = [part for part in blocks if containing in part]
    return "\n".join(line.removeprefix("    ") for line in found.splitlines())


@pytest.fixture
def shell(in_folder):
    """A function that runs a shell block in a folder with the programs, and returns its output."""
    for path in ROOT.glob("*.py"):
        shutil.copy(path, in_folder)
    shutil.copytree(ROOT / "corpus", in_folder / "corpus")
    path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]

    def run(text):
        process = subprocess.run(
            ["bash", "-e", "-c", text],
            capture_output=True,
            text=True,
            env=os.environ | {"PATH": path},
        )
        assert process.returncode == 0, process.stderr
        return process.stdout

    return run


@pytest.mark.slow
def test_the_commands_for_own_texts_work(shell, in_folder):
    texts = "Parcel {} has not arrived.", "Invoice {} is wrong.", "I forgot password {}."
    labels = ["delivery", "billing", "account"]
    with open("tickets.csv", "w", newline="") as file:
        rows = [(text.format(n), label) for n in range(100) for text, label in zip(texts, labels)]
        csv.writer(file).writerows([("text", "label"), *rows])
    shutil.copy("tickets.csv", "new.csv")
    shell(block("prepare_texts.py tickets.csv"))
    with open("answers.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == labels * 100
    assert list(rows[0]) == ["text", "label", "class", "probability"]
    (in_folder / "ask.py").write_text(block("for found in answer(", LARGE_DATA))
    lines = shell("python ask.py").splitlines()
    assert [line.split()[0] for line in lines] == ["delivery", "billing"]
    for number, text in enumerate(texts[:2]):
        (in_folder / f"texts-{number}.txt").write_text(text.format(7) + "\n")
    (in_folder / "ask_dask.py").write_text(block("import dask.bag", LARGE_DATA))
    shell("python ask_dask.py")
    files = sorted(in_folder.glob("classes-*.txt"))
    assert [path.read_text().split() for path in files] == [["delivery"], ["billing"]]


def test_the_lines_that_write_texts_and_labels_work(in_folder):
    rows = [f"{'invoice' if n % 2 else 'parcel'} {n:<30}{n % 2}\n" for n in range(10, 30)]
    (in_folder / "tickets.txt").write_text("".join([f"{'text':38}label\n", *rows]))
    exec(block("prepare_texts.write"), {})
    assert data_file.read("data/tickets.npz")["y_train"].tolist().count(1) == 8


def test_the_notebook_lines_classify_as_predict_does(in_folder, small_sample, monkeypatch, capsys):
    """With a vocabulary so small that the sentence has words outside it."""
    data_file.write("data/imdb.npz", small_sample)
    small = dict(VOCAB_SIZE=30, EMBEDDING_DIM=4, LSTM_UNITS=4, BATCH_SIZE=300, EPOCHS=1)
    for name, value in small.items():
        monkeypatch.setattr(imdb_lstm, name, value)
    model, _ = imdb_lstm.main()
    lines = block("load_data()[2]")
    capsys.readouterr()
    exec(lines, vars(imdb_lstm) | {"model": model})
    printed = map(float, re.findall(r"\[\[(.*)\]\]", capsys.readouterr().out))
    sentences = re.findall(r'"(.+?)"', lines.splitlines()[1])
    for value, found in zip(printed, answer(Classifier("imdb_lstm"), sentences), strict=True):
        assert found["unknown_words"] < found["words"]
        assert value == pytest.approx(found["probabilities"]["positive"], abs=1e-5)


@pytest.mark.slow
def test_the_comparison_and_the_report_work(shell, in_folder, small_sample):
    """With one seed, one epoch and few texts instead of three seeds and IMDB."""
    data_file.write("data/imdb.npz", small_sample)
    lines = block("compare.py imdb_lstm").splitlines()
    text = "\n".join(line for line in lines if "install" not in line)
    text = text.replace("SEED=1,2,3", "SEED=1 EPOCHS=1")
    lines = shell(text).splitlines()
    scripts = {line.split()[0] for line in lines if line.split()[1:2] == ["1"]}  # seed 1
    assert scripts - {"run"} == {"imdb_lstm", "imdb_gru"}
    assert (in_folder / "compare.png").exists()
    assert "macro F1" in shell("python report.py imdb_lstm")
    assert len(list(in_folder.glob("runs/*/report.html"))) == 1


CUT_IN_TWO = """
import tensorflow as tf
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
import imdb_lstm
imdb_lstm.EPOCHS, imdb_lstm.LSTM_UNITS = 1, 8
"""


@pytest.mark.slow
def test_several_devices_train_together(shell, in_folder, small_sample):
    """The block for several GPUs, with a CPU that is divided into two devices."""
    data_file.write("data/imdb.npz", small_sample)
    code = block("MirroredStrategy().scope()", LARGE_DATA)
    code = code.replace("MirroredStrategy()", "MirroredStrategy(['CPU:0', 'CPU:1'])")
    (in_folder / "several.py").write_text(CUT_IN_TWO + code)
    assert "built-in sample" in shell("python several.py").splitlines()[-1]


@pytest.mark.slow
def test_two_processes_train_one_model_of_keras_2(shell, in_folder, small_sample):
    """The block for several machines: two processes, connected by TCP, end with equal weights."""
    data_file.write("data/imdb.npz", small_sample)
    install, convert = block("tf_keras as keras", LARGE_DATA).splitlines()
    assert install.startswith("python -m pip install 'tf_keras>=")
    shell(convert)
    script = in_folder / "imdb_lstm_keras2.py"
    script.write_text(runs.with_constants(script.read_text(), {"EPOCHS": 1, "LSTM_UNITS": 8}))
    code = block("MultiWorkerMirroredStrategy()", LARGE_DATA)  # with a seed for each process
    seed = "import os; imdb_lstm_keras2.SEED = len(os.environ['TF_CONFIG'])\nwith "
    (in_folder / "worker.py").write_text(code.replace("with ", seed))
    command = block("TF_CONFIG", LARGE_DATA)
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]  # free ports
    for number, server in enumerate(sockets):
        old = f"10.0.0.{number + 1}:2345"
        assert old in command
        command = command.replace(old, f"127.0.0.1:{server.getsockname()[1]}")
        server.close()
    assert '"index": 0' in command
    commands = [command, command.replace('"index": 0', '"index":  1')]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        assert all("built-in sample" in output for output in pool.map(shell, commands))
    paths = sorted(in_folder.glob("runs/*/model.keras"))
    one, other = (tf_keras.models.load_model(path, compile=False).get_weights() for path in paths)
    same = list(map(np.array_equal, one, other))
    assert len(same) == 6 and all(same[1:])  # the first are random vectors, which are not trained


# Files that programs write, and upper-case names that are no constants of the scripts.
MADE = "model.keras vocabulary.txt code.py history.csv result.json".split()
MADE += ["compare.png", "imdb_lstm_keras2.py", "worker.py", "imdb_gru.py"]
NOT_OURS = ["TF_CONFIG", "IMDB_SCRIPTS", "TF_FORCE_GPU_ALLOW_GROWTH"]
PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{page.name}" for page in ROOT.glob("docs/*.md"))]


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 160 and len(README.split()) <= 1300


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    files = re.findall(r"`([\w./]+\.(?:py|md|txt|json|jsonl|csv|npz|keras|png|gz))`", text)
    files += re.findall(r"python ([\w/]+\.py)", text) + re.findall(r"-r (\S+\.txt)", text)
    modules = re.findall(r"python -m ((?:experiments|tests)\.[\w.]+)", text)
    files += [name.replace(".", "/") + ".py" for name in modules]
    for path in files:
        there = (ROOT / path).exists() or path.startswith(("data/", "runs/")) or path in MADE
        assert there, path
    for target in re.findall(r"\]\(([^)]+)\)", text.replace("\n", " ")):
        there = ((ROOT / page).parent / target.partition("#")[0]).exists()
        assert there or target.startswith("https://"), target
    for name in set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)", text)) - set(NOT_OURS):
        assert any(f"\n{name} = " in path.read_text() for path in ROOT.glob("*.py")), name
