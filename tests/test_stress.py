"""A short pass of tests/stress/fuzz.py."""

from conftest import SCRIPTS

from experiments.recipes import RECIPES
from tests.stress import fuzz


def test_every_training_script_has_a_recipe():
    scripts = {recipe.script for recipe in RECIPES.values()}
    assert set(SCRIPTS) == scripts, "not in IMDB_SCRIPTS, or hidden by a later recipe of its name"


def test_damaged_input_is_accepted_or_refused_in_one_line(in_folder):
    for reader, content in fuzz.readers().values():
        fuzz.attack(reader, content, inputs=50)
