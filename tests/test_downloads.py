"""download_imdb.py and download_reuters.py: each source, their order, and what can go wrong."""

import functools
import hashlib
import http.server
import os
import pathlib
import re
import tarfile
import threading
import time
from concurrent import futures

import hypothesis
import keras
import numpy as np
import pytest
from conftest import ROOT, make_archive, make_folder, make_keras_files, run, texts_of, words_of
from hypothesis import strategies

import download_imdb
import download_reuters
import imdb_lstm
from corpus import DataError, archives, data_file, download, samples, words

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
    reviews = {"train/unsup/0_0.txt": "unlabelled"}
    for label in "pos", "neg":
        for number in range(200):
            text = f"A {label} <br />review, of movie{label}{number // 3} caf\u00e9"
            reviews[f"train/{label}/{number}_9.txt"] = text
        urls = [f"http://www.imdb.com/title/tt{label}{number // 3}/" for number in range(200)]
        reviews[f"train/urls_{label}.txt"] = "\n".join(urls)
        for number in range(20):
            reviews[f"test/{label}/{number}_1.txt"] = f"a {label} review unseen{number}"
    return {f"aclImdb/{name}": text.encode() for name, text in reviews.items()}


WIRE = "<TOPICS>%s</TOPICS>\n<TITLE>TITLE</TITLE><BODY>%s Reuter\n&#3;</BODY>\n"


def wire_files():
    """Returns {name: bytes}, a small Reuters-21578, later file first."""
    later = WIRE % ("<D>acq</D>", "next\nfile caf\u00e9") + WIRE % ("<D>crude</D>", "last")
    first = WIRE % ("<D>cocoa</D><D>grain</D>", "first &lt;wire>") + WIRE % ("", "no topic")
    first += WIRE % ("<D>tea</D>", "rare topic") + "<TOPICS><D>earn</D></TOPICS>"
    later, first = later.encode("latin-1"), first.encode("latin-1")
    return {"reut2-001.sgm": later, "reut2-000.sgm": first, "lewis.dtd": b"not to be read"}


# --- The order of the sources ---

OK = b"HTTP/1.0 200 OK\r\n"
TROUBLES = {  # what a server sends, and how often it is asked
    "another file": (OK + b"\r\n<html>Please accept our cookies</html>", 2),
    "no file": (b"HTTP/1.0 404 Not Found\r\n\r\n", 1),
    "half a file": (OK + b"Content-Length: 1000\r\n\r\nabc", 2),
    "silence after a while": (OK + b"Content-Length: 1000\r\n\r\nabc", 2),
}


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        name = self.path.lstrip("/")
        self.server.requests.append(name)
        if name in self.server.troubles:
            self.wfile.write(TROUBLES[self.server.troubles[name]][0])
            time.sleep(30 if "silence" in self.server.troubles[name] else 0)
        else:
            super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, in_folder, empty_cache, sample, monkeypatch):
    """A server in place of Stanford's and Keras's, with small files that pass for theirs.

    `requests` lists the names that were asked for; `troubles[name]` is what goes wrong.
    """
    folder = tmp_path / "served"
    folder.mkdir()
    make_archive(folder / STANFORD, review_files())
    make_keras_files(folder)
    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.requests, server.troubles = [], {}
        server.url = f"http://127.0.0.1:{server.server_port}/"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(download, "KERAS_URL", server.url)
        monkeypatch.setattr(download, "TIMEOUT", 0.5)
        monkeypatch.setattr(download_imdb, "STANFORD_URL", server.url + STANFORD)
        served = [path.read_bytes() for path in folder.iterdir()]
        monkeypatch.setattr(download, "has_hash", lambda content, _: content in served)
        monkeypatch.setattr(samples, "imdb", lambda: sample)
        yield server
        server.shutdown()


def test_imdb_is_stanfords_archive_first(server, capsys):
    data = load("imdb")
    assert server.requests == [STANFORD]
    assert str(data["source"]).startswith(f"IMDB from {STANFORD}, whole movies kept together")
    log = "".join(capsys.readouterr())
    assert not set(log) & set("\r\b\x1b") and len(log.splitlines()) < 20  # no progress bar
    assert "movies are unknown" not in log
    os.remove("data/imdb.npz")
    assert same(load("imdb"), data) and server.requests == [STANFORD]  # from the cache


@pytest.mark.parametrize("trouble", TROUBLES)
def test_imdb_is_keras_files_second_and_the_sample_last(server, empty_cache, capsys, trouble):
    times, begin = TROUBLES[trouble][1], time.monotonic()
    server.troubles[STANFORD] = trouble
    assert "Keras" in str(load("imdb")["source"])
    assert server.requests == [STANFORD] * times + KERAS
    assert sorted(os.listdir(empty_cache)) == KERAS
    log = capsys.readouterr().err
    assert log.count(server.url + STANFORD) == log.count("movies are unknown") == 1

    for path in pathlib.Path("data/imdb.npz"), *empty_cache.iterdir():
        path.unlink()
    server.requests.clear()
    server.troubles["imdb.npz"] = trouble
    assert str(load("imdb")["source"]) == "built-in sample, not IMDB"
    assert server.requests == [STANFORD] * times + KERAS[:1] * times
    log = capsys.readouterr().err
    assert [log.count(server.url + name) for name in (STANFORD, KERAS[0])] == [1, 1]
    assert "movies" not in log and time.monotonic() - begin < 20
    assert os.listdir(empty_cache) == [] and os.listdir("data") == ["imdb.npz"]


def test_a_users_file_in_keras_cache_is_kept_and_named(server, empty_cache, capsys):
    make_archive(empty_cache / STANFORD, review_files() | {"aclImdb/test/pos/0_1.txt": b"mine"})
    (empty_cache / "imdb.npz").write_bytes(b"put here by the user")
    before = [path.read_bytes() for path in empty_cache.iterdir()]
    assert str(load("imdb")["source"]) == "built-in sample, not IMDB" and server.requests == []
    log = capsys.readouterr().err
    assert all(str(path) in log for path in empty_cache.iterdir())
    assert [path.read_bytes() for path in empty_cache.iterdir()] == before


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_is_opened_before_its_hash_is_checked(server, in_folder, monkeypatch, name):
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("opened"))
    monkeypatch.setattr(tarfile, "open", lambda *_, **__: pytest.fail("opened"))
    server.troubles |= dict.fromkeys([STANFORD, f"{name}.npz"], "another file")
    (in_folder / "mine.npz").write_bytes(b"something else")
    assert f"download_{name}.py" in refused(name, "--no-sample")
    assert "mine.npz" in refused(name, "mine.npz")


def test_two_downloads_at_once_do_not_disturb_each_other(empty_cache, monkeypatch):
    content, both = bytes(range(256)) * 1200, threading.Barrier(2)

    def get(url):
        assert os.listdir(empty_cache) == []  # what is killed now leaves nothing
        both.wait(20)
        return content

    monkeypatch.setattr(download, "get", get)
    fetch = functools.partial(download.fetch, file_hash=hashlib.sha256(content).hexdigest())
    with futures.ThreadPoolExecutor() as pool:
        paths = list(pool.map(fetch, ["http://127.0.0.1/f.npz"] * 2))
    assert paths == [str(path) for path in empty_cache.iterdir()] * 2
    assert pathlib.Path(paths[0]).read_bytes() == content


@pytest.mark.parametrize("corpus", ["IMDB", "Reuters"])
def test_without_a_network_the_sample_is_written_and_never_called_the_corpus(
    in_folder, empty_cache, capsys, sample, corpus
):
    name = corpus.lower()
    data = load(name)
    assert corpus == "Reuters" or same(data, sample)  # the same each time
    out, error = capsys.readouterr()
    source = f"built-in sample, not {corpus}"
    assert re.findall(rf".*\b{corpus}\b.*", out) == [f"data/{name}.npz: {source}"]
    assert str(data["source"]) == data_file.about_of(data)["source"] == source
    assert f"NOT {corpus}" in error
    ways = ["https_proxy", "Install Certificates.command", "KERAS_HOME", str(empty_cache)]
    message = refused(name, "--no-sample")
    for way in *ways, f"python download_{name}.py PATH", f"{name}_word_index.json":
        assert way in error and way in message


def test_keras_is_not_imported_and_a_second_run_leaves_the_file(in_folder):
    before = None
    for said in "NOT IMDB", "already exists":
        process = run("-X", in_folder, "importtime", ROOT / "download_imdb.py")
        assert process.returncode == 0 and "corpus.words" in process.stderr
        assert not re.search(r"\| +(keras|tensorflow)\b", process.stderr)
        assert said in process.stdout + process.stderr and before in (None, files())
        before = files()


# --- PATH ---


@pytest.mark.parametrize("name", PROGRAMS)
def test_keras_files_give_what_keras_datasets_gives(server, keras_datasets, name):
    path, index = keras_datasets / f"{name}.npz", f"{name}_word_index.json"
    data = load(name, path)
    assert f" from Keras's {name}.npz" in str(data["source"]) and server.requests == []
    parts = getattr(keras.datasets, name).load_data()
    for part, (texts, labels) in zip(("train", "test"), parts, strict=True):
        assert [list(text) for text in texts_of(data, part)] == list(map(list, texts))
        assert np.array_equal(data[f"y_{part}"], labels)
    assert words_of(data) == [f"word{number}" for number in range(300)]
    os.remove(keras_datasets / index)
    assert same(load(name, path), data) and server.requests == [index]
    os.remove(f"{download.cache()}/{index}")
    server.troubles[index] = "no file"
    assert index in refused(name, path)


def on_both_sides(movies, percent):
    cut = round(len(movies) * percent / 100)
    return set(movies[:cut]) & set(movies[cut:])


def test_path_takes_stanfords_archive_its_folder_and_the_folder_around_it(in_folder, capsys):
    reviews = review_files()
    data = load("imdb", make_archive("aclImdb.tar.gz", reviews))
    make_folder(in_folder / "around", dict(reversed(reviews.items())))
    for path in "around", "around/aclImdb", make_archive("aclImdb.zip", reviews):
        assert same(load("imdb", path), data)
    assert len(data["y_train"]) == 400 and len(data["y_test"]) == 40
    vocabulary = words_of(data)
    assert not {"unlabelled", "unseen1"} & set(vocabulary)
    for part in "train", "test":
        for text, label in zip(texts_of(data, part), data[f"y_{part}"], strict=True):
            assert vocabulary[text[2] - 4] == ("pos" if label else "neg")
    movies = [vocabulary[text[6] - 4] for text in texts_of(data, "train")]
    assert not on_both_sides(movies, 100 * imdb_lstm.VALIDATION_SIZE)
    assert 0.3 < data["y_train"][:100].mean() < 0.7  # movies are shuffled
    log = capsys.readouterr().err
    assert "NOT those of IMDB" in log and "movies are unknown" not in log

    without = {name: text for name, text in reviews.items() if "urls" not in name}
    data = load("imdb", make_archive("without.tar.gz", without))
    assert "movies are unknown" in capsys.readouterr().err
    assert "movies" not in str(data["source"]) and 0.3 < data["y_train"][:100].mean() < 0.7


def test_path_takes_the_archive_of_reuters_and_its_folder(in_folder):
    data = load("reuters", make_archive("reuters21578.tar.gz", wire_files()))
    make_folder(in_folder / "folder", wire_files())
    for path in "folder", make_archive("reuters.zip", wire_files()):
        assert same(load("reuters", path), data)
    assert len(data["y_train"]) == 3 and len(data["y_test"]) == 1


def test_a_part_is_marked_and_never_replaces_the_complete_corpus(in_folder, monkeypatch):
    reviews = review_files()
    part = {name: text for name, text in reviews.items() if "train/pos/1_" not in name}
    data = load("imdb", make_archive("part.tar.gz", part))
    assert len(data["y_train"]) == 399 and "incomplete" in data_file.about_of(data)["source"]
    data = load("imdb", make_archive("all.tar.gz", reviews))
    lengths = {part: data[f"{part}_lengths"] for part in ("train", "test")}
    counts = {part: (len(x), x.mean().round(5), x.max(), x.min()) for part, x in lengths.items()}
    monkeypatch.setattr(download_imdb, "COUNTS", counts)
    assert re.fullmatch(".*data/imdb.npz was kept.*", refused("imdb", "part.tar.gz"))


@pytest.mark.parametrize("option", ["--no-sample", "--sample", "all.tar.gz"])
def test_a_file_that_is_not_the_corpus_is_never_replaced(in_folder, option):
    make_archive("all.tar.gz", review_files())
    mine = data_file.from_texts(["a b", "b"], [0, 1], ["a"], [0], ["no", "yes"], "own texts")
    data_file.write("data/imdb.npz", mine)
    assert "data/imdb.npz" in refused("imdb", option)
    pathlib.Path("data/imdb.npz").write_bytes(b"damaged")
    assert "data/imdb.npz" in refused("imdb", option)


def test_hostile_archives_are_refused(in_folder):
    content = pathlib.Path(make_archive("all.tar.gz", review_files())).read_bytes()
    for fraction in 0, 0.001, 0.5, 0.99:
        (in_folder / "half.tar.gz").write_bytes(content[: int(len(content) * fraction)])
        assert "half.tar.gz" in refused("imdb", "half.tar.gz")
    for member in "../out", "/etc/out", "aclImdb/train/pos/../../../../out":
        for name, content in ("imdb", review_files()), ("reuters", wire_files()):
            for path in "a.tar.gz", "a.zip":
                make_archive(path, content | {member: b"out"})
                assert repr(member) in refused(name, path)


@pytest.mark.parametrize("name", PROGRAMS)
def test_another_path_is_refused_with_the_command_that_may_read_it(in_folder, name):
    table = b"review,sentiment\ngood,1\n"
    make_folder(in_folder, {"my table": table, "folder/text.txt": b"no review"})
    part = {name: text for name, text in review_files().items() if "test/neg" not in name}
    for path in (
        "my table",
        "folder",
        make_archive("a.zip", {"a.csv": table}),
        make_archive("part", part),
    ):
        assert re.fullmatch(f".*: python prepare_texts.py '?{path}'?", refused(name, path))
    os.mkfifo("pipe")
    for path in "missing.tar.gz", "pipe":
        assert path in refused(name, path)


# --- The rules by which the corpora are built ---


def test_no_movie_of_imdb_is_on_both_sides_of_a_cut_at_any_percentage(shared_data):
    content = archives.files(shared_data / "aclImdb_labelled.tar.gz", download_imdb.FILE_NAME)
    movies = [line for name, urls in content if "urls" in name for line in urls.split()]
    movies = [movies[row] for row in download_imdb.order_by_movie(movies)]
    assert len(movies) == 25_000
    assert [percent for percent in range(1, 100) if on_both_sides(movies, percent)] == []


@hypothesis.given(strategies.lists(strategies.integers(0, 30), min_size=1, max_size=300))
def test_the_order_has_each_review_once_and_each_movie_in_one_piece(movies):
    order = download_imdb.order_by_movie(movies)
    assert sorted(order) == list(range(len(movies)))
    ordered = [movies[row] for row in order]
    assert sum(map(int.__ne__, ordered, ordered[1:])) == len(set(movies)) - 1


def test_wires_and_topics_are_those_of_keras_rule():
    """The first topic; the first body after it, even in the next file; entities unchanged."""
    rows = [file for file in wire_files().items() if file[0].endswith(".sgm")]
    texts, labels = download_reuters.wires(rows)
    topics = [download_reuters.TOPICS[label] for label in labels]
    assert list(zip(topics, [" ".join(words.tokenise_keras(text)) for text in texts])) == [
        ("cocoa", "first lt wire reuter 3"),
        ("earn", "next file caf\u00e9 reuter 3"),
        ("acq", "next file caf\u00e9 reuter 3"),
        ("crude", "last reuter 3"),
    ]
    assert tuple(download_reuters.TOPICS) == keras.datasets.reuters.get_label_names()


@pytest.mark.slow
def test_imdb_has_its_known_counts_and_is_built_in_less_than_1_5_gb(shared_data, in_folder):
    # A small process in between: RUSAGE_CHILDREN is the maximum of all children.
    code = """import resource, subprocess, sys
subprocess.run([sys.executable, *sys.argv[1:]], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"""
    archive = shared_data / "aclImdb_labelled.tar.gz"
    process = run("-c", in_folder, code, ROOT / "download_imdb.py", archive)
    assert "The counts match those of IMDB." in process.stdout, process.stderr
    assert int(process.stdout.split()[-1]) * 1024 < 1.5e9  # Linux counts in KiB
    data = data_file.read("data/imdb.npz")
    vocabulary = words_of(data)
    assert len(vocabulary) == 88_582
    ranks = [vocabulary.index(word) + 1 for word in ("the", "br", "this", "film", "story")]
    assert ranks == [1, 7, 11, 19, 62]
    assert [data[f"y_{part}"].sum() for part in ("train", "test")] == [12_500, 12_500]


@pytest.mark.slow
def test_reuters_has_its_known_counts(shared_data, in_folder, capsys):
    data = load("reuters", shared_data / "reuters21578.tar.gz")
    assert "The counts match those of Reuters." in capsys.readouterr().out
    assert min(np.bincount([*data["y_train"], *data["y_test"]])) >= 15
