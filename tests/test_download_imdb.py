"""The ways to IMDB: Keras's files, Stanford's archive or folder, the built-in sample; and what can go wrong."""

import functools
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import conftest
import data_files
import download_imdb
import imdb_lstm
from conftest import CACHE, ROOT, make_archive, make_folder, run, same_data, serving_for_keras, texts_of, words_of

CORPUS = download_imdb.CORPUS


download = functools.partial(conftest.download, CORPUS)
refused = functools.partial(conftest.refused, CORPUS)


def load():
    return data_files.read(CORPUS.data_file)


# --- Keras's files, from a server on this machine ---------------------------------------------------------------------


@pytest.fixture
def keras_files(tmp_path):
    """Files in Keras's own format (pickled object arrays, words by rank), with random reviews. Returns their folder."""
    folder = tmp_path / "served"
    folder.mkdir()
    random = np.random.default_rng(0)
    words = [f"word{number}" for number in range(300)]

    def reviews(count):
        texts = [random.integers(1, len(words) + 1, size=size).tolist() for size in random.integers(5, 40, size=count)]
        return np.array([*texts, None], dtype=object)[:-1]

    arrays = {"x_train": reviews(60), "y_train": np.arange(60) % 2, "x_test": reviews(40), "y_test": np.arange(40) % 2}
    np.savez(folder / "imdb.npz", **arrays)
    ranks = {word: rank for rank, word in enumerate(words, 1)}
    (folder / "imdb_word_index.json").write_text(json.dumps(dict(sorted(ranks.items()))))
    return folder


@pytest.fixture
def server(keras_files, monkeypatch, empty_cache):
    with serving_for_keras(keras_files, CORPUS, monkeypatch) as url:
        yield url


def test_keras_files_give_what_keras_gives(server, in_folder, monkeypatch):
    monkeypatch.setattr(imdb_lstm, "VOCAB_SIZE", 200)
    without_file = imdb_lstm.load_data()  # no data file yet: this is the way through keras.datasets
    download("--no-sample")
    with_file = imdb_lstm.load_data()

    data = load()
    expected = dict(zip(("train", "test"), keras.datasets.imdb.load_data()))
    for part, (texts, labels) in expected.items():
        assert [text.tolist() for text in texts_of(data, part)] == [list(text) for text in texts]
        assert np.array_equal(data[f"y_{part}"], labels)
    assert words_of(data) == [f"word{number}" for number in range(300)]
    assert str(data["source"]) == "IMDB from Keras's imdb.npz"

    limited = dict(zip(("train", "test"), keras.datasets.imdb.load_data(num_words=200)))
    for loaded in with_file, without_file:
        for (texts, labels), (keras_texts, keras_labels) in zip(loaded[:2], limited.values()):
            assert [text.tolist() for text in texts] == [list(text) for text in keras_texts]
            assert np.array_equal(labels, keras_labels)
    assert (
        with_file[2:]
        == without_file[2:]
        == (
            words_of(data)[:196],
            ["negative", "positive"],
            "IMDB from Keras's imdb.npz",
        )
    )


def test_own_copy_of_keras_files_is_taken_and_nothing_fetched(server, keras_files, in_folder, monkeypatch):
    monkeypatch.setattr(keras.utils, "get_file", lambda *_, **__: pytest.fail("something was fetched"))
    download(keras_files / "imdb.npz")
    assert len(load()["y_train"]) == 60


def test_own_copy_with_a_wrong_hash_is_not_opened(keras_files, in_folder, empty_cache, monkeypatch):
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("the file was opened"))
    before = (keras_files / "imdb.npz").read_bytes()
    refused(keras_files / "imdb.npz", reason="imdb.npz.*hash differs")
    assert (keras_files / "imdb.npz").read_bytes() == before
    assert not os.listdir(CACHE)


def test_it_is_not_overlooked_when_keras_has_the_right_one(server, keras_files, in_folder, tmp_path):
    download("--no-sample")
    (tmp_path / "imdb.npz").write_bytes(b"something else")
    refused(tmp_path / "imdb.npz", reason="imdb.npz.*hash differs")


def test_a_hand_placed_file_with_a_wrong_hash_is_kept_and_named(server, in_folder, capsys):
    with open(os.path.join(CACHE, "imdb.npz"), "wb") as file:
        file.write(b"put here by hand")
    with pytest.raises(SystemExit, match="imdb.npz is not the file.*It is kept"):
        download("--no-sample")
    with open(os.path.join(CACHE, "imdb.npz"), "rb") as file:
        assert file.read() == b"put here by hand"


@pytest.mark.parametrize("content", [b"", b"<html>garbage with status 200</html>"])
def test_garbage_from_the_server_is_refused_and_not_kept(server, keras_files, in_folder, content):
    (keras_files / "imdb.npz").write_bytes(content)
    with pytest.raises(SystemExit, match="hash does not match"):
        download("--no-sample")
    assert not os.listdir(CACHE)
    assert not os.path.exists(CORPUS.data_file)


# --- Stanford's archive and folder -----------------------------------------------------------------------------------


def review_files(with_urls=True):
    """Returns {name: bytes}, a small aclImdb: 400 + 40 reviews; movies of 1 to 5 reviews, and each names its movie."""
    random = np.random.default_rng(2)
    files = {"aclImdb/README": b"read me", "aclImdb/train/unsup/0_0.txt": b"unlabelled, not to be read"}
    for label in "pos", "neg":
        movies = np.repeat(np.arange(200), random.integers(1, 6, size=200))[:200]
        for number, movie in enumerate(movies):
            text = f"A {label} <br />review, of movie{label}{movie} caf\u00e9"
            files[f"aclImdb/train/{label}/{number}_9.txt"] = text.encode()
        if with_urls:
            lines = [f"http://www.imdb.com/title/tt{label}{movie}/usercomments" for movie in movies]
            files[f"aclImdb/train/urls_{label}.txt"] = "\n".join(lines).encode()
        for number in range(20):
            files[f"aclImdb/test/{label}/{number}_1.txt"] = f"a {label} review unseen{number}".encode()
    return files


def test_archive_and_folder_give_the_same(in_folder):
    files = review_files()
    download(make_archive("aclImdb.tar.gz", files))
    from_archive = load()
    make_folder(in_folder / "elsewhere", dict(reversed(files.items())))
    for path in "elsewhere", "elsewhere/aclImdb":
        download(path)
        assert same_data(load(), from_archive)
    assert len(from_archive["y_train"]) == 400 and len(from_archive["y_test"]) == 40
    assert "unlabelled" not in words_of(from_archive) and "unseen1" not in words_of(from_archive)
    words = words_of(from_archive)
    for part in "train", "test":
        for text, label in zip(texts_of(from_archive, part), from_archive[f"y_{part}"]):
            assert words[text[2] - 4] == ("pos" if label else "neg")


def straddling(movies, percent):
    """Returns the movies that stand on both sides of a cut."""
    cut = round(len(movies) * percent / 100)
    return set(movies[:cut]) & set(movies[cut:])


def test_no_movie_on_both_sides_of_the_validation_cut(in_folder):
    download(make_archive("aclImdb.tar.gz", review_files()))
    data = load()
    words = words_of(data)
    texts = [[words[id - 4] for id in text[1:]] for text in texts_of(data, "train")]
    movies = [next(word for word in text if word.startswith("movie")) for text in texts]
    assert movies != sorted(movies)
    assert not straddling(movies, 100 * imdb_lstm.VALIDATION_SIZE)


def test_validation_of_any_percentage_shares_no_movie_on_imdb(shared_data):
    movies = []
    for name, content in data_files.files_in_archive(shared_data / "aclImdb_labelled.tar.gz", CORPUS.member_name):
        if "urls" in name:
            movies += content.decode().split()
    movies = [movies[row] for row in download_imdb.order_by_movie(movies)]
    assert len(movies) == 25_000
    assert [percent for percent in range(1, 100) if straddling(movies, percent)] == []


def test_the_order_is_one_of_all_reviews():
    random = np.random.default_rng(3)
    for reviews in 1, 2, 99, 1_000:
        movies = random.integers(0, reviews // 3 + 1, size=reviews)
        assert sorted(download_imdb.order_by_movie(movies)) == list(range(reviews))


def test_without_urls_reviews_are_shuffled_and_the_reader_is_told(in_folder, capsys):
    download(make_archive("aclImdb.tar.gz", review_files(with_urls=False)))
    assert "flatter" in capsys.readouterr().err
    assert "movies" not in str(load()["source"])
    labels = load()["y_train"]
    assert 0.3 < labels[:100].mean() < 0.7


def test_a_part_of_imdb_does_not_pass_for_imdb(in_folder, capsys):
    download(make_archive("aclImdb.tar.gz", review_files()))
    assert "NOT the known counts" in capsys.readouterr().err
    assert "not the whole" in str(load()["source"])


def test_a_truncated_archive_is_refused(in_folder):
    make_archive("whole.tar.gz", review_files())
    with open("whole.tar.gz", "rb") as file:
        content = file.read()
    for share in 0, 0.001, 0.5, 0.99:
        with open("half.tar.gz", "wb") as file:
            file.write(content[: int(len(content) * share)])
        refused("half.tar.gz", reason="half.tar.gz")


@pytest.mark.parametrize("name", ["../climb.txt", "/etc/climb.txt", "aclImdb/train/pos/../../../../climb.txt"])
def test_an_archive_that_climbs_out_is_refused(in_folder, name):
    refused(make_archive("climb.tar.gz", review_files() | {name: b"out"}), reason="outside its folder")


@pytest.mark.parametrize("missing", ["train/pos", "train/neg", "test/pos", "test/neg"])
def test_an_archive_without_a_class_is_refused(in_folder, missing):
    files = {name: content for name, content in review_files().items() if missing not in name}
    refused(make_archive("part.tar.gz", files), reason="no positive or no negative")


def test_other_paths_are_refused(in_folder):
    refused("missing.tar.gz", reason="there is no file or folder")
    (in_folder / "text.txt").write_text("no archive")
    refused("text.txt", reason="text.txt is damaged or not a tar archive")
    (in_folder / "empty").mkdir()
    refused("empty", reason="no positive or no negative")


def test_imdb_is_what_it_is_known_to_be(shared_data, in_folder, capsys):
    download(shared_data / "aclImdb_labelled.tar.gz")
    assert "These are the known counts of IMDB." in capsys.readouterr().out
    data = load()
    words = words_of(data)
    assert len(words) == 88_582
    assert [words.index(word) + 1 for word in ("the", "br", "this", "film", "story")] == [1, 7, 11, 19, 62]
    assert data["y_train"].sum() == data["y_test"].sum() == 12_500


# --- The sample, the data file already there, no network -------------------------------------------------------------


def test_a_bag_of_words_does_not_learn_the_sample(sample):
    size = max(sample["x_train"]) + 1
    train, test = ([np.bincount(text, minlength=size) for text in texts_of(sample, part)] for part in ("train", "test"))
    model = LogisticRegression(max_iter=1000).fit(train, sample["y_train"])
    assert model.score(test, sample["y_test"]) < 0.7


def test_the_sample_is_the_same_each_time(sample):
    assert same_data(sample, download_imdb.from_sample())


def test_half_of_the_sample_is_positive(sample):
    assert abs(sample["y_train"].mean() - 0.5) < 0.03


def test_without_a_network_the_sample_is_written_and_says_so(in_folder, empty_cache):
    done = run(ROOT / "download_imdb.py", in_folder)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert "IMDB cannot be fetched" in done.stderr and "NOT IMDB" in done.stderr
    assert str(load()["source"]) == "built-in sample, not IMDB"


def test_no_sample_without_a_network_is_an_error_that_helps(in_folder, empty_cache):
    download("--sample")
    done = run(ROOT / "download_imdb.py", in_folder, "--no-sample")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    help_wanted = [
        data_files.KERAS_URL,
        *CORPUS.archives,
        CACHE,
        "KERAS_HOME",
        "proxy",
        "Certificates",
        "PATH",
    ]
    assert [text for text in help_wanted if text not in done.stderr] == []
    assert str(load()["source"]) == "built-in sample, not IMDB"  # still there


def test_a_second_run_leaves_the_file_and_is_instant(in_folder, capsys):
    download("--sample")
    before = os.stat(CORPUS.data_file)
    capsys.readouterr()
    download()
    assert os.stat(CORPUS.data_file).st_mtime_ns == before.st_mtime_ns
    out = capsys.readouterr().out
    assert "Already there" in out and "6,000" in out
    code = (
        "import sys, data_files, download_imdb;"
        "data_files.main(download_imdb.CORPUS, '', []); sys.exit('tensorflow' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment).returncode == 0


def test_a_foreign_data_file_is_left_alone(in_folder):
    os.mkdir("data")
    (in_folder / "data" / "imdb.npz").write_bytes(b"something else")
    done = run(ROOT / "download_imdb.py", in_folder)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert (in_folder / "data" / "imdb.npz").read_bytes() == b"something else"


def test_a_folder_that_cannot_be_written_to_is_said_at_once(in_folder, monkeypatch):
    (in_folder / "data").write_text("a file where the folder should be")
    monkeypatch.setattr(CORPUS, "from_sample", lambda: pytest.fail("work was done first"))
    with pytest.raises(SystemExit, match="data cannot be written to"):
        download("--sample")
