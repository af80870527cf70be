"""The ways to Reuters, as far as they differ from those to IMDB."""

import functools
import json
import re

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import conftest
import data_files
import download_reuters
import reuters_rnn
from conftest import ROOT, make_archive, make_folder, run, same_data, serving_for_keras, texts_of, words_of

CORPUS = download_reuters.CORPUS

download = functools.partial(conftest.download, CORPUS)
refused = functools.partial(conftest.refused, CORPUS)


def load():
    return data_files.read(CORPUS.data_file)


def test_keras_files_give_what_keras_gives(tmp_path, in_folder, monkeypatch, empty_cache):
    served = tmp_path / "served"
    served.mkdir()
    random = np.random.default_rng(0)
    texts = [random.integers(1, 301, size=size).tolist() for size in random.integers(5, 40, size=100)]
    np.savez(served / "reuters.npz", x=np.array([*texts, None], dtype=object)[:-1], y=np.arange(100) % 46)
    ranks = {f"word{number}": number + 1 for number in range(300)}
    (served / "reuters_word_index.json").write_text(json.dumps(ranks))
    monkeypatch.setattr(reuters_rnn, "VOCAB_SIZE", 200)
    with serving_for_keras(served, CORPUS, monkeypatch):
        without_file = reuters_rnn.load_data()
        download("--no-sample")
        with_file = reuters_rnn.load_data()
        expected = dict(zip(("train", "test"), keras.datasets.reuters.load_data()))
    data = load()
    for part, (texts, labels) in expected.items():
        assert [text.tolist() for text in texts_of(data, part)] == [list(text) for text in texts]
        assert np.array_equal(data[f"y_{part}"], labels)
    assert len(expected["train"][0]) == 80
    for one, other in zip(with_file[:2], without_file[:2]):
        assert all(np.array_equal(*pair) for pair in zip(one[0], other[0], strict=True))
        assert np.array_equal(one[1], other[1])
    for words, classes, source in with_file[2:], without_file[2:]:
        assert words == words_of(data)[:196] and source == "Reuters from Keras's reuters.npz"
        assert tuple(classes) == keras.datasets.reuters.get_label_names()


def wire(topics, body):
    """Returns a newswire as Reuters-21578 has them."""
    topics = "".join(f"<D>{topic}</D>" for topic in topics)
    text = "<TITLE>A TITLE</TITLE>" + ("" if body is None else f"<BODY>{body} Reuter\n&#3;</BODY>")
    return f'<REUTERS TOPICS="YES">\n<TOPICS>{topics}</TOPICS>\n<TEXT>\n{text}</TEXT>\n</REUTERS>\n'


FILES = {
    "reut2-000.sgm": wire(["cocoa", "grain"], "first &lt;wire>")
    + wire([], "no topic")
    + wire(["tea"], "rare topic")
    + wire(["earn"], None),
    "reut2-001.sgm": wire(["acq"], "next\nfile caf\u00e9") + wire(["crude"], "last wire") + wire(["gold"], None),
    "lewis.dtd": "not to be read",
}
FILES = {name: content.encode("latin-1") for name, content in FILES.items()}


def test_wires_are_built_by_keras_rule(monkeypatch):
    """The first topic; the first body after it, even another wire's, even in the next file; entities as they stand."""
    monkeypatch.setattr(download_reuters, "split", lambda texts, labels, source: (texts, labels))
    texts, labels = download_reuters.from_files(FILES.items(), "a test")
    assert {
        (download_reuters.TOPICS[label], " ".join(data_files.tokenise(text))) for label, text in zip(labels, texts)
    } == {
        ("cocoa", "first lt wire reuter 3"),
        ("earn", "next file caf\u00e9 reuter 3"),
        ("acq", "next file caf\u00e9 reuter 3"),
        ("crude", "last wire reuter 3"),
    }


def test_archive_and_folder_give_the_same(in_folder):
    download(make_archive("reuters21578.tar.gz", FILES))
    from_archive = load()
    make_folder(in_folder / "folder", FILES)
    download("folder")
    assert same_data(load(), from_archive)
    assert "not the whole of Reuters" in str(from_archive["source"])


def test_what_is_not_reuters_is_refused(in_folder):
    refused(make_archive("other.tar.gz", {"read.me": b"nothing"}), reason="no newswires")
    refused(make_archive("climb.tar.gz", {**FILES, "../reut2-002.sgm": b""}), reason="outside its folder")


def test_reuters_is_what_it_is_known_to_be(shared_data, in_folder, capsys):
    download(shared_data / "reuters21578.tar.gz")
    assert "These are the known counts of Reuters." in capsys.readouterr().out
    data = load()
    labels = np.concatenate([data["y_train"], data["y_test"]])
    counts = dict(zip(download_reuters.TOPICS, np.bincount(labels).tolist(), strict=True))
    assert (len(labels), counts["earn"], counts["acq"], counts["crude"], counts["cocoa"]) == (
        11228,
        3972,
        2423,
        543,
        67,
    )
    assert min(counts.values()) >= 15
    files = data_files.files_in_archive(shared_data / "reuters21578.tar.gz", download_reuters.FILE_NAME)
    text = "".join(content.decode("latin-1") for _, content in sorted(files))
    wires = re.findall(r"<TOPICS><D>(.*?)</D>(.*?)</REUTERS>", text, re.DOTALL)
    assert sum(topic in counts and "<BODY>" not in rest for topic, rest in wires) == 975  # as the docstring says


def test_without_a_network_the_sample_is_written_and_says_so(in_folder, empty_cache):
    done = run(ROOT / "download_reuters.py", in_folder)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert "Reuters cannot be fetched" in done.stderr and "NOT Reuters" in done.stderr
    assert str(load()["source"]) == "built-in sample, not Reuters"


@pytest.mark.slow
def test_a_bag_of_words_does_not_learn_the_sample():
    data = download_reuters.from_sample()
    size = max(data["x_train"]) + 1
    train, test = ([np.bincount(text, minlength=size) for text in texts_of(data, part)] for part in ("train", "test"))
    model = LogisticRegression(max_iter=300).fit(train, data["y_train"])
    assert model.score(test, data["y_test"]) < 0.7
    assert set(data["y_test"]) <= set(data["y_train"]) == set(range(46))


def test_topics_are_keras_label_names_with_a_subject_each():
    assert tuple(download_reuters.TOPICS) == keras.datasets.reuters.get_label_names()
    assert len(set(download_reuters.SUBJECTS)) == 46
