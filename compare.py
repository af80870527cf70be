# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = [
#     "tensorflow>=2.20,<2.22", "numpy>=2.0,<3",
#     "pandas>=2.2,<4", "matplotlib>=3.8,<4", "scikit-learn>=1.5,<2",
# ]
# ///
"""Trains variants of the training scripts and compares them.

    python compare.py reuters_rnn CELL=LSTM,GRU SEED=1,2,3
    python compare.py imdb_lstm,imdb_bilstm LSTM_UNITS=32,64 EPOCHS=3
    python compare.py                                             all finished runs

Each combination without a finished run in runs/ is trained in its own process, as if the constants
had been edited. The same command again trains only what is missing; Ctrl-C loses only the
run in progress. A run is reused if its constants, the fingerprint of its data, its file of word
vectors, Keras's backend and the script (code.py, without comments, docstrings and the constants'
values) are unchanged; of runs with equal seeds the newest counts. Values are Python literals or
words: CELL=GRU 'UNITS=(64,),(32,32)' (the shell needs the quotes).

Draws validation accuracy and loss by epoch into compare.png, which it replaces, and prints a table
with one row per variant. The validation figures are those of the restored epoch, parameters include
frozen word vectors, and s/epoch includes validation. "difference" is the variant's mean validation
accuracy minus that of the best variant, in points, with a 95% confidence interval; "=" marks an
interval that includes 0. The intervals are those of Games and Howell (1976): Welch's test,
corrected for the number of variants, because the best is chosen after the fact; of two variants it
is Welch's interval. If all variants are equal, about 5% of the tables mark one as worse. The
interval covers the variation between seeds, not that of the validation texts. For one seed, or
seeds with equal accuracies, the binomial standard error of one accuracy takes its place.
"""

import ast
import collections
import contextlib
import itertools
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

import numpy as np

from corpus import DataError, cli, data_file
from corpus.runs import backend, code_of, constants_of, vectors_of, with_constants

try:
    import matplotlib
    import pandas
    from scipy import stats
except ImportError as error:
    sys.exit(f"{error}. Install it: python -m pip install -r requirements-tools.txt")

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

KEYS = "accuracy loss val_accuracy val_loss test_accuracy test_loss epochs best_epoch seconds"
NEEDED = "test_accuracy epochs best_epoch seconds".split()  # those that every result.json has
STYLES = ["o-", "s--", "^-.", "v:", "D-", "x--", "P-.", "*:"]  # told apart in print too
EXPLANATION = """
Sorted by validation accuracy: choosing by test accuracy would make the test accuracy of the choice
too high. ±: standard deviation over seeds. =: not distinguishable from the best (the 95% interval
includes 0)."""
TRAIN_TEXTS = {  # in train
    "keras.datasets.imdb, without word vectors": 25_000,
    "keras.datasets.reuters, without word vectors": 8_982,
}


# --- Scripts and runs -----------------------------------------------------------------------------


def fingerprint(path):
    """Returns the fingerprint of a data file, or None without such a file."""
    if not os.path.exists(path):
        return None
    try:
        with np.load(path) as file:
            return data_file.about_of(file)["fingerprint"]
    except Exception as error:  # which one depends on where the file is damaged
        raise DataError(
            f"{path} is damaged or from an earlier version ({error}); make it again"
        ) from None


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
        source = path.read_text(encoding="utf-8")
        body = ast.parse(source).body
    except ValueError as error:  # SyntaxError is not among these
        raise DataError(f"{path} cannot be read ({error})") from None
    except SyntaxError as error:
        raise DataError(f"{path}, line {error.lineno}: {error.msg}") from None
    names = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    if missing := [name for name in ("load_data", "batches", "build_model") if name not in names]:
        raise DataError(f"{path} is not a training script: it has no function {missing[0]}")
    try:
        constants = constants_of(source)
    except DataError as error:
        raise DataError(f"{path}, {error}") from None
    for constant in "DATA_FILE", "VALIDATION_SIZE", "SEED":
        if constant not in constants:
            raise DataError(f"{path} has no constant {constant}")
    return constants, source


def read_run(folder):
    """Returns a finished run as a dict: KEYS, constants, code, fingerprint, history and more.

    Raises DataError if the run is unfinished, of an earlier version, or damaged.
    """
    folder = pathlib.Path(folder)
    if not (folder / "result.json").exists():
        raise DataError(f"{folder} is unfinished: it has no result.json")
    try:
        result = json.loads((folder / "result.json").read_bytes())
        run = {"script": result["script"], "constants": result["constants"]}
        run["seed"] = result["constants"]["SEED"]
        run["code"] = code_of((folder / "code.py").read_text(encoding="utf-8"))
        run["fingerprint"] = result["about"].get("fingerprint")
        run["source"] = result["about"]["source"]
        run["device"] = result["device"]
        run |= {key: result[key] + 0 for key in KEYS.split() if key in [*NEEDED, *result]}
        run["versions"] = {name: value.split()[0] for name, value in result["versions"].items()}
        history = pandas.read_csv(folder / "history.csv").drop(columns="epoch")
        # Without validation, CSVLogger writes "NA" into its columns.
        run["history"] = history.dropna(axis="columns", how="all").to_dict("list")
        run["parameters"], run["backend"] = result["parameters"] + 0, result["backend"]
        run["vectors"] = result["about"].get("vectors_file")
        # What the table and the plot read.
        run["constants"]["DATA_FILE"], run["constants"]["VALIDATION_SIZE"] + 0
        for name in {"val_loss", "val_accuracy"} & run.keys():
            run["history"][name][run["best_epoch"] - 1]
    except Exception as error:  # which one depends on where the run is damaged
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DataError(f"{folder} is of an earlier version or damaged ({reason})") from None
    return run


def finished_runs():
    """Returns the finished runs in runs/, the oldest first; says which folders are skipped."""
    runs, skipped = [], []
    folders = sorted(path for path in pathlib.Path("runs").glob("*") if path.is_dir())
    for folder in folders:
        try:
            runs.append(read_run(folder))
        except DataError as error:
            skipped.append(str(error))
    if skipped:
        text = f"skipped {len(skipped)} of {len(folders)} folders in runs/; the first: {skipped[0]}"
        print(text, file=sys.stderr)
    return runs


def matches(run, wanted):
    """Tells whether a run has these values: script, code, constants and fingerprint."""
    return all(run[name] == value for name, value in wanted.items())


# --- Training -------------------------------------------------------------------------------------


def values_of(text):
    """Returns the values in "1,2,3", "(64,),(32,32)" or "GRU,LSTM" as a list."""
    values = []
    for item in re.findall(r"(?:\([^()]*\)|\[[^\[\]]*\]|'[^']*'|\"[^\"]*\"|[^,])+", text):
        try:
            value = ast.literal_eval(item.strip())
        except (ValueError, SyntaxError):
            if not re.fullmatch(r"[\w./\\:~ -]+", item):
                raise DataError(f"{item!r} is not a value. Examples: 64  0.5  (64,)  GRU") from None
            value = item.strip()
        if value in (math.inf, -math.inf):
            raise DataError(f"{item} is too large")
        if value not in values:
            values.append(value)
    return values


def check_value(script, constants, name, value):
    """Raises DataError unless a script has a constant of this name and of the value's kind."""
    if name not in constants:
        raise DataError(f"{script}.py has no constant {name}. It has: {', '.join(constants)}")

    def kind(value):
        return float if type(value) is int else type(value)

    own = constants[name]
    whole = type(own) is int and own > 1 and type(value) is float  # EPOCHS=2.5
    if (kind(value) != kind(own) or whole) and None not in (value, own):
        example = repr(own).replace(" ", "")
        raise DataError(f"{name}={value}: write it like the value in {script}.py, {name}={example}")


Combination = collections.namedtuple("Combination", "run title changes text")


def combinations(arguments):
    """Returns the Combinations that a command line names.

    `run` is what the run will have (script, code, constants, data, backend); `changes`, the
    constants to set; `text`, that of the script. Raises DataError for an unknown script or constant
    and for a value that cannot be meant.
    """
    scripts = [name.removesuffix(".py") for argument in arguments if "=" not in argument
               for name in argument.split(",") if name]  # fmt: skip
    if not scripts:
        raise DataError("name a script, for example: python compare.py imdb_lstm SEED=1,2,3")
    values = {}
    for name, _, text in (argument.partition("=") for argument in arguments if "=" in argument):
        if name in values:
            raise DataError(f"{name} is given twice; separate values by commas: {name}=1,2")
        if not name:
            raise DataError(f"={text}: the name of the constant is missing")
        if not text.strip(", "):
            raise DataError(f"{name}= has no value")
        values[name] = values_of(text)
    found = []
    for script in dict.fromkeys(scripts):
        constants, text = read_script(script)
        for name in values:
            for value in values[name]:
                check_value(script, constants, name, value)
        for chosen in itertools.product(*values.values()):
            changes = dict(zip(values, chosen))
            everything = json.loads(json.dumps(constants | changes))  # as result.json has it
            run = {"script": script, "code": code_of(text), "constants": everything}
            run["fingerprint"] = fingerprint(everything["DATA_FILE"])
            run |= {"vectors": vectors_of(everything), "backend": backend()}
            title = " ".join(
                [script, *(f"{name}={show(value)}" for name, value in changes.items())]
            )
            found.append(Combination(run, title, changes, text))
    return found


def show(value):
    """Returns a value as it is typed on the command line."""
    value = tuple(value) if isinstance(value, list) else value  # from JSON
    return str(value).replace(" ", "")


def run_python(code, folder=".", **environment):
    """Runs Python code that trains, in a process of its own; shows a line an epoch.

    Raises DataError with the last line of the process's output if it fails.
    """
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONUTF8": "1"} | environment
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    options |= {"text": True, "encoding": "utf-8", "errors": "replace"}
    arguments = [sys.executable, "-u", "-c", code]
    last, epoch = "", "Epoch 1/1"  # which Keras does not print
    with subprocess.Popen(arguments, cwd=folder, env=environment, **options) as process:
        try:
            for line in process.stdout:
                last = line.strip() or last
                if line.startswith("Epoch "):  # what fit(verbose=2) prints
                    epoch = line.strip()
                elif re.match(r"\d+/\d+ - .*loss", line):
                    print(f"  {epoch}: {line.strip().split(' - ', 1)[1]}", flush=True)
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise DataError(f"training failed (status {process.returncode}); its last line: {last}")


def runner(path, text, constants):
    """Returns Python code that runs a script with other constants; it needs no file but `path`.

    The code refuses a script that no longer has the text that was compared with the stored runs.
    """
    edited = f"{path} was edited while compare.py ran. Type the command again."
    return f"""import pathlib, sys
path = {os.path.abspath(path)!r}
if pathlib.Path(path).read_text(encoding="utf-8") != {text!r}:
    sys.exit({edited!r})
code = compile({with_constants(text, constants)!r}, path, "exec")
exec(code, {{"__name__": "__main__", "__file__": path}})"""


def train(missing, runs):
    """Trains Combinations one after the other; returns a message for each that failed."""
    earlier = [run["seconds"] for run in runs if run["script"] == missing[0].run["script"]]
    failures, measured = [], []
    for number, (run, title, changes, text) in enumerate(missing):
        seconds = statistics.mean(measured or earlier or [0]) * (len(missing) - number)
        left = f", about {math.ceil(seconds / 60)} min left" if seconds else ""
        print(f"run {number + 1} of {len(missing)}: {title}{left}", flush=True)
        start = time.perf_counter()
        try:
            run_python(runner(f"{run['script']}.py", text, changes))
            measured.append(time.perf_counter() - start)
        except DataError as error:
            failures.append(f"{title}: {error}")
            print(f"  {error}", flush=True)
    return failures


# --- Table and plot -------------------------------------------------------------------------------


def validation_texts(run):
    """Returns the number of texts in the validation set of a run, or None without its data file."""
    train = TRAIN_TEXTS.get(run["source"])
    path = run["constants"]["DATA_FILE"]
    with contextlib.suppress(DataError):  # a file of other data, or a damaged one, now
        if run["fingerprint"] and run["fingerprint"] == fingerprint(path):
            with np.load(path) as file:
                train = len(file["train_lengths"])
    return train and round(train * run["constants"]["VALIDATION_SIZE"])


def variance_of_mean(accuracies, texts):
    """Returns the variance of the mean of accuracies, one a seed, and its degrees of freedom.

    Of one accuracy, and of equal ones, it is binomial; `texts` is the number of validation texts,
    or None where it is not known (then the variance is NaN).
    """
    deviation = statistics.stdev(accuracies) if len(accuracies) > 1 else 0
    if deviation:
        return deviation**2 / len(accuracies), len(accuracies) - 1
    if not texts:
        return math.nan, math.inf
    accuracy = (accuracies[0] * texts + 2) / (texts + 4)  # Agresti and Coull: above 0 at 100% too
    return accuracy * (1 - accuracy) / (texts + 4), math.inf


def interval(accuracies, best, count, texts=None):
    """Returns the limits of the 95% interval of mean(accuracies) - mean(best).

    Args: `accuracies` and `best`, one a seed; `count`, the number of variants from which the best
    was chosen; `texts`, see `variance_of_mean`. The method is that of Games and Howell 1976,
    https://doi.org/10.3102/10769986001002113. (scipy.stats.tukey_hsd has it too, but takes no
    variants of one seed, and seconds for eight variants.)
    """
    variance, freedom = variance_of_mean(accuracies, texts)
    best_variance, best_freedom = variance_of_mean(best, texts)
    both = variance + best_variance
    if math.isnan(both):
        return math.nan, math.nan
    divisor = variance**2 / freedom + best_variance**2 / best_freedom
    freedom = min(both**2 / divisor, 1e6) if divisor else 1e6  # scipy takes no infinity
    half = stats.studentized_range.ppf(0.95, count, freedom) * math.sqrt(both / 2)
    difference = statistics.mean(accuracies) - statistics.mean(best)
    return difference - half, difference + half


def group(runs):
    """Returns a list of tables, each a list of variants, each a list of runs, one a seed.

    A table has runs with the same data and validation texts; runs without validation join the first
    table with their data. Variants are ranked by validation accuracy; without validation, last.
    """
    sizes = {}  # of validation: the first of each data
    for run in runs:
        size = run["constants"]["VALIDATION_SIZE"]
        sizes[data_of(run)] = sizes.get(data_of(run)) or size
    tables = collections.defaultdict(lambda: collections.defaultdict(dict))
    for run in runs:
        constants = {name: value for name, value in run["constants"].items() if name != "SEED"}
        variant = json.dumps([run["script"], run["code"], constants])
        size = run["constants"]["VALIDATION_SIZE"] or sizes[data_of(run)]
        tables[data_of(run), size][variant][run["seed"]] = run

    def rank(runs):
        if "val_accuracy" not in runs[0]:
            return 1, 0
        keys = "val_accuracy", "val_loss"
        accuracy, loss = (statistics.mean(run[key] for run in runs) for key in keys)
        return -accuracy, loss

    found = [[list(seeds.values()) for seeds in variants.values()] for variants in tables.values()]
    return [sorted(variants, key=rank) for variants in found]


def data_of(run):
    return run["fingerprint"] or run["source"]


def settings(run):
    """Returns what tells variants apart, as text: script, constants, start of the code's hash."""
    values = {"script": run["script"]} | run["constants"] | {"code": run["code"][:4]}
    return {name: show(value) for name, value in values.items() if name != "SEED"}


def different(variants):
    """Returns the names of the settings that differ: "script", and what differs within a script."""
    values = collections.defaultdict(set)
    for run, *_ in variants:
        for name, value in settings(run).items():
            values[name, run["script"]].add(value)
    names = dict.fromkeys(name for (name, _), found in values.items() if len(found) > 1)
    several = len({run["script"] for run, *_ in variants}) > 1
    return ["script", *names] if several else list(names)


def tabulate(variants):
    """Returns the table of ranked variants, a pandas.DataFrame; accuracies are fractions."""
    rows = []
    names = different(variants)
    for runs in variants:
        numbers = pandas.DataFrame(runs).reindex(columns=["val_loss", "val_accuracy", *NEEDED])
        mean, deviation = numbers.mean(), numbers.std()  # NaN without values, and of one seed
        row = {name: settings(runs[0]).get(name, "") for name in names}
        row["seeds"] = ",".join(str(run["seed"]) for run in runs)
        for name in "val_loss", "val_accuracy", "test_accuracy":
            row |= {name: mean[name], f"{name}_sd": deviation[name]}
        row["parameters"] = runs[0]["parameters"]
        row["epochs"] = mean["epochs"]
        row["seconds_per_epoch"] = (numbers["seconds"] / numbers["epochs"]).mean()
        row["accuracies"] = numbers["val_accuracy"].tolist()
        row["texts"] = validation_texts(runs[0])
        rows.append(row)
    table = pandas.DataFrame(rows)
    best, count = table.iloc[0], table["val_accuracy"].count()
    table["difference"] = table["val_accuracy"] - best.val_accuracy
    table["low"] = table["high"] = math.nan
    for row in table.iloc[1:count].itertuples():
        limits = interval(row.accuracies, best.accuracies, count, row.texts)
        table.loc[row.Index, ["low", "high"]] = limits
    return table.drop(columns="accuracies")


def format_table(table):
    """Returns a table as text, accuracies in per cent."""

    def percent(mean, deviation):
        text = "-" if math.isnan(mean) else f"{100 * mean:.1f}"
        return text if math.isnan(deviation) else f"{text} ± {100 * deviation:.1f}"

    def difference(row):
        if math.isnan(row.val_accuracy):
            return "-"
        if row.Index == table.index[0]:
            return "best"
        if math.isnan(row.low):  # one seed, and no data file that has the number of texts
            return f"{100 * row.difference:+.1f} (unknown)"
        mark = " =" if row.low <= 0 <= row.high else "  "
        return f"{100 * row.difference:+.1f} ({100 * row.low:+.1f} to {100 * row.high:+.1f}){mark}"

    shown = table.iloc[:, : table.columns.get_loc("val_loss")].copy()
    shown["val loss"] = [f"{loss:.3f}" if loss == loss else "-" for loss in table.val_loss]
    shown["val accuracy"] = list(map(percent, table.val_accuracy, table.val_accuracy_sd))
    shown["difference (95%)"] = [difference(row) for row in table.itertuples()]
    shown["test accuracy"] = list(map(percent, table.test_accuracy, table.test_accuracy_sd))
    shown["parameters"] = [f"{count:,}" for count in table.parameters]
    shown["epochs"] = [f"{epochs:.1f}" for epochs in table.epochs]
    shown["s/epoch"] = [f"{seconds:.1f}" for seconds in table.seconds_per_epoch]
    return shown.to_string(index=False)


def print_tables(tables, common=""):
    """Prints the tables and what their marks mean; returns them as one pandas.DataFrame.

    `common` is added to the headings: the constants that were set for all variants.
    """
    frames = []
    for variants in tables:
        table, run = tabulate(variants), variants[0][0]
        count = max(filter(None, table.pop("texts").fillna(0)), default=0)
        validation = f"; validation: {count:,.0f} texts" if count else ""
        print(f"\n{run['source']}{validation}; accuracies in %{common}")
        print(format_table(table))
        if "code" in table:
            print(
                "code: the runs used different versions of the script; compare their code.py files."
            )
        if (table.low < 0).any() and (table.high.dropna() >= 0).all():
            print("No variant is distinguishable from the best. More seeds narrow the intervals.")
        table.insert(0, "data", run["source"])
        frames.append(table)
    if any(len(variants) > 1 for variants in tables):
        print(EXPLANATION)
    return pandas.concat(frames)


def draw(tables, path):
    """Draws validation accuracy and loss against epochs: a row of panels for each table.

    Returns False where no run has validation.
    """
    tables = [[runs for runs in variants if "val_loss" in runs[0]] for variants in tables]
    tables = [variants for variants in tables if variants]
    if not tables:
        return False
    size = 9, 4.2 * len(tables)
    figure, rows = plt.subplots(len(tables), 2, figsize=size, squeeze=False, layout="constrained")
    for panels, variants in zip(rows, tables):
        names = different(variants)
        for axes, name in zip(panels, ("val_accuracy", "val_loss")):
            for number, runs in enumerate(variants[: len(STYLES)]):
                color = f"C{number}"
                curves = [run["history"][name] for run in runs]
                for run, values in zip(runs, curves):
                    epochs = range(1, len(values) + 1)
                    axes.plot(epochs, values, color=color, linewidth=0.8, alpha=0.5)
                    restored = run["best_epoch"]
                    axes.plot(
                        restored, values[restored - 1], "o", color=color, markersize=8, mfc="w"
                    )
                mean = [statistics.mean(values) for values in zip(*curves)]  # while all train
                epochs = range(1, len(mean) + 1)
                values = settings(runs[0])
                label = [values[key] if key == "script" else f"{key}={values[key]}"
                         for key in names if key in values]  # fmt: skip
                label = (" ".join(label) or runs[0]["script"]).replace("$", r"\$")
                axes.plot(epochs, mean, STYLES[number], color=color, markersize=4, label=label)
            axes.set(xlabel="epoch", ylabel=name.replace("val_", "validation "))
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(alpha=0.3)
        source = variants[0][0]["source"].replace("$", r"\$")  # two would enclose a formula
        panels[0].set_title(source, fontsize=9, loc="left")
        title = (
            "thick: mean, until the first seed stops; thin: single seeds; circles: restored epochs"
        )
        panels[1].set_title(title, fontsize=7, loc="right")
        panels[1].legend(fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return True


def main(arguments=None):
    parser = cli.parser(__doc__)
    parser.add_argument(
        "words", nargs="*", metavar="SCRIPT|CONSTANT=VALUES", help="scripts; values of constants"
    )
    parser.add_argument("--dry-run", action="store_true", help="list the runs, train nothing")
    parser.add_argument("--csv", metavar="FILE.csv", help="write the table to this file too")
    options = cli.parse(parser, arguments)
    if options.csv:
        if not options.csv.lower().endswith(".csv"):
            parser.error(f"--csv writes CSV; give a name that ends in .csv, not {options.csv!r}")
        data_file.check_writable(options.csv)
    wanted = combinations(options.words) if options.words else []
    runs = finished_runs()

    def newest(wanted):
        return next((run for run in reversed(runs) if matches(run, wanted)), None)

    missing = [combination for combination in wanted if not newest(combination.run)]
    if options.dry_run:
        for combination in wanted:
            print(("to train: " if combination in missing else "finished: ") + combination.title)
        return
    failures = train(missing, runs) if missing else []
    if missing:
        runs = finished_runs()
    shown = [newest(combination.run) for combination in wanted] if wanted else runs
    if shown.count(None) > len(failures):
        title = wanted[shown.index(None)].title
        raise DataError(f"{title}: its run has other constants or code than the script has now")
    if shown := [run for run in shown if run]:
        tables = sorted(group(shown), key=lambda variants: variants[0][0]["source"])
        changes = [combination.changes for combination in wanted]
        common = "".join(
            f"; {name}={show(value)}"
            for name, value in (changes[0] if changes else {}).items()
            if name != "SEED" and all(other[name] == value for other in changes)
        )
        table = print_tables(tables, common)
        if any(len(variants) > len(STYLES) for variants in tables):
            print(f"The plot has the best {len(STYLES)} variants of each table.")
        if draw(tables, "compare.png"):
            print("written: compare.png")
        if options.csv:
            table.to_csv(options.csv, index=False)
            print(f"written: {options.csv}")
    elif not failures:
        raise DataError("there are no finished runs in runs/; train one: python imdb_lstm.py")
    if failures:
        raise DataError("\n".join(failures))


if __name__ == "__main__":
    cli.start(main, "finished runs are kept; the same command continues")
