# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["tensorflow>=2.20,<2.22", "numpy>=2.0,<3"]
# ///
"""Writes the Reuters newswires to data/reuters.npz, which reuters_rnn.py reads.

    python download_reuters.py               the first of these that is available:
                                               data/reuters.npz, if it already exists
                                               UCI's reuters21578.tar.gz (8 MB)
                                               Keras's reuters.npz and word index (3 MB)
                                               the built-in sample, which is not Reuters
    python download_reuters.py --no-sample   the same, but Reuters or an error
    python download_reuters.py --sample      the built-in sample
    python download_reuters.py PATH          your copy: Keras's reuters.npz, reuters21578.tar.gz
                                             or its folder

Reuters-46 is 11,228 newswires of 1987, each with one of 46 topics: 8,982 to train and 2,246 to
test. They are from Reuters-21578, https://kdd.ics.uci.edu/databases/reuters21578/reuters21578.html.
As in Keras's file, the topic is the first one listed, and topics of 15 newswires or more are kept.
Word vectors are made from the archive's other newswires too.

A known flaw is kept so that results are comparable: the text is the first body after the topics.
975 newswires have no body and get that of the next newswire, which may have another topic. So the
texts of 237 test newswires are also in train, 126 of them only with other topics.

The built-in sample is generated text on 12 topics, so that everything runs without an internet
connection. The first sentence names two topics, and the last one may deny it. 5 % of the labels are
wrong.
"""

import os
import pathlib
import re
import tempfile

import numpy as np

from corpus import DataError, archives, cli, data_file, download, samples

SHUFFLE_SEED, TEST_FRACTION = 113, 0.2  # as in keras.datasets

UCI_URL = "https://kdd.ics.uci.edu/databases/reuters21578/reuters21578.tar.gz"
UCI_HASH = "bc6ebe14979731d2"  # of the arrays, since a file may be packed in many ways
KERAS_HASHES = (
    "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
    "4d44cc38712099c9e383dc6e5f11a921",
)
FILE_NAME = re.compile(r"(?:|.*/)reut2-\d+\.sgm$")
TOPICS_FIELD = re.compile(r"<TOPICS><D>(.*?)</D>")
BODY_FIELD = re.compile(r"<BODY>(.*?)</BODY>", re.DOTALL)

# In the order of keras.datasets.reuters.get_label_names(): label 0 is cocoa.
TOPICS = """cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade
reserves ship cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold
tin strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop zinc orange pet-chem
dlr gas silver wpi hog lead""".split()

# Wires of a few topics, in train and test together: the same in both sources.
COUNTS = {"earn": 3_972, "acq": 2_423, "crude": 543, "cocoa": 67}


def wires(files):
    """Returns texts and labels of .sgm files by the rule of Keras's file, and the other bodies.

    Args: `files`, pairs of a name as in the archive and the file's bytes.
    Returns: three lists, in file order. No other body is equal to one of the texts.
    """
    # One long text, since the last wire of a file may find its body in the next file.
    text = "".join(content.decode("latin-1") for _, content in sorted(files))
    texts, labels, body = [], [], None
    for topic in TOPICS_FIELD.finditer(text):
        if body is None or body.start() < topic.end():
            body = BODY_FIELD.search(text, topic.end())
        if body is None:
            break
        if topic[1] in TOPICS:
            texts.append(body[1])
            labels.append(TOPICS.index(topic[1]))
    used = set(texts)
    return texts, labels, [body for body in BODY_FIELD.findall(text) if body not in used]


def from_path(path):
    """Returns the data of the archive or its folder, shuffled; the last fifth is the test set."""
    texts, labels, unlabelled = wires(archives.files(path, FILE_NAME))
    if len(texts) < 2:
        raise DataError(f"{path} has no newswires in reut2-*.sgm. {archives.advice(path)}")
    order = np.random.RandomState(SHUFFLE_SEED).permutation(len(texts))
    texts, labels = [texts[row] for row in order], np.array(labels)[order]
    cut = int(len(texts) * (1 - TEST_FRACTION))
    parts = texts[:cut], labels[:cut], texts[cut:], labels[cut:]
    source = f"Reuters from {os.path.basename(os.path.abspath(path))}"
    source += f", {cut:,} labelled and {len(unlabelled):,} unlabelled newswires"
    return data_file.from_texts(*parts, TOPICS, source, unlabelled=unlabelled)


def from_uci():
    """Returns the data of UCI's archive; raises DataError unless the arrays are those we know."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, os.path.basename(UCI_URL))
        pathlib.Path(path).write_bytes(download.get(UCI_URL))
        data = from_path(path)
    if data_file.hash_of(data, "") != UCI_HASH:
        raise DataError(f"what {UCI_URL} sent is not Reuters-21578 as this program knows it")
    return data


def is_complete(data):
    """Tells whether the data have the numbers of newswires and topics of Reuters-46."""
    labels = np.concatenate([data["y_train"], data["y_test"]])
    counts = {topic: np.count_nonzero(labels == TOPICS.index(topic)) for topic in COUNTS}
    sizes = len(data["y_train"]), len(data["y_test"]), len(np.unique(labels))
    return sizes == (8_982, 2_246, 46) and counts == COUNTS


def main(arguments=None):
    functions = from_path, from_uci, samples.reuters, is_complete
    download.run("Reuters", __doc__, arguments, TOPICS, KERAS_HASHES, *functions)


if __name__ == "__main__":
    cli.start(main, unchanged="data/reuters.npz is as it was")
