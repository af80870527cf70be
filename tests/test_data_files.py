"""The tokeniser, the encoding and the data file."""

import collections
import os

import numpy as np
import pytest
from keras.src.legacy.preprocessing import text as keras_text

import data_files

TEXTS = [
    "The film isn't bad; it's GOOD!<br /><br />Really... (10/10)",
    "rock'n'roll\ttabs\nand new-lines, under_scores & «quotes» – dashes",
    "no-break\u00a0space, wide\u3000space, \u0130stanbul, Stra\u00dfe, \u2028 line separator, \r carriage return",
    "  leading and trailing  ",
    "",
    "'quoted' ''",
    "a@b.c {x} [y] ~z ^w `v| \\back",
]


@pytest.mark.parametrize("text", TEXTS)
def test_tokenises_as_keras_does(text):
    assert data_files.tokenise(text) == keras_text.text_to_word_sequence(text)


def test_tokenises_random_characters_as_keras_does():
    random = np.random.default_rng(0)
    for _ in range(300):
        text = "".join(map(chr, random.choice([*range(1, 0x250), 0x2028, 0x3000, 0x1F600], size=40)))
        assert data_files.tokenise(text) == keras_text.text_to_word_sequence(text)


def encode(train, test):
    encoder = data_files.Encoder()
    x_train, x_test = ([encoder.add(text) for text in texts] for texts in (train, test))
    words = encoder.finish(x_train, x_test)
    return x_train, x_test, words


def test_ranks_by_frequency_in_train_then_by_alphabet():
    x_train, x_test, words = encode(["b b a c", "b c a"], ["z z z z c", "z"])
    assert words == ["b", "a", "c"]
    assert [text.tolist() for text in x_train] == [[1, 4, 4, 5, 6], [1, 4, 6, 5]]
    assert [text.tolist() for text in x_test] == [[1, 6], [1]]  # z was never seen in train: left out
    assert all(text.dtype == "int32" for text in x_train + x_test)


def test_ranks_have_the_frequencies_that_keras_finds():
    random = np.random.default_rng(1)
    texts = [" ".join(random.choice(["the", "a", "film", "it's", "Good", "bad!", "x"], size=9)) for _ in range(50)]
    x_train, _, words = encode(texts, [])
    tokenizer = keras_text.Tokenizer()
    tokenizer.fit_on_texts(texts)
    counts = collections.Counter(word for text in texts for word in keras_text.text_to_word_sequence(text))
    assert [counts[word] for word in words] == [counts[word] for word in tokenizer.word_index]
    decoded = [[words[id - 4] for id in text[1:]] for text in x_train]
    assert decoded == [keras_text.text_to_word_sequence(text) for text in texts]


def packed(number=1):
    train, test, words = encode(["one two", "two three"] * number, ["two"])
    return data_files.pack(train, [0, 1] * number, test, [1], words, ["no", "yes"], "a test")


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "new" / "x.npz"
    data_files.write(str(path), packed())
    data = data_files.read(str(path))
    for name, value in packed().items():
        assert np.array_equal(data[name], value), name
    assert os.listdir(path.parent) == ["x.npz"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch, failure):
    path = tmp_path / "x.npz"
    data_files.write(str(path), packed())
    before = path.read_bytes()

    def half(file, **arrays):
        file.write(b"PK half a file")
        raise failure

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(KeyboardInterrupt if failure is KeyboardInterrupt else data_files.DataError):
        data_files.write(str(path), packed(3))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["x.npz"]


def break_lengths(data):
    data["train_lengths"][0] += 1


def drop_label(data):
    data["y_test"] = data["y_test"][:0]


def wrong_type(data):
    data["x_train"] = data["x_train"].astype(float)


def drop_array(data):
    del data["vocabulary"]


@pytest.mark.parametrize("damage", [break_lengths, drop_label, wrong_type, drop_array])
def test_a_file_that_is_not_sound_is_refused_with_its_name(tmp_path, damage):
    data = packed()
    damage(data)
    path = str(tmp_path / "x.npz")
    np.savez(path, **data)
    with pytest.raises(data_files.DataError, match="x.npz"):
        data_files.read(path)


@pytest.mark.parametrize("place, value", [(8, 0x01), (8, 0x20), (10, 0x63)])
def test_a_file_that_says_it_is_encrypted_or_packed_otherwise_is_refused(tmp_path, place, value):
    data_files.write(str(tmp_path / "data.npz"), packed())
    content = bytearray((tmp_path / "data.npz").read_bytes())
    content[content.index(b"PK\x01\x02") + place] |= value  # in the directory of the zip file
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(data_files.DataError, match="data.npz is not a data file"):
        data_files.read(str(tmp_path / "data.npz"))


@pytest.mark.parametrize("keep", [0, 10, 500, -1])
def test_half_a_file_is_refused(tmp_path, keep):
    path = tmp_path / "x.npz"
    data_files.write(str(path), packed())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(data_files.DataError, match="x.npz"):
        data_files.read(str(path))


def test_pickles_are_refused(tmp_path):
    path = str(tmp_path / "imdb.npz")
    np.savez(path, **(packed() | {"x_train": np.array([[1], [2, 3]], dtype=object)}))
    with pytest.raises(data_files.DataError, match="allow_pickle"):
        data_files.read(path)
