# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["tensorflow>=2.20,<2.22", "numpy>=2.0,<3"]
# ///
"""Classification of texts with a trained run.

    python predict.py imdb_lstm "A film I will never forget."    newest finished run of a script
    python predict.py runs/imdb_lstm-20261125-143000-123456 "A film I will never forget."
    python predict.py imdb_lstm < texts.txt                      one text per line
    python predict.py imdb_lstm --table reviews.csv --text review --output answers.csv
    python predict.py imdb_lstm --words "..."                    probability after each word
    python predict.py imdb_lstm --json "..."                     one JSON object per text

Prints the most probable class of each text; with more than two classes, the three most probable.

--table reads what prepare_texts.py reads: CSV and other text with separators, JSON, parquet, Excel;
also as .gz, .bz2 or .zip. It writes all rows in order, with all columns and two more, class and
probability (predicted_class and predicted_probability if one of these exists), which are empty for
a text without words. Without --output they go to standard output. The output is CSV in UTF-8, with
commas, or with tabs if OUTPUT ends in .tsv.
"""

import itertools
import json
import pathlib
import re
import sys

import numpy as np

from corpus import DataError, answers, cli, tables
from corpus.words import FIRST_WORD_ID, RULES, START_ID, UNKNOWN_ID

BATCH_SIZE = 128
TEXTS_AT_ONCE = 1000  # texts of standard input that are in memory together


def find_run(run):
    """Returns the folder of a run: `run` itself, or the newest finished run of the script `run`."""
    script = run.removesuffix(".py")
    name = re.compile(re.escape(script) + "-[0-9]{8}-[0-9]{6}-[0-9]{6}")
    runs = sorted(path for path in pathlib.Path("runs").glob("*") if name.fullmatch(path.name))
    runs = runs or [path for path in map(pathlib.Path, (run, f"runs/{script}")) if path.is_dir()]
    if finished := [path for path in runs if (path / "result.json").exists()]:
        if finished[-1] != pathlib.Path(run):
            print(f"{run}: {finished[-1]}", file=sys.stderr)
        return finished[-1]
    if runs:
        raise DataError(f"{runs[-1]} is unfinished (no result.json), or not a run; train again")
    known = script if pathlib.Path(f"{script}.py").exists() else "imdb_lstm"
    raise DataError(f"there is no run {run}; train one first, for example: python {known}.py")


class Classifier:
    """A trained model with the vocabulary and the settings of its run.

    Args: `run`, a run's folder, or a script's name for its newest finished run.
    Attributes: `folder`, a path; `result`, the content of result.json; `classes`, the names of
    labels 0, 1 and so on; `rule`, a key of RULES; `keras`, the version that trained the
    model; `ids`, {word: id} of the words that the model knows; `model`.
    Raises: DataError where a file is missing, damaged, or does not fit the others.
    """

    def __init__(self, run):
        self.folder = find_run(str(run))
        try:
            self.result = json.loads((self.folder / "result.json").read_bytes())
            if "about" not in self.result:
                raise ValueError("the run is from an earlier version; train again")
            # Data of keras.datasets, or of an earlier version, names no rule.
            self.rule = self.result["about"].get("words", "keras")
            if self.rule not in RULES:
                raise ValueError(f"unknown rule of words {self.rule!r}; is it of a newer version?")
            self.keras = str(dict(self.result.get("versions", {})).get("keras", ""))
            self.classes = list(map(str, self.result["classes"]))
            self.vocab_size = int(self.result["constants"]["VOCAB_SIZE"])
            self.max_length = int(self.result["constants"]["MAX_LENGTH"])
            # Not read_text: it ends a line at "\r" too, which a word may contain.
            words = (self.folder / "vocabulary.txt").read_bytes().decode().replace("\r\n", "\n")
        except Exception as error:  # which one depends on where a file is damaged
            raise self.unusable("result.json or vocabulary.txt", error) from None
        self.ids = dict(zip(words.split("\n"), range(FIRST_WORD_ID, self.vocab_size)))
        import keras  # here, because it takes seconds: the errors above come at once

        try:  # safe mode, Keras's default, runs no code from the file
            self.model = keras.models.load_model(self.folder / "model.keras", compile=False)
        except Exception as error:
            other = (
                f"it is of Keras {self.keras}, this is Keras {keras.__version__}. Install it, "
                f"python -m pip install keras=={self.keras}, or train again"
            )
            known = self.keras in ("", keras.__version__)
            raise self.unusable("model.keras", error if known else other) from None
        try:
            highest = max(self.ids.values(), default=UNKNOWN_ID)
            self.probabilities([[highest], [highest] * 100])  # raises if the model does not fit
        except Exception as error:
            raise self.unusable("model.keras", error) from None

    def unusable(self, name, error):
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        return DataError(f"{self.folder}: {name} cannot be used ({reason})")

    def split(self, text):
        """Returns the words of a text, by the rule of the run's data."""
        if self.rule == "keras":  # own texts of an earlier version
            text = text.replace("\r", "\n")
        return RULES[self.rule](text)

    def encode(self, words):
        """Returns the ids of a list of words, int32 of shape (1 + words,), the start id first."""
        return np.array([START_ID, *(self.ids.get(word, UNKNOWN_ID) for word in words)], "int32")

    def probabilities(self, texts):
        """Returns the probability of each class, float32 of shape (texts, classes).

        Args: `texts`, a list of id sequences of shape (length,), such as `encode` returns. They are
        cut and padded by the rule of the scripts' `batches`. Only texts of equal width share a
        batch, so that a result depends on the other texts at most by rounding.
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
        """Returns the class probabilities of texts padded to the longest one: (texts, classes).

        Raises DataError if an output is NaN or outside 0 to 1.
        """
        # predict_on_batch is faster than `predict` here.
        output = np.asarray(self.model.predict_on_batch(self.pad(texts)))
        if output.shape[1] == 1:  # of two classes, the probability of the second
            output = np.hstack([1 - output, output])
        if not 0 <= output.min() <= output.max() <= 1:  # also if one is NaN
            raise DataError("the model's outputs are not probabilities (NaN or outside 0 to 1)")
        return output


def answer(classifier, texts, with_words=False):
    """Returns a dict for each of a list of texts.

    Its keys: `text`; `class`, the most probable one, None without words; `probability`, of that
    class; `probabilities`, {class: probability}; `words`, their number; `unknown_words`, how many
    of them the model does not know; `after_each_word` if `with_words`: a list of [word, probability
    of `class` for the text up to this word].
    """
    assert not isinstance(texts, str), "texts: a list of texts, not one text"
    texts = list(texts)
    words = [classifier.split(text) for text in texts]
    ids = [classifier.encode(row) for row in words]
    answers = []
    for row, output in enumerate(classifier.probabilities(ids)):
        best, unknown = int(output.argmax()), int((ids[row] == UNKNOWN_ID).sum())
        found = {"text": texts[row], "words": len(words[row]), "unknown_words": unknown}
        found |= {"class": classifier.classes[best], "probability": float(output[best])}
        found["probabilities"] = dict(zip(classifier.classes, output.tolist()))
        if not words[row]:
            found |= {"class": None, "probability": None, "probabilities": {}}
        if with_words:
            beginnings = [ids[row][:end] for end in range(2, len(ids[row]) + 1)]
            after = classifier.probabilities(beginnings)[:, best].tolist()
            found["after_each_word"] = [[word, p] for word, p in zip(words[row], after)]
        answers.append(found)
    return answers


def print_answer(found):
    best = sorted(found["probabilities"].items(), key=lambda item: -item[1])
    best = "  ".join(f"{name:8} {p:6.1%}" for name, p in best[: 1 if len(best) == 2 else 3])
    note = "(no known words)" if found["unknown_words"] == found["words"] else ""
    parts = best or "-", " ".join(found["text"].split())[:60], note
    print("  ".join(filter(None, parts)))
    if found.get("after_each_word"):
        print(f"  probability of {found['class']} after each word:")
        for word, p in found["after_each_word"]:
            print(f"  {p:6.1%}  {word}")


def standard_input():
    """Yields the lines of standard input without their ends."""
    if sys.stdin is None:
        raise DataError("there is no standard input; give texts as arguments")
    if sys.stdin.isatty():
        print("Type one text per line; end with Ctrl-D (Windows: Ctrl-Z, Enter).", file=sys.stderr)
    for number, line in enumerate(sys.stdin.buffer, 1):
        text = line.decode("utf-8-sig", "replace").rstrip("\r\n")
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
    add("--as-text", action="store_true", help="classify TEXT even if it looks like a file name")
    of_table = parser.add_argument_group("with --table, as in prepare_texts.py")
    add = of_table.add_argument
    add("--table", metavar="FILE", help="classify the texts of a table")
    add("--text", metavar="NAME", help="text column, or several to join: title,body")
    add("--output", metavar="OUTPUT", help="a .csv or .tsv file; default: standard output")
    add("--no-header", dest="header", action="store_false", help="line 1 is data, not column names")
    add(
        "--encoding",
        metavar="NAME",
        help="encoding of the table (default: UTF-8 or UTF-16, detected)",
    )
    add("--quotes", choices=tables.QUOTES, help="meaning of quotation marks (default: detected)")
    options = cli.parse(parser, arguments)
    if options.table:
        answer_table(parser, options)
        return
    if options.text or options.output or options.encoding or options.quotes or not options.header:
        parser.error("--text, --output, --no-header, --encoding and --quotes need --table")
    from_input = options.texts in ([], ["-"])
    if not from_input and not options.as_text:
        answers.check_texts(options.texts, options.run)
    classifier = Classifier(options.run)
    texts = standard_input() if from_input else iter(options.texts)
    typed = from_input and sys.stdin and sys.stdin.isatty()  # answer each line
    at_once = 1 if typed else TEXTS_AT_ONCE
    check = from_input and not typed and not options.as_text
    while chunk := list(itertools.islice(texts, at_once)):
        if check:
            answers.check_lines(chunk, options.run)
            check = False
        for found in answer(classifier, chunk, options.words):
            print(json.dumps(found)) if options.json else print_answer(found)


def answer_table(parser, options):
    """Classifies the texts of a table and writes it with two more columns."""
    if options.texts or options.words or options.json or options.as_text:
        parser.error("--table cannot be combined with TEXT, --words, --json or --as-text")
    if options.output and not options.output.lower().endswith((".csv", ".tsv")):
        parser.error(f"OUTPUT must end in .csv or .tsv, not {options.output}")
    table, text_at = answers.open_table(options)  # before the model, which takes seconds
    classifier = Classifier(options.run)
    answers.write(table, text_at, lambda texts: answer(classifier, texts), options.output)


if __name__ == "__main__":
    cli.start(main)
