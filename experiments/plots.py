"""Draws results/*.png from the runs that reproduce.py has stored."""

import contextlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from experiments import tools
from experiments.recipes import IMDB_SCRIPTS, LENGTHS


@contextlib.contextmanager
def plot(path, size, columns=1):
    """Yields the axes of a figure and saves it; `path` has no suffix."""
    figure, panels = plt.subplots(1, columns, figsize=size, squeeze=False)
    yield panels[0]
    for axes in panels[0]:
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
    figure.tight_layout()
    figure.savefig(f"{path}.png", dpi=120)
    plt.close(figure)


def accuracy_by_epoch(runs):
    """Validation accuracy of the IMDB scripts after each epoch, seed 1."""
    with plot(tools.RESULTS / "accuracy_by_epoch", (7, 4.5)) as [axes]:
        for script in IMDB_SCRIPTS:
            for run in runs.get(script, [])[:1]:
                accuracy = run["history"].get("val_accuracy", [])
                epochs = range(1, len(accuracy) + 1)
                axes.plot(epochs, accuracy, "o-", markersize=4, label=f"{script}.py")
        axes.set(xlabel="epoch", ylabel="validation accuracy")
        axes.set_title("IMDB, seed 1")


def accuracy_against_length(runs):
    """Test accuracy of imdb_lstm.py against MAX_LENGTH, one dot per seed."""
    names = ["imdb_lstm", *(f"length_{length}" for length in LENGTHS)]
    shown = [run for name in names for run in runs.get(name, [])]
    points = [(run["constants"]["MAX_LENGTH"], run["test_accuracy"]) for run in shown]
    with plot(tools.RESULTS / "accuracy_against_length", (6, 4)) as [axes]:
        axes.plot(*zip(*points), "o", label="one seed")
        axes.set(xlabel="MAX_LENGTH, the number of words kept", ylabel="test accuracy")
        axes.set_title("imdb_lstm.py")


def draw(runs):
    """Draws the plots that {recipe: runs} allow."""
    if runs.keys() & set(IMDB_SCRIPTS):
        accuracy_by_epoch(runs)
    if "imdb_lstm" in runs:
        accuracy_against_length(runs)
