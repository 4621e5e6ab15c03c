"""The registered names in setup.cfg are the public ones, and each of them works."""

import re
from collections.abc import Callable
from configparser import ConfigParser
from importlib.metadata import EntryPoint, distribution
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Model, fix_random_seed, reduce_mean
from typer.testing import CliRunner

import spacy_zh_tw_ner
from benchmarks.synthetic import make_checkpoint, unigram
from spacy_zh_tw_ner.errors import CorpusError, MissingExtraError
from spacy_zh_tw_ner.extras import is_installed
from spacy_zh_tw_ner.transformer.windows import ClauseWindows

ROOT = Path(__file__).parents[1]
SETUP = ConfigParser(interpolation=None)
SETUP.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their capitals
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
ENTRY_POINTS = {
    f"{group}/{name.strip()}": EntryPoint(name.strip(), value.strip(), group)
    for group, lines in SETUP["options.entry_points"].items()
    for name, value in (line.split("=") for line in lines.strip().splitlines())
}
# Names that configs may use. If one is added, renamed or removed, update this list, the CHANGELOG and the docs.
NAMES = [
    "console_scripts/zh-tw-ner",
    "spacy_architectures/spacy-zh-tw-ner.BiLSTM.v1",
    "spacy_architectures/spacy-zh-tw-ner.CRFTagger.v1",
    "spacy_architectures/spacy-zh-tw-ner.CharNgramEmbed.v1",
    "spacy_architectures/spacy-zh-tw-ner.LexiconEmbed.v1",
    "spacy_architectures/spacy-zh-tw-ner.MaskedCharacters.v1",
    "spacy_architectures/spacy-zh-tw-ner.Tok2VecTransformer.v1",
    "spacy_architectures/spacy-zh-tw-ner.TransformerModel.v1",
    "spacy_augmenters/spacy-zh-tw-ner.entity_swap.v1",
    "spacy_augmenters/spacy-zh-tw-ner.script_variants.v1",
    "spacy_callbacks/spacy-zh-tw-ner.add_labels.v1",
    "spacy_callbacks/spacy-zh-tw-ner.init_from_hf.v1",
    "spacy_callbacks/spacy-zh-tw-ner.start_from.v1",
    "spacy_cli/zh-tw-ner",
    "spacy_factories/zh_tw_crf_ensemble",
    "spacy_factories/zh_tw_crf_ner",
    "spacy_factories/zh_tw_crf_spans",
    "spacy_factories/zh_tw_gazetteer",
    "spacy_factories/zh_tw_normalizer",
    "spacy_factories/zh_tw_pii",
    "spacy_factories/zh_tw_wordpiece_matcher",
    "spacy_languages/zh_tw",
    "spacy_loggers/spacy-zh-tw-ner.progress_logger.v1",
    "spacy_loggers/spacy-zh-tw-ner.tensorboard_logger.v1",
    "spacy_misc/spacy-zh-tw-ner.lora.v1",
    "spacy_misc/spacy-zh-tw-ner.memory.v1",
    "spacy_misc/spacy-zh-tw-ner.quantization.v1",
    "spacy_readers/spacy-zh-tw-ner.CharCorpus.v1",
    "spacy_readers/spacy-zh-tw-ner.DistillCorpus.v1",
    "spacy_readers/spacy-zh-tw-ner.UnlabelledCorpus.v1",
    "spacy_scorers/spacy-zh-tw-ner.ner_scorer.v1",
    "spacy_scorers/spacy-zh-tw-ner.spans_scorer.v1",
    "spacy_span_getters/spacy-zh-tw-ner.clause_windows.v1",
    "spacy_tokenizers/spacy-zh-tw-ner.CharTokenizer.v1",
    "thinc_optimizers/spacy-zh-tw-ner.GroupedOptimizer.v1",
    "thinc_schedules/spacy-zh-tw-ner.cosine.v1",
    "thinc_schedules/spacy-zh-tw-ner.cosine_restarts.v1",
    "thinc_schedules/spacy-zh-tw-ner.linear.v1",
]


def resolve(name: str) -> Any:
    return ENTRY_POINTS[name].load()


def docs() -> list[Doc]:
    nlp = spacy.blank("zh_tw")
    return [nlp.make_doc(text) for text in ("台積電", "好")]


def embed() -> Model[Any, Any]:
    model: Model[Any, Any] = resolve("spacy_architectures/spacy-zh-tw-ner.CharNgramEmbed.v1")(
        widths=[6, 2], rows=[32, 16]
    )
    return model


def shapes(model: Model[Any, Any]) -> list[tuple[int, ...]]:
    model.initialize(X=docs())
    return [array.shape for array in model.predict(docs())]


def call_bilstm(build: Callable[..., Any], path: Path) -> None:
    assert shapes(build(embed=embed(), hidden_width=5, depth=2)) == [(3, 10), (1, 10)]


def call_crf_tagger(build: Callable[..., Any], path: Path) -> None:
    assert shapes(build(tok2vec=embed(), nO=5)) == [(3, 5), (1, 5)]


def call_char_ngrams(build: Callable[..., Any], path: Path) -> None:
    # A token has one unigram and two bigrams: with the token before it, and with the token after it.
    assert shapes(build(widths=[6, 2], rows=[32, 16])) == [(3, 10), (1, 10)]


def call_lexicon(build: Callable[..., Any], path: Path) -> None:
    (path / "words.txt").write_text("台積電\n", encoding="utf-8")
    assert shapes(build(embed=embed(), lists=[str(path / "words.txt")], width=3)) == [(3, 13), (1, 13)]


def call_masked(build: Callable[..., Any], path: Path) -> None:
    assert shapes(build(tok2vec=embed(), rate=0.5, weight=0.3, width=4, n_targets=16)) == [(3, 10), (1, 10)]


def call_entity_swap(create: Callable[..., Any], path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    example = Example.from_dict(nlp.make_doc("台北好"), {"entities": [(0, 2, "GPE")]})
    (swapped,) = create(level=1.0)(nlp, example)
    assert swapped.text == "台北好"  # there is no other surface yet


def call_script_variants(create: Callable[..., Any], path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    example = Example.from_dict(nlp.make_doc("在台北"), {"entities": [(1, 3, "GPE")]})
    (respelled,) = create(level=1.0, script_level=0.0, scripts=["tw2s"], pairs={"台": "臺"})(nlp, example)
    assert [(ent.text, ent.label_) for ent in respelled.reference.ents] == [("臺北", "GPE")]


def call_cli(group: Any, path: Path) -> None:
    assert CliRunner().invoke(group, ["--help"]).exit_code == 0


def call_spacy_cli(group: Any, path: Path) -> None:
    call_cli(group, path)
    from spacy.cli._util import app

    assert "zh-tw-ner" in [typer.name for typer in app.registered_groups]


def call_ensemble(make: Callable[..., Any], path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    ensemble = nlp.add_pipe("zh_tw_crf_ensemble", name="ner")
    assert type(ensemble) is type(make(nlp, "ner", 0.0, False, None))
    assert ensemble.members == []  # type: ignore[attr-defined]


def call_factory(make: Callable[..., Any], path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    ner = nlp.add_pipe("zh_tw_crf_ner", name="ner")
    assert type(ner) is type(make(nlp, "ner", ner.model, 0.0, False, 0.0, None))  # type: ignore[attr-defined]


def call_normalizer(make: Callable[..., Any], path: Path) -> None:
    doc = spacy.blank("zh_tw").make_doc("三成五")
    doc.ents = [Span(doc, 0, 3, "PERCENT")]
    assert make(None, "zh_tw_normalizer", ["PERCENT"], "TWD")(doc).ents[0]._.normalized == "0.35"


def call_gazetteer(make: Callable[..., Any], path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    gazetteer = nlp.add_pipe("zh_tw_gazetteer")
    assert type(gazetteer) is type(make(nlp, "words", 2.0, False))
    gazetteer.add("ORG", ["台積電"])  # type: ignore[attr-defined]
    doc = nlp("臺積電在新竹")
    assert [span.text for span in doc.spans["gazetteer"]] == ["臺積電"]


def call_pii(make: Callable[..., Any], path: Path) -> None:
    doc = make(spacy.blank("zh_tw"), "pii", ["NATIONAL_ID"], 0.5, 0.5, False, False)(
        spacy.blank("zh_tw").make_doc("A123456789")
    )
    assert [(ent.label_, ent._.rule) for ent in doc.ents] == [("NATIONAL_ID", "national_id_checksum")]


def call_language(language: type[Language], path: Path) -> None:
    nlp = language()
    assert (nlp.lang, [token.text for token in nlp("台北 市")]) == ("zh_tw", ["台", "北", "市"])
    assert type(spacy.blank("zh_tw")) is language


def call_lora(create: Callable[..., Any], path: Path) -> None:
    settings = create(r=4, alpha=8, dropout=0.1, target_modules=["query"], bias="all", rslora=True)
    assert (settings.r, settings.alpha, settings.target_modules) == (4, 8.0, ("query",))


def call_logger(create: Callable[..., Any], path: Path) -> None:
    log_step, finalize = create(path=path)(spacy.blank("zh_tw"), StringIO(), StringIO())
    log_step({"step": 0, "epoch": 0, "score": 0.0, "other_scores": {}, "losses": {}, "words": 3})
    finalize()
    assert (path / "progress.jsonl").read_text(encoding="utf-8").startswith('{"step": 0')


def call_tensorboard(create: Callable[..., Any], path: Path) -> None:
    if not is_installed("tensorboard"):
        with pytest.raises(MissingExtraError, match="tracking"):
            create(path=path)
        return
    log_step, finalize = create(path=path / "events")(spacy.blank("zh_tw"), StringIO(), StringIO())
    log_step(None)
    finalize()
    assert not (path / "events").exists()  # there was no evaluation


def call_memory(create: Callable[..., Any], path: Path) -> None:
    settings = create(precision="bf16", gradient_checkpointing=True, freeze_layers=2, micro_batch=2)
    assert (settings.precision, settings.freeze_layers, settings.attn_implementation) == ("bf16", 2, "sdpa")


def call_quantization(create: Callable[..., Any], path: Path) -> None:
    settings = create(kind="int8", double_quant=False, compute_dtype="fp32")
    assert (settings.kind, settings.double_quant, settings.compute_dtype) == ("int8", False, "fp32")


def call_corpus(create: Callable[..., Any], path: Path) -> None:
    spacy.tokens.DocBin(docs=docs()).to_disk(path / "a.spacy")
    assert [example.text for example in create(path / "a.spacy")(spacy.blank("zh_tw"))] == ["台積電", "好"]


def call_distill_corpus(create: Callable[..., Any], path: Path) -> None:
    with pytest.raises(CorpusError, match="ZT284"):
        next(create(path, weight=0.5, gold_share=0.0)(spacy.blank("zh_tw")))


def call_unlabelled_corpus(create: Callable[..., Any], path: Path) -> None:
    (path / "a.txt").write_text("台北\n高雄", encoding="utf-8")
    nlp = spacy.blank("zh_tw")
    assert [[example.text for example in create(path, split=split)(nlp)] for split in ("train", "dev")] == [
        ["高雄"],
        ["台北"],
    ]


def call_matcher(make: Callable[..., Any], path: Path) -> None:
    base = make_checkpoint(path / "base", hidden=16, tokenizer=unigram())
    nlp = spacy.blank("zh_tw")
    tok2vec = resolve("spacy_architectures/spacy-zh-tw-ner.Tok2VecTransformer.v1")
    model = tok2vec(name=str(base), get_spans=ClauseWindows(), pooling=reduce_mean())
    matcher = make(nlp, "matcher", model, base=str(base), revision=None)
    examples = [Example(doc, doc.copy()) for doc in map(nlp.make_doc, ["國立臺灣大學", "台積電"])]
    matcher.initialize(lambda: examples)
    loss, gradients = matcher.get_loss(examples, matcher.predict([example.predicted for example in examples]))
    assert loss > 0.0
    assert [gradient.shape for gradient in gradients] == [(6, 16), (3, 16)]


def call_spans_factory(make: Callable[..., Any], path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    spans = nlp.add_pipe("zh_tw_crf_spans", name="spans")
    again = make(nlp, "spans", spans.model, "sc", [["ORG", "GPE"]], 0.0, 0.0, None)  # type: ignore[attr-defined]
    assert type(spans) is type(again)
    assert again.groups == [["ORG", "GPE"]]


def call_spans_scorer(make: Callable[[], Callable[..., Any]], path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    example = Example.from_dict(nlp.make_doc("台北市府"), {"entities": [(0, 4, "ORG")]})
    example.predicted.spans["sc"] = [Span(example.predicted, 0, 4, "ORG"), Span(example.predicted, 0, 2, "GPE")]
    scores = make()([example])
    assert (scores["spans_sc_p"], scores["spans_sc_r"], scores["spans_sc_found"]) == (0.5, 1.0, 2)


def call_scorer(make: Callable[[], Callable[..., Any]], path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    example = Example.from_dict(nlp.make_doc("台北好"), {"entities": [(0, 2, "GPE")]})
    scores = make()([example])
    assert (scores["ents_p"], scores["ents_r"], scores["ents_f"]) == (0.0, 0.0, 0.0)


def call_tokenizer(create: Callable[..., Any], path: Path) -> None:
    tokenizer = create(group=["digit"], normalize=["width"], script=None)(spacy.blank("zh_tw"))
    assert [(token.text, token.norm_) for token in tokenizer("２０年Ａ")] == [("２０", "20"), ("年", "年"), ("Ａ", "a")]


def call_tok2vec_transformer(build: Callable[..., Any], path: Path) -> None:
    base = make_checkpoint(path / "base", hidden=16)
    model = build(name=str(base), get_spans=ClauseWindows(size=8, overlap=2), pooling=reduce_mean())
    assert shapes(model) == [(3, 16), (1, 16)]


def call_transformer(build: Callable[..., Any], path: Path) -> None:
    base = make_checkpoint(path / "base", hidden=16)
    model = build(name=str(base), get_spans=ClauseWindows(size=8, overlap=2))
    model.initialize()
    assert [data.tensors[0].shape for data in model.predict(docs()).doc_data] == [(3, 16), (1, 16)]


def call_init_from_hf(create: Callable[..., Any], path: Path) -> None:
    base = str(make_checkpoint(path / "base", hidden=16, labels=["O", "B-GPE", "I-GPE"]))
    nlp = spacy.blank("zh_tw")
    tok2vec: dict[str, Any] = {"@architectures": "spacy-zh-tw-ner.Tok2VecTransformer.v1", "name": base}
    windows = {"@span_getters": "spacy-zh-tw-ner.clause_windows.v1"}
    tok2vec |= {"get_spans": windows, "pooling": {"@layers": "reduce_mean.v1"}}
    head = {"@architectures": "spacy-zh-tw-ner.CRFTagger.v1", "tok2vec": tok2vec}
    ner = nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": head})
    example = Example.from_dict(nlp.make_doc("台北好"), {"entities": [(0, 2, "GPE")]})
    nlp.initialize(lambda: [example])
    layer = ner.model.get_ref("output_layer")  # type: ignore[attr-defined]
    before = layer.get_param("W").copy()
    create(name=base)(nlp)
    assert (layer.get_param("W") != before).any()


def call_start_from(create: Callable[..., Any], path: Path) -> None:
    tables = []
    for seed, label in enumerate(["GPE", "ORG"]):
        fix_random_seed(seed)
        nlp = spacy.blank("zh_tw")
        embed = {"@architectures": "spacy-zh-tw-ner.CharNgramEmbed.v1", "widths": [4], "rows": [8]}
        head = {"@architectures": "spacy-zh-tw-ner.CRFTagger.v1", "tok2vec": embed}
        ner = nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": head})
        nlp.initialize(
            lambda nlp=nlp, label=label: [Example.from_dict(nlp.make_doc("台北"), {"entities": [(0, 2, label)]})]
        )
        tables.append(ner.model.get_ref("tok2vec"))  # type: ignore[attr-defined]
        if label == "GPE":
            nlp.to_disk(path / "known")
    create(pipeline=str(path / "known"))(nlp)
    assert (tables[1].get_param("E1") == tables[0].get_param("E1")).all()


def call_windows(create: Callable[..., Any], path: Path) -> None:
    (spans,) = create(size=4, overlap=1)([spacy.blank("zh_tw").make_doc("台積電在新竹。")])
    assert [span.text for span in spans] == ["台積電在", "電在新竹", "新竹。"]


def call_grouped_optimizer(create: Callable[..., Any], path: Path) -> None:
    optimizer = create(encoder_rate=iter([1e-5, 2e-5]), head_rate=1e-3)
    optimizer.step_schedules()
    assert (optimizer.encoder.rate, optimizer.learn_rate) == (2e-5, 1e-3)


def call_linear(create: Callable[..., Any], path: Path) -> None:
    rates = list(islice(create(initial_rate=1.0, warmup_steps=150, total_steps=10), 12))
    assert rates == pytest.approx([0.0, *(i / 9 for i in range(9, -1, -1)), 0.0], abs=1e-6)


def call_add_labels(create: Callable[..., Any], path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    ner: Any = nlp.add_pipe("zh_tw_crf_ner", name="ner")
    create(labels=["LAW"])(nlp)
    assert ner.labels == ("LAW",)


def call_cosine(create: Callable[..., Any], path: Path) -> None:
    rates = list(islice(create(initial_rate=1.0, warmup_steps=1, total_steps=5), 7))
    assert rates == pytest.approx([0.5, 1.0, 0.8536, 0.5, 0.1464, 0.0, 0.0], abs=1e-4)


def call_cosine_restarts(create: Callable[..., Any], path: Path) -> None:
    rates = list(islice(create(initial_rate=1.0, warmup_steps=0, period=2, growth=2.0), 7))
    assert rates == pytest.approx([1.0, 0.5, 1.0, 0.8536, 0.5, 0.1464, 1.0], abs=1e-4)


CALLS = dict(
    zip(
        NAMES,
        [
            call_cli,
            call_bilstm,
            call_crf_tagger,
            call_char_ngrams,
            call_lexicon,
            call_masked,
            call_tok2vec_transformer,
            call_transformer,
            call_entity_swap,
            call_script_variants,
            call_add_labels,
            call_init_from_hf,
            call_start_from,
            call_spacy_cli,
            call_ensemble,
            call_factory,
            call_spans_factory,
            call_gazetteer,
            call_normalizer,
            call_pii,
            call_matcher,
            call_language,
            call_logger,
            call_tensorboard,
            call_lora,
            call_memory,
            call_quantization,
            call_corpus,
            call_distill_corpus,
            call_unlabelled_corpus,
            call_scorer,
            call_spans_scorer,
            call_windows,
            call_tokenizer,
            call_grouped_optimizer,
            call_cosine,
            call_cosine_restarts,
            call_linear,
        ],
        strict=True,
    )
)


def test_registered_names_are_the_public_ones() -> None:
    assert sorted(ENTRY_POINTS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_registered_name_works(name: str, tmp_path: Path) -> None:
    CALLS[name](resolve(name), tmp_path)


def test_installed_entry_points_equal_setup_cfg() -> None:
    installed = {f"{point.group}/{point.name}": point.value for point in distribution("spacy-zh-tw-ner").entry_points}
    assert installed == {name: point.value for name, point in ENTRY_POINTS.items()}


def test_spacy_finds_every_registered_name() -> None:
    for name in NAMES:
        group, _, registered = name.partition("/")
        if group not in ("spacy_cli", "console_scripts"):
            registry = getattr(spacy.registry, group.partition("_")[2])
            assert registry.get(registered) is not None


def test_configs_name_only_registered_functions() -> None:
    names = {name.partition("/")[2] for name in NAMES}
    configs = list((ROOT / "configs").glob("*.cfg"))
    assert configs
    for path in configs:
        ours = set(re.findall(r'"(spacy-zh-tw-ner\.[^"]+|zh_tw\w*)"', path.read_text(encoding="utf-8")))
        assert ours <= names


def test_names_in_the_docs_are_registered() -> None:
    names = {name.partition("/")[2] for name in NAMES}
    for page in (ROOT / "docs").glob("*.md"):
        assert set(re.findall(r"spacy-zh-tw-ner\.\w+\.v\d+", page.read_text(encoding="utf-8"))) <= names
    reference = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert {name for name in names if ".v" in name and f"### `{name}`" not in reference} == set()


def test_the_version_is_the_latest_of_the_changelog() -> None:
    versions = re.findall(
        r"^## \[?(\d+\.\d+\.\d+\w*)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert versions[0] == spacy_zh_tw_ner.__version__ == distribution("spacy-zh-tw-ner").version
