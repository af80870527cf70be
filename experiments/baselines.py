"""Baselines: models without recurrence on the same data.

Each takes train, validation and test, (texts, labels) each, the stored word vectors and a seed, and
returns the predicted labels of test and what it chose. Validation is that of the scripts, the front
of train; train is the rest. The linear models choose the length of n-grams and C by accuracy on
validation; the networks choose their epoch by loss on it, as the scripts do.
"""

import functools
import time

import keras
import numpy as np
from keras import layers
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from corpus.classifier import probabilities_of
from experiments import tools

LONGEST, COSTS = (1, 2, 3), (0.01, 0.1, 1, 10, 100)  # words in an n-gram; C


def ngrams(ids, longest):
    words = list(map(str, ids))
    lengths = range(1, longest + 1)
    return [" ".join(words[i : i + n]) for n in lengths for i in range(len(words) - n + 1)]


def choose(vectorizer, model, train, val, test):
    """Returns the predicted labels of test, with the n-grams and C that are best on validation.

    And what was chosen, with the accuracy after training on validation too. Args: `vectorizer`, a
    class of scikit-learn; `model`, a function of C.
    """
    best = -1
    for longest in LONGEST:
        counter = vectorizer(analyzer=functools.partial(ngrams, longest=longest))
        x_train, x_val = counter.fit_transform(train[0]), counter.transform(val[0])
        for c in COSTS:
            fitted = model(c).fit(x_train, train[1])
            accuracy = np.mean(fitted.predict(x_val) == val[1])
            if accuracy > best:
                best, settings = accuracy, (counter, c, f"n-grams of up to {longest}, C = {c}")
                predicted = fitted.predict(counter.transform(test[0]))
    counter, c, chosen = settings
    x_all = counter.fit_transform([*train[0], *val[0]])
    fitted = model(c).fit(x_all, np.concatenate([train[1], val[1]]))
    accuracy = np.mean(fitted.predict(counter.transform(test[0])) == test[1])
    return predicted, f"{chosen}; trained on validation too: {accuracy:.1%}"


def majority(train, val, test, vectors, seed):
    """The most frequent class of train."""
    return np.full(len(test[1]), np.bincount(train[1]).argmax()), ""


def tfidf_regression(train, val, test, vectors, seed):
    """Logistic regression on TF-IDF counts of n-grams that two or more texts have."""
    vectorizer = functools.partial(TfidfVectorizer, sublinear_tf=True, min_df=2)
    return choose(vectorizer, lambda c: LogisticRegression(C=c, max_iter=500), train, val, test)


def tfidf_svm(train, val, test, vectors, seed):
    """A linear support vector machine on TF-IDF counts of n-grams that two or more texts have."""
    vectorizer = functools.partial(TfidfVectorizer, sublinear_tf=True, min_df=2)
    return choose(vectorizer, lambda c: LinearSVC(C=c, random_state=seed), train, val, test)


class NBSVM:
    """A linear support vector machine on log ratios of naive Bayes, for two classes.

    Wang and Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic
    Classification": binary counts, smoothing 1, weights interpolated with a factor of 0.25.
    """

    def __init__(self, c, seed):
        self.svm = LinearSVC(C=c, random_state=seed)

    def fit(self, counts, labels):
        labels = labels.astype(bool)
        sums = (1.0 + np.asarray(counts[rows].sum(axis=0)).ravel() for rows in (labels, ~labels))
        positive, negative = (np.log(total / total.sum()) for total in sums)
        ratio = positive - negative
        weights = self.svm.fit(counts.multiply(ratio).tocsr(), labels).coef_.ravel()
        self.weights = (0.75 * np.abs(weights).mean() + 0.25 * weights) * ratio
        return self

    def predict(self, counts):
        return (counts @ self.weights + self.svm.intercept_ > 0).astype(int)


def nbsvm(train, val, test, vectors, seed):
    """NB-SVM on n-grams. Published with all words: bigrams 91.2 %, trigrams 91.8 %."""
    vectorizer = functools.partial(CountVectorizer, binary=True)
    return choose(vectorizer, lambda c: NBSVM(c, seed), train, val, test)


def feedforward(train, val, test, vectors, seed):
    """A network without recurrence: the mean of the word vectors; the stored ones at first."""
    keras.utils.set_random_seed(seed)
    script = tools.configure("imdb_lstm", {"SEED": seed})
    table = np.random.uniform(-0.05, 0.05, (script.VOCAB_SIZE, script.EMBEDDING_DIM))
    table[: len(vectors)] = vectors[: script.VOCAB_SIZE, : script.EMBEDDING_DIM]
    model = keras.Sequential([keras.Input((None,), dtype="int32")])
    model.add(layers.Embedding(*table.shape, weights=[table], mask_zero=True))
    model.add(layers.GlobalAveragePooling1D())
    model.add(layers.Dropout(0.3))
    model.add(layers.Dense(int(train[1].max()) + 1, activation="softmax"))
    optimizer = keras.optimizers.Adam(learning_rate=0.005)
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer, loss=loss, metrics=["accuracy"])
    stopping = keras.callbacks.EarlyStopping(patience=script.PATIENCE, restore_best_weights=True)
    options = {"validation_data": script.batches(*val), "callbacks": [stopping]}
    model.fit(script.batches(*train), epochs=100, shuffle=False, verbose=2, **options)
    batches = script.batches(test[0], np.arange(len(test[0])), shuffle=False)
    predicted = probabilities_of(model, batches).argmax(axis=1)
    return predicted, f"epoch {stopping.best_epoch + 1}"


IMDB, REUTERS = (majority, tfidf_regression, nbsvm, feedforward), (majority, tfidf_svm, feedforward)
BASELINES = {f"{model.__name__}_imdb": (model, "imdb_lstm") for model in IMDB}
BASELINES |= {f"{model.__name__}_reuters": (model, "reuters_rnn") for model in REUTERS}


def run(name, seed):
    """Returns the figures of a baseline on the current folder's data; which texts were right."""
    function, script = BASELINES[name]
    script = tools.configure(script)
    *parts, _, _, vectors, about = script.load_data()
    train, test = ((tools.cut(script, texts), labels) for texts, labels in parts)
    front = round(len(train[0]) * script.VALIDATION_SIZE)
    val, train = (
        tuple(part[rows] for part in train) for rows in (slice(front), slice(front, None))
    )
    start = time.perf_counter()
    predicted, chosen = function(train, val, test, vectors, seed)
    right = predicted == test[1]
    figures = {"test_accuracy": float(right.mean()), "chosen": chosen}
    return figures | {"source": about["source"], "seconds": time.perf_counter() - start}, right
