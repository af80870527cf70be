"""Classes: which class a run gave to each text of validation and test, kept in its folder."""

import inspect
import os
import re
import sys

import numpy as np

from corpus import DataError, data_file, jobs, runs

# Hash of the scripts' `main`, whose call of build_model may differ.
MAIN = "651743c54180bedd"


def classify(paths, texts, constants):
    """Classifies the texts of validation and test with the models of runs, in batches of the runs.

    Runs in a process of its own. Args, one each per run: `paths` of the folders; `texts`, those of
    load_data and batches; `constants`. Writes classes.npz into each folder: val and test, the
    predicted labels; val_true and test_true; all int32 of shape (texts,).
    """
    import json
    import os
    import pathlib
    import sys

    import keras
    import numpy as np
    import tensorflow as tf
    from keras import datasets

    for path, text, names in zip(map(pathlib.Path, paths), texts, constants):
        names |= {"json": json, "pathlib": pathlib, "sys": sys, "np": np, "tf": tf}
        names |= {"keras": keras, "datasets": datasets}
        exec(text, names)
        (x_train, y_train), (x_test, y_test), *_ = names["load_data"]()
        cut = round(len(x_train) * names["VALIDATION_SIZE"])
        model = keras.models.load_model(path / "model.keras", compile=False)
        parts = {"val": (x_train[:cut], y_train[:cut]), "test": (x_test, y_test)}
        kept = {}
        for part, (x, y) in parts.items():
            kept |= {part: np.zeros(len(x), "int32"), f"{part}_true": y.astype("int32")}
            for ids, rows in (
                names["batches"](x, np.arange(len(x)), shuffle=False) if len(x) else ()
            ):
                output = np.asarray(model.predict_on_batch(ids))
                binary = output.shape[1] == 1
                kept[part][rows] = output[:, 0] > 0.5 if binary else output.argmax(axis=1)
        np.savez_compressed(path / "classes.part.npz", **kept)
        os.replace(path / "classes.part.npz", path / "classes.npz")


def add(finished):
    """Computes the classes of runs that have none yet, where this is possible.

    It needs the model, the data of the run, and load_data and batches as all training scripts have
    them. Other code from a run's folder is not executed.
    """
    chosen = []
    for run in finished:
        texts = [runs.function_text(run["text"], name) or "" for name in runs.COMMON]
        files = os.listdir(run["folder"])
        if "model.keras" in files and "classes.npz" not in files and has_data(run):
            if list(map(runs.code_of, texts)) == list(runs.COMMON.values()):
                chosen.append((run["folder"], "\n\n".join(texts), run["constants"]))
    if not chosen:
        return
    print(f"classifying validation and test with {len(chosen)} runs, once", file=sys.stderr)
    code = f"{inspect.getsource(classify)}\nclassify(*zip(*{chosen!r}))"
    done = jobs.run(code, ".", {"KERAS_BACKEND": runs.backend()})
    if done.returncode:
        print(f"classification failed: {done.stdout}", file=sys.stderr)


def has_data(run):
    """Tells whether a run's data file is there, and not edited."""
    try:
        now = data_file.fingerprint(run["constants"]["DATA_FILE"])
    except DataError:
        return False
    return now is not None and now == run["fingerprint"]


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
        run["right"] = None
        if kept := read(run):
            run["right"] = kept["val"] == kept["val_true"]
            main = re.sub(r"build_model\(.*\)", "", runs.function_text(run["text"], "main") or "")
            figures = [(run["right"], run.get("val_accuracy"))]
            figures.append((kept["test"] == kept["test_true"], run["test_accuracy"]))
            if runs.code_of(main) == MAIN and any(differ(*each) for each in figures):
                run["source"] += ", edited before this run"
                run["fingerprint"] = f"{run['fingerprint']}, edited"


def differ(right, accuracy):
    """Tells whether an accuracy differs by more than rounding on another machine explains."""
    return len(right) and abs(right.mean() - accuracy) > max(0.005, 1.5 / len(right))
