"""Entry point of `python -m spacy_zh_tw_ner`: the commands of this package. Only those that need spaCy import it."""

from .cli import zh_tw_ner_cli

if __name__ == "__main__":
    zh_tw_ner_cli(prog_name="zh-tw-ner")
