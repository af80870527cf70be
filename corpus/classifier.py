"""A trained run as a classifier of texts, for predict.py, report.py and users' programs."""

import pathlib

import numpy as np

from corpus import DataError, runs
from corpus.words import FIRST_WORD_ID, RULES, START_ID, UNKNOWN_ID


def probabilities_of(model, batches):
    """Returns the probability of each class, float32 of shape (texts, classes), by row.

    Args: `model`, of one output for two classes, or one for each; `batches`, pairs of ids (batch,
    time) and the rows of these texts, as in `batches(texts, np.arange(len(texts)), shuffle=False)`.
    """
    outputs = [(np.asarray(model.predict_on_batch(ids)), rows) for ids, rows in batches]
    output, rows = map(np.concatenate, zip(*outputs))
    if output.shape[1] == 1:  # the probability of the second class
        output = np.hstack([1 - output, output])
    return output[np.argsort(rows)]


class Classifier:
    """A trained model with the vocabulary and the settings of its run.

    Args: `run`, the name of a script, whose newest finished run is taken, a run's folder, or what
    corpus.runs.find returned.

    Attributes: `folder`, a path; `result`, what corpus.runs.read returns; `classes`, the names of
    labels 0, 1 and so on; `split`, a function from a text to its words; `ids`, {word: id} of the
    vocabulary; `model`, to which ids from `vocab_size` on are unknown.
    Raises: DataError where a file is missing, damaged, or does not fit the others.
    """

    def __init__(self, run):
        self.result = run if isinstance(run, dict) else runs.find(str(run))
        self.folder, name = pathlib.Path(self.result["folder"]), "result.json or vocabulary.txt"
        try:
            self.split = RULES[self.result["about"].get("words", "keras")]
            self.classes = list(map(str, self.result["classes"]))
            self.vocab_size = int(self.result["constants"]["VOCAB_SIZE"])
            self.max_length = int(self.result["constants"]["MAX_LENGTH"])
            # Not read_text: it ends a line at "\r" too, which a word may contain.
            words = (self.folder / "vocabulary.txt").read_bytes().decode().replace("\r\n", "\n")
            self.ids = {word: id for id, word in enumerate(words.split("\n"), FIRST_WORD_ID)}
            name = f"model.keras, saved by keras=={self.result['versions'].get('keras')},"
            import keras  # here, because it takes seconds: the errors above come at once

            # Safe mode, Keras's default, runs no code from the file.
            self.model = keras.models.load_model(self.folder / "model.keras", compile=False)
            highest = min(max(self.ids.values()), self.vocab_size - 1)
            self.probabilities([[highest], [highest] * 100])  # raises if the model does not fit
        except Exception as error:  # which one depends on where a file is damaged
            reason = (str(error).strip() or repr(error)).splitlines()[0]
            raise DataError(f"{self.folder}: {name} cannot be used ({reason})") from None

    def encode(self, words):
        """Returns the start id and the ids of the words that are in the vocabulary, int32."""
        ids = [self.ids[word] for word in words if word in self.ids]
        return np.array([START_ID, *ids], dtype="int32")

    def probabilities(self, texts, batches=None):
        """Returns the probability of each class, float32 of shape (texts, classes).

        Args: `texts`, a list of id sequences of shape (length,), such as `encode` returns. They are
        cut and padded as in the scripts' `batches`. `batches`, lists of the rows that are padded
        together; by default those of equal width, so that other texts do not change a result.
        """
        if not len(texts):
            return np.zeros((0, len(self.classes)), dtype="float32")
        texts = [np.asarray(text[-self.max_length :], dtype="int32") for text in texts]
        widths = np.array([(len(text) + 15) // 8 * 8 for text in texts])
        if batches is None:
            equal = [np.flatnonzero(widths == width) for width in np.unique(widths)]
            batches = [rows[at : at + 128] for rows in equal for at in range(0, len(rows), 128)]

        def padded(rows):
            width = widths[rows].max()
            ids = np.stack([np.pad(texts[row], (width - len(texts[row]), 0)) for row in rows])
            return np.where(ids < self.vocab_size, ids, UNKNOWN_ID), rows

        output = probabilities_of(self.model, map(padded, batches))
        if output.shape[1] != len(self.classes):
            raise DataError(f"the model has {output.shape[1]} classes, not {len(self.classes)}")
        if not 0 <= output.min() <= output.max() <= 1:  # also if one is NaN
            raise DataError("the model's outputs are not probabilities (NaN or outside 0 to 1)")
        return output


def answer(classifier, texts, with_words=False):
    """Returns a dict for each of a list of texts.

    Its keys: `text`; `class`, the most probable one, None if the model knows none of the words;
    `probability`, of that class; `probabilities`, {class: probability}; `words`, their number;
    `unknown_words`, how many of them are not in the vocabulary; `after_each_word` if `with_words`:
    [word of the vocabulary, probability of `class` for the text up to it] for each of the others.
    """
    assert not isinstance(texts, str), "texts: a list of texts, not one text"
    texts = list(texts)
    words = [classifier.split(text) for text in texts]
    ids = [classifier.encode(row) for row in words]
    answers = []
    for text, row, numbers, output in zip(texts, words, ids, classifier.probabilities(ids)):
        best, read = int(output.argmax()), [word for word in row if word in classifier.ids]
        each = {"text": text, "words": len(row), "unknown_words": len(row) - len(read)}
        each |= {"class": classifier.classes[best], "probability": round(float(output[best]), 7)}
        each["probabilities"] = dict(zip(classifier.classes, output.tolist()))
        if numbers[1:].min(initial=classifier.vocab_size) >= classifier.vocab_size:
            read = []
            each |= {"class": None, "probability": None, "probabilities": {}}
        if with_words:
            beginnings = [numbers[:end] for end in range(2, len(numbers) + 1)]
            after = classifier.probabilities(beginnings)[:, best].tolist()
            each["after_each_word"] = [[word, p] for word, p in zip(read, after)]
        answers.append(each)
    return answers
