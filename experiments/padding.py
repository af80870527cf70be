"""Measures what padding does to stored runs; writes the tables of results/padding.md.

    python -m experiments.padding RUN ...    folders of runs of the training scripts, seeds of one

Each run classifies test three times: in its own batches; with all texts padded to MAX_LENGTH; in
its own batches, but the maximum over time without the states of padding.
"""

import pathlib
import statistics

import keras
import numpy as np
from keras import layers, ops

from corpus import cli, runs
from experiments import tools

PAGE = tools.RESULTS / "padding.md"


@keras.saving.register_keras_serializable()
class WithoutPadding(layers.Layer):
    """Replaces states at padding, of which there are none behind the text, by a large negative."""

    def call(self, states, ids):
        return ops.where(ops.expand_dims(ids != 0, -1), states, -1e9)


def without_padding(model):
    """Returns the same network with a maximum over the states of words alone."""
    ids = keras.Input((None,), dtype="int32")
    outputs = ids
    for layer in model.layers:
        if isinstance(layer, layers.GlobalMaxPooling1D):
            outputs = WithoutPadding()(outputs, ids)
        outputs = layer(outputs)
    return keras.Model(ids, outputs)


def accuracy(model, batches, labels):
    """Returns the accuracy; `batches` has pairs of ids and the rows of their texts."""
    right = np.zeros(len(labels), bool)
    for ids, rows in batches:
        output = np.asarray(model.predict_on_batch(ids))
        predicted = output[:, 0] > 0.5 if output.shape[1] == 1 else output.argmax(axis=1)
        right[rows] = predicted == labels[rows]
    return right.mean()


def measure(folder):
    """Returns the script's name, and the three accuracies in per cent."""
    run = runs.read(folder)
    script = tools.module(run["script"], run["text"])
    model = keras.models.load_model(pathlib.Path(folder, "model.keras"))
    _, (texts, labels), *_ = script.load_data()
    rows = np.arange(len(texts))
    own = list(script.batches(texts, rows, shuffle=False))
    ids = keras.utils.pad_sequences(tools.cut(script, texts), script.MAX_LENGTH)
    parts = np.array_split(rows, len(rows) // script.BATCH_SIZE)
    padded = [(ids[part], part) for part in parts]
    figures = accuracy(model, own, labels), accuracy(model, padded, labels)
    return run["script"], [
        100 * f for f in (*figures, accuracy(without_padding(model), own, labels))
    ]


def main(arguments=None):
    parser = cli.parser(__doc__, prog="python -m experiments.padding")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run's folder")
    groups = {}
    for folder in cli.parse(parser, arguments).runs:
        script, figures = measure(folder)
        groups.setdefault(script, []).append(figures)
    head = ["script (seeds)", "in batches of similar length", "all padded to `MAX_LENGTH`"]
    head.append("maximum without the states of padding")
    rows = [
        [f"`{script}.py` ({len(same)})", *(f"{statistics.mean(f):.2f}" for f in zip(*same))]
        for script, same in groups.items()
    ]
    tools.fill(PAGE, "accuracy", tools.table(head, rows))


if __name__ == "__main__":
    cli.start(main)
