# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["tensorflow>=2.20,<2.22", "numpy>=2.0,<3"]
# ///
"""Classification of Reuters newswires by topic with a SimpleRNN, GRU or LSTM: python reuters_rnn.py

Test accuracy 83.4 ± 0.5 % with a GRU, 83.9 ± 0.4 % with an LSTM, 81.2 ± 0.6 % with a SimpleRNN
(DROPOUT 0.1, LEARNING_RATE 0.001, EPOCHS 30). Majority class 36.2 %, linear SVM on TF-IDF 82.7 %.
The cells: docs/how_recurrent_networks_work.md#simplernn-gru-and-lstm"""

import datetime
import inspect
import json
import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf
from keras import datasets, layers

# Data
DATA_FILE = "data/reuters.npz"  # from download_reuters.py or prepare_texts.py
VOCAB_SIZE = 30_000  # ids: 4 reserved, then words by frequency; rarer words become id 2, unknown
MAX_LENGTH = 400  # words per text; a longer text keeps its end
VALIDATION_SIZE = 0.1  # fraction of train; above 0.1: the vectors know its texts; 0: all EPOCHS run
# Model
EMBEDDING_DIM = 256  # at most 256, vectors frozen; without a data file random ones are trained
CELL = "GRU"  # "SimpleRNN", "GRU" or "LSTM"
UNITS = (64,)  # hidden units in each direction; (64, 32) makes two layers
BIDIRECTIONAL = True  # a second RNN reads each text from last word to first
WORD_DROPOUT = 0.2  # fraction of words dropped during training
DROPOUT = 0.5  # fraction of each layer's input features dropped, the same at all steps of a text
# Training
LEARNING_RATE = 0.006
BATCH_SIZE = 32
EPOCHS = 12  # at most
PATIENCE = 2  # epochs without a lower validation loss before training stops
SEED = 1  # same seed, CPU and number of threads: same result; on a GPU results may vary


def load_data():
    """Returns (texts as ids, labels) of train and of test, vocabulary, classes, vectors, about."""
    path = pathlib.Path(DATA_FILE)
    try:
        if path.exists():
            data = dict(np.load(path))
            ends = {part: np.cumsum(data[f"{part}_lengths"])[:-1] for part in ("train", "test")}
            parts = [(np.split(data[f"x_{part}"], ends[part]), data[f"y_{part}"]) for part in ends]
            lists = [bytes(data[name]).decode().split("\n") for name in ("vocabulary", "classes")]
            return *parts, *lists, data["vectors"], json.loads(str(data["about"]))
        corpus = getattr(datasets, path.stem)  # no file: the same texts without word vectors
        (train, test), ranks = corpus.load_data(), corpus.get_word_index()
    except Exception as error:
        sys.exit(f"Cannot read {path}, which download_*.py or prepare_texts.py makes ({error}).")
    print(f"No {path}: keras.datasets, without word vectors (IMDB: validation not by movie).")
    classes = {"imdb": ["negative", "positive"], "reuters": datasets.reuters.get_label_names()}
    vectors, about = np.zeros((0, EMBEDDING_DIM)), {"source": f"keras.datasets.{path.stem}"}
    return train, test, sorted(ranks, key=ranks.get), classes[path.stem], vectors, about


def batches(texts, labels):
    """Returns a tf.data.Dataset of ids (batch, time) and labels (batch,), shuffled each epoch."""
    lengths = np.array([min(len(text), MAX_LENGTH) for text in texts])
    starts = range(0, len(texts), BATCH_SIZE)
    random = np.random.default_rng(SEED)

    def epoch():
        # Batches of similar length need little padding. Noise on the lengths varies the batches.
        order = np.argsort(lengths * random.uniform(0.95, 1.05, len(lengths)))
        for start in random.permutation(starts):
            rows = order[start : start + BATCH_SIZE]
            # A multiple of 8, with at least 8 zeros in front. A mask for them would rule out cuDNN.
            width = (lengths[rows].max() + 15) // 8 * 8
            ids = keras.utils.pad_sequences([texts[row][-MAX_LENGTH:] for row in rows], width)
            yield np.where(ids < VOCAB_SIZE, ids, 2), labels[rows]

    signature = tf.TensorSpec((None, None), "int32"), tf.TensorSpec((None,), "int64")
    dataset = tf.data.Dataset.from_generator(epoch, output_signature=signature).prefetch(2)
    options = tf.data.Options()
    options.autotune.enabled = False  # the autotuner can delay the end of an epoch
    return dataset.apply(tf.data.experimental.assert_cardinality(len(starts))).with_options(options)


def build_model(vectors, trainable=False, class_count=46):
    """Returns the compiled network: ids (batch, time) to probabilities (batch, class_count)."""
    assert CELL in ("SimpleRNN", "GRU", "LSTM"), 'CELL: "SimpleRNN", "GRU" or "LSTM"'
    model = keras.Sequential([keras.Input((None,), dtype="int32")])
    model.add(layers.Embedding(VOCAB_SIZE, EMBEDDING_DIM, weights=[vectors], trainable=trainable))
    model.add(layers.Dropout(WORD_DROPOUT, noise_shape=(None, None, 1)))  # drops whole words
    for units in UNITS:
        layer = getattr(layers, CELL)(units, dropout=DROPOUT, return_sequences=True)
        model.add(layers.Bidirectional(layer) if BIDIRECTIONAL else layer)
    model.add(layers.GlobalMaxPooling1D())
    model.add(layers.Dense(class_count, activation="softmax"))
    optimizer = keras.optimizers.Adam(LEARNING_RATE, global_clipnorm=1)  # limits the gradient norm
    # The labels are class numbers. One-hot labels would need "categorical_crossentropy".
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main():
    """Trains the model, evaluates it once on test, saves the run; returns model and history."""
    assert min(MAX_LENGTH, BATCH_SIZE, EPOCHS) >= 1, "MAX_LENGTH, BATCH_SIZE, EPOCHS: at least 1"
    assert 0 <= DROPOUT < 1 and 0 <= VALIDATION_SIZE < 1, "DROPOUT, VALIDATION_SIZE: 0 to below 1"
    keras.utils.set_random_seed(SEED)
    (x_train, y_train), (x_test, y_test), vocabulary, classes, stored, about = load_data()
    cut = round(len(x_train) * VALIDATION_SIZE)  # Stanford's IMDB: no movie is in both parts
    train = batches(x_train[cut:], y_train[cut:])
    val = batches(x_train[:cut], y_train[:cut]) if cut else None
    assert EMBEDDING_DIM <= stored.shape[1], f"EMBEDDING_DIM: at most {stored.shape[1]}"
    vectors = np.random.uniform(-0.05, 0.05, (VOCAB_SIZE, EMBEDDING_DIM))
    vectors[: len(stored)] = stored[:VOCAB_SIZE, :EMBEDDING_DIM]
    model = build_model(vectors, not len(stored), class_count=len(classes))
    assert max(*y_train, *y_test) < max(2, model.output_shape[-1]), "DATA_FILE: too many classes"
    model.summary()
    start = datetime.datetime.now()
    script = pathlib.Path(globals().get("__file__", "notebook")).stem
    folder = pathlib.Path("runs", f"{script}-{start:%Y%m%d-%H%M%S-%f}")
    folder.mkdir(parents=True)
    code = map(inspect.getsource, (load_data, batches, build_model, main))
    (folder / "code.py").write_text("\n\n".join(code), encoding="utf-8")
    stopping = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    callbacks = [keras.callbacks.CSVLogger(folder / "history.csv"), stopping]
    history = model.fit(  # batches() shuffles already
        train, validation_data=val, epochs=EPOCHS, callbacks=callbacks, shuffle=False, verbose=2
    )
    seconds = (datetime.datetime.now() - start).total_seconds()
    test = model.evaluate(batches(x_test, y_test), return_dict=True, verbose=0)
    best = stopping.best_epoch + 1 if cut else EPOCHS
    result = {"script": script, "classes": classes, "device": tf.test.gpu_device_name() or "CPU"}
    result |= {"about": about, "epochs": len(history.epoch), "best_epoch": best, "seconds": seconds}
    result["constants"] = {name: value for name, value in globals().items() if name.isupper()}
    result["versions"] = {"python": sys.version} | {m.__name__: m.__version__ for m in (tf, keras)}
    result |= {name: values[best - 1] for name, values in history.history.items()}
    result |= {f"test_{name}": value for name, value in test.items()}
    model.save(folder / "model.keras")
    (folder / "vocabulary.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    (folder / "result.json").write_text(json.dumps(result, indent=2, default=str))
    print(f"majority-class baseline: {np.mean(y_test == np.bincount(y_train).argmax()):.2%}")
    print(f"{folder}: test accuracy {test['accuracy']:.2%}, {about['source']}")
    return model, history


if __name__ == "__main__":
    if len(sys.argv) > 1 and "__file__" in globals():  # a notebook's arguments are ipykernel's
        print(__doc__)
        sys.exit("--help" not in sys.argv and "No arguments: edit constants, or see compare.py")
    model, history = main()
