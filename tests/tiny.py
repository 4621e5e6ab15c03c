"""Corpus of eight sentences, and a small version of the default config that learns it in a second."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thinc.api import Config

ROOT = Path(__file__).parents[1]

TINY = """# doc = tiny-01
[蔡英文](PERSON)總統在[臺北市](GPE)接見[台積電](ORG)董事長。
[台積電](ORG)總部在[新竹市](GPE)。
昨天[林佳龍](PERSON)走訪[台中市](GPE)的市場。
[國立臺灣大學](ORG)位於[臺北市](GPE)[大安區](GPE)。

# doc = tiny-02
[陳建仁](PERSON)說，[中央研究院](ORG)在[南港區](GPE)。
[鴻海](ORG)在[土城區](GPE)設廠，[郭台銘](PERSON)沒有到場。
我們去吃飯吧！
[台積電](ORG)與[鴻海](ORG)都是公司。
"""

# Overrides that make configs/bilstm.cfg train in a second
SHRINK: dict[str, Any] = {
    "components.ner.model.tok2vec.width": 8,
    "components.ner.model.tok2vec.n_targets": 32,
    "components.ner.model.tok2vec.tok2vec.hidden_width": 24,
    "components.ner.model.tok2vec.tok2vec.depth": 1,
    "components.ner.model.tok2vec.tok2vec.dropout": 0.1,
    "components.ner.model.tok2vec.tok2vec.embed.widths": [24, 8],
    "components.ner.model.tok2vec.tok2vec.embed.rows": [512, 512],
    "training.max_steps": 40,
    "training.eval_frequency": 20,
    "training.optimizer.learn_rate.initial_rate": 0.02,
    "training.optimizer.learn_rate.warmup_steps": 2,
}


def tiny_config(corpus: Path, **settings: Any) -> "Config":
    """Return the small config for the `.spacy` files of a folder.

    settings: Values by dotted path, such as `**{"training.max_steps": 12}`.
    """
    from spacy.util import load_config

    paths = {f"paths.{split}": str(corpus / f"{split}.spacy") for split in ("train", "dev")}
    return load_config(ROOT / "configs" / "bilstm.cfg", overrides=SHRINK | paths | settings)
