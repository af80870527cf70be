"""compare.py: what is trained, what is not, the table, and the interval of differences."""

import functools
import importlib
import json
import pathlib
import shutil
import signal
import subprocess
import sys

import hypothesis
import keras
import numpy as np
import pandas
import pytest
from conftest import ROOT
from hypothesis import strategies as st
from scipy import stats

import compare
from corpus import DataError, cli, data_file


def test_comments_and_docstrings_do_not_change_the_hash_of_code():
    code = '"""What."""\n\n\ndef main():\n    """Trains\n\n    well."""\n    print("# 1")  # so\n'
    same = 'def main():\n    # Prints.\n    print("# 1")\n'
    assert compare.code_of(code) == compare.code_of(same) != compare.code_of(same.replace("1", "2"))
    assert compare.code_of(code) == "6bd36eaced8cd1f8"  # in every version of Python


# What compare.py knows of a training script, without training.
SCRIPT = '''"""A script."""

import inspect, json, pathlib, random, sys, time

# Data
DATA_FILE = "data/imdb.npz"
VALIDATION_SIZE = 0.1
LSTM_UNITS = 4
SIZES = (64, 32)
DROPOUT = 0.5  # a comment
EPOCHS = 2
SEED = 1


def load_data():
    """Returns the data."""
    return None


def batches():
    return 1


def build_model():
    return "a model"  # a comment


def main():
    assert DROPOUT <= 1, "DROPOUT: 0 to 1"
    draw = random.Random(f"{SEED} {LSTM_UNITS} {__name__}").random
    folder = pathlib.Path("runs", f"{__name__}-20260101-000000-{time.time_ns()}")
    folder.mkdir(parents=True)
    code = map(inspect.getsource, (load_data, batches, build_model, main))
    (folder / "code.py").write_text("\\n\\n".join(code))
    names = ["accuracy", "loss"] + ["val_accuracy", "val_loss"] * (VALIDATION_SIZE > 0)
    rows = [[draw() for _ in names] for _ in range(EPOCHS)]
    lines = [["epoch", *names], *([number, *row] for number, row in enumerate(rows))]
    text = "".join(",".join(map(str, line)) + "\\n" for line in lines)
    (folder / "history.csv").write_text(text)
    print("Epoch 1/2")
    print("1/1 - 0s - accuracy: 0.5000 - loss: 0.6")
    about = {"source": "a corpus"}
    if pathlib.Path(DATA_FILE).exists():
        import numpy
        about = json.loads(str(numpy.load(DATA_FILE)["about"]))
    result = {"script": __name__, "about": about, "epochs": EPOCHS, "best_epoch": EPOCHS}
    result |= dict(zip(names, rows[-1])) | {"test_accuracy": draw(), "test_loss": draw()}
    result |= {"seconds": 10 * draw(), "device": "CPU", "versions": {"python": sys.version}}
    result["constants"] = {k: v for k, v in globals().items() if k.isupper()}
    (folder / "model.keras").write_bytes(pathlib.Path("model.keras").read_bytes())
    (folder / "result.json").write_text(json.dumps(result))
'''


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A saved model with layers of many kinds, and its file."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((None,), dtype="int32"), layers.Embedding(50, 6)])
    model.add(layers.Dropout(0.3))
    model.add(layers.Conv1D(5, 3))
    model.add(layers.Bidirectional(layers.GRU(4, dropout=0.2)))
    model.add(layers.Dense(3))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.train_on_batch(np.ones((2, 9)), np.zeros(2))  # gives the optimizer its variables
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model.save(path)
    return model, path


@pytest.fixture
def call(in_folder, small_sample, model, capsys):
    """A function that calls compare.py with scripts one and two; returns what it trains."""
    for name in "one", "two":
        (in_folder / f"{name}.py").write_text(SCRIPT, encoding="utf-8")
    shutil.copy(model[1], "model.keras")
    data_file.write("data/imdb.npz", small_sample)

    def call(*arguments):
        capsys.readouterr()
        try:
            compare.main(arguments)
        finally:
            call.output = capsys.readouterr()
        lines = call.output.out.splitlines()
        trained = [line.split(": ", 1)[1] for line in lines if line.startswith("run ")]
        return [title.split(", about")[0] for title in trained]

    return call


def table_of(call):
    return call.output.out[call.output.out.index("\n\n") if "run " in call.output.out else 0 :]


def test_missing_combinations_are_trained_once_and_the_table_has_their_figures(call, model):
    words = "one,two", "LSTM_UNITS=4,3", "SEED=1,2", "--csv", "table.csv"
    titles = [
        f"{s} LSTM_UNITS={u} SEED={n}" for s in ("one", "two") for u in (4, 3) for n in (1, 2)
    ]
    assert call("one", "LSTM_UNITS=4") == ["one LSTM_UNITS=4"]  # SEED is 1 in the script
    assert call(*words) == titles[1:]
    first = table_of(call)
    assert call(*words) == [] and table_of(call).strip() == first.strip()

    results = [json.loads(path.read_text()) for path in pathlib.Path("runs").glob("*/result.json")]
    assert len(results) == 8
    table = pandas.read_csv("table.csv")
    assert list(table.val_accuracy) == sorted(table.val_accuracy, reverse=True)
    for row in table.itertuples():
        same = [r for r in results if r["script"] == row.script]
        same = [r for r in same if r["constants"]["LSTM_UNITS"] == row.LSTM_UNITS]
        assert sorted(r["constants"]["SEED"] for r in same) == [1, 2] and row.seeds == "1,2"
        for name in "val_accuracy", "val_loss", "test_accuracy":
            values = [r[name] for r in same]
            assert getattr(row, name) == pytest.approx(np.mean(values))
            assert getattr(row, f"{name}_sd") == pytest.approx(np.std(values, ddof=1))
        seconds = np.mean([r["seconds"] / r["epochs"] for r in same])
        assert row.seconds_per_epoch == pytest.approx(seconds)
        assert row.parameters == model[0].count_params() and row.epochs == 2
    assert "data" in table and "EPOCHS" not in table  # only what differs
    assert pathlib.Path("compare.png").read_bytes().startswith(b"\x89PNG")
    assert "validation: 60 texts" in first and "not IMDB" in first


def test_comments_do_not_make_a_run_stale_but_code_constants_and_data_do(call, small_sample):
    script = pathlib.Path("one.py")

    def edit(old, new):
        assert old in script.read_text(encoding="utf-8")
        script.write_text(script.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    assert call("one") == ["one"]
    edit("# a comment", "# another comment")
    edit('"""Returns the data."""', "# Returns nothing.")
    assert call("one") == []
    edit("a model", "another model")
    assert call("one") == ["one"]
    assert call() == [] and "\ncode " in call.output.out  # two rows that differ in code alone
    edit("EPOCHS = 2", "EPOCHS = 3")
    assert call("one") == ["one"] and call("one", "EPOCHS=2,3") == []
    about = json.loads(str(small_sample["about"])) | {"fingerprint": "another", "source": "mine"}
    data_file.write("data/imdb.npz", small_sample | {"about": np.array(json.dumps(about))})
    assert call("one") == ["one"]
    assert call("--csv", "table.csv") == []
    assert call.output.out.count("val accuracy ") == 2  # a table for each data
    assert set(pandas.read_csv("table.csv").data) == {"mine", str(small_sample["source"])}


def test_runs_that_cannot_be_used_are_skipped_with_a_line_and_never_change(call):
    assert call("one", "SEED=1,2") == ["one SEED=1", "one SEED=2"]
    [first, second] = sorted(pathlib.Path("runs").iterdir())
    (first / "code.py").unlink()
    (second / "result.json").unlink()
    pathlib.Path("runs/one-3").mkdir()
    with pytest.raises(DataError, match="no finished runs"):
        call()
    assert "skipped 3 of 3 folders" in call.output.err
    assert call("one", "SEED=2") == ["one SEED=2"]
    assert first.is_dir() and second.is_dir()


def test_a_failed_run_is_named_and_the_others_are_trained(call):
    with pytest.raises(DataError, match="^one DROPOUT=2: training failed .*DROPOUT: 0 to 1"):
        call("one", "DROPOUT=2,0")
    assert "one DROPOUT=0\n" in call.output.out and "test accuracy" in call.output.out
    assert call("one", "DROPOUT=0") == []


def test_a_constant_that_all_variants_have_is_in_the_heading(call):
    call("one,two", "DROPOUT=0", "LSTM_UNITS=3,4", "SEED=1")
    assert "accuracies in %; DROPOUT=0\n" in call.output.out


def test_a_table_is_written_as_csv_only(call):
    with pytest.raises(SystemExit):
        call("one", "--csv", "table.xlsx")
    assert not pathlib.Path("table.xlsx").exists() and not pathlib.Path("runs").exists()


def test_runs_without_validation_are_last_and_have_no_rank(call):
    call("one", "VALIDATION_SIZE=0,0.1", "--csv", "table.csv")
    table = pandas.read_csv("table.csv")
    assert list(table.VALIDATION_SIZE) == [0.1, 0] and np.isnan(table.val_accuracy[1])
    [last] = [line.split() for line in call.output.out.splitlines() if line.split()[:1] == ["0"]]
    assert last[1:5] == ["1", "-", "-", "-"]
    assert 0 < table.test_accuracy[1] < 1


@pytest.mark.parametrize(
    ("words", "message"),
    {
        ("three",): "no script three.py here. Scripts: one, two$",
        ("one", "LSTM_UNIT=3"): "one.py has no constant LSTM_UNIT. It has: .*LSTM_UNITS",
        ("one", "LSTM_UNITS=(3"): "is not a value",
        ("one", "LSTM_UNITS=3;4"): "is not a value",
        ("one", "LSTM_UNITS=(3,)"): "LSTM_UNITS=4$",
        ("one", "EPOCHS=2.5"): "EPOCHS=2$",
        ("one", "SIZES=3,4"): r"SIZES=\(64,32\)$",
        ("one", "SEED="): "SEED= has no value",
        ("one", "SEED=1", "SEED=2"): "SEED is given twice",
        ("one", "EPOCHS=many"): "write it like the value in one.py, EPOCHS=2",
        ("SEED=1",): "name a script",
        ("table",): "table.py is not a training script",
        ("broken",): "broken.py, line 2",
        ("computed",): "line 3: the constant must be a plain value",
    }.items(),
)
def test_bad_words_are_refused_before_anything_is_trained(words, message, call):
    pathlib.Path("table.py").write_text("A = 1")
    pathlib.Path("broken.py").write_text("A = 1\n(")
    functions = "".join(f"def {name}(): 0\n" for name in "load_data batches main".split())
    text = f"import os\nA = 1\nB = 2 * A\n{functions}def build_model(): 0\n"
    pathlib.Path("computed.py").write_text(text.replace("def build_model", " def build_model"[1:]))
    message = message.replace("one, two$", "computed, one, two$")
    with pytest.raises(DataError, match=message):
        call(*words)
    assert not pathlib.Path("runs").exists()


def test_a_dry_run_trains_nothing(call):
    call("one", "SEED=1")
    call("one", "SEED=1,2", "--dry-run")
    assert call.output.out == "finished: one SEED=1\nto train: one SEED=2\n"


literals = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
literals |= (
    st.booleans() | st.none() | st.tuples(st.integers()) | st.tuples(st.integers(), literals)
)


@hypothesis.given(st.lists(literals, min_size=1, unique_by=repr))
def test_literals_are_read_as_python_reads_them(values):
    found = compare.values_of(",".join(repr(value).replace(" ", "") for value in values))
    assert all(value in values for value in found) and all(value in found for value in values)


def test_words_need_no_quotes():
    assert compare.values_of("LSTM,GRU") == ["LSTM", "GRU"]
    assert compare.values_of("data/a.npz,'b,c'") == ["data/a.npz", "b,c"]
    assert compare.values_of("(64,),(32,32)") == [(64,), (32, 32)]


def test_the_interval_of_two_variants_is_that_of_welch():
    a, b = [0.85, 0.87, 0.88, 0.84], [0.91, 0.90, 0.915]
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    assert compare.interval(a, b, 2) == pytest.approx(tuple(expected), abs=1e-6)


def test_the_interval_of_three_variants_is_that_of_games_and_howell():
    groups = [0.85, 0.87, 0.88, 0.84], [0.91, 0.90, 0.915], [0.86, 0.88, 0.89]
    expected = stats.tukey_hsd(*groups, equal_var=False).confidence_interval()
    limits = expected.low[0, 1], expected.high[0, 1]
    assert compare.interval(groups[0], groups[1], 3) == pytest.approx(limits, abs=1e-4)


def test_one_seed_has_the_binomial_error():
    low, high = compare.interval([0.85], [0.90], 2, 10_000)
    error = np.sqrt((0.85 * 0.15 + 0.90 * 0.10) / 10_000)
    assert (low, high) == pytest.approx((-0.05 - 1.96 * error, -0.05 + 1.96 * error), abs=1e-4)
    assert compare.interval([0.9] * 3, [0.9] * 3, 2, 100)[1] > 0.05  # equal seeds: not certainty
    assert np.isnan(compare.interval([0.85], [0.90], 2)).all()


@pytest.mark.parametrize(("count", "seeds", "ratio"), [(2, 3, 1), (4, 3, 3), (8, 5, 1)])
def test_of_equal_variants_few_tables_say_that_one_is_worse(count, seeds, ratio, monkeypatch):
    quantile = functools.cache(stats.studentized_range.ppf)  # which takes a tenth of a second

    def nearly(share, count, freedom):
        return quantile(share, count, 1.1 ** round(np.log(freedom) / np.log(1.1)))

    monkeypatch.setattr(compare.stats.studentized_range, "ppf", nearly)
    random = np.random.default_rng(0)
    deviations = np.linspace(0.003, 0.003 * ratio, count)
    tables, wrong, found = 200, 0, 0
    for _ in range(tables):
        rows = 0.9 + random.normal(0, deviations[:, None], (count, seeds))
        best, last = rows[rows.mean(axis=1).argmax()], rows[rows.mean(axis=1).argmin()]
        wrong += compare.interval(list(last), list(best), count)[1] < 0
        found += compare.interval(list(last - 0.06), list(best), count)[1] < 0
    assert wrong / tables <= 0.09  # 0.05 and the error of 200 tables
    assert found / tables > 0.5


def test_parameters_are_counted_as_keras_counts_them(model):
    assert compare.count_parameters(model[1]) == model[0].count_params() > 0


def made_up(accuracies, **constants):
    """Returns the runs of a variant, one a seed, on data that are not there."""
    constants = {"DATA_FILE": "none.npz", "VALIDATION_SIZE": 0.1, "LSTM_UNITS": 4} | constants
    figures = {"val_loss": 0.5, "test_accuracy": 0.7, "parameters": 9, "epochs": 2, "seconds": 6}
    figures["best_epoch"] = 2
    same = {"script": "one", "code": "abcdef", "fingerprint": None, **figures}
    same["source"] = "keras.datasets.imdb"
    runs = []
    for seed, accuracy in enumerate(accuracies, 1):
        history = {"val_accuracy": [0.5, accuracy], "val_loss": [0.9, 1 - accuracy]}
        runs.append(same | {"val_accuracy": accuracy, "seed": seed, "history": history})
        runs[-1]["constants"] = constants | {"SEED": seed}
    return runs


def test_the_table_has_the_interval_of_each_variant_and_marks_equal_ones():
    best, near, far = [0.90, 0.91, 0.92], [0.90, 0.89, 0.91], [0.60, 0.61, 0.63]
    accuracies = {4: far, 3: best, 2: near}
    runs = [run for u, a in accuracies.items() for run in made_up(a, LSTM_UNITS=u)]
    [variants] = compare.group(runs)
    table = compare.tabulate(variants)
    assert list(table.LSTM_UNITS) == ["3", "2", "4"] and table.difference[0] == 0
    for row, values in (1, near), (2, far):
        low, high = compare.interval(values, best, 3)  # the best was chosen from three
        assert (table.low[row], table.high[row]) == pytest.approx((low, high))
        assert table.difference[row] == pytest.approx(np.mean(values) - np.mean(best))
    lines = compare.format_table(table).splitlines()[1:]
    marks = [" best " in lines[0], *(") = " in line or ")= " in line for line in lines[1:])]
    assert marks == [True, True, False] and all("70.0 ± 0.0" in line for line in lines)
    one_seed = compare.tabulate([made_up([0.9]), made_up([0.8], LSTM_UNITS=3)])
    low, _ = compare.interval([0.8], [0.9], 2, 2500)  # a tenth of the texts of keras.datasets
    assert one_seed.low[1] == pytest.approx(low)
    assert -0.02 < compare.interval([1.0], [1.0], 2, 1000)[0] < -0.001


def test_of_runs_with_the_same_seed_the_newest_counts():
    [[[run, other]]] = compare.group(made_up([0.8, 0.7]) + made_up([0.9]))
    assert (run["val_accuracy"], other["val_accuracy"]) == (0.9, 0.7)


def test_the_plot_has_a_line_for_each_seed_in_the_style_of_its_variant(tmp_path, monkeypatch):
    monkeypatch.setattr(compare.plt, "close", lambda figure: figures.append(figure))
    figures, accuracies = [], {4: [0.7, 0.8], 3: [0.6, 0.9]}
    variants = [made_up(values, LSTM_UNITS=units) for units, values in accuracies.items()]
    assert compare.draw([variants], tmp_path / "compare.png")
    accuracy, loss = figures[0].axes
    values = [value for variant in accuracies.values() for value in variant]
    for axes, start, ends in (accuracy, 0.5, values), (loss, 0.9, [1 - value for value in values]):
        seeds = [list(line.get_ydata()) for line in axes.lines if line.get_alpha() == 0.5]
        assert seeds == [[start, end] for end in ends]
        restored = [line.get_ydata() for line in axes.lines if len(line.get_xdata()) == 1]
        assert np.ravel(restored).tolist() == ends
        means = [line for line in axes.lines if not line.get_label().startswith("_")]
        expected = np.mean([ends[:2], ends[2:]], axis=1)
        assert [line.get_ydata()[1] for line in means] == pytest.approx(expected)
        assert len({(line.get_linestyle(), line.get_marker()) for line in means}) == 2
    labels = [text.get_text() for text in loss.get_legend().get_texts()]
    assert labels == ["LSTM_UNITS=4", "LSTM_UNITS=3"]


def test_words_given_twice_are_trained_once(call):
    assert call("one,one.py", "SEED=1,1,1", "LSTM_UNITS=4,3") == [
        "one SEED=1 LSTM_UNITS=4",
        "one SEED=1 LSTM_UNITS=3",
    ]


@pytest.mark.slow
def test_ctrl_c_loses_the_run_in_progress_only(in_folder, small_sample):
    """With a real training script, in processes."""
    text = (ROOT / "imdb_lstm.py").read_text(encoding="utf-8")
    (in_folder / "imdb_lstm.py").write_text(text, encoding="utf-8")
    data_file.write("data/imdb.npz", small_sample)
    small = "VOCAB_SIZE=100 MAX_LENGTH=8 EMBEDDING_DIM=4 LSTM_UNITS=4 EPOCHS=1 SEED=1,2"
    program = [sys.executable, "-u", ROOT / "compare.py", "imdb_lstm", *small.split()]
    # What a shell starts in the background ignores Ctrl-C, and so would what that starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(program, **options) as process:
        for line in process.stdout:
            if line.startswith("run 2 of 2"):
                process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
    assert process.returncode == 1 and "finished runs are kept" in errors
    again = subprocess.run(program, capture_output=True, text=True)
    assert "run 1 of 1: " in again.stdout and "  Epoch 1/1: " in again.stdout
    assert again.returncode == 0 and "1,2 " in again.stdout
    assert subprocess.run(program, capture_output=True, text=True).stdout.count("run ") == 0


def test_without_the_packages_the_command_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.delitem(sys.modules, "compare")
    with pytest.raises(SystemExit, match="pip install -r requirements-tools.txt"):
        importlib.import_module("compare")


def test_the_name_of_the_program_is_in_its_errors(call, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["compare.py", "three"])
    with pytest.raises(SystemExit, match="^compare.py: there is no script three.py"):
        cli.start(compare.main)


def damaged(name, old, new):
    """Returns a function that changes a file of a run."""

    def change(folder):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


@pytest.mark.parametrize(
    "change",
    [
        damaged("result.json", '"val_accuracy": ', '"val_accuracy": "high", "x": '),
        damaged("result.json", '"VALIDATION_SIZE"', '"X"'),
        damaged("result.json", '"best_epoch": 2', '"best_epoch": 99'),
        damaged("result.json", '"seconds"', '"x"'),
        damaged("history.csv", "val_loss", "x"),
        damaged("history.csv", "epoch", "x"),
        lambda folder: (folder / "model.keras").write_bytes(b"PK"),
        lambda folder: (folder / "code.py").write_bytes(b"\xff"),
    ],
)
def test_a_damaged_run_is_skipped(change, call):
    call("one", "SEED=1")
    [folder] = pathlib.Path("runs").iterdir()
    call("one", "SEED=2")
    change(folder)
    call()
    assert f"skipped 1 of 2 folders in runs/; the first: {folder} is of" in call.output.err
    assert [line.split()[0] for line in call.output.out.splitlines()[3:4]] == ["2"]


def test_a_damaged_data_file_and_dollars_in_a_source_do_not_hide_the_table(call, small_sample):
    about = json.loads(str(small_sample["about"])) | {"source": r"own texts from $\data\x$.csv"}
    data_file.write("data/imdb.npz", small_sample | {"about": np.array(json.dumps(about))})
    call("one", "SEED=1,2")
    pathlib.Path("data/imdb.npz").write_bytes(b"damaged")
    call()
    assert "own texts from $" in call.output.out and pathlib.Path("compare.png").exists()
