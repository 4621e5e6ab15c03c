"""Export to ONNX: the exported model agrees with the pipeline, and unsupported pipelines are refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from spacy.language import Language

from spacy_zh_tw_ner.cpu_acceleration import probe
from spacy_zh_tw_ner.cpu_acceleration.onednn_linear import OneDnnLinear
from spacy_zh_tw_ner.export import export_onnx
from spacy_zh_tw_ner.export.check_onnx import TOLERANCE, Session, check_onnx
from spacy_zh_tw_ner.export.export_onnx import write_onnx
from spacy_zh_tw_ner.export.quantize import write_quantized
from spacy_zh_tw_ner.export.quantize_onnx import quantize_onnx
from spacy_zh_tw_ner.runtime import load
from spacy_zh_tw_ner.transformer import trimming, wordpieces
from tests.pipelines import SENTENCE, make_pipeline

LORA = {"@misc": "spacy-zh-tw-ner.lora.v1", "r": 2, "target_modules": "all-linear"}
FAMILIES = ("albert", "electra", "deberta-v2", "qwen2", "llama")  # tested in addition to BERT
HALF = {"@misc": "spacy-zh-tw-ner.memory.v1", "precision": "bf16", "freeze_layers": 1}
NF4 = {"@misc": "spacy-zh-tw-ner.quantization.v1", "kind": "nf4"}


@pytest.fixture(autouse=True)
def _few_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordpieces, "RANGES", ((0, 0x3400), (0x4E00, 0x6000)))


@pytest.fixture
def base(tiny_checkpoint: Callable[[str], Path]) -> Path:
    return tiny_checkpoint("bert")


def parts(nlp: Language) -> tuple[Any, Any]:
    ner = nlp.get_pipe("ner")
    return ner, export_onnx.find_encoder(nlp, ner)


def test_the_exported_folder_holds_everything_for_decoding(tiny_onnx: tuple[Path, Path]) -> None:
    import onnx

    pipeline, folder = tiny_onnx
    assert sorted(path.name for path in folder.iterdir()) == ["model.onnx", "pieces.npz", "pipeline.json"]
    graph = onnx.load(folder / "model.onnx").graph
    shapes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }
    axes = ["windows", "length"]
    assert shapes == {"input_ids": axes, "attention_mask": axes, "emissions": [*axes, 9]}
    assert b".py" not in (folder / "model.onnx").read_bytes()  # no source paths of this machine
    known = json.loads((folder / "pipeline.json").read_text(encoding="utf-8"))
    nlp = spacy.load(pipeline)
    ner, _ = parts(nlp)
    assert known["tags"] == list(ner.scheme.tags)
    *_, transitions = ner.potentials([nlp.get_pipe("transformer")(nlp.make_doc("好"))])
    for name, scores in transitions._asdict().items():
        assert np.array_equal(np.array(known[name], "f4"), scores)
    assert (known["size"], known["overlap"], known["temperature"]) == (254, 16, 1.0)
    assert (len(known["prefix"]), len(known["suffix"]), known["pipeline"]["name"]) == (1, 1, "pipeline")


def test_the_graph_gives_the_emissions_of_the_pipeline(tiny_onnx: tuple[Path, Path]) -> None:
    nlp = spacy.load(tiny_onnx[0])
    ner, encoder = parts(nlp)
    session = Session(tiny_onnx[1] / "model.onnx", encoder)
    for batch in (["好"], [SENTENCE * 40, "", "Taiwan 好"], [SENTENCE] * 5):
        docs = [nlp.get_pipe("transformer")(nlp.make_doc(text)) for text in batch]
        rows, *_ = ner.potentials(docs)
        np.testing.assert_allclose(session.emissions(docs), rows, atol=1e-4)


def test_a_graph_that_differs_from_the_pipeline_is_refused(tiny_onnx: tuple[Path, Path]) -> None:
    nlp = spacy.load(tiny_onnx[0])
    ner, encoder = parts(nlp)
    assert check_onnx(nlp, ner, encoder, tiny_onnx[1]).difference < TOLERANCE
    layer = ner.model.get_ref("output_layer")
    layer.get_param("b")[:] += 0.01
    with pytest.raises(ValueError, match=r"\[ZT551\] .* 0 of 2064 tags"):  # equal for all tags, so no tag changes
        check_onnx(nlp, ner, encoder, tiny_onnx[1])
    layer.get_param("b")[1] += 9
    with pytest.raises(ValueError, match=r"\[ZT551\] .* [1-9]\d* of 2064 tags"):
        check_onnx(nlp, ner, encoder, tiny_onnx[1])


@pytest.mark.slow
@pytest.mark.usefixtures("half_precision_is_native")
@pytest.mark.parametrize("kind", [*FAMILIES, "both ways", "lora", "half", "in the head"])
def test_all_families_and_settings_can_be_exported(
    tiny_checkpoint: Callable[[str], Path], kind: str, tmp_path: Path
) -> None:
    family = kind if kind in FAMILIES else "qwen2" if kind == "both ways" else "bert"
    settings: dict[str, dict[str, Any]] = {
        "both ways": {"attention": "bidirectional"},
        "lora": {"lora": LORA},
        "half": {"memory": HALF},
        "in the head": {"inside_head": True},
    }
    nlp = make_pipeline(tiny_checkpoint(family), tmp_path / "pipeline", **settings.get(kind, {}))
    (tmp_path / "onnx").mkdir()
    found = write_onnx(nlp, tmp_path / "onnx")
    assert found.difference < TOLERANCE
    assert min(found.speed, found.speed_before) > 0
    rounding = quantize_onnx(nlp, tmp_path / "onnx")
    assert rounding.same > 0.9 * rounding.characters


@pytest.mark.slow
def test_weights_too_large_for_protobuf_go_to_a_second_file(
    tiny_onnx: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(export_onnx, "ONE_FILE", 1000)
    nlp = spacy.load(tiny_onnx[0])
    write_onnx(nlp, tmp_path)
    size = (tmp_path / "model.onnx.data").stat().st_size
    assert size > (tmp_path / "model.onnx").stat().st_size
    assert quantize_onnx(nlp, tmp_path).size_before > size > (tmp_path / "model.onnx.data").stat().st_size


def test_export_of_a_bilstm_is_refused(tiny_nlp: Language, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\[ZT547\] The component 'ner' .*BiLSTM"):
        write_onnx(tiny_nlp, tmp_path)
    with pytest.raises(ValueError, match=r"\[ZT113\] .*'other'"):
        write_onnx(tiny_nlp, tmp_path, "other")


def test_export_of_an_int8_pipeline_is_refused(tiny_onnx: tuple[Path, Path], tmp_path: Path) -> None:
    write_quantized(spacy.load(tiny_onnx[0]), tmp_path / "int8")
    with pytest.raises(ValueError, match=r"\[ZT548\] .*--to int8"):
        write_onnx(spacy.load(tmp_path / "int8"), tmp_path)


def test_export_of_nf4_is_refused_and_works_after_the_suggested_remedy(
    base: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nlp = make_pipeline(base, tmp_path / "nf4", lora=LORA, quantization=NF4)
    with pytest.raises(ValueError, match=r"\[ZT552\] .*\(nf4\)") as refused:
        write_onnx(nlp, tmp_path)
    remedy = str(refused.value).rpartition("first: ")[2].removesuffix(".")
    exec(remedy, {"spacy": spacy, "PIPELINE": tmp_path / "nf4", "PLAIN": tmp_path / "plain"})
    written: list[torch.nn.Module] = []
    monkeypatch.setattr(export_onnx, "write_graph", lambda emitter, path: written.append(emitter))
    monkeypatch.setattr(export_onnx, "check_onnx", lambda *args: None)
    plain = spacy.load(tmp_path / "plain")
    write_onnx(plain, tmp_path)
    linear = {layer for layer in map(type, written[0].modules()) if "Linear" in layer.__name__}
    own = {OneDnnLinear} if probe.onednn_product() else set()
    assert linear == {torch.nn.Linear} | own  # types of the head and of the encoder
    assert [ent.text for ent in plain(SENTENCE).ents] == [ent.text for ent in nlp(SENTENCE).ents]


@pytest.mark.parametrize("tokens", [{"group": ["latin"]}, {"script": "s2tw"}])
def test_export_with_grouped_tokens_or_script_conversion_is_refused(
    tiny_onnx: tuple[Path, Path], tokens: dict[str, Any], tmp_path: Path
) -> None:
    nlp = spacy.load(tiny_onnx[0])
    nlp.tokenizer._configure(**{**nlp.tokenizer.config, **tokens})
    with pytest.raises(ValueError, match=rf"\[ZT549\] .*{next(iter(tokens))}="):
        write_onnx(nlp, tmp_path)


def test_a_family_that_torch_cannot_export_is_reported(
    tiny_onnx: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise torch.onnx.OnnxExporterError("No translation for aten.roll\nlong traceback")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(ValueError, match=r"\[ZT550\] .*'bert'.*aten.roll\)\..* BERT, "):
        write_onnx(spacy.load(tiny_onnx[0]), tmp_path)


def test_missing_packages_are_named(tiny_nlp: Language, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(export_onnx, "find_spec", lambda name: None if name == "onnxscript" else True)
    with pytest.raises(ValueError, match=r"\[ZT546\] .*\(onnxscript\)"):
        write_onnx(tiny_nlp, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["deberta-v2", "qwen2"])
def test_a_trimmed_encoder_reads_characters_as_the_pipeline_does(
    family: str, tiny_checkpoint: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (trimming, wordpieces):
        monkeypatch.setattr(module, "RANGES", ((0, 0x100), (0x3000, 0x3010), (0x4E00, 0xA000), (0xFF00, 0x10000)))
    nlp = make_pipeline(tiny_checkpoint(family), tmp_path / "pipeline", trim=True)
    (tmp_path / "onnx").mkdir()
    assert write_onnx(spacy.load(tmp_path / "pipeline"), tmp_path / "onnx").difference <= TOLERANCE
    for text in (SENTENCE, "蔡英文 in Taipei, T恤 ＴＡＩＷＡＮ"):
        wanted = [(ent.start_char, ent.end_char, ent.label_) for ent in nlp(text).ents]
        assert [found[:3] for found in load(tmp_path / "onnx")([text])[0]] == wanted
