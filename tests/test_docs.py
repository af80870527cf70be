"""docs/how_recurrent_networks_work.md: its code against Keras, its pictures, tables and length."""

import pathlib
import re
import runpy
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT, SCRIPTS
from keras import layers

from corpus import DataError, data_file
from experiments import illustrate, reproduce, tools

PATH = ROOT / "docs" / "how_recurrent_networks_work.md"
PAGE = PATH.read_text(encoding="utf-8")
NUMPY = {"np": np}
exec(*re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL), NUMPY)


@pytest.fixture
def layer(request):
    """A layer of 5 units for inputs of 4 dimensions; random weights, also the biases."""
    random = np.random.default_rng(0)
    layer = getattr(layers, request.param)(5, return_sequences=True)
    layer.build((None, None, 4))
    layer.set_weights([random.normal(0, 0.7, weights.shape) for weights in layer.get_weights()])
    return layer


@pytest.mark.parametrize(
    "layer, step",
    [("LSTM", "lstm"), ("GRU", "gru"), ("SimpleRNN", "simple_rnn")],
    indirect=["layer"],
)
def test_numpy_lines_compute_what_keras_computes(layer, step):
    """At all words, with random weights and inputs; also biases, which start at 0 or 1.

    LSTM: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000. GRU: Cho et al.
    2014, with the reset gate behind the recurrent kernel, as in cuDNN. SimpleRNN: Elman 1990.
    """
    x = np.random.default_rng(1).normal(size=(3, 7, 4)).astype("float32")
    h, c = np.zeros((3, 5)), np.zeros((3, 5))
    outputs = np.asarray(layer(x))
    for time in range(7):
        h, c = NUMPY[step](x[:, time], h, c, *layer.get_weights())
        np.testing.assert_allclose(outputs[:, time], h, atol=1e-5)


@pytest.mark.parametrize("layer", ["SimpleRNN", "GRU", "LSTM"], indirect=True)
def test_parameters_follow_from_the_formula(layer):
    """The table's own formula and number, with its m and n; and the formula with 4 and 5."""
    m, n = map(int, re.search(r"\$m = (\d+)\$, \$n = (\d+)\$", PAGE).groups())
    name = type(layer).__name__
    formula, number = re.search(rf"`{name}` \| \$(.*?)\$ \| ([\d,]+)", PAGE).groups()
    formula = re.sub(r"(?<=[\dn])(?=[n(])", "*", formula)
    assert eval(formula, {"m": m, "n": n}) == int(number.replace(",", ""))
    assert eval(formula, {"m": 4, "n": 5}) == layer.count_params()


def test_biases_start_as_the_page_says():
    for cell, ones in ("SimpleRNN", []), ("GRU", []), ("LSTM", [5, 6, 7, 8, 9]):
        layer = getattr(layers, cell)(5)
        layer.build((None, None, 4))
        assert np.flatnonzero(layer.get_weights()[2] == 1).tolist() == ones
        assert np.count_nonzero(layer.get_weights()[2]) == len(ones)
        assert getattr(layer, "reset_after", True)


def test_pictures_exist_and_are_small():
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", PAGE)
    assert len(pictures) == 9
    for picture in pictures:
        assert (PATH.parent / picture).stat().st_size < 100_000
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    of_readme = set(re.findall(r"\(docs/([\w.]+)\)", readme))  # pages and the report's picture
    assert {path.name for path in PATH.parent.iterdir()} == {*pictures, *of_readme}
    for picture in re.findall(r"!\[[^]]+\]\(([^)]+)\)", readme):
        assert (ROOT / picture).stat().st_size < 200_000


def test_the_page_names_the_settings_of_the_toy_task():
    text = " ".join(PAGE.split())
    assert (
        f"Networks of {illustrate.UNITS} units were trained on at most {illustrate.STEPS}" in text
    )
    assert f"batches of {illustrate.BATCH_SIZE} texts." in text
    heads = "".join(f" | {words} words" for words in illustrate.WORDS)
    assert f"| layer{heads} |" in text


def test_the_page_has_the_factors_of_the_gradients_at_initialisation():
    """By which the norm of the gradient falls from a word to the one before, mean over seeds."""
    text = " ".join(PAGE.split())
    sentence = "the factors in the first panel are {GRU:.2f} and {LSTM:.2f}. "
    sentence += "`SimpleRNN` ({SimpleRNN:.2f}) starts"
    factors = {}
    for cell in illustrate.CELLS:
        ratios = []
        for seed in illustrate.SEEDS:
            keras.utils.set_random_seed(seed)
            ids = np.random.default_rng(seed).integers(2, illustrate.VOCABULARY, (64, 60))
            norms = illustrate.gradients(illustrate.toy_model(cell, "last"), ids)
            ratios.append((norms[50] / norms[10]) ** (1 / 40))
        factors[cell] = np.mean(ratios)
    assert sentence.format(**factors) in text


def test_sections_that_scripts_name_exist():
    headings = {line[3:].lower() for line in PAGE.splitlines() if line.startswith("## ")}
    sections = {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings}
    for path in [*ROOT.glob("*.py"), ROOT / "README.md"]:
        text = path.read_text(encoding="utf-8")
        for section in re.findall(rf"{re.escape(PATH.name)}#([\w-]+)", text):
            assert section in sections, f"{path.name}: #{section}"


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_and_its_row_in_the_readme_have_its_stored_figure(script):
    recipe = illustrate.NETWORKS.get(script, script)
    runs = reproduce.runs_to_show()[recipe]
    figure = reproduce.mean_and_deviation(runs).split(" (")[0]
    readme = (ROOT / "README.md").read_text(encoding="utf-8").replace("&nbsp;", " ")
    assert re.search(rf"^\| `{script}.py` \|.* {figure} ", readme, re.MULTILINE)
    assert f"Test accuracy {figure} %" in (ROOT / f"{script}.py").read_text(encoding="utf-8")


def test_the_page_has_at_most_1500_words():
    """Tables, code and formulas included."""
    assert len([word for word in PAGE.split() if re.search(r"\w", word)]) <= 1500


@pytest.fixture
def docs(in_folder, monkeypatch):
    """The current folder, with a copy of the page, in place of docs/."""
    (in_folder / PATH.name).write_text(PAGE, encoding="utf-8")
    monkeypatch.setattr(illustrate, "DOCS", in_folder)
    monkeypatch.setattr(illustrate, "PAGE", in_folder / PATH.name)
    return in_folder


def test_fill_replaces_one_table(docs):
    illustrate.fill("epoch", "new")
    before, rest = PAGE.split("<!-- epoch -->\n")
    after = rest.split("<!-- end -->", 1)[1]
    expected = f"{before}<!-- epoch -->\n\nnew\n\n<!-- end -->{after}"
    assert illustrate.PAGE.read_text(encoding="utf-8") == expected
    with pytest.raises(DataError, match="has no <!-- epochs -->"):
        illustrate.fill("epochs", "new")


def test_tables_of_recipes_are_those_of_the_stored_runs(docs, monkeypatch):
    monkeypatch.delattr(illustrate.reproduce, "train")
    illustrate.main(["figures"])
    assert illustrate.PAGE.read_text(encoding="utf-8") == PAGE
    assert (docs / "overfitting.png").exists()


@pytest.mark.slow
def test_illustrate_reads_runs_and_trains_on_the_toy_task(docs, small_sample, monkeypatch, capsys):
    data_file.write("data/imdb.npz", small_sample)
    path = pathlib.Path("imdb_lstm.py")
    path.write_text(tools.variant("imdb_lstm", {"LSTM_UNITS": 3, "EPOCHS": 1}), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", [path.name])
    runpy.run_path(path.name, run_name="__main__")
    monkeypatch.setattr(illustrate, "NETWORKS", {"imdb_lstm": "small"})
    with pytest.raises(DataError, match="no recipe has its code"):
        illustrate.main(["runs"])
    found = {"recipe": "small", "seed": 2}
    monkeypatch.setattr(illustrate.reproduce, "read_run", lambda folder: found)
    with pytest.raises(DataError, match="not a run of small with seed 1"):
        illustrate.main(["runs"])
    found["seed"] = 1
    for name, value in dict(WORDS=(3,), STEPS=2, SEEDS=(1,), CELLS={"LSTM": "n"}).items():
        monkeypatch.setattr(illustrate, name, value)
    illustrate.main(["runs", "toy"])
    page = illustrate.PAGE.read_text(encoding="utf-8")
    for name in "Embedding", "Dropout", "LSTM", "GlobalMaxPooling1D", "Dense":
        assert f"| `{name}` | (batch, " in page
    assert "is 540 texts in 5 batches of 128. Training ended after epoch 1 " in page
    assert "| `imdb_lstm.py` | " in page and "`imdb_bilstm.py` | " not in page
    for name in "reading", "hidden_states", "gradients":
        assert (docs / f"{name}.png").exists()
    with pytest.raises(SystemExit):
        illustrate.main(["toys"])
    assert "there is no part 'toys'" in capsys.readouterr().err
