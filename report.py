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
interval (Wilson's), warnings of the data, a linear model (for at most 100 classes) and the majority
class as baselines, how many texts have a probability above 0.90, advice, and the ten classes with
the lowest F1. Writes report.html, a page that needs no other file, into the run's folder.
"""

import base64
import contextlib
import html
import io
import os
import pathlib
import sys
import warnings

import numpy as np

from corpus import DataError, advice, cli, data_file, pages, printable, tables
from corpus.classifier import Classifier
from corpus.words import FIRST_WORD_ID

try:
    import pandas
    from matplotlib.figure import Figure
    from scipy import sparse, stats
    from sklearn import calibration, feature_extraction, linear_model, metrics
except ImportError as error:
    if __name__ != "__main__":
        raise
    sys.exit(f"{error}. Install it: python -m pip install -r requirements-tools.txt")

CLASSES_PRINTED, CONFUSIONS, MISTAKES = 10, 10, 15  # at most
CLASSES_DRAWN = 100  # at most; 1,000 classes would need 21 GB


def read_data(result):
    """Returns train and test of a run's data, (texts as id sequences, labels) each.

    Raises DataError where the data file is not the one that the run was trained on.
    """
    about, path = result["about"], result["constants"]["DATA_FILE"]
    source = about["source"]
    if source.startswith("keras.datasets."):
        from keras import datasets

        return getattr(datasets, pathlib.Path(path).stem).load_data()
    data = data_file.read(path) if os.path.exists(path) else None
    if not data or data_file.about_of(data).get("fingerprint") != about.get("fingerprint"):
        raise DataError(
            f"{path} is missing or has other data now. The run was trained on {source}: make that "
            "data file again, or train again"
        )
    return tuple(
        (np.split(data[f"x_{part}"], np.cumsum(data[f"{part}_lengths"])[:-1]), data[f"y_{part}"])
        for part in ("train", "test")
    )


def classify(classifier, texts):
    """Returns the probability of each class, float32 of shape (texts, classes).

    The batches are those in which the script evaluates the test set, so that padding, which the
    network reads too, is the same and the accuracy equals that of result.json.
    """
    size = classifier.result["constants"]["BATCH_SIZE"]
    order = np.argsort([min(len(text), classifier.max_length) for text in texts], kind="stable")
    return classifier.probabilities(texts, np.split(order, range(size, len(order), size)))


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
        what = f"{len(missed)} of {len(names)} classes ({texts})"
        advised.append(f"{what} are never predicted: {shown}")
    if low <= baseline:
        advised.append("test accuracy is not significantly above the majority-class baseline")
    if advised:
        sizes = constants["BATCH_SIZE"], constants["VALIDATION_SIZE"]
        weigh = counts.max() > 1.5 * counts.min()
        advised += advice.on_constants(counts, names, *sizes, weigh)[0]
    return per_class.astype({"support": int}).round(3), lines + advised


def linear_baseline(classifier, texts, labels, test):
    """Returns the labels that logistic regression on TF-IDF word counts predicts for test.

    Args: `texts` and `test`, lists of id sequences; `labels`, those of `texts`. Counted are the
    words that the network reads and knows.
    """
    counts = []
    for part in texts, test:
        part = [text[-classifier.max_length :] for text in part]
        ids, ends = np.concatenate(part), np.cumsum([0, *map(len, part)])
        ids = np.where(ids < classifier.vocab_size, ids, 0)
        shape = len(part), classifier.vocab_size
        counts.append(sparse.csr_matrix((np.ones(len(ids)), ids, ends), shape)[:, FIRST_WORD_ID:])
        counts[-1].sum_duplicates()
    tfidf = feature_extraction.text.TfidfTransformer(sublinear_tf=True)
    model = linear_model.LogisticRegression(C=5, max_iter=500)
    return model.fit(tfidf.fit_transform(counts[0]), labels).predict(tfidf.transform(counts[1]))


def compare(right, linear):
    """Returns a line on the linear baseline: which texts it and the network classify correctly."""
    difference = 100 * (right.astype(int) - linear)
    mean, error = difference.mean(), 1.96 * difference.std() / len(right) ** 0.5
    return (
        f"linear baseline {linear.mean():.2%} (TF-IDF and logistic regression, trained on train "
        f"without validation); network {mean:+.2f} points (95% interval {mean - error:+.2f} to "
        f"{mean + error:+.2f}, paired by text)"
    )


def coverage(right, confidence):
    """Returns a pandas.DataFrame: the share of texts above a probability, and of these correct."""
    rows = {}
    for limit in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99):
        above = confidence > limit
        correct = f"{right[above].mean():.1%}" if above.any() else "-"
        rows[f"above {limit:.2f}"] = {"texts": f"{above.mean():.1%}", "correct": correct}
    return pandas.DataFrame(rows).T


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


def texts_as_they_were(classifier, about, texts, rows):
    """Returns {row of test: its text in the person's file} of the `rows` that still stand there."""
    numbers, found = about.get("rows", []), {}
    wanted = {numbers[row]: row for row in rows} if numbers else {}
    with contextlib.suppress(DataError, KeyError):  # it has moved, or was read with options
        table = tables.read(about["file"])
        columns = ",".join(about["columns"]["text"])
        columns = tables.find(table, columns, (), "--text")
        for number, cells in table if wanted else ():
            if (row := wanted.get(number)) is not None:
                text = " ".join(cells[at].strip() for at in columns)
                if np.array_equal(classifier.encode(classifier.split(text)), texts[row]):
                    found[row] = text
    return found


def main(arguments=None):
    parser = cli.parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="a script's name or a run's folder")
    classifier = Classifier(cli.parse(parser, arguments).run)
    result, folder, about = classifier.result, classifier.folder, classifier.result["about"]
    (x_train, y_train), (texts, labels) = read_data(result)
    print(f"classifying {len(texts):,} test texts ...", file=sys.stderr, flush=True)
    probabilities = classify(classifier, texts)
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = predicted == labels
    names = np.array([printable(name) for name in classifier.classes], dtype=object)
    per_class, lines = measure(labels, predicted, y_train, names, result["constants"])
    few = len(names) <= CLASSES_DRAWN
    cut = round(len(x_train) * result["constants"]["VALIDATION_SIZE"])
    beside = [f"warning: {line}" for line in about.get("warnings", [])]
    differ = abs(right.mean() - result["test_accuracy"]) * len(labels)
    if differ >= 0.5:
        beside.append(
            f"warning: test accuracy in result.json is {result['test_accuracy']:.2%}, different by "
            f"{differ:.0f} texts: `batches` was edited, or this machine rounds differently"
        )
    if few and len(np.unique(y_train[cut:])) > 1:
        linear = linear_baseline(classifier, x_train[cut:], y_train[cut:], texts)
        beside.append(compare(right, linear == labels))
    covered = coverage(right, confidence)
    texts_above, correct = covered.loc["above 0.90"]
    correct = "" if correct == "-" else f", {correct} correct"
    beside.append(f"probability above 0.90: {texts_above} of the texts{correct}")
    lines[1:1] = beside
    lines.insert(0, f"{folder}: {about['source']}, {len(labels):,} test texts")
    print(*map(printable, lines), f"\nlowest F1 of {len(per_class)} classes:", sep="\n")
    print(per_class.nsmallest(CLASSES_PRINTED, "f1-score").to_string())

    wrong = np.flatnonzero(~right)
    pairs = pandas.DataFrame({"true": names[labels[wrong]], "predicted": names[predicted[wrong]]})
    confusions = pairs.value_counts().head(CONFUSIONS).reset_index(name="texts")
    rows = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES].tolist()
    spelt, mistakes = texts_as_they_were(classifier, about, texts, rows), ""
    for row in rows:
        heading = f"Predicted {names[predicted[row]]} ({confidence[row]:.1%}), "
        heading += f"labelled {names[labels[row]]}"
        if about.get("rows"):
            file = f" of {os.path.basename(about['file'])}" if about.get("file") else ""
            heading += f", row {about['rows'][row]}{file}"
        mistakes += f"<h3>{html.escape(heading)}</h3>\n"
        text = spelt.get(row, texts[row])
        mistakes += f"<p>{pages.shaded(classifier, text, predicted[row], labels[row])}</p>\n"
    history = pandas.read_csv(folder / "history.csv").dropna(axis="columns")  # without validation
    settings = {name: result[name] for name in ("device", "epochs", "best_epoch", "seconds")}
    settings = pandas.Series(settings | result["constants"] | result["versions"]).astype(str)
    pandas.set_option("display.max_colwidth", None)  # otherwise to_html shortens texts
    sections = {
        "Training": picture_html(draw_curves(history, result["best_epoch"])),
        "Classes": per_class.to_html(),
        "Confusion matrix": picture_html(draw_confusion(labels, predicted, names)) if few else "",
        "Most frequent confusions": confusions.to_html(index=False) if rows else "",
        "Reliability": picture_html(draw_reliability(right, confidence)),
        "Accuracy above a probability": covered.to_html(),
        "Most confident mistakes": pages.LEGEND.format("true class") + mistakes if rows else "",
        "Settings": settings.to_frame().to_html(header=False, classes="text"),
    }
    content = "".join(f"<p>{html.escape(line)}</p>\n" for line in lines)
    for name, section in sections.items():
        content += f"<h2>{name}</h2>\n{section}\n" if section else ""
    pages.write(str(folder / "report.html"), content)
    print(f"written: {folder / 'report.html'}")


if __name__ == "__main__":
    cli.start(main)
