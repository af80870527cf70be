"""Measures what the composition of the test sets does to accuracies; writes results/test_sets.md.

    python -m experiments.test_sets PATH    Stanford's archive, as for download_imdb.py

IMDB: reviews of one movie are alike, so that 25,000 of them tell less than 25,000 independent
texts. Movies are drawn with replacement (a bootstrap by clusters: Davison and Hinkley 1997, section
3.8). Reuters: 237 test texts are in train, too; each accuracy is shown without them.
"""

import re

import numpy as np

from corpus import archives, cli
from download_imdb import SHUFFLE_SEED
from experiments import reproduce, tools

URLS = re.compile(r"(?:|.*/)test/urls_(neg|pos)\.txt$")
DRAWS = 2_000


def movies(path):
    """Returns the movie of each test review, in the order of data/imdb.npz."""
    files = {URLS.match(name)[1]: text for name, text in archives.files(path, URLS)}
    found = re.findall(r"/title/(\w+)", (files["neg"] + b"\n" + files["pos"]).decode())
    return np.array(found)[np.random.RandomState(SHUFFLE_SEED).permutation(len(found))]


def standard_errors(values, groups):
    """Returns the standard errors of the mean of values: by text, and by group of texts."""
    groups = np.unique(groups, return_inverse=True)[1]
    sums, sizes = np.bincount(groups, values), np.bincount(groups)
    random = np.random.default_rng(1)
    draws = random.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), DRAWS)
    return values.std() / np.sqrt(len(values)), np.std(draws @ sums / (draws @ sizes))


def right(runs):
    """Returns the fraction of the runs, seeds of a recipe, that have each test text right."""
    return np.mean([reproduce.unpack(run["right"]["test"]) for run in runs], axis=0)


def main(arguments=None):
    parser = cli.parser(__doc__, prog="python -m experiments.test_sets")
    parser.add_argument("path", metavar="PATH", help="Stanford's archive")
    groups = movies(cli.parse(parser, arguments).path)
    tools.require_data("imdb", "reuters")
    (train, _), (test, _), *_ = tools.configure("reuters_rnn").load_data()
    known = {text.tobytes() for text in train}
    new = np.array([text.tobytes() not in known for text in test])
    shown = {name: runs for name, runs in reproduce.runs_to_show().items() if "right" in runs[0]}
    base, gru, imdb, reuters = right(shown["imdb_lstm"]), right(shown["reuters_rnn"]), [], []
    for name, runs in shown.items():
        values = right(runs)
        line = [f"`{name}`", f"{100 * values.mean():.2f}"]
        if len(values) == len(groups):
            errors = [standard_errors(each, groups) for each in (values, values - base)]
            imdb.append(line + [f"{100 * error:.2f}" for error in np.ravel(errors)])
        elif len(values) == len(new):
            lead = 100 * (gru - values)[new]
            mean, error = lead.mean(), 1.96 * lead.std() / len(lead) ** 0.5
            lead = f"{mean:+.1f} ({mean - error:+.1f} to {mean + error:+.1f})"
            reuters.append([*line, f"{100 * values[new].mean():.2f}", lead])
    head = ["recipe", "test accuracy, %", "standard error by text", "by movie"]
    head += ["of the difference from `imdb_lstm`, by text", "by movie"]
    text = f"""# The test sets

Written by `python -m experiments.test_sets`, from the runs in runs.jsonl.

## IMDB: movies

The test reviews belong to {len(set(groups)):,} movies. Reviews of one movie are alike, so that they
tell less than independent texts. Standard errors in points, of the mean over the seeds: with texts
drawn at random, and with movies drawn at random ({DRAWS:,} bootstrap draws).

{tools.table(head, imdb)}

## Reuters: test texts that are in train

{np.sum(~new)} of the {len(new):,} test newswires are in train, too. The last columns are without
these: differences in points, with 95% intervals paired by text.

{tools.table(["recipe", *head[1:2], "without these, %", "`reuters_rnn` minus it"], reuters)}
"""
    tools.write(tools.RESULTS / "test_sets.md", text)


if __name__ == "__main__":
    cli.start(main)
