"""Runs: the one place that reads and checks what a training script left in runs/.

And training scripts as text: their constants, the hash of their code, a variant of it.
"""

import ast
import contextlib
import csv
import glob
import hashlib
import io
import json
import os
import pathlib
import re
import sys
import tokenize

from corpus import DataError, printable

# Hashes of the two functions that all training scripts have in common. predict.py and report.py
# read and pad texts as these do.
COMMON = {"load_data": "f25e6484a85a0826", "batches": "bb54dabb18dd6044"}
STAMP = "-".join("[0-9]" * digits for digits in (8, 6, 6))  # date, time, microseconds of a run
NUMBERS = "accuracy loss test_accuracy test_loss epochs best_epoch seconds parameters".split()
OTHERS = "script device backend classes versions".split()


def assignments(text):
    """Yields (name, node) of each constant that a script assigns at its top level.

    A constant is an upper-case name, as in the scripts' `main`. Raises SyntaxError.
    """
    for node in ast.parse(text).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name) and target.id.isupper():
            yield target.id, node


def constants_of(text):
    """Returns {name: value} of the constants of a script as result.json has them.

    Raises DataError where the value is not plain: the script is read without running it.
    """
    constants = {}
    for name, node in assignments(text):
        try:
            constants[name] = json.loads(json.dumps(ast.literal_eval(node.value)))
        except (TypeError, ValueError):
            raise DataError(f"line {node.lineno}: {name} must be a plain value") from None
    return constants


def code_of(text):
    """Returns a hash of a script without comments, docstrings and the values of its constants.

    Of a text that is not Python, such as a notebook's cell that begins with %%time, it is the hash
    of the text. Lines are hashed, because tokens and syntax trees depend on Python's version.
    """
    lines = text.splitlines()
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                row, column = token.start
                lines[row - 1] = lines[row - 1][:column]
        tree = ast.parse(text)
        for name, node in assignments(text):
            lines[node.lineno - 1 : node.end_lineno] = [name] * (node.end_lineno - node.lineno + 1)
    except (SyntaxError, tokenize.TokenError):
        return hashlib.sha256(text.encode()).hexdigest()[:16]
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    for node in ast.walk(tree):
        if isinstance(node, kinds) and ast.get_docstring(node) is not None:
            for row in range(node.body[0].lineno - 1, node.body[0].end_lineno):
                lines[row] = ""
    code = "\n".join(line.rstrip() for line in lines if line.strip())
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def with_constants(text, constants):
    """Returns the text of a script with other values of its constants, as a user edits them.

    A constant that the script lacks is added behind the last one.
    """
    lines, last = text.splitlines(), 0
    nodes = dict(assignments(text))
    for name, node in nodes.items():
        last = max(last, node.end_lineno)
        if name in constants:
            rows = [f"{name} = {constants[name]!r}"] + [""] * (node.end_lineno - node.lineno)
            lines[node.lineno - 1 : node.end_lineno] = rows
    others = constants.keys() - nodes.keys()
    lines[last:last] = [f"{name} = {constants[name]!r}" for name in sorted(others)]
    return "\n".join(lines) + "\n"


def vectors_of(constants):
    """Returns the SHA-256 of the file of word vectors that a script reads, None without one."""
    path = constants.get("VECTORS_FILE")
    if path is None or not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(folder, model=False):
    """Returns a finished run as a dict: all that result.json has, and more.

    `folder`; `finished`, the time in seconds since 1970; `seed`; `source`, `fingerprint` and
    `vectors` (the hash of a file of word vectors) of its data; `text`, that of code.py; `code`, its
    hash; `history`, {column of history.csv: list}, without the columns of a run without validation.
    Raises DataError where the run is unfinished, damaged, or, if `model`, has no model.keras.
    """
    folder, name = pathlib.Path(folder), "result.json"
    try:
        run = json.loads((folder / name).read_bytes())
        constants, about = dict(run["constants"]), dict(run["about"])
        run |= {"folder": str(folder), "finished": os.path.getmtime(folder / name)}
        run |= {"seed": constants["SEED"], "source": str(about["source"])}
        run |= {"fingerprint": about.get("fingerprint"), "vectors": about.get("vectors_file")}
        [run[key] for key in (*NUMBERS, *OTHERS)]  # raises where one is missing
        constants["DATA_FILE"], constants["VALIDATION_SIZE"]
        name = "code.py"
        run["text"] = (folder / name).read_text(encoding="utf-8")
        run["code"] = code_of(run["text"])
        name = "history.csv"
        with open(folder / name, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        # Without validation, CSVLogger writes "NA" into its columns.
        keys = [key for key in rows[0] if key != "epoch" and rows[0][key] != "NA"]
        run["history"] = {key: [float(row[key]) for row in rows] for key in keys}
        name = "model.keras"
        if model:
            (folder / name).stat()
    except FileNotFoundError:
        raise DataError(f"{folder} is unfinished or incomplete: it has no {name}") from None
    except Exception as error:  # which one depends on where the run is damaged
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DataError(f"{folder}: {name} cannot be used ({reason})") from None
    return run


def read_all(pattern="[!.]*", model=False):
    """Returns the finished runs in runs/, the oldest first; says on stderr what is skipped.

    They are ordered by when they were finished: their names have local time, which jumps.
    Args: `pattern`, of the folders' names; `model`, see `read`.
    """
    runs, skipped = [], []
    for path in sorted(pathlib.Path("runs").glob(f"{pattern}/")):
        try:
            runs.append(read(path, model))
        except DataError as error:
            skipped.append(str(error))
    if skipped:
        text = f"skipped {len(skipped)} of {len(skipped) + len(runs)} runs; the first: "
        print(f"{text}{printable(skipped[0])}", file=sys.stderr)
    return sorted(runs, key=lambda run: run["finished"])


def find(name):
    """Returns the run in a folder `name`, or the newest finished one of a script; describes it.

    Prints to stderr which data the run was trained on and what else may surprise a user. Of a
    script, runs without a model are skipped. Raises DataError without a run.
    """
    script = os.path.normpath(name).removesuffix(".py")
    is_name = os.path.basename(script) == script
    runs = read_all(f"{glob.escape(script)}-{STAMP}", model=True) if is_name else []
    if not runs and os.path.isdir(name):
        runs = [read(name, model=True)]
    if not runs:
        example = script if os.path.exists(f"{script}.py") else "imdb_lstm"
        raise DataError(f"there is no run {name}; train one first, as in: python {example}.py")
    for line in describe(*runs[:-3:-1]):
        print(printable(line), file=sys.stderr)
    return runs[-1]


def describe(run, earlier=None):
    """Returns lines on a run: its data, its constants and functions; the data of an earlier run."""
    text = f"{run['folder']}: trained on {run['source']}"
    script = pathlib.Path(run["script"] + ".py")
    with contextlib.suppress(OSError, ValueError, SyntaxError, DataError):  # a notebook's run, say
        now = constants_of(script.read_text(encoding="utf-8"))
        values = run["constants"].items()
        other = [f"{name}={value}" for name, value in values if value != now.get(name, value)]
        text += f"; other constants than in {script}: {', '.join(other)}" if other else ""
    lines = [text]
    if earlier and data_of(earlier) != data_of(run):
        text = (
            f"warning: {earlier['folder']}, the run before it, was trained on {earlier['source']}"
        )
        lines.append(f"{text}. A run's folder chooses it: python predict.py FOLDER")
    for name, code in COMMON.items():
        function = function_text(run["text"], name)
        if function is None:
            lines.append(f"code.py has no {name}: taken to be that of imdb_lstm.py")
        elif code_of(function) != code:
            text = (
                f"warning: the run's {name} differs from that of the training scripts as they came"
            )
            lines.append(f"{text}. Texts are prepared as in the latter: answers may be wrong")
    return lines


def data_of(run):
    """Returns what identifies the data of a run."""
    return run["fingerprint"] or run["source"]


def function_text(text, name):
    """Returns the text of a function at the top level of a script or cell, None without it."""
    match = re.search(rf"^def {name}\(.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    return match and match[0]
