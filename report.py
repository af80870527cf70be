# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = [
#     "tensorflow>=2.20,<2.22", "numpy>=2.0,<3",
#     "pandas>=2.2,<4", "matplotlib>=3.8,<4", "scikit-learn>=1.5,<2",
# ]
# ///
"""Reports what a run has learned: figures for each class on the terminal, pictures in a page.

    python report.py imdb_lstm                                   newest finished run of a script
    python report.py runs/imdb_lstm-20261125-143000-123456

Reads the test part of the data file that the run was trained on and classifies it again. Prints
accuracy with a 95 % interval (Wilson's), the majority-class baseline, and precision, recall and F1
of each class, of many classes the ten with the lowest F1. Writes into the run's folder report.html,
a page that needs no other file, and its pictures: curves.png, confusion.png, reliability.png.
"""

import base64
import csv
import html
import io
import os
import re
import sys
import warnings

import numpy as np

from corpus import DataError, advice, command, data_file
from corpus.words import FIRST_WORD_ID, UNKNOWN_ID
from predict import Classifier

try:
    import matplotlib
    from scipy import stats
    from sklearn import calibration, metrics
except ImportError as error:
    sys.exit(f"{error}. Install it: python -m pip install -r requirements-tools.txt")

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

SHOWN = 10  # of more classes, the terminal shows this many
NUMBERED = 12  # of more classes, the confusion matrix has colours without numbers
MISTAKES = 15


def read_data(result):
    """Returns (labels of train, texts of test, labels of test, vocabulary) of a run's data.

    A text is an id sequence, int32 of shape (length,). Raises DataError where the data file is not
    the one that the run was trained on.
    """
    about, path = result["about"], result["constants"]["DATA_FILE"]
    source = about["source"]
    if source.startswith("keras.datasets."):
        from keras import datasets

        corpus = getattr(datasets, source.removeprefix("keras.datasets."))
        (_, y_train), (x_test, y_test) = corpus.load_data()
        ranks = corpus.get_word_index()
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
    noise = np.random.default_rng(constants["SEED"]).uniform(0.95, 1.05, len(lengths))
    order = np.argsort(lengths * noise)
    probabilities = np.zeros((len(texts), len(classifier.classes)), dtype="float32")
    for start in range(0, len(texts), constants["BATCH_SIZE"]):
        rows = order[start : start + constants["BATCH_SIZE"]]
        probabilities[rows] = classifier.batch([texts[row] for row in rows])
    return probabilities


def measure(labels, probabilities, y_train, classes):
    """Returns the figures of a classification of the test set as a dict.

    Its keys: `accuracy`; `low` and `high`, its 95 % interval by Wilson's method; `baseline`, the
    accuracy of the most frequent class of train; `macro_f1`; `each`, {class: {"precision",
    "recall", "f1-score", "support"}}; `predicted`, a label for each text; `matrix`, the numbers of
    texts of shape (true classes, predicted classes).
    """
    numbers = np.arange(len(classes))
    predicted = probabilities.argmax(axis=1)
    figures = {"predicted": predicted, "accuracy": float(np.mean(predicted == labels))}
    right = stats.binomtest(int((predicted == labels).sum()), len(labels))
    figures["low"], figures["high"] = right.proportion_ci(method="wilson")
    figures["baseline"] = float(np.mean(labels == np.bincount(y_train).argmax()))
    options = {"labels": numbers, "output_dict": True, "zero_division": 0}
    each = metrics.classification_report(labels, predicted, **options)
    figures["each"] = {name: each[str(number)] for number, name in enumerate(classes)}
    present = [figures["each"][classes[number]] for number in np.unique(labels)]
    figures["macro_f1"] = float(np.mean([row["f1-score"] for row in present]))
    figures["matrix"] = metrics.confusion_matrix(labels, predicted, labels=numbers)
    return figures


def advise(figures, y_train, classes, constants):
    """Returns lines on classes that are never predicted and on a model that has learned nothing."""
    lines = []
    counts = np.bincount(y_train, minlength=len(classes))
    never = [name for name, row in zip(classes, figures["matrix"].T) if not row.any()]
    never = [name for name in never if figures["each"][name]["support"]]
    learned = figures["low"] > figures["baseline"]
    if never:
        lines.append(f"Never predicted: {', '.join(never)}.")
    if not learned:
        lines.append("The model is no better than always predicting the most frequent class.")
    if lines:
        weigh = counts.max() > 1.5 * counts[counts > 0].min()
        batch, validation = constants["BATCH_SIZE"], constants["VALIDATION_SIZE"]
        lines += advice.on_constants(counts, classes, batch, validation, weigh)
    return lines


# --- Pictures -------------------------------------------------------------------------------------


def label(name):
    """Returns a class's name as it can stand in a picture: short, and no formula."""
    name = " ".join(name.split())
    return (name if len(name) <= 20 else name[:19] + "…").replace("$", r"\$")


def draw_curves(folder, result):
    """Loss and accuracy on train and validation after each epoch."""
    with open(folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    epochs = range(1, len(rows) + 1)
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.6))
    for axes, name in zip(panels, ("loss", "accuracy")):
        axes.plot(epochs, [float(row[name]) for row in rows], "o-", label="train")
        validation = [row.get(f"val_{name}", "NA") for row in rows]
        if "NA" not in validation:  # what CSVLogger writes without validation
            axes.plot(epochs, list(map(float, validation)), "s--", label="validation")
            axes.axvline(result["best_epoch"], color="gray", linestyle=":", label="restored epoch")
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def draw_confusion(matrix, classes):
    """The confusion matrix; colours are fractions of the true class."""
    many = len(classes) > NUMBERED
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    size = 3 + (0.19 if many else 0.7) * len(classes)
    figure, axes = plt.subplots(figsize=(size + 1, size))
    dark = sum(matplotlib.colors.to_rgb(plt.rcParams["text.color"])) > 1.5
    image = axes.imshow(shares, cmap="Blues_r" if dark else "Blues", vmin=0, vmax=1)
    figure.colorbar(image, label="fraction of the true class", shrink=0.8)
    for row, column in [] if many else np.ndindex(matrix.shape):
        color = "white" if (shares[row, column] > 0.5) != dark else "black"
        text = f"{matrix[row, column]:,}"
        axes.text(column, row, text, ha="center", va="center", color=color)
    names = list(map(label, classes))
    size = 7 if many else 10
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.set(xlabel="predicted class", ylabel="true class")
    return figure


def draw_reliability(confidence, right):
    """Accuracy of the texts against the probability of the predicted class, in ten intervals."""
    accuracy, mean = calibration.calibration_curve(right, confidence, n_bins=10)
    figure, panels = plt.subplots(2, 1, figsize=(5, 5), sharex=True, height_ratios=[3, 1])
    panels[0].plot([0, 1], [0, 1], ":", color="gray", label="perfectly calibrated")
    panels[0].plot(mean, accuracy, "o-", label="this run")
    panels[0].set(ylabel="fraction correct", ylim=(0, 1.02))
    panels[0].legend()
    panels[1].hist(confidence, bins=10, range=(0, 1))
    panels[1].set(xlabel="probability of the predicted class", ylabel="texts", xlim=(0, 1.02))
    for axes in panels:
        axes.grid(alpha=0.3)
    return figure


def picture(path, alternative, draw, *arguments):
    """Draws a picture, writes it as PNG, returns it as HTML in light and dark."""
    versions = []
    for style, background in ("default", "#ffffff"), ("dark_background", "#15181c"):
        with plt.style.context(style):
            plt.rcParams |= {"axes.facecolor": background, "figure.constrained_layout.use": True}
            figure = draw(*arguments)
            file = io.BytesIO()
            figure.savefig(file, dpi=130, facecolor=background)
            plt.close(figure)
        versions.append(file.getvalue())
    path.write_bytes(versions[0])
    light, dark = (f"data:image/png;base64,{base64.b64encode(png).decode()}" for png in versions)
    wide = "wide" if figure.get_figwidth() > 10 else ""
    return f"""<div class="{wide}"><picture>
<source media="(prefers-color-scheme: dark)" srcset="{dark}"/>
<img alt="{alternative}" src="{light}"/></picture></div>"""


# --- Page -----------------------------------------------------------------------------------------


def escape(value):
    """Returns text for HTML; characters that XML 1.0 does not allow become U+FFFD."""
    allowed = "\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff"
    return html.escape(re.sub(f"[^{allowed}]", "\ufffd", str(value)))


def table(head, rows):
    """Returns an HTML table; the first cell of each row is its heading."""
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)] if head else []
    for first, *cells in rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        lines.append(f"<th>{escape(first)}</th>{cells}")
    lines = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide"><table>\n{lines}\n</table></div>'


def mistake(classifier, vocabulary, text, true, predicted, confidence):
    """Returns a wrongly classified text as HTML, each word shaded by what it changed."""
    cut = max(0, len(text) - classifier.max_length)
    read = np.asarray(text[cut:])
    after = classifier.probabilities([read[: end + 1] for end in range(len(read))])
    words = []
    for number, output in zip(read, after):
        if number < FIRST_WORD_ID and number != UNKNOWN_ID:
            continue  # the start of the text
        known = number != UNKNOWN_ID and number < classifier.vocab_size
        word = "[unknown]" if number == UNKNOWN_ID else vocabulary[number - FIRST_WORD_ID]
        difference = float(output[true] - output[predicted])
        kind = ("right" if difference > 0 else "wrong") + ("" if known else " unknown")
        title = f"{classifier.classes[true]} {output[true]:.0%}, "
        title += f"{classifier.classes[predicted]} {output[predicted]:.0%}"
        style = f"--strength: {abs(difference):.2f}"
        words.append(
            f'<span class="{kind}" style="{style}" title="{escape(title)}">{escape(word)}</span>'
        )
    left_out = f"[{cut:,} words before are not read] " if cut else ""
    names = classifier.classes[predicted], classifier.classes[true]
    heading = f"{names[0]} {confidence:.1%}, but labelled {names[1]}"
    return f"<h3>{escape(heading)}</h3>\n<p>{left_out}{' '.join(words)}</p>"


STYLE = """
:root { color-scheme: light dark; --right: #2f7fd6; --wrong: #e07b1a; --line: #c8ccd0; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 0 auto; padding: 1rem;
  background: #ffffff; color: #1c2024; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a4048; } body { background: #15181c; color: #e4e7ea; } }
img { max-width: 100%; height: auto; }
.wide { overflow-x: auto; } .wide img { max-width: none; width: 75rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .7rem; border-bottom: 1px solid var(--line); text-align: left; }
td { text-align: right; } .text td { text-align: left; overflow-wrap: anywhere; }
.advice { border-left: .3rem solid var(--wrong); padding-left: 1rem; overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: 1.5rem 0 .2rem; } p { margin: .3rem 0; overflow-wrap: anywhere; }
.right { background: color-mix(in srgb, var(--right) calc(var(--strength) * 75%), transparent); }
.wrong { background: color-mix(in srgb, var(--wrong) calc(var(--strength) * 75%), transparent); }
.unknown { text-decoration: underline dotted; }
"""


def page(classifier, figures, lines, pictures, mistakes):
    """Returns the report as a page of well-formed HTML that needs no other file."""
    result = classifier.result
    low, high = figures["low"], figures["high"]
    summary = [
        ("test accuracy", f"{figures['accuracy']:.2%} (95 % interval {low:.2%} to {high:.2%})"),
        ("majority-class baseline", f"{figures['baseline']:.2%}"),
        ("macro F1", f"{figures['macro_f1']:.3f}"),
        ("test loss", f"{result['test_loss']:.4f}"),
        ("test texts", f"{figures['matrix'].sum():,}"),
    ]
    head = ["class", "precision", "recall", "F1", "texts"]
    settings = {"data": result["about"]["source"], "device": result["device"]}
    settings |= {"epochs": f"{result['epochs']}, restored: {result['best_epoch']}"}
    settings |= {"seconds of training": f"{result['seconds']:.0f}"}
    settings |= result["constants"] | result["versions"]
    warning = "".join(f"<p>{escape(line)}</p>" for line in lines)
    warning = f'<div class="advice">{warning}</div>' if lines else ""
    curves, confusion, reliability = pictures
    title = f"{result['script']}: {figures['accuracy']:.2%} on {result['about']['source']}"
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>{escape(title)}</title><style>{STYLE}</style></head>
<body>
<h1>{escape(result["script"])}</h1>
<p>{escape(result["about"]["source"])}; {escape(classifier.folder.name)}</p>
<div class="text">{table([], summary)}</div>
{warning}
<h2>Training</h2>
{curves}
<h2>Classes</h2>
{table(head, class_rows(figures))}
<h2>Confusion matrix</h2>
<p>Rows are true classes, columns predicted ones.</p>
{confusion}
<h2>Reliability</h2>
<p>Of the texts that a well-calibrated model classifies with a probability of 80 %, 80 % are
correct. Below the dotted line the model is too sure.</p>
{reliability}
<h2>Most confident mistakes</h2>
<p>Each word is shaded by the probabilities after it was read:
<span class="wrong" style="--strength: 0.7">predicted class more probable</span>,
<span class="right" style="--strength: 0.7">true class more probable</span>; the stronger, the
larger the difference. <span class="unknown">Underlined</span> words are unknown to the model.</p>
{"".join(mistakes) or "<p>None: all test texts are classified correctly.</p>"}
<h2>Settings</h2>
<div class="text">{table([], settings.items())}</div>
</body></html>
"""


def class_rows(figures):
    """Returns the rows of the table of classes: name, precision, recall, F1, number of texts."""
    for name, row in figures["each"].items():
        numbers = (f"{row[key]:.3f}" for key in ("precision", "recall", "f1-score"))
        yield name, *numbers, f"{row['support']:,.0f}"


def main(arguments=None):
    parser = command.parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="a script's name or a run's folder")
    options = command.parse(parser, arguments)
    classifier = Classifier(options.run)
    result, classes, folder = classifier.result, classifier.classes, classifier.folder
    y_train, texts, labels, vocabulary = read_data(result)
    print(f"classifying {len(texts):,} test texts ...", file=sys.stderr, flush=True)
    probabilities = classify(classifier, texts)
    figures = measure(labels, probabilities, y_train, classes)
    if round((figures["accuracy"] - result["test_accuracy"]) * len(labels)):
        print(
            f"result.json has {result['test_accuracy']:.2%}, this report {figures['accuracy']:.2%}:"
            " `batches` of the script was changed, or this machine rounds otherwise",
            file=sys.stderr,
        )
    lines = advise(figures, y_train, classes, result["constants"])

    low, high = figures["low"], figures["high"]
    print(f"{folder}: {result['about']['source']}, {len(labels):,} test texts")
    print(f"accuracy {figures['accuracy']:.2%}, 95 % interval {low:.2%} to {high:.2%}")
    print(f"majority-class baseline {figures['baseline']:.2%}, macro F1 {figures['macro_f1']:.3f}")
    rows = [row for row in class_rows(figures) if row[-1] != "0"]
    if len(rows) > SHOWN:
        rows = sorted(rows, key=lambda row: float(row[3]))[:SHOWN]
        print(f"\nthe {SHOWN} classes with the lowest F1, of {len(classes)}")
    width = max(len(row[0]) for row in rows)
    print(f"{'':{width}}  precision  recall     F1   texts")
    for name, precision, recall, f1, count in rows:
        print(f"{name:{width}}  {precision:>9}  {recall:>6}  {f1:>5}  {count:>6}")
    print("", *lines, sep="\n" if lines else "")

    predicted = figures["predicted"]
    confidence = probabilities[np.arange(len(labels)), predicted]
    warnings.filterwarnings("ignore", "Glyph")  # a class's name in a script that the font lacks
    pictures = [
        picture(folder / "curves.png", "loss and accuracy by epoch", draw_curves, folder, result),
        picture(
            folder / "confusion.png", "confusion matrix", draw_confusion, figures["matrix"], classes
        ),
        picture(
            folder / "reliability.png",
            "reliability",
            draw_reliability,
            confidence,
            predicted == labels,
        ),
    ]
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    mistakes = [
        mistake(classifier, vocabulary, texts[row], labels[row], predicted[row], confidence[row])
        for row in wrong
    ]
    text = page(classifier, figures, lines, pictures, mistakes)
    (folder / "report.html").write_text(text, encoding="utf-8")
    print(f"written: {folder / 'report.html'}, curves.png, confusion.png, reliability.png")


if __name__ == "__main__":
    command.start(main)
