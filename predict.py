# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["tensorflow>=2.20,<2.22", "numpy>=2.0,<3"]
# ///
"""Classification of texts with a trained run.

    python predict.py imdb_lstm "A film I will never forget."    newest finished run of a script
    python predict.py imdb_lstm < texts.txt                      one text per line
    python predict.py imdb_lstm --table reviews.csv --text review --output answers.csv
    python predict.py imdb_lstm --words "A film ..."             probability after each word

Prints the most probable class of each text; with more than two classes, the three most probable.
Words that are not in the run's vocabulary are left out, as they are from test texts in a data file.
A text without any other word has no class.

--table reads the tables that prepare_texts.py reads, and writes all rows in order as CSV in UTF-8
(OUTPUT.tsv: with tabs), with two more columns, class and probability (predicted_class and
predicted_probability if one of these exists), which are empty for a text without a class.
"""

import codecs
import csv
import itertools
import json
import os
import pathlib
import re
import shlex
import sys

import numpy as np

from corpus import DataError, cli, data_file, printable, runs, tables
from corpus.words import FIRST_WORD_ID, RULES, START_ID, UNKNOWN_ID

BATCH_SIZE, AT_ONCE = 128, 5_000  # texts that are classified, and in memory, together
NAMES = tables.TEXT_NAMES | tables.LABEL_NAMES


class Classifier:
    """A trained model with the vocabulary and the settings of its run.

    Args: `run`, the name of a script, whose newest finished run is taken, or a run's folder.

    Attributes: `folder`, a path; `result`, what corpus.runs.read returns; `classes`, the names of
    labels 0, 1 and so on; `split`, a function from a text to its words; `ids`, {word: id} of the
    vocabulary; `model`, to which ids from `vocab_size` on are unknown.
    Raises: DataError where a file is missing, damaged, or does not fit the others.
    """

    def __init__(self, run):
        self.result = runs.find(str(run))
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

    Its keys: `text`; `class`, the most probable one, None if no word is in the vocabulary;
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
        if not read:
            each |= {"class": None, "probability": None, "probabilities": {}}
        if with_words:
            beginnings = [numbers[:end] for end in range(2, len(numbers) + 1)]
            after = classifier.probabilities(beginnings)[:, best].tolist()
            each["after_each_word"] = [[word, p] for word, p in zip(read, after)]
        answers.append(each)
    return answers


def print_answer(each):
    best = sorted(each["probabilities"].items(), key=lambda item: -item[1])
    best = "  ".join(f"{name:8} {p:6.1%}" for name, p in best[: 1 if len(best) == 2 else 3])
    text = " ".join(each["text"].split())[:60]
    print(printable(f"{best}  {text}" if best else f"-  {text}  (no known words)"))
    for word, p in each.get("after_each_word", []):
        print(printable(f"  {each['class']:8} {p:6.1%}  {word}"))


def standard_input(program):
    """Yields the lines of standard input without their ends; refuses a table."""
    if os.isatty(0):
        print("Type one text per line; end with Ctrl-D (Windows: Ctrl-Z, Enter).", file=sys.stderr)
    for number, line in enumerate(sys.stdin.buffer, 1):
        text = line.decode("utf-8-sig", "replace").rstrip("\r\n")
        named = any(tables.is_usual(cell, NAMES) for cell in re.split(r"[\t|;,]", text))
        if number == 1 and (named or tables.JSON.match(text)):
            raise DataError(f"line 1 is that of a table or JSON: {program} --table FILE")
        if "\ufffd" in text:  # what "replace" puts in
            print(f"Line {number} is not UTF-8, or contains U+FFFD.", file=sys.stderr)
        yield text


def main(arguments=None):
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("run", metavar="RUN", help="a script's name or a run's folder")
    add("texts", nargs="*", metavar="TEXT", help="none or -: standard input")
    add("--words", action="store_true", help="the probability after each word")
    add("--json", action="store_true", help="one JSON object per text")
    add = parser.add_argument_group("with --table, as in prepare_texts.py").add_argument
    add("--table", metavar="FILE", help="classify the texts of a table")
    add("--text", metavar="NAME", help="text column, or several to join: title,body")
    add("--output", metavar="OUTPUT", help="a .csv or .tsv file; default: standard output")
    add("--no-header", dest="header", action="store_false", help="line 1 is data, not column names")
    add("--encoding", metavar="NAME", help="of the table (default: UTF-8 or UTF-16, detected)")
    add("--quotes", choices=tables.QUOTES, help="meaning of quotation marks (default: detected)")
    options = cli.parse(parser, arguments)
    if options.table and (options.texts or options.words or options.json):
        parser.error("--table cannot be combined with TEXT, --words or --json")
    if options.table:
        return answer_table(options)
    if options.text or options.output or options.encoding or options.quotes or not options.header:
        parser.error("--text, --output, --no-header, --encoding and --quotes need --table")
    program = f"python predict.py {shlex.quote(options.run)}"
    for name in map(shlex.quote, filter(os.path.isfile, options.texts)):
        raise DataError(f"{name} is a file: {program} < {name}, or {program} --table {name}")
    classifier = Classifier(options.run)
    texts = standard_input(program) if options.texts in ([], ["-"]) else iter(options.texts)
    while chunk := list(itertools.islice(texts, 1 if os.isatty(0) else AT_ONCE)):
        for each in answer(classifier, chunk, options.words):
            print(json.dumps(each)) if options.json else print_answer(each)


def answer_table(options):
    """Writes the rows of a table as CSV, with the class of each text and its probability."""
    path, output = options.table, options.output or ""
    if output and not output.endswith((".csv", ".tsv")):
        raise DataError(f"--output must end in .csv or .tsv, not {output}")
    if os.path.exists(output) and os.path.samefile(path, output):
        raise DataError(f"{output} is the table itself: name another --output")
    table = tables.read(path, options.encoding, options.quotes, options.header)
    text_at = tables.find(table, options.text, tables.TEXT_NAMES, "--text")
    names = ["class", "probability"]
    while set(names) & set(map(str.lower, table.columns)):
        names = [f"predicted_{name}" for name in names]
    for note in [*table.notes, f"new columns: {', '.join(names)}"]:
        print(printable(note), file=sys.stderr)
    classifier = Classifier(options.run)  # last, because it takes seconds
    rows, without = iter(table), 0
    with data_file.replacing(output) if output else open(1, "wb", closefd=False) as file:
        delimiter = "\t" if output.endswith(".tsv") else ","
        writer = csv.writer(codecs.getwriter("utf-8")(file, "replace"), delimiter=delimiter)
        writer.writerow([*table.columns, *names])
        while chunk := [cells for _, cells in itertools.islice(rows, AT_ONCE)]:
            texts = [" ".join(cells[at] for at in text_at) for cells in chunk]
            for cells, each in zip(chunk, answer(classifier, texts), strict=True):
                writer.writerow([*cells, each["class"], each["probability"]])
                without += each["class"] is None
    print(f"{table.rows:,} rows{table.account()}, {without:,} without a class", file=sys.stderr)


if __name__ == "__main__":
    cli.start(main)
