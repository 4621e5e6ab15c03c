"""Memory reductions: changes in the order of their levels, each of which saves memory, until the config fits."""

from itertools import pairwise

import pytest
import spacy

from spacy_zh_tw_ner.planning.memory_reduction import reduce_memory
from spacy_zh_tw_ner.planning.plan import make_plan
from spacy_zh_tw_ner.planning.presets import read_config, with_settings
from spacy_zh_tw_ner.planning.recipe import read_recipe


def test_reductions_are_ordered_by_level_and_stop_when_the_config_fits() -> None:
    config = read_config("12gb-base")
    total = make_plan(read_recipe(config)).total
    reductions = list(reduce_memory(config, 2.0))
    assert reductions[-1].plan.fits(2.0)
    assert not any(reduction.plan.fits(2.0) for reduction in reductions[:-1])
    assert [reduction.level for reduction in reductions] == sorted(reduction.level for reduction in reductions)
    totals = [total, *(reduction.plan.total for reduction in reductions)]
    assert all(lower < higher for higher, lower in pairwise(totals))


@pytest.mark.usefixtures("shallow")
def test_each_reduction_gives_a_config_that_can_be_built() -> None:
    config = with_settings(read_config("transformer"), {"paths.base": "hfl/chinese-macbert-large"})
    reductions = list(reduce_memory(config, 0.4))
    names = " ".join(reduction.change for reduction in reductions)
    for word in ("precision = fp16", "adamw_bnb_8bit", "lora", "macbert-base", "nf4"):
        assert word in names
    for reduction in reductions:
        nlp = spacy.util.load_model_from_config(reduction.config.interpolate(), auto_fill=True)
        assert nlp.pipe_names == ["transformer", "ner", "doc_cleaner"]
        assert make_plan(read_recipe(reduction.config)).total == reduction.plan.total


def test_a_large_vocabulary_is_trimmed_first() -> None:
    config = with_settings(read_config("12gb-7b-qlora"), {"components.transformer.model.trim": False})
    total = make_plan(read_recipe(config)).total
    first = next(reduce_memory(config, total / 2**30 - 0.5))
    assert (first.level, first.change) == (1, "model.trim = True")
    assert read_recipe(first.config).settings.trim


@pytest.mark.usefixtures("shallow")
def test_all_reductions_are_tried_if_none_suffices() -> None:
    reductions = list(reduce_memory(read_config("12gb-7b-qlora"), 0.5))
    assert reductions
    assert not reductions[-1].plan.fits(0.5)
