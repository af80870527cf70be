"""download_imdb.py and download_reuters.py: each source, their order, and what can go wrong."""

import hashlib
import os
import pathlib
import re
import shutil
import tarfile

import keras
import numpy as np
import pytest
from conftest import ROOT, make_archive, make_folder, make_keras_files, run, texts_of, words_of

import download_imdb
import download_reuters
from corpus import DataError, archives, data_file, download, samples, vectors

PROGRAMS = {"imdb": download_imdb, "reuters": download_reuters}
STANFORD, KERAS = "aclImdb_v1.tar.gz", ["imdb.npz", "imdb_word_index.json"]


def load(name, *arguments):
    """Runs a download program and returns the data file that it leaves."""
    PROGRAMS[name].main([str(argument) for argument in arguments])
    return data_file.read(f"data/{name}.npz")


def files():
    return {path: path.read_bytes() for path in pathlib.Path().rglob("*") if path.is_file()}


def refused(name, *arguments):
    """Asserts that a download is refused and leaves all files; returns the message."""
    before = files()
    with pytest.raises(DataError) as error:
        load(name, *arguments)
    assert files() == before
    return str(error.value)


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in (*data_file.ARRAYS, "vectors"))


def review_files():
    """Returns {name: bytes}, a small aclImdb: 400 and 40 reviews; each names its movie."""
    reviews = {f"train/unsup/{number}_0.txt": "a unlabelled pos neg of" for number in range(30)}
    for label in "pos", "neg":
        for number in range(200):
            reviews[f"train/{label}/{number}_9.txt"] = f"A {label} of movie{label}{number // 3}"
        urls = [f"http://www.imdb.com/title/tt{label}{number // 3}/" for number in range(200)]
        reviews[f"train/urls_{label}.txt"] = "\n".join(urls)
        for number in range(20):
            reviews[f"test/{label}/{number}_1.txt"] = f"a {label} unseen{number}"
    return {f"aclImdb/{name}": text.encode() for name, text in reviews.items()}


# --- The order of the sources ---


@pytest.fixture
def served(tmp_path, in_folder, empty_cache, sample, monkeypatch):
    """A folder with small files in place of Stanford's and Keras's."""
    folder = tmp_path / "served"
    folder.mkdir()
    make_archive(folder / STANFORD, review_files())
    make_keras_files(folder)

    def digest(kind, name):
        return hashlib.new(kind, (folder / name).read_bytes()).hexdigest()

    for name, program in PROGRAMS.items():
        hashes = digest("sha256", f"{name}.npz"), digest("md5", f"{name}_word_index.json")
        monkeypatch.setattr(program, "KERAS_HASHES", hashes)
    monkeypatch.setattr(download, "KERAS_URL", f"{folder.as_uri()}/")
    monkeypatch.setattr(download_imdb, "STANFORD_HASH", digest("sha256", STANFORD))
    monkeypatch.setattr(download_imdb, "STANFORD_URL", f"{folder.as_uri()}/{STANFORD}")
    monkeypatch.setattr(samples, "imdb", lambda: sample)
    return folder


def test_imdb_is_stanfords_archive_else_keras_files_else_the_sample(served, empty_cache, capsys):
    def load_anew(*removed):
        for path in *removed, *pathlib.Path("data").glob("*"):
            os.remove(path)
        return str(load("imdb")["source"]), capsys.readouterr().err

    source, log = load_anew()
    assert f"{STANFORD}, 400 labelled and 30 unlabelled reviews, whole movies" in source
    assert "unknown" not in log and "Without" not in log
    assert load_anew(served / STANFORD)[0] == source  # from the cache
    source, log = load_anew(empty_cache / STANFORD)
    assert "Keras" in source and sorted(os.listdir(empty_cache)) == KERAS
    assert "movies are unknown" in log
    (empty_cache / "imdb.npz").write_bytes(b"put here by the user")
    source, log = load_anew()
    assert source == "built-in sample, not IMDB" and str(empty_cache / "imdb.npz") in log
    assert (empty_cache / "imdb.npz").read_bytes() == b"put here by the user"


def test_nothing_is_opened_or_kept_before_its_hash_is_checked(served, empty_cache, monkeypatch):
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("opened"))
    monkeypatch.setattr(tarfile, "open", lambda *_, **__: pytest.fail("opened"))
    names = STANFORD, "imdb.npz", "reuters.npz"
    for path in [*(served / name for name in names), pathlib.Path("mine.npz")]:
        path.write_bytes(b"something else")
    for arguments in ("imdb", "--no-sample"), ("reuters", "--no-sample"), ("imdb", "mine.npz"):
        refused(*arguments)
    assert os.listdir(empty_cache) == []


@pytest.mark.parametrize("corpus", ["IMDB", "Reuters"])
def test_without_a_network_the_sample_is_never_called_the_corpus_and_keras_not_imported(
    in_folder, empty_cache, corpus
):
    name = corpus.lower()
    process = run("-X", in_folder, "importtime", ROOT / f"download_{name}.py")
    assert process.returncode == 0 and "corpus.words" in process.stderr
    assert not re.search(r"\| +(keras|tensorflow)\b", process.stderr)
    lines = re.findall(rf".*\b{corpus}\b.*", process.stdout)
    assert lines == [f"data/{name}.npz: built-in sample, not {corpus}"]
    for way in "https_proxy", str(empty_cache), f"python download_{name}.py PATH":
        assert way in process.stderr and way in refused(name, "--no-sample")
    before = files()
    load(name)
    assert files() == before  # a second run


# --- PATH ---


@pytest.mark.parametrize("name", PROGRAMS)
def test_keras_files_give_what_keras_datasets_gives(served, keras_datasets, name):
    data = load(name, keras_datasets / f"{name}.npz")
    assert f" from Keras's {name}.npz" in str(data["source"]) and os.listdir(download.cache()) == []
    for part, (texts, labels) in zip(("train", "test"), getattr(keras.datasets, name).load_data()):
        assert [list(text) for text in texts_of(data, part)] == list(map(list, texts))
        assert np.array_equal(data[f"y_{part}"], labels)
    assert words_of(data) == [f"word{number}" for number in range(300)]
    assert tuple(download_reuters.TOPICS) == keras.datasets.reuters.get_label_names()
    shutil.move(keras_datasets / f"{name}.npz", "alone.npz")
    assert same(load(name, "alone.npz"), data)  # the word index is downloaded


def on_both_sides(movies, percent):
    cut = round(len(movies) * percent / 100)
    return set(movies[:cut]) & set(movies[cut:])


def test_path_takes_stanfords_archive_its_folder_and_the_folder_around_it(in_folder):
    reviews = review_files()
    data = load("imdb", make_archive("aclImdb.tar.gz", reviews))
    make_folder(in_folder / "around", dict(reversed(reviews.items())))
    for path in "around", "around/aclImdb":
        assert same(load("imdb", path), data)
    vocabulary, texts = words_of(data), {part: texts_of(data, part) for part in ("train", "test")}
    assert not {"unlabelled", "unseen1"} & set(vocabulary)
    assert len(texts["train"]) == 400 and len(texts["test"]) == 40
    for part in "train", "test":
        classes = [vocabulary[text[2] - 4] == "pos" for text in texts[part]]
        assert np.array_equal(data[f"y_{part}"], classes) and 0.3 < np.mean(classes[:40]) < 0.7
    assert not on_both_sides([text[4] for text in texts["train"]], 100 * data_file.VALIDATION_SIZE)
    labelled = {name: text for name, text in reviews.items() if "unsup" not in name}
    without = load("imdb", make_archive("labelled.tar.gz", labelled))
    assert all(np.array_equal(data[name], without[name]) for name in data_file.ARRAYS)
    assert not np.allclose(abs(data["vectors"]), abs(without["vectors"]), atol=0.01)
    about, other = data_file.about_of(data), data_file.about_of(without)
    assert "30 unlabelled texts (150 ids)" in about["vectors"]
    assert about["fingerprint"] != other["fingerprint"]


def test_reuters_is_ucis_archive_only_if_its_texts_are_the_known_ones(served, monkeypatch, capsys):
    wires = [f"<TOPICS><D>{('earn', 'acq')[n % 2]}</D><BODY>wire {n}</BODY>" for n in range(20)]
    sgm = {"reut2-000.sgm": "".join([*wires, "<BODY>no topic</BODY>"]).encode()}
    monkeypatch.setattr(download_reuters, "UCI_URL", (served / "reuters21578.tar.gz").as_uri())
    make_archive(served / "reuters21578.tar.gz", sgm)
    data = load("reuters", served / "reuters21578.tar.gz")
    os.remove("data/reuters.npz")
    assert "Keras" in str(load("reuters")["source"])
    assert "Reuters-21578 as this program knows it" in capsys.readouterr().err
    os.remove("data/reuters.npz")
    monkeypatch.setattr(download_reuters, "UCI_HASH", data_file.hash_of(data, ""))
    assert "16 labelled and 1 unlabelled newswires" in str(load("reuters")["source"])
    assert "1 unlabelled texts (1 ids)" in data_file.about_of(data)["vectors"]


def test_only_a_sample_or_an_incomplete_corpus_is_replaced(in_folder, monkeypatch):
    data = load("imdb", make_archive("part.tar.gz", review_files()))
    assert "incomplete" in data_file.about_of(data)["source"]
    monkeypatch.setattr(download_imdb, "is_complete", lambda data: len(data["y_train"]) > 400)
    more = review_files() | {"aclImdb/train/pos/200_9.txt": b"one more"}
    assert "incomplete" not in str(load("imdb", make_archive("all.tar.gz", more))["source"])
    assert "data/imdb.npz" in refused("imdb", "part.tar.gz")
    mine = data_file.from_texts(["a b", "b"], [0, 1], ["a"], [0], ["no", "yes"], "own texts")
    data_file.write("data/imdb.npz", mine)
    for option in "--no-sample", "--sample", "all.tar.gz":
        assert "data/imdb.npz" in refused("imdb", option)
    pathlib.Path("data/imdb.npz").write_bytes(b"damaged")
    assert "data/imdb.npz" in refused("imdb", "all.tar.gz")


def test_hostile_archives_are_refused(in_folder):
    content = pathlib.Path(make_archive("all.tar.gz", review_files())).read_bytes()
    pathlib.Path("half.tar.gz").write_bytes(content[: len(content) // 2])
    assert "half.tar.gz" in refused("imdb", "half.tar.gz")
    for member in "../out", "/etc/out", "aclImdb/train/pos/../../../../out":
        path = make_archive("a.tar.gz", review_files() | {member: b"out"})
        assert repr(member) in refused("imdb", path)


@pytest.mark.slow
def test_imdb_has_its_known_counts_and_no_movie_on_both_sides(
    shared_data, in_folder, capsys, monkeypatch
):
    monkeypatch.setattr(vectors, "count_vectors", lambda texts: np.zeros((4, 1), "float32"))
    archive = shared_data / "aclImdb_labelled.tar.gz"
    vocabulary = words_of(load("imdb", archive))
    assert "The counts match those of IMDB." in capsys.readouterr().out
    ranks = [vocabulary.index(word) + 1 for word in ("the", "br", "this", "film", "story")]
    assert len(vocabulary) == 88_582 and ranks == [1, 7, 11, 19, 62]
    content = archives.files(archive, download_imdb.FILE_NAME)
    movies = [line for name, urls in content if "urls" in name for line in urls.split()]
    movies = [movies[row] for row in download_imdb.order_by_movie(movies)]
    assert len(movies) == 25_000 and not any(on_both_sides(movies, n) for n in range(1, 100))


@pytest.mark.slow
def test_reuters_has_its_known_counts(shared_data, in_folder, capsys, monkeypatch):
    monkeypatch.setattr(vectors, "count_vectors", lambda texts: np.zeros((4, 1), "float32"))
    data = load("reuters", shared_data / "reuters21578.tar.gz")
    assert "The counts match those of Reuters." in capsys.readouterr().out
    assert min(np.bincount([*data["y_train"], *data["y_test"]])) >= 15
    assert data_file.hash_of(data, "") == download_reuters.UCI_HASH
