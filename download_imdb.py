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
    python download_imdb.py PATH          your copy: Stanford's archive, its folder aclImdb, a zip
                                          of that folder, or Keras's imdb.npz

IMDB has 25,000 training and 25,000 test reviews, half of them positive: Maas et al. 2011,
"Learning Word Vectors for Sentiment Analysis", https://ai.stanford.edu/~amaas/data/sentiment/.
Stanford's archive names the movie of each review, so that validation shares no movie with the rest
of train. Keras's file does not: there validation accuracy is up to two points too high.

The built-in sample is generated text, so that everything runs without a network: short English
reviews in which only the order of the words decides the label. It shows that a network learns, not
how accurate it is on real texts.
"""

import os
import re
import sys

import numpy as np

from corpus import DataError, command, data_file, fetch, raw, samples, words

CLASSES = ["negative", "positive"]
SHUFFLE_SEED = 113  # as in keras.datasets

STANFORD_URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
STANFORD_HASH = "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"
KERAS_HASHES = (
    "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    "bfafd718b763782e994055a2d397834f",
)
FILE_NAME = re.compile(
    r"(?:|.*/)(?:(train|test)/(pos|neg)/(\d+)_\d+\.txt|train/urls_(pos|neg)\.txt)$"
)

# Reviews, mean length with the start id, longest, shortest: the same in Keras's file and in
# Stanford's archive.
KNOWN = {"train": (25_000, 238.71364, 2_494, 11), "test": (25_000, 230.80432, 2_315, 7)}


def from_raw(path):
    """Returns the data of Stanford's archive or its folder."""
    return from_files(raw.files(path, FILE_NAME), f"IMDB from {os.path.basename(path)}")


def from_files(files, source):
    """Builds the data from Stanford's text files.

    Args: `files`, pairs of a name as in the archive and the file's bytes; `source`, one line for
    the data file.
    """
    encoder = words.Encoder()
    reviews = {"train": [], "test": []}  # (label, number, provisional ids) of each review
    movies = {}  # label: the movie of review N at N
    for name, content in raw.show_progress(files, "reading reviews", 50_000):
        part, review_label, number, urls_label = FILE_NAME.match(name).groups()
        text = content.decode("utf-8", errors="replace")
        if part:
            reviews[part].append((int(review_label == "pos"), int(number), encoder.add(text)))
        else:
            movies[int(urls_label == "pos")] = re.findall(r"/title/(\w+)", text)
    for part, rows in reviews.items():
        if {label for label, _, _ in rows} != {0, 1}:
            raise DataError(
                f"{source}: no positive or no negative reviews in {part}/pos and {part}/neg"
            )
        rows.sort(key=lambda row: row[:2])  # whatever order the files came in

    try:
        groups = [movies[label][number] for label, number, _ in reviews["train"]]
        source += ", whole movies kept together"
    except (KeyError, IndexError):
        print(
            "train/urls_pos.txt or urls_neg.txt is missing or too short: the movies are unknown, "
            "the reviews are shuffled one by one, and validation accuracy will be too high",
            file=sys.stderr,
        )
        groups = range(len(reviews["train"]))
    train = [reviews["train"][row] for row in order_by_movie(groups)]
    test = [
        reviews["test"][row]
        for row in np.random.RandomState(SHUFFLE_SEED).permutation(len(reviews["test"]))
    ]

    x_train, x_test = [ids for _, _, ids in train], [ids for _, _, ids in test]
    vocabulary = encoder.finish(x_train, x_test)
    y_train, y_test = [label for label, _, _ in train], [label for label, _, _ in test]
    return data_file.pack(x_train, y_train, x_test, y_test, vocabulary, CLASSES, source)


def order_by_movie(movies):
    """Returns an order of the reviews in which the reviews of a movie are adjacent, and movies are
    shuffled.

    A movie that does not fit into the current hundredth of the reviews waits for a later one, and
    small movies fill the gap, as long as there are any. A validation set of a whole percentage, cut
    off the front, then shares no movie with the rest. IMDB's test set shares one movie with train,
    and accuracy on a validation set that shares many is up to two points too high.

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


def from_keras():
    """Returns the data of Keras's files, in Keras's order."""
    print(
        "Keras's file names no movies: validation accuracy will be up to 2 points too high",
        file=sys.stderr,
    )
    return fetch.from_keras("imdb", KERAS_HASHES, CLASSES, "IMDB from Keras's imdb.npz")


def from_path(path):
    """Returns the data of a user's copy: Keras's .npz file, Stanford's archive, or its folder."""
    if path.endswith(".npz"):
        fetch.adopt(path, "imdb", KERAS_HASHES)
        return from_keras()
    return from_raw(path)


def is_whole(data):
    """Tells whether the number and lengths of the reviews are those of IMDB."""
    for part, known in KNOWN.items():
        lengths = data[f"{part}_lengths"]
        if (len(lengths), round(lengths.mean(), 5), lengths.max(), lengths.min()) != known:
            return False
    return True


def main(arguments=None):
    sources = {
        STANFORD_URL: lambda: from_raw(fetch.fetch(STANFORD_URL, STANFORD_HASH)),
        f"{fetch.KERAS_URL}imdb.npz": from_keras,
    }
    command.download("IMDB", __doc__, sources, from_path, samples.imdb, is_whole, arguments)


if __name__ == "__main__":
    command.start(main, unchanged="data/imdb.npz is as it was")
