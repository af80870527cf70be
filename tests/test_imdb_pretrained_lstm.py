"""imdb_pretrained_lstm.py: the reader of word vectors, and the network on top of them."""

import gzip
import json
import tracemalloc

import keras
import numpy as np
import pytest

import data_files
import imdb_pretrained_lstm as script
from conftest import run

WORDS = ["the", "good", "bad", "don't", "naïve"]
TEXTS = [np.array([1, 4, 5, 4, 2]), np.array([1, 6, 4, 7])]
VECTORS = {"the": [0.5, -1, 2], "unasked": [9, 9, 9], "bad": [1e-3, 0, -0.25], "naïve": [3, 4, 5]}


@pytest.fixture
def vectors(in_folder, monkeypatch):
    """A function that writes a vectors file and reads it."""
    monkeypatch.setattr(script, "VOCAB_SIZE", 12)

    def read(content, name="vectors.txt"):
        monkeypatch.setattr(script, "VECTORS_FILE", name)
        (in_folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return script.load_vectors(WORDS, TEXTS)

    return read


def lines(vectors, end="\n"):
    return "".join(f"{word} {' '.join(map(str, vector))}{end}" for word, vector in vectors.items()).encode()


@pytest.mark.parametrize("name", ["glove.txt", "glove.txt.gz"])
@pytest.mark.parametrize("head", [b"", b"4 3\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf4 3\n"])
@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"])  # fastText ends its lines with a space
def test_both_formats_give_each_id_its_vector(vectors, capsys, name, head, end):
    matrix = vectors(head + lines(VECTORS, end), name)
    assert matrix.shape == (12, 3) and matrix.dtype == "float32"
    for row, word in (4, "the"), (6, "bad"), (8, "naïve"):
        assert matrix[row].tolist() == np.float32(VECTORS[word]).tolist()
    assert (matrix[0] == 0).all()
    others = matrix[[1, 2, 3, 5, 7, 9, 10, 11]]
    assert (np.abs(others) <= 0.05).all() and len(np.unique(others)) == others.size
    out = capsys.readouterr().out
    # Of the seven words of the texts, unknown ones among them, "the" and "bad" were found: four.
    assert f"{name}: 3 numbers each for 3 of 5 words, 57.1% of the text" in out
    assert "without a vector: good, don't" in out


def test_words_with_spaces_and_repeated_words(vectors):
    content = b"the 1 2\n. . . 3 4\nat name@domain.com 5 6\ngood 7 8\nthe 9 9\n1 5 5\n"
    matrix = vectors(content)
    assert matrix[4].tolist() == [1, 2] and matrix[5].tolist() == [7, 8]


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "none of the 5 words in its 0 lines"),
        (b"house 1 2\ncat 3 4\n", "none of the 5 words in its 2 lines"),
        (b"2 300\n", "none of the 5 words in its 1 lines"),
        (b"the\n", "line 1: not a word and its numbers"),
        (b"some text, and no numbers\n", "line 1: not a word and its numbers"),
        (b"the 1 2 3\ngood 1 2\n", "line 2: not a word and 3 numbers"),
        (b"the 1 2 3\nother 1 2\n", "line 2: not a word and 3 numbers"),
        (b"the 1 2 3\nother 1 2 3 4\n", "line 2: not a word and 3 numbers"),
        (b"the 1 2 3\n\ngood 1 2 3\n", "line 2: not a word and 3 numbers"),
        (b"the 1 2 3\ngood 1 x 3\n", "line 2: not a word and 3 numbers"),
        (b"the 1 2 3\ngood 1 nan 3\n", "line 2: not a word and 3 numbers"),
        (b"2 3\nthe 1 2 3 4\n", "line 2: not a word and 3 numbers"),
        (b"2 0\nthe 1 2\n", "line 2: not a word and its numbers"),
        (b"2 3\n" + bytes(range(256)) * 100, "line 2: not a word and 3 numbers"),
        (b"PK\x03\x04" + bytes(3_000_000), "line 1: not a word and its numbers"),
    ],
)
def test_what_is_no_file_of_vectors_is_named_with_its_line(vectors, content, reason):
    with pytest.raises(SystemExit) as stop:
        vectors(content)
    assert stop.value.code.startswith("vectors.txt") and reason in stop.value.code and "\n" not in stop.value.code


@pytest.mark.parametrize("damage", [lambda content: content[:-20], lambda content: content[:40] + b"?" + content[41:]])
def test_a_damaged_archive_is_named(vectors, in_folder, damage):
    vectors(lines(VECTORS), "vectors.txt.gz")
    (in_folder / "vectors.txt.gz").write_bytes(damage((in_folder / "vectors.txt.gz").read_bytes()))
    with pytest.raises(SystemExit, match="vectors.txt.gz is damaged|vectors.txt.gz, line"):
        script.load_vectors(WORDS, TEXTS)


def test_a_large_file_needs_no_memory(vectors, in_folder):
    filler = b"".join(b"word%d %s\n" % (number, b" ".join([b"0.12345"] * 50)) for number in range(40_000))
    vectors(b"the " + b"1 " * 50 + b"\n")
    (in_folder / "vectors.txt").write_bytes(lines({"the": [1] * 50}) + filler)
    tracemalloc.start()
    script.load_vectors(WORDS, TEXTS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(filler) > 15_000_000 and peak < 1_000_000


def test_a_file_without_lines_is_not_read_whole(vectors, in_folder):
    vectors(lines(VECTORS))
    (in_folder / "vectors.txt").write_bytes(b"2 3\n" + bytes(20_000_000))
    tracemalloc.start()
    with pytest.raises(SystemExit, match="line 2: not a word and 3 numbers"):
        script.load_vectors(WORDS, TEXTS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def test_without_the_file_it_says_where_to_get_it(in_folder):
    process = run(script.__file__, in_folder)
    assert process.returncode == 1 and process.stdout == ""
    [line] = [line for line in process.stderr.splitlines() if "There is no" in line]
    assert line.startswith("There is no data/glove.6B.100d.txt. ")
    assert "curl -LO https://nlp.stanford.edu/data/glove.6B.zip" in line and "862 MB" in line


@pytest.mark.parametrize("trainable", [False, True])
def test_the_embedding_starts_from_the_vectors_and_moves_only_if_it_may(
    in_folder, monkeypatch, small_sample, trainable
):
    data_files.write(script.DATA_FILE, small_sample)
    words = bytes(small_sample["vocabulary"]).decode().split("\n")
    table = np.random.default_rng(0).normal(size=(len(words), 5)).round(4)
    (in_folder / "vectors.vec").write_bytes(f"{len(words)} 5\n".encode() + lines(dict(zip(words, table.tolist()))))
    for name, value in dict(VECTORS_FILE="vectors.vec", TRAINABLE=trainable, EPOCHS=1, VOCAB_SIZE=60).items():
        monkeypatch.setattr(script, name, value)
    script.main()
    embedding = keras.models.load_model("runs/imdb_pretrained_lstm/model.keras").layers[0]
    [found] = embedding.get_weights()
    assert np.array_equal(found[4:], table[:56].astype("float32")) != trainable
    with open("runs/imdb_pretrained_lstm/result.json") as file:
        assert json.load(file)["constants"]["TRAINABLE"] == trainable
    assert keras.saving.serialize_keras_object(embedding)["config"]["output_dim"] == 5


def test_the_model_file_holds_the_vectors_once(monkeypatch, in_folder):
    """As weights, not as numbers written out in its configuration."""
    model = script.build_model(np.zeros((1000, 50), dtype="float32"))
    assert len(model.to_json()) < 10_000
