"""Draws results/*.png from the runs that reproduce.py has stored."""

import statistics

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from presets import DEFAULTS, LENGTHS
from tools import FOLDER


def save(figure, name):
    figure.tight_layout()
    figure.savefig(FOLDER / f"{name}.png", dpi=120)
    plt.close(figure)


def accuracy_against_time(runs):
    """Validation accuracy of the five defaults against seconds of training, seed 1."""
    scripts = [script for script in DEFAULTS if script in runs]
    if not scripts:
        return
    figure, axes = plt.subplots(figsize=(7, 4.5))
    for color, script in zip(plt.rcParams["axes.prop_cycle"].by_key()["color"], scripts):
        run = runs[script][0]
        accuracy = run["history"].get("val_accuracy", [])
        seconds = [run["seconds"] * (epoch + 1) / len(accuracy) for epoch in range(len(accuracy))]
        axes.plot(seconds, accuracy, "o-", color=color, markersize=4, label=f"{script}.py")
    axes.set(
        xlabel="seconds of training",
        ylabel="accuracy on validation",
        title="The five defaults, seed 1, on two cores (Reuters has 46 classes)",
    )
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
        xscale="log",
        xlabel="wires in train, validation included (test has about a quarter as many)",
        ylabel="recall on test",
        title=f"reuters_rnn.py, mean of {len(group)} seeds: many rare topics are missed",
    )
    axes.grid(alpha=0.3)
    save(figure, "recall_against_frequency")


def accuracy_against_length(runs):
    """Test accuracy of imdb_lstm.py against the words that it keeps of a review, a dot for each seed."""
    names = [name for name in ("imdb_lstm", *(f"length_{length}" for length in LENGTHS)) if name in runs]
    if not names:
        return
    figure, axes = plt.subplots(figsize=(6, 4))
    groups = sorted((runs[name] for name in names), key=lambda group: group[0]["constants"]["MAX_LENGTH"])
    lengths = [group[0]["constants"]["MAX_LENGTH"] for group in groups]
    accuracies = [[run["test_accuracy"] for run in group] for group in groups]
    axes.plot(lengths, [statistics.mean(values) for values in accuracies], "C0-")
    for length, values in zip(lengths, accuracies):
        axes.plot([length] * len(values), values, "C0o")
    axes.set(xlabel="words kept of a review, from its end", ylabel="accuracy on test", title="imdb_lstm.py, by length")
    axes.grid(alpha=0.3)
    save(figure, "accuracy_against_length")


def overfitting(runs):
    """Accuracy and loss on train and validation, epoch by epoch, of imdb_lstm.py without dropout."""
    if "overfit" not in runs:
        return
    history = runs["overfit"][0]["history"]
    epochs = range(1, len(history["loss"]) + 1)
    figure, panels = plt.subplots(1, 2, figsize=(9, 4))
    for axes, name in zip(panels, ("accuracy", "loss")):
        axes.plot(epochs, history[name], "o-", label="train")
        axes.plot(epochs, history[f"val_{name}"], "o-", label="validation")
        axes.set(xlabel="epoch", ylabel=name)
        axes.legend()
        axes.grid(alpha=0.3)
    figure.suptitle("imdb_lstm.py without dropout or early stopping learns its reviews by heart")
    save(figure, "overfitting")


def draw(runs):
    """Draws all plots that the runs, {recipe: [run of each seed]}, allow."""
    accuracy_against_time(runs)
    recall_against_frequency(runs)
    accuracy_against_length(runs)
    overfitting(runs)
