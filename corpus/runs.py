"""Runs: the one place that reads and checks what a training script left in runs/.

And training scripts as text: their constants, the hash of their code, a variant of it.
"""

import ast
import csv
import hashlib
import io
import json
import math
import os
import pathlib
import re
import sys
import tokenize

from corpus import DataError, printable

# Hashes of the two functions that all training scripts have in common. predict.py and report.py
# read and pad texts as these do.
COMMON = {"load_data": "f25e6484a85a0826", "batches": "bb54dabb18dd6044"}
NUMBERS = "accuracy loss test_accuracy test_loss epochs best_epoch seconds parameters".split()


def assignments(text):
    """Yields (name, node) of each constant that a script assigns at its top level.

    A constant is an upper-case name, as in the scripts' `main`. Raises SyntaxError.
    """
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and target.id.isupper():
                yield target.id, node


def constants_of(text):
    """Returns {name: value} of the constants of a script as result.json has them.

    Raises DataError where the value is not plain, because the script is read without running it.
    """
    constants = {}
    for name, node in assignments(text):
        try:
            constants[name] = json.loads(json.dumps(ast.literal_eval(node.value)))
        except (TypeError, ValueError):
            raise DataError(
                f"line {node.lineno}: {name} must be a plain value, because it is read without "
                "running the script"
            ) from None
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


def backend():
    """Returns the name of the backend that Keras would choose, without importing Keras."""
    home = os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras"
    try:
        configured = json.loads(pathlib.Path(home, "keras.json").read_bytes())["backend"]
    except (OSError, ValueError, KeyError, TypeError):
        configured = "tensorflow"
    return os.environ.get("KERAS_BACKEND") or configured


def vectors_of(constants):
    """Returns the SHA-256 of the file of word vectors that a script reads, None without one."""
    path = constants.get("VECTORS_FILE")
    if path is None or not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(folder):
    """Returns a finished run as a dict: all that result.json has, and more.

    `folder`; `finished`, the time in seconds since 1970; `seed`; `source`, `fingerprint` and
    `vectors` (the hash of a file of word vectors) of its data; `text`, that of code.py; `code`, its
    hash; `history`, {column of history.csv: list}, without the columns of a run without validation.
    Raises DataError where the run is unfinished, of an earlier version, or damaged.
    """
    folder = pathlib.Path(folder)
    name = "result.json"
    try:
        content = (folder / name).read_bytes()
        if not content:  # the disk was full
            raise FileNotFoundError
        run = json.loads(content)
        constants, about = dict(run["constants"]), dict(run["about"])
        run |= {"folder": str(folder), "finished": os.path.getmtime(folder / name)}
        run |= {"seed": constants["SEED"], "source": str(about["source"])}
        run |= {"fingerprint": about.get("fingerprint"), "vectors": about.get("vectors_file")}
        numbers = [run[key] for key in [*NUMBERS, *{"val_loss", "val_accuracy"} & run.keys()]]
        sum(numbers, constants["VALIDATION_SIZE"])  # raises where one is no number
        str(run["script"] + run["device"] + run["backend"] + constants["DATA_FILE"])
        list(run["classes"]), dict(run["versions"])
        name = "code.py"
        run["text"] = (folder / name).read_text(encoding="utf-8")
        run["code"] = code_of(run["text"])
        name = "history.csv"
        with open(folder / name, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        # Without validation, CSVLogger writes "NA" into its columns.
        keys = [key for key in rows[0] if key != "epoch" and rows[0][key] != "NA"]
        run["history"] = {key: [float(row[key]) for row in rows] for key in keys}
        for key in {"loss", "val_loss", "val_accuracy"} & run.keys():
            run["history"][key][run["best_epoch"] - 1]
    except FileNotFoundError:
        raise DataError(f"{folder} is unfinished: it has no {name}") from None
    except Exception as error:  # which one depends on where the run is damaged
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DataError(f"{folder}: {name} cannot be used ({reason})") from None
    return run


def diverged(run):
    """Tells whether the loss of a run's best epoch is no number."""
    return not math.isfinite(run.get("val_loss", run["loss"]))


def finished(folder):
    """Returns when a run was finished, in seconds since 1970; of an unfinished one, when it began.

    Runs are ordered by this time. Their names have local time, which jumps.
    """
    paths = folder / "result.json", folder
    return next((path.stat().st_mtime, folder.name) for path in paths if path.exists())


def read_all(folder="runs"):
    """Returns the finished runs of a folder, the oldest first; says on stderr what is skipped."""
    folders = [path for path in pathlib.Path(folder).glob("[!.]*") if path.is_dir()]
    runs, skipped = [], []
    for path in sorted(folders, key=finished):
        try:
            runs.append(read(path))
        except DataError as error:
            skipped.append(str(error))
    if skipped:
        first = f"the first: {skipped[0]}"
        print(f"skipped {len(skipped)} of {len(folders)} runs; {first}", file=sys.stderr)
    return runs


def find(name):
    """Returns the run in a folder `name`, or the newest finished one of a script; describes it.

    Prints to stderr which data the run was trained on and what else may surprise a user. A run
    without its model, an unfinished or a damaged one is skipped. Raises DataError without a run.
    """
    script = os.path.normpath(name).removesuffix(".py")
    pattern = re.compile(re.escape(script) + "-[0-9]{8}-[0-9]{6}-[0-9]{6}")
    folders = [path for path in pathlib.Path("runs").glob("*") if pattern.fullmatch(path.name)]
    places = pathlib.Path(name), pathlib.Path("runs", script)
    folders = folders or [path for path in places if path.is_dir()][:1]
    runs, skipped = [], []
    for path in sorted(folders, key=finished, reverse=True):
        try:
            run = read(path)
            if not (path / "model.keras").exists():
                raise DataError(f"{path} has no model.keras")
            runs.append(run)
        except DataError as error:
            skipped += [str(error)] if not runs else []
        if len(runs) == 2:
            break
    if not runs:
        reason = skipped[0] if skipped else f"there is no run {name}"
        raise DataError(f"{reason}; train one first, for example: python imdb_lstm.py")
    if skipped:
        print(f"skipped {len(skipped)} newer runs; the first: {skipped[0]}", file=sys.stderr)
    for line in describe(*runs):
        print(printable(line), file=sys.stderr)
    return runs[0]


def describe(run, earlier=None):
    """Returns lines on a run: its data, its constants and functions; the data of an earlier run."""
    text = f"{run['folder']}: trained on {run['source']}"
    script = pathlib.Path(run["script"] + ".py")
    try:
        now = constants_of(script.read_text(encoding="utf-8"))
        values = run["constants"].items()
        other = [f"{name}={value}" for name, value in values if value != now.get(name, value)]
        text += f"; other constants than in {script}: {', '.join(other)}" if other else ""
    except (OSError, ValueError, SyntaxError, DataError):
        pass  # a notebook's run, or a script that cannot be read
    lines = [text]
    if earlier and data_of(earlier) != data_of(run):
        lines.append(
            f"warning: {earlier['folder']}, the run before it, was trained on {earlier['source']}. "
            "A run's folder chooses it: python predict.py FOLDER"
        )
    functions = {name: function_text(run["text"], name) for name in COMMON}
    if missing := [name for name, text in functions.items() if text is None]:
        lines.append(
            f"code.py has no {' and no '.join(missing)}: taken to be those of imdb_lstm.py"
        )
    changed = [name for name, text in functions.items() if text and code_of(text) != COMMON[name]]
    if changed:
        lines.append(
            f"warning: the run's {' and '.join(changed)} differ from those of the training scripts "
            "as they came. Texts are prepared as in the latter, so the answers may be wrong"
        )
    return lines


def data_of(run):
    """Returns what identifies the data of a run."""
    return run["fingerprint"] or run["source"]


def function_text(text, name):
    """Returns the text of a function at the top level of a script or cell, None without it."""
    match = re.search(rf"^def {name}\(.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    return match and match[0]
