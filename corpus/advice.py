"""What prepare_texts.py says of texts and labels, and of the constants that suit them."""

import re

import numpy as np

from corpus import DataError

# Constants of the training scripts by default.
MAX_LENGTH, VALIDATION_SIZE = 400, 0.1
BATCH_SIZES = {"two": 128, "more": 32}  # of the IMDB scripts, and of reuters_rnn.py
# Advised: minimum steps per epoch; epochs without early stopping, where validation has few texts.
STEPS, EPOCHS = 20, 20
FEW = 10  # texts of a class that are too few to learn from
MISSING = {"na", "n/a", "none", "null"}  # labels that often stand for a missing one


def named(names, most=3, form=repr):
    """Returns the first names, and how many there are beyond these."""
    some = ", ".join(map(form, names[:most]))
    return some + (f" and {len(names) - most:,} more" if len(names) > most else "")


def check_sizes(counts):
    """Raises DataError where a class has a single text, of {class: number of texts}."""
    if single := [name for name, count in counts.items() if count == 1]:
        many = 2 * len(single) > len(counts)
        raise DataError(
            f"classes with a single text: {named(single)}. A class needs two, for train and for "
            "test: add texts, leave the class out, or choose the right column with --label"
            + ("; does a cell hold several labels?" if many and several_labels(counts) else "")
        )


def several_labels(labels):
    """Returns a label that seems to be several, as in "food|travel", None if there is none."""
    pieces = {label: re.split(r"\s*[|;,]\s*", label.strip("[](){} ")) for label in labels}
    known = {label.lower() for label, parts in pieces.items() if len(parts) == 1}
    uses = [part.strip("'\" ").lower() for parts in pieces.values() if len(parts) > 1
            for part in set(parts)]  # fmt: skip
    for label, parts in pieces.items():
        parts = {part.strip("'\" ").lower() for part in parts}
        if len(parts) > 1 and any(part in known or uses.count(part) > 1 for part in parts):
            return label
    return None


def on_labels(spellings):
    """Returns lines on {class: {spelling: number of texts}}."""
    lines = []
    several = [list(spelt) for spelt in spellings.values() if len(spelt) > 1]
    for spelt in several[:5]:
        lines.append(f"one class in several spellings: {named(sorted(spelt), 5)}")
    if len(several) > 5:
        lines.append(f"and {len(several) - 5:,} more classes in several spellings")
    labels = [max(sorted(spelt), key=spelt.get) for spelt in spellings.values()]
    if missing := [label for label in labels if label.lower() in MISSING]:
        lines.append(
            f"classes: {named(missing)}. If that is no label, leave these rows out of the file"
        )
    if label := several_labels(labels[:1000]):
        lines.append(
            f"several labels in a cell, as in {label!r}? Each combination is a class of its own "
            "here. Keep one label in each cell, or make a table for each label, with yes and no"
        )
    return lines


def on_twins(texts, labels, train, test):
    """Returns a line on test texts that are in train; `train` and `test` are rows of `texts`."""
    seen = {hash(texts[row].tobytes()): labels[row] for row in train}  # the bytes are large
    twins = [row for row in test if hash(texts[row].tobytes()) in seen]
    if not twins:
        return []
    other = sum(labels[row] != seen[hash(texts[row].tobytes())] for row in twins)
    line = f"{len(twins):,} of {len(test):,} test texts are in train too"
    return [
        f"{line}: test accuracy is too high. Remove the duplicates"
        + (f"; {other:,} of them have another label there" if other else "")
    ]


def on_constants(counts, classes, batch, validation, weigh):
    """Returns lines on the constants that suit the classes of train; report.py gives them too.

    Args: `counts`, the number of texts of each class; `batch` and `validation`, BATCH_SIZE and
    VALIDATION_SIZE; `weigh`, whether rare classes should count more.
    """
    lines, total = [], int(counts.sum())
    if weigh:
        weights = total / (len(classes) * np.maximum(counts, 1))
        given = "{" + ", ".join(f"{n}: {weight:.3g}" for n, weight in enumerate(weights)) + "}"
        if len(classes) > 10:
            given = "dict(enumerate(len(y_train) / (len(classes) * np.bincount(y_train))))"
        lines.append(
            f"class weights: add class_weight={given} to model.fit, so that rare classes count more"
        )
    rest = total - round(total * validation)
    few = -(-rest // batch) < STEPS
    if few:
        fit = 1 << (max(1, total // STEPS).bit_length() - 1)  # a power of two
        lines.append(
            f"few texts: {-(-rest // batch)} steps per epoch are too few to learn much. Set "
            f"BATCH_SIZE = {fit}, EPOCHS = {EPOCHS} and VALIDATION_SIZE = 0"
        )
    elif weigh and rest // batch < 5 * STEPS and counts.min() * validation < FEW and validation:
        # The validation loss has no weights: its minimum may be before the class is learned. With
        # many texts, training without early stopping would overfit.
        lines.append(
            f"few validation texts of {classes[counts.argmin()]!r}, so that training may stop "
            f"before it is learned. Set EPOCHS = {EPOCHS} and VALIDATION_SIZE = 0"
        )
    return lines


def on_training(x_train, y_train, classes, validation):
    """Returns lines on the constants that suit the data.

    Args: `x_train`, id arrays, start id first; `validation`, how many texts at the front of train
    are the user's own validation part, 0 if there is none.
    """
    lines, count, size = [], len(x_train), VALIDATION_SIZE
    if validation:
        digits = 2
        while round(count * (size := round(validation / count, digits))) != validation:
            digits += 1
        lines.append(
            f"the {validation:,} validation texts are the first of train. VALIDATION_SIZE = {size} "
            "uses these alone for validation"
        )
    counts = np.bincount(y_train, minlength=len(classes))
    uneven = counts.max() >= 4 * counts.min() and counts.max() > count / 2
    if uneven:
        lines.append(
            f"imbalanced classes: {classes[counts.argmax()]!r} is {counts.max() / count:.0%} of "
            "train, so accuracy is not informative; look at the recall of each class"
        )
    batch = BATCH_SIZES["two" if len(classes) == 2 else "more"]
    lines += on_constants(counts, classes, batch, size, uneven)
    if rare := [f"{classes[n]!r} ({counts[n]})" for n in counts.argsort() if counts[n] < FEW]:
        lines.append(f"classes with fewer than {FEW} texts to train on: {named(rare, form=str)}")
    lengths = np.array([len(text) for text in x_train])
    if np.median(lengths) > MAX_LENGTH:
        fit = int(np.ceil(np.percentile(lengths, 90) / 100) * 100)
        lines.append(
            f"long texts: {(lengths > MAX_LENGTH).mean():.0%} have more than MAX_LENGTH = "
            f"{MAX_LENGTH} words; only the last are read. MAX_LENGTH = {fit} keeps nine "
            "tenths of the texts whole; an epoch takes longer in proportion"
        )
    return lines
