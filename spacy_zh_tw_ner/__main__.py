"""Run the command line, for `python -m spacy_zh_tw_ner`. Only commands that need spaCy import it."""

from .cli import zh_tw_ner_cli

if __name__ == "__main__":
    zh_tw_ner_cli(prog_name="zh-tw-ner")
