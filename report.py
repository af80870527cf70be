# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = [
#     "tensorflow>=2.20,<2.22", "numpy>=2.0,<3",
#     "pandas>=2.2,<4", "matplotlib>=3.8,<4", "scikit-learn>=1.5,<2",
# ]
# ///
"""Reports the results of a run: metrics per class on the terminal, plots and mistakes in a page.

    python report.py imdb_lstm                                   newest finished run of a script
    python report.py runs/imdb_lstm-20261125-143000-123456

Reads the test part of the data file that the run was trained on and classifies it again. Prints
accuracy with a 95% interval (Wilson's), the majority-class baseline, and precision, recall and F1
of each class; with more than ten classes, of the ten with the lowest F1. Writes report.html, a page
that needs no other file, into the run's folder, and its plots: curves.png, confusion.png,
reliability.png.
"""

import base64
import html
import io
import os
import pathlib
import re
import sys
import textwrap
import warnings

import numpy as np

from corpus import DataError, cli, data_file
from corpus.advice import on_constants
from corpus.words import FIRST_WORD_ID, START_ID, UNKNOWN_ID
from predict import Classifier

try:
    import matplotlib
    import pandas
    from scipy import stats
    from sklearn import calibration, metrics
except ImportError as error:
    sys.exit(f"{error}. Install it: python -m pip install -r requirements-tools.txt")

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

MAX_CLASSES_PRINTED = 10
MAX_CLASSES_WITH_COUNTS = 12  # of more, the confusion matrix has colours without numbers
MISTAKES = 15
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported


def read_data(result):
    """Returns (labels of train, texts of test, labels of test, vocabulary) of a run's data.

    A text is an id sequence, int32 of shape (length,). Raises DataError where the data file is not
    the one that the run was trained on.
    """
    about, path = result["about"], result["constants"]["DATA_FILE"]
    source = about["source"]
    if source.startswith("keras.datasets."):
        from keras import datasets

        try:
            corpus = getattr(datasets, pathlib.Path(path).stem)
            (_, y_train), (x_test, y_test) = corpus.load_data()
            ranks = corpus.get_word_index()
        except Exception as error:
            raise DataError(f"{source} cannot be loaded ({error})") from None
        return y_train, x_test, y_test, sorted(ranks, key=ranks.get)
    if not os.path.exists(path):
        raise DataError(f"there is no {path}; the run was trained on {source}: make it again")
    data = data_file.read(path)
    if data_file.about_of(data).get("fingerprint") != about.get("fingerprint"):
        raise DataError(
            f"{path} has other data now ({data['source']}); the run was trained on {source}: "
            "make that data file again, or train again"
        )
    texts = np.split(data["x_test"], np.cumsum(data["test_lengths"])[:-1])
    return data["y_train"], texts, data["y_test"], bytes(data["vocabulary"]).decode().split("\n")


def classify(classifier, texts):
    """Returns the probability of each class, float32 of shape (texts, classes).

    The batches are those in which the script evaluated the test set, so that padding, which the
    network reads too, is the same and the accuracy equals that of result.json.
    """
    constants = classifier.result["constants"]
    lengths = np.array([min(len(text), constants["MAX_LENGTH"]) for text in texts])
    order = np.argsort(lengths, kind="stable")
    probabilities = np.zeros((len(texts), len(classifier.classes)), dtype="float32")
    for start in range(0, len(texts), constants["BATCH_SIZE"]):
        rows = order[start : start + constants["BATCH_SIZE"]]
        probabilities[rows] = classifier.batch([texts[row] for row in rows])
    return probabilities


def measure(labels, probabilities, y_train, classes):
    """Returns the metrics of a classification of the test set as a dict.

    Its keys: `accuracy`; `low` and `high`, its 95% interval by Wilson's method; `baseline`, the
    accuracy of the most frequent class of train; `macro_f1`, over the classes in test; `per_class`,
    a pandas.DataFrame with the columns precision, recall, f1-score and support; `predicted`, a
    label for each text; `matrix`, numbers of texts of shape (true classes, predicted classes).
    """
    numbers = np.arange(len(classes))
    predicted = probabilities.argmax(axis=1)
    correct = stats.binomtest(int((predicted == labels).sum()), len(labels))
    low, high = correct.proportion_ci(method="wilson")
    options = {"labels": numbers, "output_dict": True, "zero_division": 0}
    report = metrics.classification_report(labels, predicted, **options)
    per_class = pandas.DataFrame([report[str(number)] for number in numbers], index=classes)
    return {
        "accuracy": correct.statistic,
        "low": low,
        "high": high,
        "baseline": float(np.mean(labels == np.bincount(y_train).argmax())),
        "macro_f1": per_class["f1-score"][(per_class["support"] > 0).to_numpy()].mean(),
        "per_class": per_class,
        "predicted": predicted,
        "matrix": metrics.confusion_matrix(labels, predicted, labels=numbers),
    }


def advise(scores, y_train, classes, constants):
    """Returns paragraphs on classes never predicted and on a model that learned nothing."""
    paragraphs = []
    counts = np.bincount(y_train, minlength=len(classes))
    missed = (scores["matrix"].sum(axis=0) == 0) & (scores["matrix"].sum(axis=1) > 0)
    nothing_learned = scores["low"] <= scores["baseline"]
    if missed.any():
        names = ", ".join(np.array(classes)[missed])
        texts = f"{scores['matrix'][missed].sum():,} of {scores['matrix'].sum():,} test texts"
        paragraphs.append(f"Never predicted: {names} ({texts}).")
    if nothing_learned:
        paragraphs.append(
            f"Test accuracy {scores['accuracy']:.2%} is not significantly above the majority-class "
            f"baseline {scores['baseline']:.2%}."
        )
    if paragraphs:
        uneven = counts.max() > 1.5 * counts[counts > 0].min()
        batch, validation = constants["BATCH_SIZE"], constants["VALIDATION_SIZE"]
        paragraphs += on_constants(counts, classes, batch, validation, uneven)
    return paragraphs


# --- Plots ----------------------------------------------------------------------------------------


def short_name(name):
    """Returns a class's name for a plot: at most 20 characters, $ escaped (no formulas)."""
    name = " ".join(name.split())
    return (name if len(name) <= 20 else name[:19] + "…").replace("$", r"\$")


def draw_curves(history, result):
    """Returns a figure with loss and accuracy on train and validation by epoch."""
    epochs = history["epoch"] + 1
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.6))
    for axes, name in zip(panels, ("loss", "accuracy")):
        axes.plot(epochs, history[name], "o-", label="train")
        if f"val_{name}" in history and history[f"val_{name}"].notna().any():
            axes.plot(epochs, history[f"val_{name}"], "s--", label="validation")
            axes.axvline(result["best_epoch"], color="gray", linestyle=":", label="restored epoch")
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def draw_confusion(matrix, classes):
    """Returns a figure with the confusion matrix; colours are fractions of the row."""
    many = len(classes) > MAX_CLASSES_WITH_COUNTS
    fractions = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    size = 3 + (0.19 if many else 0.7) * len(classes)
    figure, axes = plt.subplots(figsize=(size + 1, size))
    colors = [plt.rcParams["axes.facecolor"], "C0"]
    colors = matplotlib.colors.LinearSegmentedColormap.from_list("", colors)
    image = axes.imshow(fractions, cmap=colors, vmin=0, vmax=1)
    figure.colorbar(image, label="fraction of the true class", shrink=0.8)
    for row, column in [] if many else np.ndindex(matrix.shape):
        color = "black" if fractions[row, column] > 0.5 else plt.rcParams["text.color"]
        text = f"{matrix[row, column]:,}"
        axes.text(column, row, text, ha="center", va="center", color=color)
    names = list(map(short_name, classes))
    size = 7 if many else 10
    rotation = 0 if len(names) <= 3 and max(map(len, names)) <= 10 else 90
    axes.set_xticks(range(len(names)), names, rotation=rotation, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.tick_params(labeltop=many)
    if many:
        lines = np.arange(len(names) - 1) + 0.5
        axes.set_xticks(lines, minor=True)
        axes.set_yticks(lines, minor=True)
        axes.tick_params(which="minor", length=0)
        axes.grid(which="minor", alpha=0.3, linewidth=0.5)
    axes.set(xlabel="predicted class", ylabel="true class")
    return figure


def draw_reliability(confidence, correct, class_count):
    """Returns a figure with accuracy against the probability of the predicted class."""
    accuracy, mean = calibration.calibration_curve(correct, confidence, n_bins=10)
    texts = np.bincount(np.searchsorted(np.linspace(0, 1, 11)[1:-1], confidence))
    few = texts[texts > 0] < 10
    figure, panels = plt.subplots(2, 1, figsize=(5, 5), sharex=True, height_ratios=[3, 1])
    panels[0].plot([0, 1], [0, 1], ":", color="gray", label="perfectly calibrated")
    [line] = panels[0].plot(mean, accuracy, "o-", label="this run (hollow: fewer than 10 texts)")
    hollow = {"markerfacecolor": plt.rcParams["axes.facecolor"], "color": line.get_color()}
    panels[0].plot(mean[few], accuracy[few], "o", **hollow)
    panels[0].set(ylabel="fraction correct", ylim=(0, 1.02))
    panels[0].legend(fontsize=8)
    panels[1].hist(confidence, bins=10, range=(0, 1))
    limits = 0.45 if class_count == 2 else 0, 1.02
    panels[1].set(xlabel="probability of the predicted class", ylabel="texts", xlim=limits)
    for axes in panels:
        axes.grid(alpha=0.3)
    return figure


def picture_html(path, alternative, draw, *arguments):
    """Draws a plot, writes it as PNG, returns it as HTML in light and dark."""
    versions = []
    for style, background in ("default", "#ffffff"), ("dark_background", "#15181c"):
        with plt.style.context(style):
            plt.rcParams |= {"axes.facecolor": background, "figure.constrained_layout.use": True}
            figure = draw(*arguments)
            file = io.BytesIO()
            figure.savefig(file, dpi=130, facecolor=background, bbox_inches="tight")
            plt.close(figure)
        versions.append(file.getvalue())
    with data_file.replacing(str(path)) as file:
        file.write(versions[0])
    light, dark = (f"data:image/png;base64,{base64.b64encode(png).decode()}" for png in versions)
    wide = "very wide" if figure.get_figwidth() > 10 else "wide"
    return f"""<div class="{wide}"><picture>
<source media="(prefers-color-scheme: dark)" srcset="{dark}"/>
<img alt="{alternative}" src="{light}"/></picture></div>"""


# --- Page -----------------------------------------------------------------------------------------


def escape(value):
    """Returns text for HTML; characters that XML 1.0 does not allow become U+FFFD."""
    allowed = "\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff"
    return html.escape(re.sub(f"[^{allowed}]", "\ufffd", str(value)))


def table_html(rows, head=()):
    """Returns an HTML table; the first cell of each row is its heading."""
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)] if head else []
    for first, *cells in rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        lines.append(f"<th>{escape(first)}</th>{cells}")
    lines = "\n".join(f"<tr>{line}</tr>" for line in lines)
    kind = "wide" if head else "wide text"
    return f'<div class="{kind}"><table>\n{lines}\n</table></div>'


def mistake_html(classifier, vocabulary, text, true, predicted, confidence):
    """Returns a wrongly classified text as HTML, each word shaded by the probabilities after it."""
    cut = max(0, len(text) - classifier.max_length)
    read = np.asarray(text[cut:])
    after = classifier.probabilities([read[: end + 1] for end in range(len(read))])
    names = [classifier.classes[label] for label in (predicted, true)]
    spans, before = [], None
    for number, output in zip(read, after):
        if number < FIRST_WORD_ID and number != UNKNOWN_ID:
            continue  # the start of the text
        word = "[unknown]" if number == UNKNOWN_ID else vocabulary[number - FIRST_WORD_ID]
        difference = float(output[true] - output[predicted])
        kinds = ["true" if difference > 0 else "predicted"]
        if before not in (None, kinds[0]):
            kinds.append("turn")
        before = kinds[0]
        if number == UNKNOWN_ID or number >= classifier.vocab_size:
            kinds.append("unknown")
        title = f"{names[0]} {output[predicted]:.0%}, {names[1]} {output[true]:.0%}"
        style = f"--strength: {abs(difference):.2f}"
        attributes = f'class="{" ".join(kinds)}" style="{style}" title="{escape(title)}"'
        spans.append(f"<span {attributes}>{escape(word)} </span>")
    words_cut = cut - (cut > 0 and text[0] == START_ID)
    note = f"[first {words_cut:,} words cut: MAX_LENGTH = {classifier.max_length}] "
    heading = f"Predicted {names[0]} ({confidence:.1%}), labelled {names[1]}"
    return f"<h3>{escape(heading)}</h3>\n<p>{note if words_cut else ''}{''.join(spans)}</p>"


STYLE = """
:root { color-scheme: light dark; --true: #2f7fd6; --predicted: #e07b1a; --line: #c8ccd0; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 0 auto; padding: 1rem;
  background: #ffffff; color: #1c2024; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a4048; } body { background: #15181c; color: #e4e7ea; } }
.wide { overflow-x: auto; }
.wide img { max-width: 100%; height: auto; min-width: min(40rem, 100%); }
.very.wide { width: min(80rem, 100vw - 3rem); margin-left: calc(50% - min(40rem, 50vw - 1.5rem)); }
.very.wide img { min-width: 60rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, .text td { text-align: left; } .text td { overflow-wrap: anywhere; }
@media (max-width: 30rem) { th, td { padding: .15rem .35rem; } .wide img { min-width: 36rem; } }
.advice { border-left: .3rem solid var(--predicted); padding-left: 1rem; overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: 1.5rem 0 .2rem; } p { margin: .3rem 0; overflow-wrap: anywhere; }
.true { background: color-mix(in srgb, var(--true) calc(var(--strength) * 55%), transparent); }
.predicted {
  background: color-mix(in srgb, var(--predicted) calc(var(--strength) * 55%), transparent); }
.turn { border-left: 3px solid currentColor; padding-left: 2px; }
.unknown { text-decoration: underline dotted; }
"""


def page_html(classifier, scores, advice, plots, mistakes):
    """Returns the report as a page of well-formed HTML that needs no other file."""
    result = classifier.result
    interval = f"95% interval {scores['low']:.2%} to {scores['high']:.2%}"
    summary = {
        "test accuracy": f"{scores['accuracy']:.2%} ({interval})",
        "majority-class baseline": f"{scores['baseline']:.2%}",
        "macro F1": f"{scores['macro_f1']:.3f} (mean over the classes in test)",
        "test loss": f"{result['test_loss']:.4f}",
        "test texts": f"{scores['matrix'].sum():,}",
    }
    settings = {"data": result["about"]["source"], "device": result["device"]}
    settings |= {"epochs": result["epochs"], "restored epoch": result["best_epoch"]}
    settings |= {"training time, s": f"{result['seconds']:.0f}"}
    settings |= result["constants"] | result["versions"]
    warning = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in advice)
    warning = f'<div class="advice">{warning}</div>' if advice else ""
    head = ["class", "precision", "recall", "F1", "texts"]
    classes = [[name, f"{row[0]:.3f}", f"{row[1]:.3f}", f"{row[2]:.3f}", f"{row[3]:,.0f}"]
               for name, *row in scores["per_class"].itertuples()]  # fmt: skip
    curves, confusion, reliability = plots
    title = f"{result['script']}: {scores['accuracy']:.2%} on {result['about']['source']}"
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>{escape(title)}</title><style>{STYLE}</style></head>
<body>
<h1>{escape(result["script"])}</h1>
<p>{escape(result["about"]["source"])}; {escape(classifier.folder.name)}</p>
{table_html(summary.items())}
{warning}
<h2>Training</h2>
{curves}
<h2>Classes</h2>
{table_html(classes, head)}
<h2>Confusion matrix</h2>
<p>Rows: true class. Columns: predicted class. Colour: fraction of the row.</p>
{confusion}
<h3>Most frequent confusions</h3>
{table_html(confusions(scores["matrix"], classifier.classes), ["true", "predicted", "texts"])}
<h2>Reliability</h2>
<p>Of the texts that a well-calibrated model classifies with a probability of 80%, 80% are correct.
Below the dotted line the model is overconfident.</p>
{reliability}
<h2>Most confident mistakes</h2>
<p>Each word is shaded by the probabilities after it:
<span class="predicted" style="--strength: 0.8">the predicted class is more probable</span>,
<span class="true" style="--strength: 0.8">the true class is more probable</span>; the stronger, the
larger the difference. A <span class="turn">bar</span> marks a change. The model does not know
<span class="unknown">underlined</span> words.</p>
{"".join(mistakes) or "<p>None: all test texts are classified correctly.</p>"}
<h2>Settings</h2>
{table_html(settings.items())}
</body></html>
"""


def confusions(matrix, classes):
    """Returns the ten most frequent (true class, predicted class, number of texts)."""
    wrong = matrix * (1 - np.eye(len(matrix), dtype=int))
    places = np.argsort(-wrong, axis=None, kind="stable")[:10]
    rows = zip(*np.unravel_index(places, wrong.shape))
    return [(classes[row], classes[column], f"{wrong[row, column]:,}")
            for row, column in rows if wrong[row, column]]  # fmt: skip


def print_report(classifier, scores, advice):
    result, per_class = classifier.result, scores["per_class"]
    count = f"{scores['matrix'].sum():,} test texts"
    print(f"{classifier.folder}: {result['about']['source']}, {count}")
    interval = f"95% interval {scores['low']:.2%} to {scores['high']:.2%}"
    print(f"test accuracy {scores['accuracy']:.2%} ({interval})")
    print(f"majority-class baseline {scores['baseline']:.2%}")
    print(f"macro F1 {scores['macro_f1']:.3f} (mean over the classes in test)\n")
    shown = per_class[per_class["support"] > 0].astype({"support": int})
    if len(shown) > MAX_CLASSES_PRINTED:
        print(f"the {MAX_CLASSES_PRINTED} classes with the lowest F1, of {len(per_class)}")
        shown = shown.nsmallest(MAX_CLASSES_PRINTED, "f1-score")
    shown = shown.rename(columns={"f1-score": "F1", "support": "texts"})
    print(shown.to_string(float_format="{:.3f}".format), end="\n\n")
    for paragraph in advice:
        print(textwrap.fill(paragraph, 100, break_long_words=False, break_on_hyphens=False))


def main(arguments=None):
    parser = cli.parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="a script's name or a run's folder")
    options = cli.parse(parser, arguments)
    classifier = Classifier(options.run)
    result, classes, folder = classifier.result, classifier.classes, classifier.folder
    try:
        for key in "test_accuracy test_loss best_epoch epochs seconds device versions".split():
            result[key]
        for key in "DATA_FILE SEED BATCH_SIZE VALIDATION_SIZE".split():
            result["constants"][key]
        result["about"]["source"]
        history = pandas.read_csv(folder / "history.csv")
        history[["epoch", "accuracy", "loss"]]
    except Exception as error:  # which one depends on where a file is damaged
        raise classifier.unusable("result.json or history.csv", repr(error)) from None
    y_train, texts, labels, vocabulary = read_data(result)
    print(f"classifying {len(texts):,} test texts ...", file=sys.stderr, flush=True)
    probabilities = classify(classifier, texts)
    scores = measure(labels, probabilities, y_train, classes)
    differ = abs(scores["accuracy"] - result["test_accuracy"]) * len(labels)
    if differ >= 0.5:
        print(
            f"Test accuracy is {result['test_accuracy']:.2%} in result.json but "
            f"{scores['accuracy']:.2%} here, {differ:.0f} texts. Either the script's `batches` was "
            "edited or floating-point rounding differs on this machine.",
            file=sys.stderr,
        )
    advice = advise(scores, y_train, classes, result["constants"])
    print_report(classifier, scores, advice)

    predicted = scores["predicted"]
    confidence = probabilities[np.arange(len(labels)), predicted]
    warnings.filterwarnings("ignore", "Glyph")  # a class's name in a script that the font lacks
    curves = draw_curves, history, result
    confusion = draw_confusion, scores["matrix"], classes
    reliability = draw_reliability, confidence, predicted == labels, len(classes)
    plots = [
        picture_html(folder / "curves.png", "loss and accuracy by epoch", *curves),
        picture_html(folder / "confusion.png", "confusion matrix", *confusion),
        picture_html(folder / "reliability.png", "reliability diagram", *reliability),
    ]
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    mistakes = [
        mistake_html(
            classifier, vocabulary, texts[row], labels[row], predicted[row], confidence[row]
        )
        for row in wrong
    ]
    page = page_html(classifier, scores, advice, plots, mistakes)
    with data_file.replacing(str(folder / "report.html")) as file:
        file.write(page.encode())
    print(f"written: {folder / 'report.html'}, curves.png, confusion.png, reliability.png")


if __name__ == "__main__":
    cli.start(main)
