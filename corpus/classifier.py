"""A trained run as a classifier of texts, for predict.py, report.py and users' programs."""

import pathlib

import numpy as np

from corpus import DataError, runs
from corpus.words import FIRST_WORD_ID, RULES, START_ID, UNKNOWN_ID

BATCH_SIZE = 128  # texts that are classified together


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
        self.folder = pathlib.Path(self.result["folder"])
        try:
            self.split = RULES[self.result["about"].get("words", "keras")]
            self.keras = str(dict(self.result.get("versions", {})).get("keras", ""))
            self.classes = list(map(str, self.result["classes"]))
            self.vocab_size = int(self.result["constants"]["VOCAB_SIZE"])
            self.max_length = int(self.result["constants"]["MAX_LENGTH"])
            # Not read_text: it ends a line at "\r" too, which a word may contain.
            words = (self.folder / "vocabulary.txt").read_bytes().decode().replace("\r\n", "\n")
        except Exception as error:  # which one depends on where a file is damaged
            raise self.unusable("result.json or vocabulary.txt", error) from None
        self.ids = {word: number for number, word in enumerate(words.split("\n"), FIRST_WORD_ID)}
        import keras  # here, because it takes seconds: the errors above come at once

        try:  # safe mode, Keras's default, runs no code from the file
            self.model = keras.models.load_model(self.folder / "model.keras", compile=False)
            highest = min(max(self.ids.values()), self.vocab_size - 1)
            self.probabilities([[highest], [highest] * 100])  # raises if the model does not fit
        except Exception as error:
            other = f"saved by Keras {self.keras}: python -m pip install keras=={self.keras}"
            same = self.keras in ("", keras.__version__)
            raise self.unusable("model.keras", error if same else other) from None

    def unusable(self, name, error):
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        return DataError(f"{self.folder}: {name} cannot be used ({reason})")

    def encode(self, words):
        """Returns the start id and the ids of the words that are in the vocabulary, int32."""
        ids = [self.ids[word] for word in words if word in self.ids]
        return np.array([START_ID, *ids], dtype="int32")

    def probabilities(self, texts):
        """Returns the probability of each class, float32 of shape (texts, classes).

        Args: `texts`, a list of id sequences of shape (length,), such as `encode` returns. They are
        cut and padded as in the scripts' `batches`. Only texts of equal width share a batch, so
        that other texts change a result at most by rounding.
        """
        widths = np.array([(min(len(text), self.max_length) + 15) // 8 * 8 for text in texts])
        probabilities = np.zeros((len(texts), len(self.classes)), dtype="float32")
        for width in np.unique(widths):
            same = np.flatnonzero(widths == width)
            for rows in np.split(same, range(BATCH_SIZE, len(same), BATCH_SIZE)):
                probabilities[rows] = self.batch([texts[row] for row in rows])
        return probabilities

    def pad(self, texts):
        """Returns the ids of texts, cut and padded to the width of the longest: (texts, width)."""
        texts = [np.asarray(text[-self.max_length :], dtype="int32") for text in texts]
        width = (max(map(len, texts)) + 15) // 8 * 8
        ids = np.stack([np.pad(text, (width - len(text), 0)) for text in texts])
        return np.where(ids < self.vocab_size, ids, UNKNOWN_ID)

    def batch(self, texts):
        """Returns the class probabilities of texts padded to the longest one: (texts, classes)."""
        output = np.asarray(self.model.predict_on_batch(self.pad(texts)))  # faster than `predict`
        if output.shape[1] == 1:  # of two classes, the probability of the second
            output = np.hstack([1 - output, output])
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
