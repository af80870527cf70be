"""corpus/runs.py: the one reader of runs. The newest run is taken, and what it is, is said."""

import json
import os
import pathlib
import re

import pytest
from conftest import ROOT, SCRIPTS

from corpus import DataError, classes, runs

TEXT = (ROOT / "imdb_lstm.py").read_text(encoding="utf-8")
OLD, NEW = "my-20250101-000000-000000", "my-20260101-000000-000000"


def make(name, time, constants=None, text=TEXT, **about):
    """Makes the folder of a run that was finished at a time, in seconds since 1970."""
    folder = pathlib.Path("runs", name)
    folder.mkdir(parents=True)
    result = dict.fromkeys(runs.NUMBERS, 1) | {"val_loss": 0.5, "val_accuracy": 0.5}
    result |= {"script": "my", "device": "CPU", "backend": "tensorflow", "versions": {}}
    constants = {"SEED": 1, "DATA_FILE": "a.npz", "VALIDATION_SIZE": 0.1} | (constants or {})
    result |= {"constants": constants, "about": {"source": "a corpus"} | about, "classes": ["a"]}
    (folder / "code.py").write_text(text, encoding="utf-8")
    (folder / "history.csv").write_text("epoch,accuracy,loss,val_accuracy,val_loss\n0,1,1,0.5,0.5")
    (folder / "model.keras").touch()
    (folder / "result.json").write_text(json.dumps(result))
    os.utime(folder / "result.json", (time, time))
    return folder


def test_the_newest_finished_run_of_exactly_this_script_is_taken(in_folder):
    newest = make(NEW, 200)
    make("my-20270101-000000-000000", 100)  # its name has the local time of another place
    for name in "my-2-20270101-000000-000000 my_lstm-20270101-000000-000000 my-20270101 my".split():
        make(name, 300)
    for name in "my", "my.py", "./my.py", f"{newest}/", str(newest.absolute()):
        assert runs.find(name)["folder"] in (str(newest), str(newest.absolute()))
    for name in "m", "y", "runs/my-2027", "m*", "[":
        with pytest.raises(DataError, match="there is no run .*: python imdb_lstm.py"):
            runs.find(name)


DAMAGES = [("result.json", pattern) for pattern in ["missing", "}$", '"source"', '"seconds"']]
DAMAGES += [("code.py", "missing"), ("code.py", " "), ("history.csv", ",0.5$")]


@pytest.mark.parametrize("name, pattern", DAMAGES)
def test_what_cannot_be_used_is_said_and_hides_no_good_run(name, pattern, in_folder, capsys):
    good, bad = make(OLD, 100), make(NEW, 200)
    if pattern == "missing":
        (bad / name).unlink()
    else:
        new = '"X"' if pattern[0] == '"' else ""
        text = re.sub(pattern, new, (bad / name).read_text(), count=1, flags=re.DOTALL)
        (bad / name).write_bytes(text.encode("latin-1"))  # of code.py, it is not UTF-8
    assert [run["folder"] for run in runs.read_all()] == [str(good)]
    assert f"skipped 1 of 2 runs; the first: {bad}" in capsys.readouterr().err
    assert runs.find("my")["folder"] == str(good) and str(bad) in capsys.readouterr().err
    with pytest.raises(DataError, match=f"^{bad}"):
        runs.find(str(bad))


def test_a_run_without_its_model_is_skipped_where_a_model_is_needed(in_folder, capsys):
    good, without = make(OLD, 1), make(NEW, 2)
    (without / "model.keras").unlink()
    assert [run["folder"] for run in runs.read_all()] == [str(good), str(without)]
    assert runs.find("my")["folder"] == str(good)
    assert re.search(f"{without} .* has no model.keras", capsys.readouterr().err)


def test_the_data_and_other_constants_of_a_run_are_said(in_folder, capsys):
    (in_folder / "my.py").write_text("SEED = 1\nUNITS = (4, 5)\nEPOCHS = 3\n")
    make(OLD, 100, {"UNITS": [4, 5], "EPOCHS": 2}, fingerprint="1")
    runs.find("my")
    [line] = capsys.readouterr().err.splitlines()
    assert "trained on a corpus" in line and line.endswith(": EPOCHS=2")  # a tuple is a list
    make(NEW, 200, source="tickets", fingerprint="2")
    runs.find("my")
    line, warning = capsys.readouterr().err.splitlines()
    assert "trained on tickets" in line and f"{OLD}, " in warning and "a corpus" in warning


REVERSED = TEXT.replace("row in rows], width)", "row in rows], width)[:, ::-1]")
CODES = [(REVERSED, ["warning.*batches"]), ("%%time\n" + TEXT, [])]  # of a notebook's cell
CODES += [("# from another file\n", ["code.py.* load_data", "code.py.* batches"])]


@pytest.mark.parametrize("text, said", CODES)
def test_a_run_whose_texts_were_prepared_otherwise_is_named(text, said, in_folder, capsys):
    assert REVERSED != TEXT
    make(OLD, 100, text=text)
    runs.find("my")
    _, *lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(said) and all(map(re.search, said, lines))


@pytest.mark.parametrize("script", SCRIPTS)
def test_all_scripts_have_the_same_functions_that_prepare_texts(script):
    text = (ROOT / f"{script}.py").read_text(encoding="utf-8")
    hashes = {name: runs.code_of(runs.function_text(text, name)) for name in runs.COMMON}
    assert hashes == runs.COMMON  # after a change: all scripts, predict.py and report.py too
    main = re.sub(r"build_model\(.*\)", "build_model()", runs.function_text(text, "main"))
    assert runs.code_of(main) == classes.MAIN
