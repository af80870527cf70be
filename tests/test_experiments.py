"""The programs in experiments/: recipes fit the scripts, runs are stored and resumed, figures."""

import concurrent.futures
import json
import subprocess
import sys
import tomllib

import numpy as np
import pytest
from conftest import ROOT, make_archive, texts_of, words_of

import download_imdb
from corpus import DataError, data_file, jobs
from experiments import baselines, reproduce, test_sets, tools, train_vectors
from experiments.recipes import DEFAULTS, PUBLISHED, RECIPES, Recipe


@pytest.mark.parametrize("name", [name for name in RECIPES if name[-6:-1] != "fold_"])
def test_every_recipe_builds_and_one_step_changes_every_weight(name, in_folder):
    recipe = RECIPES[name]
    script = recipe.configure(MAX_LENGTH=12, BATCH_SIZE=16)
    part = [np.array([1, *range(4, 4 + n)]) for n in range(3, 19)], np.arange(16) % 2
    data = part, part, ["w0", "w1"], ["a", "b"], np.ones((9, 256)), {}
    vars(script)["original_load_data" if recipe.load_data else "load_data"] = lambda: data
    (x, y), _, vocabulary, classes, stored, about = script.load_data()
    assert len(x) == {"rice": 10, "reut": 12 if recipe.load_data else 16}.get(name[:4], 16)
    arguments = [stored] + [len(classes)] * ("reuters" in script.DATA_FILE)
    if hasattr(script, "VECTORS_FILE"):
        script.VECTORS_FILE = "vectors.txt"
        (in_folder / "vectors.txt").write_text("w1" + " 0.5" * script.EMBEDDING_DIM)
        arguments = [vocabulary, about]
    model = script.build_model(*arguments)
    if not recipe.batches and not hasattr(script, "VECTORS_FILE"):
        [table] = model.layers[0].get_weights()
        assert (table[:9] == 1).all() == (recipe.load_data is None)  # else of its own
    [(ids, labels)] = list(script.batches(x, y))
    assert len(ids) == len(x) and (ids.shape[1] == 12) == (recipe.batches is not None)
    if recipe.batches:  # each text is behind its padding; whole, but for its beginning
        expected = sorted([0] * (12 - len(text)) + list(text[-12:]) for text in x)
        assert sorted(ids.numpy().tolist()) == expected
        assert "original_build_model" not in recipe.text()  # it decides nothing
    model.run_eagerly = True  # nothing is compiled, which would take seconds
    before = [weight.numpy() for weight in model.trainable_weights]
    model.train_on_batch(ids, labels)
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert not np.array_equal(weight, old), weight.path


def test_a_run_is_stale_when_a_function_that_its_recipe_calls_has_changed(monkeypatch, in_folder):
    """A published recipe has a build_model of its own."""
    for name in "imdb_lstm", "reuters_rnn":
        (in_folder / f"{name}.py").write_text((tools.ROOT / f"{name}.py").read_text("utf-8"))
    monkeypatch.setattr(tools, "ROOT", in_folder)
    names = "trained_vectors", "reuters_convolution", "random_vectors", "brownlee"
    before = {name: reproduce.identity(name, 1) for name in names}
    for name in "imdb_lstm", "reuters_rnn":
        path = in_folder / f"{name}.py"
        path.write_text(path.read_text().replace("model.add(layers.GlobalMaxPooling1D())", "0"))
    changed = [name for name in names if reproduce.identity(name, 1) != before[name]]
    assert changed == ["trained_vectors", "reuters_convolution", "random_vectors"]


@pytest.fixture
def command(in_folder, small_sample, monkeypatch):
    """A function that calls reproduce.py with one small recipe; returns the runs that it made."""
    data_file.write("data/imdb.npz", small_sample)
    data_file.write("data/reuters.npz", small_sample)
    constants = {"VOCAB_SIZE": 300, "MAX_LENGTH": 20, "EMBEDDING_DIM": 4, "EPOCHS": 1}
    lstms, padded = PUBLISHED["brownlee"].build_model, PUBLISHED["brownlee"].batches
    constants |= {"LSTM_UNITS": 4, "OPTIMIZER": "adam", "BATCH_SIZE": 100}
    small = Recipe("imdb_lstm", constants, 12.3, stored=False, batches=padded, build_model=lstms)
    recipes = {"imdb_lstm": DEFAULTS["imdb_lstm"], "small": small}
    monkeypatch.setattr(reproduce, "RECIPES", recipes)
    monkeypatch.setattr(reproduce, "PUBLISHED", {"small": small})
    monkeypatch.setattr(tools, "RESULTS", in_folder)
    monkeypatch.setattr(reproduce, "RUNS", in_folder / "runs.jsonl")
    made = []

    def submit(machine, job, folder):  # in this process
        made.append(job.title)
        monkeypatch.chdir(folder)
        exec(job.code)
        future = concurrent.futures.Future()
        future.set_result(subprocess.CompletedProcess([], 0, ""))
        return future

    def call(*arguments):
        made.clear()
        reproduce.main(arguments)
        return list(made)

    monkeypatch.setattr(jobs.Machine, "submit", submit)
    monkeypatch.setattr(sys, "argv", ["reproduce.py"])
    call.small = small
    return call


def test_runs_are_stored_shown_and_not_repeated(command, in_folder):
    assert command("small", "--seeds", "2", "--jobs", "2") == ["small, seed 1", "small, seed 2"]
    runs = [*map(json.loads, open("runs.jsonl"))]
    assert [(run["recipe"], run["seed"]) for run in runs] == [("small", 1), ("small", 2)]
    for part, count in ("val", 60), ("test", 200):
        right = reproduce.unpack(runs[0]["right"][part])
        accuracy = runs[0]["val_accuracy" if part == "val" else "test_accuracy"]
        assert len(right) == count and right.mean() == pytest.approx(accuracy, rel=1e-6)
    assert runs[0]["history"]["val_loss"] == [pytest.approx(runs[0]["val_loss"], rel=1e-6)]
    assert runs[0]["parameters"] == 300 * 4 + 4 * 4 * (4 + 4 + 1) + 4 + 1
    values = [100 * run["test_accuracy"] for run in runs]
    figure = f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f} (2)"
    row = f"| {figure} | {values[0]:.2f}, {values[1]:.2f} | {runs[0]['parameters']:,} | 1.0 |"
    assert row in open("results.md").read()
    assert command("small", "--seeds", "2") == []
    assert command("small", "--seeds", "1", "--again") == ["small, seed 1"]
    command.small.batches = None  # other code: the stored runs are not its figures
    assert "small" not in reproduce.runs_to_show()


def test_processes_that_store_runs_at_once_lose_no_line(in_folder, monkeypatch):
    monkeypatch.setattr(reproduce, "RUNS", in_folder / "runs.jsonl")
    lines = [{"number": number, "long": "x" * 20_000} for number in range(200)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(reproduce.add, lines))
    assert sorted(run["number"] for run in reproduce.stored_runs()) == list(range(200))


def test_other_constants_or_data_make_a_run_stale(command, small_sample):
    command("small", "--seeds", "1")
    assert reproduce.runs_to_show()["small"]
    command.small.constants["EPOCHS"] = 2
    assert "small" not in reproduce.runs_to_show()
    command.small.constants["EPOCHS"] = 1
    about = json.dumps(json.loads(str(small_sample["about"])) | {"vectors": "made otherwise"})
    data_file.write("data/imdb.npz", small_sample | {"about": np.array(about)})
    assert reproduce.runs_to_show()["small"]  # it reads no stored vectors
    command.small.stored = True
    data_file.write("data/imdb.npz", small_sample)
    assert command("small", "--seeds", "1", "--again") == ["small, seed 1"]
    data_file.write("data/imdb.npz", small_sample | {"about": np.array(about)})
    assert "small" not in reproduce.runs_to_show()
    before = open("results.md").read()
    with pytest.raises(DataError, match="data/imdb.npz holds other data"):
        command("small", "--seeds", "1")
    assert open("results.md").read() == before
    assert command("small", "--seeds", "1", "--again") == ["small, seed 1"]
    assert command("small", "--seeds", "1") == []


def test_the_tables_are_those_of_the_stored_runs(in_folder, monkeypatch):
    """So that no recipe and no function changes without its figures."""
    runs = reproduce.runs_to_show()
    for name in DEFAULTS:
        seeds = {stored["seed"] for stored in runs.get(name, [])}
        assert {1, 2, 3} <= seeds, f"python -m experiments.reproduce {name}"
    monkeypatch.setattr(tools, "RESULTS", in_folder)
    reproduce.report(runs)
    assert (in_folder / "results.md").read_text() == (ROOT / "results/results.md").read_text()


def test_folds_of_train_are_validation_in_turn(in_folder, small_sample):
    data_file.write("data/imdb.npz", small_sample)
    (texts, labels), *_ = reproduce.RECIPES["imdb_lstm_labelled"].configure().load_data()
    fifth = len(texts) // 5
    seen = []
    for number in range(5):
        recipe = reproduce.RECIPES[f"imdb_lstm_fold_{number + 1}"]
        (x, y), *_, vectors, _ = recipe.configure(MAX_LENGTH=20).load_data()
        seen += zip(map(bytes, x[:fifth]), y)
        assert len(x) == len(texts)
    assert seen == list(zip(map(bytes, texts), labels))


def test_errors_by_movie_are_larger_where_reviews_of_a_movie_agree(in_folder):
    random = np.random.default_rng(0)
    values, movies = random.integers(0, 2, 900).astype(float), np.arange(900)
    single = test_sets.standard_errors(values, movies)
    four = test_sets.standard_errors(np.repeat(values, 4), np.repeat(movies, 4))
    assert np.allclose([*single, four[1], 2 * four[0]], single[0], rtol=0.05)
    urls = {
        f"aclImdb/test/urls_{label}.txt": "\n".join(
            f"http://www.imdb.com/title/{label}{number}/usercomments" for number in range(3)
        ).encode()
        for label in ("pos", "neg")
    }
    rows = np.random.RandomState(113).permutation(6)  # as download_imdb.py orders reviews
    expected = np.array(["neg0", "neg1", "neg2", "pos0", "pos1", "pos2"])[rows]
    assert test_sets.movies(make_archive("a.tar.gz", urls)).tolist() == expected.tolist()


def test_where_word_order_decides_baselines_choose_bigrams():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    filler = random.integers(10, 60, (400, 6))
    orders = np.where(labels[:, None], [4, 5], [5, 4])
    texts = list(np.hstack([filler[:, :3], orders, filler[:, 3:]]))
    parts = [(texts[rows], labels[rows]) for rows in map(slice, (0, 200, 300), (200, 300, 400))]
    for function in baselines.nbsvm, baselines.tfidf_regression, baselines.tfidf_svm:
        predicted, chosen = function(*parts, None, seed=1)
        assert np.mean(predicted == parts[2][1]) == 1 and "n-grams of up to 2" in chosen


def test_vectors_are_trained_on_train_without_its_tenth_and_on_unlabelled(in_folder, monkeypatch):
    reviews = {f"train/unsup/{n}_0.txt": b"a film and more of pos" for n in range(30)}
    for label in "pos", "neg":
        for number in range(100):
            reviews[f"train/{label}/{number}_9.txt"] = f"a {label} of film {number}".encode()
        reviews[f"test/{label}/0_1.txt"] = b"a film"
    path = make_archive(in_folder / "a.tar.gz", reviews)
    download_imdb.main([path])
    data, read, sentences = data_file.read("data/imdb.npz"), [], train_vectors.sentences
    monkeypatch.setattr(train_vectors, "DIMENSION", 10)
    monkeypatch.setattr(
        train_vectors, "sentences", lambda *pair: read.append(pair[0]) or sentences(*pair)
    )
    train_vectors.main([path])
    [texts] = read
    assert list(map(bytes, texts[:180])) == list(map(bytes, texts_of(data, "train")[20:]))
    assert sentences(texts[180:], words_of(data)) == ["a film of pos".split()] * 30
    for name in "word2vec", "fasttext":
        count, *lines = open(f"data/{name}.10d.vec").read().splitlines()
        assert count == f"{len(lines)} 10" and {line.split()[0] for line in lines} >= {"film"}


def test_script_metadata_equal_requirements():
    paths = [path for path in ROOT.glob("*.py") if "# /// script" in path.read_text()]
    assert len(paths) >= 12
    base = (ROOT / "requirements.txt").read_text().splitlines()
    tools = (ROOT / "requirements-tools.txt").read_text().splitlines()
    for path in paths:
        block = path.read_text().split("# /// script\n")[1].split("# ///\n")[0]
        metadata = tomllib.loads(block.replace("# ", ""))
        extra = set(metadata["dependencies"]) - set(base)
        assert set(base) <= set(metadata["dependencies"]) and extra <= set(tools)
        assert bool(extra) == (path.name in ("compare.py", "report.py"))
        assert metadata["requires-python"] == ">=3.11,<3.14"
