"""Advice on the constants that suit the classes of train: prepare_texts.py and report.py give it.

results/search.md has the measurements.
"""

import numpy as np

# Advised: minimum steps per epoch; epochs without early stopping, where validation has few texts.
STEPS, EPOCHS = 20, 20
FEW = 10  # texts of a class that are too few to learn from


def on_constants(counts, classes, batch, validation, weigh):
    """Returns lines on the constants that suit the classes.

    Args: `counts`, the number of training texts of each class; `batch` and `validation`, BATCH_SIZE
    and VALIDATION_SIZE; `weigh`, whether rare classes should count more.
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
    steps = -(-(total - round(total * validation)) // batch)
    if steps < STEPS:
        fit = 1 << (max(1, total // STEPS).bit_length() - 1)  # a power of two
        lines.append(
            f"few texts: {steps} steps per epoch are too few to learn much. Set "
            f"BATCH_SIZE = {fit}, EPOCHS = {EPOCHS} and VALIDATION_SIZE = 0"
        )
    elif weigh and steps <= 5 * STEPS and validation and counts.min() * validation < FEW:
        # The validation loss has no weights: its minimum may be before the class is learned. With
        # many texts, training without early stopping would overfit.
        lines.append(
            f"few validation texts of {classes[counts.argmin()]!r}, so that training may stop "
            f"before it is learned. Set EPOCHS = {EPOCHS} and VALIDATION_SIZE = 0"
        )
    return lines
