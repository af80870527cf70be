"""corpus/runs.py: the one reader of runs. The newest run is taken, and what it is, is said."""

import json
import os
import pathlib
import re

import pytest
from conftest import ROOT, SCRIPTS

from corpus import DataError, classes, runs

TEXT = (ROOT / "imdb_lstm.py").read_text(encoding="utf-8")


def make(name, time, constants=None, text=TEXT, script="my", **about):
    """Makes the folder of a run that was finished at a time, in seconds since 1970."""
    folder = pathlib.Path("runs", name)
    folder.mkdir(parents=True)
    about = {"source": "a corpus", "fingerprint": "1"} | about
    result = dict.fromkeys(runs.NUMBERS, 1) | {"val_loss": 0.5, "val_accuracy": 0.5}
    result |= {"script": script, "device": "CPU", "backend": "tensorflow", "versions": {}}
    constants = {"SEED": 1, "DATA_FILE": "a.npz", "VALIDATION_SIZE": 0.1} | (constants or {})
    result |= {"constants": constants, "about": about, "classes": ["a", "b"]}
    (folder / "code.py").write_text(text, encoding="utf-8")
    (folder / "history.csv").write_text("epoch,accuracy,loss,val_accuracy,val_loss\n0,1,1,0.5,0.5")
    (folder / "model.keras").touch()
    (folder / "result.json").write_text(json.dumps(result))
    os.utime(folder / "result.json", (time, time))
    return folder


def test_the_newest_finished_run_of_exactly_this_script_is_taken(in_folder):
    newest = make("my-20260101-000000-000000", 200)
    make("my-20270101-000000-000000", 100)  # its name has the local time of another place
    for name in "my-2-20270101-000000-000000 my_lstm-20270101-000000-000000 my-20270101 my".split():
        make(name, 300)
    for name in "my", "my.py", "./my.py":
        assert runs.find(name)["folder"] == str(newest)
    assert runs.find(f"{newest}/")["folder"] == str(newest)
    for name in "m", "y", "runs/my-2027", "m*", "[":
        with pytest.raises(DataError, match="there is no run .*: python imdb_lstm.py"):
            runs.find(name)


def empty(name):
    return lambda folder: (folder / name).write_bytes(b"")


def cut(name):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-20])


def edit(old, new):
    def change(folder):
        text = (folder / "result.json").read_text()
        assert old in text
        (folder / "result.json").write_text(text.replace(old, new))

    return change


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "result.json").unlink(),
        lambda folder: (folder / "code.py").unlink(),
        lambda folder: (folder / "code.py").write_bytes(b"\xff"),
        *[empty("result.json"), cut("result.json"), empty("history.csv"), cut("history.csv")],
        *[edit('"SEED"', '"X"'), edit('"VALIDATION_SIZE"', '"X"'), edit('"seconds": 1', '"x": 1')],
        *[edit('"val_loss": 0.5', '"val_loss": "low"'), edit('"best_epoch": 1', '"best_epoch": 9')],
        *[edit('"about": {', '"about": 1, "x": {'), edit('"DATA_FILE": "a.npz"', '"DATA_FILE": 1')],
    ],
)
def test_what_cannot_be_used_is_said_and_hides_no_good_run(damage, in_folder, capsys):
    good = make("my-20250101-000000-000000", 100)
    bad = make("my-20260101-000000-000000", 200)
    damage(bad)
    with pytest.raises(DataError, match=f"^{bad}"):
        runs.read(bad)
    assert [run["folder"] for run in runs.read_all()] == [str(good)]
    assert f"skipped 1 of 2 runs; the first: {bad}" in capsys.readouterr().err
    assert runs.find("my")["folder"] == str(good)
    assert str(bad) in capsys.readouterr().err
    with pytest.raises(DataError, match=f"^{bad}"):
        runs.find(str(bad))


def test_a_run_without_its_model_is_skipped_where_a_model_is_needed(in_folder, capsys):
    good, without = make("my-20250101-000000-000000", 1), make("my-20260101-000000-000000", 2)
    (without / "model.keras").unlink()
    assert len(runs.read_all()) == 2
    assert runs.find("my")["folder"] == str(good)
    assert f"{without} has no model.keras" in capsys.readouterr().err


def test_the_data_and_other_constants_of_a_run_are_said(in_folder, capsys):
    (in_folder / "my.py").write_text("SEED = 1\nUNITS = (4, 5)\nEPOCHS = 3\n")
    make("my-20250101-000000-000000", 100, {"UNITS": [4, 5], "EPOCHS": 2})
    runs.find("my")
    [line] = capsys.readouterr().err.splitlines()
    assert "trained on a corpus" in line and line.endswith(": EPOCHS=2")  # a tuple is a list
    make("my-20260101-000000-000000", 200, source="tickets", fingerprint="2")
    runs.find("my")
    line, warning = capsys.readouterr().err.splitlines()
    assert "trained on tickets" in line and "a corpus" in warning and "000000-000000" in warning


def test_a_run_whose_texts_were_prepared_otherwise_is_named_each_time(in_folder, capsys):
    ends = "for row in rows], width)"
    assert ends in TEXT
    make("my-20250101-000000-000000", 100, text=TEXT.replace(ends, f"{ends}[:, ::-1]"))
    for _ in range(2):
        runs.find("my")
        [warning] = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
        assert "batches" in warning and "load_data" not in warning
    make("my-20260101-000000-000000", 200, text="# from another file or cell: load_data\n")
    runs.find("my")
    note = capsys.readouterr().err.splitlines()[-1]
    assert "load_data" in note and "batches" in note and "warning" not in note
    make("my-20270101-000000-000000", 300, text="%%time\n" + TEXT)  # a notebook's cell
    runs.find("my")
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("script", SCRIPTS)
def test_all_scripts_have_the_same_functions_that_prepare_texts(script):
    text = (ROOT / f"{script}.py").read_text(encoding="utf-8")
    hashes = {name: runs.code_of(runs.function_text(text, name)) for name in runs.COMMON}
    assert hashes == runs.COMMON  # after a change: all scripts, predict.py and report.py too
    main = re.sub(r"build_model\(.*\)", "", runs.function_text(text, "main"))
    assert runs.code_of(main) == classes.MAIN
