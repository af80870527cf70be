"""What the programs in this folder share."""

import contextlib
import importlib
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

import keras
import tensorflow as tf

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parent
sys.path.insert(0, str(ROOT))  # where the training scripts are

import data_files


def configure(script, constants):
    """Returns a training script as a module, with its defaults but for the given constants."""
    module = importlib.import_module(script)
    if not hasattr(module, "defaults"):
        module.defaults = {name: value for name, value in vars(module).items() if name.isupper()}
    unknown = sorted(constants.keys() - module.defaults.keys())
    if unknown:
        raise ValueError(f"{script}.py has no constant {', '.join(unknown)}")
    vars(module).update(module.defaults | constants)
    return module


@contextlib.contextmanager
def folder_with_data():
    """An empty temporary folder but for a link to the current folder's data."""
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.abspath("data"), os.path.join(folder, "data"))
        yield folder


def machine():
    """Returns a line that names the machine and the versions."""
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(": ")[1] for line in lines if line.startswith("model name")), name)
    versions = f"Python {platform.python_version()}, TensorFlow {tf.__version__}, Keras {keras.__version__}"
    return f"{os.cpu_count()} cores of {name}, {versions}"


def run_process(command, folder, **options):
    """Runs a command as `subprocess.run` does, in a folder, with the programs at hand and TensorFlow's notices off.

    Ctrl-C does not reach the command: it ends the caller, who ends the command.
    """
    environment = os.environ | {"PYTHONPATH": f"{FOLDER}{os.pathsep}{ROOT}", "TF_CPP_MIN_LOG_LEVEL": "2"}
    return subprocess.run(command, cwd=folder, env=environment, start_new_session=True, **options)


def start_program(main):
    """Calls the main function of a program; Ctrl-C and what cannot be read or written end it in one line."""
    try:
        data_files.start(main)
    except KeyboardInterrupt:
        sys.exit("Stopped before the end.")


def read_json(text, path):
    """Returns what a text of a file says in JSON."""
    try:
        return json.loads(text)
    except ValueError as error:
        sys.exit(f"{path} is damaged ({error}): mend it or delete it.")


def write(path, text):
    """Writes a file whole or, where it is stopped, not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def table(head, rows):
    """Returns a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
