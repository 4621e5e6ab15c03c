"""Add the commands to spaCy's command line, as `python -m spacy zh-tw-ner …`; spaCy loads this entry point first."""

from spacy.cli._util import app

from . import zh_tw_ner_cli

app.add_typer(zh_tw_ner_cli, name="zh-tw-ner")

__all__ = ["zh_tw_ner_cli"]
