"""Trains word vectors on IMDB's training reviews, for imdb_pretrained_lstm.py.

    python -m experiments.train_vectors PATH   Stanford's archive, as for download_imdb.py

It writes data/word2vec.256d.vec and data/fasttext.256d.vec, from the reviews that data/imdb.npz has
its vectors from: train without the tenth that becomes validation, and the unlabelled reviews.

word2vec: Mikolov et al. 2013, https://arxiv.org/abs/1301.3781. fastText, which composes the vector
of a word from those of its character n-grams: Bojanowski et al. 2017,
https://arxiv.org/abs/1607.04606. Both are trained by gensim as skip-gram with negative sampling.
"""

import os

import gensim
import numpy as np

import download_imdb
from corpus import archives, cli, data_file
from corpus.words import FIRST_WORD_ID

DIMENSION = 256
EPOCHS = 5
SEED = 1


def sentences(texts, vocabulary):
    """Returns texts of ids as lists of words."""
    words = np.array(vocabulary, dtype=object)
    return [words[text[text >= FIRST_WORD_ID] - FIRST_WORD_ID].tolist() for text in texts]


def main(arguments=None):
    parser = cli.parser(__doc__, prog="python -m experiments.train_vectors")
    parser.add_argument("path", metavar="PATH", help="Stanford's archive")
    path = cli.parse(parser, arguments).path
    files = archives.files(path, download_imdb.FILE_NAME)
    texts, *_, vocabulary, _, _, unlabelled = download_imdb.encode(files, path)
    front = round(len(texts) * data_file.VALIDATION_SIZE)
    reviews = sentences(texts[front:] + unlabelled, vocabulary)
    settings = dict(vector_size=DIMENSION, sg=1, window=10, min_count=5, epochs=EPOCHS)
    for kind, name in (gensim.models.Word2Vec, "word2vec"), (gensim.models.FastText, "fasttext"):
        print(f"training {name} ...", flush=True)
        vectors = kind(reviews, **settings, seed=SEED, workers=2).wv
        path = f"data/{name}.{DIMENSION}d.vec"
        vectors.save_word2vec_format(path + ".part")
        os.replace(path + ".part", path)
        print(f"{path}: {len(vectors):,} words")


if __name__ == "__main__":
    cli.start(main)
