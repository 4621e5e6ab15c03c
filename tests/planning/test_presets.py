"""Presets have the settings of their guides, and unknown configs and settings are refused."""

from pathlib import Path

import pytest

from spacy_zh_tw_ner.errors import PlanError, UsageError
from spacy_zh_tw_ner.planning.presets import config_folder, preset_names, read_config, with_settings
from spacy_zh_tw_ner.planning.recipe import batch_settings, read_recipe, sentences_at_once

# Settings of the guides: batch size, batch size × accumulation, wordpieces per window, optimizer, precision, gradient
# checkpointing, frozen layers
TABLE = {
    "12gb-start": (16, 16, 256, "adamw", "fp16", False, 0),
    "12gb-base": (16, 32, 512, "adamw", "fp16", False, 0),
    "12gb-base-fast": (32, 32, 256, "adamw_bnb_8bit", "fp16", True, 0),
    "12gb-large-lora": (8, 32, 512, "adamw", "fp16", True, 0),
    "12gb-7b-qlora": (2, 16, 512, "paged_adamw_bnb_8bit", "bf16", True, 0),
    "12gb-emergency": (1, 32, 128, "adamw_bnb_8bit", "fp16", True, 0),
    "4gb-safe": (1, 16, 64, "adamw", "fp16", False, 10),
    "4gb": (2, 16, 64, "adamw", "fp16", False, 10),
    "4gb-fast": (4, 16, 64, "adamw", "fp16", False, 10),
    "4gb-limit": (8, 16, 64, "adamw", "fp16", False, 10),
}


def test_all_presets_are_listed() -> None:
    assert set(preset_names()) == {*TABLE, "cpu-bilstm"}


@pytest.mark.parametrize("name", TABLE)
def test_each_preset_has_the_settings_of_its_guide(name: str) -> None:
    recipe = read_recipe(read_config(name))
    memory = recipe.settings.memory
    assert TABLE[name] == (
        recipe.n_windows,
        recipe.n_windows * recipe.accumulate,
        recipe.length,
        recipe.optimizer,
        memory.precision,
        memory.gradient_checkpointing,
        memory.freeze_layers,
    )
    assert memory.micro_batch == "auto"  # no out-of-memory error, even if the plan is wrong


@pytest.mark.parametrize("name", preset_names())
def test_each_preset_is_short_and_begins_with_a_comment(name: str) -> None:
    lines = (config_folder() / f"{name}.cfg").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 30
    assert lines[0].startswith("# ")


def test_the_4gb_preset_has_the_learning_rates_of_its_guide() -> None:
    optimizer = read_config("4gb").interpolate()["training"]["optimizer"]
    assert optimizer["encoder_rate"]["initial_rate"] == 5e-5
    assert optimizer["head_rate"]["initial_rate"] == 5e-3


def test_a_misspelled_config_name_gets_a_suggestion() -> None:
    with pytest.raises(PlanError, match=r"ZT602.*Did you mean '12gb-large-lora'"):
        read_config("12gb-lage-lora")


def test_an_unknown_config_name_gets_the_list_of_names_only() -> None:
    with pytest.raises(PlanError, match=r"ZT602") as caught:
        read_config("nope.cfg")
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("training.max_stepz", "training.max_steps"),
        ("components.transformer.model.memory.precison", "components.transformer.model.memory.precision"),
        ("components.transfomer.model.name", "components.transformer.model.name"),
    ],
)
def test_an_unknown_setting_gets_a_suggestion(path: str, near: str, tmp_path: Path) -> None:
    preset = tmp_path / "own.cfg"
    preset.write_text(f'[preset]\nextends = "transformer"\n\n[settings]\n{path} = 1\n', encoding="utf-8")
    with pytest.raises(UsageError, match=rf"ZT601.*own\.cfg sets '{path}'.*nearest is '{near}'"):
        read_config(preset)


def test_settings_missing_in_the_config_can_be_set() -> None:
    config = with_settings(
        read_config("transformer"), {"training.accumulate_gradient": 4, "components.ner.overwrite": 1}
    )
    assert config["training"]["accumulate_gradient"] == 4
    memory = with_settings(config, {"components.transformer.model.memory.freeze_layers": 2})
    assert read_recipe(memory).settings.memory.freeze_layers == 2


def test_a_setting_of_a_block_can_be_set_where_spacy_has_a_plain_value() -> None:
    """spaCy's default learn_rate is a number; that of our configs is a schedule."""
    config = with_settings(read_config("bilstm"), {"training.optimizer.learn_rate.warmup_steps": 5})
    assert config["training"]["optimizer"]["learn_rate"]["warmup_steps"] == 5


def test_a_file_that_is_not_a_config_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.cfg"
    path.write_text("this is no config", encoding="utf-8")
    with pytest.raises(PlanError, match="ZT603"):
        read_config(path)


def test_a_preset_can_extend_another_preset(tmp_path: Path) -> None:
    path = tmp_path / "own.cfg"
    path.write_text('[preset]\nextends = "4gb"\n\n[settings]\ntraining.max_steps = 7\n', encoding="utf-8")
    config = read_config(path)
    assert config["training"]["max_steps"] == 7
    assert read_recipe(config).settings.memory.freeze_layers == 10


@pytest.mark.parametrize(
    ("batcher", "expected"),
    [
        ({"@batchers": "spacy.batch_by_sequence.v1", "size": 8}, 8),
        ({"@batchers": "spacy.batch_by_padded.v1", "size": 2048}, 16),
        (
            {
                "@batchers": "spacy.batch_by_words.v1",
                "size": {"@schedules": "compounding.v1", "start": 128, "stop": 640},
            },
            5,
        ),
    ],
)
def test_the_batch_size_is_derived_from_the_batcher(batcher: dict[str, object], expected: int) -> None:
    assert sentences_at_once(batcher, 128) == expected


def test_a_batcher_without_a_size_is_refused() -> None:
    with pytest.raises(PlanError, match="ZT606"):
        sentences_at_once({"@batchers": "mine.v1"}, 128)


def test_batch_settings_change_the_recipe_of_a_config() -> None:
    config = read_config("12gb-base")
    changed = with_settings(config, batch_settings(read_recipe(config), 3, 100))
    recipe = read_recipe(changed)
    assert (recipe.n_windows, recipe.length, recipe.accumulate) == (3, 100, 2)


def test_a_config_without_a_transformer_is_refused() -> None:
    with pytest.raises(PlanError, match="ZT604"):
        read_recipe(read_config("cpu-bilstm"))
