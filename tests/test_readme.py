"""What the README tells people to type works as it stands there."""

import os
import re
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

import data_files
import imdb_lstm
import presets
import tools
from conftest import ROOT

README = (ROOT / "README.md").read_text()


def block(containing):
    """Returns the README's indented block that contains a text, without its indent."""
    blocks = [part for part in README.split("\n\n") if part.startswith("    ") and containing in part]
    [found] = blocks
    return "\n".join(line.removeprefix("    ") for line in found.splitlines())


@pytest.fixture
def shell(in_folder):
    """A function that runs a shell block in a folder with this project's programs, and returns its output."""
    for path in ROOT.glob("*.py"):
        shutil.copy(path, in_folder)
    environment = os.environ | {"PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]}

    def run(text):
        process = subprocess.run(["bash", "-e", "-c", text], capture_output=True, text=True, env=environment)
        assert process.returncode == 0, process.stderr
        return process.stdout

    return run


@pytest.mark.slow
def test_the_recipe_for_ones_own_texts(shell, in_folder):
    lines = shell(block("prepare_texts.py example.csv")).splitlines()
    assert lines[-1].startswith("delivery ") and lines[-1].endswith("My parcel has not come.")
    (in_folder / "ask.py").write_text(block("from predict import"))
    assert [line.split()[0] for line in shell("python ask.py").splitlines()] == ["delivery", "billing", "account"] * 100


@pytest.mark.slow
def test_the_comparison_of_two_settings(shell, small_sample):
    """With one seed and a few texts of two classes instead of three seeds and Reuters."""
    data_files.write("data/reuters.npz", small_sample)
    text = block("for cell in LSTM GRU")
    assert "for seed in 1 2 3;" in text
    lines = shell(text.replace("1 2 3", "1")).splitlines()
    assert [line.split()[:2] for line in lines[-4:]] == [
        [f"runs/{cell}-1/result.json:", key] for cell in ("GRU", "LSTM") for key in ('"source":', '"test_accuracy":')
    ]


def test_the_network_on_a_slide_is_that_of_the_script():
    names = {"keras": keras, "layers": keras.layers}
    exec(block("keras.Sequential(["), names)
    slide, script = names["model"], imdb_lstm.build_model()
    slide.build((None, None))
    chosen = ("units", "dropout", "rate", "noise_shape", "input_dim", "output_dim", "activation", "return_sequences")
    for one, other in zip(slide.layers, script.layers, strict=True):
        one, other = one.get_config(), other.get_config()
        assert [one.get(key) for key in chosen] == [other.get(key) for key in chosen]
    assert type(slide.optimizer) is type(script.optimizer) and slide.loss == script.loss
    for key in "learning_rate", "epsilon":
        assert slide.optimizer.get_config()[key] == pytest.approx(script.optimizer.get_config()[key])
    history = slide.fit(np.arange(1, 33).reshape(4, 8), np.array([0, 1, 0, 1]), verbose=0).history
    assert history.keys() == {"accuracy", "loss"}


KERAS_2 = """
import numpy as np, imdb_lstm_keras2 as script
vectors = np.ones((script.VOCAB_SIZE, script.EMBEDDING_DIM), dtype="float32")
model = script.build_model(vectors)
print(script.keras.__version__, (model.get_weights()[0] == vectors).all())
model.fit(script.batches([np.arange(1, 9, dtype="int32")] * 4, np.array([0, 1, 0, 1])))
"""


def test_a_script_can_be_made_one_of_keras_2(shell, in_folder):
    shell(block("tf_keras as keras"))
    text = open("imdb_lstm_keras2.py").read()
    assert "import tf_keras as keras\n" in text and "from tf_keras import datasets, layers\n" in text
    (in_folder / "two.py").write_text(KERAS_2)
    version, began = shell("python two.py").split()[:2]
    assert version.startswith("2.") and began == "True"


def test_what_it_names_is_there():
    made = "model.keras vocabulary.txt history.csv result.json imdb.npz imdb_word_index.json reuters.npz".split()
    files = re.findall(r"`([\w./]+\.(?:py|md|txt|json|csv|npz|keras|png|vec))`", README)
    for path in {*files, *re.findall(r"python ([\w/]+\.py)", README), *re.findall(r"-r (\S+\.txt)", README)}:
        assert (ROOT / path).exists() or path.startswith(("data/", "runs/")) or path in made, path
    headings = ["#" + line.lstrip("# ").lower().replace(" ", "-") for line in README.splitlines() if line[:2] == "##"]
    for target in re.findall(r"\]\(([^)]+)\)", README.replace("\n", " ")):
        assert target.startswith("https://") or target in headings or (ROOT / target).exists(), target
    for name in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)", README):
        assert any(f"\n{name} = " in path.read_text() for path in ROOT.glob("*.py")) or name in NOT_OURS, name


# Constants and the like that the README names and that are not constants of the scripts.
NOT_OURS = ["CERTIFICATE_VERIFY_FAILED", "TF_CONFIG"]


CUT_IN_TWO = """
import tensorflow as tf
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
"""


@pytest.mark.slow
def test_several_devices(shell, in_folder):
    """The README's block for several GPUs, with a CPU that is cut in two, and the built-in sample."""
    code = block("MirroredStrategy().scope()").replace("MirroredStrategy()", "MirroredStrategy(['CPU:0', 'CPU:1'])")
    (in_folder / "several.py").write_text(CUT_IN_TWO + code.replace("with", "imdb_lstm.EPOCHS = 2\nwith"))
    shell("python download_imdb.py --sample")
    assert "built-in sample" in shell("python several.py").splitlines()[-1]


def test_the_textbook_lstm_is_the_recipe_that_was_measured():
    constants = {}
    exec(block("EMBEDDING_DIM, INITIAL_VECTORS"), {}, constants)
    defaults = tools.configure("imdb_lstm", {}).defaults
    measured = presets.PRESETS["brownlee"].constants | {"PATIENCE": defaults["PATIENCE"]}  # no validation, no patience
    assert defaults | constants == defaults | measured
