"""imdb_lstm.py: its constants, data, batches, model and training. The siblings share most of this, to the byte."""

import csv
import importlib
import json
import os

import keras
import numpy as np
import pytest

import data_files
import imdb_lstm
import reuters_rnn
from conftest import texts_of, words_of


def set_constants(monkeypatch, **constants):
    for name, value in constants.items():
        monkeypatch.setattr(imdb_lstm, name, value)


# --- Constants -------------------------------------------------------------------------------------------------------

CANNOT_WORK = [
    ("DATA_FILE", None),
    ("DATA_FILE", "data/imdb"),
    ("DATA_FILE", "data/imbd.npz"),
    ("VOCAB_SIZE", 3),
    ("VOCAB_SIZE", 20_000.0),
    ("MAX_LENGTH", 0),
    ("MAX_LENGTH", "400"),
    ("PADDING", 0),
    ("PADDING", "post"),
    ("VALIDATION_SIZE", 1),
    ("VALIDATION_SIZE", -0.1),
    ("VALIDATION_SIZE", 5_000),
    ("EMBEDDING_DIM", 0),
    ("INITIAL_VECTORS", "zeros"),
    ("LSTM_UNITS", -1),
    ("LSTM_UNITS", (64, 32)),
    ("POOLING", "mean"),
    ("WORD_DROPOUT", 1),
    ("DROPOUT", 1.0),
    ("RECURRENT_DROPOUT", "0.2"),
    ("OPTIMIZER", "Adan"),
    ("OPTIMIZER", None),
    ("OPTIMIZER", "get"),
    ("OPTIMIZER", "Optimizer"),
    ("OPTIMIZER", "LossScaleOptimizer"),
    ("LEARNING_RATE", 0),
    ("LEARNING_RATE", float("nan")),
    ("EPSILON", 0),
    ("BATCH_SIZE", 0),
    ("BATCH_SIZE", True),
    ("EPOCHS", 2.5),
    ("PATIENCE", 0),
    ("SEED", -1),
    ("SEED", 2**32),
]


@pytest.mark.parametrize("name, value", CANNOT_WORK)
def test_a_constant_that_cannot_work_is_named_before_data_is_loaded(in_folder, monkeypatch, name, value):
    set_constants(monkeypatch, **{name: value})
    monkeypatch.setattr(imdb_lstm, "load_data", lambda: pytest.fail("data was loaded"))
    with pytest.raises(SystemExit) as stop:
        imdb_lstm.main()
    assert stop.value.code.startswith(f"{name} = {value!r} ") and "\n" not in stop.value.code
    assert os.listdir() == []


def test_every_constant_is_checked():
    names = {name for name in vars(imdb_lstm) if name.isupper()}
    assert {name for name, _ in CANNOT_WORK} == names


# --- Data ------------------------------------------------------------------------------------------------------------


def test_data_file_is_cut_at_the_front_and_to_the_vocabulary(in_folder, monkeypatch, small_sample):
    data_files.write(imdb_lstm.DATA_FILE, small_sample)
    set_constants(monkeypatch, VOCAB_SIZE=50, MAX_LENGTH=30)
    (x_train, y_train), (x_test, y_test), words, classes, source = imdb_lstm.load_data()
    assert words == words_of(small_sample)[:46]
    assert source == "built-in sample, not IMDB"
    for texts, labels, part in (x_train, y_train, "train"), (x_test, y_test, "test"):
        assert np.array_equal(labels, small_sample[f"y_{part}"])
        for text, whole in zip(texts, texts_of(small_sample, part), strict=True):
            assert text.tolist() == [id if id < 50 else 2 for id in whole[-30:]]
    set_constants(monkeypatch, MAX_LENGTH=None)
    (x_train, _), *_ = imdb_lstm.load_data()
    assert [len(text) for text in x_train] == small_sample["train_lengths"].tolist()


def test_a_damaged_data_file_ends_in_one_line(in_folder, small_sample):
    data_files.write(imdb_lstm.DATA_FILE, small_sample)
    with open(imdb_lstm.DATA_FILE, "rb") as file:
        content = file.read()
    for damaged in content[:1000], content[:-100], b"", b"text", content[:5000] + b"x" + content[5001:]:
        with open(imdb_lstm.DATA_FILE, "wb") as file:
            file.write(damaged)
        with pytest.raises(SystemExit, match="data/imdb.npz is damaged") as stop:
            imdb_lstm.load_data()
        assert "\n" not in stop.value.code


NO_DATA = {
    "negative ids": lambda data: {"x_train": -data["x_train"]},
    "ids that are no numbers": lambda data: {"x_train": np.full(data["x_train"].shape, "the")},
    "ids in a table": lambda data: {"x_test": data["x_test"][:, None]},
    "a label less than texts": lambda data: {"y_train": data["y_train"][1:]},
    "negative labels": lambda data: {"y_test": data["y_test"] - 1},
    "more labels than classes": lambda data: {"y_train": data["y_train"] + 46},
    "lengths that are no whole numbers": lambda data: {"train_lengths": data["train_lengths"] / 2},
    "nothing to test on": lambda data: {name: data[name][:0] for name in ("x_test", "test_lengths", "y_test")},
}


@pytest.mark.parametrize("script", [imdb_lstm, reuters_rnn], ids=lambda script: script.__name__)
@pytest.mark.parametrize("change", NO_DATA.values(), ids=NO_DATA)
def test_a_data_file_of_ones_own_making_that_cannot_work_ends_in_one_line(
    in_folder, monkeypatch, small_sample, script, change
):
    monkeypatch.setattr(script, "DATA_FILE", "mine.npz")
    np.savez("mine.npz", **small_sample | change(small_sample))
    with pytest.raises(SystemExit, match="^mine.npz (is damaged|has )") as stop:
        script.load_data()
    assert "\n" not in stop.value.code


# --- Batches ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def reviews():
    """3,000 reviews as long as IMDB's are (log-normal, cut at 400); each is one id repeated, and its label that id."""
    random = np.random.default_rng(0)
    lengths = np.minimum(np.exp(random.normal(5.2, 0.66, size=3_000)).astype(int) + 5, 400)
    return [np.full(length, row + 1, dtype="int32") for row, length in enumerate(lengths)], np.arange(1, 3_001)


def epoch(dataset):
    return [(ids.numpy(), labels.numpy()) for ids, labels in dataset]


def test_every_review_comes_once_an_epoch_with_its_label(reviews):
    dataset = imdb_lstm.batches(*reviews)
    for _ in range(3):
        seen = epoch(dataset)
        assert len(seen) == len(dataset)
        assert sorted(np.concatenate([labels for _, labels in seen])) == list(range(1, 3_001))
        for ids, labels in seen:
            assert len(ids) == len(labels) <= imdb_lstm.BATCH_SIZE
            for row, label in zip(ids, labels):
                text = reviews[0][label - 1]
                assert row[len(row) - len(text) :].tolist() == text.tolist()
                zeros = row[: len(row) - len(text)]
                assert len(zeros) >= imdb_lstm.PADDING and not zeros.any()


def test_order_and_company_change_each_epoch(reviews):
    dataset = imdb_lstm.batches(*reviews)

    def company(seen):
        return {(int(one), int(other)) for _, labels in seen for one in labels for other in labels if one < other}

    first, second = epoch(dataset), epoch(dataset)
    assert len(company(first) & company(second)) < 0.5 * len(company(first))
    widths = [[ids.shape[1] for ids, _ in seen] for seen in (first, second)]
    assert widths[0] != widths[1]
    assert abs(np.corrcoef(np.arange(len(widths[0])), widths[0])[0, 1]) < 0.6  # not from short to long


def test_the_end_of_an_epoch_waits_for_nobody(reviews):
    """TensorFlow's tuner of datasets sleeps longer and longer, and a dataset's iterator cannot end before it wakes."""
    assert imdb_lstm.batches(*reviews).options().autotune.enabled is False


def test_batches_may_start_with_equal_widths(monkeypatch):
    """Keras would guess a fixed width from a few equal batches and fail at the next other one."""
    set_constants(monkeypatch, BATCH_SIZE=2, VOCAB_SIZE=20, EMBEDDING_DIM=2, LSTM_UNITS=2)
    texts = [np.ones(5, dtype="int32")] * 12 + [np.ones(9, dtype="int32")] * 2
    imdb_lstm.build_model().fit(imdb_lstm.batches(texts, np.arange(14) % 2), epochs=2, shuffle=False, verbose=0)


# --- Word vectors ----------------------------------------------------------------------------------------------------


def test_vectors_are_those_of_the_counts(monkeypatch):
    """Against a count by hand and numpy's own decomposition, where the cosine of two words shows all that is kept."""
    set_constants(monkeypatch, VOCAB_SIZE=30, EMBEDDING_DIM=6)
    random = np.random.default_rng(0)
    texts = [random.choice(29, size=40, p=random.dirichlet(np.ones(29))).astype("int32") + 1 for _ in range(20)]
    texts = [np.where(text == 17, 18, text) for text in texts]  # 17 does not occur
    ids = [id for text in texts for id in text]
    counts = np.zeros((30, 30))
    for here, word in enumerate(ids):
        for there in range(max(here - 5, 0), min(here + 6, len(ids))):
            counts[word, ids[there]] += here != there
    information = np.zeros((30, 30))
    for word, context in zip(*counts.nonzero()):
        expected = counts[word].sum() * counts[:, context].sum() / counts.sum()
        information[word, context] = max(np.log(counts[word, context] / expected), 0)
    left, singular, _ = np.linalg.svd(information)
    expected = left[:, :6] * np.sqrt(singular[:6])
    vectors = imdb_lstm.count_vectors(texts)
    assert vectors.shape == (30, 6) and vectors.dtype == np.float32
    assert not vectors[[0, 17]].any()
    used = np.setdiff1d(np.arange(30), [0, 17])
    expected = 3 * expected[used] / np.linalg.norm(expected[used], axis=1, keepdims=True)
    np.testing.assert_allclose(vectors[used] @ vectors[used].T, expected @ expected.T, atol=1e-3)


def test_words_in_the_same_company_get_the_same_vectors(monkeypatch):
    """Ids 10 and 11 stand among the same words, 12 and 13 among others."""
    set_constants(monkeypatch, VOCAB_SIZE=40, EMBEDDING_DIM=2)
    random = np.random.default_rng(0)
    texts = []
    for id, company in [(10, (20, 30)), (11, (20, 30)), (12, (30, 40)), (13, (30, 40))] * 50:
        text = random.integers(*company, size=11).astype("int32")
        text[5] = id
        texts.append(text)
    random.shuffle(texts)
    vectors = imdb_lstm.count_vectors(texts) / 3
    alike = vectors @ vectors.T
    assert alike[10, 11] > 0.9 and alike[12, 13] > 0.9 and alike[10, 12] < 0.5


def test_rare_words_are_no_company_of_their_own(monkeypatch):
    """As company, ids from 1,000 up are the unknown word, 2; they have vectors of their own all the same."""
    set_constants(monkeypatch, VOCAB_SIZE=2_000, EMBEDDING_DIM=4)
    texts = [np.random.default_rng(seed).integers(3, 1_000, size=50) for seed in range(30)]
    vectors = []
    for rare in 1_500, 1_900, 2:
        vectors.append(imdb_lstm.count_vectors([np.concatenate([text, [rare, 5, 7]]) for text in texts]))
    assert vectors[0][1_500].any() and not vectors[0][1_900].any() and not vectors[1][1_500].any()
    one, *others = (table[3:1_000] @ table[3:1_000].T for table in vectors)
    for other in others:
        np.testing.assert_allclose(one, other, atol=1e-3)


@pytest.mark.parametrize("texts", [[[1]], [[1, 5]], [[1, 4, 4, 4]], [[1, 2, 3], [1]]])
@pytest.mark.parametrize("dimension", [1, 64, 1_200])
def test_few_words_have_vectors_too(monkeypatch, texts, dimension):
    set_constants(monkeypatch, VOCAB_SIZE=10, EMBEDDING_DIM=dimension)
    vectors = imdb_lstm.count_vectors([np.array(text, dtype="int32") for text in texts])
    assert vectors.shape == (10, dimension) and np.isfinite(vectors).all()


@pytest.mark.parametrize("initial", ["counts", "random"])
def test_training_begins_with_the_vectors_of_the_texts_trained_on(in_folder, monkeypatch, small_sample, initial):
    """Those of validation and test are not counted."""
    data_files.write(imdb_lstm.DATA_FILE, small_sample)
    set_constants(monkeypatch, **SMALL, INITIAL_VECTORS=initial, VALIDATION_SIZE=0.2)
    begun = []
    monkeypatch.setattr(keras.Model, "fit", lambda model, *_, **__: begun.append(model.get_weights()[0]) or stop())
    with pytest.raises(KeyboardInterrupt):
        imdb_lstm.main()
    (x_train, _), *_ = imdb_lstm.load_data()
    expected = imdb_lstm.count_vectors(x_train[120:])
    assert np.array_equal(begun[0], expected) == (initial == "counts")
    assert initial == "counts" or 0.04 < np.abs(begun[0]).max() <= 0.05  # Keras's own


def stop():
    raise KeyboardInterrupt


# --- The model -------------------------------------------------------------------------------------------------------

BROWNLEE = dict(VOCAB_SIZE=5_000, EMBEDDING_DIM=32, LSTM_UNITS=100, POOLING="last", DROPOUT=0.0)
RICE_LSTM = dict(VOCAB_SIZE=5_000, EMBEDDING_DIM=16, LSTM_UNITS=16, POOLING="last", DROPOUT=0.0)


@pytest.mark.parametrize("constants, parameters", [(BROWNLEE, 213_301), (RICE_LSTM, 82_129)])
def test_published_models_have_their_published_parameters(monkeypatch, constants, parameters):
    set_constants(monkeypatch, **constants)
    assert imdb_lstm.build_model().count_params() == parameters


@pytest.mark.parametrize("pooling", ["max", "last"])
def test_one_step_moves_every_parameter(monkeypatch, pooling):
    # Without dropout, and with an epsilon that lets the smallest gradient show.
    set_constants(monkeypatch, VOCAB_SIZE=30, POOLING=pooling, WORD_DROPOUT=0, DROPOUT=0, EPSILON=1e-7)
    keras.utils.set_random_seed(0)
    model = imdb_lstm.build_model()
    ids = np.random.default_rng(0).integers(0, 30, size=(16, 40))  # every id occurs
    before = [variable.numpy() for variable in model.trainable_variables]
    assert model.predict(ids, verbose=0).shape == (16, 1)
    model.train_on_batch(ids, np.arange(16) % 2)
    for old, variable in zip(before, model.trainable_variables, strict=True):
        assert (old != variable.numpy()).all(), variable.path


@pytest.fixture
def cudnn(monkeypatch):
    """Makes Keras believe that there is a GPU and puts a recorder in the place of its cuDNN kernel for the LSTM.

    Returns the list of calls, each (inputs, mask). Without a GPU Keras never asks whether a layer is eligible.
    """
    calls = []

    def kernel(inputs, hidden, cell, *weights_and_mask_and_options):
        calls.append((np.array(inputs), weights_and_mask_and_options[3]))
        outputs = np.zeros((*inputs.shape[:2], hidden.shape[1]), dtype="float32")
        return outputs[:, -1], outputs, [hidden, cell]

    keras_rnn = importlib.import_module("keras.src.backend.tensorflow.rnn")  # a function hides the module's name
    monkeypatch.setattr(keras_rnn, "_is_gpu_available", lambda: True)
    monkeypatch.setattr(keras_rnn, "_cudnn_lstm", kernel)
    return calls


def call(model):
    model(np.random.default_rng(0).integers(1, 100, size=(4, 6)), training=True)


@pytest.mark.parametrize("pooling", ["max", "last"])
def test_the_model_runs_on_cudnn_without_a_mask(monkeypatch, cudnn, pooling):
    set_constants(monkeypatch, POOLING=pooling)
    model = imdb_lstm.build_model()
    cudnn.clear()
    call(model)
    assert [mask for _, mask in cudnn] == [None]


def test_recurrent_dropout_leaves_cudnn(monkeypatch, cudnn):
    set_constants(monkeypatch, RECURRENT_DROPOUT=0.2)
    model = imdb_lstm.build_model()
    call(model)
    assert cudnn == []


def test_dropout_hides_the_same_numbers_at_all_words_of_a_review(monkeypatch, cudnn):
    set_constants(monkeypatch, WORD_DROPOUT=0, DROPOUT=0.5)
    model = imdb_lstm.build_model()
    cudnn.clear()
    call(model)
    hidden = cudnn[0][0] == 0
    assert (hidden == hidden[:, :1]).all() and 0.3 < hidden.mean() < 0.7
    assert (hidden[0] != hidden[1]).any()  # other numbers in each review


def test_word_dropout_hides_whole_words(monkeypatch, cudnn):
    set_constants(monkeypatch, WORD_DROPOUT=0.5, DROPOUT=0)
    model = imdb_lstm.build_model()
    cudnn.clear()
    ids = np.arange(100).reshape(2, 50)
    model(ids, training=True)
    seen, vectors = np.array(cudnn[0][0]), model.layers[0](ids).numpy()
    hidden = (seen == 0).all(axis=-1)
    assert 0.2 < hidden.mean() < 0.8 and (hidden[0] != hidden[1]).any()
    assert np.allclose(seen[~hidden], 2 * vectors[~hidden])  # those left make up for those hidden
    model(ids, training=False)
    assert np.allclose(cudnn[1][0], vectors)


def test_epsilon_holds_back_the_vectors_of_rare_words(monkeypatch):
    """After one step of Adam, a number with gradient g has moved by LEARNING_RATE * g / (|g| + EPSILON).

    (Kingma and Ba 2015, algorithm 1: both means are those of one gradient. TensorFlow's epsilon is the "epsilon hat"
    of their section 2, which at the first step counts 1 / sqrt(1 - 0.999) times as much.)
    """
    for epsilon in 1e-7, 1e-4:
        set_constants(monkeypatch, EPSILON=epsilon, LEARNING_RATE=0.01)
        optimizer = imdb_lstm.build_model().optimizer
        variable, gradient = keras.Variable([0.0, 0.0]), np.array([1e-2, 1e-6], dtype="float32")
        optimizer.build([variable])
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        expected = -0.01 * gradient / (gradient + epsilon / np.sqrt(1 - 0.999))
        assert variable.numpy() == pytest.approx(expected, rel=1e-3)


def test_an_optimizer_without_epsilon_works(monkeypatch):
    set_constants(monkeypatch, OPTIMIZER="SGD")
    model = imdb_lstm.build_model()
    model.train_on_batch(np.ones((2, 5)), np.array([0, 1]))


# --- Training --------------------------------------------------------------------------------------------------------

SMALL = dict(VOCAB_SIZE=200, EMBEDDING_DIM=8, LSTM_UNITS=8, EPOCHS=2)


def result():
    with open("runs/imdb_lstm/result.json") as file:
        return json.load(file)


def test_the_same_seed_gives_the_same_figures(in_folder, monkeypatch, small_sample):
    data_files.write(imdb_lstm.DATA_FILE, small_sample)
    losses = []
    for seed in 1, 1, 2:
        set_constants(monkeypatch, **SMALL, SEED=seed)
        imdb_lstm.main()
        losses.append(result()["test_loss"])
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("share, held_out", [(0.2, 120), (0.57, 342), (0, 0)])
def test_validation_is_cut_off_the_front_of_train(in_folder, monkeypatch, small_sample, share, held_out):
    """And without validation all is trained on, and every epoch run."""
    data_files.write(imdb_lstm.DATA_FILE, small_sample)
    set_constants(monkeypatch, **SMALL, VALIDATION_SIZE=share)
    used = []
    real = imdb_lstm.batches
    monkeypatch.setattr(imdb_lstm, "batches", lambda texts, labels: used.append((texts, labels)) or real(texts, labels))
    imdb_lstm.main()
    (x_train, y_train), (x_test, y_test), *_ = imdb_lstm.load_data()
    expected = [(x_train[held_out:], y_train[held_out:]), (x_train[:held_out], y_train[:held_out]), (x_test, y_test)]
    expected = [pair for pair in expected if len(pair[0])]
    for (texts, labels), (expected_texts, expected_labels) in zip(used, expected, strict=True):
        assert all(np.array_equal(*pair) for pair in zip(texts, expected_texts, strict=True))
        assert np.array_equal(labels, expected_labels)
    assert held_out or result()["epochs"] == 2


def test_of_few_texts_one_at_least_is_trained_on(in_folder, monkeypatch, small_sample):
    few = dict(small_sample)
    few["train_lengths"], few["y_train"] = few["train_lengths"][:4], few["y_train"][:4]
    few["x_train"] = few["x_train"][: few["train_lengths"].sum()]
    data_files.write(imdb_lstm.DATA_FILE, few)
    set_constants(monkeypatch, **SMALL, VALIDATION_SIZE=0.9)
    imdb_lstm.main()
    assert result()["epochs"] > 0


@pytest.mark.parametrize("patience", [1, 3, None])
def test_the_best_epoch_is_kept_and_test_is_evaluated_once(in_folder, monkeypatch, small_sample, patience):
    """Validation has the labels that train has not, so each epoch is worse; the saved model must be the best one's.

    Without patience it must be the last one's, and all epochs run.
    """
    data_files.write(imdb_lstm.DATA_FILE, small_sample | {"y_train": (np.arange(600) >= 120).astype("int64")})
    changed = dict(EPOCHS=12, PATIENCE=patience, LEARNING_RATE=0.01, VALIDATION_SIZE=0.2)
    set_constants(monkeypatch, **SMALL | changed)
    evaluated = []
    real = keras.Model.evaluate
    monkeypatch.setattr(
        keras.Model, "evaluate", lambda self, x, *_, **kwargs: evaluated.append(len(x)) or real(self, x, *_, **kwargs)
    )
    imdb_lstm.main()
    with open("runs/imdb_lstm/history.csv") as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["val_loss"]) for row in rows]
    assert [int(row["epoch"]) for row in rows] == list(range(1, len(rows) + 1))
    assert min(losses) < losses[-1]
    assert len(losses) == (losses.index(min(losses)) + 1 + patience if patience else 12)
    assert evaluated == [1] * len(rows) + [2]  # batches of validation after each epoch, then those of test
    model = keras.models.load_model("runs/imdb_lstm/model.keras")
    (x_train, y_train), *_ = imdb_lstm.load_data()
    loss, _ = real(model, imdb_lstm.batches(x_train[:120], y_train[:120]), verbose=0)
    assert loss == pytest.approx(min(losses) if patience else losses[-1], abs=1e-5)
