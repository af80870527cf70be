"""Runs recipes through the training scripts, several seeds each; rewrites the tables and plots.

    python -m experiments.reproduce                         our defaults and the baselines
    python -m experiments.reproduce brownlee lab_dropout    these recipes
    python -m experiments.reproduce all --seeds 1           all recipes and baselines
    python -m experiments.reproduce --list                  the recipes and their stored figures
    python -m experiments.reproduce --again imdb_lstm       repeat stored runs

A finished run is a line of results/runs.jsonl. A run that is stored with the same code, constants
and data is not repeated without --again, so an interrupted command resumes. Lines of other code,
constants or data are kept and not shown. If the data files differ from those of the stored runs,
only --again writes tables. `store([read_run(folder)])` stores a run of a script.
"""

import collections
import inspect
import json
import pathlib
import statistics

from corpus import DataError, cli, data_file
from corpus.jobs import run_python
from corpus.runs import code_of, constants_of, read
from experiments import baselines, plots, tools
from experiments.baselines import BASELINES
from experiments.recipes import DEFAULTS, PUBLISHED, RECIPES, VARIATIONS, WITHOUT_FIGURE

RUNS = tools.RESULTS / "runs.jsonl"


def identity(name, seed):
    """Returns what a run of a recipe would have today: its code, constants and data."""
    if name in BASELINES:
        text = tools.variant(BASELINES[name][1])
        constants = constants_of(text)
        constants = {key: constants[key] for key in ("DATA_FILE", "VOCAB_SIZE", "MAX_LENGTH")}
        text = inspect.getsource(baselines) + tools.function_text(text, "batches")
    else:
        text = RECIPES[name].text(SEED=seed)
        constants = constants_of(text)
    same = {"recipe": name, "seed": seed, "code": code_of(text), "constants": constants}
    return same | {"fingerprint": data_file.fingerprint(constants["DATA_FILE"])}


def is_current(run):
    """Tells whether today's recipe would repeat this run; without a data file, on any data."""
    today = identity(run["recipe"], run["seed"])
    today["fingerprint"] = today["fingerprint"] or run["fingerprint"]
    return all(run[name] == value for name, value in today.items())


def read_run(folder):
    """Returns a finished run of this machine, a folder in runs/, as a line of runs.jsonl.

    Raises DataError if the run is unfinished, or its code and constants are those of no recipe.
    """
    run = read(folder)
    for name in "folder", "finished", "text", "about", "classes":
        del run[name]
    run["versions"] = {name: text.split()[0] for name, text in run["versions"].items()}
    script, run["machine"] = run.pop("script"), tools.machine(run["versions"])
    for name, recipe in RECIPES.items():
        if recipe.script == script and is_current(run | {"recipe": name}):
            return {"recipe": name} | run
    raise DataError(f"{folder}: no recipe has its code, constants and data.")


def train(name, seed):
    """Runs a recipe in a process and a folder of its own and returns its line of runs.jsonl."""
    with tools.folder_with_data() as folder:

        def call(code):
            run_python(code, folder, PYTHONPATH=str(tools.ROOT))

        if name in BASELINES:
            run = f"run = baselines.run({name!r}, {seed}); json.dump(run, open('run.json', 'w'))"
            call(f"import json; from experiments import baselines; {run}")
            run = json.loads(pathlib.Path(folder, "run.json").read_text())
            run |= {"machine": tools.machine(tools.versions()), "versions": tools.versions()}
            return identity(name, seed) | run
        path = pathlib.Path(folder, f"{RECIPES[name].script}.py")
        path.write_text(RECIPES[name].text(SEED=seed), encoding="utf-8")
        call(f"import runpy; runpy.run_path({path.name!r}, run_name='__main__')")
        return read_run(*pathlib.Path(folder, "runs").iterdir())


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
    newest = {run["constants"]["DATA_FILE"]: run["fingerprint"] for run in stored_runs()}
    for path, stored in newest.items():
        if data_file.fingerprint(path) not in (stored, None):
            raise DataError(
                f"{path} holds other data than the stored runs used. Put those back (see "
                "CONTRIBUTING.md), or repeat all runs with --again."
            )


def store(runs):
    """Adds finished runs to runs.jsonl, each once, and rewrites the tables and plots."""
    lines = [json.dumps(run) + "\n" for run in [*stored_runs(), *runs]]
    tools.write(RUNS, "".join(dict.fromkeys(lines)))
    shown = runs_to_show()
    report(shown)
    plots.draw(shown)


def mean_and_deviation(runs):
    """Returns the mean test accuracy, its standard deviation and the number of seeds."""
    values = [100 * run["test_accuracy"] for run in runs]
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{deviation} ({len(values)})"


def row(runs):
    """Returns the columns that the tables of recipes have in common."""
    each = ", ".join(f"{100 * run['test_accuracy']:.2f}" for run in runs)
    seconds = min(run["seconds"] / run["epochs"] for run in runs)
    epochs = statistics.mean(run["epochs"] for run in runs)
    columns = f"{runs[0]['parameters']:,}", f"{epochs:.1f}", f"{seconds:.0f}"
    return [mean_and_deviation(runs), each, *columns]


def report(runs):
    """Writes results.md from {recipe: runs by seed}."""
    columns = ["test accuracy, % (seeds)", "by seed", "parameters", "epochs", "seconds per epoch"]

    def rows(names, script=""):
        return [[f"`{name}{script}`", *row(runs[name])] for name in filter(runs.get, names)]

    base = []
    for name in filter(runs.get, BASELINES):
        what = BASELINES[name][0].__doc__.splitlines()[0]
        base.append([f"`{name}`", what, mean_and_deviation(runs[name])])
    published = []
    for name in filter(runs.get, PUBLISHED):
        recipe = PUBLISHED[name]
        note = "; ".join(filter(None, (recipe.source, recipe.note)))
        figure, script = recipe.published, f"`{recipe.script}.py`"
        published.append([f"`{name}`", script, figure, *row(runs[name]), note])
    without = [[*line, RECIPES[line[0].strip("`")].source] for line in rows(WITHOUT_FIGURE)]
    everything = [run for group in runs.values() for run in group]
    machines = "; ".join(sorted({run["machine"] for run in everything}))
    sources = "; ".join(sorted({run["source"] for run in everything}))
    text = f"""# Results

Written by `python -m experiments.reproduce`; `python -m experiments.reproduce --again NAME` repeats
the runs of a row. Test accuracy is the mean ± standard deviation over seeds 1, 2, 3 and so on, with
the number of seeds in brackets. One standard error of a test accuracy is 0.2 points on IMDB and 0.8
on Reuters. Seconds per epoch are those of the fastest seed. Other work ran on the
machines, so the seconds of different rows are not comparable. `runs.jsonl` names the machine of
each run. Runs on an H100 used the same scripts on Keras's JAX or PyTorch backend, with a
replacement for `tf.data`.

Machines: {machines}.
Data: {sources}.
(`aclImdb_labelled.tar.gz` contains the labelled reviews and the lists of movies of Stanford's
`aclImdb_v1.tar.gz`.)

Plots: validation accuracy [by epoch](accuracy_by_epoch.png), test accuracy
[against the number of words](accuracy_against_length.png),
[overfitting](../docs/overfitting.png).

## Defaults

{tools.table(["script", *columns], rows(DEFAULTS, ".py"))}

## Baselines

{tools.table(["baseline", "model", columns[0]], base)}

## Variations of the defaults

{tools.table(["recipe", *columns], rows(VARIATIONS))}

## Published recipes

Published: the test accuracy in % that the source gives.

{tools.table(["recipe", "script", "published", *columns, "source and notes"], published)}

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
    parser.add_argument("--list", action="store_true", help="list the recipes and their figures")
    parser.add_argument("--again", action="store_true", help="repeat runs that are stored already")
    options = cli.parse(parser, arguments)
    names = [name.removesuffix(".py") for name in options.recipes] or [*DEFAULTS, *BASELINES]
    names = list(everything) if "all" in names else names
    for name in names:
        if name not in everything:
            parser.error(f"there is no recipe {name!r}; --list names all recipes")
    shown = runs_to_show()
    if options.list:
        for name in everything:
            figure = RECIPES[name].published if name in RECIPES else None
            ours = mean_and_deviation(shown[name]) if name in shown else "-"
            print(f"{name:28} published {figure or '-'!s:6}  ours {ours}")
        return
    tools.require_data("imdb", "reuters")
    if not options.again:
        refuse_other_data()
    jobs = [(name, seed) for seed in range(1, options.seeds + 1) for name in names]
    done = {(run["recipe"], run["seed"]) for runs in shown.values() for run in runs}
    jobs = [job for job in jobs if options.again or job not in done]
    for number, (name, seed) in enumerate(jobs, 1):
        print(f"run {number} of {len(jobs)}: {name}, seed {seed}", flush=True)
        store([train(name, seed)])
    store([])
    print(f"{len(jobs)} runs; written: {tools.RESULTS / 'results.md'}")


if __name__ == "__main__":
    cli.start(main, "finished runs are stored")
