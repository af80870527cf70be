"""What the README tells people to type works as it stands there."""

import os
import shutil
import subprocess
import sys

import pytest

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


def test_the_recipe_for_ones_own_texts(shell):
    lines = shell(block("prepare_texts.py tickets.csv")).splitlines()
    assert lines[-1].startswith("delivery ") and lines[-1].endswith("Where is my parcel?")


CUT_IN_TWO = """
import tensorflow as tf
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
"""


def test_several_devices(shell, in_folder):
    """The README's block for several GPUs, with a CPU that is cut in two, and the built-in sample."""
    code = block("MirroredStrategy().scope()").replace("MirroredStrategy()", "MirroredStrategy(['CPU:0', 'CPU:1'])")
    (in_folder / "several.py").write_text(CUT_IN_TWO + code.replace("with", "imdb_lstm.EPOCHS = 2\nwith"))
    shell("python download_imdb.py --sample")
    assert "built-in sample" in shell("python several.py").splitlines()[-1]


def test_the_textbook_lstm_is_the_recipe_that_was_measured():
    constants = {}
    exec(block("EMBEDDING_DIM, LSTM_UNITS"), {}, constants)
    defaults = tools.configure("imdb_lstm", {}).defaults
    measured = presets.PRESETS["brownlee"].constants | {"PATIENCE": defaults["PATIENCE"]}  # no validation, no patience
    assert defaults | constants == defaults | measured
