"""Advice on the constants that suit the classes of train: prepare_texts.py and report.py give it.

results/search.md has the measurements.
"""

# Advised: minimum steps per epoch; epochs without early stopping, where validation has few texts.
STEPS, EPOCHS = 20, 20
FEW = 10  # texts of a class that are too few to learn from
WEIGHTS = "dict(enumerate(len(y_train) / (len(classes) * np.bincount(y_train))))"


def on_constants(counts, classes, batch, validation, weigh, given=0):
    """Returns lines on the classes and constants, and {name: value} of the advised constants.

    Args: `counts`, the number of training texts of each of the `classes`; `batch` and `validation`,
    BATCH_SIZE and VALIDATION_SIZE; `weigh`, whether rare classes should count more; `given`, how
    many texts a user gave for validation, which remain.
    """
    total, lines, advised = int(counts.sum()), [], {}
    few = 0 < validation and counts.min() * validation < FEW
    steps = -(-(total - round(total * validation)) // batch)
    if weigh:
        share = f"{classes[counts.argmax()]!r} is {counts.max() / total:.0%} of train"
        lines.append(f"{share}: look at the recall of each class (report.py). Rare classes count")
        lines[-1] += f" more with class_weight={WEIGHTS} in model.fit"
    if steps < STEPS:  # the advised batch is a power of two
        advised = {"BATCH_SIZE": 1 << (max(1, total // STEPS).bit_length() - 1), "EPOCHS": EPOCHS}
    # The validation loss has no weights: its minimum may be before a rare class is learned. With
    # many texts, training without early stopping would overfit.
    elif weigh and steps <= 5 * STEPS and few and not given:
        advised = {"EPOCHS": EPOCHS}
    if advised or given:
        advised["VALIDATION_SIZE"] = validation if given else 0
    if "EPOCHS" in advised:
        of_class = "" if "BATCH_SIZE" in advised else f" of {classes[counts.argmin()]!r}"
        listed = ", ".join(f"{name} = {value}" for name, value in advised.items())
        lines.append(f"few texts{of_class}: set {listed}")
    if given:
        lines.append(f"VALIDATION_SIZE = {validation} takes your {given:,} texts for validation")
    return lines, advised
