"""Functions of several programs in this package."""

import inspect
import os
import pathlib
import platform
import re
import types

import keras
import numpy as np
import tensorflow as tf

from corpus import DataError
from corpus.runs import constants_of, function_text, with_constants

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"


def variant(script, constants=None, functions=None):
    """Returns the text of a training script with other constants and functions: a recipe.

    Args: `functions`, {name of a function of the script: its replacement}. A replacement takes the
    script's module as an argument `script` before the others and reads constants from it
    (`script.EPOCHS`); in the text it is a function like the others. `script.original.NAME` is the
    function that it replaces.
    Raises ValueError for a constant that neither the script defines nor these functions read.
    """
    constants, functions = constants or {}, functions or {}
    text = (ROOT / f"{script}.py").read_text(encoding="utf-8")
    sources = {name: inspect.getsource(function) for name, function in functions.items()}
    known = constants_of(text).keys() | set(re.findall(r"script\.([A-Z_]+)", str(sources)))
    if unknown := constants.keys() - known:
        raise ValueError(f"{script}.py has no constant {', '.join(sorted(unknown))}")
    for name, source in sources.items():
        old = function_text(text, name).rstrip()
        kept = old.replace(f"def {name}(", f"def original_{name}(") + "\n\n\n"
        new = re.sub(r"^def \w+\(script(, )?", f"def {name}(", source)
        new = new.replace("script.original.", "original_").replace("script.", "")
        text = text.replace(old, (kept if f"original_{name}" in new else "") + new.rstrip())
    return with_constants(text, constants)


def configure(script, constants=None):
    """Returns a training script with other constants as a module."""
    return module(script, variant(script, constants))


def module(script, text):
    """Returns the text of a script as a module."""
    module = types.ModuleType(script)
    exec(compile(text, f"{script}.py", "exec"), vars(module))
    return module


def require_data(*names):
    """Raises DataError unless the data files of these names exist in the current folder."""
    for name in names:
        if not os.path.exists(f"data/{name}.npz"):
            raise DataError(f"There is no data/{name}.npz: run download_{name}.py.")


def cut(script, texts):
    """Returns the texts as `batches` reads them: the last MAX_LENGTH ids, rare words unknown."""
    texts = (np.asarray(text[-script.MAX_LENGTH :], dtype="int32") for text in texts)
    return [np.where(text < script.VOCAB_SIZE, text, 2) for text in texts]


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
    names = "Python {}, TensorFlow {}, Keras {}".format(*numbers)
    return f"{os.cpu_count()} cores of {name}, {names}"


def write(path, text):
    """Writes a file whole or, where it is interrupted, not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def fill(page, name, text):
    """Replaces what a page, a path, has between <!-- name --> and <!-- end -->."""
    before, mark, rest = page.read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    if not end:
        raise DataError(f"{page} has no <!-- {name} --> with an <!-- end -->")
    write(page, f"{before}{mark}\n{text}\n\n{end}{after}")


def table(head, rows):
    """Returns a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
