"""Texts to word ids."""

import collections
import html
import itertools
import re
import unicodedata
from html.entities import html5

import numpy as np

# As in keras.datasets. Id 0 pads, 3 is unused, and the word of rank r (from 1) has id r + 3.
START_ID, UNKNOWN_ID, FIRST_WORD_ID = 1, 2, 4

# All of ASCII's punctuation but the apostrophe.
TO_SPACE = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', " "))


def tokenise_keras(text):
    """Splits a text into words as Keras does: lower case, punctuation to spaces, split there."""
    return [word for word in text.lower().translate(TO_SPACE).split(" ") if word]


ELEMENTS = """a abbr acronym address applet area article aside audio b base basefont bdi bdo big
blink blockquote body br button canvas caption center cite code col colgroup data datalist dd del
details dfn dialog dir div dl dt em embed fieldset figcaption figure font footer form frame frameset
h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins kbd label legend li link main
map mark marquee menu meta meter nav nobr noframes noscript object ol optgroup option output p param
picture pre progress q rp rt ruby s samp script section select slot small source span strike strong
style sub summary sup svg table tbody td template textarea tfoot th thead time title tr track tt u
ul var video wbr""".split()  # of HTML, the obsolete ones too
ATTRIBUTE = r"""\s++[\w:-]++\s*+=\s*+(?:"[^"<]*+"|'[^'<]*+'|[^\s<>"']++)"""
TAG = re.compile(
    rf"</?(?:{'|'.join(ELEMENTS)})(?:{ATTRIBUTE})*+\s*+/?>|<!(?:--[^<>]*--|doctype\b[^<>]*+)>",
    re.IGNORECASE | re.ASCII,
)
ENTITY = re.compile(r"&(#\w{1,8};|\w{2,31};)", re.ASCII)

# Replaced before NFKC, which would turn ™ into a word, 1½ into 11⁄2 and ´ into a space.
BEFORE = {"™": " ", "℠": " ", "´": "'", "\u200b": " "}  # the last one is the zero-width space
BEFORE |= {fraction: f" {fraction} " for fraction in "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞↉"}
# Replaced after NFKC: apostrophes of any script; Thai and Lao vowels, which NFKC takes apart.
AFTER = dict.fromkeys("`’‘‛ʼʻꞌ׳", "'") | {"\u0e4d\u0e32": "\u0e33", "\u0ecd\u0eb2": "\u0eb3"}
# Soft hyphens, joiners, marks of direction, byte order marks; variants and skin tones of emoji.
INVISIBLE = re.compile(
    "[\xad\u034f\u061c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe0e\ufe0f\ufeff\U0001f3fb-\U0001f3ff]+"
)


MARKS = [char for char in map(chr, range(0x300, 0x1F000)) if unicodedata.category(char)[0] == "M"]
LOW = "".join(char for char in MARKS if char <= "\uffff")
HIGH = "".join(char for char in MARKS if char > "\uffff")
# The lookaheads are fast and skip most characters.
MARK = rf"(?:[{LOW}]|(?=[^\0-\uffff])[{HIGH}\U000e0100-\U000e01ef])"
EMOJI = (
    "[\u231a\u231b\u23e9-\u23fa\u2600-\u275a\u2761-\u2767\u2794-\u27bf\u2b05-\u2b55"
    "\U0001f000-\U0001faff][\U000e0020-\U000e007f]*+"  # the latter in the flag of Scotland
)
WORD = re.compile(
    # Letters and digits; then apostrophes before letters, marks, or joiners before both.
    rf"\w++(?:'\w++|(?=[^\0-\u02ff])(?:{MARK}|[\u200c\u200d]++(?=\w|{MARK}))\w*+)*+"
    rf"|(?=[^\0-\u02ff])(?:[\U0001f1e6-\U0001f1ff]{{2}}|{EMOJI}(?:\u200d{EMOJI})*+)"
)
ASCII_WORD = re.compile("[a-z0-9]++(?:'[a-z0-9]++)*+")  # the same in ASCII, three times as fast

# Scripts without spaces between words, and the mean length of a run of their letters up to which a
# text is split into words already: Thai, Lao, Burmese and Khmer; Chinese and Japanese.
UNSPACED = {
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]": 8,
    "[\u3005-\u3007\u3040-\u312f\u31a0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]": 3,
}


def tokenise_unicode(text):
    """Splits a text of any language into words; the rule for users' texts.

    - Words are letters and digits with their marks (accents, vowel signs), in lower case and NFKC.
      Apostrophes and the joiners of Persian and Indic scripts stay inside a word: l'eau. Invisible
      characters are removed. All other characters separate words.
    - 1½ becomes 1, 1 and 2; ™ is not a word; Turkish İ becomes i.
    - HTML tags, comments and entities are resolved, entities also if escaped twice. Text that only
      looks like a tag stays: x < y and z > 1, <anna@example.org>.
    - A backslash with n, r or t, as in Yelp's reviews, separates, and one before an apostrophe is
      removed. So the Windows path C:\\new is read as c and ew.
    - An emoji is a word, and so is a flag or a joined sequence such as a family.
    - Chinese, Japanese, Thai, Lao, Burmese and Khmer are split into characters with their marks,
      unless the text is split into words already: two or more spaces stand between such characters,
      and a run of them has on average at most 3 characters (Thai to Khmer: 8).

    Returns: a list of words without spaces. Joined by spaces, they give the same list again.
    """
    text = unicodedata.normalize("NFC", text)  # a composed ≯ ends no tag
    text = TAG.sub(" ", ENTITY.sub(resolve, ENTITY.sub(resolve, text)))
    text = re.sub(r"\\[nrt]", " ", text.replace("\\'", "'"))
    if text.isascii():
        return ASCII_WORD.findall(text.lower().replace("`", "'"))
    for old, new in BEFORE.items():
        text = text.replace(old, new)
    text = unicodedata.normalize("NFKC", INVISIBLE.sub("", text)).lower()
    text = re.sub("i\u0307+", "i", text)  # lower() turns İ into an i with a dot as a mark
    text = unicodedata.normalize("NFKC", text)  # lower() may decompose letters
    for old, new in AFTER.items():
        text = text.replace(old, new)
    for script, most in UNSPACED.items():
        if re.search(script, text):
            text = split_unspaced(text, script, most)
    return WORD.findall(text.replace("_", " "))


def resolve(entity):
    """Returns the character of a matched HTML entity; an unknown entity stays as it is."""
    known = entity[1].startswith("#") or entity[1] in html5
    return html.unescape(entity[0]) if known else entity[0]


def split_unspaced(text, script, most):
    """Puts spaces around the letters of a script without spaces, unless they are there already."""
    letter = rf"(?=[^\W\d]){script}{MARK}*+"
    runs = re.findall(f"(?:{letter})++", text)
    spaces = re.findall(rf"{letter}\s++(?={letter})", text)
    if len("".join(runs)) <= most * len(runs) and len(spaces) >= 2:
        return text
    return re.sub(letter, r" \g<0> ", text)


def tokenise_characters(text):
    """Splits a text into its characters, in NFC; white space between words becomes one ␣."""
    text = unicodedata.normalize("NFC", text.encode(errors="ignore").decode())  # without surrogates
    return list("␣".join(text.split()))


# By the name that data files record. IMDB, Reuters and the samples have Keras's rule, so that
# accuracies compare with published ones; users' texts have one of the others.
RULES = {"keras": tokenise_keras, "unicode": tokenise_unicode, "characters": tokenise_characters}


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

    def finish(self, train, *others):
        """Ranks the words by frequency in train and gives each text its ids, in place.

        Args: `train` and others, lists of what `add` returned; they become lists of int32 arrays,
        start id first. Words that train lacks are left out of the other texts.
        Returns: the list of words by rank; words of equal frequency are in alphabetical order.
        """
        words = list(self.numbers)
        counts = np.zeros(len(words), dtype="int64")
        for text in train:
            np.add.at(counts, text, 1)
        in_train = np.flatnonzero(counts).tolist()
        by_rank = sorted(in_train, key=lambda number: (-counts[number], words[number]))
        ids = np.zeros(len(words), dtype="int32")
        ids[by_rank] = np.arange(len(by_rank), dtype="int32") + FIRST_WORD_ID
        for texts in train, *others:
            for row, text in enumerate(texts):
                text = ids[text]
                texts[row] = np.concatenate([[START_ID], text[text > 0]], dtype="int32")
        return [words[number] for number in by_rank]
