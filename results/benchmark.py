"""Measures how long our scripts take, side by side with what people use today, and writes results/benchmark.md.

    python download_imdb.py && python download_reuters.py
    python results/benchmark.py                   all parts, over an hour on two cores
    python results/benchmark.py epochs startup    these parts; the others keep their figures in benchmark.md

Seconds on a shared machine say little. So what is compared runs in turn, once in each of several rounds, and what to
read is the ratio: the median over the rounds, with the smallest and the largest in brackets.

    epochs    An epoch at equal model, batch size and cut: ours, with batches of similar length, against the plain
              script, which pads all texts to one length, and against the same LSTM in PyTorch, where torch is there.
    startup   From the start of the process to the first batch, and peak memory: ours against keras.datasets.
    accuracy  From the start of the process until accuracy on validation, cut by movie, has reached 86.6 % at the end of
              an epoch: our defaults against two published recipes on reviews padded to one length. And the whole run
              of imdb_lstm.py, as a person waits for it.
    growth    An epoch of imdb_lstm.py at several lengths and batch sizes; how near it comes to what the machine does in
              a large matrix product; and where the rest of the time goes.
"""

import argparse
import collections
import importlib.util
import json
import multiprocessing
import os
import pathlib
import signal
import random
import statistics
import subprocess
import sys
import tempfile
import time

import keras
import numpy as np
import tensorflow as tf
from presets import IMDB_SCRIPTS, PRESETS
from tools import (
    FOLDER,
    ROOT,
    configure,
    folder_with_data,
    machine,
    read_json,
    run_process,
    start_program,
    table,
    write,
)

ENOUGH = 0.866  # accuracy on validation to reach: what lab_dropout was published to reach on test
NTH = 5  # one batch in so many of ours and PyTorch's is timed; the seconds are those of a whole epoch


def seconds_of(run, *arguments):
    """Calls a function and returns how many seconds it took."""
    start = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - start


def measure(contestants, rounds):
    """Calls each of {name: function} once a round, in turn; each returns its seconds. Returns {name: [seconds]}."""
    seconds = collections.defaultdict(list)
    for turn in range(rounds):
        for name, run in contestants.items():
            seconds[name].append(run())
            print(f"round {turn + 1} of {rounds}: {name} {seconds[name][-1]:.1f} s", flush=True)
    return dict(seconds)


def measure_epochs(contestants, rounds):
    """Measures {name: (prepare, *arguments)}, each in a process of its own, so that none disturbs another.

    `prepare(*arguments)` returns a function that trains, warmed up, the share of an epoch that this is, and whatever
    else is to be told. Returns the seconds of a whole epoch and what was told.
    """
    connections, shares, told = {}, {}, {}
    context = multiprocessing.get_context("spawn")
    try:
        for name, (prepare, *arguments) in contestants.items():
            connections[name], other_end = context.Pipe()
            context.Process(target=serve, args=(other_end, prepare, arguments), daemon=True).start()
            other_end.close()  # so that the end of that process is noticed
            shares[name], told[name] = connections[name].recv()

        def run(name):
            connections[name].send("run")
            return connections[name].recv() / shares[name]

        return measure({name: lambda name=name: run(name) for name in contestants}, rounds), told
    except EOFError:
        sys.exit("A process that should measure has ended; what it printed above may say why.")
    finally:
        for process in multiprocessing.active_children():
            process.terminate()


def serve(connection, prepare, arguments):
    """What a process of `measure_epochs` does: prepares, and runs whenever it is asked to."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process, which ends this one
    run, share, *told = prepare(*arguments)
    connection.send((share, told))
    while connection.recv():
        connection.send(seconds_of(run))


def process(command, folder):
    """Runs a command in a folder and returns what it printed."""
    return run_process(command, folder, stdout=subprocess.PIPE, text=True, check=True).stdout


def load(script, constants):
    """Returns a script with the given constants, and its training texts and labels."""
    module = configure(script, constants)
    (texts, labels), *_ = module.load_data()
    return module, texts, labels


def ours(script, constants):
    """Prepares an epoch as the script does it. Tells how many word positions it has, those of padding included."""
    module, texts, labels = load(script, constants)
    epoch = module.batches(texts, labels)
    # Every NTH batch by width, so that their mean width is that of the epoch.
    batches = sorted(epoch.as_numpy_iterator(), key=lambda batch: batch[0].shape[1])[NTH // 2 :: NTH]
    random.Random(1).shuffle(batches)
    model = module.build_model()
    dataset = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=epoch.element_spec)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))
    dataset = dataset.prefetch(2).with_options(epoch.options())
    model.fit(dataset.take(2), shuffle=False, verbose=0)
    share = sum(len(ids) for ids, _ in batches) / len(texts)
    positions = sum(ids.size for ids, _ in batches) / share
    return lambda: model.fit(dataset, shuffle=False, verbose=0), share, positions


def plain(script, constants):
    """Prepares an epoch of the script that everybody writes: all texts padded to one length, batches at random.

    It is a whole one, since the wait for TensorFlow's tuner at its end does not grow with the number of texts.
    """
    module, texts, labels = load(script, constants)
    size = module.BATCH_SIZE
    ids = keras.utils.pad_sequences(texts, module.MAX_LENGTH)
    model = module.build_model()
    model.fit(ids[: 2 * size], labels[: 2 * size], batch_size=size, verbose=0)
    return lambda: model.fit(ids, labels, batch_size=size, verbose=0), 1


def in_torch(script, constants, packed):
    """Prepares an epoch of one LSTM in PyTorch, on texts padded to one length or packed, in batches at random."""
    import torch

    module, texts, labels = load(script, constants)
    embedding = torch.nn.Embedding(module.VOCAB_SIZE, module.EMBEDDING_DIM)
    lstm = torch.nn.LSTM(module.EMBEDDING_DIM, module.LSTM_UNITS, batch_first=True)
    dense = torch.nn.Linear(module.LSTM_UNITS, 1)
    parameters = [parameter for layer in (embedding, lstm, dense) for parameter in layer.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=module.LEARNING_RATE)
    loss_of = torch.nn.BCEWithLogitsLoss()
    ids = torch.from_numpy(keras.utils.pad_sequences(texts, module.MAX_LENGTH))
    texts = [torch.from_numpy(text) for text in texts]
    labels = torch.from_numpy(labels).float()

    def train(count):
        for rows in torch.randperm(count).split(module.BATCH_SIZE):
            if packed:
                vectors = embedding(torch.nn.utils.rnn.pad_sequence([texts[row] for row in rows], batch_first=True))
                lengths = torch.tensor([len(texts[row]) for row in rows])
                pack = torch.nn.utils.rnn.pack_padded_sequence
                vectors = pack(vectors, lengths, batch_first=True, enforce_sorted=False)
            else:
                vectors = embedding(ids[rows])
            _, (last_output, _) = lstm(vectors)
            loss = loss_of(dense(last_output[-1]).squeeze(-1), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    train(2 * module.BATCH_SIZE)
    # The way back through packed texts is so slow that a tenth of the others' work will do.
    count = len(texts) // NTH // (10 if packed else 1)
    return lambda: train(count), count / len(texts)


def epochs(rounds):
    """Measures the part `epochs`."""
    models = {
        "LSTM(100)": ("brownlee", {}),
        "BiLSTM(64)": ("keras_bilstm", {"MAX_LENGTH": 500, "BATCH_SIZE": 64}),
        "CNN-LSTM(70)": ("keras_cnn_lstm", {"MAX_LENGTH": 500}),
        "Reuters GRU(32)": ("reuters_gru", {}),
    }
    seconds, sources = {}, []
    for name, (preset, changes) in models.items():
        script, constants = PRESETS[preset].script, PRESETS[preset].constants | changes
        sources.append(configure(script, constants).load_data()[-1])
        contestants = {f"{name}, ours": (ours, script, constants), f"{name}, plain": (plain, script, constants)}
        seconds |= measure_epochs(contestants, rounds)[0]
        if name == "LSTM(100)" and importlib.util.find_spec("torch"):
            contestants = {f"{name} again, ours": (ours, script, constants)}
            contestants[f"{name} again, PyTorch padded"] = in_torch, script, constants, False
            contestants[f"{name} again, PyTorch packed"] = in_torch, script, constants, True
            seconds |= measure_epochs(contestants, rounds)[0]
        elif name == "LSTM(100)":
            print("PyTorch is left out: torch is not installed.")
    return {"seconds": seconds, "sources": sources}


def write_keras_file(path):
    """Writes data/imdb.npz in the format of Keras's own imdb.npz: pickled lists of ranks, without the start id."""
    arrays = {}
    with np.load("data/imdb.npz", allow_pickle=False) as file:
        for part in "train", "test":
            texts = np.split(file[f"x_{part}"] - 3, np.cumsum(file[f"{part}_lengths"])[:-1])
            arrays[f"x_{part}"] = np.array([text[1:].tolist() for text in texts], dtype=object)
            arrays[f"y_{part}"] = file[f"y_{part}"]
    np.savez_compressed(path, **arrays)


STARTUP = {
    "importing TensorFlow and Keras alone": """
import keras
import tensorflow
""",
    "ours": """
import imdb_lstm
(x_train, y_train), *_ = imdb_lstm.load_data()
next(iter(imdb_lstm.batches(x_train, y_train)))
""",
    "keras.datasets": """
import keras
import tensorflow
from keras.src.datasets import imdb
imdb.get_file = lambda **_: "imdb.npz"  # it is here; Keras would check its hash and take it from its cache
(x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=20_000)
x_train = keras.utils.pad_sequences(x_train, 400)
x_test = keras.utils.pad_sequences(x_test, 400)
next(iter(tensorflow.data.Dataset.from_tensor_slices((x_train, y_train)).batch(128)))
""",
}
# Keras imports these where it finds them, and a machine with nothing but requirements.txt has none.
BARE = """
import sys
sys.modules |= dict.fromkeys(["pandas", "scipy", "sklearn", "torch"])
"""
PEAK = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def startup(rounds):
    """Measures the part `startup`, on Linux."""
    memory = collections.defaultdict(list)
    with folder_with_data() as folder:
        write_keras_file(os.path.join(folder, "imdb.npz"))

        def run(name):
            peak = process([sys.executable, "-c", BARE + STARTUP[name] + PEAK], folder)
            memory[name].append(int(peak) / 1024)

        run("ours")  # so that TensorFlow's files are in the machine's memory for all
        memory.clear()
        seconds = measure({name: lambda name=name: seconds_of(run, name) for name in STARTUP}, rounds)
    return {"seconds": seconds, "memory": memory}


def reach(script, constants, plain):
    """Trains until accuracy on validation is ENOUGH, at most its EPOCHS, and prints it for each epoch."""
    module = configure(script, constants)
    keras.utils.set_random_seed(module.SEED)
    (x, y), *_ = module.load_data()
    held_out = len(x) // 5
    model = module.build_model(module.count_vectors(x[held_out:]) if module.INITIAL_VECTORS == "counts" else None)
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", logs["val_accuracy"] >= ENOUGH)
    )
    options = {"epochs": module.EPOCHS, "verbose": 2, "callbacks": [stop]}
    if plain:
        ids = keras.utils.pad_sequences(x, module.MAX_LENGTH)
        validation = ids[:held_out], y[:held_out]
        size = module.BATCH_SIZE
        history = model.fit(ids[held_out:], y[held_out:], size, validation_data=validation, **options)
    else:
        train, validation = module.batches(x[held_out:], y[held_out:]), module.batches(x[:held_out], y[:held_out])
        history = model.fit(train, validation_data=validation, shuffle=False, **options)
    print(json.dumps(history.history["val_accuracy"]))


def accuracy(rounds):
    """Measures the part `accuracy`; a round is a seed."""
    histories = collections.defaultdict(list)

    def run(name):
        preset = PRESETS[name]
        constants = preset.constants | {"SEED": len(histories[name]) + 1}
        code = f"import benchmark; benchmark.reach({preset.script!r}, {constants!r}, plain={name not in IMDB_SCRIPTS})"
        output = process([sys.executable, "-c", code], ".")
        histories[name].append(json.loads(output.splitlines()[-1]))
        print(f"{name}: {histories[name][-1]}")

    seconds = measure(
        {name: lambda name=name: seconds_of(run, name) for name in (*IMDB_SCRIPTS, "brownlee", "lab_dropout")}, rounds
    )
    with folder_with_data() as folder:
        command = [sys.executable, ROOT / "imdb_lstm.py"]
        whole = measure({"whole run": lambda: seconds_of(process, command, folder)}, rounds)
    return {"seconds": seconds | whole, "histories": histories}


def matrix_product():
    """Prepares ten products of two matrices of 2048 x 2048."""
    matrix = tf.random.normal((2048, 2048))

    def run():
        for _ in range(10):
            product = tf.matmul(matrix, matrix)
        product.numpy()

    run()
    return run, 1, 10 * 2 * 2048**3


def profile(model, batches):
    """Returns {operation: share of the time of TensorFlow's threads} while training on the given batches."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for ids, labels in batches:
            model.train_on_batch(ids, labels)
        tf.profiler.experimental.stop()
        (path,) = pathlib.Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
    times = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            running = []  # an event within another one takes its time away from that
            for event in sorted(line.events, key=lambda event: (event.offset_ps, -event.duration_ps)):
                operation = plane.event_metadata[event.metadata_id].name.split(":")[-1]
                while running and running[-1][1] <= event.offset_ps:
                    running.pop()
                if running:
                    times[running[-1][0]] -= event.duration_ps
                times[operation] += event.duration_ps
                running.append((operation, event.offset_ps + event.duration_ps))
    del times["Run"]  # Python's thread, which waits for the others
    return {operation: share / times.total() for operation, share in times.most_common()}


def growth(rounds):
    """Measures the part `growth`."""
    settings = [("MAX_LENGTH", length) for length in (100, 200, 400, 800, None)]
    settings += [("BATCH_SIZE", size) for size in (32, 64, 128, 256, 512)]
    contestants = {f"{name} = {value}": (ours, "imdb_lstm", {name: value}) for name, value in settings}
    seconds, told = measure_epochs(contestants | {"matrix product": (matrix_product,)}, rounds)
    (operations,) = told.pop("matrix product")
    module, texts, labels = load("imdb_lstm", {})
    model = module.build_model()
    batches = list(module.batches(texts, labels).take(22).as_numpy_iterator())
    for ids, targets in batches[:2]:
        model.train_on_batch(ids, targets)
    # Four gates, a multiplication and an addition for each weight; the way back costs twice the way forward.
    inputs, units = module.EMBEDDING_DIM, module.LSTM_UNITS
    return {
        "seconds": seconds,
        "positions": {name: positions for name, (positions,) in told.items()},
        "operations": {"position": 3 * 2 * 4 * units * (inputs + units), "matrix product": operations},
        "profile": profile(model, batches[2:]),
        "constants": {name: getattr(module, name) for name in ("VOCAB_SIZE", "EMBEDDING_DIM", "LSTM_UNITS")},
    }


def ratio(slower, faster):
    """Returns the median ratio of two lists, round by round, with the smallest and largest, as text; "" of the same."""
    if slower == faster:
        return ""
    ratios = [one / other for one, other in zip(slower, faster)]
    return f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"


def report_epochs(figures):
    seconds = figures["seconds"]
    rows = []
    for name, values in seconds.items():
        ours = seconds[f"{name.split(',')[0]}, ours"]
        rows.append([name, f"{statistics.median(values):.0f}", ratio(values, ours)])
    sources = "; ".join(dict.fromkeys(figures["sources"]))
    return f"""## An epoch

Equal model, optimizer, batch size and cut (the last 500 words). Of ours and PyTorch's one batch in {NTH} was run, of
PyTorch's packed ones one in {10 * NTH}. {sources}.
The plain script's epochs were run whole: they include a wait at the end for TensorFlow's tuner of datasets, which ours
have switched off.

{table(["model and script", "seconds an epoch", "times ours"], rows)}
"""


def report_startup(figures):
    seconds, memory = figures["seconds"], figures["memory"]
    rows = []
    for name in STARTUP:
        columns = [name, f"{statistics.median(seconds[name]):.1f}", ratio(seconds[name], seconds["ours"])]
        rows.append(columns + [f"{statistics.median(memory[name]):.0f}", ratio(memory[name], memory["ours"])])
    return f"""## To the first batch

From the start of the process, on a machine with nothing but requirements.txt. Keras's loader reads the same reviews
from a file of its own format.

{table(["loader", "seconds", "times ours", "peak memory, MiB", "times ours"], rows)}
"""


def report_accuracy(figures):
    seconds, rows = figures["seconds"], []
    for name, history in figures["histories"].items():
        reached = [max(values) >= ENOUGH for values in history]
        each = [f"{value:.0f}" + ("" if there else " (not reached)") for value, there in zip(seconds[name], reached)]
        passes = ", ".join(str(len(values)) for values in history)
        best = statistics.mean(max(values) for values in history)
        times = ratio(seconds[name], seconds["imdb_lstm"])
        rows.append([name, ", ".join(each), passes, f"{best:.1%}", times])
    whole = ", ".join(f"{value:.0f}" for value in seconds["whole run"])
    return f"""## To {ENOUGH:.1%} accuracy on validation by movie

From the start of the process to the end of the first epoch that reaches it, or of the recipe's last epoch; the
seeds are 1, 2, 3 and so on. All train on the four fifths of train that are not validation; `brownlee` and `lab_dropout`
for their three epochs, with all reviews padded to 500.

{table(["recipe", "seconds by seed", "epochs by seed", "best accuracy, mean", "times imdb_lstm"], rows)}

The whole run of `imdb_lstm.py` with its defaults, from the command to the last line: {whole} s.
"""


def report_growth(figures):
    operations = figures["operations"]
    peaks = [operations["matrix product"] / value for value in figures["seconds"]["matrix product"]]
    rows = []
    for name, positions in figures["positions"].items():
        seconds = figures["seconds"][name]
        rates = [operations["position"] * positions / value for value in seconds]
        share = statistics.median(rate / peak for rate, peak in zip(rates, peaks))
        rate = statistics.median(rates) / 1e9
        rows.append(
            [name, f"{statistics.median(seconds):.0f}", f"{positions / 1e6:.1f}", f"{rate:.0f}", f"{share:.0%}"]
        )
    constants = ", ".join(f"{name} = {value}" for name, value in figures["constants"].items())
    shares = [[operation, f"{share:.1%}"] for operation, share in list(figures["profile"].items())[:10]]
    return f"""## How it grows

An epoch of `imdb_lstm.py` over all 25,000 reviews, one constant changed at a time. The model had
{constants}.
Operations are those of the LSTM's matrix products, forwards and backwards; the machine's rate is that of a product of
two matrices of 2048 x 2048 in the same round: {statistics.median(peaks) / 1e9:.0f} GFLOP/s.

{table(["constant", "seconds an epoch", "million word positions", "GFLOP/s", "share of the machine's"], rows)}

Where TensorFlow's threads spend their time in a training step with these constants, the ten largest. `MatMul` is a
matrix product, `Process` TensorFlow's scheduling of single operations, `UnsortedSegmentSum` and `ZerosLike` belong to
the embedding's gradient, and `Mul` and `AddN` to gates, gradients and the optimizer.

{table(["operation", "share"], shares)}
"""


PARTS = {
    "epochs": (epochs, report_epochs),
    "startup": (startup, report_startup),
    "accuracy": (accuracy, report_accuracy),
    "growth": (growth, report_growth),
}


def write_report(figures):
    """Writes benchmark.md from {part: figures}."""
    sections = ["# How long it takes\n\nMade by `python results/benchmark.py`, which says how it is measured.\n"]
    for part, (_, report) in PARTS.items():
        if part in figures:
            sections.append(
                report(figures[part]) + f"\n{figures[part]['machine']}; rounds: {figures[part]['rounds']}.\n"
            )
    write(FOLDER / "benchmark.md", "\n".join(sections))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"what to measure: {', '.join(PARTS)}; all if none is named"
    )
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for part in arguments.parts:
        if part not in PARTS:
            parser.error(f"there is no part {part!r}; there are {', '.join(PARTS)}")
    if arguments.rounds < 1:
        parser.error("--rounds must be 1 or more")
    for path in "data/imdb.npz", "data/reuters.npz":
        if not os.path.exists(path):
            sys.exit(f"There is no {path}: run download_{pathlib.Path(path).stem}.py.")
    store = FOLDER / "benchmark.json"
    figures = read_json(store.read_text(), store) if store.exists() else {}
    for part in arguments.parts or PARTS:
        measured = PARTS[part][0](arguments.rounds)
        figures[part] = {"machine": machine(), "rounds": arguments.rounds} | measured
        write(store, json.dumps(figures, indent=1) + "\n")
    write_report(figures)
    print(f"Written: {FOLDER / 'benchmark.md'}")


if __name__ == "__main__":
    start_program(main)
