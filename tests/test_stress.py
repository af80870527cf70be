"""A short pass of tests/stress/fuzz.py."""

from conftest import SCRIPTS

from experiments.recipes import RECIPES
from tests.stress import fuzz


def test_every_training_script_has_a_recipe():
    scripts = {recipe.script for recipe in RECIPES.values()}
    missing = set(SCRIPTS) - scripts
    assert not missing, "add them to IMDB_SCRIPTS; a later recipe of the same name hides them"


def test_damaged_input_is_accepted_or_refused_in_one_line(in_folder):
    for reader, content in fuzz.readers().values():
        fuzz.attack(reader, content, inputs=50)
