"""What each sibling of imdb_lstm.py adds: its model, its constants, its lesson."""

import importlib

import keras
import numpy as np
import pytest
from keras import layers

import data_files
import download_reuters
import imdb_bilstm
import imdb_cnn_lstm
import imdb_pretrained_lstm
import imdb_stacked_lstm
import reuters_rnn

MODULES = [imdb_stacked_lstm, imdb_bilstm, imdb_cnn_lstm, reuters_rnn]


def build(monkeypatch, module, **constants):
    for name, value in constants.items():
        monkeypatch.setattr(module, name, value)
    module.check_constants()
    return module.build_model()


CANNOT_WORK = [
    (imdb_stacked_lstm, "LSTM_UNITS", ()),
    (imdb_stacked_lstm, "LSTM_UNITS", 64),
    (imdb_stacked_lstm, "LSTM_UNITS", (64, 0)),
    (imdb_bilstm, "LSTM_UNITS", [64]),
    (imdb_bilstm, "MERGE_MODE", "average"),
    (imdb_cnn_lstm, "FILTERS", 0),
    (imdb_cnn_lstm, "KERNEL_SIZE", 2.0),
    (imdb_cnn_lstm, "POOL_SIZE", -1),
    (imdb_cnn_lstm, "PADDING", 18),
    (reuters_rnn, "CELL", "LTSM"),
    (reuters_rnn, "UNITS", (32, "32")),
    (reuters_rnn, "BIDIRECTIONAL", 1),
    (imdb_pretrained_lstm, "VECTORS_FILE", None),
    (imdb_pretrained_lstm, "TRAINABLE", 0),
]


@pytest.mark.parametrize("module, name, value", CANNOT_WORK)
def test_a_constant_that_cannot_work_is_named_before_data_is_loaded(in_folder, monkeypatch, module, name, value):
    monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(module, "load_data", lambda: pytest.fail("data was loaded"))
    with pytest.raises(SystemExit) as stop:
        module.main()
    assert stop.value.code.startswith(f"{name} = {value!r} ") and "\n" not in stop.value.code


@pytest.mark.parametrize("module", [*MODULES, imdb_pretrained_lstm])
def test_every_constant_has_a_rule(module, monkeypatch):
    for name in [name for name in vars(module) if name.isupper()]:
        with monkeypatch.context() as patch, pytest.raises(SystemExit, match=f"^{name} = "):
            patch.setattr(module, name, object())
            module.check_constants()


@pytest.mark.parametrize("pooling", ["max", "last"])
@pytest.mark.parametrize("module", MODULES)
def test_one_step_moves_every_parameter(monkeypatch, module, pooling):
    keras.utils.set_random_seed(0)
    model = build(monkeypatch, module, VOCAB_SIZE=30, POOLING=pooling, DROPOUT=0.0)
    ids = np.random.default_rng(0).integers(0, 30, size=(64, 40))  # every id occurs
    before = model.get_weights()
    model.train_on_batch(ids, np.arange(64) % (46 if module is reuters_rnn else 2))
    for old, new, variable in zip(before, model.get_weights(), model.variables):
        moved = (old != new).mean()
        assert moved > (0.9 if "conv" in variable.path or "recurrent" in variable.path else 0.99), variable.path


@pytest.mark.parametrize("module", MODULES)
def test_a_text_of_one_word_is_read(monkeypatch, module):
    model = build(monkeypatch, module, VOCAB_SIZE=30)
    answers = model.predict(module.batches([np.array([5])], np.array([0])), verbose=0)
    assert len(answers) == 1 and np.isfinite(answers).all()


@pytest.fixture
def cudnn(monkeypatch):
    """As in test_imdb_lstm.py: a pretended GPU whose kernels record the calls, by name."""
    calls = []
    keras_rnn = importlib.import_module("keras.src.backend.tensorflow.rnn")

    def kernel(name):
        def record(inputs, hidden, *rest, **options):
            calls.append(name)
            states = [hidden, rest[0]] if name == "lstm" else [hidden]
            outputs = np.zeros((*inputs.shape[:2], hidden.shape[1]), dtype="float32")
            return outputs[:, -1], outputs, states

        return record

    monkeypatch.setattr(keras_rnn, "_is_gpu_available", lambda: True)
    monkeypatch.setattr(keras_rnn, "_cudnn_lstm", kernel("lstm"))
    monkeypatch.setattr(keras_rnn, "_cudnn_gru", kernel("gru"))
    return calls


@pytest.mark.parametrize(
    "module, constants, expected",
    [
        (imdb_stacked_lstm, {}, ["lstm", "lstm"]),
        (imdb_bilstm, {}, ["lstm", "lstm"]),
        (imdb_cnn_lstm, {}, ["lstm"]),
        (reuters_rnn, {}, ["gru", "gru"]),
        (reuters_rnn, {"CELL": "LSTM", "BIDIRECTIONAL": False}, ["lstm"]),
        (reuters_rnn, {"CELL": "SimpleRNN"}, []),
        (imdb_bilstm, {"RECURRENT_DROPOUT": 0.2}, []),
    ],
)
def test_the_defaults_run_on_cudnn(monkeypatch, cudnn, module, constants, expected):
    model = build(monkeypatch, module, **constants)
    cudnn.clear()
    model(np.random.default_rng(0).integers(1, 100, size=(4, 12)), training=True)
    assert cudnn == expected


# --- imdb_stacked_lstm.py --------------------------------------------------------------------------------------------


def test_without_return_sequences_keras_says_what_the_comment_quotes():
    quoted = "expected ndim=3, found ndim=2"
    with open(imdb_stacked_lstm.__file__, encoding="utf-8") as file:
        assert quoted in file.read()
    with pytest.raises(ValueError, match=quoted):
        keras.Sequential([keras.Input((None,)), layers.Embedding(10, 4), layers.LSTM(4), layers.LSTM(4)])


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_stacks_of_any_depth(monkeypatch, depth):
    model = build(monkeypatch, imdb_stacked_lstm, LSTM_UNITS=(6,) * depth, VOCAB_SIZE=10, EMBEDDING_DIM=6)
    lstm = 4 * (6 * 6 + 6 * 6 + 6)
    assert model.count_params() == 10 * 6 + depth * lstm + 7


# --- imdb_bilstm.py --------------------------------------------------------------------------------------------------


def test_rice_bilstm_has_its_published_parameters(monkeypatch):
    model = build(monkeypatch, imdb_bilstm, VOCAB_SIZE=5_000, EMBEDDING_DIM=16, LSTM_UNITS=(16,), POOLING="last")
    assert model.count_params() == 84_257


@pytest.mark.parametrize("mode, width", [("concat", 10), ("sum", 5), ("ave", 5), ("mul", 5)])
def test_merge_modes_are_as_wide_as_the_comment_says(monkeypatch, mode, width):
    model = build(monkeypatch, imdb_bilstm, LSTM_UNITS=(5, 5), MERGE_MODE=mode, VOCAB_SIZE=10)
    assert [layer.output.shape[-1] for layer in model.layers if "bidirectional" in layer.name] == [width, width]


def test_the_backward_half_reads_from_the_end(monkeypatch):
    """With "last": its output is that of the same LSTM on the reversed text; the first word is the last it reads."""
    model = build(monkeypatch, imdb_bilstm, VOCAB_SIZE=20, LSTM_UNITS=(5,), POOLING="last")
    embedding, _, bidirectional = model.layers[:3]
    text = np.array([[3, 7, 11, 2, 9, 15]])
    backward = layers.LSTM(5)
    backward.build((None, None, imdb_bilstm.EMBEDDING_DIM))
    backward.set_weights(bidirectional.backward_layer.get_weights())
    both = bidirectional(embedding(text))
    np.testing.assert_allclose(both[:, 5:], backward(embedding(text[:, ::-1])), atol=1e-6)
    changed = bidirectional(embedding(np.array([[3, 7, 11, 2, 9, 1]])))
    first_changed = bidirectional(embedding(np.array([[1, 7, 11, 2, 9, 15]])))
    assert np.abs(first_changed - both)[:, 5:].max() > np.abs(changed - both)[:, 5:].max()


# --- imdb_cnn_lstm.py ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length, steps", [(4, 1), (100, 25)])
def test_the_lstm_has_a_pool_size_th_of_the_steps(monkeypatch, length, steps):
    model = build(monkeypatch, imdb_cnn_lstm, POOL_SIZE=4, VOCAB_SIZE=10)
    x = np.ones((1, length), dtype="int32")
    for layer in model.layers:
        if isinstance(layer, layers.LSTM):
            assert x.shape[1] == steps
        x = layer(x)


def test_a_convolution_drops_the_mask():
    """Why no script uses a mask: behind a Conv1D none is left."""
    x = layers.Embedding(10, 4, mask_zero=True)(np.array([[5, 3, 0, 0]]))
    assert x._keras_mask is not None
    assert getattr(layers.Conv1D(4, 3)(x), "_keras_mask", None) is None


# --- reuters_rnn.py --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell, gates", [("SimpleRNN", 1), ("GRU", 3), ("LSTM", 4)])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_cells_and_directions(monkeypatch, cell, gates, bidirectional):
    constants = {"CELL": cell, "BIDIRECTIONAL": bidirectional, "UNITS": (6, 4), "VOCAB_SIZE": 10, "EMBEDDING_DIM": 8}
    model = build(monkeypatch, reuters_rnn, **constants)
    both = 2 if bidirectional else 1
    biases = 2 if cell == "GRU" else 1  # reset_after keeps one for the inputs and one for the state
    first = gates * 6 * (8 + 6 + biases)
    second = gates * 4 * (6 * both + 4 + biases)
    assert model.count_params() == 80 + both * (first + second) + 46 * (4 * both + 1)
    assert model.output_shape == (None, 46)


def test_reuters_data_file_is_read(in_folder, monkeypatch):
    data = download_reuters.from_sample()
    data_files.write(reuters_rnn.DATA_FILE, data)
    (x_train, y_train), (x_test, y_test), words, classes, source = reuters_rnn.load_data()
    assert np.array_equal(np.concatenate(x_train), data["x_train"]) and np.array_equal(y_train, data["y_train"])
    assert np.array_equal(np.concatenate(x_test), data["x_test"]) and np.array_equal(y_test, data["y_test"])
    assert source == "built-in sample, not Reuters"
    assert classes == download_reuters.TOPICS


def test_reuters_rnn_knows_the_classes_of_imdb(in_folder, monkeypatch, small_sample):
    """So its cells can be compared on IMDB."""
    data_files.write("data/imdb.npz", small_sample)
    monkeypatch.setattr(reuters_rnn, "DATA_FILE", "data/imdb.npz")
    *_, classes, source = reuters_rnn.load_data()
    assert classes == ["negative", "positive"] and source == "built-in sample, not IMDB"
