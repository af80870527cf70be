"""The scripts' batches and networks, and Keras's recurrent layers against their equations."""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import SCRIPTS
from keras import layers

import imdb_bilstm
import imdb_cnn_lstm
import imdb_lstm
import imdb_pretrained_lstm
import imdb_stacked_lstm
import reuters_rnn

MODULES = [importlib.import_module(script) for script in SCRIPTS]
all_scripts = pytest.mark.parametrize("script", MODULES, ids=SCRIPTS)

# --- Batches, which are the same text in all scripts (test_skeleton.py) --------------------------


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
    for _ in range(2):
        seen = epoch(dataset)
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

    def pairs(seen):
        return {(a, b) for _, labels in seen for a in labels for b in labels if a < b}

    first, second = epoch(dataset), epoch(dataset)
    kept = len(pairs(first) & pairs(second)) / len(pairs(first))
    assert kept < 0.5
    widths = [[ids.shape[1] for ids, _ in seen] for seen in (first, second)]
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


# --- Networks ------------------------------------------------------------------------------------


@pytest.fixture
def build(in_folder, monkeypatch):
    """A function that builds the model of a script with other constants and random vectors."""

    def build(script, trainable=False, **constants):
        for name, value in constants.items():
            monkeypatch.setattr(script, name, value)
        keras.utils.set_random_seed(0)
        vectors = np.random.normal(size=(script.VOCAB_SIZE, script.EMBEDDING_DIM))
        if hasattr(script, "VECTORS_FILE"):
            monkeypatch.setattr(script, "VECTORS_FILE", "vectors.txt")
            words = [f"word{id}" for id in range(4, script.VOCAB_SIZE)]
            np.savetxt("vectors.txt", np.c_[words, vectors[4:].astype(str)], fmt="%s")
            model = script.build_model(words, {})
        else:
            model = script.build_model(vectors, *[46] * ("reuters" in script.DATA_FILE))
        model.layers[0].trainable = trainable
        model.compile(model.optimizer, loss=model.loss, metrics=["accuracy"])
        return model

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


@pytest.mark.parametrize("trainable", [False, True])
@all_scripts
def test_one_step_moves_every_parameter(build, script, trainable):
    """But for the embedding, if it is frozen."""
    model = build(script, trainable, VOCAB_SIZE=30, EMBEDDING_DIM=8, WORD_DROPOUT=0, DROPOUT=0)
    model.optimizer.epsilon = 1e-12  # so that the smallest gradient has an effect
    model.run_eagerly = True  # faster for one step
    ids = np.random.default_rng(0).integers(0, 30, size=(64, 16))  # every id occurs
    before = model.get_weights()
    model.train_on_batch(ids, np.arange(64) % (46 if "reuters" in script.DATA_FILE else 2))
    for old, variable in zip(before, model.weights, strict=True):
        moved = (old != variable.numpy()).mean()
        frozen = not trainable and "embedding" in variable.path
        # A convolution's relu and the maximum over time leave few parameters without a gradient.
        assert moved == 0 if frozen else moved > 0.9, variable.path


@pytest.fixture
def cudnn(monkeypatch):
    """Makes Keras believe in a GPU; records its cuDNN calls as [(cell, inputs, mask)]."""
    calls = []

    def recorder(cell):
        def kernel(inputs, hidden, *rest):
            calls.append((cell, np.array(inputs), rest[-4]))
            outputs = np.zeros((*inputs.shape[:2], hidden.shape[-1]), dtype="float32")
            return outputs[:, -1], outputs, [hidden, rest[0]] if cell == "lstm" else [hidden]

        return kernel

    module = importlib.import_module("keras.src.backend.tensorflow.rnn")  # a function hides it
    monkeypatch.setattr(module, "_is_gpu_available", lambda: True)
    for cell in "lstm", "gru":
        monkeypatch.setattr(module, f"_cudnn_{cell}", recorder(cell))
    return calls


CUDNN = {  # calls; of another script, at least one
    imdb_lstm: ["lstm"],
    imdb_stacked_lstm: ["lstm", "lstm"],
    imdb_bilstm: ["lstm", "lstm"],
    imdb_cnn_lstm: ["lstm"],
    imdb_pretrained_lstm: ["lstm"],
    reuters_rnn: ["gru", "gru"],
}


@pytest.mark.parametrize(
    "script, constants, expected",
    [
        *((script, {}, CUDNN.get(script)) for script in MODULES),
        (reuters_rnn, {"CELL": "LSTM", "BIDIRECTIONAL": False}, ["lstm"]),
        (reuters_rnn, {"CELL": "SimpleRNN"}, []),
    ],
)
def test_defaults_run_on_cudnn_without_a_mask(build, cudnn, script, constants, expected):
    model = build(script, VOCAB_SIZE=200, **constants)
    cudnn.clear()
    model(np.random.default_rng(0).integers(1, 100, size=(4, 16)), training=True)
    cells = [cell for cell, *_ in cudnn]
    assert cells == expected or expected is None and cells
    steps = 16 // getattr(script, "POOL_SIZE", 1)
    assert all(inputs.shape[1] == steps and mask is None for _, inputs, mask in cudnn)


@pytest.mark.parametrize("script", [imdb_lstm, imdb_bilstm, imdb_cnn_lstm, reuters_rnn])
def test_dropout_drops_the_same_inputs_at_all_words(build, cudnn, script):
    model = build(script, VOCAB_SIZE=100, WORD_DROPOUT=0, DROPOUT=0.5)
    ids = np.random.default_rng(0).integers(1, 100, size=(4, 16))
    cudnn.clear()
    model(ids, training=True)
    embedding, _, third, *_ = model.layers
    spatial = script is imdb_cnn_lstm  # its convolution reads what is dropped, not its LSTM
    seen = third(embedding(ids), training=True) if spatial else cudnn[0][1]
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


# --- Recurrent layers ----------------------------------------------------------------------------


def test_post_padding_without_a_mask_makes_an_lstm_blind():
    """Behind 100 zeros a whole text no longer changes the last output. So texts are pre-padded."""
    keras.utils.set_random_seed(0)
    embedding, layer = layers.Embedding(50, 16), layers.LSTM(16)
    texts = [np.arange(1, 11), np.arange(21, 31)]

    def difference(padding):
        one, other = layer(embedding(keras.utils.pad_sequences(texts, 110, padding=padding)))
        return np.abs(one - other).max()

    assert difference("post") < 1e-5
    assert difference("pre") > 1e-3


def log_gradient(cell, steps, gate=None):
    """Returns log10 of the norm of d(last output) / d(first input), the mean of three seeds.

    At initialisation, except that `gate`, a slice of the bias and a number, sets a gate's bias.
    """
    logs = []
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        layer = cell(16, dtype="float64")  # float32 would round the gradient to zero
        layer.build((None, None, 16))
        if gate is not None:
            *kernels, bias = layer.get_weights()
            bias[..., gate[0]] = gate[1]
            layer.set_weights([*kernels, bias])
        x = tf.constant(np.random.default_rng(seed).normal(size=(4, steps, 16)))
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = tf.reduce_sum(layer(x) ** 2)
        logs.append(np.log10(np.linalg.norm(tape.gradient(output, x)[:, 0])))
    return np.mean(logs)


@pytest.mark.slow
def test_gradients_vanish_and_gates_can_keep_them():
    """The LSTM's vanish least at initialisation, because its forget gate starts with a bias of 1.

    With a large bias, as after training, the gradient over 200 steps is nearly that over 10.
    """
    lost = {
        cell: log_gradient(cell, 10) - log_gradient(cell, 200)  # powers of ten
        for cell in (layers.SimpleRNN, layers.GRU, layers.LSTM)
    }
    assert lost[layers.SimpleRNN] > 20 and lost[layers.GRU] > 20
    assert 5 < lost[layers.LSTM] < lost[layers.SimpleRNN] - 5
    forget_gate = slice(16, 32), 6
    update_gate = slice(0, 16), 3  # in both biases, which add up
    for cell, gate in (layers.LSTM, forget_gate), (layers.GRU, update_gate):
        assert log_gradient(cell, 10, gate) - log_gradient(cell, 200, gate) < 2


@pytest.mark.parametrize("recurrent", [True, False])
def test_spelling_needs_memory(recurrent):
    """Predict each next letter of "data", and its end.

    Without memory the two letters "a" are the same: at best three of the four answers are right.
    """
    x, y = np.array([[0, 1, 2, 1]]), np.array([[1, 2, 1, 3]])  # d a t a, a t a end
    keras.utils.set_random_seed(0)
    recurrent_layer = layers.SimpleRNN(8, return_sequences=True)
    middle = recurrent_layer if recurrent else layers.Dense(8, activation="tanh")
    output = layers.Dense(4, activation="softmax")
    model = keras.Sequential([layers.Embedding(4, 4), middle, output])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.05
    model.fit(np.repeat(x, 150, axis=0), np.repeat(y, 150, axis=0), batch_size=1, verbose=0)
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert accuracy == (1.0 if recurrent else 0.75)
    # Two equally likely answers to "a" cost log(2) each, whatever the network does.
    assert loss < 0.05 if recurrent else loss == pytest.approx(np.log(2) / 2, abs=0.02)
