"""Word vectors from counts of neighbouring words."""

import numpy as np

from corpus.words import START_ID, UNKNOWN_ID

METHOD = "5,000 contexts, weighted window 10, norm 5 n / (n + 20)"  # recorded in data files
ROWS, CONTEXTS, WINDOW, DIMENSIONS, NORM, RARE = 30_000, 5_000, 10, 256, 5, 20
COUNTED = 20_000_000  # words that are counted at most; more would hardly change the vectors


def count_vectors(texts):
    """Returns word vectors: words that occur among the same words get similar ones.

    Counts how often each word occurs within WINDOW words of each of the CONTEXTS most frequent ids
    (the next word counts WINDOW times as much as the farthest), takes the positive pointwise mutual
    information (PPMI), and reduces it by singular value decomposition (SVD), weighted by the roots
    of the singular values: Levy, Goldberg and Dagan 2015, https://aclanthology.org/Q15-1016. The
    SVD is randomised: Halko, Martinsson and Tropp 2011, https://arxiv.org/abs/0909.4061.

    Args: `texts`, int32 arrays of shape (words,).
    Returns: float32 of shape (rows, DIMENSIONS), a row for each of the ROWS most frequent ids. The
    columns are ordered by singular value, so that the first ones are a smaller embedding; columns
    beyond the rank of the counts are zeros. The row of an id that occurs n times has norm
    NORM * n / (n + RARE), since few occurrences say little. Ids that do not occur, or nowhere more
    often than by chance, have zeros.
    """
    ids = np.concatenate([text[:COUNTED] for text in texts])[:COUNTED].astype("int64")
    rows = min(int(ids.max()) + 1, ROWS)
    ids = np.where(ids < rows, ids, UNKNOWN_ID)
    information = mutual_information(ids, rows, min(CONTEXTS, rows))
    # A random subspace; each product turns it towards the dimensions with the largest values.
    size = min(DIMENSIONS + 32, information.shape[1])
    basis = np.random.default_rng(0).standard_normal((information.shape[1], size), "float32")
    for _ in range(3):
        basis, _ = np.linalg.qr(information.T @ (information @ basis))
    vectors = information @ basis
    values, directions = np.linalg.eigh(vectors.T @ vectors)  # squared singular values, ascending
    kept = min(DIMENSIONS, int((values > 1e-6 * values[-1]).sum()))
    values, directions = values[::-1][:kept], directions[:, ::-1][:, :kept]
    vectors = vectors @ directions / values**0.25
    # The sign of a column is arbitrary: its largest entry is made positive on every machine.
    vectors *= np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(kept)])
    counts = np.bincount(ids, minlength=rows)
    norms = np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)
    vectors *= (NORM * counts / (counts + RARE) / norms)[:, None]
    return np.pad(vectors, ((0, 0), (0, DIMENSIONS - kept)))


def mutual_information(ids, rows, contexts):
    """Returns the positive pointwise mutual information, float32 of shape (rows, contexts)."""
    order = np.argsort(ids, kind="stable")  # where each id occurs
    ends = np.searchsorted(ids[order], np.arange(rows + 1))
    near = np.where(ids < contexts, ids, UNKNOWN_ID)
    chance = np.bincount(near, minlength=contexts) / len(near)
    near = np.pad(near, WINDOW, constant_values=START_ID)
    offsets = np.delete(np.arange(2 * WINDOW + 1), WINDOW)
    weights = WINDOW + 1 - np.abs(offsets - WINDOW)
    information = np.zeros((rows, contexts), dtype="float32")
    for first in range(0, rows, 1_000):  # in blocks of words, to save memory
        block = information[first : first + 1_000]
        places = order[ends[first] : ends[first + len(block)]]
        for part in np.array_split(places, len(places) // 200_000 + 1):
            cells = (ids[part, None] - first) * contexts + near[part[:, None] + offsets]
            seen = np.bincount(cells.ravel(), np.tile(weights, len(part)), block.size)
            block += seen.reshape(block.shape)
        expected = block.sum(axis=1, keepdims=True) * chance
        np.log(np.maximum(block / np.maximum(expected, 1e-9), 1), out=block)
    return information
