"""Runs recipes through the training scripts, several seeds each; rewrites the tables and the plot.

    python -m experiments.reproduce                         our defaults and the baselines
    python -m experiments.reproduce brownlee lab_dropout    these recipes
    python -m experiments.reproduce all --seeds 1 --jobs 2  all recipes and baselines, two at once
    python -m experiments.reproduce --again imdb_lstm       repeat stored runs

A finished run is a line of results/runs.jsonl. A run that is stored with the same code, constants
and data is not repeated without --again, so an interrupted command resumes. Lines of other code,
constants or data are kept and not shown. If the data files differ from those of the stored runs,
only --again writes tables. A line has, packed into bits, which texts of validation and test were
right. `add(line_of(name, folder))` stores a run.
"""

import base64
import collections
import contextlib
import inspect
import itertools
import json
import math
import os
import pathlib
import runpy
import statistics
import tempfile
import zlib

import numpy as np

from compare import interval
from corpus import DataError, classes, cli, data_file, jobs, runs
from corpus.runs import code_of, constants_of
from experiments import baselines, plots, tools
from experiments.baselines import BASELINES
from experiments.recipes import DEFAULTS, FOLDS, PUBLISHED, RECIPES, VARIATIONS, WITHOUT_FIGURE

RUNS = tools.RESULTS / "runs.jsonl"
FUNCTIONS = "original_load_data", "load_data", "batches"


def identity(name, seed):
    """Returns what a run of a recipe would have today: its code, constants and data."""
    if name in BASELINES:
        text = tools.variant(BASELINES[name][1])
        constants = constants_of(text)
        constants = {key: constants[key] for key in ("DATA_FILE", "VOCAB_SIZE", "MAX_LENGTH")}
        text = inspect.getsource(baselines) + runs.function_text(text, "batches")
    else:
        text = RECIPES[name].text(SEED=seed)
        constants = constants_of(text)
    same = {"recipe": name, "seed": seed, "code": code_of(text), "constants": constants}
    same["fingerprint"] = data_file.fingerprint(constants["DATA_FILE"], reads_vectors(name))
    return same | {"vectors": runs.vectors_of(constants)}


def reads_vectors(name):
    """Tells whether a recipe or baseline reads the word vectors of the data file."""
    if name in RECIPES:
        return RECIPES[name].stored
    return BASELINES[name][0] is baselines.feedforward


def is_current(run):
    """Tells whether today's recipe would repeat this run; without its files, on any data."""
    today = identity(run["recipe"], run["seed"])
    for name in "fingerprint", "vectors":
        today[name] = today[name] or run.get(name)
    return all(run.get(name) == value for name, value in today.items())


def line_of(name, folder):
    """Returns a finished run of a recipe, a folder in runs/, as a line of runs.jsonl.

    Raises DataError if it is unfinished, or its code, constants or data are not the recipe's.
    """
    run = runs.read(folder)
    kept, today = classes.read(run), data_file.fingerprint(run["constants"]["DATA_FILE"])
    for key in "folder", "finished", "script", "text", "about", "classes":
        del run[key]
    if kept:
        run["right"] = {part: pack(kept[part] == kept[f"{part}_true"]) for part in ("val", "test")}
    run["versions"] = {key: text.split()[0] for key, text in run["versions"].items()}
    run["machine"] = tools.machine(run["versions"])
    same = {"recipe": name, "fingerprint": identity(name, run["seed"])["fingerprint"]}
    if run["fingerprint"] != today or not is_current(run | same):
        raise DataError(f"{folder} is not a run of {name}")
    return run | same


def pack(right):
    """Returns an array of truth values as a short text."""
    bits = base64.b64encode(zlib.compress(np.packbits(right).tobytes(), 9)).decode()
    return f"{len(right)} {bits}"


def unpack(text):
    """Returns the array that `pack` packed."""
    count, bits = text.split()
    bits = np.frombuffer(zlib.decompress(base64.b64decode(bits)), "uint8")
    return np.unpackbits(bits, count=int(count)).astype(bool)


def train(name, seed):
    """Runs a recipe in this process, in a folder of its own, and adds its line to runs.jsonl."""
    data = os.path.abspath("data")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        os.symlink(data, "data")
        if name in BASELINES:
            run, right = baselines.run(name, seed)
            run |= identity(name, seed) | {"right": {"test": pack(right)}}
            run |= {"machine": tools.machine(tools.versions()), "versions": tools.versions()}
        else:
            path = pathlib.Path(f"{RECIPES[name].script}.py")
            path.write_text(RECIPES[name].text(SEED=seed), encoding="utf-8")
            runpy.run_path(path.name, run_name="__main__")
            [path] = pathlib.Path("runs").iterdir()
            run = runs.read(path)
            texts = [runs.function_text(run["text"], name) or "" for name in FUNCTIONS]
            classes.classify([path], ["\n\n".join(texts)], [run["constants"]])
            run = line_of(name, path)
    add(run)


def add(run):
    """Adds a line to runs.jsonl in one call, since other processes may do so at the same time."""
    with RUNS.open("ab", buffering=0) as file:
        file.write(f"{json.dumps(run)}\n".encode())


def stored_runs():
    """Returns the lines of runs.jsonl as dicts."""
    lines = RUNS.read_text(encoding="utf-8").splitlines() if RUNS.exists() else []
    return [json.loads(line) for line in lines]


def runs_to_show():
    """Returns {recipe: its current runs by seed}; of equal runs, the last."""
    groups = collections.defaultdict(dict)
    for run in stored_runs():
        if run["recipe"] in RECIPES | BASELINES and is_current(run):
            groups[run["recipe"]][run["seed"]] = run
    names = [name for name in RECIPES | BASELINES if name in groups]
    return {name: [groups[name][seed] for seed in sorted(groups[name])] for name in names}


def refuse_other_data():
    """Raises DataError where a data file is not that of the newest stored runs."""
    newest = {}
    for run in stored_runs():
        if run["recipe"] in RECIPES | BASELINES:
            key = run["constants"]["DATA_FILE"], reads_vectors(run["recipe"])
            newest[key] = run["fingerprint"]
    for key, fingerprint in newest.items():
        if data_file.fingerprint(*key) not in (fingerprint, None):
            reason = "holds other data than the stored runs used: put those back, or --again"
            raise DataError(f"{key[0]} {reason}")


def write():
    """Writes the tables and the plot."""
    shown = runs_to_show()
    report(shown)
    plots.draw(shown)


def mean_and_deviation(same):
    """Returns the mean test accuracy, its standard deviation and the number of seeds.

    Marked are runs with word vectors that were made without the unlabelled texts.
    """
    values = [100 * run["test_accuracy"] for run in same]
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{deviation} ({len(values)}){' †' * is_earlier(same)}"


def is_earlier(same):
    """Tells whether word vectors of runs were made without the unlabelled reviews."""
    reads = reads_vectors(same[0]["recipe"]) or "VECTORS_FILE" in same[0]["constants"]
    return bool(reads) and any("unlabelled" not in run["source"] for run in same)


def row(same):
    """Returns the columns that the tables of recipes have in common."""
    each = ", ".join(f"{100 * run['test_accuracy']:.2f}" for run in same)
    seconds = [run["seconds"] / run["epochs"] for run in same if run["device"] == "CPU"]
    epochs = statistics.mean(run["epochs"] for run in same)
    columns = (
        f"{same[0]['parameters']:,}",
        f"{epochs:.1f}",
        f"{min(seconds):.0f}" if seconds else "-",
    )
    return [mean_and_deviation(same), each, *columns]


def difference(same, base):
    """Returns the difference in mean test accuracy as text, with its 95% interval, in points."""
    paired = all("right" in run for run in [*same, *base])

    def figures(run):
        right = {"right": unpack(run["right"]["test"])} if paired else {}
        return {"test_accuracy": run["test_accuracy"]} | right

    pair = [list(map(figures, group)) for group in (same, base)]
    means = [statistics.mean(run["test_accuracy"] for run in group) for group in pair]
    low, high = interval(*pair, accuracy="test_accuracy")
    limits = "" if math.isnan(low) else f" ({100 * low:+.1f} to {100 * high:+.1f})"
    return f"{100 * (means[0] - means[1]):+.1f}{limits}"


def default_of(name):
    """Returns the default with which a recipe is compared, None without one."""
    script = RECIPES[name].script
    if name in DEFAULTS and script != "reuters_rnn":
        script = "imdb_lstm"
    return script if script in DEFAULTS and script != name else None


def report(shown):
    """Writes results.md from {recipe: runs by seed}."""
    columns = ["test accuracy, % (seeds)", "by seed", "parameters", "epochs", "seconds per epoch"]

    def rows(recipes, *more):
        """Returns the rows of a table; `more`: functions of a recipe's name, a column each."""
        names = filter(shown.get, recipes)
        return [[f"`{name}`", *row(shown[name]), *(cell(name) for cell in more)] for name in names]

    def compared(name):
        base = shown.get(default_of(name))
        return difference(shown[name], base) if base and not is_earlier(shown[name]) else ""

    base = []
    for name in filter(shown.get, BASELINES):
        what = BASELINES[name][0].__doc__.splitlines()[0]
        line = [f"`{name}`", what, mean_and_deviation(shown[name])]
        chosen = "; ".join(dict.fromkeys(run.get("chosen", "") for run in shown[name]))
        network = "reuters_rnn" if "reuters" in name else "imdb_lstm"
        same = shown[name] * (2 if len(shown[name]) == 1 else 1)  # no seed changes it
        base.append([*line, chosen, difference(shown[network], same)])
    folds = []
    for script in dict.fromkeys(recipe.script for recipe in FOLDS.values()):
        same = [shown[name][0] for name in FOLDS if name in shown and script in name]
        for part in ("val", "test") if len(same) == 5 else ():
            values = [100 * run[f"{part}_accuracy"] for run in same]
            each = ", ".join(f"{value:.2f}" for value in values)
            mean = f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"
            folds.append([f"`{script}`", {"val": "validation"}.get(part, part), mean, each])
    movie_folds = ""
    if folds:
        movie_folds = f"""## Movie folds

Each fifth of train is validation once, with seed 1 and without the unlabelled reviews; no movie is
in two fifths. Mean ± standard deviation over the fifths.

{tools.table(["script", "part", "accuracy, %", "by fifth"], folds)}

"""
    everything = [run for group in shown.values() for run in group]
    machines = "; ".join(sorted({run["machine"] for run in everything}))
    sources = "; ".join(sorted({run["source"] for run in everything}))
    without = rows(WITHOUT_FIGURE, lambda name: RECIPES[name].source)
    published = rows(
        PUBLISHED,
        lambda name: PUBLISHED[name].published or "",
        lambda name: "; ".join(filter(None, (PUBLISHED[name].source, PUBLISHED[name].note))),
    )
    text = f"""# Results

Written by `python -m experiments.reproduce`; `python -m experiments.reproduce --again NAME` repeats
the runs of a row. Test accuracy is the mean ± standard deviation over seeds 1, 2, 3 and so on, with
the number of seeds in brackets. One standard error of a test accuracy is 0.2 points on IMDB and 0.8
on Reuters ([more of the test sets](test_sets.md)). Differences of means are in points, with the 95%
interval of compare.py: it covers other seeds and, where `runs.jsonl` has the texts that were right,
other texts. Each interval stands alone: of twenty, one may miss by chance. Seconds per epoch are
those of the fastest seed on a CPU. Other work ran on the machines, so the seconds of different rows
are not comparable. Runs on an H100 used Keras's JAX or PyTorch backend.
†: word vectors from train alone, without the unlabelled texts of the archives.

Runs of defaults and variations choose their epoch by the loss on validation; published recipes
train for all epochs, with the constants of their sources. Most of our constants were chosen by
validation, as [search.md](search.md) says; it also says which test accuracies were known by then.
EPOCHS was not, nor were the constants of the feedforward baselines.

Machines: {machines}.
Data: {sources}.
(`aclImdb_with_unsup.tar.gz` is laid out as Stanford's `aclImdb_v1.tar.gz`;
`aclImdb_labelled.tar.gz` has no unlabelled reviews.)

## Defaults

{tools.table(["script", *columns, "difference from `imdb_lstm`"], rows(DEFAULTS, compared))}

## Baselines

They train on the same texts as the networks. The last column is the network's accuracy minus that
of the baseline, of `imdb_lstm` or `reuters_rnn`. Without the Reuters test texts that are in train
[no difference from the linear SVM was found](test_sets.md#reuters-test-texts-that-are-in-train).

{tools.table(["baseline", "model", columns[0], "chosen on validation", "difference"], base)}

## Variations of the defaults

{tools.table(["recipe", *columns, "difference from the script"], rows(VARIATIONS, compared))}

{movie_folds}## Published recipes

Published: the test accuracy in % that the source gives.

{tools.table(["recipe", *columns, "published", "source and notes"], published)}

## Published recipes without a figure

One seed each. The figures say nothing about the sources.

{tools.table(["recipe", *columns, "source"], without)}
"""
    tools.write(tools.RESULTS / "results.md", text)


def main(arguments=None):
    everything = RECIPES | BASELINES
    parser = cli.parser(__doc__, prog="python -m experiments.reproduce")
    parser.add_argument("recipes", nargs="*", metavar="NAME", help="recipe, baseline, or `all`")
    parser.add_argument("--seeds", type=int, default=3, help="how many; default: 3")
    parser.add_argument("--again", action="store_true", help="repeat runs that are stored already")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once; default: 1")
    options = cli.parse(parser, arguments)
    names = [name.removesuffix(".py") for name in options.recipes] or [*DEFAULTS, *BASELINES]
    names = list(everything) if "all" in names else names
    if unknown := [name for name in names if name not in everything]:
        parser.error(f"there is no recipe {unknown[0]!r}. Recipes: {', '.join(everything)}")
    shown = runs_to_show()
    tools.require_data("imdb", "reuters")
    if not options.again:
        refuse_other_data()
    stored = {(run["recipe"], run["seed"]): run["seconds"] for run in stored_runs()}
    done = {(run["recipe"], run["seed"]) for same in shown.values() for run in same}
    todo = []
    for seed, name in itertools.product(range(1, options.seeds + 1), names):
        if options.again or (name, seed) not in done:
            code = f"import sys; sys.path.insert(0, {str(tools.ROOT)!r})\n"
            code += f"from experiments import reproduce; reproduce.train({name!r}, {seed})"
            seconds = stored.get((name, seed))
            todo.append(jobs.Job(f"{name}, seed {seed}", name, code, seconds))
    done = len(todo)
    write()
    for _, reason in jobs.run_all(todo, jobs.Machine(options.jobs), "."):
        done -= bool(reason)
        write()
    print(f"{done} runs; written: {tools.RESULTS / 'results.md'}")
    if done < len(todo):
        raise DataError("some runs failed; the same command repeats them")


if __name__ == "__main__":
    cli.start(main, "finished runs are stored")
