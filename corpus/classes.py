"""Classes: which class a run gave to each text of validation and test, kept in its folder."""

import contextlib
import os
import pathlib
import re
import sys

import numpy as np

from corpus import DataError, data_file, jobs, runs
from corpus.classifier import probabilities_of

# Hash of the scripts' `main`, whose call of build_model may differ.
MAIN = "5cfc8e239012c54e"
IMPORTS = """import json, pathlib, sys
import keras, numpy as np, tensorflow as tf
from keras import datasets
"""


def classify(paths, texts, constants):
    """Classifies the texts of validation and test with the models of runs, in batches of the runs.

    Args, one each per run: `paths` of the folders; `texts`, those of load_data and batches;
    `constants`. Writes classes.npz into each folder: val and test, the predicted labels; val_true
    and test_true; all int32 of shape (texts,).
    """
    for path, text, names in zip(map(pathlib.Path, paths), texts, constants):
        names = dict(names)
        exec(IMPORTS + text, names)
        (x_train, y_train), (x_test, y_test), *_ = names["load_data"]()
        cut = round(len(x_train) * names["VALIDATION_SIZE"])
        model = names["keras"].models.load_model(path / "model.keras", compile=False)
        kept = {}
        for part, x, y in ("val", x_train[:cut], y_train[:cut]), ("test", x_test, y_test):
            found = y  # of no texts
            if len(x):
                batches = names["batches"](x, np.arange(len(x)), shuffle=False)
                found = probabilities_of(model, batches).argmax(axis=1)
            kept |= {part: found.astype("int32"), f"{part}_true": y.astype("int32")}
        with data_file.replacing(str(path / "classes.npz")) as file:
            np.savez_compressed(file, **kept)


def add(finished):
    """Computes the classes of runs that have none yet, where this is possible, in a process.

    It needs the model, the data of the run, and load_data and batches as all training scripts have
    them. Other code from a run's folder is not executed.
    """
    chosen = []
    for run in finished:
        texts = [runs.function_text(run["text"], name) or "" for name in runs.COMMON]
        usual = list(map(runs.code_of, texts)) == list(runs.COMMON.values())
        if usual and not read(run) and os.path.exists(f"{run['folder']}/model.keras"):
            with contextlib.suppress(DataError):  # the data file is damaged or edited
                now = data_file.fingerprint(run["constants"]["DATA_FILE"])
                if now and now == run["fingerprint"]:
                    chosen.append((run["folder"], "\n\n".join(texts), run["constants"]))
    if chosen:
        print(f"classifying validation and test with {len(chosen)} runs, once", file=sys.stderr)
        code = f"import sys; sys.path.insert(0, {str(pathlib.Path(__file__).parents[1])!r})\n"
        code += f"from corpus import classes; classes.classify(*zip(*{chosen!r}))"
        done = jobs.Machine(1).run(code, ".", {})
        if done.returncode:
            print(f"classification failed: {done.stdout}", file=sys.stderr)


def read(run):
    """Returns the arrays that `classify` kept of a run as a dict, None without them."""
    try:
        with np.load(f"{run['folder']}/classes.npz") as file:
            return dict(file.items())
    except Exception:  # it is missing or damaged
        return None


def check(finished):
    """Adds to runs `right`: which validation texts were classified correctly; None if not known.

    A run whose accuracies are not those of its classes was trained on a data file that was edited:
    source and fingerprint say so. Where `main` is not that of the scripts, as after a line that
    changes labels, nothing is known.
    """
    for run in finished:
        kept, run["right"] = read(run), None
        if kept:
            right = {part: kept[part] == kept[f"{part}_true"] for part in ("val", "test")}
            run["right"] = right["val"]
            main = runs.function_text(run["text"], "main") or ""
            usual = runs.code_of(re.sub(r"build_model\(.*\)", "build_model()", main)) == MAIN
            if usual and any(differ(right[part], run.get(f"{part}_accuracy")) for part in right):
                run["source"] += ", edited before this run"
                run["fingerprint"] = f"{run['fingerprint']}, edited"


def differ(right, accuracy):
    """Tells whether an accuracy differs by more than rounding on another machine explains."""
    return len(right) and abs(right.mean() - accuracy) > max(0.005, 1.5 / len(right))
