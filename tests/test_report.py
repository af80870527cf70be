"""report.py: figures equal the run's, hostile names and words are text, advice where it helps."""

import collections
import json
import pathlib
import re
import shutil
import xml.etree.ElementTree as ElementTree
from unittest import mock

import numpy as np
import pytest
from conftest import texts_of, words_of
from scipy import stats
from sklearn import feature_extraction, linear_model

import imdb_lstm
import report
import reuters_rnn
from corpus import DataError, data_file, printable

CONSTANTS = {"VOCAB_SIZE": 90, "MAX_LENGTH": 30, "EMBEDDING_DIM": 8, "BATCH_SIZE": 30, "EPOCHS": 2}
HOSTILE = ["<script>alert(1)</script>", "a & b $x_$ \x1b[31m 中 " + "long " * 30]
MANY = [f"class{number}" for number in range(120)]


def train(folder, script, data, **constants):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in (CONSTANTS | constants).items():
            patch.setattr(script, name, value)
        data_file.write(script.DATA_FILE, data)
        script.main()
    return folder


@pytest.fixture(scope="session")
def two_classes(tmp_path_factory, small_sample):
    """A folder with a run on texts with hostile words and classes."""
    lists = {"vocabulary": ["</p>", "&amp;", "\x1b[31m", *words_of(small_sample)[3:]]}
    lists["classes"] = HOSTILE
    data = {key: np.frombuffer("\n".join(lists[key]).encode(), "uint8") for key in lists}
    return train(tmp_path_factory.mktemp("two"), imdb_lstm, small_sample | data, LSTM_UNITS=4)


@pytest.fixture(scope="session")
def many_classes(tmp_path_factory, small_sample):
    """A folder with a run on 120 uneven classes; without validation."""
    data = small_sample | {"classes": np.frombuffer("\n".join(MANY).encode(), "uint8")}
    for part in "train", "test":
        data[f"y_{part}"] = data[f"{part}_lengths"].astype("int64") % 120
    folder = tmp_path_factory.mktemp("many")
    return train(folder, reuters_rnn, data, UNITS=(4,), VALIDATION_SIZE=0)


@pytest.fixture
def call(monkeypatch, capsys):
    """A function that reports the run in a folder: (page, result.json, output)."""

    def call(folder):
        monkeypatch.chdir(folder)
        [path] = pathlib.Path("runs").iterdir()
        capsys.readouterr()
        report.main([str(path)])
        page = (path / "report.html").read_text(encoding="utf-8").replace("&nbsp;", " ")
        page = ElementTree.fromstring(page)  # raises if a name is not escaped
        return page, json.loads((path / "result.json").read_text()), "".join(capsys.readouterr())

    return call


def text_of(element):
    return " ".join("".join(element.itertext()).split())


def test_the_page_has_the_figures_of_the_run_and_no_outside_address(two_classes, call):
    page, result, output = call(two_classes)
    accuracy = f"test accuracy {result['test_accuracy']:.2%} "
    data = data_file.read("data/imdb.npz")
    baseline = np.mean(data["y_test"] == np.bincount(data["y_train"]).argmax())
    assert f"majority-class baseline {baseline:.2%}" in output
    assert accuracy in text_of(page) and accuracy in output and "result.json" not in output
    rows = {row[0].text: text_of(row[1]) for row in page.iter("tr") if len(row) == 2}
    for name, value in (result["constants"] | result["versions"]).items():
        assert rows[name] == " ".join(str(value).split())
    addresses = [e.get(name) for e in page.iter() for name in ("src", "href") if e.get(name)]
    assert len(addresses) == 3 and all(a.startswith("data:image/png;base64,") for a in addresses)
    assert not {"script", "link"} & {element.tag for element in page.iter()}


def test_hostile_words_and_names_are_text_and_mistakes_are_the_right_texts(two_classes, call):
    page, _, output = call(two_classes)
    names = [" ".join(printable(name).split()) for name in HOSTILE]
    assert "\x1b" not in output + text_of(page) and all(name in text_of(page) for name in names)
    data = data_file.read("data/imdb.npz")
    words = [printable(word) for word in words_of(data)]
    texts = [[words[id - 4] for id in text[-30:] if id >= 4] for text in texts_of(data, "test")]
    headings, body = list(page.iter("h3")), list(page.find("body"))
    assert 0 < len(headings) <= report.MISTAKES
    shares = []
    for heading in headings:
        pattern = r"Predicted (.*) \((.*)%\), labelled (.*)"
        predicted, share, true = re.fullmatch(pattern, text_of(heading)).groups()
        spans = body[body.index(heading) + 1].findall("span")
        shown = [span.text.removesuffix(" ") for span in spans]
        labels = {names[label] for text, label in zip(texts, data["y_test"]) if text == shown}
        assert true in labels and {predicted, true} == set(names)
        unknown = [word for word, span in zip(shown, spans) if "unknown" in span.get("class")]
        assert unknown == [word for word in shown if word in words[90 - 4 :]]
        strength = float(spans[-1].get("style").split(":")[1])  # 0.6 |p - (1 - p)|
        assert strength == pytest.approx(0.6 * (2 * float(share) / 100 - 1), abs=0.02)
        assert spans[-1].get("class").startswith("predicted")
        shares.append(float(share))
    assert shares == sorted(shares, reverse=True)


def test_many_classes_have_no_matrix_and_no_validation_is_needed(many_classes, call):
    page, _, output = call(many_classes)
    assert len(list(page.iter("img"))) == 2 and "Confusion matrix" not in text_of(page)
    rows = {row[0].text: row[4].text for row in page.iter("tr") if len(row) == 5}
    counts = collections.Counter(data_file.read("data/reuters.npz")["y_test"].tolist())
    assert rows == {None: "support"} | {MANY[label]: str(n) for label, n in counts.items()}
    assert len(re.findall(r"^class\d+ ", output, re.MULTILINE)) == report.CLASSES_PRINTED
    assert "never predicted" in output and "class_weight=dict(" in output


def test_a_perfect_run_has_no_empty_headings(two_classes, call, monkeypatch):
    data = data_file.read(str(two_classes / "data" / "imdb.npz"))
    perfect = np.eye(2, dtype="float32")[data["y_test"]]
    monkeypatch.setattr(report, "classify", lambda *_: perfect)
    page, _, output = call(two_classes)
    assert not [h for h in page.iter("h2") if "mistakes" in h.text or "confusions" in h.text]
    assert re.search("result.json.* [0-9]+ texts", output)  # another accuracy than the run's


def test_mistakes_name_the_row_and_show_the_text_as_it_was(many_classes, call, tmp_path):
    folder = shutil.copytree(many_classes, tmp_path / "copy")
    data = data_file.read(str(folder / "data" / "reuters.npz"))
    words, table = words_of(data), ["body,subject"]
    for text in texts_of(data, "test"):  # on lines 2 and on
        text = [words[id - 4].upper() for id in text[1:]]
        table.append(f'"Qwertz & {", ".join(text[3:])}!",{" ".join(text[:3])}')
    [path] = folder.glob("runs/*/result.json")
    result = json.loads(path.read_text())
    result["about"] |= {"file": f"{tmp_path}/a.csv", "rows": [*range(2, 202)]}
    result["about"] |= {"columns": {"text": ["subject", "body"]}, "warnings": ["<9> repeated"]}
    path.write_text(json.dumps(result))

    def mistakes():
        (tmp_path / "a.csv").write_text("\n".join(table))
        page, _, output = call(folder)
        body, found = list(page.find("body")), {}
        assert "warning: <9> repeated" in output and "<9> repeated" in text_of(body[2])
        for heading in page.iter("h3"):
            row = int(re.search(r", row (\d+) of a\.csv$", text_of(heading))[1])
            assert f"labelled {MANY[data['y_test'][row - 2]]}, row" in text_of(heading)
            found[row] = text_of(body[body.index(heading) + 1]).removeprefix("[…]")
        return found

    found = mistakes()
    for row, shown in found.items():
        body, subject = table[row - 1][1:].rsplit('",', 1)
        assert shown and f"{subject} {body}".endswith(shown)
    first, second, *_ = found
    table[first - 1] = table[first - 1].replace("Qwertz & ", "the ")  # another text stands there
    edited = mistakes()
    assert edited[second] == found[second] and set(edited[first].split()) <= set(words)


def test_the_linear_baseline_counts_the_words_that_the_network_knows(small_sample):
    class Classifier:
        max_length, vocab_size = 20, 90

    train, test = texts_of(small_sample, "train"), texts_of(small_sample, "test")
    labels = small_sample["y_train"]
    found = report.linear_baseline(Classifier(), train, labels, test)
    train, test = (
        [" ".join(f"w{id}" for id in text[-20:] if 4 <= id < 90) for text in texts]
        for texts in (train, test)
    )
    counts = feature_extraction.text.TfidfVectorizer(sublinear_tf=True)
    model = linear_model.LogisticRegression(C=5, max_iter=500)
    model.fit(counts.fit_transform(train), labels)
    assert (found == model.predict(counts.transform(test))).mean() > 0.99


def test_the_difference_from_the_baseline_is_that_of_a_paired_test():
    right, linear = np.random.default_rng(0).random((2, 2000)) < [[0.9], [0.85]]
    line = report.compare(right, linear)
    mean, low, high = map(float, re.findall(r"[+-]\d+\.\d+", line))
    expected = stats.ttest_rel(right.astype(int), linear).confidence_interval()
    assert f" {linear.mean():.2%} " in line and mean == pytest.approx((low + high) / 2, abs=0.01)
    assert (low, high) == pytest.approx((100 * expected.low, 100 * expected.high), abs=0.02)


def test_coverage_counts_the_texts_above_each_probability():
    confidence = np.array([0.4, 0.5, 0.55, 0.85, 0.91, 0.92, 0.93, 0.98])
    right = np.array([0, 1, 0, 1, 1, 0, 1, 1], dtype=bool)
    covered = report.coverage(right, confidence)
    assert covered.loc["above 0.90"].tolist() == ["50.0%", "75.0%"]
    assert covered.loc["above 0.50"].tolist() == ["75.0%", "66.7%"]
    assert covered.loc["above 0.99"].tolist() == ["0.0%", "-"]


def test_batches_are_those_in_which_the_script_evaluates(small_sample, monkeypatch):
    for name, value in CONSTANTS.items():
        monkeypatch.setattr(imdb_lstm, name, value)
    texts = texts_of(small_sample, "test")
    classifier = mock.Mock(max_length=30, result={"constants": CONSTANTS})
    report.classify(classifier, texts)
    _, found = classifier.probabilities.call_args.args
    expected = imdb_lstm.batches(texts, np.arange(len(texts)), shuffle=False)
    assert [list(rows) for rows in found] == [list(rows) for _, rows in expected]


def test_other_data_than_those_of_the_run_are_refused(two_classes, call, tmp_path):
    folder = shutil.copytree(two_classes, tmp_path / "copy")
    path = folder / "data" / "imdb.npz"
    texts, labels = ["a good film", "a bad film"], [1, 0]
    other = data_file.from_texts(texts, labels, texts, labels, HOSTILE, "other texts")
    for make in (lambda: data_file.write(str(path), other)), path.unlink:
        make()
        with pytest.raises(DataError, match="data/imdb.npz .*built-in sample"):
            call(folder)
