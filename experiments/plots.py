"""Draws results/*.png from the runs that reproduce.py has stored."""

import contextlib
import statistics

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from experiments import tools
from experiments.recipes import DEFAULTS, LENGTHS


@contextlib.contextmanager
def plot(name, size, columns=1):
    """Yields the axes of a figure and saves it."""
    figure, panels = plt.subplots(1, columns, figsize=size, squeeze=False)
    yield panels[0]
    for axes in panels[0]:
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
    figure.tight_layout()
    figure.savefig(tools.RESULTS / f"{name}.png", dpi=120)
    plt.close(figure)


def version_of(run):
    return f" ({tools.EARLIER})" if "version" in run else ""


def accuracy_by_epoch(runs):
    """Validation accuracy of the defaults after each epoch, seed 1."""
    with plot("accuracy_by_epoch", (7, 4.5)) as [axes]:
        for script in DEFAULTS:
            for run in runs.get(script, [])[:1]:
                accuracy = run["history"].get("val_accuracy", [])
                epochs = range(1, len(accuracy) + 1)
                label = f"{script}.py{version_of(run)}"
                axes.plot(epochs, accuracy, "o-", markersize=4, label=label)
        axes.set(xlabel="epoch", ylabel="validation accuracy")
        axes.set_title("Default scripts, seed 1 (Reuters has 46 classes)")


def recall_against_frequency(runs):
    """Recall of each Reuters topic against the number of its texts in train, mean over seeds."""
    with plot("recall_against_frequency", (8, 5)) as [axes]:
        for topic, (count, _) in runs[0]["topics"].items():
            recall = statistics.mean(run["topics"][topic][1] for run in runs)
            axes.plot(count, recall, "o", color="C0", markersize=4)
            offset = {"xytext": (3, 3), "textcoords": "offset points"}
            axes.annotate(topic, (count, recall), fontsize=7, **offset)
        axes.set(xscale="log", xlabel="texts in train, with validation", ylabel="recall on test")
        axes.set_title(f"reuters_rnn.py, mean of {len(runs)} seeds{version_of(runs[0])}")


def accuracy_against_length(runs):
    """Test accuracy of imdb_lstm.py against MAX_LENGTH, one dot per seed."""
    names = ["imdb_lstm", *(f"length_{length}" for length in LENGTHS)]
    everything = [run for name in names for run in runs.get(name, [])]
    with plot("accuracy_against_length", (6, 4)) as [axes]:
        for earlier, style in (True, "C1s"), (False, "C0o"):
            kept = [run for run in everything if ("version" in run) == earlier]
            if kept:
                points = [(run["constants"]["MAX_LENGTH"], run["test_accuracy"]) for run in kept]
                axes.plot(*zip(*points), style, label=f"one seed{version_of(kept[0])}")
        axes.set(xlabel="MAX_LENGTH, the number of words kept", ylabel="test accuracy")
        axes.set_title("imdb_lstm.py")


def overfitting(runs):
    """Accuracy and loss on train and validation by epoch, imdb_lstm.py without dropout."""
    [run, *_] = runs["overfit"]
    epochs = range(1, len(run["history"]["loss"]) + 1)
    with plot("overfitting", (9, 4), 2) as panels:
        for axes, name in zip(panels, ("accuracy", "loss")):
            axes.plot(epochs, run["history"][name], "o-", label="train")
            axes.plot(epochs, run["history"][f"val_{name}"], "o-", label="validation")
            axes.set(xlabel="epoch", ylabel=name)
        panels[0].figure.suptitle(f"imdb_lstm.py without dropout, seed 1{version_of(run)}")


def draw(runs, with_topics):
    """Draws the plots that {recipe: runs} and the runs with recall by topic allow."""
    if runs.keys() & DEFAULTS:
        accuracy_by_epoch(runs)
    if with_topics := [run for run in with_topics if run["recipe"] == "reuters_rnn"]:
        recall_against_frequency(with_topics)
    if "imdb_lstm" in runs:
        accuracy_against_length(runs)
    if "overfit" in runs:
        overfitting(runs)
