"""The programs in results/: the recipes fit the scripts, runs are stored and resumed, figures are computed right."""

import ast
import json
import os
import re
import sys
import types

import numpy as np
import pytest

import data_files
import predict
from conftest import ROOT, make_folder, run

import baselines
import benchmark
import padding
import presets
import reproduce
import scale
import tools
import train_vectors

# The parameters that the sources give for their models.
PARAMETERS = {"brownlee": 213_301, "rice_lstm": 82_129, "rice_bilstm": 84_257}


@pytest.fixture(autouse=True)
def defaults_again():
    """Undoes what `configure` did to the modules of the scripts."""
    yield
    for preset in presets.PRESETS.values():
        tools.configure(preset.script, {})


@pytest.mark.parametrize("name", presets.PRESETS)
def test_recipes_fit_their_scripts(in_folder, name):
    preset = presets.PRESETS[name]
    module = tools.configure(preset.script, preset.constants)
    if vectors := preset.constants.get("VECTORS_FILE"):
        make_folder(in_folder, {vectors: b""})
    module.check_constants()
    assert all(getattr(module, constant) == value for constant, value in preset.constants.items())


@pytest.mark.parametrize("name", PARAMETERS)
def test_published_models_have_their_published_parameters(name):
    preset = presets.PRESETS[name]
    model = tools.configure(preset.script, preset.constants).build_model()
    assert model.count_params() == PARAMETERS[name]


def test_a_recipe_with_an_unknown_constant_is_refused():
    with pytest.raises(ValueError, match="no constant LSTM_UNIT$"):
        tools.configure("imdb_lstm", {"LSTM_UNIT": 3})


def test_a_recipe_leaves_nothing_behind():
    tools.configure("imdb_lstm", {"EPOCHS": 77})
    assert tools.configure("imdb_lstm", {}).EPOCHS != 77


def test_code_is_the_same_with_other_comments_and_constants_only(tmp_path):
    def code(text):
        (tmp_path / "script.py").write_text(text)
        return reproduce.code_of(tmp_path / "script.py")

    script = '"""What it does."""\nEPOCHS = 3  # at most\n\n\ndef main():\n    """Does it."""\n    print(EPOCHS)\n'
    same = '"""Something."""\nEPOCHS = 4\n\n\ndef main():\n    # Prints.\n    print(EPOCHS)\n'
    assert code(script) == code(same) != code(script.replace("print", "repr"))
    assert code(script) == "3ff85873bc529481"  # whatever the version of Python
    check = "\n\ndef check_constants():\n    pass\n"
    assert code(script + check) == code(script) != code(script + check.replace("check_constants", "load_data"))


@pytest.fixture
def tiny(in_folder, small_sample, monkeypatch):
    """A folder with a small data file and two recipes of seconds; runs are made in this process and counted."""
    data_files.write("data/imdb.npz", small_sample)
    data_files.write("data/reuters.npz", small_sample)
    small = {"VOCAB_SIZE": 300, "EMBEDDING_DIM": 4, "LSTM_UNITS": 4, "EPOCHS": 1}
    recipes = {"imdb_lstm": presets.Preset("imdb_lstm"), "small": presets.Preset("imdb_lstm", small, 12.3)}
    monkeypatch.setattr(reproduce, "PRESETS", recipes)
    monkeypatch.setattr(reproduce, "DEFAULTS", ["imdb_lstm"])
    monkeypatch.setattr(reproduce, "PUBLISHED", {"small": recipes["small"]})
    monkeypatch.setattr(reproduce, "FOLDER", in_folder)
    monkeypatch.setattr(reproduce.plots, "FOLDER", in_folder)
    monkeypatch.setattr(reproduce, "RUNS", in_folder / "runs.jsonl")
    monkeypatch.setattr(reproduce, "identity", lambda name, seed: {"recipe": name, "seed": seed, "code": code[0]})
    code, made = ["one"], []
    monkeypatch.setattr(
        reproduce, "run_in_process", lambda name, seed: made.append((name, seed)) or reproduce.train(name, seed)
    )

    def command(*arguments):
        made.clear()
        monkeypatch.setattr(sys, "argv", ["reproduce.py", *arguments])
        reproduce.main()
        return list(made)

    command.code = code
    return command


def test_runs_are_stored_and_not_repeated(tiny, capsys):
    assert tiny("small", "--seeds", "2") == [("small", 1), ("small", 2)]
    runs = [json.loads(line) for line in open("runs.jsonl")]
    assert [line["seed"] for line in runs] == [1, 2]
    assert all(0 < line["test_accuracy"] < 1 and len(line["history"]["val_loss"]) == 1 for line in runs)
    assert tiny("small", "--seeds", "3") == [("small", 3)]
    assert tiny("small", "--seeds", "3") == []
    text = open("results.md").read()
    values = [100 * json.loads(line)["test_accuracy"] for line in open("runs.jsonl")]
    assert f"| 12.3 | {np.mean(values):.1f} ± {np.std(values, ddof=1):.1f} (3) |" in text
    capsys.readouterr()
    assert tiny("--list") == []
    assert f"small                        published 12.3    ours {np.mean(values):.1f}" in capsys.readouterr().out
    assert tiny("small", "--seeds", "1", "--again") == [("small", 1)]
    tiny.code[0] = "two"  # other code: its figures are not the old ones
    assert tiny("small", "--seeds", "1") == [("small", 1)]


def test_an_interrupted_command_goes_on_where_it_was(tiny, monkeypatch):
    real = reproduce.run_in_process

    def interrupted(name, seed):
        if seed == 2:
            raise KeyboardInterrupt
        return real(name, seed)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(reproduce, "run_in_process", interrupted)
        tiny("small", "--seeds", "3")
    assert tiny("small", "--seeds", "3") == [("small", 2), ("small", 3)]


def test_the_table_is_that_of_the_stored_runs_of_todays_recipes(tmp_path, monkeypatch):
    """So no recipe changes without its figures."""
    runs = reproduce.current_runs()
    for name in presets.DEFAULTS:
        assert [stored["seed"] for stored in runs[name]] == [1, 2, 3], f"run: python results/reproduce.py {name}"
    monkeypatch.setattr(reproduce, "FOLDER", tmp_path)
    reproduce.report(runs)
    assert (tmp_path / "results.md").read_text() == (ROOT / "results" / "results.md").read_text()


@pytest.mark.parametrize("script", presets.DEFAULTS)
def test_the_prose_gives_the_stored_figures(script):
    runs = reproduce.current_runs()[script]
    figure = reproduce.mean_and_deviation(runs).replace(" (3)", " %")
    epochs = sorted({run["epochs"] for run in runs})
    training = f"{' to '.join(map(str, sorted({epochs[0], epochs[-1]})))} epochs of {reproduce.row(script, runs)[-1]} s"
    text = ast.get_docstring(ast.parse((ROOT / f"{script}.py").read_text()))
    assert f"\nReaches {figure} on " in text and f" in {training} on " in text
    [row] = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith(f"| `{script}.py` |")]
    assert row.endswith(f"| {figure} | {training} |")


# The recipes whose figures the README gives, in its order.
IN_README = """imdb_lstm imdb_stacked_lstm imdb_bilstm imdb_cnn_lstm reuters_rnn cell_lstm cell_simplernn
feedforward_imdb feedforward_reuters feedforward_counts_imdb feedforward_counts_reuters random_vectors
word2vec_frozen fasttext_frozen word2vec_tuned fasttext_tuned brownlee""".split()


def test_every_mean_and_deviation_in_the_readme_is_that_of_its_recipe():
    runs = reproduce.current_runs()
    given = re.findall(r"\d+\.\d ± \d\.\d", (ROOT / "README.md").read_text())
    assert given == [reproduce.mean_and_deviation(runs[name]).removesuffix(" (3)") for name in IN_README]


def test_unknown_recipes_and_parts_are_named(in_folder):
    for program in "reproduce.py", "benchmark.py":
        process = run(ROOT / "results" / program, in_folder, "nonsense")
        assert process.returncode == 2 and "'nonsense'" in process.stderr.splitlines()[-1]
    process = run(ROOT / "results" / "benchmark.py", in_folder, "startup")
    assert process.returncode == 1 and process.stderr.splitlines()[-1].startswith("There is no data/imdb.npz")


# --- Baselines -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bags():
    """Texts of two classes in which the words tell the class, but for words that both have: train and test."""
    random = np.random.default_rng(0)

    def part(count):
        labels = random.integers(0, 2, count)
        words = [random.integers(4, 40, 12) for _ in labels]
        texts = [
            np.where(random.random(12) < 0.4, 100 + 10 * label + ids % 8, ids) for label, ids in zip(labels, words)
        ]
        return [text.astype("int32") for text in texts], labels

    return part(600), part(300)


@pytest.mark.parametrize(
    "name", ["tfidf_regression", "tfidf_svm", "nbsvm_bigrams", "feedforward", "feedforward_counts"]
)
def test_baselines_learn_words(bags, name):
    assert getattr(baselines, name)(*bags, seed=1) > 0.9


def test_majority():
    assert baselines.majority((None, np.array([2, 2, 1])), (None, np.array([2, 1, 0, 2])), seed=1) == 0.5


def test_only_pairs_of_words_need_bigrams():
    """The words are the same in both classes, their order is not."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    fillers = random.integers(10, 60, (400, 6))
    texts = [np.array([*row[:3], *([4, 5] if label else [5, 4]), *row[3:]]) for row, label in zip(fillers, labels)]
    train, test = (texts[:300], labels[:300]), (texts[300:], labels[300:])
    assert baselines.nbsvm_bigrams(train, test, seed=1) == 1
    assert baselines.tfidf_regression(train, test, seed=1) < 0.65


# --- The benchmark ---------------------------------------------------------------------------------------------------


def test_ratio_is_the_median_of_the_rounds():
    assert benchmark.ratio([4, 9, 20], [2, 3, 5]) == "3.0 (2.0 to 4.0)"


def test_the_report_is_that_of_the_stored_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "FOLDER", tmp_path)
    benchmark.write_report(json.loads((ROOT / "results" / "benchmark.json").read_text()))
    assert (tmp_path / "benchmark.md").read_text() == (ROOT / "results" / "benchmark.md").read_text()


def test_the_readme_gives_the_measured_ratios():
    rows = re.findall(r"^\| (.+?) \|.*?\| ([\d.]+) \(", (ROOT / "results" / "benchmark.md").read_text(), re.MULTILINE)
    times = dict(reversed(rows))  # of two ratios in a row the first, that of seconds
    others = [times[f"{name}, plain"] for name in ("BiLSTM(64)", "CNN-LSTM(70)", "Reuters GRU(32)")]
    pytorch = [float(times[f"LSTM(100) again, PyTorch {how}"]) for how in ("padded", "packed")]
    text = (ROOT / "README.md").read_text()
    for words in (
        f"padded by the plain script | {times['LSTM(100), plain']} times |",
        f"(batch 128) | {others[0]}, {others[1]} and {others[2]} times |",
        f"as packed sequences | {pytorch[0]:.1f} and {pytorch[1]:.0f} times |",
        f"the counting of vectors | {times['keras.datasets']} times",
        f"| {times['lab_dropout']} times at least",
        f"`brownlee`, {times['brownlee']} times |",
    ):
        assert words in text


def test_contestants_run_in_turn():
    order = []
    seconds = benchmark.measure({name: lambda name=name: order.append(name) or len(name) for name in ("a", "bb")}, 3)
    assert order == ["a", "bb"] * 3 and seconds == {"a": [1, 1, 1], "bb": [2, 2, 2]}


@pytest.mark.slow
def test_the_benchmark_does_not_wait_for_a_process_that_has_ended():
    with pytest.raises(SystemExit, match="has ended"):
        benchmark.measure_epochs({"dead": (os._exit, 3)}, 1)


def test_keras_reads_the_file_that_the_benchmark_makes_of_ours(in_folder, small_sample, monkeypatch):
    from keras.src.datasets import imdb

    data_files.write("data/imdb.npz", small_sample)
    benchmark.write_keras_file("imdb.npz")
    monkeypatch.setattr(imdb, "get_file", lambda **_: "imdb.npz")
    (x_train, y_train), _ = imdb.load_data(num_words=1_000_000)
    starts = np.cumsum(small_sample["train_lengths"])[:-1]
    expected = [text.tolist() for text in np.split(small_sample["x_train"], starts)]
    assert sorted(zip(x_train, y_train)) == sorted(zip(expected, small_sample["y_train"]))


# --- Word vectors and scale ------------------------------------------------------------------------------------------


def test_vectors_are_written_in_both_formats(in_folder, small_sample, monkeypatch):
    data_files.write("data/imdb.npz", small_sample)
    monkeypatch.setattr(train_vectors, "DIMENSION", 10)
    train_vectors.main()
    script = tools.configure("imdb_pretrained_lstm", {})
    words = bytes(small_sample["vocabulary"]).decode().split("\n")
    for name in "word2vec", "fasttext":
        with open(f"data/{name}.10d.vec") as with_counts, open(f"data/{name}.10d.txt") as without:
            counts, *lines = with_counts
            assert lines == list(without)
        assert [int(count) for count in counts.split()] == [len(lines), 10]
        tables = []
        for ending in "vec", "txt":
            monkeypatch.setattr(script, "VECTORS_FILE", f"data/{name}.10d.{ending}")
            tables.append(script.load_vectors(words, [np.arange(4, 100)]))
        assert np.array_equal(*tables)
        row = words.index(lines[0].split()[0]) + 4
        assert tables[0][row].tolist() == np.float32(lines[0].split()[1:]).tolist()


def test_padding_is_compared_with_that_of_texts_alone(in_folder):
    """With a network that tells how many zeros it sees, in thousandths."""
    script = tools.configure("imdb_lstm", {"BATCH_SIZE": 2})
    model = types.SimpleNamespace(predict_on_batch=lambda ids: np.sum(np.array(ids) == 0, axis=1, keepdims=True) / 1000)
    reader = predict.Classifier.__new__(predict.Classifier)
    reader.model, reader.max_length, reader.padding = model, 400, 8
    texts = [np.ones(length, dtype="int32") for length in (3, 8, 100, 97)]
    zeros = {way: np.round(1000 * answers[:, 1]) for way, answers in padding.compare(reader, texts, script)}
    assert [list(counts) for counts in zeros.values()] == [[13, 8, 12, 15], [13, 8, 12, 15], [105, 100, 8, 11]]


@pytest.mark.slow
def test_padding_of_a_trained_network(trained, monkeypatch, capsys):
    folder, _ = trained("imdb_lstm")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["padding.py", "runs/imdb_lstm"])
    padding.main()
    _, _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[1] for line in lines] == ["100.00%"] * 3 and "| 0.000 | 0.000 | 0.000 |" in lines[0]
    monkeypatch.setattr(sys, "argv", ["padding.py", "none"])
    with pytest.raises(SystemExit, match="padding.py: there is no model none"):
        padding.main()


def test_generated_texts_have_the_stated_length_and_two_classes(tmp_path):
    scale.write_texts(tmp_path / "texts.csv", 2000)
    head, *rows = (tmp_path / "texts.csv").read_text().splitlines()
    texts, labels = zip(*(row.split(",") for row in rows))
    assert head == "text,label" and len(rows) == 2000
    assert 55 < np.mean([len(text.split()) for text in texts]) < 67
    assert 0.45 < np.mean([label == "1" for label in labels]) < 0.55
