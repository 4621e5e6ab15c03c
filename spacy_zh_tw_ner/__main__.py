"""`python -m spacy_zh_tw_ner …`: the commands, without spaCy's own, and without spaCy where they need none."""

from .cli import zh_tw_ner_cli

if __name__ == "__main__":
    zh_tw_ner_cli(prog_name="zh-tw-ner")
