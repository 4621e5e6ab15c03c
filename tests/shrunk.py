"""The config of the embedded default, in a size for tests."""

from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

# configs/bilstm.cfg, made small enough to train in a second
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
