"""Damaged input, a little of it each time; `python results/fuzz.py` tries as much as you have time for."""

import pytest

import fuzz
import tools

NAMES = "archive reviews wires data training table vectors result vocabulary model texts".split()


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("fuzz"))
        yield fuzz.readers()
    for script in "imdb_lstm", "imdb_pretrained_lstm":
        tools.configure(script, {})


def test_all_readers_are_tried(readers):
    assert list(readers) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_damaged_input_is_taken_or_refused_in_one_line(readers, name):
    fuzz.attack(*readers[name], inputs=100)


@pytest.mark.parametrize("error", [ValueError("a traceback"), SystemExit("two\nlines"), SystemExit(1)])
def test_other_ends_are_noticed(readers, error):
    def reader(content):
        if len(content) > 3:
            raise error

    with pytest.raises((ValueError, AssertionError)):
        fuzz.attack(reader, readers["texts"][1], inputs=100)
