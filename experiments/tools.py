"""Functions of several programs in this package."""

import contextlib
import functools
import importlib.util
import inspect
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import time
import types

import keras
import numpy as np
import tensorflow as tf

import compare
from corpus import DataError

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"
PEAK = """from pathlib import Path; status = Path("/proc/self/status")
lines = status.read_text().splitlines() if status.exists() else []
print(*[line for line in lines if line.startswith("VmHWM")] or ["VmHWM: 0"])"""


def configure(script, constants=None, functions=None):
    """Returns a fresh copy of a training script as a module, with other constants and functions.

    A function takes the module as its first argument and reads constants from it (`script.EPOCHS`);
    `script.original` has the functions that are replaced. `inspect.getsource` gives its source.
    Raises ValueError for a constant that neither the script defines nor these functions read.
    """
    constants, functions = constants or {}, functions or {}
    if not (ROOT / f"{script}.py").exists():
        raise ValueError(f"there is no script {script}.py")
    spec = importlib.util.spec_from_file_location(script, ROOT / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.original = types.SimpleNamespace(**vars(module))
    sources = "".join(map(inspect.getsource, functions.values()))
    if called := sorted(set(re.findall(r"script\.original\.(\w+)", sources))):
        # A constant of the run, so that a change of these functions makes it stale.
        originals = (inspect.getsource(getattr(module.original, name)) for name in called)
        module.ORIGINAL_CODE = compare.code_of("\n\n".join(originals))
    known = vars(module).keys() | set(re.findall(r"script\.([A-Z_]+)", sources))
    if unknown := constants.keys() - known:
        raise ValueError(f"{script}.py has no constant {', '.join(sorted(unknown))}")
    vars(module).update(constants)
    for name, function in functions.items():
        vars(module)[name] = functools.wraps(function)(functools.partial(function, module))
    return module


def constants_of(module):
    """Returns the constants of a script as its result.json has them."""
    constants = {name: value for name, value in vars(module).items() if name.isupper()}
    return json.loads(json.dumps(constants, default=str))


def source_of(module):
    """Returns what main() writes to code.py."""
    functions = module.load_data, module.batches, module.build_model, module.main
    return "\n\n".join(map(inspect.getsource, functions))


def require_data(*names):
    """Raises DataError unless the data files of these names exist in the current folder."""
    for name in names:
        if not os.path.exists(f"data/{name}.npz"):
            raise DataError(f"There is no data/{name}.npz: run download_{name}.py.")


def cut(script, texts):
    """Returns the texts as `batches` reads them: the last MAX_LENGTH ids, rare words unknown."""
    texts = (np.asarray(text[-script.MAX_LENGTH :], dtype="int32") for text in texts)
    return [np.where(text < script.VOCAB_SIZE, text, 2) for text in texts]


def initial_vectors(script, stored):
    """Returns the table with which main() initialises the embedding."""
    vectors = np.random.uniform(-0.05, 0.05, (script.VOCAB_SIZE, script.EMBEDDING_DIM))
    if len(stored):
        vectors[: len(stored)] = stored[: script.VOCAB_SIZE, : script.EMBEDDING_DIM]
    return vectors


def versions():
    """Returns what result.json has under the same name."""
    python = {"python": platform.python_version()}
    return python | {module.__name__: module.__version__ for module in (tf, keras)}


def machine(versions):
    """Returns a line with the cores and the processor of this machine, and these versions."""
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(": ")[1] for line in lines if line.startswith("model name")), name)
    numbers = [versions[key].split()[0] for key in ("python", "tensorflow", "keras")]
    return "{} cores of {}, Python {}, TensorFlow {}, Keras {}".format(
        os.cpu_count(), name, *numbers
    )


@contextlib.contextmanager
def folder_with_data():
    """A temporary folder that contains only a link to the current folder's data."""
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.abspath("data"), os.path.join(folder, "data"))
        yield folder


def run_code(code, folder):
    """Runs Python code in a process, in a folder, with the root as PYTHONPATH; shows its output.

    Returns the seconds, the peak memory in MiB (0 if not on Linux) and the lines of the output.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, "-u", "-c", f"{code}\n{PEAK}"]
    options = {"env": environment, "stdout": subprocess.PIPE, "text": True}
    start, lines = time.perf_counter(), []
    with subprocess.Popen(command, cwd=folder, **options) as process:
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            print(line, end="", flush=True)
    if process.returncode:
        raise DataError("The process failed; its messages are above.")
    return time.perf_counter() - start, int(lines.pop().split()[1]) / 1024, lines


def write(path, text):
    """Writes a file whole or, where it is interrupted, not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def table(head, rows):
    """Returns a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
