"""Baselines: models without recurrence on the same data.

Each takes train and test, (texts, labels) each, the stored word vectors and a seed, and returns
its accuracy on test. Nothing is tuned: the settings are those of the source named or common ones,
and the same for both corpora. The networks choose their epoch as the scripts do, on the front of
train.
"""

import time

import keras
import numpy as np
from keras import layers
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from experiments import tools


def words(ids):
    return [str(word) for word in ids]


def words_and_bigrams(ids):
    single = words(ids)
    return single + [f"{one} {other}" for one, other in zip(single, single[1:])]


def majority(train, test, vectors, seed):
    """The most frequent class of train."""
    return np.mean(test[1] == np.bincount(train[1]).argmax())


def tfidf_regression(train, test, vectors, seed):
    """Logistic regression on TF-IDF word counts."""
    counts = TfidfVectorizer(analyzer=words, sublinear_tf=True)
    return make_pipeline(counts, LogisticRegression(C=5, max_iter=500)).fit(*train).score(*test)


def tfidf_svm(train, test, vectors, seed):
    """A linear support vector machine on TF-IDF word counts."""
    counts = TfidfVectorizer(analyzer=words, sublinear_tf=True)
    return make_pipeline(counts, LinearSVC(random_state=seed)).fit(*train).score(*test)


def nbsvm_bigrams(train, test, vectors, seed):
    """NB-SVM on words and bigrams, for two classes: a linear model of naive Bayes's log ratios.

    Wang and Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic
    Classification": binary counts, smoothing 1, C 1, weights interpolated with a factor of 0.25.
    With all words of the reviews they report 91.22 % on IMDB.
    """
    counter = CountVectorizer(analyzer=words_and_bigrams, binary=True)
    x_train, x_test = counter.fit_transform(train[0]), counter.transform(test[0])
    positive = train[1].astype(bool)
    sums = (1.0 + np.asarray(x_train[rows].sum(axis=0)).ravel() for rows in (positive, ~positive))
    log_positive, log_negative = (np.log(counts / counts.sum()) for counts in sums)
    log_ratio = log_positive - log_negative
    svm = LinearSVC(C=1, random_state=seed).fit(x_train.multiply(log_ratio).tocsr(), positive)
    weights = svm.coef_.ravel()
    weights = (0.75 * np.abs(weights).mean() + 0.25 * weights) * log_ratio
    return np.mean((x_test @ weights + svm.intercept_ > 0) == test[1])


def feedforward_counts(train, test, vectors, seed):
    """The feedforward network, initialised with the stored PPMI-SVD vectors."""
    return feedforward(train, test, None, seed, vectors)


def feedforward(train, test, vectors, seed, stored=np.zeros((0, 1))):
    """A network without recurrence: the mean of the word vectors, with dropout."""
    keras.utils.set_random_seed(seed)
    script = tools.configure("imdb_lstm", {"SEED": seed, "EMBEDDING_DIM": 32})
    size = round(len(train[0]) * script.VALIDATION_SIZE)
    validation = [part[:size] for part in train]
    train = [part[size:] for part in train]
    table = np.random.uniform(-0.05, 0.05, (script.VOCAB_SIZE, script.EMBEDDING_DIM))
    table[: len(stored)] = stored[: script.VOCAB_SIZE, : script.EMBEDDING_DIM]
    model = keras.Sequential([keras.Input((None,), dtype="int32")])
    model.add(layers.Embedding(*table.shape, weights=[table], mask_zero=True))
    model.add(layers.GlobalAveragePooling1D())
    model.add(layers.Dropout(0.3))
    model.add(layers.Dense(int(train[1].max()) + 1, activation="softmax"))
    optimizer = keras.optimizers.Adam(learning_rate=0.005)
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer, loss=loss, metrics=["accuracy"])
    stopping = keras.callbacks.EarlyStopping(patience=script.PATIENCE, restore_best_weights=True)
    options = {"validation_data": script.batches(*validation), "callbacks": [stopping]}
    model.fit(script.batches(*train), epochs=100, shuffle=False, verbose=2, **options)
    return model.evaluate(script.batches(*test), verbose=0)[1]


BOTH = majority, tfidf_regression, feedforward, feedforward_counts
BASELINES = {f"{model.__name__}_imdb": (model, "imdb_lstm") for model in (*BOTH, nbsvm_bigrams)}
BASELINES |= {f"{model.__name__}_reuters": (model, "reuters_rnn") for model in (*BOTH, tfidf_svm)}


def run(name, seed):
    """Returns the figures of a baseline on the current folder's data."""
    function, script = BASELINES[name]
    script = tools.configure(script)
    *parts, _, _, vectors, about = script.load_data()
    train, test = ((tools.cut(script, texts), labels) for texts, labels in parts)
    start = time.perf_counter()
    accuracy = float(function(train, test, vectors, seed))
    seconds = time.perf_counter() - start
    return {"source": about["source"], "test_accuracy": accuracy, "seconds": seconds}
