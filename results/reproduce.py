"""Runs recipes through the training scripts, several seeds each, and rewrites results/results.md and the plots.

    python results/reproduce.py                              our five defaults and the baselines
    python results/reproduce.py brownlee lab_dropout         these recipes
    python results/reproduce.py all --seeds 1                everything
    python results/reproduce.py --list                       the recipes and the figures they have reached
    python results/reproduce.py --again imdb_lstm            also what is stored already

Each finished run is a line of results/runs.jsonl with its recipe, seed, constants, versions, machine, seconds,
accuracy, loss and history. A run that is there, of the same code and the same constants, is not repeated without
--again: an interrupted command goes on where it was. (Where code changes without an effect on figures, its new hash is
entered into the stored runs.) The recipes are in presets.py, the baselines in baselines.py.
"""

import argparse
import ast
import collections
import csv
import hashlib
import io
import json
import os
import statistics
import sys
import time
import tokenize

import baselines
import keras
import numpy as np
import plots
from presets import DEFAULTS, PRESETS, PUBLISHED, VARIATIONS
from tools import (
    FOLDER,
    ROOT,
    configure,
    folder_with_data,
    machine,
    read_json,
    run_process,
    start_program,
    table,
    write,
)

RUNS = FOLDER / "runs.jsonl"
BASELINES = {
    f"{function.__name__}_{data}": (function, data) for data, row in baselines.BASELINES.items() for function in row
}
SCRIPT_OF = {"imdb": "imdb_lstm", "reuters": "reuters_rnn"}


# Functions of the scripts that no figure depends on.
WITHOUT_EFFECT = "check_constants", "print_topics"


def code_of(path):
    """Returns a hash of the code that figures depend on, without comments, docstrings and the values of constants.

    It is one of lines of text, since what `ast.dump` and `ast.unparse` give depends on the version of Python.
    """
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    tree = ast.parse(text)
    left_out = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and node.name in WITHOUT_EFFECT
        or isinstance(node, ast.Assign)
        and node.targets[0].id.isupper()
    ]
    left_out += [
        node.body[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node)
    ]
    for node in left_out:
        lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    code = "\n".join(line.rstrip() for line in lines if line.strip())
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def identity(name, seed):
    """Returns what makes a run of a recipe the same run: a dict that can be compared with a line of runs.jsonl."""
    if name in BASELINES:
        script = configure(SCRIPT_OF[BASELINES[name][1]], {})
        constants = {name: getattr(script, name) for name in ("VOCAB_SIZE", "MAX_LENGTH", "PADDING", "BATCH_SIZE")}
        return {"recipe": name, "seed": seed, "code": code_of(FOLDER / "baselines.py"), "constants": constants}
    preset = PRESETS[name]
    constants = configure(preset.script, {}).defaults | preset.constants | {"SEED": seed}
    code = code_of(ROOT / f"{preset.script}.py")
    return json.loads(json.dumps({"recipe": name, "seed": seed, "code": code, "constants": constants}))


def train(name, seed):
    """Runs a recipe once, in this process and the current folder, and returns its figures."""
    if name in BASELINES:
        function, data = BASELINES[name]
        parts, test, *_, source = configure(SCRIPT_OF[data], {}).load_data()
        start = time.perf_counter()
        accuracy = float(function(parts, test, seed))
        return {"source": source, "test_accuracy": accuracy, "seconds": time.perf_counter() - start}
    preset = PRESETS[name]
    module = configure(preset.script, preset.constants | {"SEED": seed})
    module.main()
    with open(f"runs/{preset.script}/result.json") as file:
        result = json.load(file)
    with open(f"runs/{preset.script}/history.csv") as file:
        rows = list(csv.DictReader(file))
    figures = ("source", "test_accuracy", "test_loss", "epochs", "seconds", "parameters", "device", "versions")
    run = {figure: result[figure] for figure in figures}
    run["history"] = {column: [float(row[column]) for row in rows] for column in rows[0] if column != "epoch"}
    if preset.script == "reuters_rnn":
        (_, y_train), (texts, labels), *_ = module.load_data()
        model = keras.models.load_model("runs/reuters_rnn/model.keras")
        pairs = [(model.predict_on_batch(ids).argmax(axis=-1), topics) for ids, topics in module.batches(texts, labels)]
        predicted, actual = map(np.concatenate, zip(*pairs))
        run["topics"] = {
            topic: [int(np.sum(y_train == number)), float(np.mean(predicted[actual == number] == number))]
            for number, topic in enumerate(result["classes"])
            if number in actual
        }
    return run


def run_in_process(name, seed):
    """Runs a recipe once, in a process and a folder of its own, and returns its figures."""
    code = f"import json, reproduce; json.dump(reproduce.train({name!r}, {seed}), open('run.json', 'w'))"
    with folder_with_data() as folder:
        if run_process([sys.executable, "-c", code], folder).returncode:
            sys.exit(f"{name}, seed {seed}, failed.")
        with open(os.path.join(folder, "run.json")) as file:
            return json.load(file)


def stored_runs():
    """Returns the lines of runs.jsonl as dicts."""
    lines = RUNS.read_text(encoding="utf-8").splitlines() if RUNS.exists() else []
    return [read_json(line, RUNS) for line in lines]


def current_runs():
    """Returns {recipe: [run of each seed]} of the stored runs that today's code and constants would repeat."""
    groups = collections.defaultdict(dict)
    for run in stored_runs():
        name = run["recipe"]
        if name in PRESETS or name in BASELINES:
            same = identity(name, run["seed"])
            if all(run[key] == value for key, value in same.items()):
                groups[name][run["seed"]] = run
    return {name: [runs[seed] for seed in sorted(runs)] for name, runs in groups.items()}


def mean_and_deviation(runs):
    values = [100 * run["test_accuracy"] for run in runs]
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{deviation} ({len(values)})"


def row(name, runs):
    """Returns the columns that all tables share."""
    each = ", ".join(f"{100 * run['test_accuracy']:.2f}" for run in runs)
    seconds = min(run["seconds"] / run["epochs"] for run in runs)
    passes = statistics.mean(run["epochs"] for run in runs)
    return [mean_and_deviation(runs), each, f"{runs[0]['parameters']:,}", f"{passes:.1f}", f"{seconds:.0f}"]


def report(runs):
    """Writes results.md."""
    columns = ["test accuracy, % (seeds)", "by seed", "parameters", "epochs", "seconds an epoch"]
    command = "`python results/reproduce.py {}`"
    defaults = [[f"`{name}.py`", *row(name, runs[name]), command.format(name)] for name in DEFAULTS if name in runs]
    base = [
        [name, baselines.__dict__[name.rpartition("_")[0]].__doc__.splitlines()[0], mean_and_deviation(runs[name])]
        for name in BASELINES
        if name in runs
    ]
    varied = [[f"`{name}`", *row(name, runs[name]), command.format(name)] for name in VARIATIONS if name in runs]
    published = []
    for name, preset in PUBLISHED.items():
        if name in runs:
            ours, *rest = row(name, runs[name])
            figure = preset.published or "none"
            remark = "; ".join(part for part in (preset.source, preset.note) if part)
            published.append([f"`{name}`", f"`{preset.script}.py`", figure, ours, *rest, command.format(name), remark])
    machines = "; ".join(sorted({run["machine"] for group in runs.values() for run in group}))
    sources = "; ".join(sorted({run["source"] for group in runs.values() for run in group}))
    text = f"""# What the scripts reach

Made by `python results/reproduce.py`. Test accuracy as mean ± standard deviation over seeds 1, 2, 3 and so on, of which
there are as many as the number in brackets says. One standard error of a test accuracy is 0.2 points on IMDB and 0.8 on
Reuters. Seconds an epoch are those of the fastest seed, since the machines were shared with other work; seed 1 of our
defaults had two cores to itself, most other runs one core.

Machines: {machines}. Data: {sources}.
(`aclImdb_labelled.tar.gz` holds the labelled reviews of Stanford's `aclImdb_v1.tar.gz` and the lists of their movies.)

Plots: validation accuracy [against time](accuracy_against_time.png), the recall of Reuters's topics [against their
frequency](recall_against_frequency.png), accuracy [against the words kept](accuracy_against_length.png), and
[over-fitting](overfitting.png).

## Our defaults

{table(["script", *columns, "command"], defaults)}

## What they have to beat

{table(["baseline", "what it is", "test accuracy, % (seeds)"], base)}

## Variations

{table(["recipe", *columns, "command"], varied)}

## Published recipes

Recipes without a published figure are variants that were published without one, or with an approximate one. What the
constants cannot say stands in the remarks.

{table(["recipe", "script", "published", *columns, "command", "source and remarks"], published)}
"""
    write(FOLDER / "results.md", text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help="what to run; `all` for all; --list names them")
    parser.add_argument("--seeds", type=int, default=3, help="how many: 1, 2 and so on (default: 3)")
    parser.add_argument("--list", action="store_true", help="list the recipes and their figures, and run nothing")
    parser.add_argument("--again", action="store_true", help="repeat runs that are stored already")
    arguments = parser.parse_args()
    everything = [*PRESETS, *BASELINES]
    names = arguments.recipes or [*DEFAULTS, *BASELINES]
    names = everything if "all" in names else names
    for name in names:
        if name not in everything:
            parser.error(f"there is no recipe {name!r}; --list names them all")
    if arguments.seeds < 1:
        parser.error("--seeds must be 1 or more")
    runs = current_runs()
    if arguments.list:
        for name in everything:
            published = name in PRESETS and PRESETS[name].published or "-"
            ours = mean_and_deviation(runs[name]) if name in runs else "-"
            print(f"{name:28} published {published!s:6}  ours {ours}")
        return
    for data in "imdb", "reuters":
        if not os.path.exists(f"data/{data}.npz"):
            sys.exit(f"There is no data/{data}.npz: run download_{data}.py.")

    known = collections.defaultdict(list)
    for run in stored_runs():
        known[run["recipe"]].append(run["seconds"])
    jobs = [(name, seed) for seed in range(1, arguments.seeds + 1) for name in names]
    if not arguments.again:
        jobs = [(name, seed) for name, seed in jobs if seed not in [run["seed"] for run in runs.get(name, [])]]
    if not jobs:
        print("These runs are stored already; --again repeats them.")
    for number, (name, seed) in enumerate(jobs):
        usual = statistics.mean([second for seconds in known.values() for second in seconds] or [120])
        left = sum(statistics.mean(known[other]) if other in known else usual for other, _ in jobs[number:])
        print(f"run {number + 1} of {len(jobs)}: {name}, seed {seed}; about {left / 60:.0f} minutes left", flush=True)
        run = identity(name, seed) | {"machine": machine()} | run_in_process(name, seed)
        known[name].append(run["seconds"])
        write(RUNS, "".join(json.dumps(run) + "\n" for run in [*stored_runs(), run]))
        runs = current_runs()
        report(runs)
    report(runs)
    plots.draw(runs)
    print(f"Written: {FOLDER / 'results.md'}")


if __name__ == "__main__":
    start_program(main)
