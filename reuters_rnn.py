# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["tensorflow>=2.20,<2.22", "numpy>=2.0,<3"]
# ///
"""Tells which of 46 topics a Reuters newswire is about, with the recurrent network of your choice.

    word ids    (batch, time)
    Embedding   (batch, time, EMBEDDING_DIM)    a learned vector for each word
    CELL        (batch, time, units)            SimpleRNN, GRU or LSTM; 2 units wide when BIDIRECTIONAL
    maximum     (batch, units)                  the largest value of each unit over time; or 2 units
    Dense       (batch, 46)                     probability of each topic

    python download_reuters.py
    python reuters_rnn.py

A SimpleRNN forgets: what it has read passes through its weights and a tanh once more at every word, and the gradient
comes back the same way, a product of as many factors, most of them below one. So it vanishes within a few dozen words,
and the network never learns that an early word mattered; LSTM and GRU carry their memory past each word through a gate
that training can hold open. (POOLING = "max" spares a SimpleRNN much of this: its last layer sees the outputs at all
words. With "last" it does not.)

Reaches 82.3 ± 0.9 % on Reuters's test set (mean and standard deviation of 3 seeds), in 5 to 7 epochs of 15 s on two
cores of an AMD EPYC, with Python 3.11, TensorFlow 2.21 and Keras 3.15; an LSTM reaches 82.6 ± 0.5 %, a SimpleRNN 79.4 ±
1.0 %. When only the topics matter, something simpler will do: a linear SVM on TF-IDF word counts reaches 82.7 %, in
seconds.
"""

import argparse
import csv
import hashlib
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
DATA_FILE = "data/reuters.npz"  # from download_reuters.py; where it is missing, keras.datasets gives the same wires
VOCAB_SIZE = 30_000  # ids in use: the most frequent words keep theirs, the others become 2, "unknown"
MAX_LENGTH = 400  # words kept of each text, counted from its end; None keeps whole texts
PADDING = 8  # zeros in front of each text, at least: the more, the less their number matters to the network
VALIDATION_SIZE = 0.1  # share of the training texts held out to choose the epoch; 0: train on all, no early stopping
# Model
EMBEDDING_DIM = 64  # numbers in a word's vector
INITIAL_VECTORS = "counts"  # how vectors begin: as "counts" of the words around; "random", as in the textbooks
CELL = "GRU"  # "SimpleRNN", "GRU" or "LSTM"
UNITS = (64,)  # numbers in the memory of each layer, from the first upwards; as many layers as you like
BIDIRECTIONAL = True  # a second network in each layer reads from the end
POOLING = "max"  # "max": each unit's largest output over time; "last": the last output, as in the textbooks
WORD_DROPOUT = 0.2  # share of the words hidden while training, others each time
DROPOUT = 0.5  # share of each layer's inputs hidden while training: word vectors, and outputs of the layer below
RECURRENT_DROPOUT = 0.0  # share of the memory's numbers hidden while training; above 0: no cuDNN, several times slower
# Training
OPTIMIZER = "Adam"  # any optimizer of keras.optimizers
LEARNING_RATE = 0.005
EPSILON = 1e-5  # of Adam and its kin; Keras's 1e-7 lets the vectors of rare words learn single texts by heart
BATCH_SIZE = 32  # texts in a training step
EPOCHS = 12  # at most
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
    classes = datasets.reuters.get_label_names()
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
        if max(labels.max() for _, labels in parts) >= len(classes):
            sys.exit(f"{DATA_FILE} has labels from {len(classes)} up, which no class is named after: make it again.")
    else:
        socket.setdefaulttimeout(30)  # seconds for which a server may be silent
        try:
            parts = datasets.reuters.load_data()
            ranks = datasets.reuters.get_word_index()
        except Exception as error:  # Keras raises a bare Exception when it cannot fetch
            reason = " ".join(str(error).split())
            sys.exit(f"There is no {DATA_FILE}: run download_reuters.py. (Keras could not fetch it either: {reason})")
        words = sorted(ranks, key=ranks.get)
        source = "Reuters from Keras's reuters.npz"

    def prepare(texts):
        # A text is cut at its front; few newswires are long enough for that.
        texts = [np.asarray(text if MAX_LENGTH is None else text[-MAX_LENGTH:], dtype="int32") for text in texts]
        return [np.where(text < VOCAB_SIZE, text, 2) for text in texts]

    train, test = ((prepare(texts), labels) for texts, labels in parts)
    return train, test, words[: VOCAB_SIZE - 4], classes, source


def count_vectors(texts):
    """Returns vectors for the Embedding to begin with, in which words that stand among the same words are alike.

    Lays the texts end to end and counts how often each id stands within 5 words of each id below 1,000, which are the
    most frequent ones; rarer neighbours count as the unknown word. Divides each count by what chance would give and
    takes the logarithm, or 0 where that is negative (positive pointwise mutual information). Reduces the rows to
    EMBEDDING_DIM numbers by singular value decomposition, with the roots of the singular values as weights. Labels are
    not used. Levy, Goldberg and Dagan 2015, https://aclanthology.org/Q15-1016, compare such vectors with word2vec's.

    Args: `texts`, a list of int32 arrays of shape (length,).
    Returns a float32 array of shape (VOCAB_SIZE, EMBEDDING_DIM), a row for each id. A row's norm is 3, a dozen times
    that of Keras's random ones, so that training changes its direction little; ids that do not occur, or nowhere more
    often than by chance, have zeros.
    """
    ids = np.concatenate(texts)[:10_000_000].astype("int64")  # more would hardly change the vectors
    size = ids.max() + 1  # ids from here up do not occur
    contexts = max(1_000, EMBEDDING_DIM)  # there are no more directions than contexts
    near = np.where(ids < contexts, ids, 2)  # rarer words count as one neighbour: the unknown word
    counts = np.zeros((size, contexts), dtype="float32")
    for distance in range(1, 6):
        for word, context in (ids[distance:], near[:-distance]), (ids[:-distance], near[distance:]):
            counts += np.bincount(word * contexts + context, minlength=counts.size).reshape(counts.shape)
    chance = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / max(counts.sum(), 1)
    information = np.log(np.maximum(counts / np.maximum(chance, 1e-9), 1))
    values, directions = np.linalg.eigh(information.T @ information)  # the squares of the singular values, ascending
    vectors = information @ directions[:, -EMBEDDING_DIM:] / np.maximum(values[-EMBEDDING_DIM:], 1) ** 0.25
    vectors = 3 * vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return np.pad(vectors, ((0, VOCAB_SIZE - size), (0, 0)))


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


def build_model(vectors=None, class_count=46):
    """Returns the compiled model: word ids of shape (batch, time) to probabilities of shape (batch, class_count).

    Args: `vectors`, float32 of shape (VOCAB_SIZE, EMBEDDING_DIM), with which the Embedding begins; None: random ones.
    """
    model = keras.Sequential([keras.Input(shape=(None,), dtype="int32")])
    model.add(layers.Embedding(VOCAB_SIZE, EMBEDDING_DIM, weights=None if vectors is None else [vectors]))
    model.add(layers.Dropout(WORD_DROPOUT, noise_shape=(None, None, 1)))  # all numbers of a word's vector, or none
    cell = getattr(layers, CELL)
    for depth, units in enumerate(UNITS, 1):
        every_step = depth < len(UNITS) or POOLING == "max"  # the layer above and the maximum want all outputs
        layer = cell(units, dropout=DROPOUT, recurrent_dropout=RECURRENT_DROPOUT, return_sequences=every_step)
        model.add(layers.Bidirectional(layer) if BIDIRECTIONAL else layer)
    if POOLING == "max":
        model.add(layers.GlobalMaxPooling1D())
    model.add(layers.Dense(class_count, activation="softmax"))
    optimizer = getattr(keras.optimizers, OPTIMIZER)(learning_rate=LEARNING_RATE)
    optimizer.epsilon = EPSILON
    # Sparse: the labels are plain numbers. With one-hot labels people ask for "binary_accuracy", which also counts the
    # 45 topics that a text is rightly not given: 97 % for having learned nothing.
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def print_topics(model, texts, labels, names):
    """Prints the share of the topics among the texts and their recall: the share of a topic's texts that got it."""
    pairs = [(model.predict_on_batch(ids).argmax(axis=-1), topics) for ids, topics in batches(texts, labels)]
    predicted, actual = map(np.concatenate, zip(*pairs))
    print("share of the test texts and recall, by topic:")
    cells = []
    for topic in np.argsort(-np.bincount(actual, minlength=len(names)), kind="stable"):
        mine = actual == topic
        recall = f"{np.mean(predicted[mine] == topic):6.1%}" if mine.any() else "     -"
        cells.append(f"{names[topic]:{max(map(len, names))}} {np.mean(mine):6.1%} {recall}")
    rows = math.ceil(len(cells) / 3)
    for row in range(rows):
        print("   ".join(cells[row::rows]))


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

    # Validation is the front of train; the texts are in random order.
    held_out = min(round(len(x_train) * VALIDATION_SIZE), len(x_train) - 1)
    train = batches(x_train[held_out:], y_train[held_out:])
    validation = batches(x_train[:held_out], y_train[:held_out]) if held_out else None
    early_stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=PATIENCE, restore_best_weights=True)

    # Counted without the texts of validation, so that validation shows what awaits new texts.
    vectors = count_vectors(x_train[held_out:]) if INITIAL_VECTORS == "counts" else None
    model = build_model(vectors, len(classes))
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
    print(f'Try it: python predict.py {folder / "model.keras"} "Oil prices rose after the OPEC meeting."')
    print_topics(model, x_test, y_test, classes)
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

    def sizes(values):
        return type(values) is tuple and values and all(whole(value, 1) for value in values)

    classes = [name for name, value in vars(keras.optimizers).items() if isinstance(value, type)]
    optimizers = [name for name in classes if "Optimizer" not in name]  # without what is for making optimizers
    # The default may be missing, since Keras has its data.
    there = type(DATA_FILE) is str and (DATA_FILE == "data/reuters.npz" or os.path.isfile(DATA_FILE))
    rules = [
        ("DATA_FILE", there and DATA_FILE.endswith(".npz"), "the path of an .npz file that is there"),
        ("VOCAB_SIZE", whole(VOCAB_SIZE, 5), "a whole number from 5 up, since ids 0 to 3 are no words"),
        ("MAX_LENGTH", MAX_LENGTH is None or whole(MAX_LENGTH, 1), "None or a whole number from 1 up"),
        ("PADDING", whole(PADDING, 1), "a whole number from 1 up"),
        ("VALIDATION_SIZE", number(VALIDATION_SIZE, 0, 0.91), "0 or a share up to 0.9"),
        ("EMBEDDING_DIM", whole(EMBEDDING_DIM, 1), "a whole number from 1 up"),
        ("INITIAL_VECTORS", INITIAL_VECTORS in ("counts", "random"), '"counts" or "random"'),
        ("CELL", CELL in ("SimpleRNN", "GRU", "LSTM"), '"SimpleRNN", "GRU" or "LSTM"'),
        ("UNITS", sizes(UNITS), "whole numbers from 1 up, such as (64, 32) or (64,)"),
        ("BIDIRECTIONAL", type(BIDIRECTIONAL) is bool, "True or False"),
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
