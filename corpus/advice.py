"""Advice on the constants that suit the classes of train: prepare_texts.py and report.py give it.

results/search.md has the measurements.
"""

import numpy as np

from corpus.data_file import VALIDATION_SIZE

# Advised: minimum steps per epoch; epochs without early stopping, where validation has few texts.
STEPS, EPOCHS = 20, 20
FEW = 10  # texts of a class that are too few to learn from
WEIGHTS = "dict(enumerate(len(y_train) / (len(classes) * np.bincount(y_train))))"


def on_train(y_train, classes, validation):
    """Returns lines on classes and constants, and {name: value} of the constants that are advised.

    Args: `y_train`, the labels; `validation`, how many of the first texts a user gave for it.
    """
    counts, total = np.bincount(y_train), len(y_train)
    batch = 128 if len(classes) == 2 else 32  # by default, of the IMDB scripts and reuters_rnn.py
    uneven = counts.max() >= 4 * counts.min() and counts.max() > total / 2
    size = validation / total or VALIDATION_SIZE
    sizes = batch, size, uneven, validation > 0
    lines = on_constants(counts, classes, *sizes)
    if validation:
        lines.append(f"VALIDATION_SIZE = {size} takes your {validation:,} texts for validation")
    return lines, constants(counts, *sizes)


def constants(counts, batch, validation, weigh, given=False):
    """Returns {name: value} of the constants that suit the classes, where the defaults do not.

    Args: `counts`, the number of training texts of each class; `batch` and `validation`, BATCH_SIZE
    and VALIDATION_SIZE; `weigh`, whether rare classes should count more; `given`, whether the
    validation texts are a user's own, and remain.
    """
    total, advised = int(counts.sum()), {}
    few = 0 < validation and counts.min() * validation < FEW
    steps = -(-(total - round(total * validation)) // batch)
    if steps < STEPS:  # the advised batch is a power of two
        advised = {"BATCH_SIZE": 1 << (max(1, total // STEPS).bit_length() - 1), "EPOCHS": EPOCHS}
    # The validation loss has no weights: its minimum may be before a rare class is learned. With
    # many texts, training without early stopping would overfit.
    elif weigh and steps <= 5 * STEPS and few and not given:
        advised = {"EPOCHS": EPOCHS}
    return advised | {"VALIDATION_SIZE": validation if given else 0} if advised or given else {}


def on_constants(counts, classes, batch, validation, weigh, given=False):
    """Returns lines on the constants that suit the `classes`; other args: see `constants`."""
    lines, advised = [], constants(counts, batch, validation, weigh, given)
    if weigh:
        share = f"{classes[counts.argmax()]!r} is {counts.max() / counts.sum():.0%} of train"
        lines.append(f"{share}: look at the recall of each class (report.py). Rare classes count")
        lines[-1] += f" more with class_weight={WEIGHTS} in model.fit"
    if "EPOCHS" in advised:
        listed = ", ".join(f"{name} = {value}" for name, value in advised.items())
        few = "" if "BATCH_SIZE" in advised else f" of {classes[counts.argmin()]!r}"
        lines.append(f"few texts{few}: set {listed}")
    return lines
