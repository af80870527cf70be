"""Compares the times of our scripts with those of common code, and writes results/benchmark.md.

    python -m experiments.benchmark           both parts, about an hour on two cores
    python -m experiments.benchmark epochs    this part; the other keeps its figures

The versions run in turn, in several rounds. A ratio is the median over the rounds (minimum to
maximum); seconds on a shared machine vary more.

    epochs    An epoch with equal model, batch size and MAX_LENGTH: our batches, and all texts
              padded to one length (plain).
    accuracy  From the start of the process until validation accuracy, split by movie, has reached
              86.6 % at the end of an epoch: our defaults, and two published recipes.
"""

import collections
import dataclasses
import functools
import json
import random
import statistics
import time

import keras
import numpy as np
import tensorflow as tf

from corpus import cli
from experiments import recipes, tools
from experiments.recipes import IMDB_SCRIPTS, RECIPES

STORE = tools.RESULTS / "benchmark.json"
ENOUGH = 0.866  # validation accuracy to reach: the published test accuracy of lab_dropout
NTH = 5  # one of so many batches is timed, and the time scaled to a whole epoch


def seconds_of(run, *arguments, **options):
    start = time.perf_counter()
    run(*arguments, **options)
    return time.perf_counter() - start


def measure(contestants, rounds):
    """Calls each of {name: function that returns seconds} in turn; returns {name: [seconds]}."""
    seconds = collections.defaultdict(list)
    for turn in range(1, rounds + 1):
        for name, run in contestants.items():
            seconds[name].append(run())
            print(f"round {turn} of {rounds}: {name} {seconds[name][-1]:.1f} s", flush=True)
    return dict(seconds)


def load(name, changes, batches=None):
    """Returns a recipe's script as a module, and its training texts and labels.

    Its `batches` are replaced by that function, or are those of the script.
    """
    module = dataclasses.replace(RECIPES[name], batches=batches).configure(**changes)
    (texts, labels), *_ = module.load_data()
    return module, tools.cut(module, texts), labels


def in_keras(name, changes, padded):
    """Returns the seconds of an epoch with all texts padded, or with our batches of the script."""
    module, texts, labels = load(name, changes, recipes.padded if padded else None)
    epoch = module.batches(texts, labels)
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
    return seconds_of(model.fit, dataset, shuffle=False, verbose=0) / fraction


def as_in_tutorials(name, changes):
    """Returns the seconds of a whole epoch with all texts padded, in an array that fit gets."""
    module, texts, labels = load(name, changes)
    ids = keras.utils.pad_sequences(texts, module.MAX_LENGTH)
    model = module.build_model(np.zeros((0, 1)))
    size = module.BATCH_SIZE
    model.fit(ids[: 2 * size], labels[: 2 * size], batch_size=size, verbose=0)
    return seconds_of(model.fit, ids, labels, batch_size=size, verbose=0)


def output_of(call):
    """Calls a function of this module in a process of its own; returns what it returned."""
    code = f"import json; from experiments import benchmark as b; print(json.dumps(b.{call}))"
    return json.loads(tools.run_code(code, ".")[-1][-1])


def epochs(rounds):
    """Measures the part `epochs`."""
    models = {"LSTM(100)": ("brownlee", {}), "Reuters GRU(32)": ("reuters_gru", {})}
    models["BiLSTM(64)"] = "keras_bilstm", {"MAX_LENGTH": 500, "BATCH_SIZE": 64}
    models["CNN-LSTM(70)"] = "keras_cnn_lstm", {"MAX_LENGTH": 500}
    models["imdb_lstm.py"] = "imdb_lstm", {}
    seconds, sources = {}, []
    for model, recipe in models.items():
        sources.append(RECIPES[recipe[0]].configure().load_data()[-1]["source"])
        calls = {"ours": f"in_keras{(*recipe, False)}", "plain": f"in_keras{(*recipe, True)}"}
        if model == "imdb_lstm.py":  # 32 is what Keras and most scripts use
            calls["plain, batches of 32"] = f"in_keras{(recipe[0], {'BATCH_SIZE': 32}, True)}"
        if model == "LSTM(100)":
            calls["as in tutorials"] = f"as_in_tutorials{recipe}"
        calls = {f"{model}, {name}": functools.partial(output_of, calls[name]) for name in calls}
        seconds |= measure(calls, rounds)
    return {"seconds": seconds, "sources": sources}


def reach(name, seed):
    """Trains until validation accuracy is ENOUGH, at most EPOCHS; returns it for each epoch."""
    module = RECIPES[name].configure(SEED=seed)
    keras.utils.set_random_seed(seed)
    (x, y), *_, stored, _ = module.load_data()
    size = len(x) // 10  # the stored vectors know the rest
    model = module.build_model(stored)
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda _, logs: setattr(model, "stop_training", logs["val_accuracy"] >= ENOUGH)
    )
    data, validation = module.batches(x[size:], y[size:]), module.batches(x[:size], y[:size])
    options = {"epochs": module.EPOCHS, "callbacks": [stop], "shuffle": False, "verbose": 2}
    return model.fit(data, validation_data=validation, **options).history["val_accuracy"]


def accuracy(rounds):
    """Measures the part `accuracy`; a round is a seed."""
    histories = collections.defaultdict(list)

    def run(name):
        call = f"reach({name!r}, {len(histories[name]) + 1})"
        histories[name].append(output_of(call))
        print(f"{name}: {histories[name][-1]}")

    names = *IMDB_SCRIPTS, "brownlee", "lab_dropout"
    seconds = measure({name: functools.partial(seconds_of, run, name) for name in names}, rounds)
    with tools.folder_with_data() as folder:
        code = "import imdb_lstm; imdb_lstm.main()"
        whole = measure({"whole run": lambda: tools.run_code(code, folder)[0]}, rounds)
    return {"seconds": seconds | whole, "histories": histories}


def ratio(slower, faster):
    """Returns the median ratio of two lists by round, with the range; nothing for equal lists."""
    if slower == faster:
        return ""
    ratios = [one / other for one, other in zip(slower, faster)]
    return f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"


def report_epochs(figures):
    seconds, rows = figures["seconds"], []
    for name, values in seconds.items():
        reference = seconds[f"{name.split(',')[0]}, ours"]
        rows.append([name, f"{statistics.median(values):.0f}", ratio(values, reference)])
    return f"""## An epoch

The rows of a model have the same optimizer, MAX_LENGTH (500; `imdb_lstm.py`: 400) and, if not
named, batch size. A fifth of the batches was run, in Keras without the dataset autotuner, and their
time multiplied by five. "As in tutorials" is a whole epoch of `fit` with an array of all texts,
padded; at its end, it waits for the autotuner, up to as long as the epoch took.
Data: {"; ".join(dict.fromkeys(figures["sources"]))}.

{tools.table(["model and script", "seconds per epoch", "ratio to ours"], rows)}
"""


def report_accuracy(figures):
    seconds, rows = figures["seconds"], []
    for name, histories in figures["histories"].items():
        late = ["" if max(history) >= ENOUGH else " (not reached)" for history in histories]
        each = ", ".join(f"{value:.0f}{note}" for value, note in zip(seconds[name], late))
        count = ", ".join(str(len(history)) for history in histories)
        best = f"{statistics.mean(map(max, histories)):.1%}"
        rows.append([f"`{name}`", each, count, best, ratio(seconds[name], seconds["imdb_lstm"])])
    head = (
        "recipe",
        "seconds by seed",
        "epochs by seed",
        "best accuracy, mean",
        "ratio to imdb_lstm",
    )
    whole = ", ".join(f"{value:.0f}" for value in seconds["whole run"])
    return f"""## Time to {ENOUGH:.1%} validation accuracy

From the start of the process to the end of the first epoch that reaches this accuracy, or of the
last epoch if none does. The seeds are 1, 2, 3 and so on. Validation is the first tenth of train,
split by movie. `brownlee` and `lab_dropout` train on reviews padded to 500 words.

{tools.table(head, rows)}

A whole run of `imdb_lstm.py`, from the command to the last line: {whole} s.
"""


INTRODUCTION = """# Times

Written by `python -m experiments.benchmark`.

Common scripts (plain) pad all texts to one length. Our batches hold texts of similar length, and
TensorFlow's dataset autotuner is off, because it can delay the end of an epoch. An LSTM computes
one time step after the other, so its matrix products are small; a larger batch makes them larger.
"""
PARTS = {"epochs": (epochs, report_epochs), "accuracy": (accuracy, report_accuracy)}


def write_report(figures):
    """Writes benchmark.md from {part: figures}."""
    sections = [INTRODUCTION]
    for part, stored in figures.items():
        text = PARTS[part][1](stored)
        sections.append(f"{text}\n{stored['machine']}; rounds: {stored['rounds']}.\n")
    tools.write(tools.RESULTS / "benchmark.md", "\n".join(sections))


def main(arguments=None):
    parser = cli.parser(__doc__, prog="python -m experiments.benchmark")
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=", ".join(PARTS) + "; default: all"
    )
    parser.add_argument("--rounds", type=int, default=3)
    options = cli.parse(parser, arguments)
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"there is no part {part!r}; there are {', '.join(PARTS)}")
    tools.require_data("imdb", "reuters")
    figures = json.loads(STORE.read_text()) if STORE.exists() else {}
    for part in options.parts or PARTS:
        machine = tools.machine(tools.versions())
        figures[part] = {"machine": machine, "rounds": options.rounds} | PARTS[part][0](
            options.rounds
        )
        tools.write(STORE, json.dumps(figures, indent=1) + "\n")
    write_report(figures)
    print(f"written: {tools.RESULTS / 'benchmark.md'}")


if __name__ == "__main__":
    cli.start(main)
