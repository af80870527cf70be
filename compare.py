# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = [
#     "tensorflow>=2.20,<2.22", "numpy>=2.0,<3",
#     "pandas>=2.2,<4", "matplotlib>=3.8,<4", "scipy>=1.13,<2", "distributed>=2025.1",
# ]
# ///
"""Trains variants of the training scripts and compares them.

    python compare.py reuters_rnn CELL=LSTM,GRU SEED=1,2,3
    python compare.py imdb_lstm,imdb_cnn_lstm LSTM_UNITS=32,64 EPOCHS=3
    python compare.py imdb_lstm SEED=1,2,3 --jobs 2               two runs side by side
    python compare.py                                             all finished runs

Each combination without a finished run in runs/ is trained in its own process, as if the constants
had been edited. The same command again trains only what is missing; Ctrl-C loses only the runs in
progress. A run is reused if its constants, the fingerprint of its data, its file of word vectors,
Keras's backend and the script (code.py, without comments, docstrings and the constants' values) are
unchanged; of runs with equal seeds the newest counts. Values are Python literals or words: CELL=GRU
'UNITS=(64,),(32,32)' (the shell needs the quotes). For a change that no constant expresses, edit a
copy of the script and name both: SCRIPT,COPY.

Draws validation accuracy and loss by epoch into compare.png, which it replaces, and prints a table
with one row per variant: validation figures of the best epoch; parameters, including frozen word
vectors; s/epoch with validation. "difference" is the validation accuracy minus that of the best
variant, in points, with a 95% confidence interval; "=" marks one that includes 0. It covers other
seeds (Welch's variance) and, where the runs have model and data, other texts (differences on the
same texts); the sum of both is that of min F', which is somewhat too wide (Clark 1973,
https://doi.org/10.1016/S0022-5371(73)80014-3). It is corrected for the number of variants
(Bonferroni), but the best is chosen after the fact: of many equal variants, more than 5% of the
tables may mark one.

A run takes 16 MB (EMBEDDING_DIM 128) to 32 MB (256), nearly all of it model.keras, which may be
deleted: predict.py and report.py skip such a run, compare.py still shows it.
"""

import ast
import collections
import itertools
import json
import math
import os
import pathlib
import re
import statistics
import sys
import warnings

import numpy as np

from corpus import DataError, classes, cli, data_file, jobs, runs

try:
    import pandas
    from matplotlib.figure import Figure
    from scipy import stats
except ImportError as error:
    if __name__ == "__main__":
        sys.exit(f"{error}. Install it: python -m pip install -r requirements-tools.txt")
    raise

FIGURES = ["val_loss", "val_accuracy", "test_accuracy", "parameters", "epochs"]
STYLES = ["o-", "s--", "^-.", "v:", "D-", "x--", "P-.", "*:"]  # told apart in print too
EXPLANATION = """
Sorted by validation accuracy: choosing by test accuracy would make the test accuracy of the choice
too high. ±: standard deviation over seeds. =: not distinguishable from the best (the 95% interval
includes 0)."""


# --- What is compared ---------------------------------------------------------------------------


def read_script(name):
    """Returns the constants and the text of a training script in the current folder.

    The script is read, not run: importing TensorFlow would take seconds.
    """
    path = pathlib.Path(f"{name}.py")
    if not path.exists() or path.name != str(path):
        paths = pathlib.Path().glob("*.py")
        names = sorted(path.stem for path in paths if b"\ndef build_model(" in path.read_bytes())
        raise DataError(f"there is no script {path} here. Scripts: {', '.join(names) or 'none'}")
    try:
        text = path.read_text(encoding="utf-8")
        constants = runs.constants_of(text)
    except SyntaxError as error:
        raise DataError(f"{path}, line {error.lineno}: {error.msg}") from None
    except (ValueError, DataError) as error:
        raise DataError(f"{path}, {error}") from None
    for constant in "DATA_FILE", "VALIDATION_SIZE", "SEED":
        if constant not in constants:
            raise DataError(f"{path} is not a training script: it has no constant {constant}")
    return constants, text


def values_of(text):
    """Returns the values in "1,2,3", "(64,),(32,32)" or "GRU,LSTM" as a list."""
    try:
        values = ast.literal_eval(f"[{text}]")
    except (ValueError, SyntaxError):
        values = [value_of(word.strip()) for word in text.split(",") if word.strip()]
    if not isinstance(values, list) or math.inf in values or -math.inf in values:
        raise DataError(f"{text} is too large, or not a list of values")
    return [value for n, value in enumerate(values) if value not in values[:n]]


def value_of(word):
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError):
        if not re.fullmatch(r"[\w./\\:~ -]+", word):
            raise DataError(f"{word!r} is not a value. Examples: 64  0.5  (64,)  GRU") from None
        return word


def check_values(script, constants, name, text):
    """Raises DataError unless a script has a constant of this name and of its values' kind."""
    if name not in constants:
        raise DataError(
            f"{script}.py has no constant {name}. It has: {', '.join(constants)}. For "
            "what no constant says, such as another layer, copy the script and edit the copy: "
            f"python compare.py {script},COPY"
        )

    def kind(value):
        return float if type(value) is int else type(value)

    default = constants[name]
    if type(default) is float and re.fullmatch(r"\d+,\d+", text):  # 0,1 for 0.1
        dot, two = text.replace(",", "."), text.replace(",", ".0,") + ".0"
        raise DataError(f"{name}={text} is two values. Write {name}={dot}, or {name}={two} for two")
    for value in values_of(text):
        fraction = type(default) is int and default > 1 and type(value) is float  # EPOCHS=2.5
        if (kind(value) != kind(default) or fraction) and None not in (value, default):
            example = f"{name}={show(default)}"
            raise DataError(f"{name}={value}: write it like the value in {script}.py, {example}")


Combination = collections.namedtuple("Combination", "run title changes text")


def combinations(arguments):
    """Returns the Combinations that a command line names.

    `run` is what the run will have (script, code, constants, data, backend); `changes`, the
    constants to set; `text`, that of the script. Raises DataError for an unknown script or constant
    and for a value that cannot be meant.
    """
    names = ",".join(argument for argument in arguments if "=" not in argument).split(",")
    scripts = [os.path.normpath(name).removesuffix(".py") for name in names if name]
    if not scripts:
        raise DataError("name a script, for example: python compare.py imdb_lstm SEED=1,2,3")
    texts = {}
    for name, _, text in (argument.partition("=") for argument in arguments if "=" in argument):
        if name in texts:
            raise DataError(f"{name} is given twice; separate values by commas: {name}=1,2")
        if not name or not text.strip(", "):
            raise DataError(f"{name}={text}: the name or the value is missing")
        texts[name] = text
    wanted = []
    for script in dict.fromkeys(scripts):
        constants, text = read_script(script)
        for name in texts:
            check_values(script, constants, name, texts[name])
        for values in itertools.product(*map(values_of, texts.values())):
            changes = dict(zip(texts, values))
            everything = json.loads(json.dumps(constants | changes))  # as result.json has it
            run = {"script": script, "code": runs.code_of(text), "constants": everything}
            run |= {"fingerprint": data_file.fingerprint(everything["DATA_FILE"])}
            run |= {"backend": os.environ.get("KERAS_BACKEND", "tensorflow")}
            run |= {"vectors": runs.vectors_of(everything)}
            title = " ".join([script, *(f"{name}={show(changes[name])}" for name in changes)])
            wanted.append(Combination(run, title, changes, text))
    return wanted


def finished_runs(wanted, compute=True):
    """Returns the finished runs; computes the classes of the `wanted` ones, or of all, before."""
    finished = runs.read_all()
    if compute:
        chosen = [combination.run for combination in wanted] or [{}]
        classes.add([run for run in finished if any(matches(run, each) for each in chosen)])
    classes.check(finished)
    return finished


def matches(run, wanted):
    return all(run[name] == value for name, value in wanted.items())


def show(value):
    """Returns a value as it is typed on the command line."""
    value = tuple(value) if isinstance(value, list) else value  # from JSON
    return str(value).replace(" ", "")


def without_edited(finished):
    """Returns the runs whose data file is not edited, and a DataError for the others, or None."""
    edited = {}  # its runs name the data from before, whether they were trained before or after
    for path in {run["constants"]["DATA_FILE"] for run in finished if run["fingerprint"]}:
        try:
            data_file.fingerprint(path)
        except data_file.EditedError as error:
            edited[path] = error
        except DataError:
            pass  # it is damaged: no run was trained on it
    usable = [run for run in finished if run["constants"]["DATA_FILE"] not in edited]
    reasons = [f"{error} Its runs are not shown." for error in edited.values()]
    return usable, DataError("\n".join(reasons)) if reasons else None


# --- Table and plot -------------------------------------------------------------------------------


def frame_of(finished):
    """Returns a pandas.DataFrame with a row for each run: the columns `run`, a dict; `table`, the
    data and validation texts; script, code, seed, figures; each constant but SEED, as text.

    Runs without validation join the first table with their data.
    """
    rows, sizes = [], {}  # sizes of validation: the first of each data
    for run in finished:
        data, size = runs.data_of(run), run["constants"]["VALIDATION_SIZE"]
        sizes[data] = sizes.get(data) or size
        row = {name: show(value) for name, value in run["constants"].items() if name != "SEED"}
        row |= {name: run.get(name) for name in FIGURES}
        row |= {"run": run, "script": run["script"], "code": run["code"], "seed": run["seed"]}
        rows.append(row | {"table": (data, size), "seconds": run["seconds"] / run["epochs"]})
    frame = pandas.DataFrame(rows)
    frame[FIGURES] = frame[FIGURES].astype(float)
    frame["table"] = [(data, size or sizes[data]) for data, size in frame["table"]]
    return frame


def different(frame):
    """Returns the columns in which runs of a script differ: constants, and `code`."""
    columns = [name for name in frame if name.isupper() or name == "code"]
    counts = frame.groupby("script")[columns].nunique(dropna=False).max()
    return [name for name in columns if counts[name] > 1]


def interval(same, best, comparisons=1, accuracy="val_accuracy"):
    """Returns the limits of the 95% interval of the difference in accuracy, NaN if undefined.

    Args: `same` and `best`, the runs of two variants, one a seed; `comparisons`, how many variants
    are compared with the best; `accuracy`, its key. The variance over seeds is Welch's. That over
    texts is added where all runs have `right`, which texts were classified correctly; the degrees
    of freedom are those of Clark's min F' (1973). No limit is beyond an accuracy of 0 or 1.
    """
    groups = [[run[accuracy] for run in group] for group in (same, best)]
    if min(map(len, groups)) < 2 or not max(map(np.ptp, groups)) > 0:
        return math.nan, math.nan
    means = [np.mean(values) for values in groups]
    variance = sum(np.var(values, ddof=1) / len(values) for values in groups)
    with warnings.catch_warnings(action="ignore"):  # scipy's, of equal values in a group
        freedom = stats.ttest_ind(*groups, equal_var=False).df
    if all(run.get("right") is not None for run in [*same, *best]):
        right = [np.mean([run["right"] for run in group], axis=0) for group in (same, best)]
        differences = right[0] - right[1]
        texts, count = np.var(differences, ddof=1) / len(differences), len(differences) - 1
        freedom = (variance + texts) ** 2 / (variance**2 / freedom + texts**2 / count)
        variance += texts
    half = stats.t.ppf(1 - 0.025 / comparisons, freedom) * math.sqrt(variance)
    difference = means[0] - means[1]
    return max(difference - half, -means[1]), min(difference + half, 1 - means[1])


def tabulate(frame):
    """Returns a row for each variant of one table, the best first; accuracies are fractions.

    The column `runs` has the runs of the variant, one a seed; without validation, or if a run
    diverged, a variant is last and has no difference.
    """
    keys = ["script", *different(frame)]
    rows = []
    for values, same in frame.groupby(keys, sort=False, dropna=False):
        same = same.drop_duplicates("seed", keep="last").sort_values("seed")
        row = dict(zip(keys, values)) | {"seeds": ",".join(map(str, same["seed"]))}
        for name in "val_loss", "val_accuracy", "test_accuracy":
            row |= {name: same[name].mean(skipna=False), f"{name}_sd": same[name].std()}
        row |= {"parameters": same["parameters"].iloc[-1], "epochs": same["epochs"].mean()}
        row |= {"seconds_per_epoch": same["seconds"].mean(), "runs": list(same["run"])}
        losses = [run.get("val_loss", run["loss"]) for run in same["run"]]
        rows.append(row | {"diverged": not all(map(math.isfinite, losses))})
    table = pandas.DataFrame(rows)
    order = table.assign(without=table["val_accuracy"].isna(), error=1 - table["val_accuracy"])
    order = order.sort_values(["without", "diverged", "error", "val_loss"]).index
    table = table.loc[order].reset_index(drop=True)
    ranked = table["val_accuracy"].notna() & ~table["diverged"]
    table["low"] = table["high"] = math.nan
    table["difference"] = (table["val_accuracy"] - table["val_accuracy"][0]).where(ranked)
    for row in table[ranked].index[1:]:
        limits = interval(table["runs"][row], table["runs"][0], ranked.sum() - 1)
        table.loc[row, ["low", "high"]] = limits
    return table


def format_table(table):
    """Returns a table as text, accuracies in per cent."""

    def percent(mean, deviation):
        text = "-" if math.isnan(mean) else f"{100 * mean:.1f}"
        return text if math.isnan(deviation) else f"{text} ± {100 * deviation:.1f}"

    def difference(row):
        if row.Index == 0 or math.isnan(row.difference):
            return "-" if math.isnan(row.difference) else "best"
        if math.isnan(row.low):
            return f"{100 * row.difference:+.1f} (-)"
        mark = " =" if row.low <= 0 <= row.high else "  "
        return f"{100 * row.difference:+.1f} ({100 * row.low:+.1f} to {100 * row.high:+.1f}){mark}"

    def loss(row):
        return "diverged" if row.diverged else f"{row.val_loss:.3f}".replace("nan", "-")

    rows = list(table.itertuples())
    shown = table.loc[:, :"seeds"].copy()
    if "code" in shown:
        shown["code"] = shown["code"].str[:4]
    shown["val loss"] = list(map(loss, rows))
    shown["val acc"] = list(map(percent, table.val_accuracy, table.val_accuracy_sd))
    shown["difference (95%)"] = list(map(difference, rows))
    shown["test acc"] = list(map(percent, table.test_accuracy, table.test_accuracy_sd))
    shown["parameters"] = [f"{count:,.0f}" for count in table.parameters]
    shown["epochs"] = [f"{epochs:.1f}" for epochs in table.epochs]
    shown["s/epoch"] = [f"{seconds:.1f}" for seconds in table.seconds_per_epoch]
    return shown.to_string(index=False, na_rep="")


def print_table(table):
    """Prints a table and what to think of it."""
    run, accuracy = table["runs"][0][0], table["val_accuracy"][0]
    text = f"\n{run['source']}\n"
    if run.get("right") is not None and len(run["right"]):
        count = len(run["right"])
        accuracy = (accuracy * count + 2) / (count + 4)  # Agresti and Coull: no error of 0 at 100%
        error = 100 * math.sqrt(accuracy * (1 - accuracy) / (count + 4))
        text += f"validation: {count:,} texts, standard error of an accuracy {error:.1f}; "
    print(f"{text}accuracies in %")
    print(format_table(table))
    if "code" in table:
        print("code: the runs used different versions of the script; compare their code.py files.")
    if len(table) > 1 and (table["runs"].map(len) == 2).any():
        print("Two seeds cannot tell variants apart. Take three or more: SEED=1,2,3")
    elif (table.low < 0).any() and (table.high.dropna() >= 0).all():
        print("No variant is distinguishable from the best. More seeds narrow the intervals.")


def draw(tables, path):
    """Draws validation accuracy and loss against epochs: a row of panels for each table.

    Returns False where no run has validation.
    """
    tables = [table[table["val_accuracy"].notna()][: len(STYLES)] for table in tables]
    tables = [table for table in tables if len(table)]
    if not tables:
        return False
    figure = Figure(figsize=(9, 4.2 * len(tables)), layout="constrained")
    for panels, table in zip(figure.subplots(len(tables), 2, squeeze=False), tables):
        names = list(table.loc[:, :"seeds"].columns[:-1])
        names = names if table["script"].nunique() > 1 or len(names) == 1 else names[1:]
        for axes, name in zip(panels, ("val_accuracy", "val_loss")):
            for number, row in table.iterrows():
                color, curves = f"C{number}", [run["history"][name] for run in row["runs"]]
                for run, values in zip(row["runs"], curves):
                    options = {"linewidth": 0.8, "alpha": 0.5, "mfc": "w", "markersize": 8}
                    options["markevery"] = [run["best_epoch"] - 1]
                    axes.plot(range(1, len(values) + 1), values, "o-", color=color, **options)
                mean = [statistics.mean(values) for values in zip(*curves)]  # while all train
                label = " ".join(f"{key}={row[key]}" for key in names if row[key] == row[key])
                label = label.removeprefix("script=").replace("$", r"\$")  # two are a formula
                options = {"color": color, "markersize": 4, "label": label}
                axes.plot(range(1, len(mean) + 1), mean, STYLES[number], **options)
            axes.set(xlabel="epoch", ylabel=name.replace("val_", "validation "))
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(alpha=0.3)
        source = table["runs"][0][0]["source"].replace("$", r"\$")
        panels[0].set_title(source, fontsize=9, loc="left")
        title = "thick: mean, until the first seed stops; thin: single seeds; circles: best epochs"
        panels[1].set_title(title, fontsize=7, loc="right")
        panels[1].legend(fontsize=8)
    with data_file.replacing(path) as file:
        figure.savefig(file, dpi=150)
    return True


def main(arguments=None):
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("words", nargs="*", metavar="SCRIPT|CONSTANT=VALUES", help="scripts; values of constants")
    add("--dry-run", action="store_true", help="list the runs and the time, train nothing")
    add("--csv", metavar="FILE.csv", help="write the table to this file too")
    add("--jobs", type=int, default=1, metavar="N", help="N runs side by side (default: 1)")
    add("--cluster", metavar="ADDRESS", help="train on the workers of a dask scheduler")
    options = cli.parse(parser, arguments)
    if options.jobs < 1:
        parser.error("--jobs must be at least 1")
    if options.csv:
        if not options.csv.lower().endswith(".csv"):
            parser.error(f"--csv writes CSV; give a name that ends in .csv, not {options.csv!r}")
        data_file.check_writable(options.csv)
    wanted = combinations(options.words) if options.words else []
    finished = finished_runs(wanted, not options.dry_run)

    def newest(wanted):
        return next((run for run in reversed(finished) if matches(run, wanted)), None)

    missing = [combination for combination in wanted if not newest(combination.run)]
    todo = [jobs.training(*combination, finished) for combination in missing]
    if options.dry_run:
        for combination in wanted:
            print(("to train: " if combination in missing else "finished: ") + combination.title)
        print(f"{len(todo)} runs to train{jobs.time_of(todo, options.jobs)}")
        return
    if missing:
        workers = jobs.Cluster(options.cluster) if options.cluster else jobs.Machine(options.jobs)
        ended = {job.title: reason for job, reason in jobs.run_all(todo, workers, ".")}
        finished = finished_runs(wanted)
    shown = [newest(combination.run) for combination in wanted] if wanted else finished
    problems = [combination.title for combination, run in zip(wanted, shown) if not run]
    other = [title for title in problems if not ended.get(title, "not started")]
    shown, error = without_edited([run for run in shown if run])
    if shown:
        show_tables(shown, options.csv)
    if problems:
        what = f"{len(problems)} of {len(wanted)} runs are missing: {'; '.join(problems)}"
        why = (
            f"; the run of {other[0]} has other constants or code than the script" if other else ""
        )
        raise DataError(f"{what}{why}. The same command trains what is missing")
    if error or not shown:
        reason = "there are no finished runs in runs/; train one: python imdb_lstm.py"
        raise error or DataError(reason)


def show_tables(shown, csv):
    """Prints the tables of runs, draws compare.png and writes a CSV file, where `csv` names one."""
    frame = frame_of(shown)
    tables = [tabulate(same) for _, same in frame.groupby("table", sort=False)]
    for table in tables:
        print_table(table)
    if any(len(table) > 1 for table in tables):
        print(EXPLANATION)
    if draw(tables, "compare.png"):
        print("written: compare.png")
        if any(len(table) > len(STYLES) for table in tables):
            print(f"The plot has the best {len(STYLES)} variants of each table.")
    if csv:
        for table in tables:
            table.insert(0, "data", table["runs"][0][0]["source"])
        text = pandas.concat(tables).drop(columns="runs").to_csv(index=False)
        with data_file.replacing(csv) as file:
            file.write(text.encode())
        print(f"written: {csv}")


if __name__ == "__main__":
    cli.start(main, "finished runs are kept; the same command continues")
