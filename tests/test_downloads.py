"""download_imdb.py and download_reuters.py: each source, their order, and what can go wrong."""

import json
import os
import pathlib
import re
import tarfile
import time

import hypothesis
import keras
import numpy as np
import pytest
from conftest import ROOT, make_archive, make_folder, make_keras_files, run, texts_of, words_of
from hypothesis import strategies
from sklearn import linear_model

import download_imdb
import download_reuters
import imdb_lstm
import reuters_rnn
from corpus import DataError, archives, data_file, download, samples, words

PROGRAMS = {"imdb": download_imdb, "reuters": download_reuters}
SCRIPTS = {"imdb": imdb_lstm, "reuters": reuters_rnn}
STANFORD, KERAS = "aclImdb_v1.tar.gz", ["imdb.npz", "imdb_word_index.json"]


def load(name, *arguments):
    """Runs a download program and returns the data file that it leaves."""
    PROGRAMS[name].main([str(argument) for argument in arguments])
    return data_file.read(f"data/{name}.npz")


def refused(name, *arguments, reason):
    """Asserts that a download ends with a reason in one line and leaves the data file as it was."""
    make_folder(pathlib.Path(), {f"data/{name}.npz": b"as it was"})
    before = os.listdir("data")
    with pytest.raises(DataError, match=reason) as error:
        load(name, *arguments)
    assert "\n" not in str(error.value) and os.listdir("data") == before
    assert pathlib.Path(f"data/{name}.npz").read_bytes() == b"as it was"


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in (*data_file.ARRAYS, "vectors"))


def review_files():
    """Returns {name: bytes}, a small aclImdb: 400 and 40 reviews; each names its movie."""
    random = np.random.default_rng(2)
    files = {"aclImdb/train/unsup/0_0.txt": "unlabelled"}
    for label in "pos", "neg":
        movies = np.repeat(np.arange(200), random.integers(1, 6, size=200))[:200]
        for number, movie in enumerate(movies):
            text = f"A {label} <br />review, of movie{label}{movie} caf\u00e9"
            files[f"aclImdb/train/{label}/{number}_9.txt"] = text
        lines = [f"http://www.imdb.com/title/tt{label}{movie}/usercomments" for movie in movies]
        files[f"aclImdb/train/urls_{label}.txt"] = "\n".join(lines)
        for number in range(20):
            files[f"aclImdb/test/{label}/{number}_1.txt"] = f"a {label} review unseen{number}"
    return {name: text.encode() for name, text in files.items()}


def wire(topics, body):
    """Returns a newswire in the format of Reuters-21578."""
    topics = "".join(f"<D>{topic}</D>" for topic in topics)
    body = f"<BODY>{body} Reuter\n&#3;</BODY>" if body else ""
    return f"<TOPICS>{topics}</TOPICS>\n<TITLE>TITLE</TITLE>{body}\n".encode("latin-1")


def wire_files():
    """Returns {name: bytes}, a small Reuters-21578, later file first."""
    later = wire(["acq"], "next\nfile caf\u00e9") + wire(["crude"], "last") + wire(["gold"], "")
    earlier = wire(["cocoa", "grain"], "first &lt;wire>") + wire([], "no topic")
    earlier += wire(["tea"], "rare topic") + wire(["earn"], "")
    return {"reut2-001.sgm": later, "reut2-000.sgm": earlier, "lewis.dtd": b"not to be read"}


# --- The order of the sources ---

OK = b"HTTP/1.0 200 OK\r\n"
FOUND = b"HTTP/1.0 302 Found\r\nLocation: "
TROUBLES = {  # what a server sends, and how often it is asked
    "another file": (OK + b"\r\n<html>Please accept our cookies</html>", 1),
    "no file": (b"HTTP/1.0 404 Not Found\r\n\r\n", 1),
    "no HTTP": (b"SSH-2.0\r\n\r\n", 1),
    "an endless redirect": (FOUND + b"%s\r\n\r\n", 5),
    "a redirect to a file": (FOUND + b"file:///etc/hostname\r\n\r\n", 1),
    "half a file": (OK + b"Content-Length: 1000\r\n\r\nabc", 2),
    "silence": (b"", 2),
    "silence after a while": (OK + b"\r\nabc", 2),
}


def troubled(trouble):
    """Returns the function that answers a request so."""

    def answer(request):
        request.wfile.write(TROUBLES[trouble][0].replace(b"%s", request.path.encode()))
        time.sleep(30 * trouble.startswith("silence"))

    return answer


@pytest.fixture
def filled(server, in_folder, sample, monkeypatch):
    """The server with Stanford's archive and Keras's files; an empty current folder."""
    monkeypatch.setattr(download, "TIMEOUT", 0.5)
    monkeypatch.setattr(samples, "imdb", lambda: sample)
    make_archive(server.folder / STANFORD, review_files())
    make_keras_files(server.folder)
    server.trust()
    return server


def test_imdb_is_stanfords_archive_first(filled, capsys):
    data = load("imdb")
    assert filled.requests == [STANFORD]
    assert str(data["source"]) == f"IMDB from {STANFORD}, whole movies kept together"
    log = "".join(capsys.readouterr())
    assert not set(log) & set("\r\b\x1b") and len(log.splitlines()) < 20  # no progress bar
    os.remove("data/imdb.npz")
    assert same(load("imdb"), data) and filled.requests == [STANFORD]  # from the cache


@pytest.mark.parametrize("trouble", TROUBLES)
def test_imdb_is_keras_files_second_and_the_sample_last(filled, empty_cache, capsys, trouble):
    begin, times = time.monotonic(), TROUBLES[trouble][1]
    filled.answers[STANFORD] = troubled(trouble)
    assert str(load("imdb")["source"]) == "IMDB from Keras's imdb.npz"
    assert filled.requests == [STANFORD] * times + KERAS
    assert sorted(os.listdir(empty_cache)) == KERAS

    for path in pathlib.Path("data/imdb.npz"), *empty_cache.iterdir():
        path.unlink()
    filled.requests.clear()
    filled.answers["imdb.npz"] = troubled(trouble)
    assert str(load("imdb")["source"]) == "built-in sample, not IMDB"
    assert filled.requests == [STANFORD] * times + KERAS[:1] * times
    advice = capsys.readouterr().err
    assert f"  {filled.url}{STANFORD}\n" in advice and f"  {filled.url}imdb.npz\n" in advice
    assert os.listdir(empty_cache) == [] and os.listdir("data") == ["imdb.npz"]

    os.remove("data/imdb.npz")
    with pytest.raises(SystemExit, match="which download_"):
        imdb_lstm.load_data()
    assert time.monotonic() - begin < 20


@pytest.mark.parametrize("name", PROGRAMS)
def test_both_ways_of_loading_give_the_same(filled, name):
    filled.answers[STANFORD] = troubled("no file")
    without_file = SCRIPTS[name].load_data()
    source = str(load(name, "--no-sample")["source"])
    assert source.endswith(f" from Keras's {name}.npz")
    with_file = SCRIPTS[name].load_data()
    expected = getattr(keras.datasets, name).load_data()
    for loaded in with_file, without_file:
        for (texts, labels), part in zip(loaded[:2], expected):
            assert [list(text) for text in texts] == [list(text) for text in part[0]]
            assert np.array_equal(labels, part[1])
        assert loaded[2] == [f"word{number}" for number in range(300)]
    assert list(with_file[3]) == list(without_file[3])
    assert with_file[5]["source"] == source
    assert without_file[5] == {"source": f"keras.datasets.{name}"}


def test_a_users_file_with_a_wrong_hash_in_keras_cache_is_kept_and_named(filled, empty_cache):
    for name in STANFORD, "imdb.npz":
        (empty_cache / name).write_bytes(b"put here by the user")
    with pytest.raises(DataError) as error:
        load("imdb", "--no-sample")
    for name in STANFORD, "imdb.npz":
        assert f"{empty_cache / name} is not the file" in str(error.value)
        assert (empty_cache / name).read_bytes() == b"put here by the user"
    assert filled.requests == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_is_opened_before_its_hash_is_checked(filled, in_folder, monkeypatch, name):
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("opened"))
    monkeypatch.setattr(tarfile, "open", lambda *_, **__: pytest.fail("opened"))
    filled.answers |= dict.fromkeys([STANFORD, f"{name}.npz"], troubled("another file"))
    with pytest.raises(DataError, match="cannot be fetched"):
        PROGRAMS[name].main(["--no-sample"])
    (in_folder / "mine.npz").write_bytes(b"something else")
    refused(name, "mine.npz", reason="mine.npz is not Keras's .*its hash differs")
    assert os.listdir(download.cache()) == []


# --- PATH ---


@pytest.mark.parametrize("name", PROGRAMS)
def test_path_takes_keras_files_and_fetches_only_what_is_missing(filled, in_folder, name):
    make_keras_files(in_folder)
    index = f"{name}_word_index.json"
    data = load(name, f"{name}.npz")
    assert f" from Keras's {name}.npz" in str(data["source"]) and filled.requests == []
    os.remove(index)
    os.remove(f"{download.cache()}/{index}")
    assert same(load(name, f"{name}.npz"), data) and filled.requests == [index]
    os.remove(f"{download.cache()}/{index}")
    filled.answers[index] = troubled("no file")
    refused(name, f"{name}.npz", reason=f"{name}.npz needs {index} beside it")


def on_both_sides(movies, percent):
    cut = round(len(movies) * percent / 100)
    return set(movies[:cut]) & set(movies[cut:])


def test_path_takes_stanfords_archive_its_folder_and_the_folder_around_it(in_folder, capsys):
    files = review_files()
    data = load("imdb", make_archive("aclImdb.tar.gz", files))
    make_folder(in_folder / "around", dict(reversed(files.items())))
    for path in "around", "around/aclImdb":
        assert same(load("imdb", path), data)
    assert len(data["y_train"]) == 400 and len(data["y_test"]) == 40
    vocabulary = words_of(data)
    assert not {"unlabelled", "unseen1"} & set(vocabulary)
    for part in "train", "test":
        for text, label in zip(texts_of(data, part), data[f"y_{part}"], strict=True):
            assert vocabulary[text[2] - 4] == ("pos" if label else "neg")
    assert "do NOT match those" in capsys.readouterr().err
    assert "not the whole of IMDB" in str(data["source"])
    movies = [vocabulary[text[6] - 4] for text in texts_of(data, "train")]
    assert all(movie.startswith("movie") for movie in movies)
    assert 0.3 < data["y_train"][:100].mean() < 0.7  # movies are shuffled
    assert not on_both_sides(movies, 100 * imdb_lstm.VALIDATION_SIZE)


def test_path_takes_the_archive_of_reuters_and_its_folder(in_folder):
    data = load("reuters", make_archive("reuters21578.tar.gz", wire_files()))
    make_folder(in_folder / "folder", wire_files())
    assert same(load("reuters", "folder"), data)
    assert len(data["y_train"]) == 3 and len(data["y_test"]) == 1
    assert "not the whole of Reuters" in str(data["source"])


def test_a_part_never_replaces_the_whole(in_folder, monkeypatch):
    files = review_files()
    data = load("imdb", make_archive("whole.tar.gz", files))
    lengths = {part: data[f"{part}_lengths"] for part in ("train", "test")}
    known = {part: (len(x), x.mean().round(5), x.max(), x.min()) for part, x in lengths.items()}
    monkeypatch.setattr(download_imdb, "KNOWN", known)
    part = {name: text for name, text in files.items() if "train/pos/1_" not in name}
    with pytest.raises(DataError, match=r"part.tar.gz is not the whole of IMDB.*was kept"):
        load("imdb", make_archive("part.tar.gz", part))
    assert same(data_file.read("data/imdb.npz"), data)
    assert same(load("imdb", "whole.tar.gz"), data)
    make_folder(in_folder, {"data/imdb.npz": b"damaged"})
    assert len(load("imdb", "part.tar.gz")["y_train"]) == 399


def test_a_truncated_archive_is_refused(in_folder):
    content = pathlib.Path(make_archive("whole.tar.gz", review_files())).read_bytes()
    for fraction in 0, 0.001, 0.5, 0.99:
        (in_folder / "half.tar.gz").write_bytes(content[: int(len(content) * fraction)])
        refused("imdb", "half.tar.gz", reason="half.tar.gz is damaged")


def test_an_archive_with_a_member_outside_its_folder_is_refused(in_folder):
    for member in "../out", "/etc/out", "aclImdb/train/pos/../../../../out":
        for name, files in ("imdb", review_files()), ("reuters", wire_files()):
            path = make_archive(f"{name}.tar.gz", files | {member: b"out"})
            refused(name, path, reason="points outside its folder")


def test_other_paths_and_a_foreign_data_file_are_refused(in_folder):
    make_folder(in_folder, {"text.txt": b"no archive", "folder/text.txt": b"no review"})
    part = {name: text for name, text in review_files().items() if "test/neg" not in name}
    refused("imdb", make_archive("part.tar.gz", part), reason="no positive or no negative")
    refused("imdb", "missing.tar.gz", reason="there is no file or folder")
    refused("imdb", "text.txt", reason="text.txt is damaged or not a tar or zip archive")
    refused("imdb", "folder", reason="no positive or no negative")
    refused("reuters", "folder", reason="no newswires")
    refused("imdb", reason="data/imdb.npz is not a data file")


# --- The rules by which the corpora are built ---


def test_no_movie_of_imdb_is_on_both_sides_of_a_cut_at_any_whole_percentage(shared_data):
    files = archives.files(shared_data / "aclImdb_labelled.tar.gz", download_imdb.FILE_NAME)
    movies = [line for name, content in files if "urls" in name for line in content.split()]
    movies = [movies[row] for row in download_imdb.order_by_movie(movies)]
    assert len(movies) == 25_000
    assert [percent for percent in range(1, 100) if on_both_sides(movies, percent)] == []


@hypothesis.given(strategies.lists(strategies.integers(0, 30), min_size=1, max_size=300))
def test_the_order_has_each_review_once_and_each_movie_in_one_piece(movies):
    order = download_imdb.order_by_movie(movies)
    assert sorted(order) == list(range(len(movies)))
    ordered = [movies[row] for row in order]
    assert sum(map(int.__ne__, ordered, ordered[1:])) == len(set(movies)) - 1


def test_without_urls_reviews_are_shuffled_and_the_user_is_told(in_folder, capsys):
    files = {name: text for name, text in review_files().items() if "urls" not in name}
    data = load("imdb", make_archive("aclImdb.tar.gz", files))
    assert "validation accuracy will be too high" in capsys.readouterr().err
    assert "movies" not in str(data["source"])
    assert 0.3 < data["y_train"][:100].mean() < 0.7


def test_wires_and_topics_are_those_of_keras_rule():
    """The first topic; the first body after it, even in the next file; entities unchanged."""
    files = (file for file in wire_files().items() if file[0].endswith(".sgm"))
    texts, labels = download_reuters.wires(files)
    topics = [download_reuters.TOPICS[label] for label in labels]
    assert list(zip(topics, [" ".join(words.tokenise_keras(text)) for text in texts])) == [
        ("cocoa", "first lt wire reuter 3"),
        ("earn", "next file caf\u00e9 reuter 3"),
        ("acq", "next file caf\u00e9 reuter 3"),
        ("crude", "last reuter 3"),
    ]
    assert tuple(download_reuters.TOPICS) == keras.datasets.reuters.get_label_names()
    assert len(set(samples.SUBJECTS)) == 46


@pytest.mark.slow
def test_imdb_has_its_known_counts_and_is_built_in_less_than_1_5_gb(real_imdb):
    output, data, peak = real_imdb
    assert "The counts match those of IMDB." in output and peak < 1.5e9
    vocabulary = words_of(data)
    assert len(vocabulary) == 88_582
    ranks = [vocabulary.index(word) + 1 for word in ("the", "br", "this", "film", "story")]
    assert ranks == [1, 7, 11, 19, 62]
    for part, longest, mean in ("train", 2_494, 238.71364), ("test", 2_315, 230.80432):
        lengths = data[f"{part}_lengths"]
        assert (len(lengths), lengths.max(), round(lengths.mean(), 5)) == (25_000, longest, mean)
        assert data[f"y_{part}"].sum() == 12_500


@pytest.mark.slow
def test_reuters_has_its_known_counts(shared_data, in_folder, capsys):
    data = load("reuters", shared_data / "reuters21578.tar.gz")
    assert "The counts match those of Reuters." in capsys.readouterr().out
    assert (len(data["y_train"]), len(data["y_test"])) == (8_982, 2_246)
    counts = np.bincount(np.concatenate([data["y_train"], data["y_test"]])).tolist()
    counts = dict(zip(download_reuters.TOPICS, counts, strict=True))
    assert [counts[topic] for topic in ("earn", "acq", "crude", "cocoa")] == [3972, 2423, 543, 67]
    assert min(counts.values()) >= 15
    files = archives.files(shared_data / "reuters21578.tar.gz", download_reuters.FILE_NAME)
    text = "".join(content.decode("latin-1") for _, content in sorted(files))
    wires = re.findall(r"<TOPICS><D>(.*?)</D>(.*?)</REUTERS>", text, re.DOTALL)
    # As the docstring of download_reuters.py says.
    assert sum(topic in counts and "<BODY>" not in rest for topic, rest in wires) == 975


# --- The sample, the data file that is there, the command line ---


@pytest.mark.parametrize("name", ["imdb", pytest.param("reuters", marks=pytest.mark.slow)])
def test_a_bag_of_words_does_not_learn_the_sample(sample, name):
    data = sample if name == "imdb" else samples.reuters(download_reuters.TOPICS)
    size = data["x_train"].max() + 1
    train, test = (
        np.array([np.bincount(text, minlength=size) for text in texts_of(data, part)])
        for part in ("train", "test")
    )
    model = linear_model.LogisticRegression(max_iter=300).fit(train, data["y_train"])
    assert model.score(test, data["y_test"]) < 0.7
    assert set(data["y_test"]) <= set(data["y_train"]) == set(range(data["y_train"].max() + 1))
    if name == "imdb":
        assert len(train) == 6_000 and len(test) == 2_000
        assert abs(data["y_train"].mean() - 0.5) < 0.03


@pytest.mark.parametrize("corpus", ["IMDB", "Reuters"])
def test_without_a_network_the_sample_is_written_and_never_called_the_corpus(
    in_folder, empty_cache, capsys, sample, corpus
):
    name = corpus.lower()
    data = load(name)
    assert corpus == "Reuters" or same(data, sample)  # the same each time
    out, error = capsys.readouterr()
    assert f"{corpus} cannot be fetched" in error and f"NOT {corpus}" in error
    source = f"built-in sample, not {corpus}"
    assert re.findall(rf".*\b{corpus}\b.*", out) == [f"data/{name}.npz: {source}"]
    assert str(data["source"]) == data_file.about_of(data)["source"] == source
    with pytest.raises(DataError) as error:
        load(name, "--no-sample")
    for help in download.KERAS_URL, str(empty_cache), "KERAS_HOME", "https_proxy", "PATH":
        assert help in str(error.value)
    assert same(data_file.read(f"data/{name}.npz"), data)


def test_a_second_run_leaves_the_file_and_does_not_import_tensorflow(in_folder, small_sample):
    data_file.write("data/imdb.npz", small_sample)
    before = os.stat("data/imdb.npz").st_mtime_ns
    process = run("-X", in_folder, "importtime", ROOT / "download_imdb.py")
    assert process.returncode == 0 and "corpus.words" in process.stderr
    assert "tensorflow" not in process.stderr and "keras" not in process.stderr
    assert "data/imdb.npz already exists; nothing to do." in process.stdout
    assert os.stat("data/imdb.npz").st_mtime_ns == before


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_data_file_of_the_earlier_layout_is_named_with_what_makes_a_new_one(in_folder, name):
    data = data_file.from_texts(["a b", "b"], [0, 1], ["a"], [0], ["no", "yes"], "IMDB")
    os.mkdir("data")
    np.savez(f"data/{name}.npz", **{key: data[key] for key in (*data_file.ARRAYS, "source")})
    with pytest.raises(DataError, match="is from an earlier version") as error:
        load(name)
    with pytest.raises(SystemExit) as stop:
        SCRIPTS[name].load_data()
    pairs = (str(error.value), f"download_{name}.py"), (stop.value.code, "which download_*.py or")
    for message, program in pairs:
        assert f"data/{name}.npz" in message and program in message and "\n" not in message
    assert "vectors" not in np.load(f"data/{name}.npz")
    assert str(load(name, "--sample")["source"]).startswith("built-in sample")


def test_a_data_file_with_the_word_vectors_of_an_earlier_version_does_not_pass_for_todays(
    in_folder, small_sample
):
    about = data_file.about_of(small_sample) | {"vectors": "PPMI-SVD: 1,000 contexts"}
    data_file.write("data/imdb.npz", small_sample | {"about": np.array(json.dumps(about))})
    message = "is from an earlier version, with its word vectors: .*download_imdb.py"
    with pytest.raises(DataError, match=message):
        load("imdb")
    assert str(load("imdb", "--sample")["source"]).startswith("built-in sample")


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("arguments", [[""], ["--no-sample", ""]])
def test_an_empty_argument_is_refused(in_folder, capsys, name, arguments):
    with pytest.raises(SystemExit) as stop:
        PROGRAMS[name].main(arguments)
    assert stop.value.code == 2 and os.listdir() == []
    assert "an argument is empty" in capsys.readouterr().err.splitlines()[-1]
