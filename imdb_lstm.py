# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["tensorflow>=2.20,<2.22", "numpy>=2.0,<3"]
# ///
"""Tells praise from blame in IMDB's movie reviews with one LSTM layer.

    word ids    (batch, time)
    Embedding   (batch, time, EMBEDDING_DIM)    a learned vector for each word
    LSTM        (batch, time, LSTM_UNITS)       what the network has made of the review, word by word
    maximum     (batch, LSTM_UNITS)             the largest value of each unit over time
    Dense       (batch, 1)                      probability that the review is positive

    python download_imdb.py
    python imdb_lstm.py

RESULTS
"""

import argparse
import csv
import json
import math
import os
import pathlib
import platform
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers

# ----------------------------------------------------------------------------------------------------------------------
# Data
DATA_FILE = "data/imdb.npz"  # from download_imdb.py; where it is missing, keras.datasets gives the same reviews
VOCAB_SIZE = 20_000  # ids in use: the most frequent words keep theirs, the others become 2, "unknown"
MAX_LENGTH = 400  # words kept of each review, counted from its end; None keeps whole reviews
VALIDATION_SIZE = 0.2  # share of the training reviews held out to choose the epoch; 0: train on all, no early stopping
# Model
EMBEDDING_DIM = 64  # numbers in a word's vector
LSTM_UNITS = 64  # numbers in the network's memory
POOLING = "max"  # "max": each unit's largest output over time; "last": the last output, as in the textbooks
DROPOUT = 0.5  # share of a word vector's numbers hidden while training, the same ones for all words of a review
RECURRENT_DROPOUT = 0.0  # the same for the LSTM's memory; above 0 it rules out cuDNN and is several times slower
# Training
OPTIMIZER = "Adam"  # any class of keras.optimizers
LEARNING_RATE = 0.003
BATCH_SIZE = 64  # reviews in a training step
EPOCHS = 6  # at most: training ends when validation no longer improves
SEED = 1  # the same seed on the same CPU gives the same figures
# ----------------------------------------------------------------------------------------------------------------------

SCRIPT = pathlib.Path(__file__).stem


def check_constants():
    """Ends the program with one line when a constant cannot work, before any time is spent on data."""

    def whole(value, least):
        return type(value) is int and value >= least

    def number(value, least, below):
        return type(value) in (int, float) and least <= value < below

    rules = [
        ("DATA_FILE", type(DATA_FILE) is str and DATA_FILE.endswith(".npz"), "the path of an .npz file"),
        ("VOCAB_SIZE", whole(VOCAB_SIZE, 5), "a whole number from 5 up, since ids 0 to 3 are no words"),
        ("MAX_LENGTH", MAX_LENGTH is None or whole(MAX_LENGTH, 1), "None or a whole number from 1 up"),
        ("VALIDATION_SIZE", number(VALIDATION_SIZE, 0, 1), "0 or a share below 1"),
        ("EMBEDDING_DIM", whole(EMBEDDING_DIM, 1), "a whole number from 1 up"),
        ("LSTM_UNITS", whole(LSTM_UNITS, 1), "a whole number from 1 up"),
        ("POOLING", POOLING in ("max", "last"), '"max" or "last"'),
        ("DROPOUT", number(DROPOUT, 0, 1), "0 or a share below 1"),
        ("RECURRENT_DROPOUT", number(RECURRENT_DROPOUT, 0, 1), "0 or a share below 1"),
        ("OPTIMIZER", hasattr(keras.optimizers, str(OPTIMIZER)), 'a class of keras.optimizers, such as "Adam"'),
        ("LEARNING_RATE", LEARNING_RATE and number(LEARNING_RATE, 0, math.inf), "a number above 0"),
        ("BATCH_SIZE", whole(BATCH_SIZE, 1), "a whole number from 1 up"),
        ("EPOCHS", whole(EPOCHS, 1), "a whole number from 1 up"),
        ("SEED", whole(SEED, 0) and SEED < 2**32, "a whole number from 0 to 4294967295"),
    ]
    for name, works, wanted in rules:
        if not works:
            sys.exit(f"{SCRIPT}.py: {name} = {globals()[name]!r} cannot work: it must be {wanted}.")


def load_data():
    """Loads the reviews from DATA_FILE or, where there is no such file, from keras.datasets.

    Returns (x_train, y_train), (x_test, y_test), source. Each x is a list of int32 arrays of shape (words,), one per
    review, cut to its last MAX_LENGTH ids; each y is an array of shape (reviews,), 1 for positive and 0 for negative.
    """
    if os.path.exists(DATA_FILE):
        try:
            with np.load(DATA_FILE, allow_pickle=False) as file:
                source = str(file["source"])
                x_train = np.split(file["x_train"], np.cumsum(file["train_lengths"])[:-1])
                x_test = np.split(file["x_test"], np.cumsum(file["test_lengths"])[:-1])
                y_train, y_test = file["y_train"], file["y_test"]
        except Exception as error:  # what a damaged file raises depends on where the damage is
            sys.exit(f"{SCRIPT}.py: {DATA_FILE} is damaged or no data file ({error}). Delete it and make it anew.")
    else:
        try:
            (x_train, y_train), (x_test, y_test) = keras.datasets.imdb.load_data()
        except Exception as error:  # Keras raises a bare Exception when it cannot fetch
            sys.exit(f"{SCRIPT}.py: there is no {DATA_FILE}: run download_imdb.py. (Keras has no IMDB either: {error})")
        source = "IMDB from Keras's imdb.npz"

    def prepare(texts):
        # The end of a review tells more than its start: there the author sums up.
        texts = [np.asarray(text if MAX_LENGTH is None else text[-MAX_LENGTH:], dtype="int32") for text in texts]
        return [np.where(text < VOCAB_SIZE, text, 2) for text in texts]

    return (prepare(x_train), y_train), (prepare(x_test), y_test), source


class Batches(keras.utils.PyDataset):
    """Batches of reviews of similar length, each padded only to its own longest: most zeros are never computed.

    Args: `texts`, a list of int32 arrays; `labels`, an array of as many numbers.
    Batch i is a pair of arrays, ids of shape (batch, time) and labels of shape (batch,). Padding stands in front, so
    that the LSTM's last output has just read the review's last word, and needs no mask, which keeps cuDNN possible.
    """

    def __init__(self, texts, labels):
        super().__init__()
        self.texts, self.labels = texts, labels
        self.lengths = np.array([len(text) for text in texts])
        self.random = np.random.default_rng(SEED)
        self.on_epoch_end()

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        rows = self.batches[index]
        return keras.utils.pad_sequences([self.texts[row] for row in rows], padding="pre"), self.labels[rows]

    def on_epoch_end(self):
        # Keras calls this after each epoch. The lengths are blurred by up to a tenth before sorting, so that a review
        # meets others each time; the order of the batches changes too.
        order = np.argsort(self.lengths * self.random.uniform(0.9, 1.1, size=len(self.lengths)))
        self.batches = np.split(order, range(BATCH_SIZE, len(order), BATCH_SIZE))
        self.random.shuffle(self.batches)


def build_model():
    """Returns the compiled model: word ids of shape (batch, time) to probabilities of shape (batch, 1)."""
    model = keras.Sequential([keras.Input(shape=(None,), dtype="int32")])
    model.add(layers.Embedding(VOCAB_SIZE, EMBEDDING_DIM))
    model.add(
        layers.LSTM(
            LSTM_UNITS,
            return_sequences=POOLING == "max",  # the outputs at all words, or only the one at the last
            dropout=DROPOUT,
            recurrent_dropout=RECURRENT_DROPOUT,
        )
    )
    if POOLING == "max":
        model.add(layers.GlobalMaxPooling1D())
    model.add(layers.Dense(1, activation="sigmoid"))
    optimizer = getattr(keras.optimizers, OPTIMIZER)(learning_rate=LEARNING_RATE)
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    return model


def main():
    """Trains on train, chooses the epoch on validation, evaluates once on test, and writes runs/SCRIPT."""
    check_constants()
    keras.utils.set_random_seed(SEED)
    run = pathlib.Path("runs", SCRIPT)
    run.mkdir(parents=True, exist_ok=True)
    (x_train, y_train), (x_test, y_test), source = load_data()
    constants = {name: value for name, value in globals().items() if name.isupper() and name != "SCRIPT"}
    print(f"{SCRIPT}.py on {source}", *(f"{name} = {value!r}" for name, value in constants.items()), sep="\n")

    # The front of train, not a random part: download_imdb.py puts reviews of one movie side by side, and a movie on
    # both sides of the cut would let the network recognise it instead of reading.
    held_out = round(len(x_train) * VALIDATION_SIZE)
    train = Batches(x_train[held_out:], y_train[held_out:])
    validation = Batches(x_train[:held_out], y_train[:held_out]) if held_out else None
    early_stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=1, restore_best_weights=True)

    model = build_model()
    model.summary()
    start = time.perf_counter()
    history = model.fit(
        train,
        validation_data=validation,
        epochs=EPOCHS,
        callbacks=[early_stopping] if held_out else [],
        verbose=1 if sys.stdout.isatty() else 2,  # in a log file, one line an epoch instead of a moving bar
    )
    seconds = time.perf_counter() - start
    test_loss, test_accuracy = model.evaluate(Batches(x_test, y_test), verbose=0)

    gpus = tf.config.list_physical_devices("GPU")
    result = {
        "script": SCRIPT,
        "source": source,
        "test_accuracy": test_accuracy,
        "test_loss": test_loss,
        "epochs": len(history.epoch),
        "seconds": seconds,
        "parameters": model.count_params(),
        "device": tf.config.experimental.get_device_details(gpus[0])["device_name"] if gpus else "CPU",
        "versions": {"python": platform.python_version(), "tensorflow": tf.__version__, "keras": keras.__version__},
        "constants": constants,
    }
    model.save(run / "model.keras")
    with open(run / "history.csv", "w", newline="") as file:
        csv.writer(file).writerows([["epoch", *history.history], *zip(history.epoch, *history.history.values())])
    (run / "result.json").write_text(json.dumps(result, indent=2))
    print(
        f"{SCRIPT}: test accuracy {test_accuracy:.2%}, test loss {test_loss:.4f}, "
        f"{len(history.epoch)} epochs, {seconds:.0f} s ({source})"
    )


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(f"{SCRIPT}.py: stopped; runs/{SCRIPT} is as it was.")
