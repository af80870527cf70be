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


def over_fitting(runs):
    """Loss and accuracy on train and validation of the recipe that trains on after the best epoch."""
    if "overfit" not in runs:
        return
    history = runs["overfit"][0]["history"]
    epochs = range(1, len(history["loss"]) + 1)
    figure, both = plt.subplots(1, 2, figsize=(9, 4))
    for axes, metric in zip(both, ("loss", "accuracy")):
        axes.plot(epochs, history[metric], "o-", label="train")
        axes.plot(epochs, history[f"val_{metric}"], "o-", label="validation")
        axes.set(xlabel="epoch", ylabel=metric)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.suptitle("imdb_lstm.py without early stopping: it learns its reviews by heart")
    save(figure, "over_fitting")


def accuracy_against_length(runs):
    """Test accuracy of imdb_lstm.py against MAX_LENGTH, with the standard deviation over seeds."""
    points = []
    for name, group in runs.items():
        if name.startswith("length_"):
            values = [run["test_accuracy"] for run in group]
            deviation = statistics.stdev(values) if len(values) > 1 else 0
            points.append((int(name.removeprefix("length_")), statistics.mean(values), deviation))
    if len(points) < 2:
        return
    figure, axes = plt.subplots(figsize=(7, 4.5))
    lengths, means, deviations = zip(*sorted(points))
    axes.errorbar(lengths, means, deviations, fmt="o-", capsize=3)
    axes.set(xlabel="words kept of each review, from its end", ylabel="test accuracy", title="imdb_lstm.py")
    axes.grid(alpha=0.3)
    save(figure, "accuracy_against_length")


def recall_against_frequency(runs):
    """Recall of each Reuters topic against the number of its wires in train, mean over seeds."""
    group = [run for run in runs.get("reuters_rnn", []) if run.get("topics")]
    if not group:
        return
    figure, axes = plt.subplots(figsize=(8, 5))
    for topic, (count, recall) in group[0]["topics"].items():
        recalls = [run["topics"][topic][1] for run in group]
        if recall is not None:
            axes.plot(count, statistics.mean(recalls), "o", color="C0", markersize=4)
            axes.annotate(
                topic, (count, statistics.mean(recalls)), fontsize=7, xytext=(3, 3), textcoords="offset points"
            )
    axes.set(
        xscale="log", xlabel="wires in train", ylabel="recall on test", title="reuters_rnn.py: rare topics are missed"
    )
    axes.grid(alpha=0.3)
    save(figure, "recall_against_frequency")


def draw(runs):
    """Draws all plots that the runs, {recipe: [run of each seed]}, allow."""
    for plot in accuracy_against_time, over_fitting, accuracy_against_length, recall_against_frequency:
        plot(runs)
