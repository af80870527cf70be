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
that needs no other file, into the run's folder.
"""

import base64
import html
import io
import os
import pathlib
import sys
import textwrap
import warnings

import numpy as np

from corpus import DataError, advice, cli, data_file, printable
from corpus.words import START_ID
from predict import Classifier

try:
    import pandas
    from matplotlib.figure import Figure
    from scipy import stats
    from sklearn import calibration, metrics
except ImportError as error:
    if __name__ != "__main__":
        raise
    sys.exit(f"{error}. Install it: python -m pip install -r requirements-tools.txt")

CLASSES_PRINTED, CLASSES_DRAWN = 10, 100  # at most
CONFUSIONS, MISTAKES = 10, 15  # at most

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: auto; padding: 1rem;
  overflow-wrap: anywhere; }
.picture { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .7rem; border-bottom: 1px solid #8888; text-align: right; }
tbody th, .text td { text-align: left; }
h3 { font-size: 1rem; margin: 1.5rem 0 .2rem; } p { margin: .3rem 0; }
.true { background: rgb(47 127 214 / var(--strength, .5)); }
.predicted { background: rgb(224 123 26 / var(--strength, .5)); }
.unknown { text-decoration: underline dotted; }
"""
RELIABILITY = """<p>Each point is a tenth of the test texts. Of the texts that a well-calibrated
model classifies with a probability of 80%, 80% are correct. Below the dotted line the model is
overconfident.</p>"""
SHADES = """<p>Each word is shaded by the probabilities after it:
<span class="predicted">the predicted class is more probable</span>,
<span class="true">the true class is more probable</span>; the stronger, the larger the difference.
The model does not know <span class="unknown">underlined</span> words.</p>"""


def read_data(result):
    """Returns (labels of train, texts of test, labels of test) of a run's data.

    A text is an id sequence of shape (length,). Raises DataError where the data file is not the one
    that the run was trained on.
    """
    about, path = result["about"], result["constants"]["DATA_FILE"]
    source = about["source"]
    if source.startswith("keras.datasets."):
        from keras import datasets

        try:
            (_, y_train), test = getattr(datasets, pathlib.Path(path).stem).load_data()
        except Exception as error:
            raise DataError(f"{source} cannot be loaded ({error})") from None
        return y_train, *test
    if not os.path.exists(path):
        raise DataError(f"there is no {path}; the run was trained on {source}: make it again")
    data = data_file.read(path)
    if data_file.about_of(data).get("fingerprint") != about.get("fingerprint"):
        raise DataError(
            f"{path} has other data now ({data['source']}); the run was trained on {source}: "
            "make that data file again, or train again"
        )
    texts = np.split(data["x_test"], np.cumsum(data["test_lengths"])[:-1])
    return data["y_train"], texts, data["y_test"]


def classify(classifier, texts):
    """Returns the probability of each class, float32 of shape (texts, classes).

    The batches are those in which the script evaluates the test set, so that padding, which the
    network reads too, is the same and the accuracy equals that of result.json.
    """
    size = classifier.result["constants"]["BATCH_SIZE"]
    order = np.argsort([min(len(text), classifier.max_length) for text in texts], kind="stable")
    probabilities = np.zeros((len(texts), len(classifier.classes)), dtype="float32")
    for start in range(0, len(texts), size):
        rows = order[start : start + size]
        probabilities[rows] = classifier.batch([texts[row] for row in rows])
    return probabilities


def measure(labels, predicted, y_train, names, constants):
    """Returns metrics, {name: value as text}, and advice, a list of paragraphs.

    Advice is given on classes that are never predicted and on a model that learned nothing.
    """
    correct = stats.binomtest(int((predicted == labels).sum()), len(labels))
    low, high = correct.proportion_ci(method="wilson")
    counts = np.bincount(y_train, minlength=len(names))
    baseline = np.mean(labels == counts.argmax())
    scores = {"test texts": f"{len(labels):,}"}
    scores["test accuracy"] = f"{correct.statistic:.2%} (95% interval {low:.2%} to {high:.2%})"
    scores["majority-class baseline"] = f"{baseline:.2%}"
    paragraphs = []
    missed = np.setdiff1d(labels, predicted)
    if len(missed):
        shown = ", ".join(names[missed[:CLASSES_PRINTED]])
        texts = f"{np.isin(labels, missed).sum():,} of {len(labels):,} test texts"
        paragraphs.append(f"{len(missed)} classes are never predicted ({texts}), such as {shown}.")
    if low <= baseline:
        paragraphs.append("Test accuracy is not significantly above the majority-class baseline.")
    if paragraphs:
        uneven = counts.max() > 1.5 * counts[counts > 0].min()
        batch, validation = constants["BATCH_SIZE"], constants["VALIDATION_SIZE"]
        paragraphs += advice.on_constants(counts, names, batch, validation, uneven)
    return scores, paragraphs


def tables(labels, predicted, names):
    """Returns the metrics of each class in test, and the most frequent confusions."""
    present = np.unique(labels)
    options = {"labels": present, "output_dict": True, "zero_division": 0}
    report = metrics.classification_report(labels, predicted, **options)
    per_class = pandas.DataFrame([report[str(label)] for label in present], names[present])
    per_class = per_class.set_axis(["precision", "recall", "F1", "texts"], axis="columns")
    pairs = pandas.DataFrame({"true": names[labels], "predicted": names[predicted]})
    confusions = pairs[predicted != labels].value_counts().head(CONFUSIONS)
    return per_class.astype({"texts": int}), confusions.reset_index(name="texts")


def draw_curves(history, best_epoch):
    """Returns a figure with loss and accuracy on train and validation by epoch."""
    figure = Figure((9, 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy")):
        axes.plot(history["epoch"] + 1, history[name], "o-", label="train")
        if f"val_{name}" in history:
            axes.plot(history["epoch"] + 1, history[f"val_{name}"], "s--", label="validation")
        axes.axvline(best_epoch, color="gray", linestyle=":", label="best epoch (weights kept)")
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend()
    return figure


def draw_confusion(labels, predicted, names):
    """Returns a figure with the confusion matrix, as fractions of the true class."""
    few = len(names) <= 12  # of more, the matrix has colours without numbers
    size = 3 + (0.5 if few else 0.19) * len(names)
    figure = Figure((size + 1, size), layout="constrained")
    axes = figure.subplots()
    short = [name if len(name) <= 20 else name[:19] + "…" for name in names]
    short = [name.replace("$", r"\$") for name in short]  # no formulas
    options = {"labels": range(len(names)), "display_labels": short, "normalize": "true"}
    options |= {"include_values": few, "values_format": ".0%", "xticks_rotation": "vertical"}
    metrics.ConfusionMatrixDisplay.from_predictions(
        labels, predicted, **options, cmap="Blues", ax=axes
    )
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.tick_params(labelsize=10 if few else 7)
    return figure


def draw_reliability(correct, confidence):
    """Returns a figure with accuracy against the probability of the predicted class."""
    figure = Figure((5, 4), layout="constrained")
    axes = figure.subplots()
    options = {"n_bins": 10, "strategy": "quantile", "name": "this run"}
    calibration.CalibrationDisplay.from_predictions(correct, confidence, **options, ax=axes)
    axes.set(xlabel="probability of the predicted class", ylabel="fraction correct")
    return figure


def picture_html(figure):
    """Returns a figure as HTML: a PNG, white in a dark page too, one inch for one of the figure."""
    file = io.BytesIO()
    figure.savefig(file, dpi=150, facecolor="white")
    address = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    width = f"width: {figure.get_figwidth():.1f}in"
    return f'<div class="picture"><img alt="" style="{width}" src="{address}"></div>'


def table_html(rows, **options):
    """Returns rows or a pandas.DataFrame as an HTML table."""
    with pandas.option_context("display.max_colwidth", None):
        form = {"border": 0, "float_format": "{:.3f}".format}
        return pandas.DataFrame(rows).to_html(**form, **options)


def mistake_html(classifier, names, text, true, predicted, confidence):
    """Returns a wrongly classified text as HTML, each word shaded by the probabilities after it."""
    words = {number: word for word, number in classifier.ids.items()}
    read = text[-classifier.max_length :]
    after = classifier.probabilities([read[: end + 1] for end in range(len(read))])
    spans = ["[…]"] if len(text) > len(read) else []
    for number, output in zip(read, after):
        if number == START_ID:
            continue
        difference = output[true] - output[predicted]
        kind = "true" if difference > 0 else "predicted"
        kind += "" if number < classifier.vocab_size and number in words else " unknown"
        title = f"{names[predicted]} {output[predicted]:.0%}, {names[true]} {output[true]:.0%}"
        style = f"--strength: {0.6 * abs(difference):.2f}"
        word = html.escape(words.get(number, "[unknown]"))
        spans.append(f'<span class="{kind}" style="{style}" title="{html.escape(title)}">{word}')
    heading = f"Predicted {names[predicted]} ({confidence:.1%}), labelled {names[true]}"
    return f"<h3>{html.escape(heading)}</h3>\n<p>{' </span>'.join(spans)}</span></p>"


def page_html(title, sections):
    """Returns a page that needs no other file; a section without content has no heading."""
    sections = [f"<h2>{name}</h2>\n{content}\n" for name, content in sections.items() if content]
    page = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>
<body><h1>{html.escape(title)}</h1>
{"".join(sections)}</body></html>
"""
    return "\n".join(map(printable, page.split("\n")))


def main(arguments=None):
    parser = cli.parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="a script's name or a run's folder")
    options = cli.parse(parser, arguments)
    warnings.filterwarnings("ignore", "Glyph")  # a class's name in a script that the font lacks
    classifier = Classifier(options.run)
    result, folder = classifier.result, classifier.folder
    try:
        history = pandas.read_csv(folder / "history.csv")
        curves = picture_html(draw_curves(history, result["best_epoch"]))
        other = ("device", "epochs", "best_epoch", "seconds", "test_loss", "test_accuracy")
        settings = {"run": folder, "data": result["about"]["source"]}
        settings |= {name: result[name] for name in other}
        settings |= result["constants"] | result["versions"]
    except Exception as error:  # which one depends on where a file is damaged
        raise classifier.unusable("result.json or history.csv", repr(error)) from None
    y_train, texts, labels = read_data(result)
    print(f"classifying {len(texts):,} test texts ...", file=sys.stderr, flush=True)
    probabilities = classify(classifier, texts)
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    differ = abs(np.mean(predicted == labels) - result["test_accuracy"]) * len(labels)
    if differ >= 0.5:
        print(
            f"Test accuracy is {result['test_accuracy']:.2%} in result.json: {differ:.0f} texts "
            "have other classes here. Either the script's `batches` was edited or floating-point "
            "rounding differs on this machine.",
            file=sys.stderr,
        )
    names = np.array([printable(name) for name in classifier.classes], dtype=object)
    scores, paragraphs = measure(labels, predicted, y_train, names, result["constants"])
    per_class, confusions = tables(labels, predicted, names)
    scores["macro F1"] = f"{per_class['F1'].mean():.3f} (mean over the classes in test)"
    print(f"{folder}: {printable(result['about']['source'])}")
    print(*(f"{name} {value}" for name, value in scores.items()), "", sep="\n")
    shown = per_class
    if len(shown) > CLASSES_PRINTED:
        print(f"the {CLASSES_PRINTED} classes with the lowest F1, of {len(shown)}")
        shown = shown.nsmallest(CLASSES_PRINTED, "F1")
    print(shown.to_string(float_format="{:.3f}".format), end="\n\n")
    for paragraph in paragraphs:
        print(textwrap.fill(paragraph, 100, break_long_words=False, break_on_hyphens=False))

    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    mistakes = "".join(
        mistake_html(classifier, names, texts[row], labels[row], predicted[row], confidence[row])
        for row in wrong
    )
    few, facts = len(names) <= CLASSES_DRAWN, {"header": False, "index": False, "classes": "text"}
    reliability = draw_reliability(predicted == labels, confidence)
    sections = {
        "Results": table_html(scores.items(), **facts),
        "Advice": "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs),
        "Training": curves,
        "Classes": table_html(per_class),
        "Confusion matrix": picture_html(draw_confusion(labels, predicted, names)) if few else "",
        "Most frequent confusions": table_html(confusions, index=False) if mistakes else "",
        "Reliability": RELIABILITY + picture_html(reliability),
        "Most confident mistakes": SHADES + mistakes if mistakes else "",
        "Settings": table_html(settings.items(), **facts),
    }
    with data_file.replacing(str(folder / "report.html")) as file:
        file.write(page_html(result["script"], sections).encode())
    print(f"written: {folder / 'report.html'}")


if __name__ == "__main__":
    cli.start(main)
