"""Writes imdb_lstm.py into docs/imdb_lstm.ipynb, each part into the cell whose id is its name.

    python -m experiments.notebook          without running it: its outputs stay
    python -m experiments.notebook --run    runs it, with new outputs

Parts: `constants`, all before the functions; the functions; `gru`, build_model with a GRU. The
other cells are edited in the notebook.
"""

import re

import nbclient
import nbformat

from corpus import cli
from experiments import tools

PATH = tools.ROOT / "docs" / "imdb_lstm.ipynb"


def parts():
    """Returns {id of a cell: text of imdb_lstm.py}."""
    text = (tools.ROOT / "imdb_lstm.py").read_text(encoding="utf-8")
    constants, *functions = re.split(r"\n\n\n(?=def |if __name__)", text)[:-1]
    named = {text[len("def ") : text.index("(")]: text for text in functions}
    gru = named["build_model"].replace("layers.LSTM", "layers.GRU")
    return {"constants": constants, **named, "gru": gru}


def readable(outputs):
    """Returns the outputs of a cell without stderr; of a progress bar, its last state."""
    kept = [output for output in outputs if output.get("name") != "stderr"]
    pictures = [output for output in kept if "image/png" in output.get("data", {})]
    texts = [each.get("text") or each.data["text/plain"] for each in kept if each not in pictures]
    text = re.sub(r".*\r|\x1b\[[\d;]*m", "", "".join(texts))  # and without colours
    return [nbformat.v4.new_output("stream", text=text)] * bool(text) + pictures


def main(arguments=None):
    parser = cli.parser(__doc__, prog="python -m experiments.notebook")
    parser.add_argument("--run", action="store_true", help="run it in docs/, with new outputs")
    options = cli.parse(parser, arguments)
    notebook, texts = nbformat.read(PATH, 4), parts()
    for cell in notebook.cells:
        cell.source = texts.get(cell.id, cell.source)
    if options.run:
        place, limits = {"metadata": {"path": str(PATH.parent)}}, {"startup_timeout": 600}
        nbclient.NotebookClient(notebook, timeout=None, resources=place, **limits).execute()
        for cell in [cell for cell in notebook.cells if cell.cell_type == "code"]:
            cell |= {"outputs": readable(cell.outputs), "execution_count": None, "metadata": {}}
        notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(notebook, PATH)
    print(f"written: {PATH}")


if __name__ == "__main__":
    cli.start(main)
