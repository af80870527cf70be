"""The requirements stand in requirements.txt and, for `uv run`, in each script: they must be the same."""

import tomllib

import pytest

from conftest import ROOT

SCRIPTS = [path for path in sorted(ROOT.glob("*.py")) if "# /// script" in path.read_text()]


def test_the_scripts_carry_metadata():
    assert {"download_imdb.py", "imdb_lstm.py"} <= {path.name for path in SCRIPTS}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_script_metadata_equal_requirements(path):
    block = path.read_text().split("# /// script\n")[1].split("# ///\n")[0]
    metadata = tomllib.loads("".join(line.removeprefix("# ") for line in block.splitlines(keepends=True)))
    assert metadata["dependencies"] == (ROOT / "requirements.txt").read_text().splitlines()
    assert metadata["requires-python"] == ">=3.11,<3.14"
