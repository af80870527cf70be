"""docs/: the page's code against Keras, its tables and length; the notebook."""

import re

import keras
import nbformat
import numpy as np
import pytest
from conftest import ROOT, SCRIPTS, words_of
from keras import layers

import imdb_lstm
from corpus import data_file, runs
from experiments import illustrate, notebook, reproduce, tools
from predict import Classifier, answer

PATH = ROOT / "docs" / "how_recurrent_networks_work.md"
PAGE = PATH.read_text(encoding="utf-8")
LINE = " ".join(PAGE.split())
README = (ROOT / "README.md").read_text(encoding="utf-8")
NUMPY = {"np": np}
exec(*re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL), NUMPY)


@pytest.mark.parametrize(
    "name, step, ones",
    [("LSTM", "lstm", [5, 6, 7, 8, 9]), ("GRU", "gru", []), ("SimpleRNN", "simple_rnn", [])],
)
def test_numpy_lines_and_parameters_are_those_of_keras(name, step, ones):
    """Biases start as the page says. States at all words, and the last alone, with random weights.

    LSTM: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000. GRU: Cho et al.
    2014, with the reset gate behind the recurrent kernel, as in cuDNN. SimpleRNN: Elman 1990.
    """
    layer = getattr(layers, name)(5, return_sequences=True)
    layer.build((None, None, 4))
    bias = layer.get_weights()[2]
    assert np.flatnonzero(bias).tolist() == ones and bias.sum() == len(ones)
    random = np.random.default_rng(0)
    layer.set_weights([random.normal(0, 0.7, weights.shape) for weights in layer.get_weights()])
    x = random.normal(size=(3, 7, 4)).astype("float32")
    states = NUMPY["read"](NUMPY[step], x, *layer.get_weights())
    np.testing.assert_allclose(layer(x), states, atol=1e-5)
    layer.return_sequences = False
    np.testing.assert_allclose(layer(x), states[:, -1], atol=1e-5)

    m, n = map(int, re.search(r"\$m = (\d+)\$, \$n = (\d+)\$", PAGE).groups())
    assert (m, n) == (imdb_lstm.EMBEDDING_DIM, imdb_lstm.LSTM_UNITS)
    formula, number = re.search(rf"`{name}` \| \$(.*?)\$ \| ([\d,]+)", PAGE).groups()
    formula = re.sub(r"(?<=[\dn])(?=[n(])", "*", formula)
    assert eval(formula, {"m": m, "n": n}) == int(number.replace(",", ""))
    assert eval(formula, {"m": 4, "n": 5}) == layer.count_params()


def test_the_table_of_layers_is_that_of_imdb_lstm():
    output = np.zeros((1, 16), dtype="int32")
    rows = ["| ids | (batch, time) | (1, 16) |  |"]
    for layer in imdb_lstm.build_model(np.zeros((0, 1))).layers:
        output = layer(output)
        sizes = ", ".join(str(size or "time") for size in layer.output.shape[1:])
        row = f"`{type(layer).__name__}`", f"(batch, {sizes})", tuple(output.shape)
        rows.append(f"| {' | '.join(map(str, row))} | {layer.count_params():,} |")
    assert "\n".join(rows) in PAGE
    texts, size = 25_000 - round(25_000 * imdb_lstm.VALIDATION_SIZE), imdb_lstm.BATCH_SIZE
    assert f"{texts:,} texts in {-(-texts // size)} batches of {size}." in LINE


def test_the_ids_of_the_page_are_those_of_imdb():
    path = ROOT / "data" / "imdb.npz"
    if not path.exists() or "not IMDB" in data_file.about_of(np.load(path))["source"]:
        pytest.skip("there is no data/imdb.npz of IMDB")
    words, ids = re.findall(r"^\| (?:words|ids) \| .*? \| (.*) \|$", PAGE, re.MULTILINE)[:2]
    numbers = {word: number for number, word in enumerate(words_of(np.load(path)), 4)}
    numbers |= {"start": 1}
    expected = [n if n < imdb_lstm.VOCAB_SIZE else 2 for n in map(numbers.get, words.split(" | "))]
    assert list(map(int, ids.split(" | "))) == expected


def test_the_page_has_the_factors_of_the_gradients_at_initialisation():
    """By which the norm of the gradient falls from a word to the one before, mean over seeds."""

    def factor(cell, opened=False):
        ratios = []
        for seed in illustrate.SEEDS:
            keras.utils.set_random_seed(seed)
            ids = np.random.default_rng(seed).integers(2, illustrate.VOCABULARY, (64, 60))
            norms = illustrate.gradients(illustrate.toy_model(cell, "last", opened), ids)
            ratios.append((norms[50] / norms[10]) ** (1 / 40))
        return np.mean(ratios)

    sentence = f"the factors in the first panel are {factor('GRU'):.2f} and {factor('LSTM'):.2f}. "
    assert f"{sentence}`SimpleRNN` ({factor('SimpleRNN'):.2f}) starts" in LINE
    for cell in "GRU", "LSTM":
        assert f"factors are then {factor(cell, opened=True):.3f} in both" in LINE


@pytest.fixture(scope="module")
def stored():
    """The stored runs of each recipe."""
    return reproduce.runs_to_show()


def test_the_page_has_the_accuracies_without_clipping(stored):
    accuracies = [100 * run["test_accuracy"] for run in stored["brownlee"]]
    assert f"reaches from {min(accuracies):.0f} to {max(accuracies):.0f} %:" in PAGE


def test_each_exercise_is_an_edit_of_the_script_that_builds_a_model():
    text = (ROOT / "imdb_lstm.py").read_text(encoding="utf-8")
    exercises = re.findall(r"^\d\. `(.*?)` to\s+`(.*?)`", PAGE, re.MULTILINE)
    assert len(exercises) == 5
    for old, new in exercises:
        assert text.count(old) == 1, old
        module = tools.module("edited", text.replace(old, new))
        module.VOCAB_SIZE = 50
        [(ids, _)] = module.batches([np.arange(1, 9, dtype="int32")] * 4, np.zeros(4))
        assert module.build_model(np.zeros((50, 128)))(ids).shape == (4, 1)


def test_sections_that_scripts_name_exist():
    headings = {line[3:].lower() for line in PAGE.splitlines() if line.startswith("## ")}
    sections = {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings}
    for path in [*ROOT.glob("*.py"), ROOT / "README.md"]:
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(rf"{re.escape(PATH.name)}#([\w-]+)", text)) <= sections, path.name


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_and_its_row_in_the_readme_have_its_stored_figure(stored, script):
    recipe = illustrate.NETWORKS.get(script, script)
    figure = reproduce.mean_and_deviation(stored[recipe]).split(" (")[0]
    row = re.search(rf"^\| `{script}.py` \|.*$", README, re.MULTILINE)[0]
    assert f" {figure} " in row.replace("&nbsp;", " ")
    assert f"Test accuracy {figure} %" in (ROOT / f"{script}.py").read_text(encoding="utf-8")


def test_the_page_has_at_most_2300_words():
    """Tables, code and formulas included."""
    assert len([word for word in PAGE.split() if re.search(r"\w", word)]) <= 2300


def test_tables_of_recipes_are_those_of_the_stored_runs(stored, tmp_path, monkeypatch):
    (tmp_path / PATH.name).write_text(PAGE, encoding="utf-8")
    monkeypatch.setattr(illustrate, "DOCS", tmp_path)
    monkeypatch.setattr(illustrate, "PAGE", tmp_path / PATH.name)
    monkeypatch.delattr(reproduce, "train")
    monkeypatch.setattr(reproduce, "runs_to_show", lambda: stored)
    illustrate.main(["figures"])
    assert illustrate.PAGE.read_text(encoding="utf-8") == PAGE
    assert (tmp_path / "overfitting.png").exists()


def test_the_notebook_has_the_script(tmp_path, monkeypatch):
    """Each part once, and in order; the command that writes it changes nothing."""
    stored = nbformat.read(notebook.PATH, 4)
    parts = {cell.id: cell.source for cell in stored.cells if cell.id in notebook.parts()}
    *names, gru = parts
    text = (ROOT / "imdb_lstm.py").read_text(encoding="utf-8")
    assert text.startswith("\n\n\n".join(parts[name] for name in names) + "\n\n\nif __name__")
    assert parts[gru] == parts["build_model"].replace("layers.LSTM(", "layers.GRU(")
    (tmp_path / "copy.ipynb").write_bytes(notebook.PATH.read_bytes())
    monkeypatch.setattr(notebook, "PATH", tmp_path / "copy.ipynb")
    notebook.main([])
    assert nbformat.read(tmp_path / "copy.ipynb", 4) == stored


@pytest.mark.slow
def test_the_notebook_runs_and_keeps_a_line_an_epoch(in_folder, small_sample, monkeypatch):
    """With smaller constants, on the sample."""
    data_file.write("data/imdb.npz", small_sample)
    small = dict(VOCAB_SIZE=300, LSTM_UNITS=4, BATCH_SIZE=100, EPOCHS=2)
    text = tools.variant("imdb_lstm", small)
    (in_folder / "imdb_lstm.py").write_text(text, encoding="utf-8")
    (in_folder / "docs").mkdir()
    path = in_folder / "docs" / notebook.PATH.name
    path.write_bytes(notebook.PATH.read_bytes())
    monkeypatch.setattr(notebook, "PATH", path)
    monkeypatch.setattr(tools, "ROOT", in_folder)
    notebook.main(["--run"])
    outputs = {cell.id: cell.get("outputs") for cell in nbformat.read(path, 4).cells}
    printed = {id: outputs[id][0].text for id in ("train", "train-gru", "sentence", "compare")}
    for id in "train", "train-gru":
        assert len(re.findall("^6/6 .* val_loss: .*$", printed[id], re.MULTILINE)) == 2
        assert not re.search("[\\r\x1b]|^1/6", printed[id], re.MULTILINE)
    assert [len(outputs[id]) for id in ("curves", "compare")] == [1, 2]  # the plots
    assert len(printed["compare"].splitlines()) == 2
    run, gru = runs.read_all()
    for each in run, gru:
        assert each["text"] == "# from another file or cell: load_data, batches, build_model\n"
        assert each["constants"] == runs.constants_of(text)
    assert gru["parameters"] < run["parameters"]
    words = re.findall(r"(\d+\.\d)%  (\w+)", printed["sentence"])
    [found] = answer(Classifier(run["folder"]), [" ".join(word for _, word in words)])
    assert float(words[-1][0]) == pytest.approx(100 * found["probabilities"]["positive"], abs=0.1)
