"""Training scripts as text: their constants, the hash of their code, a variant of it."""

import ast
import hashlib
import io
import json
import os
import pathlib
import tokenize

from corpus import DataError


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
