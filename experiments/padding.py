"""Measures test accuracy with and without padding in the maximum over time.

    python -m experiments.padding RUN ...    folders of runs of the training scripts

It writes the table of docs/padding.md.
"""

import pathlib

import keras
import numpy as np
from keras import layers, ops

from corpus import cli, runs
from corpus.classifier import probabilities_of
from experiments import tools

PAGE = tools.ROOT / "docs" / "padding.md"


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


def measure(folder):
    """Returns a row of the table for a run."""
    run = runs.read(folder)
    script = tools.module(run["script"], run["text"])
    model = keras.models.load_model(pathlib.Path(folder, "model.keras"))
    _, (texts, labels), *_ = script.load_data()
    batches = list(script.batches(texts, np.arange(len(texts)), shuffle=False))
    found = [probabilities_of(each, batches) for each in (model, without_padding(model))]
    right = [f"{100 * np.mean(each.argmax(axis=1) == labels):.2f}" for each in found]
    change = f"{np.abs(found[0] - found[1]).max():.4f}"
    return [f"`{run['script']}.py`", run["seed"], *right, change]


def main(arguments=None):
    parser = cli.parser(__doc__, prog="python -m experiments.padding")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run's folder")
    rows = [measure(folder) for folder in cli.parse(parser, arguments).runs]
    head = ["script", "seed", "test accuracy, %", "maximum without padding", "largest change"]
    tools.fill(PAGE, "accuracy", tools.table(head, rows))


if __name__ == "__main__":
    cli.start(main)
