"""Texts to word ids."""

import collections
import html
import itertools
import re
import unicodedata

import numpy as np

# As in keras.datasets. Id 0 pads, 3 is unused, and the word of rank r (from 1) has id r + 3.
START_ID, UNKNOWN_ID, FIRST_WORD_ID = 1, 2, 4

# All of ASCII's punctuation but the apostrophe.
TO_SPACE = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', " "))


def tokenise_keras(text):
    """Splits a text into words as Keras does: lower case, punctuation to spaces, split there."""
    return [word for word in text.lower().translate(TO_SPACE).split(" ") if word]


# The usual elements of HTML; <name> and <anna@example.org> are text.
TAG = re.compile(
    r"</?(?:a|[bipqsu]|big|blockquote|body|br|center|code|div|em|font|h[1-6r]|head|html|img|li|[ou]l"
    r"|pre|script|small|span|strong|style|su[bp]|table|tbody|t[dhr])(?:\s[^<>]*)?/?>|<!--[^<>]*-->",
    re.IGNORECASE,
)
ENTITY = re.compile(r"&#?\w{1,31};", re.ASCII)
# Replaced before NFKC, which would turn ™ into a word, 1½ into 11⁄2 and ´ into a space.
BEFORE = str.maketrans(dict.fromkeys("™℠", " ") | {"´": "'"} | {f: f" {f} " for f in "¼½¾⅓⅔⅛⅜⅝⅞"})
APOSTROPHES = str.maketrans(dict.fromkeys("`’‘‛ʼ", "'"))
# Soft hyphens, marks of direction, byte order marks; variants and skin tones of emoji.
INVISIBLE = re.compile(
    "[\xad\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe0e\ufe0f\ufeff\U0001f3fb-\U0001f3ff]+"
)
MARKS = filter(lambda char: unicodedata.category(char)[0] == "M", map(chr, range(0x300, 0x10000)))
MARK = f"[{''.join(MARKS)}]"
EMOJI = "[\u231a\u231b\u23e9-\u23fa\u2600-\u27bf\u2b05-\u2b55\U0001f000-\U0001faff]"
WORD = re.compile(
    # Letters and digits; then apostrophes before letters, marks, or joiners before both.
    rf"\w++(?:'\w++|(?:{MARK}|[\u200c\u200d]++(?=\w|{MARK}))\w*+)*+"
    rf"|[\U0001f1e6-\U0001f1ff]{{2}}|{EMOJI}(?:\u200d{EMOJI})*+"
)
ASCII_WORD = re.compile("[a-z0-9]++(?:'[a-z0-9]++)*+")  # the same in ASCII, three times as fast
# Letters of scripts without spaces between words: Thai, Lao, Burmese, Khmer, Chinese, Japanese.
UNSPACED = re.compile(
    "(?=[^\\W\\d])[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u312f\u31a0-\u31ff"
    f"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]{MARK}*+"
)


def tokenise_unicode(text):
    """Splits a text of any language into words; the rule for users' texts.

    - Words are letters and digits with their marks (accents, vowel signs), in lower case and NFKC.
      Apostrophes and the joiners of Persian and Indic scripts stay inside a word: l'eau. Invisible
      characters are removed. All other characters separate words.
    - 1½ becomes 1, 1 and 2; ™ is not a word; Turkish İ becomes i.
    - HTML's usual tags, comments and entities are resolved, entities also if escaped twice.
    - A backslash with n, r or t, as in Yelp's reviews, separates, and one before an apostrophe is
      removed. So the Windows path C:\\new is read as c and ew.
    - An emoji is a word, and so is a flag or a joined sequence such as a family.
    - Chinese, Japanese, Thai, Lao, Burmese and Khmer are split into characters with their marks.

    Returns: a list of words without spaces. Joined by spaces, they give the same list again.
    """
    text = unicodedata.normalize("NFC", text)  # a composed ≯ ends no tag
    for _ in range(2):
        text = ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    text = re.sub(r"\\[nrt]", " ", TAG.sub(" ", text).replace("\\'", "'"))
    if text.isascii():
        return ASCII_WORD.findall(text.lower().replace("`", "'"))
    text = unicodedata.normalize("NFKC", INVISIBLE.sub("", text).translate(BEFORE)).lower()
    text = re.sub("i\u0307+", "i", text)  # lower() turns İ into an i with a dot as a mark
    text = unicodedata.normalize("NFKC", text)  # lower() may decompose letters
    text = UNSPACED.sub(r" \g<0> ", text.translate(APOSTROPHES))
    return WORD.findall(text.replace("_", " "))


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
