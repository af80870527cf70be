"""Advice on the constants that suit the classes of train: prepare_texts.py and report.py give it.

results/search.md has the measurements.
"""

import numpy as np

from corpus.data_file import VALIDATION_SIZE

# Advised: minimum steps per epoch; epochs without early stopping, where validation has few texts.
STEPS, EPOCHS = 20, 20
FEW = 10  # texts of a class that are too few to learn from


def on_train(y_train, classes, validation):
    """Returns lines on classes and constants, and {name: value} of the constants that are advised.

    Args: `y_train`, the labels; `validation`, how many of the first texts a user gave for it.
    """
    lines, counts, total = [], np.bincount(y_train), len(y_train)
    batch = 128 if len(classes) == 2 else 32  # by default, of the IMDB scripts and reuters_rnn.py
    size = validation / total or VALIDATION_SIZE
    if validation:
        lines.append(f"VALIDATION_SIZE = {size} takes your {validation:,} texts for validation")
    uneven = counts.max() >= 4 * counts.min() and counts.max() > total / 2
    if uneven:
        largest = f"{classes[counts.argmax()]!r} is {counts.max() / total:.0%} of train"
        lines.append(f"imbalanced classes: {largest}. Look at the recall of each class (report.py)")
    sizes = batch, size, uneven, validation > 0
    return lines + on_constants(counts, classes, *sizes), constants(counts, *sizes)


def constants(counts, batch, validation, weigh, given=False):
    """Returns {name: value} of the constants that suit the classes, where the defaults do not.

    Args: `counts`, the number of training texts of each class; `batch` and `validation`, BATCH_SIZE
    and VALIDATION_SIZE; `weigh`, whether rare classes should count more; `given`, whether the
    validation texts are a user's own, and remain.
    """
    total = int(counts.sum())
    steps = -(-(total - round(total * validation)) // batch)
    size = {"VALIDATION_SIZE": validation if given else 0}
    if steps < STEPS:
        fit = 1 << (max(1, total // STEPS).bit_length() - 1)  # a power of two
        return {"BATCH_SIZE": fit, "EPOCHS": EPOCHS} | size
    # The validation loss has no weights: its minimum may be before a rare class is learned. With
    # many texts, training without early stopping would overfit.
    few = validation and counts.min() * validation < FEW
    if weigh and steps <= 5 * STEPS and few and not given:
        return {"EPOCHS": EPOCHS} | size
    return size if given else {}


def on_constants(counts, classes, batch, validation, weigh, given=False):
    """Returns lines on the constants that suit the classes; args: see `constants`."""
    lines, total = [], int(counts.sum())
    if weigh:
        weights = total / (len(classes) * np.maximum(counts, 1))
        shown = "{" + ", ".join(f"{n}: {weight:.3g}" for n, weight in enumerate(weights)) + "}"
        if len(classes) > 10:
            shown = "dict(enumerate(len(y_train) / (len(classes) * np.bincount(y_train))))"
        lines.append(
            f"class weights: add class_weight={shown} to model.fit, so that rare classes count more"
        )
    advised = constants(counts, batch, validation, weigh, given)
    *first, last = [f"{name} = {value}" for name, value in advised.items()] or [""]
    if "BATCH_SIZE" in advised:
        lines.append(f"few texts for BATCH_SIZE = {batch}. Set {', '.join(first)} and {last}")
    elif "EPOCHS" in advised:
        lines.append(
            f"few validation texts of {classes[counts.argmin()]!r}, so that training may stop "
            f"before it is learned. Set {', '.join(first)} and {last}"
        )
    return lines
