"""`python -m spacy zh-tw-ner …`: spaCy loads this entry point before it builds its own command line."""

from spacy.cli._util import app

from . import zh_tw_ner_cli

app.add_typer(zh_tw_ner_cli, name="zh-tw-ner")

__all__ = ["zh_tw_ner_cli"]
