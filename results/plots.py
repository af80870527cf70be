"""Draws results/*.png from the runs that reproduce.py has stored."""

import statistics

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from presets import IMDB_SCRIPTS
from tools import FOLDER


def save(figure, name):
    figure.tight_layout()
    figure.savefig(FOLDER / f"{name}.png", dpi=120)
    plt.close(figure)


def accuracy_against_time(runs):
    """Validation accuracy of the five defaults against seconds of training, a line for each seed."""
    scripts = [script for script in (*IMDB_SCRIPTS, "reuters_rnn") if script in runs]
    if not scripts:
        return
    figure, axes = plt.subplots(figsize=(7, 4.5))
    for color, script in zip(plt.rcParams["axes.prop_cycle"].by_key()["color"], scripts):
        for number, run in enumerate(runs[script]):
            accuracy = run["history"].get("val_accuracy", [])
            seconds = [run["seconds"] * (epoch + 1) / len(accuracy) for epoch in range(len(accuracy))]
            label = f"{script}.py" if number == 0 else None
            axes.plot(seconds, accuracy, "o-", color=color, alpha=0.7, markersize=3, label=label)
    axes.set(xlabel="seconds of training", ylabel="accuracy on validation", title="The five defaults, a line a seed")
    axes.legend()
    axes.grid(alpha=0.3)
    save(figure, "accuracy_against_time")


def recall_against_frequency(runs):
    """Recall of each Reuters topic against the number of its wires in train, mean over seeds."""
    if "reuters_rnn" not in runs:
        return
    group = runs["reuters_rnn"]
    figure, axes = plt.subplots(figsize=(8, 5))
    for topic, (count, _) in group[0]["topics"].items():
        recall = statistics.mean(run["topics"][topic][1] for run in group)
        axes.plot(count, recall, "o", color="C0", markersize=4)
        axes.annotate(topic, (count, recall), fontsize=7, xytext=(3, 3), textcoords="offset points")
    axes.set(
        xscale="log", xlabel="wires in train", ylabel="recall on test", title="reuters_rnn.py: rare topics are missed"
    )
    axes.grid(alpha=0.3)
    save(figure, "recall_against_frequency")


def draw(runs):
    """Draws all plots that the runs, {recipe: [run of each seed]}, allow."""
    accuracy_against_time(runs)
    recall_against_frequency(runs)
