"""Tells how far the zeros in front of texts move the answers of a trained network.

    python results/padding.py runs/imdb_lstm/model.keras

Reads the test texts in three ways: one by one, as predict.py does; in batches of similar length, as the training
scripts do; and all padded to one length. For each it prints the accuracy and how far the probabilities of a text's
classes are, at most, from those that it gets when read one by one.
"""

import argparse
import sys

import keras
import numpy as np
from presets import DEFAULTS
from tools import configure, start_program, table

import predict


def read(model, batches, count):
    """Returns an array of shape (texts, outputs) from batches of (ids, rows)."""
    answers = [None] * count
    for ids, rows in batches:
        for row, own in zip(rows, model.predict_on_batch(ids)):
            answers[row] = own
    return np.array(answers)


def compare(classifier, texts, script):
    """Yields (way, answers of shape (texts, classes)), first those of texts that are read one by one."""
    yield "one by one", classifier.probabilities(texts)
    rows = np.arange(len(texts))
    longest = max(map(len, texts)) + script.PADDING
    parts = np.split(rows, range(script.BATCH_SIZE, len(rows), script.BATCH_SIZE))
    padded = ((keras.utils.pad_sequences([texts[row] for row in part], longest), part) for part in parts)
    ways = {
        "in batches of similar length": script.batches(texts, rows).as_numpy_iterator(),
        f"all padded to {longest}": padded,
    }
    for way, batches in ways.items():
        answers = read(classifier.model, batches, len(texts))
        yield way, np.hstack([1 - answers, answers]) if answers.shape[1] == 1 else answers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", help="model.keras in the folder of a training run")
    options = parser.parse_args()
    try:
        classifier = predict.Classifier(options.model)
        name = classifier.result["script"]
        if name not in DEFAULTS:
            raise ValueError(f"{name} is none of {', '.join(DEFAULTS)}")
        script = configure(name, classifier.result["constants"])
    except (predict.ModelError, ValueError) as error:
        sys.exit(f"{parser.prog}: {error}")
    _, (texts, labels), *_ = script.load_data()
    lines = []
    for way, answers in compare(classifier, texts, script):
        if not lines:
            alone = answers
        moved = np.abs(answers - alone).max(axis=1)
        accuracy = np.mean(answers.argmax(axis=1) == labels)
        lines.append(
            [way, f"{accuracy:.2%}", *(f"{share:.3f}" for share in (*np.quantile(moved, [0.5, 0.99]), moved.max()))]
        )
    print(table(["texts read", "accuracy", "median difference", "of 99 % below", "largest"], lines))


if __name__ == "__main__":
    start_program(main)
