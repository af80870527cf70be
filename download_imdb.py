# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["tensorflow>=2.20,<2.22", "numpy>=2.0,<3"]
# ///
"""Writes the IMDB movie reviews to data/imdb.npz, which the training scripts read.

    python download_imdb.py               the first of these that is available:
                                            data/imdb.npz, if it already exists
                                            Stanford's aclImdb_v1.tar.gz (84 MB)
                                            Keras's imdb.npz and imdb_word_index.json (19 MB)
                                            the built-in sample, which is not IMDB
    python download_imdb.py --no-sample   the same, but IMDB or an error
    python download_imdb.py --sample      the built-in sample
    python download_imdb.py PATH          your copy: Stanford's archive, its folder aclImdb, or
                                          Keras's imdb.npz

IMDB has 25,000 training and 25,000 test reviews, half of them positive: Maas et al. 2011,
"Learning Word Vectors for Sentiment Analysis", https://ai.stanford.edu/~amaas/data/sentiment/.
Stanford's archive names the movie of each review, so that validation shares no movie with the rest
of train. Keras's file does not: there validation accuracy is up to two points too high.

The built-in sample is generated text, so that everything runs without an internet connection. In
most reviews, the first sentence ("I never agree with my brother") and the last ("My brother says:
The plot was not dull, it was superb") decide the label together. 5 % of the labels are wrong. It
shows what a network can learn, not how accurate it is on real texts.
"""

import os
import re
import sys

import numpy as np

from corpus import DataError, archives, cli, data_file, download, samples, words

CLASSES = ["negative", "positive"]
SHUFFLE_SEED = 113  # as in keras.datasets

STANFORD_URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
STANFORD_HASH = "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"
KERAS_HASHES = (
    "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    "bfafd718b763782e994055a2d397834f",
)
FILE_NAME = re.compile(
    r"(?:|.*/)(?:(train|test)/(pos|neg|unsup)/(\d+)_\d+\.txt|train/urls_(pos|neg)\.txt)$"
)

BY_MOVIE = ", whole movies together"  # in the source of data for which this is so
# Reviews, mean length with the start id, longest, shortest: the same in both sources.
COUNTS = {"train": (25_000, 238.71364, 2_494, 11), "test": (25_000, 230.80432, 2_315, 7)}


def from_path(path):
    """Returns the data of Stanford's archive or its folder."""
    print(f"reading {path} takes a minute or two ...", file=sys.stderr, flush=True)
    *parts, unlabelled = encode(archives.files(path, FILE_NAME), path)
    return data_file.pack(*parts, unlabelled=unlabelled)


def from_stanford():
    return from_path(download.fetch(STANFORD_URL, STANFORD_HASH))


def encode(files, path):
    """Returns the first arguments of `data_file.pack`, and the unlabelled reviews as ids.

    Args: `files`, pairs of a name as in the archive and the file's bytes; `path`, of the archive.
    """
    encoder = words.Encoder()
    # (label, number, provisional ids) of each review
    reviews = {"train": [], "test": [], "unlabelled": []}
    movies = {}  # label: the movie of review N at N
    for name, content in files:
        part, review_label, number, urls_label = FILE_NAME.match(name).groups()
        text = content.decode("utf-8", errors="replace")
        if part:
            part = "unlabelled" if review_label == "unsup" else part
            reviews[part].append((int(review_label == "pos"), int(number), encoder.add(text)))
        else:
            movies[int(urls_label == "pos")] = re.findall(r"/title/(\w+)", text)
    for part, rows in reviews.items():
        if part != "unlabelled" and {label for label, _, _ in rows} != {0, 1}:
            raise DataError(f"{path} has no {part}/pos or no {part}/neg. {archives.advice(path)}")
        rows.sort(key=lambda row: row[:2])  # whatever order the files came in

    source = f"IMDB from {os.path.basename(os.path.abspath(path))}"
    if unlabelled := [ids for _, _, ids in reviews["unlabelled"]]:
        source += f", {len(reviews['train']):,} labelled and {len(unlabelled):,} unlabelled reviews"
    try:
        groups = [movies[label][number] for label, number, _ in reviews["train"]]
        source += BY_MOVIE
    except (KeyError, IndexError):
        groups = range(len(reviews["train"]))  # as if each review were about another movie
    train = [reviews["train"][row] for row in order_by_movie(groups)]
    order = np.random.RandomState(SHUFFLE_SEED).permutation(len(reviews["test"]))
    test = [reviews["test"][row] for row in order]
    x_train, x_test = [ids for _, _, ids in train], [ids for _, _, ids in test]
    vocabulary = encoder.finish(x_train, x_test, unlabelled)
    y_train, y_test = [label for label, _, _ in train], [label for label, _, _ in test]
    return x_train, y_train, x_test, y_test, vocabulary, CLASSES, source, unlabelled


def order_by_movie(movies):
    """Returns an order of the reviews that keeps the reviews of each movie together.

    Movies are shuffled. A movie that does not fit into the current hundredth of the reviews waits
    for a later one, and small movies fill the gap. So a validation set of a whole percentage, cut
    off the front, shares no movie with the rest.

    Args: `movies`, the movie of each review.
    """
    random = np.random.RandomState(SHUFFLE_SEED)
    rows_of = {}
    for row, movie in enumerate(movies):
        rows_of.setdefault(movie, []).append(row)
    waiting = list(rows_of.values())
    random.shuffle(waiting)
    for rows in waiting:
        random.shuffle(rows)
    hundredth = max(1, len(movies) // 100)
    order, space = [], 0
    while waiting:
        space += hundredth  # and what was left of the last hundredth
        later = []
        for rows in waiting:
            if len(rows) <= space:
                order += rows
                space -= len(rows)
            else:
                later.append(rows)
        waiting = later
    return order


def is_complete(data):
    """Tells whether the number and lengths of the reviews are those of IMDB."""
    lengths = {part: data[f"{part}_lengths"] for part in COUNTS}
    return COUNTS == {
        part: (len(x), round(x.mean(), 5), x.max(), x.min()) for part, x in lengths.items()
    }


def main(arguments=None):
    functions = from_path, from_stanford, samples.imdb, is_complete
    source = download.run("IMDB", __doc__, arguments, CLASSES, KERAS_HASHES, *functions)
    if source.startswith("IMDB") and BY_MOVIE not in source:
        advice = "The movies are unknown: validation accuracy will be up to 2 points too high."
        print(advice, file=sys.stderr)


if __name__ == "__main__":
    cli.start(main, unchanged="data/imdb.npz is as it was")
