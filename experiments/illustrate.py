"""Draws the plots of docs/how_recurrent_networks_work.md and writes the tables into that page.

    python -m experiments.illustrate                all parts, in about ten minutes
    python -m experiments.illustrate runs figures   these parts

runs      probabilities after each word, hidden states, memory: from the newest finished run of each
          IMDB script in runs/, with its own constants and seed 1 (imdb_pretrained_lstm.py: with
          data/word2vec.256d.vec)
figures   test accuracies and curves from results/runs.jsonl; trains `overfit` if it is not there
toy       accuracy and gradients of small networks on a task of their own, which are trained here

What it writes stands in the page between <!-- NAME --> and <!-- end -->. docs/*.svg are drawn by
hand.
"""

import collections
import itertools
import math

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib import pyplot as plt

from corpus import DataError, cli
from corpus.classifier import Classifier, answer
from experiments import plots, reproduce, tools
from experiments.recipes import IMDB_SCRIPTS, RECIPES

DOCS = tools.ROOT / "docs"
PAGE = DOCS / "how_recurrent_networks_work.md"
CELLS = "SimpleRNN", "GRU", "LSTM"
PAIR = "There is nothing to love in this movie", "I have nothing but love for the movie"
REVIEW = "The first half is slow and the jokes are flat, but the ending is wonderful."
UNITS_SHOWN, WORDS_SHOWN = 20, ("slow", "flat", "wonderful")
NETWORKS = {script: script for script in IMDB_SCRIPTS}  # and their recipes
NETWORKS["imdb_pretrained_lstm"] = "word2vec_frozen"
TABLES = {  # recipes, each followed by what the page calls it
    "units": "units_1 1, units_8 8, imdb_lstm 64",
    "cell": "imdb_simplernn SimpleRNN, imdb_gru GRU, imdb_lstm LSTM, cell_simplernn SimpleRNN, "
    "reuters_rnn GRU, cell_lstm LSTM",
    "pooling": "last_output last output, mean_output mean over time, imdb_lstm maximum over time",
    "directions": "imdb_lstm one, lstm_wide one (210 units; 256 dimensions), bilstm_narrow both "
    "(64 each), imdb_bilstm both (128 each; 256 dimensions)",
    "layers": "imdb_lstm one, stacked_equal two, imdb_stacked_lstm two (256 dimensions)",
    "convolution": "imdb_lstm no, imdb_cnn_lstm yes (256 dimensions)",
    "dropout": "no_dropout without dropout, imdb_lstm with dropout",
}
RESETS = {  # after how many words the state is zero again
    "never": None,
    "every 50 words": 50,
    "every 10 words": 10,
    "every word": 1,
}
# The toy task: the first id, 0 or 1, is the class, the others are random.
WORDS = 10, 50, 200
WAYS = {  # pooling, whether texts are as short as 2 words, whether gates start open
    "last output": ("last", False, False),
    "last output, shorter texts too": ("last", True, False),
    "last output, gates start open": ("last", False, True),
    "maximum over time": ("max", False, False),
}
VOCABULARY, UNITS, BATCH_SIZE = 20, 16, 64
VECTOR_DEVIATION = 0.25  # about that of the word vectors in data/imdb.npz
STEPS, STEPS_CORRECT = 400, 40  # at most; so many in a row without an error end training
SEEDS = 1, 2, 3


def fill(name, text):
    tools.fill(PAGE, name, text)


# --- Runs -----------------------------------------------------------------------------------------


def hidden_states(classifier):
    """Draws the hidden state of the LSTM's first units after each word."""
    words = [word for word in classifier.split(REVIEW) if word in classifier.ids]
    script = tools.configure("imdb_lstm", classifier.result["constants"])
    [(ids, _)] = script.batches([classifier.encode(words)], np.zeros(1, int), shuffle=False)
    words = [*["padding"] * (ids.shape[1] - len(words) - 1), "start", *words]
    embedding, _, lstm, *_ = classifier.model.layers
    states = np.asarray(lstm(embedding(ids)))[0, :, :UNITS_SHOWN].T
    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    limit = np.abs(states).max()
    image = axes.imshow(states, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
    axes.plot(states.argmax(axis=1), range(len(states)), "k.")
    axes.set_xticks(range(len(words)), words, rotation=90)
    axes.set_yticks(range(len(states)), range(1, len(states) + 1), fontsize=7)
    axes.set(ylabel="unit", title="imdb_lstm.py; dots: the maximum over time of a unit")
    figure.colorbar(image, label="hidden state")
    figure.savefig(DOCS / "hidden_states.png", dpi=120)
    plt.close(figure)
    shown = [word for word in WORDS_SHOWN if word in words]
    best = [f"at “{word}” unit {states[:, words.index(word)].argmax() + 1}" for word in shown]
    early = np.flatnonzero(states.argmax(axis=1) < words.index("start")) + 1
    text = f"The highest of these units: {', '.join(best)}. The maximum is in the padding for: "
    fill("hidden", f"{text}{', '.join(f'unit {unit}' for unit in early) or 'none'}.")


def memory(classifier):
    """Writes validation accuracy where the state is set to zero every few words."""
    script = tools.configure("imdb_lstm", classifier.result["constants"])
    (texts, labels), *_ = script.load_data()
    cut = round(len(texts) * script.VALIDATION_SIZE)
    embedding, _, lstm, _, dense = classifier.model.layers
    right = collections.Counter()
    for ids, y in script.batches(texts[:cut], labels[:cut], shuffle=False):
        ids = np.asarray(ids)
        for name, words in RESETS.items():
            words = words or ids.shape[1]
            parts = np.pad(ids, ((0, 0), (-ids.shape[1] % words, 0))).reshape(-1, words)
            states = np.asarray(lstm(embedding(parts)))
            highest = states.reshape(len(ids), -1, states.shape[-1]).max(axis=1)
            right[name] += np.sum((np.asarray(dense(highest))[:, 0] > 0.5) == y)
    rows = [[name, f"{100 * count / cut:.1f}"] for name, count in right.items()]
    fill("memory", tools.table(["state set to zero (seed 1)", "validation accuracy, %"], rows))


def reading(networks):
    """Draws the probability of "positive" after each word of PAIR: negative, then positive."""
    right = dict.fromkeys(networks, 0)
    with plots.plot(DOCS / "reading", (9, 3.6), 2) as panels:
        for label, (axes, sentence) in enumerate(zip(panels, PAIR)):
            markers = itertools.cycle("os^Dv")
            for (script, classifier), marker in zip(networks.items(), markers):
                [found] = answer(classifier, [sentence], with_words=True)
                words, values = zip(*found["after_each_word"])
                if found["class"] != classifier.classes[1]:
                    values = [1 - value for value in values]
                name = f"{script}.py" if axes is panels[0] else None
                axes.plot(values, f"{marker}-", markersize=4, label=name)
                right[script] += (values[-1] > 0.5) == label
            axes.set_xticks(range(len(words)), words, rotation=45, ha="right")
            axes.axhline(0.5, color="gray", linestyle=":")
            axes.set(ylim=(-0.02, 1.02), ylabel="probability of positive")
    both = [f"`{script}.py`" for script in right if right[script] == len(PAIR)]
    text = f"Both sentences are classified correctly by {len(both)} of {len(right)} networks: "
    fill("reading", f"{text}{', '.join(both) or 'none'}.")


def draw_runs():
    networks = {script: Classifier(script) for script in NETWORKS}
    for script, recipe in NETWORKS.items():
        if reproduce.line_of(recipe, networks[script].folder)["seed"] != 1:
            raise DataError(f"{networks[script].folder} has another seed than 1")
    hidden_states(networks["imdb_lstm"])
    memory(networks["imdb_lstm"])
    reading(networks)


def draw_figures():
    reproduce.refuse_other_data()
    if "overfit" not in reproduce.runs_to_show():
        reproduce.train("overfit", 1)
    runs = reproduce.runs_to_show()
    for name, recipes in TABLES.items():
        rows = []
        for key, network in (part.split(" ", 1) for part in recipes.split(", ")):
            corpus = "Reuters" if RECIPES[key].script == "reuters_rnn" else "IMDB"
            known = reproduce.mean_and_deviation(runs[key]) if key in runs else "not measured"
            rows.append([corpus, network, known])
        fill(name, tools.table(["corpus", name, "test accuracy, % (seeds)"], rows))
    with plots.plot(DOCS / "overfitting", (9, 3.6), 2) as panels:
        for axes, name in zip(panels, ("overfit", "imdb_lstm")):
            run = runs[name][0]
            epochs = range(1, len(run["history"]["loss"]) + 1)
            axes.plot(epochs, run["history"]["loss"], "o-", label="train")
            axes.plot(epochs, run["history"]["val_loss"], "s--", label="validation")
            axes.set(xlabel="epoch", ylabel="loss", xticks=epochs)
            what = "without dropout" if name == "overfit" else "with dropout"
            axes.set_title(what, fontsize=10)
        panels[1].sharey(panels[0])


# --- The toy task ---------------------------------------------------------------------------------


def open_gates(layer):
    """Sets biases with which the layer keeps 200/201 of its state at each step, at first.

    As Tallec and Ollivier (2018) do, who draw 200, the longest distance, at random for each unit.
    """
    kernel, recurrent, bias = layer.get_weights()
    kept = math.log(max(WORDS))
    if isinstance(layer, layers.GRU):
        bias[0, :UNITS] = kept  # update gate
    else:
        bias[: 2 * UNITS] = np.repeat([-kept, kept], UNITS)  # input and forget gate
    layer.set_weights([kernel, recurrent, bias])


def toy_model(cell, pooling, opened=False):
    deviation = keras.initializers.RandomNormal(stddev=VECTOR_DEVIATION)
    model = keras.Sequential([keras.Input((None,), dtype="int32")])
    model.add(layers.Embedding(VOCABULARY, UNITS, embeddings_initializer=deviation))
    model.add(getattr(layers, cell)(UNITS, return_sequences=pooling == "max"))
    if opened:
        open_gates(model.layers[1])
    if pooling == "max":
        model.add(layers.GlobalMaxPooling1D())
    model.add(layers.Dense(1, activation="sigmoid"))
    optimizer = keras.optimizers.Adam(0.01, clipnorm=1.0)
    model.compile(optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    return model


def gradients(model, ids):
    """Returns norms of d(sum of the pooled hidden state) / d(vector of a word), last word first."""
    embedding, *recurrent, _ = model.layers
    vectors = tf.constant(embedding(ids))
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        total = tf.reduce_sum(keras.Sequential(recurrent)(vectors))
    gradient = np.asarray(tape.gradient(total, vectors), dtype="float64")
    return np.linalg.norm(gradient, axis=-1).mean(axis=0)[::-1]


def learn(cell, way, words, seed):
    """Trains on texts of `words` words (or of 2 to as many), each batch of one length.

    Returns test accuracy on texts of `words` words, and the gradients before and after training.
    """
    keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)
    pooling, shorter, opened = WAYS[way]

    def texts(count, length):
        ids = random.integers(2, VOCABULARY, (count, length))
        ids[:, 0] = random.integers(0, 2, count)
        return ids, ids[:, 0]

    model = toy_model(cell, pooling, opened)
    x_test, y_test = texts(500, words)
    before, correct = gradients(model, x_test[:BATCH_SIZE]), 0
    for _ in range(STEPS):
        model.reset_metrics()
        length = random.integers(2 if shorter else words, words + 1)
        _, accuracy = model.train_on_batch(*texts(BATCH_SIZE, length))
        correct = correct + 1 if accuracy == 1 else 0
        if correct == STEPS_CORRECT:
            break
    accuracy = np.mean((model.predict_on_batch(x_test)[:, 0] > 0.5) == y_test)
    return accuracy, before, gradients(model, x_test[:BATCH_SIZE])


def draw_toy():
    rows, curves = [], {}
    for way, cell in itertools.product(WAYS, CELLS):
        if WAYS[way][2] and cell == "SimpleRNN":
            continue  # it has no gates
        row = ["" if any(way == row[0] for row in rows) else way, f"`{cell}`"]
        for words in WORDS:
            accuracies, *both = zip(*[learn(cell, way, words, seed) for seed in SEEDS])
            row.append("/".join(f"{100 * accuracy:.0f}" for accuracy in accuracies))
        curves[way, cell] = [np.mean(each, axis=0) for each in both]  # of the longest texts
        rows.append(row)
        print(*row, flush=True)
    fill("toy", tools.table(["training", "layer", *(f"{n} words" for n in WORDS)], rows))
    last, shorter, opened, maximum = WAYS
    panels = {"last output,\nat initialisation": (last, 0)}
    panels["last output, gates that start\nopen, at initialisation"] = opened, 0
    panels["last output, trained on\nshorter texts too"] = shorter, 1
    panels["maximum over time,\nat initialisation"] = maximum, 0
    with plots.plot(DOCS / "gradients", (9.6, 3.2), 4) as axes_of_panels:
        for axes, (title, (way, when)) in zip(axes_of_panels, panels.items()):
            for number, cell in enumerate(CELLS):
                if (way, cell) in curves:
                    curve = np.maximum(curves[way, cell][when], 1e-99)
                    label = cell if axes is axes_of_panels[-1] else None
                    axes.plot(curve, label=label, color=f"C{number}")
            axes.set(xlabel="distance from last word", yscale="log", ylim=(1e-16, 100))
            axes.set_title(title, fontsize=9)
        axes_of_panels[0].set_ylabel("norm of the gradient")


PARTS = {"runs": draw_runs, "figures": draw_figures, "toy": draw_toy}


def main(arguments=None):
    parser = cli.parser(__doc__, prog="python -m experiments.illustrate")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    names = cli.parse(parser, arguments).parts or list(PARTS)
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}; parts: {', '.join(PARTS)}")
    for name in names:
        PARTS[name]()


if __name__ == "__main__":
    cli.start(main, "finished parts are written")
