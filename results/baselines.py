"""What a recurrent network has to beat: models without recurrence on the same data.

Each takes the train and test parts that a training script's `load_data()` returns, (texts, labels) each, and a seed,
and returns its accuracy on test. Nothing is tuned: the settings are those of the source named or the customary ones,
and the same for both corpora. The networks choose their epoch as the scripts do, on the front of train.
"""

import keras
import numpy as np
from keras import layers
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from tools import configure


def words(ids):
    return [str(word) for word in ids]


def words_and_bigrams(ids):
    single = words(ids)
    return single + [f"{one} {other}" for one, other in zip(single, single[1:])]


def majority(train, test, seed):
    """Always the most frequent class of train."""
    return np.mean(test[1] == np.bincount(train[1]).argmax())


def tfidf_regression(train, test, seed):
    """Logistic regression on TF-IDF word counts."""
    counts = TfidfVectorizer(analyzer=words, sublinear_tf=True)
    return make_pipeline(counts, LogisticRegression(C=5, max_iter=500)).fit(*train).score(*test)


def tfidf_svm(train, test, seed):
    """A linear support vector machine on TF-IDF word counts."""
    counts = TfidfVectorizer(analyzer=words, sublinear_tf=True)
    return make_pipeline(counts, LinearSVC(random_state=seed)).fit(*train).score(*test)


def nbsvm_bigrams(train, test, seed):
    """NB-SVM on words and bigrams, for two classes: a linear classifier on naive Bayes's log ratios.

    Wang and Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification": binary counts,
    smoothing 1, C 1, and a quarter of the weights with three quarters of their mean magnitude.
    """
    counter = CountVectorizer(analyzer=words_and_bigrams, binary=True)
    x_train, x_test = counter.fit_transform(train[0]), counter.transform(test[0])
    y_train = train[1].astype(bool)
    positive, negative = (1.0 + np.asarray(x_train[rows].sum(axis=0)).ravel() for rows in (y_train, ~y_train))
    log_ratio = np.log(positive / positive.sum()) - np.log(negative / negative.sum())
    svm = LinearSVC(C=1, random_state=seed).fit(x_train.multiply(log_ratio).tocsr(), y_train)
    weights = svm.coef_.ravel()
    weights = (0.75 * np.abs(weights).mean() + 0.25 * weights) * log_ratio
    return np.mean((x_test @ weights + svm.intercept_ > 0) == test[1])


def feedforward(train, test, seed, initial="random"):
    """A network without recurrence: the mean of the word vectors, with dropout."""
    keras.utils.set_random_seed(seed)
    script = configure("imdb_lstm", {"SEED": seed, "EMBEDDING_DIM": 32})
    held_out = round(len(train[0]) * script.VALIDATION_SIZE)
    train, validation = ([part[rows] for part in train] for rows in (slice(held_out, None), slice(held_out)))
    vectors = script.count_vectors(train[0]) if initial == "counts" else None
    model = keras.Sequential([keras.Input(shape=(None,), dtype="int32")])
    model.add(layers.Embedding(script.VOCAB_SIZE, script.EMBEDDING_DIM, weights=vectors, mask_zero=True))
    model.add(layers.GlobalAveragePooling1D())
    model.add(layers.Dropout(0.3))
    model.add(layers.Dense(int(train[1].max()) + 1, activation="softmax"))
    optimizer = keras.optimizers.Adam(learning_rate=0.005)
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    early_stopping = keras.callbacks.EarlyStopping(patience=script.PATIENCE, restore_best_weights=True)
    data, validation = script.batches(*train), script.batches(*validation)
    model.fit(data, validation_data=validation, epochs=100, callbacks=[early_stopping], shuffle=False, verbose=2)
    return model.evaluate(script.batches(*test), verbose=0)[1]


def feedforward_counts(train, test, seed):
    """The same network, whose word vectors begin as counts, as those of the scripts do."""
    return feedforward(train, test, seed, initial="counts")


BASELINES = {
    "imdb": (majority, tfidf_regression, nbsvm_bigrams, feedforward, feedforward_counts),
    "reuters": (majority, tfidf_regression, tfidf_svm, feedforward, feedforward_counts),
}
