# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["tensorflow>=2.20,<2.22", "numpy>=2.0,<3"]
# ///
"""Classifies your own texts with a network that one of the training scripts has trained.

    python predict.py runs/imdb_lstm/model.keras "A film I will never forget."
    python predict.py runs/imdb_lstm/model.keras < texts.txt            one text a line
    python predict.py --words runs/imdb_lstm/model.keras "..."          the probability after each word
    python predict.py --json runs/reuters_rnn/model.keras "..."         one JSON object a text, for programs

It prints the class and its probability, or the three most probable ones where there are more than two classes. The
vocabulary and the settings are those that the training run wrote beside the model, whatever has become of the script
and the data file since.
"""

import argparse
import hashlib
import itertools
import json
import math
import os
import pathlib
import signal
import sys

import numpy as np

from data_files import FIRST_WORD_ID, START_ID, start, tokenise

UNKNOWN_ID = 2
SHOWN = 60  # characters of a text that are shown
WORDS_SHOWN = 400  # words of a text that --words shows, the last ones
BATCH_SIZE = 32  # texts read together
LINES_AT_ONCE = 1000  # lines of standard input answered together


class ModelError(Exception):
    """Something is wrong with the model's files; its text says what, and what to do."""


class Classifier:
    """A trained model with the vocabulary, the classes and the constants of its run."""

    def __init__(self, path):
        """Reads the model and the files beside it. Raises ModelError unless all of them come from one run."""
        path = pathlib.Path(path)
        if path.is_dir():
            path /= "model.keras"
        if not path.is_file():
            raise ModelError(f"there is no model {path}: train one first, for instance with: python imdb_lstm.py")
        try:
            self.result = json.loads((path.parent / "result.json").read_text(encoding="utf-8"))
            words = (path.parent / "vocabulary.txt").read_bytes().decode().split("\n")
            for name, file in ("model.keras", path), ("vocabulary.txt", path.parent / "vocabulary.txt"):
                if hashlib.sha256(file.read_bytes()).hexdigest() != self.result[f"{name} sha256"]:
                    raise ModelError(f"{file} is not the one that the run of {path.parent / 'result.json'} wrote")
            self.classes = self.result["classes"]
            self.max_length = self.result["constants"]["MAX_LENGTH"]
            self.padding = self.result["constants"]["PADDING"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"result.json or vocabulary.txt beside {path} is missing or damaged ({first_line(error)}): "
                "a model needs the files of its run. Keep them together, or train again"
            ) from None
        self.ids = {word: id for id, word in enumerate(words, FIRST_WORD_ID)}
        import keras  # here, because it takes seconds, and what is wrong with the files can be said before

        try:
            self.model = keras.models.load_model(path)
        except Exception as error:  # what a strange file raises depends on what it is
            raise ModelError(f"{path} cannot be loaded as a Keras model ({first_line(error)})") from None
        try:
            width = len(self.probabilities([[START_ID, FIRST_WORD_ID + len(words) - 1]])[0])
            if width != len(self.classes):
                raise ValueError(f"it tells {width} classes apart, not {len(self.classes)}")
        except Exception as error:
            raise ModelError(f"{path} does not fit the files beside it ({first_line(error)}): train again") from None

    def encode(self, words):
        """Returns the ids of all words, as in training: the start id, then an id for each word.

        Data files leave out of the test texts words that no training text has; here they are unknown words.
        """
        return [START_ID] + [self.ids.get(word, UNKNOWN_ID) for word in words]

    def probabilities(self, texts):
        """Returns an array of shape (texts, classes) from lists of ids, of which the last MAX_LENGTH are read.

        In front of each text stand zeros by the rule of training. Only texts that this makes equally long are read
        together, so that no text's answer depends on its company by more than rounding.
        """
        import keras

        texts = [text if self.max_length is None else text[-self.max_length :] for text in texts]
        widths = np.array([self.padding * (math.ceil(len(text) / self.padding) + 1) for text in texts])
        answers = [None] * len(texts)
        for width in np.unique(widths):
            rows = np.flatnonzero(widths == width)
            for first in range(0, len(rows), BATCH_SIZE):
                batch = rows[first : first + BATCH_SIZE]
                output = self.model.predict_on_batch(keras.utils.pad_sequences([texts[row] for row in batch], width))
                for row, own in zip(batch, output):
                    # Where there are two classes, the network gives the probability of the second.
                    answers[row] = np.array([1 - own[0], own[0]]) if len(own) == 1 else own
        return np.array(answers)


def first_line(error):
    return (str(error).strip() or repr(error)).splitlines()[0]


def answer(classifier, texts, with_words=False):
    """Returns a dict for each of a list of texts: class, probabilities of all classes, and what is worth knowing."""
    if isinstance(texts, str):
        raise TypeError("texts must be a list of texts, not one text")
    texts = list(texts)
    answers = []
    words = [tokenise(text.replace("\r", "\n")) for text in texts]
    ids = [classifier.encode(own) for own in words]
    read = [row for row, own in enumerate(words) if own]  # nothing can be said of a text without words
    probabilities = dict(zip(read, classifier.probabilities([ids[row] for row in read])))
    for row, text in enumerate(texts):
        if row not in probabilities:
            answers.append({"text": text, "class": None, "probability": None, "note": "no words"})
            continue
        own = probabilities[row]
        best = int(own.argmax())
        unknown = ids[row].count(UNKNOWN_ID)
        answers.append(
            {
                "text": text,
                "class": classifier.classes[best],
                "probability": float(own[best]),
                "note": "no known word" if unknown == len(words[row]) else "",
                "words": len(words[row]),
                "unknown_words": unknown,
                "probabilities": {name: float(share) for name, share in zip(classifier.classes, own)},
            }
        )
        if with_words:
            first = max(0, len(words[row]) - WORDS_SHOWN)
            prefixes = [ids[row][: end + 2] for end in range(first, len(words[row]))]
            # Of two classes the second tells all; of many, follow the one that wins in the end.
            followed = 1 if len(own) == 2 else best
            shares = classifier.probabilities(prefixes)[:, followed]
            answers[-1]["followed"] = classifier.classes[followed]
            answers[-1]["after_each_word"] = [[word, float(share)] for word, share in zip(words[row][first:], shares)]
    return answers


def shorten(text):
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def line_of(answer):
    """Returns the line that a person sees: class and probability, the most probable three of many, and the text."""
    if answer["class"] is None:
        return f"{'-':8}         {shorten(answer['text'])}  (no words)"
    top = sorted(answer["probabilities"].items(), key=lambda item: -item[1])
    top = top[:1] if len(top) == 2 else top[:3]
    note = f"  ({answer['note']})" if answer["note"] else ""
    return "  ".join(f"{name:8} {share:6.1%}" for name, share in top) + f"  {shorten(answer['text'])}{note}"


def colours_possible():
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM", "dumb") != "dumb"


def words_of(answer):
    """Returns the text word by word with the probability after each: one coloured line, or a table without colours."""
    pairs = answer["after_each_word"]
    if not colours_possible():
        rows = [f"  {share:6.1%}  {word}" for word, share in pairs]
        return "\n".join([f"  probability of {answer['followed']} after each word:", *rows])
    # From red over yellow to green in the 256 colours of terminals: a 6 x 6 x 6 cube that starts at number 16.
    coloured = []
    for word, share in pairs:
        red, green = round(5 * min(1, 2 * (1 - share))), round(5 * min(1, 2 * share))
        coloured.append(f"\x1b[38;5;{16 + 36 * red + 6 * green + 1}m{word}\x1b[0m")
    return f"  {answer['followed']}: red 0 %, yellow 50 %, green 100 %\n  " + " ".join(coloured)


def decode(number, line):
    """Returns a line of standard input; its bytes that are not UTF-8 are replaced, and a message says so."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        byte = line[error.start]
        print(f"Line {number}: byte {byte:#04x} is not UTF-8. Save the texts as UTF-8.", file=sys.stderr)
        return line.decode("utf-8", "replace")


def texts_from(arguments):
    """Yields lists of texts: those of the command line or, where there are none or "-", lines of standard input."""
    if arguments and arguments != ["-"]:
        # Bytes of the command line that are not UTF-8 arrive as lone surrogates.
        texts = [text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for text in arguments]
        if any(map(os.path.isfile, arguments)):
            print("A file's name is read as a text; for the texts in it: predict.py MODEL < FILE", file=sys.stderr)
        yield texts
        return
    if sys.stdin is None:
        raise ModelError("there is no standard input to read texts from: give them on the command line")
    at_once = LINES_AT_ONCE
    if sys.stdin.isatty():
        print("Type one text a line; end with Ctrl-D (on Windows Ctrl-Z and Enter).", file=sys.stderr)
        at_once = 1
    lines = (line.removeprefix("\ufeff").rstrip("\r\n") for line in map(decode, itertools.count(1), sys.stdin.buffer))
    while texts := list(itertools.islice(lines, at_once)):
        yield texts


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", help="model.keras in the folder of a training run")
    parser.add_argument(
        "texts",
        nargs="*",
        metavar="TEXT",
        help="texts; without any, or with -, one text a line is read from standard input",
    )
    parser.add_argument("--words", action="store_true", help="show the probability after each word")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each text")
    options = parser.parse_intermixed_args(arguments)  # TEXT may stand behind an option
    if hasattr(sys.stdout, "reconfigure"):  # a notebook's has not
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    interrupts = []

    def interrupt(*_):  # Ctrl-C is noted, since TensorFlow may make an error of another kind of it
        interrupts.append(True)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        classifier = Classifier(options.model)
        for texts in texts_from(options.texts):
            for found in answer(classifier, texts, options.words):
                if options.json:
                    print(json.dumps(found, ensure_ascii=False))
                    continue
                print(line_of(found))
                if options.words and found["class"]:
                    print(words_of(found))
    except (Exception, KeyboardInterrupt) as error:
        if interrupts:
            sys.exit("predict.py: stopped")
        if isinstance(error, ModelError):
            sys.exit(f"predict.py: {error}")
        raise


if __name__ == "__main__":
    start(main)
