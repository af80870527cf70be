"""predict.py: the right files, the right encoding, a defined answer to every text, and what a person sees of it."""

import io
import json
import shutil
import sys

import keras
import numpy as np
import pytest

import data_files
import imdb_lstm
import predict
from conftest import ROOT, run, texts_of


@pytest.fixture
def runs(trained):
    """{script: path of its model} for two scripts that ran on their samples."""
    return {script: trained(script)[0] / "runs" / script / "model.keras" for script in ("imdb_lstm", "reuters_rnn")}


def probability_of(model, ids):
    """Returns what a model says of one text when it is given it as in training."""
    (batch, _), *_ = imdb_lstm.batches([np.array(ids)], np.array([0]))
    return float(model.predict_on_batch(batch)[0, 0])


def ask(capsys, *arguments):
    capsys.readouterr()
    predict.main([str(argument) for argument in arguments])
    return capsys.readouterr().out


def test_it_reads_what_the_order_of_the_words_says(runs, capsys):
    texts = ["The film started badly but ended well.", "The film started well but ended badly."]
    answers = [json.loads(line) for line in ask(capsys, "--json", runs["imdb_lstm"], *texts).splitlines()]
    assert [answer["class"] for answer in answers] == ["positive", "negative"]
    assert [answer["text"] for answer in answers] == texts
    assert all(sum(answer["probabilities"].values()) == pytest.approx(1) for answer in answers)


def test_its_probabilities_are_those_of_the_model_on_the_test_set(runs, sample, capsys):
    words = ["", "", "", "", *bytes(sample["vocabulary"]).decode().split("\n")]
    ids = texts_of(sample, "test")[:5]
    texts = [" ".join(words[id] for id in text[1:]) for text in ids]
    model = keras.models.load_model(runs["imdb_lstm"])
    expected = [probability_of(model, text) for text in ids]
    answers = [json.loads(line) for line in ask(capsys, "--json", runs["imdb_lstm"], *texts).splitlines()]
    assert [answer["probabilities"]["positive"] for answer in answers] == pytest.approx(expected, abs=1e-6)


def test_the_name_of_a_file_is_read_as_a_text_but_not_in_silence(runs, in_folder, capsys):
    (in_folder / "texts.txt").write_text("a good film")
    predict.main([str(runs["imdb_lstm"]), "texts.txt"])
    assert "predict.py MODEL < FILE" in capsys.readouterr().err
    predict.main([str(runs["imdb_lstm"]), "texts"])
    assert "FILE" not in capsys.readouterr().err


def test_company_does_not_change_an_answer(runs, capsys):
    text = "The plot was moving, not flat."
    alone = json.loads(ask(capsys, "--json", runs["imdb_lstm"], text))["probability"]
    company = ["dull", text, "The film " * 300, text.upper()]
    answers = [json.loads(line) for line in ask(capsys, "--json", runs["imdb_lstm"], *company).splitlines()]
    assert [answers[1]["probability"], answers[3]["probability"]] == pytest.approx([alone] * 2, abs=1e-6)


def test_topics_by_name_the_three_most_probable(runs, capsys):
    line = ask(capsys, runs["reuters_rnn"], "It was cocoa that moved the market, not grain.")
    parts = line.split()
    assert parts[0] == "cocoa" and [part.endswith("%") for part in parts[1:6:2]] == [True] * 3


def test_a_model_may_be_named_by_its_folder(runs, capsys):
    assert ask(capsys, runs["imdb_lstm"].parent, "a film") == ask(capsys, runs["imdb_lstm"], "a film")


def test_one_text_is_not_taken_for_a_list_of_letters(runs):
    classifier = predict.Classifier(runs["imdb_lstm"])
    with pytest.raises(TypeError, match="a list of texts"):
        predict.answer(classifier, "a film")
    assert len(predict.answer(classifier, (text for text in ["a film", "a good film"]))) == 2


def test_script_and_data_file_may_change_afterwards(runs, tmp_path, capsys, monkeypatch):
    text = "The film was not dull, it was charming."
    before = ask(capsys, runs["imdb_lstm"], text)
    folder = shutil.copytree(runs["imdb_lstm"].parent, tmp_path / "kept")
    monkeypatch.chdir(tmp_path)  # no data file here, and other constants
    monkeypatch.setattr(imdb_lstm, "VOCAB_SIZE", 50)
    assert ask(capsys, folder / "model.keras", text) == before


def copy(runs, tmp_path):
    return shutil.copytree(runs["imdb_lstm"].parent, tmp_path / "copy")


def refused(path, reason, capsys):
    with pytest.raises(SystemExit, match=reason) as stop:
        predict.main([str(path), "text"])
    assert "\n" not in stop.value.code
    assert capsys.readouterr().out == ""


def test_files_of_different_runs_are_refused(runs, tmp_path, capsys):
    folder = copy(runs, tmp_path)
    words = (folder / "vocabulary.txt").read_text().split("\n")
    (folder / "vocabulary.txt").write_text("\n".join(reversed(words)))
    refused(folder / "model.keras", "vocabulary.txt is not the one", capsys)
    shutil.copy(runs["imdb_lstm"].parent / "vocabulary.txt", folder)
    shutil.copy(runs["reuters_rnn"], folder / "model.keras")
    refused(folder / "model.keras", "model.keras is not the one", capsys)


@pytest.mark.parametrize("name", ["result.json", "vocabulary.txt"])
def test_a_missing_or_damaged_file_is_named(runs, tmp_path, capsys, name):
    folder = copy(runs, tmp_path)
    (folder / name).write_bytes(b"\xff{")
    refused(folder / "model.keras", name, capsys)
    (folder / name).unlink()
    refused(folder / "model.keras", name, capsys)


def test_what_is_no_model_is_refused(runs, tmp_path, capsys):
    refused(tmp_path / "missing.keras", "there is no model", capsys)
    refused(ROOT / "README.md", "result.json", capsys)
    folder = copy(runs, tmp_path)
    for content in b"", b"no model", (folder / "model.keras").read_bytes()[:1000]:
        (folder / "model.keras").write_bytes(content)
        result = json.loads((folder / "result.json").read_text())
        result["model.keras sha256"] = data_files.digest(folder / "model.keras", "0" * 64)
        (folder / "result.json").write_text(json.dumps(result))
        refused(folder / "model.keras", "cannot be loaded as a Keras model", capsys)


def test_texts_without_words_have_no_class(runs, capsys):
    for line in ask(capsys, runs["imdb_lstm"], "", "   ", "!?...", "\t").splitlines():
        assert line.startswith("- ") and line.endswith("(no words)")
    answer = json.loads(ask(capsys, "--json", runs["imdb_lstm"], ""))
    assert answer == {"text": "", "class": None, "probability": None, "note": "no words"}
    assert "no words" in ask(capsys, "--words", runs["imdb_lstm"], "")


def test_unknown_words_are_counted_and_said(runs, capsys):
    assert "(no known word)" in ask(capsys, runs["imdb_lstm"], "\U0001f3ac \u6620\u753b qwertz")
    answer = json.loads(ask(capsys, "--json", runs["imdb_lstm"], "a wonderful \U0001f3ac"))
    assert (answer["words"], answer["unknown_words"], answer["note"]) == (3, 1, "")


def test_a_text_of_100_000_words_is_read_to_its_end(runs, capsys):
    text = "dull " * 100_000 + "The film was not dull, it was charming."
    answer = json.loads(ask(capsys, "--json", runs["imdb_lstm"], text))
    assert answer["words"] == 100_008
    last = " ".join(["dull"] * (imdb_lstm.MAX_LENGTH - 8)) + " the film was not dull it was charming"
    model = keras.models.load_model(runs["imdb_lstm"])
    ids = predict.Classifier(runs["imdb_lstm"]).encode(last.split())[1:]
    assert answer["probabilities"]["positive"] == pytest.approx(probability_of(model, ids), abs=1e-5)
    assert len(ask(capsys, runs["imdb_lstm"], text)) < 120


def test_words_shows_the_probability_after_each_word(runs, capsys, monkeypatch):
    text = "The film started badly but ended well."
    table = ask(capsys, "--words", runs["imdb_lstm"], text).splitlines()
    assert [line.split()[1] for line in table[2:]] == text.lower().rstrip(".").split()
    shares = [float(line.split()[0].rstrip("%")) for line in table[2:]]
    assert shares[-1] > 80 > shares[1]  # after "The film" it does not know yet
    answer = json.loads(ask(capsys, "--json", "--words", runs["imdb_lstm"], text))
    assert answer["followed"] == "positive"
    assert answer["after_each_word"][-1][1] == pytest.approx(answer["probabilities"]["positive"], abs=1e-5)
    monkeypatch.setattr(predict, "colours_possible", lambda: True)
    coloured = ask(capsys, "--words", runs["imdb_lstm"], text)
    assert coloured.count("\x1b[38;5;") == 7 and len(coloured.splitlines()) == 3


def test_words_shows_what_each_beginning_of_the_text_gets(runs, capsys):
    words = "the film started badly and had dull scenes and a charming end but it was too long for me".split()
    answer = json.loads(ask(capsys, "--json", "--words", runs["imdb_lstm"], " ".join(words)))
    beginnings = [" ".join(words[: end + 1]) for end in range(len(words))]
    alone = [json.loads(ask(capsys, "--json", runs["imdb_lstm"], text)) for text in beginnings]
    shares = [found["probabilities"]["positive"] for found in alone]
    assert answer["after_each_word"] == [[word, pytest.approx(share, abs=1e-6)] for word, share in zip(words, shares)]


def test_a_text_may_stand_behind_an_option(runs, capsys):
    assert json.loads(ask(capsys, runs["imdb_lstm"], "--json", "a dull film"))["text"] == "a dull film"


def test_lines_that_are_not_utf8_are_named(runs, capsys, monkeypatch):
    lines = b"a dull film\n" + "a charming caf\xe9\n".encode("latin-1") + b"a dull film\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    predict.main([str(runs["imdb_lstm"])])
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert [line for line in err.splitlines() if "UTF-8" in line] == [
        "Line 2: byte 0xe9 is not UTF-8. Save the texts as UTF-8."
    ]


def test_words_of_a_long_text_are_its_last(runs, capsys):
    answer = json.loads(ask(capsys, "--json", "--words", runs["imdb_lstm"], "dull " * 500 + "charming"))
    assert len(answer["after_each_word"]) == predict.WORDS_SHOWN
    assert answer["after_each_word"][-1][0] == "charming"
    assert answer["after_each_word"][-1][1] == pytest.approx(answer["probabilities"]["positive"], abs=1e-5)


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_standard_input_is_read_line_by_line(runs, capsys, monkeypatch, arguments):
    lines = b"a dull film\r\n\nthe film started badly but ended well\ncaf\xe9 \xff\xfe"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    out = ask(capsys, runs["imdb_lstm"], *arguments).splitlines()
    assert len(out) == 4
    assert out[1].endswith("(no words)") and out[2].startswith("positive") and "caf\ufffd" in out[3]


def test_as_a_process(runs, tmp_path):
    done = run(ROOT / "predict.py", tmp_path, runs["imdb_lstm"], "The film started badly but ended well.")
    assert done.returncode == 0 and done.stdout.startswith("positive")
    done = run(ROOT / "predict.py", tmp_path, tmp_path / "none.keras", "text")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "there is no model" in done.stderr
