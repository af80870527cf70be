"""Keras's recurrent layers against their equations, written out in plain numpy for reading beside a textbook."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

BATCH, TIME, FEATURES, UNITS = 3, 7, 4, 5


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def weighted(layer):
    """Builds a layer, gives it random weights (biases too, which start at 0 or 1) and returns them."""
    random = np.random.default_rng(0)
    layer.build((BATCH, TIME, FEATURES))
    layer.set_weights([random.normal(0, 0.7, size=weights.shape) for weights in layer.get_weights()])
    return layer.get_weights()


def inputs():
    return np.random.default_rng(1).normal(size=(BATCH, TIME, FEATURES)).astype("float32")


def lstm(x, kernel, recurrent_kernel, bias):
    """Returns the hidden states (batch, time, units) and the last cell state (batch, units) of an LSTM.

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000. Keras stores the weights of the four
    parts side by side: input gate, forget gate, candidate, output gate. Shapes: `x` (batch, time, features), `kernel`
    (features, 4 units), `recurrent_kernel` (units, 4 units), `bias` (4 units).
    """
    units = len(recurrent_kernel)
    hidden = np.zeros((len(x), units))
    cell = np.zeros((len(x), units))
    states = []
    for time in range(x.shape[1]):
        z = x[:, time] @ kernel + hidden @ recurrent_kernel + bias
        input_gate = sigmoid(z[:, :units])  # how much of the candidate is written
        forget_gate = sigmoid(z[:, units : 2 * units])  # how much of the old cell state is kept
        candidate = np.tanh(z[:, 2 * units : 3 * units])
        output_gate = sigmoid(z[:, 3 * units :])  # how much of the cell state is shown
        cell = forget_gate * cell + input_gate * candidate
        hidden = output_gate * np.tanh(cell)
        states.append(hidden)
    return np.stack(states, axis=1), cell


def test_lstm_follows_the_equations():
    layer = layers.LSTM(UNITS, return_sequences=True, return_state=True)
    weights = weighted(layer)
    states, last_hidden, last_cell = layer(inputs())
    expected_states, expected_cell = lstm(inputs(), *weights)
    np.testing.assert_allclose(states, expected_states, atol=1e-5)
    np.testing.assert_allclose(last_hidden, expected_states[:, -1], atol=1e-5)
    np.testing.assert_allclose(last_cell, expected_cell, atol=1e-5)


def test_the_forget_gate_starts_open():
    layer = layers.LSTM(UNITS)
    layer.build((BATCH, TIME, FEATURES))
    bias = layer.get_weights()[2]
    np.testing.assert_array_equal(bias, np.repeat([0, 1, 0, 0], UNITS))


def test_lstm_blinded_by_padding_behind():
    """Why texts are padded in front: with 190 zeros behind it, a whole text no longer moves an LSTM's last output."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((None,), dtype="int32"), layers.Embedding(50, 16), layers.LSTM(16)])
    texts = [np.arange(1, 11), np.arange(21, 31)]

    def difference(padding):
        one, other = model.predict(keras.utils.pad_sequences(texts, maxlen=200, padding=padding), verbose=0)
        return np.abs(one - other).max()

    assert difference("post") < 1e-5
    assert difference("pre") > 1e-3


def simple_rnn(x, kernel, recurrent_kernel, bias):
    """Returns the hidden states (batch, time, units) of a simple RNN (Elman 1990). Shapes as in `lstm`, units wide."""
    hidden = np.zeros((len(x), len(recurrent_kernel)))
    states = []
    for time in range(x.shape[1]):
        hidden = np.tanh(x[:, time] @ kernel + hidden @ recurrent_kernel + bias)
        states.append(hidden)
    return np.stack(states, axis=1)


def test_simple_rnn_follows_the_equations():
    layer = layers.SimpleRNN(UNITS, return_sequences=True)
    weights = weighted(layer)
    np.testing.assert_allclose(layer(inputs()), simple_rnn(inputs(), *weights), atol=1e-5)


def gru(x, kernel, recurrent_kernel, biases):
    """Returns the hidden states (batch, time, units) of a GRU as Keras computes it, with reset_after=True.

    Cho et al. 2014 multiply the state with the reset gate *before* the recurrent kernel; Keras does it after, as cuDNN
    does, which is why the candidate has a bias of its own on the recurrent side. Keras's update gate says how much of
    the old state is kept, where some textbooks let it say how much is new. Keras stores update gate, reset gate,
    candidate side by side; `biases` (2, 3 units) are those of the input side and of the recurrent side.
    """
    units = len(recurrent_kernel)
    hidden = np.zeros((len(x), units))
    states = []
    for time in range(x.shape[1]):
        from_input = x[:, time] @ kernel + biases[0]
        from_state = hidden @ recurrent_kernel + biases[1]
        update_gate = sigmoid(from_input[:, :units] + from_state[:, :units])
        reset_gate = sigmoid(from_input[:, units : 2 * units] + from_state[:, units : 2 * units])
        candidate = np.tanh(from_input[:, 2 * units :] + reset_gate * from_state[:, 2 * units :])
        hidden = update_gate * hidden + (1 - update_gate) * candidate
        states.append(hidden)
    return np.stack(states, axis=1)


def test_gru_follows_the_equations():
    layer = layers.GRU(UNITS, return_sequences=True)
    weights = weighted(layer)
    np.testing.assert_allclose(layer(inputs()), gru(inputs(), *weights), atol=1e-5)


# --- What a network remembers ----------------------------------------------------------------------------------------


def log_gradient(cell, steps, gate=None):
    """Returns log10 of the size of d(last output)/d(first input), the mean of three seeds.

    The weights are those at initialisation. `gate`, a slice of the bias and a number, sets the bias of a gate.
    """
    logs = []
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        layer = cell(16, dtype="float64")  # in float32 the gradient over 200 steps would be rounded to zero
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
def test_gradients_vanish_and_gates_can_hold_them():
    """The further back an input lies, the less the last output can teach of it.

    At initialisation all three vanish within 200 steps. The LSTM loses least, because its forget gate starts with a
    bias of 1; a GRU, whose update gate starts at one half, does no better than a SimpleRNN. What sets the two apart
    is that training can open the gate: with its bias at 6 the gradient over 200 steps is nearly that over 10.
    """
    lost = {
        cell.__name__: log_gradient(cell, 10) - log_gradient(cell, 200)
        for cell in (layers.SimpleRNN, layers.GRU, layers.LSTM)
    }
    assert lost["SimpleRNN"] > 20  # powers of ten
    assert lost["GRU"] > 20
    assert 5 < lost["LSTM"] < lost["SimpleRNN"] - 5
    forget_gate = slice(16, 32), 6
    update_gate = slice(0, 16), 3  # on both biases, which add up
    assert log_gradient(layers.LSTM, 10, forget_gate) - log_gradient(layers.LSTM, 200, forget_gate) < 2
    assert log_gradient(layers.GRU, 10, update_gate) - log_gradient(layers.GRU, 200, update_gate) < 2


@pytest.mark.parametrize("recurrent", [True, False])
def test_spelling_needs_memory(recurrent):
    """The textbooks' first example: spell "data". After d comes a, after d-a t, after d-a-t a, and then the end.

    A network that sees one letter at a time cannot know which of the two letters "a" it has before it: it learns at
    best three of the four answers. One that remembers learns all four.
    """
    letters = "dat."
    x = np.array([[letters.index(letter) for letter in "data"]])
    y = np.array([[letters.index(letter) for letter in "ata."]])
    keras.utils.set_random_seed(0)
    middle = layers.SimpleRNN(8, return_sequences=True) if recurrent else layers.Dense(8, activation="tanh")
    model = keras.Sequential([layers.Embedding(4, 4), middle, layers.Dense(4, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=150, verbose=0)
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert accuracy == (1.0 if recurrent else 0.75)
    # Two equally likely answers to "a" cost log(2) each, whatever the network does.
    assert loss < 0.05 if recurrent else loss == pytest.approx(np.log(2) / 2, abs=0.02)
