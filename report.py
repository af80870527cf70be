# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = [
#     "tensorflow>=2.20,<2.22", "numpy>=2.0,<3",
#     "pandas>=2.2,<4", "matplotlib>=3.8,<4", "scikit-learn>=1.5,<2", "scipy>=1.13,<2",
# ]
# ///
"""Reports the results of a run: metrics per class on the terminal, plots and mistakes in a page.

    python report.py imdb_lstm                                   newest finished run of a script
    python report.py runs/imdb_lstm-20261125-143000-123456

Classifies the test part of the data file that the run was trained on. Prints accuracy with a 95%
interval (Wilson's), the majority-class baseline, advice, and the ten classes with the lowest F1.
Writes report.html, a page that needs no other file, into the run's folder.
"""

import base64
import html
import io
import os
import pathlib
import sys
import warnings

import numpy as np

from corpus import DataError, advice, cli, data_file, printable
from corpus.classifier import Classifier
from corpus.words import START_ID

try:
    import pandas
    from matplotlib.figure import Figure
    from scipy import stats
    from sklearn import calibration, metrics
except ImportError as error:
    if __name__ != "__main__":
        raise
    sys.exit(f"{error}. Install it: python -m pip install -r requirements-tools.txt")

CLASSES_PRINTED, CONFUSIONS, MISTAKES = 10, 10, 15  # at most
CLASSES_DRAWN = 100  # at most; 1,000 classes would need 21 GB

HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/><title>report.html</title>
<meta name="viewport" content="width=device-width, initial-scale=1"/><style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: auto; padding: 1rem; }
p, th, td { overflow-wrap: anywhere; } p:first-child { font-size: 1.5rem; }
table { border: 0; border-collapse: collapse; }
th, td { border: 0; padding: .15rem .7rem; border-bottom: 1px solid #8888; text-align: right; }
tbody th, .text td { text-align: left; }
.true { background: rgb(47 127 214 / var(--strength, .5)); }
.predicted { background: rgb(224 123 26 / var(--strength, .5)); }
.unknown { text-decoration: underline dotted; }
</style></head><body>
"""
SHADES = """<p>Each word is shaded by the probabilities after it:
<span class="predicted">the predicted class is more probable</span>,
<span class="true">the true class is more probable</span>; the stronger, the larger the difference.
The model does not know <span class="unknown">underlined</span> words.</p>"""


def read_data(result):
    """Returns (labels of train, texts of test as id sequences, labels of test) of a run's data.

    Raises DataError where the data file is not the one that the run was trained on.
    """
    about, path = result["about"], result["constants"]["DATA_FILE"]
    source = about["source"]
    if source.startswith("keras.datasets."):
        from keras import datasets

        (_, y_train), test = getattr(datasets, pathlib.Path(path).stem).load_data()
        return y_train, *test
    data = data_file.read(path) if os.path.exists(path) else None
    if not data or data_file.about_of(data).get("fingerprint") != about.get("fingerprint"):
        raise DataError(
            f"{path} is missing or has other data now. The run was trained on {source}: make that "
            "data file again, or train again"
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
    batches = np.split(order, range(size, len(order), size))
    output = [classifier.batch([texts[row] for row in rows]) for rows in batches]
    return np.concatenate(output)[np.argsort(order)]


def measure(labels, predicted, y_train, names, constants):
    """Returns metrics of each class in test, a pandas.DataFrame; lines of metrics and advice."""
    present, counts = np.unique(labels), np.bincount(y_train, minlength=len(names))
    options = {"labels": present, "output_dict": True, "zero_division": 0}
    report = metrics.classification_report(labels, predicted, **options)
    per_class = pandas.DataFrame([report[str(label)] for label in present], names[present])
    correct = stats.binomtest(int((predicted == labels).sum()), len(labels))
    low, high = correct.proportion_ci(method="wilson")
    baseline = np.mean(labels == counts.argmax())
    lines = [
        f"test accuracy {correct.statistic:.2%} (95% interval {low:.2%} to {high:.2%})",
        f"majority-class baseline {baseline:.2%}",
        f"macro F1 {report['macro avg']['f1-score']:.3f} (mean over the classes in test)",
    ]
    advised = []
    if missed := sorted(set(labels) - set(predicted)):
        texts = f"{np.isin(labels, missed).sum():,} test texts"
        shown = ", ".join(names[missed[:CLASSES_PRINTED]])
        advised.append(f"{len(missed)} of {len(names)} classes ({texts}) never predicted: {shown}")
    if low <= baseline:
        advised.append("test accuracy is not significantly above the majority-class baseline")
    if advised:
        sizes = constants["BATCH_SIZE"], constants["VALIDATION_SIZE"]
        advised += advice.on_constants(counts, names, *sizes, counts.max() > 1.5 * counts.min())
    return per_class.astype({"support": int}).round(3), lines + advised


def draw_curves(history, best_epoch):
    """Returns a figure with loss and accuracy on train and validation by epoch."""
    figure = Figure((9, 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy")):
        axes.plot(range(1, len(history) + 1), history[name], "o-", label="train")
        if f"val_{name}" in history:
            axes.plot(range(1, len(history) + 1), history[f"val_{name}"], "s--", label="validation")
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
    short = [name[:20].replace("$", r"\$") for name in names]  # $ would begin a formula
    options = {"labels": range(len(names)), "display_labels": short, "normalize": "true"}
    options |= {"include_values": few, "values_format": ".0%", "cmap": "Blues", "ax": axes}
    metrics.ConfusionMatrixDisplay.from_predictions(labels, predicted, **options)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.tick_params(labelsize=8)
    axes.tick_params("x", rotation=90)
    return figure


def draw_reliability(correct, confidence):
    """Returns a figure with accuracy against the probability of the predicted class."""
    figure = Figure((5, 4), layout="constrained")
    axes = figure.subplots()
    options = {"n_bins": 10, "strategy": "quantile", "name": "a tenth of the test texts each"}
    calibration.CalibrationDisplay.from_predictions(correct, confidence, **options, ax=axes)
    axes.set(xlabel="probability (below the line: overconfident)", ylabel="fraction correct")
    return figure


def picture_html(figure):
    """Returns a figure as HTML: a PNG, which is white in a dark page too."""
    file = io.BytesIO()
    warnings.filterwarnings("ignore", "Glyph")  # a class's name in a script that the font lacks
    figure.savefig(file, dpi=150, facecolor="white")
    address = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    return f'<img alt="" style="width: {figure.get_figwidth():.1f}in" src="{address}"/>'


def mistake_html(classifier, names, text, true, predicted, confidence):
    """Returns a wrongly classified text as HTML, each word shaded by the probabilities after it."""
    words = {number: word for word, number in classifier.ids.items()}
    read = text[-classifier.max_length :]
    after = classifier.probabilities([read[: end + 1] for end in range(len(read))])
    heading = f"Predicted {names[predicted]} ({confidence:.1%}), labelled {names[true]}"
    lines = [f"<h3>{html.escape(heading)}</h3>\n<p>{'[…]' if len(text) > len(read) else ''}"]
    for number, output in zip(read, after):
        if number == START_ID:
            continue
        difference = output[true] - output[predicted]
        kind = "true" if difference > 0 else "predicted"
        kind += "" if number < classifier.vocab_size and number in words else " unknown"
        title = f"{names[predicted]} {output[predicted]:.0%}, {names[true]} {output[true]:.0%}"
        attributes = f'style="--strength: {0.6 * abs(difference):.2f}" title="{html.escape(title)}"'
        word = html.escape(words.get(number, "[unknown]"))
        lines.append(f'<span class="{kind}" {attributes}>{word} </span>')
    return "\n".join([*lines, "</p>"])


def main(arguments=None):
    parser = cli.parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="a script's name or a run's folder")
    classifier = Classifier(cli.parse(parser, arguments).run)
    result, folder = classifier.result, classifier.folder
    y_train, texts, labels = read_data(result)
    print(f"classifying {len(texts):,} test texts ...", file=sys.stderr, flush=True)
    probabilities = classify(classifier, texts)
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = predicted == labels
    names = np.array([printable(name) for name in classifier.classes], dtype=object)
    per_class, lines = measure(labels, predicted, y_train, names, result["constants"])
    differ = abs(right.mean() - result["test_accuracy"]) * len(labels)
    if differ >= 0.5:
        lines.append(
            f"warning: test accuracy in result.json is {result['test_accuracy']:.2%}, {differ:.0f} "
            "texts apart: `batches` was edited, or this machine rounds differently"
        )
    lines.insert(0, f"{folder}: {result['about']['source']}, {len(labels):,} test texts")
    print(*map(printable, lines), f"\nlowest F1 of {len(per_class)} classes:", sep="\n")
    print(per_class.nsmallest(CLASSES_PRINTED, "f1-score").to_string())

    wrong = np.flatnonzero(~right)
    pairs = pandas.DataFrame({"true": names[labels[wrong]], "predicted": names[predicted[wrong]]})
    confusions = pairs.value_counts().head(CONFUSIONS).reset_index(name="texts")
    rows = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    mistakes = "".join(
        mistake_html(classifier, names, texts[row], labels[row], predicted[row], confidence[row])
        for row in rows
    )
    history = pandas.read_csv(folder / "history.csv").dropna(axis="columns")  # without validation
    settings = {name: result[name] for name in ("device", "epochs", "best_epoch", "seconds")}
    settings = pandas.Series(settings | result["constants"] | result["versions"]).astype(str)
    few = len(names) <= CLASSES_DRAWN
    pandas.set_option("display.max_colwidth", None)  # otherwise to_html shortens texts
    sections = {
        "Training": picture_html(draw_curves(history, result["best_epoch"])),
        "Classes": per_class.to_html(),
        "Confusion matrix": picture_html(draw_confusion(labels, predicted, names)) if few else "",
        "Most frequent confusions": confusions.to_html(index=False) if mistakes else "",
        "Reliability": picture_html(draw_reliability(right, confidence)),
        "Most confident mistakes": SHADES + mistakes if mistakes else "",
        "Settings": settings.to_frame().to_html(header=False, classes="text"),
    }
    page = HEAD + "".join(f"<p>{html.escape(line)}</p>\n" for line in lines)
    for name, content in sections.items():
        page += f"<h2>{name}</h2>\n{content}\n" if content else ""
    page = "\n".join(map(printable, page.split("\n")))
    with data_file.replacing(str(folder / "report.html")) as file:
        file.write(f"{page}</body></html>\n".encode())
    print(f"written: {folder / 'report.html'}")


if __name__ == "__main__":
    cli.start(main)
