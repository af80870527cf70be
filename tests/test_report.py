"""report.py: figures equal the run's and scikit-learn's, a well-formed page, hostile names."""

import base64
import io
import json
import pathlib
import re
import shutil
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas
import pytest
from conftest import texts_of
from matplotlib import pyplot as plt
from sklearn import utils

import imdb_lstm
import prepare_texts
import report
import reuters_rnn
from corpus import DataError, cli, data_file
from download_reuters import TOPICS

CONSTANTS = {"VOCAB_SIZE": 90, "MAX_LENGTH": 30, "EMBEDDING_DIM": 8, "BATCH_SIZE": 30, "EPOCHS": 2}
HOSTILE = ["<script>alert(1)</script>", "a & b $x_$ \x0b 中 " + "long " * 30]


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
    words = bytes(small_sample["vocabulary"]).decode().split("\n")
    words[:3] = "</p>", "&amp;", "\x01"
    arrays = {"vocabulary": words, "classes": HOSTILE}
    arrays = {k: np.frombuffer("\n".join(v).encode(), "uint8") for k, v in arrays.items()}
    folder = tmp_path_factory.mktemp("two")
    return train(folder, imdb_lstm, small_sample | arrays, LSTM_UNITS=4)


@pytest.fixture(scope="session")
def many_classes(tmp_path_factory, small_sample):
    """A folder with a run on 46 uneven classes; without validation."""
    data = dict(small_sample, classes=np.frombuffer("\n".join(TOPICS).encode(), "uint8"))
    for part in "train", "test":
        lengths = data[f"{part}_lengths"]
        data[f"y_{part}"] = np.where(lengths < 30, 3, lengths % 46).astype("int64")
    folder = tmp_path_factory.mktemp("many")
    return train(folder, reuters_rnn, data, UNITS=(4,), VALIDATION_SIZE=0)


@pytest.fixture
def call(monkeypatch, capsys):
    """A function that reports the run in a folder: (its folder, result.json, output)."""

    def call(folder):
        monkeypatch.chdir(folder)
        [run] = pathlib.Path("runs").iterdir()
        capsys.readouterr()
        report.main([str(run)])
        return run, json.loads((run / "result.json").read_text()), capsys.readouterr()

    return call


def parse(run):
    """Returns the page of a run as an XML tree, which refuses what is not well-formed."""
    return ElementTree.fromstring((run / "report.html").read_text(encoding="utf-8"))


def text_of(element):
    return " ".join("".join(element.itertext()).split())


def test_the_page_has_the_figures_of_result_json_and_no_outside_address(two_classes, call):
    run, result, output = call(two_classes)
    assert "in result.json but" not in output.err  # the accuracy is the same
    page = parse(run)
    text = text_of(page)
    for figure in f"{result['test_accuracy']:.2%}", f"{result['test_loss']:.4f}":
        assert figure in text and (figure in output.out or "%" not in figure)
    for name, value in (result["constants"] | result["versions"]).items():
        [row] = [row for row in page.iter("tr") if row[0].text == name]
        assert text_of(row[1]) == " ".join(str(value).split())
    [row] = [row for row in page.iter("tr") if row[0].text == "restored epoch"]
    assert row[1].text == str(result["best_epoch"])
    addresses = [
        e.get(name) for e in page.iter() for name in ("src", "srcset", "href") if e.get(name)
    ]
    assert len(addresses) == 6 and all(a.startswith("data:image/png;base64,") for a in addresses)
    assert not list(page.iter("script")) and not list(page.iter("link"))
    assert "@import" not in text and "url(" not in text
    for name in "curves", "confusion", "reliability":
        height, width, _ = plt.imread(run / f"{name}.png").shape
        assert min(height, width) > 200


def test_hostile_words_and_names_are_text_and_mistakes_are_the_right_texts(two_classes, call):
    run, result, output = call(two_classes)
    page = parse(run)
    assert HOSTILE[0] in text_of(page) and "a & b $x_$ \ufffd 中" in text_of(page)
    data = data_file.read(str(two_classes / "data" / "imdb.npz"))
    words = bytes(data["vocabulary"]).decode().split("\n")
    texts = [[words[id - 4].replace("\x01", "\ufffd") for id in text[-30:] if id >= 4]
             for text in texts_of(data, "test")]  # fmt: skip
    headings = [h for h in page.iter("h3") if h.text.startswith("Predicted ")]
    assert 0 < len(headings) <= report.MISTAKES
    body = list(page.find("body"))
    confidence = []
    for heading in headings:
        spans = body[body.index(heading) + 1].findall("span")
        shown = [span.text.removesuffix(" ") for span in spans]
        rows = [row for row, text in enumerate(texts) if text == shown]
        predicted, _, true = text_of(heading).rpartition("), labelled ")
        names = [" ".join(name.replace("\x0b", "\ufffd").split()) for name in HOSTILE]
        assert any(names[data["y_test"][row]] == true for row in rows)
        name, _, share = predicted.removeprefix("Predicted ").rpartition(" (")
        assert name in names and name != true
        confidence.append(float(share[:-1]))
        unknown = [word for word, span in zip(shown, spans) if "unknown" in span.get("class")]
        assert unknown == [word for word in shown if word in words[90 - 4 :]]
        shares = [int(n) for n in re.findall(r"(\d+)%(?=,|$)", spans[-1].get("title"))]
        assert shares == pytest.approx([confidence[-1], 100 - confidence[-1]], abs=0.7)
        kinds = [span.get("class").split()[0] for span in spans]
        turns = ["turn" in span.get("class") for span in spans]
        assert turns == [False, *(one != two for one, two in zip(kinds, kinds[1:]))]
        wrong = kinds[-1] == "predicted"
        strength = float(spans[-1].get("style").split(":")[1])  # |p - (1 - p)|
        assert wrong and strength == pytest.approx(2 * confidence[-1] / 100 - 1, abs=0.03)
    assert confidence == sorted(confidence, reverse=True) and confidence[-1] >= 50


def test_many_classes_and_no_validation(many_classes, call):
    run, result, output = call(many_classes)
    assert "the 10 classes with the lowest F1, of 46" in output.out
    assert "Never predicted: " in output.out and "class_weight=dict(" in output.out
    page = parse(run)
    data = data_file.read(str(many_classes / "data" / "reuters.npz"))
    counts = np.bincount(data["y_test"], minlength=46)
    rows = {
        row[0].text: [cell.text for cell in row[1:]] for row in page.iter("tr") if len(row) == 5
    }
    for topic, count in zip(TOPICS, counts):
        assert rows[topic][3] == str(count)
    values = {name: float(row[2]) for name, row in rows.items() if name in TOPICS and row[3] != "0"}
    worst = [line.split()[-2] for line in output.out.splitlines() if line.split("  ")[0] in TOPICS]
    assert list(map(float, worst)) == sorted(values.values())[:10]
    assert f"{result['test_accuracy']:.2%}" in output.out and "in result.json but" not in output.err


def test_figures_are_those_of_their_definitions():
    random = np.random.default_rng(0)
    labels, y_train = random.integers(0, 3, 200), random.integers(0, 3, 500)
    probabilities = random.dirichlet([1, 1, 1], 200) + 0.4 * np.eye(3)[labels]
    probabilities[:, 2] = 0  # never predicted
    figures = report.measure(labels, probabilities, y_train, ["a", "b", "c"])
    predicted = probabilities.argmax(axis=1)
    f1 = []
    for number, name in enumerate("abc"):
        both = ((predicted == number) & (labels == number)).sum()
        precision = both / max(1, (predicted == number).sum())
        recall = both / (labels == number).sum()
        f1.append(2 * precision * recall / (precision + recall or 1))
        row = figures["per_class"].loc[name]
        assert [row["precision"], row["recall"], row["f1-score"]] == pytest.approx(
            [precision, recall, f1[-1]]
        )
        assert figures["matrix"][number].sum() == row["support"] == (labels == number).sum()
    assert figures["macro_f1"] == pytest.approx(np.mean(f1))
    p, n, z = figures["accuracy"], 200, 1.959964  # Wilson 1927
    centre, half = p + z**2 / 2 / n, z * np.sqrt(p * (1 - p) / n + z**2 / 4 / n**2)
    limits = (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)
    assert (figures["low"], figures["high"]) == pytest.approx(limits, abs=1e-6)
    y_train[:] = 0  # the baseline is the class of train, not that of test
    baseline = report.measure(labels, probabilities, y_train, ["a", "b", "c"])["baseline"]
    assert baseline == np.mean(labels == 0) < np.bincount(labels).max() / 200


def test_pictures_show_what_they_say(tmp_path):
    names = "epoch,accuracy,loss,val_accuracy,val_loss"
    text = f"{names}\n0,0.1,0.2,0.3,0.4\n1,0.5,0.6,0.7,0.8\n"
    figure = report.draw_curves(pandas.read_csv(io.StringIO(text)), {"best_epoch": 2})
    for axes, train, validation in zip(
        figure.axes, ([0.2, 0.6], [0.1, 0.5]), ([0.4, 0.8], [0.3, 0.7])
    ):
        drawn = {line.get_label(): line for line in axes.lines}
        assert list(drawn["train"].get_xdata()) == [1, 2]
        assert list(drawn["train"].get_ydata()) == train
        assert list(drawn["validation"].get_ydata()) == validation
        assert set(drawn["restored epoch"].get_xdata()) == {2}

    axes = report.draw_confusion(np.array([[6, 2], [0, 9]]), ["a", "b"]).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert axes.images[0].get_array().tolist() == [[0.75, 0.25], [0, 1]]
    numbers = {text.get_position(): text.get_text() for text in axes.texts}  # x, y
    assert numbers == {(0, 0): "6", (1, 0): "2", (0, 1): "0", (1, 1): "9"}

    confidence = np.repeat([0.65, 0.95], 10)
    right = np.arange(20) % 10 < np.repeat([4, 9], 10)
    line = report.draw_reliability(confidence, right, 2).axes[0].lines[1]
    assert line.get_xdata() == pytest.approx([0.65, 0.95])
    assert line.get_ydata() == pytest.approx([0.4, 0.9])
    plt.close("all")


def test_the_png_is_the_light_picture_and_dark_stands_for_dark(tmp_path):
    text = report.picture_html(tmp_path / "a.png", "a", lambda: plt.figure(figsize=(1, 1)))
    dark, light = (base64.b64decode(part) for part in re.findall(r'base64,([^"]*)"', text))
    assert light == (tmp_path / "a.png").read_bytes() and "(prefers-color-scheme: dark)" in text
    assert plt.imread(io.BytesIO(light)).mean() > 0.9
    assert plt.imread(io.BytesIO(dark))[..., :3].mean() < 0.2


def test_batches_are_those_in_which_the_script_evaluates(small_sample, monkeypatch):
    constants = {"MAX_LENGTH": 100, "BATCH_SIZE": 30}
    for name, value in constants.items():
        monkeypatch.setattr(imdb_lstm, name, value)
    texts = texts_of(small_sample, "test")
    numbers = {id(text): number for number, text in enumerate(texts)}
    found = []

    class Classifier:
        classes, result = ["a", "b"], {"constants": constants}

        def batch(self, texts):
            found.append(sorted(numbers[id(text)] for text in texts))
            return np.zeros((len(texts), 2))

    report.classify(Classifier(), texts)
    expected = imdb_lstm.batches(texts, np.arange(len(texts)), shuffle=False)
    assert sorted(found) == sorted(sorted(rows.numpy()) for _, rows in expected)


def advice_for(y_train, labels, predicted, **constants):
    probabilities = np.eye(2)[predicted] * 0.8 + 0.1
    figures = report.measure(labels, probabilities, y_train, ["fine", "complaint"])
    constants = {"VALIDATION_SIZE": 0.1, "BATCH_SIZE": 128} | constants
    return "\n".join(report.advise(figures, y_train, ["fine", "complaint"], constants))


def test_advice_is_given_where_it_helps_and_only_there():
    uneven, even = np.repeat([0, 1], [9500, 500]), np.repeat([0, 1], [5000, 5000])
    nothing = np.zeros(10_000, "int64")
    said = advice_for(uneven, uneven, nothing)
    assert "Never predicted: complaint (500 of 10,000 test texts)." in said
    assert "95.00% is not significantly above the majority-class baseline" in said
    balanced = utils.class_weight.compute_class_weight(
        "balanced", classes=np.array([0, 1]), y=uneven
    )
    assert f"class_weight={{0: {balanced[0]:.3g}, 1: {balanced[1]:.3g}}}" in said
    assert "BATCH_SIZE" not in said and "VALIDATION_SIZE" not in said
    said = advice_for(even[::20], even[::20], nothing[::20])
    assert "4 steps per epoch are too few" in said and "class_weight" not in said
    assert "Set BATCH_SIZE = 16, EPOCHS = 20 and VALIDATION_SIZE = 0" in said and 500 / 16 > 20
    followed = {"BATCH_SIZE": 16, "VALIDATION_SIZE": 0}
    assert "Set " not in advice_for(even[::20], even[::20], nothing[::20], **followed)
    assert advice_for(uneven, uneven, uneven) == advice_for(even, even, even) == ""
    rarer = np.repeat([0, 1], [9950, 50])
    many = advice_for(rarer, rarer, np.zeros(10_000, "int64"), BATCH_SIZE=32)
    assert "class_weight" in many and "EPOCHS" not in many  # they would overfit
    assert "Never" not in advice_for(uneven, np.zeros(500, "int64"), np.zeros(500, "int64"))


def test_texts_of_keras_are_read_where_the_run_had_no_data_file(monkeypatch):
    parts = (("x_train", "y_train"), ("x_test", "y_test"))
    monkeypatch.setattr("keras.datasets.imdb.load_data", lambda: parts)
    monkeypatch.setattr("keras.datasets.imdb.get_word_index", lambda: {"film": 2, "the": 1})
    about = {"source": "keras.datasets.imdb"}
    result = {"about": about, "constants": {"DATA_FILE": "data/imdb.npz"}}
    assert report.read_data(result) == ("y_train", "x_test", "y_test", ["the", "film"])


@pytest.mark.parametrize("counts", [(9500, 500), (3800, 60), (570, 30), (50, 50)])
def test_prepare_texts_and_report_give_the_same_advice(counts):
    labels = np.repeat([0, 1], counts)
    before = prepare_texts.advise(labels, ["fine", "complaint"], 0)
    before = [line for line in before if not line.startswith("imbalanced classes")]
    after = advice_for(labels, labels, np.zeros_like(labels)).split("\n")[2:]
    assert after == before != []


def test_other_data_than_those_of_the_run_are_refused(two_classes, call, tmp_path, small_sample):
    folder = shutil.copytree(two_classes, tmp_path / "copy")
    data_file.write(str(folder / "data" / "imdb.npz"), small_sample)
    about = json.loads(str(small_sample["about"])) | {"vectors": "made otherwise"}
    other = small_sample | {"about": np.array(json.dumps(about))}
    data_file.write(str(folder / "data" / "imdb.npz"), other)
    with pytest.raises(DataError, match="has other data now .*make that data file again"):
        call(folder)
    (folder / "data" / "imdb.npz").unlink()
    with pytest.raises(DataError, match="there is no data/imdb.npz; the run was trained on"):
        call(folder)
    assert not list(folder.glob("runs/*/report.html")) or two_classes.exists()


def test_another_accuracy_than_that_of_the_run_is_said(two_classes, call, tmp_path):
    folder = shutil.copytree(two_classes, tmp_path / "copy")
    [path] = folder.glob("runs/*/result.json")
    result = json.loads(path.read_text())
    path.write_text(json.dumps(result | {"test_accuracy": 0.123}))
    _, _, output = call(folder)
    assert "Test accuracy is 12.30% in result.json but" in output.err


def test_the_name_of_the_program_is_in_its_errors(in_folder, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["report.py", "imdb_lstm"])
    with pytest.raises(SystemExit, match="^report.py: there is no run imdb_lstm"):
        cli.start(report.main)
