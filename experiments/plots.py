"""Draws results/accuracy_by_epoch.png from the runs that reproduce.py has stored."""

import contextlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from experiments import tools
from experiments.recipes import IMDB_SCRIPTS


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


def draw(runs):
    """Draws the validation accuracy of the IMDB scripts after each epoch, seed 1."""
    with plot(tools.RESULTS / "accuracy_by_epoch", (7, 4.5)) as [axes]:
        for script in filter(runs.get, IMDB_SCRIPTS):
            accuracy = runs[script][0]["history"]["val_accuracy"]
            epochs = range(1, len(accuracy) + 1)
            axes.plot(epochs, accuracy, "o-", markersize=4, label=f"{script}.py")
        axes.set(xlabel="epoch", ylabel="validation accuracy")
        axes.set_title("IMDB, seed 1")
