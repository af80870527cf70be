"""Draws the plots of docs/how_recurrent_networks_work.md and writes the tables into that page.

    python -m experiments.illustrate                all parts, in about ten minutes
    python -m experiments.illustrate runs figures   these parts

runs      shapes, probabilities after each word, hidden states: from the newest finished run of each
          IMDB script in runs/, with its own constants and seed 1 (imdb_pretrained_lstm.py:
          with data/fasttext.256d.vec)
figures   test accuracies and curves from results/runs.jsonl; trains `overfit` if it is not there
toy       accuracy and gradients of small networks on a task of their own, which are trained here

A table stands in the page between <!-- NAME --> and <!-- end -->. docs/*.svg are drawn by hand.
"""

import itertools

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib import pyplot as plt

from corpus import DataError, cli
from experiments import plots, reproduce, tools
from experiments.recipes import IMDB_SCRIPTS
from predict import Classifier, answer

DOCS = tools.ROOT / "docs"
PAGE = DOCS / "how_recurrent_networks_work.md"
CELLS = {"SimpleRNN": "n(m + n + 1)", "GRU": "3n(m + n + 2)", "LSTM": "4n(m + n + 1)"}
CODED = "A comedy, never a snoozefest."  # the last word is rare: id 2
PAIR = "There is nothing to love in this movie", "I have nothing but love for the movie"
REVIEW = (
    "The first half hour is slow and the jokes are flat, but then the story comes alive and the "
    "ending is wonderful."
)
UNITS_SHOWN = 20
NETWORKS = {script: script for script in IMDB_SCRIPTS}  # and their recipes
NETWORKS["imdb_pretrained_lstm"] = "fasttext_frozen"
TABLES = {  # recipes
    "units": "units_1 units_8 imdb_lstm units_128",
    "cells": "cell_simplernn reuters_rnn cell_lstm",
    "pooling": "last_output imdb_lstm",
    "directions": "imdb_lstm units_128 imdb_bilstm reuters_one_way reuters_rnn",
    "stacking": "imdb_lstm imdb_stacked_lstm reuters_rnn reuters_two_layers",
    "convolution": "imdb_lstm imdb_cnn_lstm reuters_rnn reuters_convolution",
    "dropout": "overfit imdb_lstm",
}
# The toy task: the first id, 0 or 1, is the class, the others are random.
WORDS = 10, 50, 200
WAYS = {  # pooling, and whether texts are as short as 2 words
    "last, texts of this length": ("last", False),
    "last, texts up to this length": ("last", True),
    "max, texts of this length": ("max", False),
}
VOCABULARY, UNITS, BATCH_SIZE = 20, 16, 64
VECTOR_DEVIATION = 0.25  # about that of the word vectors in data/imdb.npz
STEPS = 400  # at most
STEPS_CORRECT = 40  # so many batches without an error end training
SEEDS = 1, 2, 3


def fill(name, text):
    """Replaces what the page has between <!-- name --> and <!-- end -->."""
    page = PAGE.read_text(encoding="utf-8")
    before, mark, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    if not end:
        raise DataError(f"{PAGE} has no <!-- {name} --> with an <!-- end -->")
    tools.write(PAGE, f"{before}{mark}\n{text}\n\n{end}{after}")


# --- Runs -----------------------------------------------------------------------------------------


def padded(classifier, text):
    """Returns the known words of a text, the start first, and its ids, padded: (1, time)."""
    words = [word for word in classifier.split(text) if word in classifier.ids]
    return ["start", *words], classifier.pad([classifier.encode(words)])


def outputs(model, inputs):
    """Yields each layer and its output."""
    for layer in model.layers:
        inputs = layer(inputs)
        yield layer, inputs


def shapes(classifier):
    """Writes the ids of a text, and each layer's output shape and parameters."""
    words, ids = padded(classifier, CODED)
    zeros = ids.size - len(words)
    row = ["ids", " ".join("0" * zeros), *ids[0, zeros:]]
    fill("ids", tools.table(["words", "padding", *words], [row]))
    rows = [["ids", "(batch, time)", ids.shape, ""]]
    for layer, output in outputs(classifier.model, ids):
        sizes = ["time" if size is None else str(size) for size in layer.output.shape[1:]]
        shape = f"({', '.join(['batch', *sizes])})"
        count = f"{layer.count_params():,}"
        rows.append([f"`{type(layer).__name__}`", shape, tuple(output.shape), count])
    fill("shapes", tools.table(["layer", "output", "of this text", "parameters"], rows))


def numbers(classifier):
    """Writes what an epoch is, and the parameters of each cell in place of the LSTM."""
    constants, result = classifier.result["constants"], classifier.result
    with np.load(constants["DATA_FILE"]) as data:
        texts = len(data["train_lengths"])
    texts -= round(texts * constants["VALIDATION_SIZE"])
    size = constants["BATCH_SIZE"]
    text = (
        f"In `imdb_lstm.py` an epoch is {texts:,} texts in {-(-texts // size)} batches of {size}."
    )
    text += f" Training ended after epoch {result['epochs']} and kept the weights of epoch"
    fill("epoch", f"{text} {result['best_epoch']}.")
    m, n = constants["EMBEDDING_DIM"], constants["LSTM_UNITS"]
    rows = []
    for cell, formula in CELLS.items():
        layer = getattr(layers, cell)(n)
        layer.build((None, None, m))
        rows.append([f"`{cell}`", f"${formula}$", f"{layer.count_params():,}"])
    fill("parameters", tools.table(["layer", "parameters", f"$m = {m}$, $n = {n}$"], rows))


def hidden_states(classifier):
    """Draws the hidden state of the LSTM's first units after each word."""
    words, ids = padded(classifier, REVIEW)
    words = ["padding"] * (ids.size - len(words)) + words
    found = dict((type(layer), output) for layer, output in outputs(classifier.model, ids))
    states = np.asarray(found[layers.LSTM])[0, :, :UNITS_SHOWN].T
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


def reading(networks):
    """Draws the probability of "positive" after each word of two sentences."""
    rows = [[f"`{script}.py`"] for script in networks]
    with plots.plot(DOCS / "reading", (9, 4), 2) as panels:
        for axes, sentence in zip(panels, PAIR):
            markers = itertools.cycle("os^Dv")
            for row, (script, classifier), marker in zip(rows, networks.items(), markers):
                [found] = answer(classifier, [sentence], with_words=True)
                words, values = zip(*found["after_each_word"])
                if found["class"] != classifier.classes[1]:
                    values = [1 - value for value in values]
                label = f"{script}.py" if axes is panels[0] else None
                axes.plot(values, f"{marker}-", markersize=4, label=label)
                row.append(f"{values[-1]:.0%}")
            axes.set_xticks(range(len(words)), words, rotation=45, ha="right")
            axes.axhline(0.5, color="gray", linestyle=":")
            axes.set(ylim=(-0.02, 1.6), yticks=(0, 0.25, 0.5, 0.75, 1))  # the legend above
            axes.set_ylabel("probability of positive")
    fill("reading", tools.table(["probability of positive", *PAIR], rows))


def draw_runs():
    networks = {script: Classifier(script) for script in NETWORKS}
    for script, recipe in NETWORKS.items():
        run = reproduce.read_run(networks[script].folder)
        if (run["recipe"], run["seed"]) != (recipe, 1):
            raise DataError(f"{networks[script].folder} is not a run of {recipe} with seed 1")
    for part in shapes, numbers, hidden_states:
        part(networks["imdb_lstm"])
    reading(networks)


def draw_figures():
    reproduce.refuse_other_data()
    if "overfit" not in reproduce.runs_to_show():
        reproduce.store([reproduce.train("overfit", 1)])
    runs = reproduce.runs_to_show()
    for name, recipes in TABLES.items():
        known = {
            key: reproduce.mean_and_deviation(runs[key]) for key in recipes.split() if key in runs
        }
        rows = [[f"`{key}`", known.get(key, "not measured")] for key in recipes.split()]
        fill(name, tools.table(["recipe", "test accuracy, % (seeds)"], rows))
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


def toy_model(cell, pooling):
    deviation = keras.initializers.RandomNormal(stddev=VECTOR_DEVIATION)
    model = keras.Sequential([keras.Input((None,), dtype="int32")])
    model.add(layers.Embedding(VOCABULARY, UNITS, embeddings_initializer=deviation))
    model.add(getattr(layers, cell)(UNITS, return_sequences=pooling == "max"))
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


def learn(cell, pooling, words, shortest, seed):
    """Trains on texts of `shortest` to `words` words, each batch of one length.

    Returns test accuracy on texts of `words` words, and the gradients before and after training.
    """
    keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)

    def texts(count, length):
        ids = random.integers(2, VOCABULARY, (count, length))
        ids[:, 0] = random.integers(0, 2, count)
        return ids, ids[:, 0]

    model = toy_model(cell, pooling)
    x_test, y_test = texts(500, words)
    before, correct = gradients(model, x_test[:BATCH_SIZE]), 0
    for _ in range(STEPS):
        model.reset_metrics()
        _, accuracy = model.train_on_batch(*texts(BATCH_SIZE, random.integers(shortest, words + 1)))
        correct = correct + 1 if accuracy == 1 else 0
        if correct == STEPS_CORRECT:
            break
    accuracy = np.mean((model.predict_on_batch(x_test)[:, 0] > 0.5) == y_test)
    return accuracy, before, gradients(model, x_test[:BATCH_SIZE])


def draw_toy():
    rows, curves = [], {}
    for way, (pooling, shorter) in WAYS.items():
        for number, cell in enumerate(CELLS):
            rows.append(["" if number else way, f"`{cell}`"])
            for words in WORDS:
                runs = [learn(cell, pooling, words, 2 if shorter else words, s) for s in SEEDS]
                accuracies, *both = zip(*runs)
                rows[-1].append("/".join(f"{100 * accuracy:.0f}" for accuracy in accuracies))
                curves[way, cell] = [np.mean(each, axis=0) for each in both]
            print(*rows[-1], flush=True)
    fill("toy", tools.table(["pooling, training", "layer", *(f"{n} words" for n in WORDS)], rows))
    _, last, maximum = WAYS
    panels = {"last output, at initialisation": (last, 0), "last output, trained": (last, 1)}
    panels["maximum over time, at initialisation"] = maximum, 0
    with plots.plot(DOCS / "gradients", (10, 3.5), 3) as axes_of_panels:
        for axes, (title, (way, when)) in zip(axes_of_panels, panels.items()):
            for cell in CELLS:
                axes.plot(np.maximum(curves[way, cell][when], 1e-99), label=cell)
            axes.set(xlabel="distance from the last word", yscale="log", ylim=(1e-16, 100))
            axes.set_title(title, fontsize=10)
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
    print(f"written: {PAGE}")


if __name__ == "__main__":
    cli.start(main, "finished parts are written")
