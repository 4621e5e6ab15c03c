"""Add the commands of `zh-tw-ner` to spaCy's command line, so that `python -m spacy zh-tw-ner …` runs them.

spaCy imports this module through the entry point group `spacy_cli`, before it parses the command line.
"""

from spacy.cli._util import app

from . import zh_tw_ner_cli

app.add_typer(zh_tw_ner_cli, name="zh-tw-ner")

__all__ = ["zh_tw_ner_cli"]
