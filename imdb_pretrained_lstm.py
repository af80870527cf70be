# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["tensorflow>=2.20,<2.22", "numpy>=2.0,<3"]
# ///
"""Tells praise from blame in IMDB's movie reviews with an LSTM on word vectors that were learned elsewhere.

    word ids    (batch, time)                 a number for each word
    Embedding   (batch, time, dimension)      the word's vector, a row of the table in VECTORS_FILE
    LSTM        (batch, time, LSTM_UNITS)     it reads one vector a step and gives LSTM_UNITS numbers a step
    maximum     (batch, LSTM_UNITS)           the largest value of each unit over time
    Dense       (batch, 1)                    probability that the review is positive

    python download_imdb.py
    curl -LO https://nlp.stanford.edu/data/glove.6B.zip && unzip glove.6B.zip glove.6B.100d.txt -d data
    python imdb_pretrained_lstm.py

Vectors learned from plain text know which words are alike before the first label is read. With those that word2vec
learned from IMDB's own training reviews (`results/train_vectors.py`) this script reaches 90.9 ± 0.4 % on IMDB's test
set (mean and standard deviation of 3 seeds), in 10 epochs and 301 to 710 s; with TRAINABLE = True 90.0 ± 0.6 %, in 4
epochs and 112 to 265 s; on two cores of an AMD EPYC (TRAINABLE, seed 3: of an Intel Xeon) that other trainings shared,
with Python 3.11, TensorFlow 2.21 and Keras 3.15. `imdb_lstm.py`, whose vectors begin as counts of nine
tenths of these reviews, cut to their ends, reaches 90.2 %. GloVe's vectors have not been measured.
"""

import argparse
import csv
import gzip
import hashlib
import itertools
import json
import math
import os
import pathlib
import platform
import shutil
import signal
import socket
import sys
import tempfile
import time

import keras
import numpy as np
import tensorflow as tf
from keras import datasets, layers

# ----------------------------------------------------------------------------------------------------------------------
# Data
DATA_FILE = "data/imdb.npz"  # from download_imdb.py; where it is missing, keras.datasets gives the same reviews
VOCAB_SIZE = 30_000  # ids in use: the most frequent words keep theirs, the others become 2, "unknown"
MAX_LENGTH = 400  # words kept of each text, counted from its end; None keeps whole texts
PADDING = 8  # zeros in front of each text, at least: the more, the less their number matters to the network
VALIDATION_SIZE = 0.1  # share of the training texts held out to choose the epoch; 0: train on all, no early stopping
# Model
VECTORS_FILE = "data/glove.6B.100d.txt"  # text file of vectors by GloVe, word2vec or fastText; .gz will do
TRAINABLE = False  # False: the vectors stay as they are; True: training changes them too
LSTM_UNITS = 64  # numbers in the network's memory
POOLING = "max"  # "max": each unit's largest output over time; "last": the last output, as in the textbooks
WORD_DROPOUT = 0.1  # share of the words hidden while training, others each time
DROPOUT = 0.2  # share of a word vector's numbers hidden while training, the same ones for all words of a text
RECURRENT_DROPOUT = 0.0  # share of the memory's numbers hidden while training; above 0: no cuDNN, several times slower
# Training
OPTIMIZER = "Adam"  # any optimizer of keras.optimizers
LEARNING_RATE = 0.01
EPSILON = 1e-4  # of Adam and its kin; Keras's 1e-7 lets the vectors of rare words learn single texts by heart
BATCH_SIZE = 128  # texts in a training step
EPOCHS = 10  # at most
PATIENCE = 2  # epochs without a better loss on validation until training ends; None: all EPOCHS, the last kept
SEED = 1  # the same seed on the same machine, with as many cores, gives the same figures
# ----------------------------------------------------------------------------------------------------------------------


def load_data():
    """Loads the texts from DATA_FILE or, where there is no such file, from keras.datasets.

    Returns (x_train, y_train), (x_test, y_test), words, classes, source. Each x is a list of int32 arrays of shape
    (length,), one per text, cut to its last MAX_LENGTH ids; each y is an int64 array of shape (texts,) with the labels;
    words are those whose ids are 4, 5, 6 and so on, below VOCAB_SIZE; classes are the names of labels 0, 1 and so on;
    source is a line that says where all this came from.
    """
    classes = ["negative", "positive"]
    if os.path.exists(DATA_FILE):
        try:
            with np.load(DATA_FILE, allow_pickle=False) as file:
                parts = []
                for part in "train", "test":
                    ids, labels = file[f"x_{part}"].astype("int32"), file[f"y_{part}"].astype("int64")
                    lengths = file[f"{part}_lengths"]
                    fit = ids.shape == (lengths.sum(),) and labels.shape == lengths.shape
                    if not fit or min(ids.min(), labels.min()) < 0:
                        raise ValueError(f"the ids, lengths and labels of {part} do not fit, or are below 0")
                    parts.append((np.split(ids, np.cumsum(lengths)[:-1]), labels))
                words = bytes(file["vocabulary"]).decode().split("\n")
                source = str(file["source"])
                if "classes" in file:  # older files have none
                    classes = bytes(file["classes"]).decode().split("\n")
        except Exception as error:  # what a damaged file raises depends on where the damage is
            sys.exit(f"{DATA_FILE} is damaged or no data file ({error}): make it again.")
        class_count = max(len(classes), *(labels.max() + 1 for _, labels in parts))
        if class_count != 2:
            sys.exit(f"{DATA_FILE} has {class_count} classes, and this script tells two apart: use reuters_rnn.py.")
    else:
        socket.setdefaulttimeout(30)  # seconds for which a server may be silent
        try:
            parts = datasets.imdb.load_data()
            ranks = datasets.imdb.get_word_index()
        except Exception as error:  # Keras raises a bare Exception when it cannot fetch
            reason = " ".join(str(error).split())
            sys.exit(f"There is no {DATA_FILE}: run download_imdb.py. (Keras could not fetch it either: {reason})")
        words = sorted(ranks, key=ranks.get)
        source = "IMDB from Keras's imdb.npz"

    def prepare(texts):
        # A text is cut at its front: the end of a review tells more, since there its author sums up.
        texts = [np.asarray(text if MAX_LENGTH is None else text[-MAX_LENGTH:], dtype="int32") for text in texts]
        return [np.where(text < VOCAB_SIZE, text, 2) for text in texts]

    train, test = ((prepare(texts), labels) for texts, labels in parts)
    return train, test, words[: VOCAB_SIZE - 4], classes, source


def load_vectors(words, texts):
    """Reads VECTORS_FILE line by line and keeps the vectors of the given words alone, so that its size hardly matters.

    A line is a word and its numbers, with spaces between. word2vec and fastText begin with a line of two numbers, the
    count of words and the dimension. GloVe's largest file has words with spaces in them. A word's first vector counts.

    Args: `words`, those with the ids 4, 5, 6 and so on; `texts`, arrays of ids, to tell how much of them was found.
    Returns a float32 array of shape (VOCAB_SIZE, dimension), a row for each id. The row of padding is zeros; words
    without a vector get small random numbers, as an Embedding layer gives to all words when it starts from nothing.
    """

    def is_number(field):
        try:
            return math.isfinite(float(field))
        except ValueError:
            return False

    ids = {word.encode(): id for id, word in enumerate(words, 4)}
    found, dimension, number = {}, 0, 0
    try:
        with open(VECTORS_FILE, "rb") as raw, gzip.open(raw) if VECTORS_FILE.endswith(".gz") else raw as file:
            size = os.path.getsize(VECTORS_FILE)
            progress = keras.utils.Progbar(size, verbose=int(sys.stdout.isatty()), unit_name="byte")
            # At most a megabyte at once: what is no text may have no lines.
            for number, line in enumerate(iter(lambda: file.readline(1_000_000), b""), 1):
                if number == 1:
                    line = line.removeprefix(b"\xef\xbb\xbf")  # a byte order mark
                    fields = line.split()
                    if len(fields) == 2 and all(field.isdigit() for field in fields):
                        dimension = int(fields[1])
                        continue
                    dimension = len(list(itertools.takewhile(is_number, fields[:0:-1])))
                word, *numbers = line.rsplit(maxsplit=dimension)
                if not 0 < len(numbers) == dimension or (b" " in word and is_number(word.split()[-1])):
                    raise ValueError
                if word in ids:
                    vector = np.array(numbers, dtype="float32")
                    if not np.isfinite(vector).all():
                        raise ValueError
                    found[ids.pop(word)] = vector
                if number % 10_000 == 0:
                    progress.update(raw.tell())
            progress.update(size, finalize=True)
    except ValueError:
        wanted = f"a word and {dimension} numbers" if dimension else "a word and its numbers"
        sys.exit(f"{VECTORS_FILE}, line {number}: not {wanted}. It must be a text file of word vectors.")
    except Exception as error:  # what a damaged .gz file raises depends on where the damage is
        sys.exit(f"{VECTORS_FILE} is damaged or cannot be read ({error}).")
    if not found:
        sys.exit(f"{VECTORS_FILE} has vectors for none of the {len(words):,} words in its {number:,} lines.")

    vectors = np.random.default_rng(SEED).uniform(-0.05, 0.05, (VOCAB_SIZE, dimension)).astype("float32")
    vectors[0] = 0
    vectors[list(found)] = list(found.values())
    counts = np.bincount(np.concatenate(texts), minlength=VOCAB_SIZE)
    share = counts[list(found)].sum() / counts[2:].sum()  # 0 and 1, padding and start, are no words
    print(
        f"{VECTORS_FILE}: {dimension} numbers each for {len(found):,} of {len(words):,} words, {share:.1%} of the text"
    )
    print("without a vector:", ", ".join(word.decode() for word in list(ids)[:12]), "..." if len(ids) > 12 else "")
    return vectors


def batches(texts, labels):
    """Returns a tf.data.Dataset of batches of texts of similar length, so that little of them is padding.

    Args: `texts`, a list of int32 arrays of shape (length,); `labels`, an int64 array of shape (texts,).
    Each batch is a pair, ids of shape (batch, time) and labels of shape (batch,). Padding stands in front: the network
    has just read the last word when it gives its last output, and it needs no mask, which keeps cuDNN possible.
    Even the longest text of a batch gets some zeros: while reading them the network settles, so that a few more or less
    mostly move its answer little. Hundreds may: give a trained network such batches too, or one text at a time.
    """
    lengths = np.array([len(text) for text in texts])
    random = np.random.default_rng(SEED)

    def epoch():
        # Sorted by length, but by a length blurred by up to 5 %: a text meets other texts in each epoch.
        order = np.argsort(lengths * random.uniform(0.95, 1.05, size=len(lengths)))
        groups = np.split(order, range(BATCH_SIZE, len(order), BATCH_SIZE))
        random.shuffle(groups)
        for rows in groups:
            width = PADDING * (math.ceil(lengths[rows].max() / PADDING) + 1)
            yield keras.utils.pad_sequences([texts[row] for row in rows], width, padding="pre"), labels[rows]

    # Not a keras.utils.PyDataset, whose shapes Keras guesses from its first batches: when these happen to be equally
    # wide, it fails at the first one of another width. Here the shapes stay open.
    shapes = tf.TensorSpec((None, None), "int32"), tf.TensorSpec((None,), "int64")
    dataset = tf.data.Dataset.from_generator(epoch, output_signature=shapes)
    count = math.ceil(len(texts) / BATCH_SIZE)
    options = tf.data.Options()
    options.autotune.enabled = False  # its tuner may hold up the end of an epoch for as long as the epoch took
    return dataset.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2).with_options(options)


def build_model(vectors):
    """Returns the compiled model: word ids of shape (batch, time) to probabilities of shape (batch, 1).

    Args: `vectors`, a float32 array of shape (VOCAB_SIZE, dimension), the vector of each id.
    """
    model = keras.Sequential([keras.Input(shape=(None,), dtype="int32")])
    model.add(layers.Embedding(*vectors.shape, weights=vectors, trainable=TRAINABLE))
    model.add(layers.Dropout(WORD_DROPOUT, noise_shape=(None, None, 1)))  # all numbers of a word's vector, or none
    every_step = POOLING == "max"  # the maximum wants the outputs at all words, not only the last one
    lstm = layers.LSTM(LSTM_UNITS, dropout=DROPOUT, recurrent_dropout=RECURRENT_DROPOUT, return_sequences=every_step)
    model.add(lstm)
    if POOLING == "max":
        model.add(layers.GlobalMaxPooling1D())
    model.add(layers.Dense(1, activation="sigmoid"))
    optimizer = getattr(keras.optimizers, OPTIMIZER)(learning_rate=LEARNING_RATE)
    optimizer.epsilon = EPSILON
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    return model


def main():
    """Trains on train, chooses the epoch on validation, evaluates once on test, and writes runs/SCRIPT."""
    check_constants()
    constants = {name: value for name, value in globals().items() if name.isupper()}
    script = pathlib.Path(__file__).stem
    keras.utils.set_random_seed(SEED)
    (x_train, y_train), (x_test, y_test), words, classes, source = load_data()
    print(f"{script} on {source}", *(f"{name} = {value!r}" for name, value in constants.items()), sep="\n")
    folder = pathlib.Path("runs", script)
    folder.mkdir(parents=True, exist_ok=True)

    # Validation is the front of train, not a random part: in a data file made from Stanford's archive the reviews of a
    # movie stand side by side, and a movie on both sides of the cut would be recognised instead of read.
    held_out = min(round(len(x_train) * VALIDATION_SIZE), len(x_train) - 1)
    train = batches(x_train[held_out:], y_train[held_out:])
    validation = batches(x_train[:held_out], y_train[:held_out]) if held_out else None
    early_stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=PATIENCE, restore_best_weights=True)

    model = build_model(load_vectors(words, x_train))
    model.summary()
    start = time.perf_counter()
    history = model.fit(
        train,
        validation_data=validation,
        epochs=EPOCHS,
        callbacks=[early_stopping] if held_out and PATIENCE else [],
        shuffle=False,  # the batches shuffle themselves
        # A moving bar is for terminals as wide as it is; others, and log files, get a line an epoch.
        verbose=1 if sys.stdout.isatty() and shutil.get_terminal_size().columns >= 80 else 2,
    )
    seconds = time.perf_counter() - start
    test_loss, test_accuracy = model.evaluate(batches(x_test, y_test), verbose=0)

    epochs = len(history.epoch)
    gpus = tf.config.list_physical_devices("GPU")
    result = {
        "script": script,
        "source": source,
        "test_accuracy": test_accuracy,
        "test_loss": test_loss,
        "epochs": epochs,
        "seconds": seconds,
        "parameters": model.count_params(),
        "device": tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU") if gpus else "CPU",
        "versions": {"python": platform.python_version(), "tensorflow": tf.__version__, "keras": keras.__version__},
        "constants": constants,
        "classes": classes,
    }
    with tempfile.TemporaryDirectory(dir=folder) as new:  # until all is written, the files of the run before stay
        new = pathlib.Path(new)
        model.save(new / "model.keras")
        (new / "vocabulary.txt").write_text("\n".join(words), encoding="utf-8", newline="\n")
        with open(new / "history.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["epoch", *history.history])
            writer.writerows(zip(range(1, epochs + 1), *history.history.values()))
        for name in "model.keras", "vocabulary.txt":  # so that predict.py never joins files of two runs
            result[f"{name} sha256"] = hashlib.sha256((new / name).read_bytes()).hexdigest()
        (new / "result.json").write_text(json.dumps(result, indent=2) + "\n")
        for file in list(new.iterdir()):
            file.replace(folder / file.name)
    print(f'Try it: python predict.py {folder / "model.keras"} "The film started badly but ended well."')
    usual = np.bincount(y_train).argmax()
    share = np.mean(y_test == usual)
    print(f"accuracy of always saying {classes[usual]!r}, the most frequent class of train: {share:.2%}")
    figures = f"test accuracy {test_accuracy:.2%}, test loss {test_loss:.4f}, {epochs} epochs, {seconds:.0f} s"
    print(f"{script}: {figures} ({source})")


def check_constants():
    """Ends the program with one line when a constant or the clock cannot work, before any time is spent on data."""

    def whole(value, least):
        return type(value) is int and value >= least

    def number(value, least, below):
        return type(value) in (int, float) and least <= value < below

    classes = [name for name, value in vars(keras.optimizers).items() if isinstance(value, type)]
    optimizers = [name for name in classes if "Optimizer" not in name]  # without what is for making optimizers
    # The default may be missing, since Keras has its data.
    there = type(DATA_FILE) is str and (DATA_FILE == "data/imdb.npz" or os.path.isfile(DATA_FILE))
    rules = [
        ("DATA_FILE", there and DATA_FILE.endswith(".npz"), "the path of an .npz file that is there"),
        ("VOCAB_SIZE", whole(VOCAB_SIZE, 5), "a whole number from 5 up, since ids 0 to 3 are no words"),
        ("MAX_LENGTH", MAX_LENGTH is None or whole(MAX_LENGTH, 1), "None or a whole number from 1 up"),
        ("PADDING", whole(PADDING, 1), "a whole number from 1 up"),
        ("VALIDATION_SIZE", number(VALIDATION_SIZE, 0, 0.91), "0 or a share up to 0.9"),
        ("VECTORS_FILE", type(VECTORS_FILE) is str, "the path of a text file of word vectors"),
        ("TRAINABLE", type(TRAINABLE) is bool, "True or False"),
        ("LSTM_UNITS", whole(LSTM_UNITS, 1), "a whole number from 1 up"),
        ("POOLING", POOLING in ("max", "last"), '"max" or "last"'),
        ("WORD_DROPOUT", number(WORD_DROPOUT, 0, 1), "0 or a share below 1"),
        ("DROPOUT", number(DROPOUT, 0, 1), "0 or a share below 1"),
        ("RECURRENT_DROPOUT", number(RECURRENT_DROPOUT, 0, 1), "0 or a share below 1"),
        ("OPTIMIZER", OPTIMIZER in optimizers, f"one of {', '.join(optimizers)}"),
        ("LEARNING_RATE", number(LEARNING_RATE, 1e-12, math.inf), "a number above 0"),
        ("EPSILON", number(EPSILON, 1e-12, math.inf), "a number above 0"),
        ("BATCH_SIZE", whole(BATCH_SIZE, 1), "a whole number from 1 up"),
        ("EPOCHS", whole(EPOCHS, 1), "a whole number from 1 up"),
        ("PATIENCE", PATIENCE is None or whole(PATIENCE, 1), "None or a whole number from 1 up"),
        ("SEED", whole(SEED, 0) and SEED < 2**32, "a whole number from 0 to 4294967295"),
    ]
    for name, works, wanted in rules:
        if not works:
            sys.exit(f"{name} = {globals()[name]!r} cannot work: it must be {wanted}.")
    if not 1980 <= time.localtime().tm_year < 2108:  # the model's file is a zip file, which knows no other years
        sys.exit(f"This computer's clock says {time.strftime('%Y-%m-%d')}, and no model can be saved then: set it.")
    if not os.path.exists(VECTORS_FILE):
        glove = "https://nlp.stanford.edu/data/glove.6B.zip"
        get = f"curl -LO {glove} && unzip glove.6B.zip glove.6B.100d.txt -d data"
        sys.exit(f"There is no {VECTORS_FILE}. GloVe's vectors are in {glove} (862 MB): {get}")


if __name__ == "__main__":
    if hasattr(sys.stdout, "reconfigure"):  # a notebook's has not
        # A terminal may lack a letter; in a log file each line is to be seen at once.
        sys.stdout.reconfigure(errors="replace", line_buffering=True)
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    interrupts = []

    def interrupt(*_):  # Ctrl-C is noted, since TensorFlow may make an error of another kind of it
        interrupts.append(True)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        main()
    except (Exception, KeyboardInterrupt) as error:
        if interrupts:
            sys.exit("Stopped before the end. The files in runs are those of the last run that was saved.")
        if isinstance(error, OSError):  # a disk that is full, a folder that is not ours, a pipe that is closed
            sys.exit(f"The folder runs, or the output, cannot be written to: {error}")
        raise
