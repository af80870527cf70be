"""A short pass of tests/stress/fuzz.py."""

import pytest
from conftest import SCRIPTS
from hypothesis import strategies

from experiments.recipes import RECIPES
from tests.stress import fuzz


def test_every_training_script_has_a_recipe():
    scripts = {recipe.script for recipe in RECIPES.values()}
    assert set(SCRIPTS) == scripts, "see 'A new training script' in CONTRIBUTING.md"


def test_damaged_input_is_accepted_or_refused_in_one_line(in_folder):
    for reader, content in fuzz.readers().values():
        fuzz.attack(reader, content, inputs=50)


@pytest.mark.parametrize("error", [ValueError("a traceback"), SystemExit("two\nlines")])
def test_any_other_error_is_noticed(error):
    def reader(content):
        raise error

    with pytest.raises((ValueError, AssertionError)):
        fuzz.attack(reader, strategies.binary(), inputs=1)
