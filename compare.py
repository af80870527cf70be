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

Trains each combination of the scripts and values that has no finished run in runs/, each in a
process of its own, as if the constants had been edited. The same command again trains nothing and
prints the same table. After Ctrl-C it continues; only the run in progress is lost. A run counts
where its constants, the fingerprint of its data and its code (code.py without comments and
docstrings) are today's; of several runs with the same seed, the newest. Values are Python literals
or words without quotes: UNITS=(64,),(32,32) CELL=GRU.

The table has a row for each variant. "from best" is the difference in mean validation accuracy from
the best variant, with a 95 % confidence interval; "=" marks an interval that includes 0. Method:
Games and Howell's: Welch's standard error and degrees of freedom of the seeds, and the studentized
range of the number of variants, because the best is chosen after the fact; of two variants it is
Welch's interval. If all variants are equal, about one table in twenty contains one without "=".
The interval covers the chance of the seed, not that of the validation texts. A variant with one
seed, or with equal accuracies, has the binomial error of one validation accuracy instead.
"""

import ast
import collections
import csv
import hashlib
import io
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
import tokenize
import zipfile

import numpy as np

from corpus import DataError, command

try:
    import h5py
    import matplotlib
    import pandas
    from scipy import stats
except ImportError as error:
    sys.exit(f"{error}. Install it: python -m pip install -r requirements-tools.txt")

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

FIGURES = "accuracy loss val_accuracy val_loss test_accuracy test_loss".split()
FIGURES += "epochs best_epoch seconds device".split()
STYLES = ["o-", "s--", "^-.", "v:", "D-", "x--", "P-.", "*:"]  # told apart in print too
EXPLANATION = """
Sorted by validation accuracy. To choose by test accuracy would make the test figure of the choice
too high. ±: standard deviation over seeds. =: cannot be distinguished from the best."""
KERAS_TEXTS = {"keras.datasets.imdb": 25_000, "keras.datasets.reuters": 8_982}  # in train


# --- Scripts and runs -----------------------------------------------------------------------------


def code_of(source):
    """Returns a hash of source code without its comments, docstrings and blank lines."""
    # Lines of text, because `ast.unparse` and tokens depend on the version of Python.
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            for row in range(docstring.lineno - 1, docstring.end_lineno):
                lines[row] = ""
    code = "\n".join(line.rstrip() for line in lines if line.strip())
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def fingerprint(path):
    """Returns the fingerprint of a data file, or None without such a file."""
    if not os.path.exists(path):
        return None
    try:
        with np.load(path) as file:
            return json.loads(str(file["about"]))["fingerprint"]
    except Exception as error:  # which one depends on where the file is damaged
        raise DataError(f"{path} is no data file of today's layout ({error})") from None


def read_script(name):
    """Returns the constants of a training script in the current folder and the hash of its code.

    The script is read, not run: importing TensorFlow would take seconds.
    """
    try:
        source = pathlib.Path(f"{name}.py").read_text(encoding="utf-8")
        body = ast.parse(source).body
    except FileNotFoundError:
        paths = pathlib.Path().glob("*.py")
        names = sorted(path.stem for path in paths if b"\ndef build_model(" in path.read_bytes())
        raise DataError(
            f"there is no script {name}.py here. Scripts: {', '.join(names) or 'none'}"
        ) from None
    except SyntaxError as error:
        raise DataError(f"{name}.py, line {error.lineno}: {error.msg}") from None
    functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    wanted = "load_data", "batches", "build_model", "main"  # what the script writes to code.py
    if missing := [function for function in wanted if function not in functions]:
        raise DataError(f"{name}.py is no training script: it has no function {missing[0]}")
    code = (ast.get_source_segment(source, functions[function]) for function in wanted)
    constants = {}
    for node in body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "").isupper():
            try:
                constants[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                raise DataError(
                    f"{name}.py, line {node.lineno}: the constant must be a plain value, "
                    "because it is read without running the script"
                ) from None
    return constants, code_of("\n\n".join(code))


def read_run(folder):
    """Returns a finished run as a dict: FIGURES, constants, code, fingerprint, history and more.

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
        run |= {name: result[name] for name in FIGURES if name in result}
        run["versions"] = {name: value.split()[0] for name, value in result["versions"].items()}
        with open(folder / "history.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        # Without validation, CSVLogger writes "NA" into its columns.
        columns = [name for name, value in rows[0].items() if name != "epoch" and value != "NA"]
        run["history"] = {column: [float(row[column]) for row in rows] for column in columns}
        run["parameters"] = count_parameters(folder / "model.keras")
        run["seconds"], run["epochs"], run["test_accuracy"]  # the table needs these
    except Exception as error:  # which one depends on where the run is damaged
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DataError(f"{folder} is of an earlier version or damaged ({reason})") from None
    return run


def count_parameters(path):
    """Returns the number of weights in a .keras file."""
    with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as file:
        sizes = []

        def add(name, item):  # "layers/lstm/cell/vars/0"; optimizers and random states are not ours
            if name.startswith("layers/") and "seed_generator" not in name:
                sizes.append(getattr(item, "size", 0))

        h5py.File(file).visititems(add)
    return int(sum(sizes))


def finished_runs():
    """Returns the finished runs in runs/, the oldest first."""
    runs, skipped = [], []
    for folder in sorted(path for path in pathlib.Path("runs").glob("*") if path.is_dir()):
        try:
            runs.append(read_run(folder))
        except DataError as error:
            skipped.append(str(error))
    if skipped:
        print(f"skipped {len(skipped)} folders; the first: {skipped[0]}", file=sys.stderr)
    return runs


def has(run, wanted):
    """Tells whether a run has these values: script, code, constants and fingerprint, say."""
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
                raise DataError(f"{item!r} is no value. Examples: 64  0.5  (64,)  GRU") from None
            value = item.strip()
        if value not in values:
            values.append(value)
    return values


def check_value(script, constants, name, value):
    """Raises DataError unless a script has a constant of this name and of the value's kind."""
    if name not in constants:
        raise DataError(f"{script}.py has no constant {name}. It has: {', '.join(constants)}")

    def kind(value):
        return float if type(value) is int else type(value)

    if kind(value) != kind(constants[name]) and None not in (value, constants[name]):
        example = repr(constants[name]).replace(" ", "")
        raise DataError(f"{name}={value}: write it like the value in {script}.py, {name}={example}")


def combinations(words):
    """Returns a list of (the run that a combination gives, its title, the constants to set)."""
    scripts = [name.removesuffix(".py") for word in words if "=" not in word
               for name in word.split(",")]  # fmt: skip
    changes = {}
    for name, _, text in (word.partition("=") for word in words if "=" in word):
        if name in changes or not text.strip(", "):
            raise DataError(f"{name}= must be there once and have a value")
        changes[name] = values_of(text)
    if not scripts:
        raise DataError("name a script, for example: python compare.py imdb_lstm SEED=1,2,3")
    wanted = []
    for script in dict.fromkeys(scripts):
        constants, code = read_script(script)
        for name, values in changes.items():
            for value in values:
                check_value(script, constants, name, value)
        for values in itertools.product(*changes.values()):
            chosen = dict(zip(changes, values))
            everything = json.loads(json.dumps(constants | chosen))  # as result.json has it
            run = {"script": script, "code": code, "constants": everything}
            run["fingerprint"] = fingerprint(everything["DATA_FILE"])
            title = " ".join([script, *(f"{name}={value}" for name, value in chosen.items())])
            wanted.append((run, title, chosen))
    return wanted


def run_python(code, folder=".", **environment):
    """Runs Python code that trains, in a process of its own; shows a line an epoch.

    Raises DataError with the last line of the process's output if it fails.
    """
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"} | environment
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    arguments = [sys.executable, "-u", "-c", code]
    last, epoch = "", itertools.count(1)
    with subprocess.Popen(arguments, cwd=folder, env=environment, **options) as process:
        try:
            for line in process.stdout:
                last = line.strip() or last
                if re.match(r"\d+/\d+ - .*loss", line):  # what fit(verbose=2) prints
                    print(f"  epoch {next(epoch)}: {line.split(' - ', 1)[1]}", end="", flush=True)
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise DataError(f"the run failed: {last}")


def train(missing, runs):
    """Trains the combinations one after the other; returns a message for each that failed."""
    failures, durations = (
        [],
        [run["seconds"] for run in runs if run["script"] == missing[0][0]["script"]],
    )
    for number, (run, title, chosen) in enumerate(missing):
        left = statistics.mean(durations or [0]) * (len(missing) - number) / 60
        left = f", about {left:.0f} min left" if durations else ""
        print(f"run {number + 1} of {len(missing)}: {title}{left}", flush=True)
        start = time.perf_counter()
        setting = (
            f"script = importlib.import_module({run['script']!r}); vars(script).update({chosen})"
        )
        try:
            run_python(f"import importlib; {setting}; script.main()")
            durations = durations[:number] if number else []
            durations.append(time.perf_counter() - start)
        except DataError as error:
            failures.append(f"{title}: {error}")
            print(f"  {error}", flush=True)
    return failures


# --- Table and plot -------------------------------------------------------------------------------


def validation_texts(run):
    """Returns the number of texts in the validation set of a run, or None without its data file."""
    train = KERAS_TEXTS.get(run["source"])
    path = run["constants"]["DATA_FILE"]
    if run["fingerprint"] and run["fingerprint"] == fingerprint(path):
        with np.load(path) as file:
            train = len(file["train_lengths"])
    return train and round(train * run["constants"]["VALIDATION_SIZE"])


def spread(values, texts):
    """Returns the variance of the mean of accuracies and its degrees of freedom.

    Args: see `interval`. Without a deviation they are those of a binomial share.
    """
    deviation = statistics.stdev(values) if len(values) > 1 else 0
    if deviation:
        return deviation**2 / len(values), len(values) - 1
    if not texts:
        return math.nan, math.inf
    accuracy = (values[0] * texts + 2) / (texts + 4)  # Agresti and Coull: above 0 also at 100 %
    return accuracy * (1 - accuracy) / (texts + 4), math.inf


def interval(values, best, count, texts=None):
    """Returns the limits of the 95 % interval of mean(values) - mean(best).

    Args: `values` and `best`, accuracies, one a seed; `count`, the number of variants from which
    the best was chosen; `texts`, the number of validation texts, or None where it is not known.
    The method is that of Games and Howell 1976, https://doi.org/10.3102/10769986001002113.
    """
    (a, a_freedom), (b, b_freedom) = spread(values, texts), spread(best, texts)
    if math.isnan(a + b):
        return math.nan, math.nan
    freedom = (a + b) ** 2 / (a**2 / a_freedom + b**2 / b_freedom or 1e-300)
    width = stats.studentized_range.ppf(0.95, count, min(freedom, 1e6)) * math.sqrt((a + b) / 2)
    difference = statistics.mean(values) - statistics.mean(best)
    return difference - width, difference + width


def group(runs):
    """Returns a list of tables, each a list of variants, each a list of runs, one a seed."""
    tables = collections.defaultdict(lambda: collections.defaultdict(dict))
    for run in runs:
        constants = {name: value for name, value in run["constants"].items() if name != "SEED"}
        variant = json.dumps([run["script"], run["code"], constants])
        tables[run["fingerprint"] or run["source"]][variant][run["seed"]] = run
    return [[list(seeds.values()) for seeds in variants.values()] for variants in tables.values()]


def settings(run):
    """Returns what tells variants apart: script, constants, and the start of the code's hash."""
    values = {"script": run["script"]} | run["constants"] | {"code": run["code"][:4]}
    return {name: value for name, value in values.items() if name != "SEED"}


def different(variants):
    """Returns the names of the settings that differ: "script", and what differs within a script."""
    values = collections.defaultdict(set)
    for run, *_ in variants:
        for name, value in settings(run).items():
            values[name, run["script"]].add(json.dumps(value))
    names = dict.fromkeys(name for (name, _), found in values.items() if len(found) > 1)
    several = len({run["script"] for run, *_ in variants}) > 1
    return ["script", *names] if several else list(names)


def tabulate(variants):
    """Returns the table of variants with the same data, a pandas.DataFrame with a row a variant.

    Accuracies are fractions. Sorted by validation accuracy; without validation, last.
    """

    def mean(runs, name):
        return statistics.mean(run.get(name, math.nan) for run in runs)

    def by_validation(runs):
        no_validation = "val_accuracy" not in runs[0]
        return no_validation, -mean(runs, "val_accuracy"), mean(runs, "val_loss")

    variants.sort(key=by_validation)
    names = different(variants)
    ranked = [runs for runs in variants if "val_accuracy" in runs[0]]
    rows = []
    for runs in variants:
        row = {name: settings(runs[0]).get(name, "") for name in names}
        row["seeds"] = ", ".join(str(run["seed"]) for run in runs)
        for name in "val_loss", "val_accuracy", "test_accuracy":
            row[name] = mean(runs, name)
            several = len(runs) > 1 and name in runs[0]
            row[f"{name}_sd"] = statistics.stdev(r[name] for r in runs) if several else math.nan
        row["difference"], row["low"], row["high"] = [math.nan] * 3
        if runs in ranked[1:]:
            best, own = ([run["val_accuracy"] for run in group] for group in (ranked[0], runs))
            row["difference"] = row["val_accuracy"] - statistics.mean(best)
            texts = validation_texts(runs[0])
            row["low"], row["high"] = interval(own, best, len(ranked), texts)
        row["parameters"] = runs[0]["parameters"]
        row["epochs"] = statistics.mean(run["epochs"] for run in runs)
        row["seconds_per_epoch"] = statistics.mean(run["seconds"] / run["epochs"] for run in runs)
        rows.append(row)
    return pandas.DataFrame(rows)


def in_words(table):
    """Returns a table as text with percentages."""

    def percent(mean, deviation):
        text = "-" if math.isnan(mean) else f"{100 * mean:.1f}"
        return text if math.isnan(deviation) else f"{text} ± {100 * deviation:.1f}"

    def from_best(row):
        if math.isnan(row.difference):
            return "-" if math.isnan(row.val_accuracy) else "best"
        if math.isnan(row.low):
            return f"{100 * row.difference:+.1f} (unknown)"
        mark = " =" if row.low <= 0 <= row.high else "  "
        return f"{100 * row.difference:+.1f} ({100 * row.low:+.1f} to {100 * row.high:+.1f}){mark}"

    start = table.columns.get_loc("val_loss")
    shown = table.iloc[:, :start].copy()
    shown["val loss"] = [f"{loss:.3f}" if loss == loss else "-" for loss in table.val_loss]
    shown["val accuracy, %"] = list(map(percent, table.val_accuracy, table.val_accuracy_sd))
    shown["from best"] = [from_best(row) for row in table.itertuples()]
    shown["test accuracy, %"] = list(map(percent, table.test_accuracy, table.test_accuracy_sd))
    shown["parameters"] = [f"{count:,}" for count in table.parameters]
    shown["epochs"] = [f"{epochs:.1f}" for epochs in table.epochs]
    shown["s/epoch"] = [f"{seconds:.1f}" for seconds in table.seconds_per_epoch]
    return shown.to_string(index=False)


def draw(tables, path):
    """Draws validation accuracy and loss against epochs: a row of panels for each table.

    Thin lines are seeds. The line of a variant is the mean of the epochs that all its seeds have.
    Returns False where no run has validation.
    """
    tables = [
        [runs for runs in variants if "val_loss" in runs[0]][: len(STYLES)] for variants in tables
    ]
    tables = [variants for variants in tables if variants]
    if not tables:
        return False
    size = 9, 4.2 * len(tables)
    figure, rows = plt.subplots(len(tables), 2, figsize=size, squeeze=False, layout="constrained")
    for panels, variants in zip(rows, tables):
        names = different(variants)
        for axes, name in zip(panels, ("val_accuracy", "val_loss")):
            for number, runs in enumerate(variants):
                curves = [run["history"][name] for run in runs]
                if len(curves) > 1:  # each seed
                    for values in curves:
                        epochs = range(1, len(values) + 1)
                        axes.plot(epochs, values, color=f"C{number}", linewidth=0.8, alpha=0.5)
                values = [statistics.mean(values) for values in zip(*curves)]  # while all train
                epochs = range(1, len(values) + 1)
                axes.plot(epochs, values, STYLES[number], color=f"C{number}", markersize=4)
                values = settings(runs[0])
                texts = (
                    values[key] if key == "script" else f"{key}={values[key]}"
                    for key in names
                    if key in values
                )
                axes.lines[-1].set_label(" ".join(texts) or runs[0]["script"])
            axes.set(xlabel="epoch", ylabel=name.replace("val_", "validation "))
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(alpha=0.3)
        panels[0].set_title(variants[0][0]["source"], fontsize=9, loc="left")
        panels[1].legend(fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return True


def main(arguments=None):
    parser = command.parser(__doc__)
    parser.add_argument("words", nargs="*", metavar="SCRIPT|CONSTANT=VALUES", help="see above")
    parser.add_argument("--dry-run", action="store_true", help="list the runs, train nothing")
    parser.add_argument("--csv", metavar="FILE", help="write the table to this file too")
    options = command.parse(parser, arguments)
    wanted = combinations(options.words) if options.words else []
    runs = finished_runs()

    def newest(wanted):
        return next((run for run in reversed(runs) if has(run, wanted)), None)

    missing = [combination for combination in wanted if not newest(combination[0])]
    if options.dry_run:
        for combination in wanted:
            state = "to train" if combination in missing else "finished"
            print(f"{state}: {combination[1]}")
        return
    failures = train(missing, runs) if missing else []
    if missing:
        runs = finished_runs()
    if wanted:
        shown = [newest(run) for run, _, _ in wanted]
        if shown.count(None) > len(failures):
            title = wanted[shown.index(None)][1]
            raise DataError(f"{title}: its run has other constants or code than the script has now")
        shown = list(filter(None, shown))
    else:
        shown = runs
    if not shown and not failures:
        raise DataError("there are no finished runs in runs/; train one: python imdb_lstm.py")
    tables = sorted(group(shown), key=lambda variants: variants[0][0]["source"])
    frames = []
    for variants in tables:
        frame = tabulate(variants)
        run = variants[0][0]
        count = validation_texts(run)
        print(f"\n{run['source']}" + (f"; validation: {count:,} texts" if count else ""))
        print(in_words(frame))
        frame.insert(0, "data", run["source"])
        frames.append(frame)
    if any(len(variants) > 1 for variants in tables):
        print(EXPLANATION)
    if any(len(variants) > len(STYLES) for variants in tables):
        print(f"The plot has the best {len(STYLES)} variants of each table.")
    if draw(tables, "compare.png"):
        print("written: compare.png")
    if options.csv:
        pandas.concat(frames).to_csv(options.csv, index=False)
        print(f"written: {options.csv}")
    if failures:
        raise DataError("\n".join(failures))


if __name__ == "__main__":
    command.start(main, "finished runs are kept; the same command continues")
