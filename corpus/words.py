"""Texts to word ids, and initial word vectors."""

import collections
import itertools

import numpy as np

# The ids of keras.datasets: 0 pads, 1 starts a text, 2 is an unknown word, 3 is unused, and the
# word of rank r (the most frequent one has rank 1) has id r + 3.
START_ID, UNKNOWN_ID, FIRST_WORD_ID = 1, 2, 4

# What Keras's tokeniser replaces by spaces; the apostrophe is not among it.
PUNCTUATION = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
PUNCTUATION_TO_SPACE = str.maketrans(PUNCTUATION, " " * len(PUNCTUATION))

VECTORS = "PPMI-SVD: 1,000 contexts, window 5, norm 3"  # recorded in data files
ROWS, CONTEXTS, WINDOW, DIRECTIONS, NORM = 30_000, 1_000, 5, 128, 3
COUNTED = (
    10_000_000  # words of train that are counted at most; more would hardly change the vectors
)


def tokenise_keras(text):
    """Splits a text into words as Keras does: lower case, punctuation to spaces, split there."""
    return [word for word in text.lower().translate(PUNCTUATION_TO_SPACE).split(" ") if word]


def tokenise_unicode(text):
    """Splits a text into words by the rule for own texts."""
    return tokenise_keras(text.replace("\r", "\n"))


# The rules by the name that data files record. IMDB, Reuters and the samples keep Keras's rule, so
# that figures compare with others'; own texts have the other.
RULES = {"keras": tokenise_keras, "unicode": tokenise_unicode}


class Encoder:
    """Turns texts into ids: `add` every text, then `finish`, since ranks are known only then.

    Args: `rule`, a key of RULES.
    """

    def __init__(self, rule="keras"):
        self.tokenise = RULES[rule]
        # Each new word gets the next number; `finish` replaces the numbers by ids.
        self.numbers = collections.defaultdict(itertools.count().__next__)

    def add(self, text):
        """Returns the provisional ids of a text, int32 of shape (words,)."""
        return np.array([self.numbers[word] for word in self.tokenise(text)], dtype="int32")

    def finish(self, train, test):
        """Ranks the words by frequency in train and gives each text its ids, in place.

        Args: `train` and `test`, lists of what `add` returned; they become lists of int32 arrays,
        start id first.
        Returns: the list of words by rank; words of equal frequency are in alphabetical order.
        Words that do not occur in train have no rank and are left out of the test texts.
        """
        words = list(self.numbers)
        counts = np.zeros(len(words), dtype="int64")
        for first in range(0, len(train), 10_000):
            counts += np.bincount(
                np.concatenate(train[first : first + 10_000]), minlength=len(words)
            )
        by_rank = sorted(
            np.flatnonzero(counts), key=lambda number: (-counts[number], words[number])
        )
        ids = np.zeros(len(words), dtype="int32")
        ids[by_rank] = np.arange(len(by_rank), dtype="int32") + FIRST_WORD_ID
        start = np.array([START_ID], dtype="int32")
        for texts in train, test:
            for row, text in enumerate(texts):
                text = ids[text]
                texts[row] = np.concatenate([start, text[text > 0]])
        return [words[number] for number in by_rank]


def count_vectors(ids):
    """Returns initial vectors: words that occur among the same words get similar ones.

    Counts how often each word occurs within WINDOW words of each of the CONTEXTS most frequent ids
    (rarer neighbours count as the unknown word), takes the positive pointwise mutual information,
    and reduces it by singular value decomposition, weighted by the roots of the singular values.
    Levy, Goldberg and Dagan 2015, https://aclanthology.org/Q15-1016, compare such vectors with
    word2vec's. Labels are not used.

    Args: `ids`, int32 of shape (words,), the training texts end to end.
    Returns: float32 of shape (rows, DIRECTIONS), one row an id, for at most the ROWS most frequent
    ids. The columns are ordered by singular value, the largest first, so that the leading ones are
    a smaller embedding; columns beyond the rank of the counts are zeros. A row has norm NORM, some
    ten times that of Keras's random vectors, so that training changes its direction little. Ids
    that do not occur, or nowhere more often than by chance, have zeros.
    """
    ids = ids[:COUNTED].astype("int64")
    rows = min(int(ids.max()) + 1, ROWS)
    ids = np.where(ids < rows, ids, UNKNOWN_ID)
    contexts = min(CONTEXTS, rows)
    near = np.where(ids < contexts, ids, UNKNOWN_ID)
    counts = np.zeros((rows, contexts), dtype="float32")
    for distance in range(1, WINDOW + 1):
        for word, context in (ids[distance:], near[:-distance]), (ids[:-distance], near[distance:]):
            counts += np.bincount(word * contexts + context, minlength=counts.size).reshape(
                counts.shape
            )
    chance = counts.sum(axis=1, keepdims=True) * (counts.sum(axis=0) / max(counts.sum(), 1))
    information = np.log(np.maximum(counts / np.maximum(chance, 1e-9), 1))
    values, directions = np.linalg.eigh(
        information.T @ information
    )  # the squares of the singular values, ascending
    kept = min(DIRECTIONS, int((values > 1e-6 * values[-1]).sum()))
    values, directions = values[::-1][:kept], directions[:, ::-1][:, :kept]
    # The sign of a direction is arbitrary: its largest entry is made positive, so that machines
    # agree.
    directions = directions * np.sign(
        directions[np.abs(directions).argmax(axis=0), np.arange(kept)]
    )
    vectors = information @ directions / values**0.25
    vectors *= NORM / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return np.pad(vectors, ((0, 0), (0, DIRECTIONS - kept)))
