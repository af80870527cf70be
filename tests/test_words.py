"""The rules by which texts are split into words, and the ids of the words."""

import string
import time
import unicodedata

import hypothesis
import pytest
from hypothesis import strategies
from keras.src.legacy.preprocessing import text as keras_text

from corpus import words
from corpus.words import tokenise_unicode as tokenise

EXAMPLES = [
    ("“I wouldn’t,” she said—it's good…very.", "i wouldn't she said it's good very"),
    ("'tis rock 'n' roll, dogs’ o''k don\\'t", "tis rock n roll dogs o k don't"),
    ("STRASSE – L’eau ¿Qué? İSTANBUL ıslak", "strasse l'eau qué istanbul ıslak"),
    ("ΟΔΟΣ· «Ещё» №5 м'ята", "οδος ещё no5 м'ята"),
    ("مُحَمَّد، ﻻ می‌خواهم کتاب‌ها\u200c", "مُحَمَّد لا می‌خواهم کتاب‌ها"),
    ("שָׁלוֹם־לך\u200f! हिन्दी हूँ। র‍্যাব", "שָׁלוֹם לך हिन्दी हूँ র‍্যাব"),
    ("今天很好，去iPhone店2次。 한국어는", "今 天 很 好 去 iphone 店 2 次 한국어는"),
    ("東京・タワーへ\u3000ｶﾞｷﾞ！", "東 京 タ ワ ー へ ガ ギ"),
    ("ดื่มที่ดี ល្អណាស់។", "ดื่ ม ที่ ดี ល្ អ ណា ស់"),
    ("in\u00adter\u2060est \ufeffgood Cafe\u0301 ﬁne", "interest good café fine"),
    ("good😀😀 ❤️ 👍🏽 🏳️‍🌈 👨‍👩‍👧 🇩🇪🇫🇷", "good 😀 😀 ❤ 👍 🏳‍🌈 👨‍👩‍👧 🇩🇪 🇫🇷"),
    ("a<br />b<BR>c <a href=\"x.html\" class='y' id=z>d</a> <!-- e -->f", "a b c d f"),
    ("x < y > 1 <anna@example.org> a<b, c>d", "x y 1 anna example org a b c d"),
    ("AT&amp;T &amp;quot;c it&#39;s caf&eacute; &lt;br&gt;a", "at t c it's café a"),
    (r"good.\nFood\n\nBye\ttab C:\new", "good food bye tab c ew"),
    (" …—“” \u0301 \u200d ™ \ud800", ""),
]


@pytest.mark.parametrize("text, expected", EXAMPLES)
def test_examples(text, expected):
    assert tokenise(text) == expected.split(" ") * bool(expected)


# Texts of any characters, and of those for which the rule has an exception.
SPECIAL = "aI1i ß'’´`<>&;=/\"\\n-_.,\n\ré\u0130\u0307\u0338\u0301\u0327\u200c\u200d\u200b\xad"
SPECIAL += "ŉ™½¹ﬁ北京日ガกำ้ी्हา한🇩🇪👍🏽👨\ufe0f\u20e3"
SPECIAL = [*SPECIAL, "<br>", "<a b=", "&amp;", "&lt;", "&#39;"]
TEXTS = strategies.text() | strategies.lists(strategies.sampled_from(SPECIAL)).map("".join)


@hypothesis.settings(max_examples=1000)
@hypothesis.given(TEXTS)
def test_words_stay_the_same_when_they_are_split_again_or_composed(text):
    result = tokenise(text)
    assert tokenise(" ".join(result)) == tokenise("\n".join(result)) == result
    for word in result:
        assert word and word == word.lower() and not any(map(str.isspace, word))
        assert word.encode() and word[0] != "'" != word[-1]
    for form in "NFC", "NFD":
        assert tokenise(unicodedata.normalize(form, text)) == result


@hypothesis.given(strategies.text(string.printable) | TEXTS)
def test_ascii_is_split_as_in_a_text_with_other_letters(text):
    text = text.encode("ascii", "ignore").decode()
    assert tokenise(text) == tokenise(f"{text} é")[:-1]


@hypothesis.given(strategies.text() | TEXTS)
def test_characters_are_words_that_a_vocabulary_can_hold(text):
    result = words.tokenise_characters(text)
    assert all(len(word) == 1 and word.encode() and not word.isspace() for word in result)
    composed = unicodedata.normalize("NFC", text.encode(errors="ignore").decode())
    assert "".join(result) == "␣".join(composed.split())
    assert words.tokenise_characters(f" {text}\n") == result


@pytest.mark.parametrize("part", ["<a b=c", "&#769;", "a\u200d", "日 "])
def test_the_time_is_linear(part):
    start = time.perf_counter()
    tokenise(f"é<a {part * 100_000}")
    assert time.perf_counter() - start < 10  # quadratic: minutes


@hypothesis.given(strategies.text() | strategies.text("aB'\t\n\r -_.\u00a0\u2028\u0130\u00df«"))
def test_tokenises_as_keras_does(text):
    assert words.tokenise_keras(text) == keras_text.text_to_word_sequence(text)


def test_words_are_ranked_by_frequency_in_train_then_alphabetically():
    encoder = words.Encoder()
    train = [encoder.add(text) for text in ("b b c a", "b a c")]
    test = [encoder.add(text) for text in ("z z z z c", "z")]
    assert encoder.finish(train, test) == ["b", "a", "c"]
    assert [text.tolist() for text in train] == [[1, 4, 4, 6, 5], [1, 4, 5, 6]]
    assert [text.tolist() for text in test] == [[1, 6], [1]]  # z does not occur in train
    assert all(text.dtype == "int32" for text in train + test)
