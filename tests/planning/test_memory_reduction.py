"""The way down: in the order of the guide, only steps that save, until it fits."""

from itertools import pairwise

import pytest
import spacy

from spacy_zh_tw_ner.planning.memory_reduction import climb_down
from spacy_zh_tw_ner.planning.plan import make_plan
from spacy_zh_tw_ner.planning.presets import read_config, with_settings
from spacy_zh_tw_ner.planning.recipe import read_recipe


def test_it_goes_down_in_order_and_stops_where_it_fits() -> None:
    config = read_config("12gb-base")
    total = make_plan(read_recipe(config)).total
    rungs = list(climb_down(config, 2.0))
    assert rungs[-1].plan.fits(2.0)
    assert not any(rung.plan.fits(2.0) for rung in rungs[:-1])
    assert [rung.level for rung in rungs] == sorted(rung.level for rung in rungs)
    totals = [total, *(rung.plan.total for rung in rungs)]
    assert all(lower < higher for higher, lower in pairwise(totals))


@pytest.mark.usefixtures("shallow")
def test_every_rung_is_a_config_that_trains() -> None:
    config = with_settings(read_config("transformer"), {"paths.base": "hfl/chinese-macbert-large"})
    rungs = list(climb_down(config, 0.4))
    names = " ".join(rung.what for rung in rungs)
    for word in ("precision = fp16", "adamw_bnb_8bit", "lora", "macbert-base", "nf4"):
        assert word in names
    for rung in rungs:
        nlp = spacy.util.load_model_from_config(rung.config.interpolate(), auto_fill=True)
        assert nlp.pipe_names == ["transformer", "ner", "doc_cleaner"]
        assert make_plan(read_recipe(rung.config)).total == rung.plan.total


@pytest.mark.usefixtures("shallow")
def test_what_fits_nowhere_goes_down_to_the_end() -> None:
    rungs = list(climb_down(read_config("12gb-7b-qlora"), 0.5))
    assert rungs
    assert not rungs[-1].plan.fits(0.5)
