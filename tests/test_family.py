"""The scripts are copies of one skeleton on purpose. What is equal in them is held equal here, to the byte."""

import ast
import difflib
import importlib

import numpy as np
import pytest

from conftest import ROOT

IMDB_SCRIPTS = ["imdb_lstm", "imdb_stacked_lstm", "imdb_bilstm", "imdb_cnn_lstm"]
SCRIPTS = [*IMDB_SCRIPTS, "reuters_rnn", "imdb_pretrained_lstm"]

# How many lines of imdb_lstm.py's functions two scripts lack, and how many of their own they have: Reuters has another
# corpus, any number of classes and a table at the end; the embedding of imdb_pretrained_lstm.py is read from a file.
DIFFER = {
    "reuters_rnn": {"load_data": (9, 8), "batches": (0, 0), "count_vectors": (0, 0), "main": (4, 4)},
    "imdb_pretrained_lstm": {"load_data": (0, 0), "batches": (0, 0), "build_model": (3, 3), "main": (3, 1)},
}


def source(script):
    return (ROOT / f"{script}.py").read_text()


def functions(script):
    """Returns {name: text} of the functions of a script."""
    text = source(script)
    return {node.name: ast.get_source_segment(text, node) for node in ast.parse(text).body if hasattr(node, "args")}


def constants(script):
    """Returns {name: line} of the constants of a script, in order."""
    lines = source(script).splitlines()
    return {line.split(" = ")[0]: line for line in lines if line.split(" = ")[0].isupper() and " = " in line}


def without_value(line):
    name, comment = line.split(" = ")[0], line.partition("  # ")[2]
    return name, comment


@pytest.mark.parametrize("script", IMDB_SCRIPTS)
@pytest.mark.parametrize("function", ["load_data", "batches", "count_vectors", "main"])
def test_functions_are_equal(script, function):
    assert functions(script)[function] == functions("imdb_lstm")[function]


@pytest.mark.parametrize("script, function", [(script, function) for script in DIFFER for function in DIFFER[script]])
def test_two_scripts_differ_where_they_must(script, function):
    lines = list(difflib.ndiff(*(functions(name)[function].splitlines() for name in ("imdb_lstm", script))))
    counts = tuple(sum(line.startswith(sign) for line in lines) for sign in ("- ", "+ "))
    assert counts == DIFFER[script][function], [line for line in lines if line[0] in "+-"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_parts_come_in_one_order(script):
    order = list(functions("imdb_lstm"))
    if script == "imdb_pretrained_lstm":
        order[order.index("count_vectors")] = "load_vectors"
    assert [name for name in functions(script) if name in order] == order
    order = list(constants("imdb_lstm"))
    assert [name for name in constants(script) if name in order] == [
        name for name in order if name in constants(script)
    ]


@pytest.mark.parametrize("script", SCRIPTS)
def test_head_foot_and_imports_are_equal(script):
    def parts(name):
        text = source(name)
        head = text[: text.index('"""')]
        imports = text[text.index("import argparse") : text.index("# ---")].splitlines()
        if name == "imdb_pretrained_lstm":  # it reads one more file
            imports = [line for line in imports if line not in ("import gzip", "import itertools")]
        return head, imports, text[text.index("if __name__") :]

    assert parts(script) == parts("imdb_lstm")


@pytest.mark.parametrize("script", SCRIPTS)
def test_shared_constants_have_one_comment_and_one_rule(script):
    ours, theirs = constants("imdb_lstm"), constants(script)
    own_comment = {"DATA_FILE", "LSTM_UNITS", "DROPOUT"}  # these the lesson may change
    for name in set(ours) & set(theirs) - own_comment:
        assert without_value(ours[name]) == without_value(theirs[name])
    rules = {script: functions(script)["check_constants"].splitlines() for script in ("imdb_lstm", script)}
    changed = [line for line in rules["imdb_lstm"] if line not in rules[script]]
    replaced = ("data/imdb.npz", "LSTM_UNITS", "PADDING", "EMBEDDING_DIM", "INITIAL_VECTORS")
    assert all(line.split('"')[1] in replaced for line in changed), changed


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_script_imports_a_neighbour(script):
    neighbours = {path.stem for path in ROOT.glob("*.py")}
    for node in ast.walk(ast.parse(source(script))):
        if isinstance(node, ast.Import):
            assert not neighbours & {name.name.split(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.module.split(".")[0] not in neighbours


@pytest.mark.parametrize("script", SCRIPTS)
def test_hardly_anything_is_padding(script):
    """Padding is work for nothing. Padded to MAX_LENGTH, texts of real lengths would be 1.9 to 3 times as long.

    The logarithms of the lengths of IMDB's reviews have mean 5.26 and standard deviation 0.64; of Reuters's wires 4.62
    and 0.84.
    """
    module = importlib.import_module(script)
    count, mean, deviation = (9_000, 4.62, 0.84) if script == "reuters_rnn" else (25_000, 5.26, 0.64)
    lengths = np.exp(np.random.default_rng(0).normal(mean, deviation, count)).astype(int).clip(1, module.MAX_LENGTH)
    dataset = module.batches([np.ones(length, dtype="int32") for length in lengths], np.zeros(count, dtype="int64"))
    for _ in range(2):
        positions = sum(ids.size for ids, _ in dataset.as_numpy_iterator())
        assert positions < 1.15 * lengths.sum()
