"""The commands of the README and of docs/large_data.md work, and what they name exists."""

import csv
import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

from corpus import data_file
from experiments import tools
from predict import Classifier, answer

README, LARGE, CONTRIBUTING = (
    (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "docs/large_data.md", "CONTRIBUTING.md")
)


def block(containing):
    """Returns the indented block that contains a text, without its indent."""
    blocks = [part for part in f"{README}\n\n{LARGE}".split("\n\n") if part.startswith("    ")]
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
    shell(block("prepare_texts.py example.csv"))
    rows = list(csv.DictReader(open("answers.csv", newline="")))
    assert [row["class"] for row in rows] == ["delivery", "billing", "account"] * 100
    assert list(rows[0]) == ["text", "label", "class", "probability"]


@pytest.mark.slow
def test_the_comparison_and_the_report_work(shell, in_folder, small_sample):
    """With one seed, one epoch and few texts instead of three seeds and Reuters."""
    data_file.write("data/reuters.npz", small_sample)
    text = block("compare.py reuters_rnn").replace("SEED=1,2,3", "SEED=1 EPOCHS=1 UNITS=(4,)")
    text = text.replace("UNITS=(4,)", "'UNITS=(4,)'")
    lines = shell(text).splitlines()
    cells = {line.split()[0] for line in lines if line.split()[1:2] == ["1"]}  # seed 1
    assert cells - {"run"} == {"LSTM", "GRU", "SimpleRNN"} and (in_folder / "compare.png").exists()
    assert [line for line in shell(text).splitlines() if line.startswith("run ")] == []
    assert "macro F1" in shell("python report.py reuters_rnn")
    assert len(list(in_folder.glob("runs/*/report.html"))) == 1


def test_a_notebook_classifies_a_sentence_as_predict_does(in_folder, small_sample, capsys):
    data_file.write("data/imdb.npz", small_sample)
    small = dict(VOCAB_SIZE=150, EMBEDDING_DIM=8, LSTM_UNITS=8, EPOCHS=1)
    script = tools.configure("imdb_lstm", small)
    script.model, _ = script.main()
    capsys.readouterr()
    code = block("enumerate(load_data()")
    sentence = code.split('"')[1]
    exec(code, vars(script))
    probability = float(re.search(r"\[\[(.+)\]\]", capsys.readouterr().out)[1])
    [found] = answer(Classifier("imdb_lstm"), [sentence])
    expected = found["probability"] if found["class"] == "positive" else 1 - found["probability"]
    assert probability == pytest.approx(expected, abs=1e-4)


KERAS_2 = """
import numpy as np, imdb_lstm_keras2 as script
script.VOCAB_SIZE, script.EMBEDDING_DIM, script.LSTM_UNITS = 50, 4, 4
vectors = np.ones((50, 4), dtype="float32")
model = script.build_model(vectors)
print(script.keras.__version__, (model.get_weights()[0] == vectors).all())
model.fit(script.batches([np.arange(1, 9, dtype="int32")] * 4, np.array([0, 1, 0, 1])))
"""


def test_a_script_can_be_converted_to_keras_2(shell, in_folder):
    shell(block("tf_keras as keras"))
    (in_folder / "two.py").write_text(KERAS_2)
    version, initialised = shell("python two.py").split()[:2]
    assert version.startswith("2.") and initialised == "True"


CUT_IN_TWO = """
import tensorflow as tf
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
import imdb_lstm
imdb_lstm.EPOCHS, imdb_lstm.LSTM_UNITS = 1, 8
"""


@pytest.mark.slow
def test_several_devices_train_together(shell, in_folder, small_sample):
    """The block for several GPUs, with a CPU that is cut in two."""
    data_file.write("data/imdb.npz", small_sample)
    code = block("MirroredStrategy().scope()")
    code = code.replace("MirroredStrategy()", "MirroredStrategy(['CPU:0', 'CPU:1'])")
    (in_folder / "several.py").write_text(CUT_IN_TWO + code)
    assert "built-in sample" in shell("python several.py").splitlines()[-1]


# Files that programs write.
MADE = "imdb.npz reuters.npz compare.png report.html answers.csv example.csv".split()


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_what_the_texts_name_exists(text):
    files = re.findall(r"`([\w./]+\.(?:py|md|txt|json|jsonl|csv|npz|keras|png|gz))`", text)
    files += re.findall(r"python ([\w/]+\.py)", text) + re.findall(r"-r (\S+\.txt)", text)
    modules = re.findall(r"python -m ((?:experiments|tests)\.[\w.]+)", text)
    files += [name.replace(".", "/") + ".py" for name in modules]
    for path in files:
        there = (ROOT / path).exists() or path.startswith(("data/", "runs/")) or path in MADE
        assert there, path
    for target in re.findall(r"\]\(([^)]+)\)", text.replace("\n", " ")):
        assert target.startswith("https://") or (ROOT / target).exists(), target
    for name in set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)", text)):
        assert any(f"\n{name} = " in path.read_text() for path in ROOT.rglob("*.py")), name


def test_the_readme_is_read_in_two_minutes():
    assert len(README.splitlines()) <= 130 and len(README.split()) <= 1_000
