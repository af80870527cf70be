"""Pages: HTML that needs no other file; texts shaded word by word."""

import html

from corpus import data_file, printable
from corpus.words import FIRST_WORD_ID, START_ID

HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/><title>Text classification</title>
<meta name="viewport" content="width=device-width, initial-scale=1"/><style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: auto; padding: 1rem; }
p, th, td { overflow-wrap: anywhere; } p:first-child { font-size: 1.5rem; }
table { border: 0; border-collapse: collapse; }
th, td { border: 0; padding: .15rem .7rem; border-bottom: 1px solid #8888; text-align: right; }
tbody th, .text td { text-align: left; }
.other { background: rgb(47 127 214 / var(--strength, .5)); }
.predicted { background: rgb(224 123 26 / var(--strength, .5)); }
.unknown { text-decoration: underline dotted; }
</style></head><body>
"""
LEGEND = """<p>Each word is shaded by the probabilities after it:
<span class="predicted">the predicted class is more probable</span>,
<span class="other">the {} is more probable</span>; the stronger, the larger the difference.
The model does not know <span class="unknown">underlined</span> words.</p>
"""


def write(path, content):
    """Writes a page atomically; control characters become their codes. Raises DataError."""
    page = "\n".join(map(printable, f"{HEAD}{content}</body></html>\n".split("\n")))
    with data_file.replacing(path) as file:
        file.write(page.encode(errors="replace"))


def shaded(classifier, text, predicted, other):
    """Returns a text as HTML, each word shaded by the probabilities of two classes after it.

    Args: `text`, a string, or ids as in a data file; `predicted` and `other`, two labels.
    """
    if isinstance(text, str):
        words = classifier.split(text)
        ids = [classifier.ids.get(word) for word in words]  # None: the word is left out
        spelt, rest = spell(" ".join(text.split()), words)
    else:
        ids, known = list(text[1:]), {number: word for word, number in classifier.ids.items()}
        spelt, rest = [(" ", known.get(number, "[unknown]")) for number in ids], ""
    numbers = [START_ID, *(number for number in ids if number is not None)]
    read = numbers[-classifier.max_length :]
    after = classifier.probabilities([read[: end + 1] for end in range(len(read))])
    last = len(read) - len(numbers)  # where in `read` the id of the last word is, negative if cut
    parts = ["[…]"] if last else []
    for (before, word), number in zip(spelt, ids):
        last += number is not None
        if last >= 0:
            rare = number is None or not FIRST_WORD_ID <= number < classifier.vocab_size
            kind, style = "unknown" * rare, ""
            if number is not None:
                difference = after[last, predicted] - after[last, other]
                kind = f"{'predicted' if difference > 0 else 'other'} {kind}".strip()
                style = f' style="--strength: {0.6 * abs(difference):.2f}"'
            word = f'<span class="{kind}"{style}>{html.escape(word)}</span>'
            parts.append(f"{html.escape(before)}{word}")
    return "".join([*parts, html.escape(rest)])


def spell(text, words):
    """Returns (what stands before it, its spelling) of each word in a text, and what follows them.

    Where a word is not found, as after a change of Unicode's form, these are the words alone.
    """
    lower, end, spelt = text.lower(), 0, []
    for word in words:
        word = word.lower().replace("␣", " ")  # a space, where each character is a word
        start = lower.find(word, end)
        if start < 0 or len(lower) != len(text):
            return [(" ", word) for word in words], ""
        spelt.append((text[end:start], text[start : start + len(word)]))
        end = start + len(word)
    return spelt, text[end:]
