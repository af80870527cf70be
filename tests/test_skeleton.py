"""The training scripts are one skeleton: the same text wherever the lesson allows."""

import ast
import sys

import pytest
from conftest import ROOT, SCRIPTS

# What a script replaces in the text of imdb_lstm.py's main.
REPLACED = {
    # The number of classes depends on the corpus.
    "reuters_rnn": (
        "trainable=not len(stored))",
        "not len(stored), class_count=len(classes))",
    ),
    # The vectors come from VECTORS_FILE, not from the data file. build_model reads it.
    "imdb_pretrained_lstm": (
        """    assert EMBEDDING_DIM <= stored.shape[1], f"EMBEDDING_DIM: at most {stored.shape[1]}"
    vectors = np.random.uniform(-0.05, 0.05, (VOCAB_SIZE, EMBEDDING_DIM))
    vectors[: len(stored)] = stored[:VOCAB_SIZE, :EMBEDDING_DIM]
    model = build_model(vectors, trainable=not len(stored))
""",
        "    model = build_model(vocabulary)\n",
    ),
}
LESSON = {
    "DATA_FILE",
    "MAX_LENGTH",
    "EMBEDDING_DIM",
    "LSTM_UNITS",
    "DROPOUT",
}  # comments that may differ


def text_of(script):
    return (ROOT / f"{script}.py").read_text(encoding="utf-8")


def functions(script):
    """Returns {name: text} of the functions of a script, in order."""
    text = text_of(script)
    nodes = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return {node.name: ast.get_source_segment(text, node) for node in nodes}


def constants(script):
    """Returns {name: comment} of the constants of a script, in order."""
    lines = [line.partition(" = ") for line in text_of(script).splitlines()]
    return {name: value.partition("  # ")[2] for name, _, value in lines if name.isupper()}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_short_and_has_few_constants(script):
    assert len(text_of(script).splitlines()) <= 150
    assert 13 <= len(constants(script)) <= (19 if script == "imdb_cnn_lstm" else 16)
    assert list(functions(script)) == ["load_data", "batches", "build_model", "main"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_equal_parts_are_equal_to_the_byte(script):
    ours, theirs = text_of("imdb_lstm"), text_of(script)
    for first, last in ("# /// script", '"""'), ("import ", "# Data"), ("if __name__", None):
        parts = [text[text.index(first) :].partition(last or "\0")[0] for text in (ours, theirs)]
        assert parts[0] == parts[1]
    ours, theirs = functions("imdb_lstm"), functions(script)
    old, new = REPLACED.get(script, ("", ""))
    assert old in ours["main"]
    ours["main"] = ours["main"].replace(old, new) if old else ours["main"]
    for name in "load_data", "batches", "main":
        assert theirs[name] == ours[name]


@pytest.mark.parametrize("script", SCRIPTS)
def test_constants_have_one_order_and_one_comment(script):
    ours, theirs = constants("imdb_lstm"), constants(script)
    common = [name for name in ours if name in theirs]
    assert [name for name in theirs if name in ours] == common
    other = [name for name in common if ours[name] != theirs[name] and name not in LESSON]
    assert not other, "these comments differ from those of imdb_lstm.py"


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_imports_no_file_of_this_project(script):
    allowed = {*sys.stdlib_module_names, "numpy", "tensorflow", "keras"} - {"argparse", "signal"}
    for node in ast.walk(ast.parse(text_of(script))):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= allowed
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module.partition(".")[0] in allowed
