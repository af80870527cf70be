"""Trains word vectors on IMDB's training reviews, in the formats in which such vectors are published.

    python results/train_vectors.py

It writes data/word2vec.100d.vec and data/fasttext.100d.vec, with the line of counts that these programs put on top,
and the same without that line, as GloVe's files are, in .txt: for the VECTORS_FILE of imdb_pretrained_lstm.py. It
prints the nearest neighbours of ten words. Test reviews are not read.

word2vec: Mikolov et al. 2013, https://arxiv.org/abs/1301.3781. fastText, which builds a word's vector from those of its
parts: Bojanowski et al. 2017, https://arxiv.org/abs/1607.04606. Both as skip-gram with negative sampling, by gensim.
"""

import os
import sys

import gensim
import numpy as np
from tools import configure, start_program

from data_files import FIRST_WORD_ID

DIMENSION = 100
EPOCHS = 5
SEED = 1
WORDS = ["good", "awful", "superb", "boring", "film", "actress", "horror", "funny", "director", "ten"]


def sentences(script):
    """Returns the training reviews as lists of words, whole."""
    (texts, _), _, words, *_ = script.load_data()
    words = np.array(words, dtype=object)
    return [words[text[text >= FIRST_WORD_ID] - FIRST_WORD_ID].tolist() for text in texts]


def main():
    script = configure("imdb_lstm", {"MAX_LENGTH": None, "VOCAB_SIZE": 1_000_000})
    if not os.path.exists(script.DATA_FILE):
        sys.exit(f"There is no {script.DATA_FILE}: run download_imdb.py.")
    reviews = sentences(script)
    settings = dict(vector_size=DIMENSION, sg=1, window=5, min_count=5, epochs=EPOCHS, seed=SEED, workers=2)
    for kind, name in (gensim.models.Word2Vec, "word2vec"), (gensim.models.FastText, "fasttext"):
        print(f"training {name} ...", flush=True)
        vectors = kind(reviews, **settings).wv
        for ending, header in ("vec", True), ("txt", False):
            path = f"data/{name}.{DIMENSION}d.{ending}"
            vectors.save_word2vec_format(path + ".part", write_header=header)
            os.replace(path + ".part", path)
            print(f"{path}: {len(vectors):,} words")
        for word in WORDS:
            if word in vectors:
                print(f"  {word:10}", ", ".join(near for near, _ in vectors.most_similar(word, topn=5)))


if __name__ == "__main__":
    start_program(main)
