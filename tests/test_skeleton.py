"""The training scripts are one skeleton: the same text wherever the lesson allows."""

import ast
import re
import sys

import pytest
from conftest import ROOT, SCRIPTS

CALL = "model = build_model(vectors)"  # in main
REPLACED = {  # where a script has another call
    "reuters_rnn": "model = build_model(vectors, len(classes))",  # depends on the corpus
    "imdb_pretrained_lstm": "model = build_model(vocabulary, about)",  # reads VECTORS_FILE
}
# Constants whose comments may differ.
LESSON = {"DATA_FILE", "MAX_LENGTH", "EMBEDDING_DIM", "LSTM_UNITS", "DROPOUT"}


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
    longer = script in ("imdb_cnn_lstm", "imdb_pretrained_lstm")
    assert len(text_of(script).splitlines()) <= (175 if longer else 170)
    assert 13 <= len(constants(script)) <= (19 if script == "imdb_cnn_lstm" else 16)
    assert list(functions(script)) == ["load_data", "batches", "build_model", "main"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_equal_parts_are_equal_to_the_byte(script):
    ours, theirs = text_of("imdb_lstm"), text_of(script)
    for first, last in ("import ", "DATA_FILE"), ("if __name__", None):
        parts = [text[text.index(first) :].partition(last or "\0")[0] for text in (ours, theirs)]
        assert parts[0] == parts[1].replace("import hashlib\n", "")  # imdb_pretrained_lstm.py
    assert theirs.startswith('"""') and theirs.rstrip().endswith("# ///")
    ours, theirs = functions("imdb_lstm"), functions(script)
    assert CALL in ours["main"]
    ours["main"] = ours["main"].replace(CALL, REPLACED.get(script, CALL))
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


def test_no_command_imports_another():
    commands = {path.stem for path in ROOT.glob("*.py")}
    for path in [*ROOT.glob("*.py"), *ROOT.glob("corpus/*.py")]:
        names = re.findall(r"^ *(?:import|from) (\w+)", path.read_text("utf-8"), re.MULTILINE)
        assert not commands & set(names), path
