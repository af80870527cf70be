"""Sentiment classification of IMDB movie reviews with a bidirectional LSTM: python imdb_bilstm.py

Test accuracy 91.7 ± 0.2 %; one LSTM with as many weights 91.6 ± 0.1 %, imdb_lstm.py 90.9 ± 0.1 %.
Epochs take 4.6 times as long (3.6 to 6.0). docs/how_recurrent_networks_work.md#both-directions"""

import datetime
import json
import pathlib
import sys

try:  # this file's text, stored with the run; read first, as it may be edited during the imports
    script = pathlib.Path(__file__)
    script_text = script.read_text(encoding="utf-8")
except (NameError, OSError):  # a notebook keeps its cells in the list In; `python -` has no file
    script, script_text = pathlib.Path("notebook"), globals().get("In", ["# source unknown\n"])[-1]

import keras
import numpy as np
import tensorflow as tf
from keras import datasets, layers

DATA_FILE = "data/imdb.npz"  # from download_imdb.py or prepare_texts.py
VOCAB_SIZE = 30_000  # ids: 4 reserved, then words by frequency; rarer words become id 2, unknown
MAX_LENGTH = 400  # words per text; a longer review keeps its end, where reviewers sum up
VALIDATION_SIZE = 0.1  # fraction of train; DATA_FILE's vectors are computed without the first 10 %
EMBEDDING_DIM = 256  # at most 256 with DATA_FILE, whose vectors are not trained
LSTM_UNITS = (128,)  # hidden units in each direction; (128, 64) makes two layers
MERGE_MODE = "concat"  # combines the directions: "concat" (twice as wide), "sum", "ave" or "mul"
WORD_DROPOUT = 0.1  # fraction of words dropped during training
DROPOUT = 0.2  # fraction of each layer's input features dropped, the same at all steps of a text
LEARNING_RATE = 0.006  # chosen on validation; Adam's default is 0.001
BATCH_SIZE = 128
EPOCHS = 8  # at most
PATIENCE = 2  # epochs without a lower validation loss before training stops
SEED = 1  # same seed, CPU and number of threads: same result; on a GPU results may vary


def load_data():
    """Returns train and test, (texts as ids, labels) each; vocabulary, classes, vectors, about."""
    path = pathlib.Path(DATA_FILE)
    if path.exists():
        data, parts = np.load(path), []
        for part in "train", "test":  # the texts are stored end to end
            ids, lengths, labels = data[f"x_{part}"], data[f"{part}_lengths"], data[f"y_{part}"]
            assert (len(ids), len(labels)) == (lengths.sum(), len(lengths)), f"{path} is damaged"
            parts.append((np.split(ids, np.cumsum(lengths)[:-1]), labels))
        lists = [bytes(data[name]).decode().split("\n") for name in ("vocabulary", "classes")]
        return *parts, *lists, data["vectors"], json.loads(str(data["about"]))
    try:  # Keras has the same texts, but no word vectors, and does not group reviews by movie
        corpus = getattr(datasets, path.stem)
        (train, test), ranks = corpus.load_data(), corpus.get_word_index()
    except Exception as error:
        program = f"download_{path.stem}" if path.stem in ("imdb", "reuters") else "prepare_texts"
        sys.exit(f"There is no {path}. Make it: python {program}.py ({error})")
    classes = {"imdb": ["negative", "positive"], "reuters": datasets.reuters.get_label_names()}
    about = {"source": f"keras.datasets.{path.stem}, without word vectors"}
    return train, test, sorted(ranks, key=ranks.get), classes[path.stem], np.zeros((0, 1)), about


def batches(texts, labels, shuffle=True):
    """Returns a tf.data.Dataset of ids (batch, time), labels (batch,): shuffled, or by length."""
    lengths = np.array([min(len(text), MAX_LENGTH) for text in texts])
    starts = range(0, len(texts), BATCH_SIZE)
    rng = np.random.default_rng(SEED)

    def epoch():
        # Texts of similar length need little padding. Noise regroups them in each epoch.
        noise = rng.uniform(0.95, 1.05, len(lengths)) if shuffle else 1
        order = np.argsort(lengths * noise, kind="stable")
        for start in rng.permutation(starts) if shuffle else starts:
            rows = order[start : start + BATCH_SIZE]
            # A multiple of 8, with at least 8 zeros in front. No mask: cuDNN refuses it for these.
            width = (lengths[rows].max() + 15) // 8 * 8
            ids = keras.utils.pad_sequences([texts[row][-MAX_LENGTH:] for row in rows], width)
            yield np.where(ids < VOCAB_SIZE, ids, 2), labels[rows]

    signature = tf.TensorSpec((None, None), "int32"), tf.TensorSpec((None,), "int64")
    dataset = tf.data.Dataset.from_generator(epoch, output_signature=signature).prefetch(2)
    options = tf.data.Options()
    options.autotune.enabled = False  # the autotuner can delay the end of an epoch
    return dataset.apply(tf.data.experimental.assert_cardinality(len(starts))).with_options(options)


def build_model(vectors):
    """Returns the compiled network: ids (batch, time) to probabilities (batch, 1)."""
    table = np.random.uniform(-0.05, 0.05, (VOCAB_SIZE, EMBEDDING_DIM))  # for ids without a vector
    table[: len(vectors)] = vectors[:VOCAB_SIZE, :EMBEDDING_DIM]
    trainable = len(vectors) == 0  # random vectors are trained, those of DATA_FILE are not
    model = keras.Sequential([keras.Input((None,), dtype="int32")])  # (batch, time)
    model.add(layers.Embedding(VOCAB_SIZE, EMBEDDING_DIM, weights=[table], trainable=trainable))
    model.add(layers.Dropout(WORD_DROPOUT, noise_shape=(None, None, 1)))  # drops whole words
    for units in LSTM_UNITS:
        lstm = layers.LSTM(units, dropout=DROPOUT, return_sequences=True)
        # Keras reverses the backward outputs, so that both directions are aligned at each word.
        model.add(layers.Bidirectional(lstm, merge_mode=MERGE_MODE))
    model.add(layers.GlobalMaxPooling1D())  # (batch, 2 * units) with "concat"
    model.add(layers.Dense(1, activation="sigmoid"))  # (batch, 1)
    optimizer = keras.optimizers.Adam(LEARNING_RATE, global_clipnorm=1)
    model.compile(optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    return model


def main():
    """Trains the model, evaluates it once on test, saves the run; returns model and history."""
    assert min(MAX_LENGTH, BATCH_SIZE, EPOCHS) >= 1, "MAX_LENGTH, BATCH_SIZE, EPOCHS: at least 1"
    rates = WORD_DROPOUT, DROPOUT, VALIDATION_SIZE
    assert 0 <= min(rates) <= max(rates) < 1, "WORD_DROPOUT, DROPOUT, VALIDATION_SIZE: 0 to below 1"
    keras.utils.set_random_seed(SEED)
    (x_train, y_train), (x_test, y_test), vocabulary, classes, vectors, about = load_data()
    cut = round(len(x_train) * VALIDATION_SIZE)  # Stanford's IMDB: train and val share no movie
    assert cut < len(x_train), "VALIDATION_SIZE leaves no text for training"
    train = batches(x_train[cut:], y_train[cut:])
    val = batches(x_train[:cut], y_train[:cut], shuffle=False) if cut else None
    print(f"{about['source']}: train {len(x_train) - cut}, val {cut}, test {len(x_test)} texts")

    model = build_model(vectors)
    assert len(classes) <= max(2, model.output_shape[-1]), "over two classes: use reuters_rnn.py"
    model.summary()

    if script.suffix and script.read_text(encoding="utf-8") != script_text:
        sys.exit(f"{script} has changed since its import: restart, or use importlib.reload.")
    functions = load_data, batches, build_model, main  # a notebook's cell may redefine one
    other = [f.__name__ for f in functions if f.__code__.co_filename != main.__code__.co_filename]
    code = f"# from another file or cell: {', '.join(other)}\n" if other else script_text
    names = {line.partition(" = ")[0] for line in script_text.splitlines()}  # assigned here
    names = names.union(*(function.__code__.co_names for function in functions))  # or read
    constants = {key: value for key, value in globals().items() if key in names and key.isupper()}
    constants = json.loads(json.dumps(constants, default=np.generic.item))

    start = datetime.datetime.now()
    folder = pathlib.Path("runs", f"{script.stem}-{start:%Y%m%d-%H%M%S-%f}")
    folder.mkdir(parents=True)
    (folder / "code.py").write_text(code, encoding="utf-8")
    stopping = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    callbacks = [keras.callbacks.CSVLogger(folder / "history.csv"), stopping]
    bar = 1 if sys.stdout.isatty() or "ipykernel" in sys.modules else 2  # 2: a line an epoch
    history = model.fit(  # batches() shuffles already
        train, validation_data=val, epochs=EPOCHS, callbacks=callbacks, shuffle=False, verbose=bar
    )
    seconds = (datetime.datetime.now() - start).total_seconds()

    best = stopping.best_epoch + 1 if cut else EPOCHS
    test = model.evaluate(batches(x_test, y_test, shuffle=False), return_dict=True, verbose=0)
    print(f"majority-class baseline: {np.mean(y_test == np.bincount(y_train).argmax()):.2%}")

    versions = {"python": sys.version, "tensorflow": tf.__version__, "keras": keras.__version__}
    result = {"script": script.stem, "constants": constants, "classes": classes, "about": about}
    result |= {"versions": versions, "backend": keras.backend.backend()}
    result |= {"device": tf.test.gpu_device_name() or "CPU", "parameters": model.count_params()}
    result |= {"epochs": len(history.epoch), "best_epoch": best, "seconds": seconds}
    result |= {name: values[best - 1] for name, values in history.history.items()}
    result |= {f"test_{name}": value for name, value in test.items()}
    model.save(folder / "model.keras")
    (folder / "vocabulary.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    (folder / "result.json").write_text(json.dumps(result, indent=2))
    print(f"next: python report.py {folder}")
    print(f"{folder}: test accuracy {test['accuracy']:.2%}, {about['source']}")
    return model, history


if __name__ == "__main__":
    if len(sys.argv) > 1 and script.suffix:  # a notebook's arguments are ipykernel's
        sys.exit(f"{__doc__}\n\nThere are no arguments: edit the constants, or use compare.py.")
    model, history = main()

# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["tensorflow>=2.20,<2.22", "numpy>=2.0,<3"]
# ///
