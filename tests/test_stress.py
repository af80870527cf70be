"""A short pass of the programs in tests/stress, which try as much as there is time for."""

import pytest

from experiments.recipes import RECIPES
from tests.stress import fuzz, kill

NAMES = ["archive", "reviews", "wires", "data", "table", "folder", "run"]


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("fuzz"))
        yield fuzz.readers()


def test_all_readers_and_programs_are_tried(readers):
    assert list(readers) == NAMES
    programs = {path.stem for path in kill.ROOT.glob("*.py")}
    programs.remove("compare")  # stopped in test_compare.py: it starts processes of its own
    assert programs == set(kill.PROGRAMS)
    scripts = {recipe.script for recipe in RECIPES.values()}
    assert set(kill.SCRIPTS) == scripts, "see 'A new training script' in CONTRIBUTING.md"


@pytest.mark.parametrize("name", NAMES)
def test_damaged_input_is_accepted_or_refused_in_one_line(readers, name):
    fuzz.attack(*readers[name], inputs=50)


@pytest.mark.parametrize("error", [ValueError("a traceback"), SystemExit("two\nlines")])
def test_any_other_error_is_noticed(readers, error):
    def reader(content):
        raise error

    with pytest.raises((ValueError, AssertionError)):
        fuzz.attack(reader, readers["folder"][1], inputs=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["prepare_texts", "imdb_lstm"])
def test_a_stopped_program_leaves_nothing_incomplete(in_folder, name):
    kill.attack(name, times=2)


@pytest.mark.parametrize("made", ["runs/a-1/result.json", "data/a.npz"])
def test_an_incomplete_file_is_noticed(in_folder, made):
    path = in_folder / made
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(fuzz.DataError):
        kill.read_all({})
