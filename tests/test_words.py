"""The rules by which texts are split into words."""

import hashlib
import string
import time
import unicodedata

import hypothesis
import pytest
from conftest import ROOT, words_of
from hypothesis import strategies

from corpus import data_file, vectors, words
from corpus.words import tokenise_unicode as tokenise

EXAMPLES = {
    "English": ("“I wouldn’t,” she said—it's good…very good.",
                "i wouldn't she said it's good very good"),
    "apostrophes": ("'tis rock 'n' roll, dogs’ don´t don`t don\\'t ‘so’ o''k Oʻzbek",
                    "tis rock n roll dogs don't don't don't so o k o'zbek"),
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
    "emoji": ("good😀😀 ❤️❤ 👍🏽 👍 ★★ 🏳️‍🌈 👨‍👩‍👧 🇩🇪🇫🇷 1️⃣",
              "good 😀 😀 ❤ ❤ 👍 👍 ★ ★ 🏳‍🌈 👨‍👩‍👧 🇩🇪 🇫🇷 1⃣"),
    "tags": ("a<br />b<BR>c <a href=\"x.html\" class='y' id=z>d</a> <!-- e -->f<p>", "a b c d f"),
    "no tags": ("x < y and z > 1 <anna@example.org> <3 <name> List<Integer> a<b, c>d <b and c>",
                "x y and z 1 anna example org 3 name list integer a b c d b and c"),
    "entities": ("AT&amp;T it&#39;s caf&eacute; &lt;br&gt;a&nbsp;b &amp;quot;c it&amp;#x27;s",
                 "at t it's café a b c it's"),
    "no entities": ("rock&roll food&regular ?a=1&copy=2 &regular; &#;",
                    "rock roll food regular a 1 copy 2 regular"),
    "backslashes": (r"good.\nFood\n\nBye\ttab\r\n C:\new", "good food bye tab c ew"),
    "ASCII": (string.printable, f"{string.digits}{string.ascii_lowercase}{string.ascii_lowercase}"),
    "symbols": ("a_b #tag @you 50% €3 a→b a・b a·b ½", "a b tag you 50 3 a b a b a b 1 2"),
    "nothing": (" …—“” \u0301 \u200d\u200c \ufe0f ™ \ud800", ""),
}  # fmt: skip


@pytest.mark.parametrize("text, expected", EXAMPLES.values(), ids=EXAMPLES)
def test_examples(text, expected):
    assert tokenise(text) == expected.split(" ") * bool(expected)


# Texts of any characters, and of those that the rule treats in a way of its own.
SPECIAL = [
    *"aI1i ß'’´`<>&;=/\"\\n-_.,\n\ré",
    *"\u0130\u0307\u0338\u0301\u0327\u200c\u200d\u200b\xad",
]
SPECIAL += [
    *"ŉ™½¹ﬁ北京日ガกำ้ी्हا한",
    *"🇩🇪👍🏽👨\ufe0f\u20e3",
    "<br>",
    "<a b=",
    "&amp;",
    "&lt;",
    "&#39;",
]
TEXTS = strategies.text() | strategies.lists(strategies.sampled_from(SPECIAL)).map("".join)


@hypothesis.settings(max_examples=1000)
@hypothesis.given(TEXTS)
def test_words_stay_the_same_when_they_are_split_again(text):
    found = tokenise(text)
    assert tokenise(" ".join(found)) == tokenise("\n".join(found)) == found
    for word in found:
        assert word and word == word.lower() and not any(map(str.isspace, word))
        assert word.encode() and word[0] != "'" != word[-1]


@hypothesis.settings(max_examples=1000)
@hypothesis.given(TEXTS)
def test_composed_and_decomposed_letters_make_the_same_words(text):
    for form in "NFC", "NFD":
        assert tokenise(unicodedata.normalize(form, text)) == tokenise(text)


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


@hypothesis.given(
    strategies.lists(strategies.from_regex("[a-z]{1,9}('[a-z]{1,3})?", fullmatch=True))
)
def test_plain_english_is_split_as_by_the_rule_of_keras(english):
    text = ", ".join(english) + ". (So!)"
    assert tokenise(text) == words.tokenise_keras(text)


HOSTILE = [
    "<",
    "<a",
    "<a b=c",
    "<a b='\"",
    " a=a",
    "<!--",
    "&",
    "&amp;",
    "amp;",
    "&#769;&#807;",
    "\\",
]
HOSTILE += [
    "a'",
    "a\u200d",
    "\u0301\u0327",
    "👨\u200d",
    "🇩",
    "日",
    "日 ",
    "ก้",
    "ﷺ",
    "i\u0307",
    " ",
    "_",
]


@pytest.mark.parametrize("part", HOSTILE)
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
    digests = [
        hashlib.sha256(data).hexdigest()[:16]
        for data in (arrays, vectors.VECTORS.encode() + arrays)
    ]
    assert (about["words"], digests) == ("keras", ["595d6f5087ebcf73", about["fingerprint"]])


def test_the_miniatures_have_no_words_with_marks_of_typography():
    folder = ROOT.parent / "shared" / "field_cases"
    if not folder.is_dir():
        pytest.skip("the miniatures (../shared/field_cases) are missing")
    curly = tokenise((folder / "curly_apostrophe.csv").read_text(encoding="utf-8"))
    assert {"wouldn't", "again"} <= set(curly) and "".join(curly).replace("'", "").isalnum()
    lines = tokenise((folder / "literal_backslash_n.csv").read_text(encoding="utf-8"))
    assert {"food", "bye"} <= set(lines) and "nfood" not in lines
