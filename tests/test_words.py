"""The rules by which texts are split into words, and the ids of the words."""

import hashlib
import string
import time
import unicodedata

import hypothesis
import pytest
from conftest import words_of
from hypothesis import strategies
from keras.src.legacy.preprocessing import text as keras_text

from corpus import data_file, vectors, words
from corpus.words import tokenise_unicode as tokenise

EXAMPLES = {
    "English": ("“I wouldn’t,” she said—it's good…very.", "i wouldn't she said it's good very"),
    "apostrophes": ("'tis rock 'n' roll, dogs’ ‘so’ o''k", "tis rock n roll dogs so o k"),
    "inner apostrophes": ("don´t don`t don\\'t Oʻzbek", "don't don't don't o'zbek"),
    "German": ("„Größe“ & STRASSE/Straße – „für“ 3,5 €", "größe strasse straße für 3 5"),
    "French": ("L’eau, c’est « très » bon ! Aujourd'hui ?", "l'eau c'est très bon aujourd'hui"),
    "Spanish": ("¿Qué? ¡No! El 1º niño", "qué no el 1o niño"),
    "Turkish": ("İSTANBUL ıslak Iğdır I\u0307zmir", "istanbul ıslak iğdır izmir"),
    "letters taken apart": ("İ\u0307x J\u030c", "ix ǰ"),
    "Greek": ("ΟΔΟΣ· Ἀθήνα;", "οδος ἀθήνα"),
    "Russian": ("«Ещё» №5 – ёлка, объём", "ещё no5 ёлка объём"),
    "Ukrainian": ("м’ята м'ята мʼята", "м'ята м'ята м'ята"),
    "Arabic": ("مُحَمَّد، هل؟ نعم؛ ﻻ", "مُحَمَّد هل نعم لا"),
    "Persian": ("می‌خواهم کتاب‌ها\u200c را؟", "می‌خواهم کتاب‌ها را"),
    "Hebrew": ("שָׁלוֹם־לך, ג׳ירפה\u200f!", "שָׁלוֹם לך ג'ירפה"),
    "Hindi": ("मैं हिन्दी लिखता हूँ। क्‍ष॥", "मैं हिन्दी लिखता हूँ क्‍ष"),
    "Bengali": ("র‍্যাব, বাংলা।", "র‍্যাব বাংলা"),
    "Korean": ("한국어는 띄어쓰기가 있습니다。", "한국어는 띄어쓰기가 있습니다"),
    "Chinese": ("今天很好，去iPhone店2次。", "今 天 很 好 去 iphone 店 2 次"),
    "Chinese, split": ("我 爱 北京 天安门 。", "我 爱 北京 天安门"),
    "Japanese, split": ("コーヒー を 飲み たい", "コーヒー を 飲み たい"),
    "Chinese, two spaces": ("北京 天安门 很好", "北京 天安门 很好"),
    "Chinese, a short text": ("很好", "很 好"),
    "Chinese, few spaces": ("今天天气好 我们去公园 玩", "今 天 天 气 好 我 们 去 公 园 玩"),
    "Japanese": ("東京・タワーへ\u3000ｶﾞｷﾞ！", "東 京 タ ワ ー へ ガ ギ"),
    "Thai": ("น้ำดื่มที่ดี", "น้ ำ ดื่ ม ที่ ดี"),
    "Thai, long words": ("โรงพยาบาล ใหญ่ มาก", "โรงพยาบาล ใหญ่ มาก"),
    "Thai, split": ("ฉัน รัก น้ำ มาก", "ฉัน รัก น้ำ มาก"),
    "Khmer": ("ល្អ\u200bណាស់។", "ល្ អ ណា ស់"),
    "spaces": ("a\u00a0b\u2009c\u3000d\u200be\rf\x85g\u2028h\x0bi", "a b c d e f g h i"),
    "removed": ("in\u00adter\u2060est \u202bאב\u202c \ufeffgood", "interest אב good"),
    "NFKC": ("ﬁne ＡＢＣ m² CO₂ 1½ Nike™ 𝐛𝐨𝐥𝐝 ㎏", "fine abc m2 co2 1 1 2 nike bold kg"),
    "accents": ("Cafe\u0301 CAFÉ", "café café"),
    "emoji": ("good😀😀 ❤️❤ 👍🏽 👍 ★★ 1️⃣", "good 😀 😀 ❤ ❤ 👍 👍 ★ ★ 1⃣"),
    "joined emoji": ("🏳️‍🌈 👨‍👩‍👧 🇩🇪🇫🇷", "🏳‍🌈 👨‍👩‍👧 🇩🇪 🇫🇷"),
    "tags": ("a<br />b<BR>c <a href=\"x.html\" class='y' id=z>d</a> <!-- e -->f<p>", "a b c d f"),
    "no tags": (
        "x < y and z > 1 <anna@example.org> <3 <name>",
        "x y and z 1 anna example org 3 name",
    ),
    "generic types": ("List<Integer> a<b, c>d <b and c>", "list integer a b c d b and c"),
    "entities": ("AT&amp;T it&#39;s caf&eacute; &lt;br&gt;a&nbsp;b", "at t it's café a b"),
    "escaped twice": ("&amp;quot;c it&amp;#x27;s", "c it's"),
    "no entities": (
        "rock&roll food&regular ?a=1&copy=2 &regular; &#;",
        "rock roll food regular a 1 copy 2 regular",
    ),
    "backslashes": (r"good.\nFood\n\nBye\ttab\r\n C:\new", "good food bye tab c ew"),
    "ASCII": (string.printable, f"{string.digits}{string.ascii_lowercase}{string.ascii_lowercase}"),
    "symbols": ("a_b #tag @you 50% €3 a→b a・b a·b ½", "a b tag you 50 3 a b a b a b 1 2"),
    "nothing": (" …—“” \u0301 \u200d\u200c \ufe0f ™ \ud800", ""),
}


@pytest.mark.parametrize("text, expected", EXAMPLES.values(), ids=EXAMPLES)
def test_examples(text, expected):
    assert tokenise(text) == expected.split(" ") * bool(expected)


# Texts of any characters, and of those for which the rule has an exception.
SPECIAL = "aI1i ß'’´`<>&;=/\"\\n-_.,\n\ré\u0130\u0307\u0338\u0301\u0327\u200c\u200d\u200b\xad"
SPECIAL += "ŉ™½¹ﬁ北京日ガกำ้ी्हा한🇩🇪👍🏽👨\ufe0f\u20e3"
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


@hypothesis.given(TEXTS, TEXTS)
def test_spaces_of_any_kind_separate_and_case_does_not_matter(one, other):
    hypothesis.assume(not set("<>&\\") & set(one + other))
    joined = one + "\u2009" + other
    if not words.THAI_OR_HAN.search(joined):
        assert tokenise(joined) == tokenise(one) + tokenise(other)
    upper = joined.upper()
    if upper.lower() == joined:
        assert tokenise(upper) == tokenise(joined)


@hypothesis.given(strategies.text(string.printable) | TEXTS)
def test_ascii_is_split_as_in_a_text_with_other_letters(text):
    text = text.encode("ascii", "ignore").decode()
    assert tokenise(text) == tokenise(f"{text} é")[:-1]


@pytest.mark.parametrize("part", ["<a b=c", "&#769;&#807;", "a\u200d", "\u0301\u0327", "日 "])
def test_the_time_is_linear(part):
    start = time.perf_counter()
    tokenise(part * 100_000)
    tokenise(f"é<a {part * 100_000}")
    assert time.perf_counter() - start < 10  # quadratic: minutes


def test_a_data_file_records_the_rule_and_the_samples_are_as_before(sample):
    texts = ["it’s good", "it’s bad"]
    for rule, expected in ("unicode", {"it's", "good", "bad"}), ("keras", {"it’s", "good", "bad"}):
        data = data_file.from_texts(texts, [0, 1], texts, [0, 1], ["a", "b"], "a test", rule)
        assert data_file.about_of(data)["words"] == rule and set(words_of(data)) == expected
    about = data_file.about_of(sample)
    arrays = b"".join(sample[name].tobytes() for name in data_file.ARRAYS)
    assert hashlib.sha256(arrays).hexdigest()[:16] == "595d6f5087ebcf73"
    fingerprint = hashlib.sha256(vectors.VECTORS.encode() + arrays).hexdigest()[:16]
    assert (about["words"], about["fingerprint"]) == ("keras", fingerprint)


# --- Keras's rule and ids ---


@hypothesis.given(strategies.text() | strategies.text("aB'\t\n\r -_.\u00a0\u2028\u0130\u00df«"))
@hypothesis.example(string.printable)
def test_tokenises_as_keras_does(text):
    assert words.tokenise_keras(text) == keras_text.text_to_word_sequence(text)


def encode(train, test):
    encoder = words.Encoder()
    x_train, x_test = ([encoder.add(text) for text in texts] for texts in (train, test))
    vocabulary = encoder.finish(x_train, x_test)
    return x_train, x_test, vocabulary


def test_words_are_ranked_by_frequency_in_train_then_alphabetically():
    x_train, x_test, vocabulary = encode(["b b c a", "b a c"], ["z z z z c", "z"])
    assert vocabulary == ["b", "a", "c"]
    assert [text.tolist() for text in x_train] == [[1, 4, 4, 6, 5], [1, 4, 5, 6]]
    assert [text.tolist() for text in x_test] == [[1, 6], [1]]  # z does not occur in train
    assert all(text.dtype == "int32" for text in x_train + x_test)
