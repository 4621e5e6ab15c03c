import copy
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from spacy_zh_tw_ner.transformer.backbone import load_backbone, require_vocabulary
from spacy_zh_tw_ner.transformer.hub import read_tokenizer
from spacy_zh_tw_ner.transformer.settings import LoraSettings, MemorySettings

Batch = tuple[torch.Tensor, torch.Tensor]
Make = Callable[..., Path]


def copied(folder: Path, target: Path) -> Path:
    return Path(shutil.copytree(folder, target / "copy"))


def test_hidden_states_equal_those_of_transformers(family: str, make_checkpoint: Make, batch: Batch) -> None:
    from transformers import AutoModel

    backbone = load_backbone(str(make_checkpoint(family)))
    hidden = backbone(*batch)
    assert hidden.shape == (3, 9, 32) == (*batch[0].shape, backbone.width)
    assert hidden.dtype == torch.float32
    theirs = AutoModel.from_pretrained(make_checkpoint(family)).eval()
    expected = theirs(input_ids=batch[0], attention_mask=batch[1]).last_hidden_state
    real = batch[1].bool()
    torch.testing.assert_close(hidden[real], expected[real])


def test_hidden_states_do_not_depend_on_padding(family: str, make_checkpoint: Make, batch: Batch) -> None:
    backbone = load_backbone(str(make_checkpoint(family)))
    hidden = backbone(*batch)
    for row, length in enumerate((9, 6, 1)):
        alone = backbone(batch[0][row : row + 1, :length], batch[1][row : row + 1, :length])
        torch.testing.assert_close(hidden[row, :length], alone[0], atol=1e-5, rtol=1e-4)


def test_eager_and_sdpa_attention_give_the_same_hidden_states(family: str, make_checkpoint: Make, batch: Batch) -> None:
    sdpa = load_backbone(str(make_checkpoint(family)))
    eager = load_backbone(str(make_checkpoint(family)), memory=MemorySettings(attn_implementation="eager"))
    assert eager.model.config._attn_implementation == "eager"
    real = batch[1].bool()
    torch.testing.assert_close(sdpa(*batch)[real], eager(*batch)[real], atol=1e-5, rtol=1e-4)


def test_pooler_and_head_are_not_loaded(family: str, make_checkpoint: Make) -> None:
    names = " ".join(name for name, _ in load_backbone(str(make_checkpoint(family))).named_parameters())
    assert "pooler" not in names
    assert "classifier" not in names
    assert "score" not in names


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (2, 0)])
def test_an_empty_batch_gives_empty_hidden_states(shape: tuple[int, int], make_checkpoint: Make) -> None:
    empty = torch.zeros(shape, dtype=torch.long)
    assert load_backbone(str(make_checkpoint()))(empty, empty).shape == (*shape, 32)


def test_a_sequence_longer_than_the_positions_is_an_error(make_checkpoint: Make) -> None:
    backbone = load_backbone(str(make_checkpoint()))
    assert backbone.max_length == 64
    ids = torch.full((1, 65), 7)
    assert backbone(ids[:, :64], torch.ones_like(ids[:, :64])).isfinite().all()
    with pytest.raises(ValueError, match=r"ZT331.* 65 wordpieces.* at most 64\..*get_spans"):
        backbone(ids, torch.ones_like(ids))


@pytest.mark.parametrize("family", ["bert", "electra", "deberta-v2", "qwen2"])
def test_dropout_of_the_settings_replaces_that_of_the_checkpoint(
    family: str, make_checkpoint: Make, batch: Batch
) -> None:
    without = load_backbone(str(make_checkpoint(family)), dropout=0.0).train()
    assert torch.equal(without(*batch), without(*batch))
    with_ = load_backbone(str(make_checkpoint(family)), dropout=0.5).train()
    assert not torch.equal(with_(*batch), with_(*batch))


def test_a_deep_copy_shares_no_weights(make_checkpoint: Make, batch: Batch) -> None:
    memory = MemorySettings(gradient_checkpointing=True)
    backbone = load_backbone(str(make_checkpoint()), lora=LoraSettings(), memory=memory).train()
    before = backbone(*batch)
    other = copy.deepcopy(backbone)
    for parameter in other.parameters():
        parameter.data.zero_()
    assert other(*batch).abs().sum() == 0
    assert before.abs().sum() > 0


@pytest.mark.parametrize("content", ["{}", "no json", '{"model_type": "of-tomorrow"}'])
def test_a_folder_without_a_model_is_an_error(content: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="ZT321"):
        load_backbone(str(tmp_path))


def test_a_checkpoint_with_missing_weights_is_an_error(make_checkpoint: Make, tmp_path: Path) -> None:
    folder = copied(make_checkpoint(), tmp_path)
    weights = load_file(folder / "model.safetensors")
    weights.pop("bert.encoder.layer.1.output.dense.weight")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=r"ZT322.* 1 weights of a bert encoder.*layer\.1\.output\.dense\.weight"):
        load_backbone(str(folder))


def test_weights_that_do_not_fit_the_config_are_an_error(make_checkpoint: Make, tmp_path: Path) -> None:
    folder = copied(make_checkpoint(), tmp_path)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"ZT323.*size mismatch"):
        load_backbone(str(folder))


def test_a_damaged_weights_file_is_an_error(make_checkpoint: Make, tmp_path: Path) -> None:
    folder = copied(make_checkpoint(), tmp_path)
    (folder / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ValueError, match="ZT321"):
        load_backbone(str(folder))


def test_an_encoder_decoder_model_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "t5", "is_encoder_decoder": true}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"ZT324.* t5 model"):
        load_backbone(str(tmp_path))


def test_a_tokenizer_with_more_ids_than_embeddings_is_an_error(make_checkpoint: Make, tmp_path: Path) -> None:
    from transformers import BertTokenizerFast

    backbone = load_backbone(str(make_checkpoint()))
    require_vocabulary(backbone, read_tokenizer(str(make_checkpoint()), None))
    (tmp_path / "vocab.txt").write_text("\n".join(["[UNK]", *map(str, range(70))]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"ZT340.* 7\d wordpieces, .* 60"):
        require_vocabulary(backbone, BertTokenizerFast(str(tmp_path / "vocab.txt")))


def test_loading_logs_no_messages_of_transformers(make_checkpoint: Make, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("transformers")
    logger.addHandler(caplog.handler)
    level = logger.level
    load_backbone(str(make_checkpoint("electra")))
    logger.removeHandler(caplog.handler)
    assert not caplog.records
    assert logger.level == level
