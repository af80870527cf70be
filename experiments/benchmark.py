"""Compares the time of an epoch with that of common code, and writes results/benchmark.md.

    python -m experiments.benchmark

Our batches, and all texts padded to one length (plain), with equal model, MAX_LENGTH and, if not
named, batch size. They run in turn, in three rounds, each in a process of its own. A ratio is the
median over the rounds (minimum to maximum); seconds on a shared machine vary more.
"""

import collections
import dataclasses
import json
import random
import statistics
import subprocess
import sys
import time

import numpy as np
import tensorflow as tf

from corpus import cli
from experiments import recipes, tools
from experiments.recipes import RECIPES

ROUNDS = 3
NTH = 5  # one of so many batches is timed, and the time scaled to a whole epoch


def time_epoch(name, changes, padded):
    """Returns the seconds of an epoch with all texts padded, or with our batches of the script."""
    recipe = dataclasses.replace(RECIPES[name], batches=recipes.padded if padded else None)
    module = recipe.configure(**changes)
    (texts, labels), *_ = module.load_data()
    epoch = module.batches(tools.cut(module, texts), labels)
    # Every NTH batch by width, so that their mean width is that of the epoch.
    batches = sorted(epoch.as_numpy_iterator(), key=lambda batch: batch[0].shape[1])[2::NTH]
    random.Random(1).shuffle(batches)
    shapes = [tf.TensorSpec((None,) * part.ndim, part.dtype) for part in batches[0]]
    dataset = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=tuple(shapes))
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(2)
    options = tf.data.Options()
    options.autotune.enabled = False  # else most of a time can be its wait at the end of the epoch
    dataset = dataset.with_options(options)
    model = module.build_model(np.zeros((0, 1)))
    model.fit(dataset.take(2), shuffle=False, verbose=0)
    fraction = sum(len(ids) for ids, _ in batches) / len(texts)
    start = time.perf_counter()
    model.fit(dataset, shuffle=False, verbose=0)
    return (time.perf_counter() - start) / fraction


def output_of(call):
    """Calls a function of this module in a process of its own; returns what it returned."""
    code = f"import json; from experiments import benchmark as b; print(json.dumps(b.{call}))"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure():
    """Returns {model, version: [seconds of a round]}, and the sources of the data."""
    models = {"LSTM(100)": ("brownlee", {}), "Reuters GRU(32)": ("reuters_gru", {})}
    models["BiLSTM(64)"] = "keras_bilstm", {"MAX_LENGTH": 500, "BATCH_SIZE": 64}
    models["CNN-LSTM(70)"] = "keras_cnn_lstm", {"MAX_LENGTH": 500}
    models["imdb_lstm.py"] = "imdb_lstm", {}
    seconds, sources = collections.defaultdict(list), []
    for model, recipe in models.items():
        sources.append(RECIPES[recipe[0]].configure().load_data()[-1]["source"])
        calls = {"ours": f"time_epoch{(*recipe, False)}", "plain": f"time_epoch{(*recipe, True)}"}
        if model == "imdb_lstm.py":  # 32 is what Keras and most scripts use
            calls["plain, batches of 32"] = f"time_epoch{(recipe[0], {'BATCH_SIZE': 32}, True)}"
        for turn in range(1, ROUNDS + 1):
            for name, call in calls.items():
                seconds[f"{model}, {name}"].append(output_of(call))
                print(f"round {turn}: {model}, {name}", flush=True)
    return seconds, sources


def ratio(slower, faster):
    """Returns the median ratio of two lists by round, with the range; nothing for equal lists."""
    if slower == faster:
        return ""
    ratios = [one / other for one, other in zip(slower, faster)]
    return f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"


def report(seconds, sources):
    """Writes benchmark.md from what `measure` returned."""
    rows = []
    for name, values in seconds.items():
        reference = seconds[f"{name.split(',')[0]}, ours"]
        rows.append([name, f"{statistics.median(values):.0f}", ratio(values, reference)])
    text = f"""# The time of an epoch

Written by `python -m experiments.benchmark`.

Common scripts (plain) pad all texts to one length. Our batches hold texts of similar length, and
TensorFlow's dataset autotuner is off, because it can delay the end of an epoch. An LSTM computes
one time step after the other, so its matrix products are small; a larger batch makes them larger.

The rows of a model have the same optimizer, MAX_LENGTH (500; `imdb_lstm.py`: 400) and, if not
named, batch size. A fifth of the batches was run, without the dataset autotuner, and their time
multiplied by five. The word vectors are random and trained; those of a data file are not trained.

{tools.table(["model and script", "seconds per epoch", "ratio to ours"], rows)}

Data: {"; ".join(dict.fromkeys(sources))}.
{tools.machine(tools.versions())}; rounds: {ROUNDS}.
"""
    tools.write(tools.RESULTS / "benchmark.md", text)


def main(arguments=None):
    cli.parse(cli.parser(__doc__, prog="python -m experiments.benchmark"), arguments)
    tools.require_data("imdb", "reuters")
    report(*measure())
    print(f"written: {tools.RESULTS / 'benchmark.md'}")


if __name__ == "__main__":
    cli.start(main)
