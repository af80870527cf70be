"""The scripts' batches, which are the same text in all (test_skeleton.py), and their networks."""

import importlib

import keras
import numpy as np
import pytest
from conftest import SCRIPTS
from keras import layers

import imdb_bilstm
import imdb_cnn_lstm
import imdb_lstm
import imdb_stacked_lstm
import reuters_rnn

MODULES = [importlib.import_module(script) for script in SCRIPTS]
all_scripts = pytest.mark.parametrize("script", MODULES, ids=SCRIPTS)


def lengths_like(script, count):
    """Returns random lengths. IMDB's logarithms have mean 5.26, Reuters' 4.62."""
    mean, deviation = (4.62, 0.84) if script is reuters_rnn else (5.26, 0.64)
    return np.exp(np.random.default_rng(0).normal(mean, deviation, count)).astype(int).clip(1)


@pytest.fixture
def texts():
    """2,000 texts of random ids from 1 to 2,999, as long as IMDB's."""
    random = np.random.default_rng(0)
    lengths = [1, 7, 8, 9, 399, 400, 401, *lengths_like(imdb_lstm, 1_993)]
    return [random.integers(1, 3_000, length, dtype="int32") for length in lengths]


def epoch(dataset):
    return [(ids.numpy(), labels.numpy()) for ids, labels in dataset]


@pytest.mark.parametrize("size, length", [(128, 400), (7, 30)])
def test_each_text_occurs_once_an_epoch_with_its_label(monkeypatch, texts, size, length):
    """Against the rule: the last MAX_LENGTH ids, rare ones as 2, at least 8 zeros in front."""
    for name, value in dict(BATCH_SIZE=size, MAX_LENGTH=length, VOCAB_SIZE=2_000).items():
        monkeypatch.setattr(imdb_lstm, name, value)
    dataset = imdb_lstm.batches(texts, np.arange(len(texts)))
    for seen in epoch(dataset), epoch(dataset):
        assert len(seen) == len(dataset)
        assert sorted(np.concatenate([labels for _, labels in seen])) == list(range(len(texts)))
        for ids, labels in seen:
            longest = max(min(len(texts[label]), length) for label in labels)
            assert len(ids) <= size and ids.shape[1] % 8 == 0
            assert longest + 8 <= ids.shape[1] < longest + 16
            for row, label in zip(ids, labels):
                expected = [id if id < 2_000 else 2 for id in texts[label][-length:]]
                assert row.tolist() == [0] * (len(row) - len(expected)) + expected


def test_order_and_composition_of_batches_change_each_epoch(monkeypatch, texts):
    monkeypatch.setattr(imdb_lstm, "BATCH_SIZE", 32)
    dataset = imdb_lstm.batches(texts, np.arange(len(texts)))
    pairs, widths = [], []
    for seen in epoch(dataset), epoch(dataset):
        pairs.append({(a, b) for _, labels in seen for a in labels for b in labels if a < b})
        widths.append([ids.shape[1] for ids, _ in seen])
    assert len(pairs[0] & pairs[1]) < 0.5 * len(pairs[0])
    assert widths[0] != widths[1]
    # Not from short to long, nor from long to short.
    assert abs(np.corrcoef(np.arange(len(widths[0])), widths[0])[0, 1]) < 0.6


def test_without_shuffling_texts_are_sorted_by_length_whatever_the_seed(monkeypatch, texts):
    orders = []
    for seed in 1, 2:
        monkeypatch.setattr(imdb_lstm, "SEED", seed)
        dataset = imdb_lstm.batches(texts, np.arange(len(texts)), shuffle=False)
        orders.append(np.concatenate([labels for _, labels in epoch(dataset)]))
    lengths = [min(len(texts[label]), 400) for label in orders[0]]
    assert np.array_equal(*orders) and lengths == sorted(lengths)


def test_batches_do_not_wait_for_a_clock_and_have_any_width(texts):
    """tf.data's autotuner sleeps between its steps, and an iterator can end only when it wakes."""
    dataset = imdb_lstm.batches(texts, np.arange(len(texts)))
    assert dataset.options().autotune.enabled is False
    assert dataset.element_spec[0].shape.as_list() == [None, None]


@pytest.mark.parametrize("script", [imdb_lstm, reuters_rnn])
def test_padding_is_less_than_15_percent(script):
    """Padded to MAX_LENGTH, texts would be 1.9 (IMDB) or 3 (Reuters) times as long."""
    lengths = lengths_like(script, 9_000 if script is reuters_rnn else 25_000)
    texts = [np.ones(length, dtype="int32") for length in lengths.clip(max=script.MAX_LENGTH)]
    dataset = script.batches(texts, np.zeros(len(texts), dtype="int64"))
    positions = sum(ids.size for ids, _ in dataset.as_numpy_iterator())
    assert positions < 1.15 * sum(map(len, texts))


@pytest.fixture
def build(in_folder, monkeypatch):
    """A function that builds the model of a script with other constants and random vectors."""

    def build(script, **constants):
        for name, value in constants.items():
            monkeypatch.setattr(script, name, value)
        keras.utils.set_random_seed(0)
        vectors = np.random.normal(size=(script.VOCAB_SIZE, script.EMBEDDING_DIM))
        if not hasattr(script, "VECTORS_FILE"):
            return script.build_model(vectors, *[46] * ("reuters" in script.DATA_FILE))
        monkeypatch.setattr(script, "VECTORS_FILE", "vectors.txt")
        words = [f"word{id}" for id in range(4, script.VOCAB_SIZE)]
        np.savetxt("vectors.txt", np.c_[words, vectors[4:].astype(str)], fmt="%s")
        return script.build_model(words, {})

    return build


BROWNLEE = dict(VOCAB_SIZE=5_000, EMBEDDING_DIM=32, LSTM_UNITS=100)
RICE = dict(VOCAB_SIZE=5_000, EMBEDDING_DIM=16, LSTM_UNITS=(16,))
DEEP = dict(VOCAB_SIZE=10, EMBEDDING_DIM=6, LSTM_UNITS=(6,) * 5)
SUM = dict(VOCAB_SIZE=10, EMBEDDING_DIM=6, LSTM_UNITS=(5,), MERGE_MODE="sum")
TWO = dict(VOCAB_SIZE=10, EMBEDDING_DIM=8, UNITS=(6, 4))
ONE_WAY = dict(CELL="SimpleRNN", BIDIRECTIONAL=False)


@pytest.mark.parametrize(
    "script, constants, parameters",
    [
        (imdb_lstm, BROWNLEE, 213_301),
        (imdb_cnn_lstm, BROWNLEE | dict(FILTERS=32, KERNEL_SIZE=3, POOL_SIZE=2), 216_405),
        (imdb_stacked_lstm, RICE, 82_129),
        (imdb_bilstm, RICE, 84_257),
        # Counted by hand. A GRU has two biases (reset_after), for the inputs and for the state.
        (imdb_stacked_lstm, DEEP, 60 + 5 * 4 * 6 * (6 + 6 + 1) + 7),
        (imdb_bilstm, SUM, 60 + 2 * 4 * 5 * (6 + 5 + 1) + 6),
        (reuters_rnn, TWO, 80 + 2 * 3 * (6 * (8 + 6 + 2) + 4 * (12 + 4 + 2)) + 46 * (8 + 1)),
        (reuters_rnn, TWO | ONE_WAY, 80 + 6 * (8 + 6 + 1) + 4 * (6 + 4 + 1) + 46 * (4 + 1)),
    ],
)
def test_published_models_have_their_published_parameters(build, script, constants, parameters):
    assert build(script, **constants).count_params() == parameters


@all_scripts
def test_one_step_moves_every_parameter(build, script):
    """Also the embedding's, which is frozen where it has given vectors, once it is trainable."""
    model = build(script, VOCAB_SIZE=30, EMBEDDING_DIM=8, WORD_DROPOUT=0, DROPOUT=0)
    assert not model.layers[0].trainable
    model.layers[0].trainable = True
    model.optimizer.epsilon = 1e-12  # so that the smallest gradient has an effect
    model.compile(model.optimizer, loss=model.loss, run_eagerly=True)  # faster for one step
    ids = np.random.default_rng(0).integers(0, 30, size=(64, 16))  # every id occurs
    before = model.get_weights()
    model.train_on_batch(ids, np.arange(64) % (46 if "reuters" in script.DATA_FILE else 2))
    for old, variable in zip(before, model.weights, strict=True):
        # A convolution's relu and the maximum over time leave few parameters without a gradient.
        assert (old != variable.numpy()).mean() > 0.9, variable.path


@pytest.fixture
def cudnn(monkeypatch):
    """Makes Keras believe in a GPU; records its cuDNN calls as [(inputs, mask)]."""
    calls = []

    def kernel(inputs, hidden, *rest):
        calls.append((np.array(inputs), rest[-4]))
        outputs = np.zeros((*inputs.shape[:2], hidden.shape[-1]), dtype="float32")
        return outputs[:, -1], outputs, [hidden, hidden]

    module = importlib.import_module("keras.src.backend.tensorflow.rnn")  # a function hides it
    monkeypatch.setattr(module, "_is_gpu_available", lambda: True)
    monkeypatch.setattr(module, "_cudnn_lstm", kernel)
    monkeypatch.setattr(module, "_cudnn_gru", kernel)
    return calls


CALLS = {imdb_stacked_lstm: 2, imdb_bilstm: 2, reuters_rnn: 2}  # of another script, at least one


@all_scripts
def test_defaults_run_on_cudnn_without_a_mask(build, cudnn, script):
    model = build(script, VOCAB_SIZE=200)
    cudnn.clear()
    model(np.random.default_rng(0).integers(1, 100, size=(4, 16)), training=True)
    assert len(cudnn) >= CALLS.get(script, 1)
    steps = 16 // getattr(script, "POOL_SIZE", 1)
    assert all(inputs.shape[1] == steps and mask is None for inputs, mask in cudnn)


@pytest.mark.parametrize("script", [imdb_lstm, imdb_bilstm, imdb_cnn_lstm, reuters_rnn])
def test_dropout_drops_the_same_inputs_at_all_words(build, cudnn, script):
    model = build(script, VOCAB_SIZE=100, WORD_DROPOUT=0, DROPOUT=0.5)
    ids = np.random.default_rng(0).integers(1, 100, size=(4, 16))
    cudnn.clear()
    model(ids, training=True)
    embedding, _, third, *_ = model.layers
    spatial = script is imdb_cnn_lstm  # its convolution reads what is dropped, not its LSTM
    seen = third(embedding(ids), training=True) if spatial else cudnn[0][0]
    dropped = np.array(seen) == 0
    assert (dropped == dropped[:, :1]).all() and 0.3 < dropped.mean() < 0.7
    assert (dropped[0] != dropped[1]).any()  # others in each text


@all_scripts
def test_word_dropout_drops_whole_words(build, script):
    embedding, dropout, *_ = build(script, VOCAB_SIZE=100, WORD_DROPOUT=0.5).layers
    vectors = embedding(np.arange(4, 100).reshape(2, 48)).numpy()
    seen = dropout(vectors, training=True).numpy()
    dropped = (seen == 0).all(axis=-1)
    assert 0.2 < dropped.mean() < 0.8 and (dropped[0] != dropped[1]).any()
    assert np.allclose(seen[~dropped], 2 * vectors[~dropped])  # scaled up in return
    assert np.array_equal(dropout(vectors, training=False), vectors)


def test_without_return_sequences_keras_says_what_the_comment_quotes():
    quoted = "expected ndim=3, found ndim=2"
    with open(imdb_stacked_lstm.__file__, encoding="utf-8") as file:
        assert quoted in file.read()
    lstms = layers.LSTM(4), layers.LSTM(4)
    with pytest.raises(ValueError, match=quoted):
        keras.Sequential([keras.Input((None,)), layers.Embedding(10, 4), *lstms])


@pytest.mark.parametrize("padding, blind", [("post", True), ("pre", False)])
def test_post_padding_without_a_mask_makes_an_lstm_blind(padding, blind):
    """Behind 100 zeros a whole text no longer changes the last output. So texts are pre-padded."""
    keras.utils.set_random_seed(0)
    texts = keras.utils.pad_sequences([range(1, 11), range(21, 31)], 110, padding=padding)
    one, other = layers.LSTM(16)(layers.Embedding(50, 16)(texts))
    difference = np.abs(one - other).max()
    assert difference < 1e-5 if blind else difference > 1e-3
