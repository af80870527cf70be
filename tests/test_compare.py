"""compare.py: what is trained, what is not, where, the table, and the interval of differences."""

import json
import pathlib
import signal
import subprocess
import sys
import time

import dask
import distributed
import numpy as np
import pandas
import pytest
from conftest import ROOT
from scipy import stats

import compare
from corpus import DataError, data_file

# What compare.py knows of a training script, without training. SLOW holds the run up.
SCRIPT = '''import json, pathlib, random, sys, time

# Data
DATA_FILE = "data/imdb.npz"
VALIDATION_SIZE = 0.1
LSTM_UNITS = 4
SIZES = (64, 32)
DROPOUT = 0.5  # a comment
EPOCHS = 2
SLOW = 0
SEED = 1


def load_data():
    """Returns the data."""
    import numpy
    return json.loads(str(numpy.load(DATA_FILE)["about"]))


def build_model(units=LSTM_UNITS):
    return units  # a comment


def main():
    assert DROPOUT <= 1, "DROPOUT: 0 to 1"
    script = pathlib.Path(__file__)
    draw = random.Random(f"{SEED} {LSTM_UNITS} {script.stem}").random
    folder = pathlib.Path("runs", f"{script.stem}-20260101-000000-{time.time_ns()}")
    folder.mkdir(parents=True)
    (folder / "code.py").write_text(script.read_text())
    names = ["accuracy", "loss"] + ["val_accuracy", "val_loss"] * (VALIDATION_SIZE > 0)
    rows = [[draw() for _ in names] for _ in range(EPOCHS)]
    lines = [["epoch", *names], *([number, *row] for number, row in enumerate(rows))]
    text = "".join(",".join(map(str, line)) + "\\n" for line in lines)
    (folder / "history.csv").write_text(text)
    time.sleep(SLOW)
    result = {"script": script.stem, "about": load_data(), "epochs": EPOCHS, "best_epoch": EPOCHS}
    result |= dict(zip(names, rows[-1])) | {"test_accuracy": draw(), "test_loss": draw()}
    result |= {"seconds": 10 * draw(), "device": "CPU", "versions": {"python": sys.version}}
    result |= {"classes": ["a", "b"], "backend": "tensorflow", "parameters": build_model()}
    result["constants"] = {k: v for k, v in globals().items() if k.isupper()}
    if DROPOUT == 0.75:
        result |= {"loss": float("nan"), "val_loss": float("nan")}
    (folder / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
'''


@pytest.fixture
def scripts(in_folder, small_sample):
    """The current folder, with scripts one and two and a data file."""
    for name in "one", "two":
        (in_folder / f"{name}.py").write_text(SCRIPT, encoding="utf-8")
    data_file.write("data/imdb.npz", small_sample)
    return in_folder


@pytest.fixture
def call(scripts, capsys):
    """A function that calls compare.py; returns what it trains."""

    def call(*arguments):
        capsys.readouterr()
        try:
            compare.main(arguments)
        finally:
            call.output = capsys.readouterr()
            lines = call.output.out.splitlines()
            trained = [line.split(": ", 1)[1] for line in lines if line.startswith("run ")]
            call.trained = [title.split(", about")[0] for title in trained]
        return call.trained

    return call


def edit(name, old, new):
    text = pathlib.Path(name).read_text(encoding="utf-8")
    assert old in text
    pathlib.Path(name).write_text(text.replace(old, new), encoding="utf-8")


def results():
    return [json.loads(path.read_text()) for path in pathlib.Path("runs").glob("*/result.json")]


# --- What is trained ---


@pytest.mark.parametrize("side_by_side", ["1", "3"])
def test_missing_combinations_are_trained_once_and_the_table_has_their_figures(side_by_side, call):
    words = "one,./two.py", "LSTM_UNITS=4,3,4", "SEED=1,2", "--csv", "table.csv"
    words += "--jobs", side_by_side
    titles = [f"{s} LSTM_UNITS={u} SEED={n}" for s in ("one", "two") for u in (4, 3) for n in "12"]
    assert call("one", "LSTM_UNITS=4") == ["one LSTM_UNITS=4"]  # SEED is 1 in the script
    assert call(*words) == titles[1:]
    assert call(*words) == [] and len(results()) == 8
    table = pandas.read_csv("table.csv")
    assert list(table.val_accuracy) == sorted(table.val_accuracy, reverse=True)
    for row in table.itertuples():
        same = [r for r in results() if r["script"] == row.script]
        same = [r for r in same if r["constants"]["LSTM_UNITS"] == row.LSTM_UNITS]
        assert sorted(r["constants"]["SEED"] for r in same) == [1, 2] and row.seeds == "1,2"
        for name in "val_accuracy", "val_loss", "test_accuracy":
            values = [r[name] for r in same]
            assert getattr(row, name) == pytest.approx(np.mean(values))
            assert getattr(row, f"{name}_sd") == pytest.approx(np.std(values, ddof=1))
        seconds = np.mean([r["seconds"] / r["epochs"] for r in same])
        assert row.seconds_per_epoch == pytest.approx(seconds) and row.epochs == 2
        assert row.parameters == row.LSTM_UNITS  # also where the constant is a default value
    assert "data" in table and "EPOCHS" not in table  # only what differs
    assert pathlib.Path("compare.png").read_bytes().startswith(b"\x89PNG")


def test_comments_do_not_make_a_run_stale_but_code_constants_and_data_do(call, small_sample):
    assert call("one") == ["one"]
    edit("one.py", "# a comment", "# another comment")
    edit("one.py", '"""Returns the data."""', "# Returns about.")
    assert call("one") == []
    edit("one.py", "return units", "return 1 * units")
    assert call("one") == ["one"]
    assert call() == [] and " code " in call.output.out  # two rows that differ in code alone
    assert call("one", "EPOCHS=2,3") == ["one EPOCHS=3"]
    other = small_sample | {"y_train": 1 - small_sample["y_train"]}
    data_file.write("data/imdb.npz", data_file.with_source(other, "mine"))
    assert call("one") == ["one"]
    assert call("--csv", "table.csv") == []
    assert call.output.out.count("val acc ") == 2  # a table for each data
    assert set(pandas.read_csv("table.csv").data) == {"mine", str(small_sample["source"])}


def test_an_edited_data_file_is_refused_and_its_runs_are_not_shown(call, small_sample):
    call("one", "SEED=1,2")
    data = dict(np.load("data/imdb.npz"))
    np.savez("data/imdb.npz", **data | {"y_train": 1 - data["y_train"]})  # about as before
    for words in ("one", "SEED=1"), ("one", "SEED=3"), ():
        with pytest.raises(DataError, match="data/imdb.npz was edited .* `main` .*write"):
            call(*words)
        assert call.trained == [] and "val acc" not in call.output.out
    data_file.write("data/imdb.npz", small_sample)
    assert call("one", "SEED=1,2") == []


def test_a_failure_is_told_once_and_ends_what_would_fail_too(call):
    with pytest.raises(DataError, match="2 of 4 runs are missing: one DROPOUT=2"):
        call("one", "DROPOUT=2,0.5", "SEED=1,2")
    assert [title[12:] for title in call.trained] == ["2 SEED=1", "0.5 SEED=1", "0.5 SEED=2"]
    assert call.output.err.count("DROPOUT: 0 to 1") == 1 and "test acc" in call.output.out
    with pytest.raises(DataError, match="6 of 6 runs are missing"):
        call("one", "DROPOUT=2,3,0.2", "SEED=1,3")
    assert call.trained == ["one DROPOUT=2 SEED=1", "one DROPOUT=3 SEED=1"]


def test_a_run_that_diverged_is_a_row_and_not_trained_again(call):
    assert len(call("one", "DROPOUT=0.75,0.5", "SEED=1,2")) == 4
    assert call("one", "DROPOUT=0.75,0.5", "SEED=1,2") == []
    [row] = [line for line in call.output.out.splitlines() if "0.75" in line]
    assert "diverged" in row and call.output.out.index("best") < call.output.out.index("diverged")


def test_a_script_that_is_edited_meanwhile_is_not_trained(call, monkeypatch):
    [wanted] = compare.combinations(["one"])
    edit("one.py", "return units", "return 1 * units")
    monkeypatch.setattr(compare, "combinations", lambda words: [wanted])
    with pytest.raises(DataError):
        call("one")
    assert "one.py was edited while compare.py ran" in call.output.err and not results()


BAD = {
    "three": "no script three.py here. Scripts: one, two$",
    "one LSTM_UNIT=3": "one.py has no constant LSTM_UNIT. It has: .*LSTM_UNITS.* one,COPY$",
    "one LSTM_UNITS=(3": "is not a value",
    "one LSTM_UNITS=(3,)": "LSTM_UNITS=4$",
    "one DROPOUT=0,1": "DROPOUT=0.1.*DROPOUT=0.0,1.0",
    "one EPOCHS=2.5": "EPOCHS=2$",
    "one SEED=1 SEED=2": "twice",
    "SEED=1": "name a script",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_words_are_refused_before_anything_is_trained(words, call):
    with pytest.raises(DataError, match=BAD[words]):
        call(*words.split())
    assert not pathlib.Path("runs").exists()


def test_a_dry_run_trains_nothing_and_has_the_time(call):
    call("one", "SEED=1")
    call("one", "SEED=1,2", "--dry-run")
    *lines, last = call.output.out.splitlines()
    assert lines == ["finished: one SEED=1", "to train: one SEED=2"] and "about 1 min" in last


# --- Where ---


def test_ctrl_c_ends_the_runs_in_progress_and_keeps_the_others(call):
    words = "one", "SEED=1,2,3", "SLOW=1.0", "--jobs", "2"
    # What a shell starts in the background ignores Ctrl-C, and so would what that starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-u", str(ROOT / "compare.py"), *words]
    pipes = dict.fromkeys(["stdout", "stderr"], subprocess.PIPE)
    with subprocess.Popen(command, text=True, **pipes) as process:
        for line in process.stdout:
            if line.startswith("run 3 of 3"):
                process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
    assert process.returncode == 1 and "finished runs are kept" in errors
    count = len(results())
    time.sleep(1.5)
    assert 1 <= len(results()) == count < 3  # no child goes on
    assert len(call(*words)) == 3 - count


LOST = """
    if SEED == 2 and not pathlib.Path("lost").exists():  # as when the machine of a worker fails
        pathlib.Path("lost").touch()
        import os, signal
        os.kill(os.getppid(), signal.SIGKILL)
        sys.exit(1)
    time.sleep(SLOW)"""


def test_two_at_once_do_not_train_the_same_run_twice(scripts):
    line = [sys.executable, str(ROOT / "compare.py"), "one", "SEED=1,2", "SLOW=1.5"]
    with subprocess.Popen(line) as first, subprocess.Popen(line) as second:
        assert [first.wait(), second.wait()] == [0, 0]
    assert sorted(result["constants"]["SEED"] for result in results()) == [1, 2]


def test_what_a_killed_worker_of_a_cluster_trained_is_trained_by_the_same_command(call):
    edit("one.py", "\n    time.sleep(SLOW)", LOST)
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        with distributed.LocalCluster(**options) as cluster:
            words = "one", "SEED=1,2,3", "--cluster", cluster.scheduler_address
            with pytest.raises(DataError, match="1 of 3 runs are missing: one SEED=2"):
                call(*words)
            assert "KilledWorker" in call.output.err
            assert call(*words) == ["one SEED=2"] and call(*words) == []


# --- Table ---


def made_up(accuracies, **constants):
    """Returns the runs of a variant, one a seed, on data that are not there."""
    constants = {"DATA_FILE": "none.npz", "VALIDATION_SIZE": 0.1, "LSTM_UNITS": 4} | constants
    figures = {"val_loss": 0.5, "test_accuracy": 0.7, "parameters": 9, "epochs": 2, "seconds": 6}
    figures |= {"best_epoch": 2, "loss": 0.1, "source": "a corpus"}
    same = {"script": "one", "code": "abcdef", "fingerprint": None, **figures}
    finished = []
    for seed, accuracy in enumerate(accuracies, 1):
        finished.append(same | {"val_accuracy": accuracy, "seed": seed})
        finished[-1]["constants"] = constants | {"SEED": seed}
    return finished


def tabulated(*variants):
    return compare.tabulate(compare.frame_of([run for runs in variants for run in runs]))


def test_the_table_has_welchs_interval_for_each_variant_and_marks_equal_ones():
    best, near, far = [0.90, 0.91, 0.92], [0.90, 0.89, 0.91], [0.60, 0.61, 0.63]
    variants = [made_up(a, LSTM_UNITS=u) for u, a in {4: far, 3: best, 2: near}.items()]
    table = tabulated(*variants)
    assert list(table.LSTM_UNITS) == ["3", "2", "4"] and table.difference[0] == 0
    for row, values in (1, near), (2, far):
        welch = stats.ttest_ind(values, best, equal_var=False).confidence_interval(0.975)
        assert (table.low[row], table.high[row]) == pytest.approx(tuple(welch))
        assert table.difference[row] == pytest.approx(np.mean(values) - np.mean(best))
    lines = compare.format_table(table).splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["one"] * 3  # the script, always
    assert "best" in lines[0] and ") =" in lines[1] and "=" not in lines[2]


def test_the_interval_covers_other_texts_where_the_classes_are_kept():
    random = np.random.default_rng(0)
    seeds = [made_up([0.800, 0.801]), made_up([0.850, 0.851])]  # nearly without variance
    right = [(random.random(400) < share).astype(float) for share in (0.8, 0.85)]
    for runs, values in zip(seeds, right):
        for run in runs:
            run["right"] = values
    paired = stats.ttest_rel(*right).confidence_interval(0.95)
    low, high = compare.interval(*seeds, 1)
    assert high - low == pytest.approx(paired.high - paired.low, rel=0.01)


@pytest.mark.slow
def test_classes_are_those_of_the_run_and_tell_a_run_on_edited_data(scripts, small_sample, capsys):
    text = (ROOT / "imdb_lstm.py").read_text(encoding="utf-8")
    pathlib.Path("small.py").write_text(text, encoding="utf-8")
    data_file.write("data/imdb.npz", small_sample)
    words = "small VOCAB_SIZE=100 MAX_LENGTH=9 EMBEDDING_DIM=4 LSTM_UNITS=4 EPOCHS=1".split()
    compare.main([*words, "SEED=1,2"])
    [folder, _] = sorted(pathlib.Path("runs").glob("small-*"))
    result, kept = json.loads((folder / "result.json").read_text()), np.load(folder / "classes.npz")
    for part, name in ("val", "val_accuracy"), ("test", "test_accuracy"):
        assert np.mean(kept[part] == kept[f"{part}_true"]) == pytest.approx(result[name], abs=1e-6)
    assert list(kept["test_true"]) == list(small_sample["y_test"])
    assert "validation: 60 texts, standard error of an accuracy 6." in capsys.readouterr().out
    # The labels of another run's data were others, and its figures too.
    result["val_accuracy"] = 0.123
    (folder / "result.json").write_text(json.dumps(result))
    capsys.readouterr()
    compare.main([])
    assert capsys.readouterr().out.count("val acc ") == 2
    compare.main([*words, "SEED=1,2", "--dry-run"])
    assert "1 runs to train" in capsys.readouterr().out


def test_one_seed_and_equal_seeds_have_no_interval():
    for few in [0.8], [0.8] * 3:
        table = tabulated(made_up([0.9] * len(few)), made_up(few, LSTM_UNITS=3))
        assert np.isnan([*table.low, *table.high]).all()
        assert compare.format_table(table).splitlines()[2].count(" = ") == 0


def test_runs_without_validation_are_last_and_have_no_rank(call):
    call("one", "VALIDATION_SIZE=0,0.1", "--csv", "table.csv")
    table = pandas.read_csv("table.csv")
    assert list(table.VALIDATION_SIZE) == [0.1, 0] and np.isnan(table.val_accuracy[1])
    [last] = [line.split() for line in call.output.out.splitlines() if line.split()[1:2] == ["0"]]
    assert last[2:6] == ["1", "-", "-", "-"] and 0 < table.test_accuracy[1] < 1


def test_of_runs_with_the_same_seed_the_newest_counts_and_the_order_of_constants_does_not():
    newest = made_up([0.9])
    newest[0]["constants"] = dict(reversed(newest[0]["constants"].items()))
    [runs] = tabulated(made_up([0.8, 0.7]), newest).runs
    assert [run["val_accuracy"] for run in runs] == [0.9, 0.7]
