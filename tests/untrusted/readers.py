"""Five kinds of files that may come from others, each with good files and the functions that read them."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import srsly

from .mutations import Blob, as_is, from_safetensors, to_json, to_msgpack, to_safetensors

SAVED = Path(__file__).parents[1] / "saved" / "v0_1_0"
TEXT = "蔡英文總統在臺北市接見台積電董事長。"
HEAD = 16  # bytes before the parts of a transformer, see `transformer.checkpoint`


@dataclass
class Case:
    """A good file as a tree that can be mutated, the function that encodes it, and the function that reads it."""

    name: str
    tree: Any
    encode: Callable[[Any], bytes]
    read: Callable[[bytes], object]
    weight: float = 1.0


def pipelines(folder: Path) -> list[Case]:
    """Files of pipelines with a BiLSTM, and with a Transformer saved in full, in the head, in 8 bits, as adapters."""
    shutil.copytree(SAVED, folder)
    cases = []
    for name, weight in (
        ("bilstm", 3.0),
        ("transformer_full", 4.0),
        ("transformer_in_head", 1.0),
        ("transformer_int8", 2.0),
        ("transformer_adapter", 2.0),
    ):
        cases += _pipeline(folder / name, weight, folder)
    return [*cases, *_more_components(folder)]


def _pipeline(folder: Path, weight: float, root: Path) -> list[Case]:
    import os

    import spacy

    os.chdir(root)  # the adapter names its base model by a relative path
    for weights in (folder / "weights").glob("*"):
        _rename_weights(folder, weights)
    nlp = spacy.load(folder)
    whole, unclean = {"nlp": nlp}, set[str]()

    def clean(part: str) -> None:
        """Load good files for parts that a damaged file may have changed."""
        others = [name for name in [*nlp.pipe_names, "vocab", "tokenizer", "meta.json"] if name not in unclean]
        if unclean - {part}:
            try:
                whole["nlp"].from_disk(folder, exclude=others)
            except ValueError:
                whole["nlp"] = spacy.load(folder)
        unclean.clear()

    components = [name for name in nlp.pipe_names if (folder / name / "model").is_file()]

    def read(path: Path) -> Callable[[bytes], object]:
        part = path.relative_to(folder).parts[0]
        others = [name for name in [*nlp.pipe_names, "vocab", "tokenizer", "meta.json"] if name != part]
        if part == "weights":
            others = [name for name in others if name not in components]
        good = path.read_bytes()

        def read_one(data: bytes) -> object:
            clean(part)
            path.write_bytes(data)
            unclean.update(components if part == "weights" else [part])
            try:
                whole["nlp"].from_disk(folder, exclude=others)
                return [ent.label_ for ent in whole["nlp"](TEXT).ents]
            finally:
                path.write_bytes(good)

        return read_one

    cases = [
        Case(
            f"{folder.name}/{part}/model",
            model_tree(folder / part / "model"),
            to_msgpack,
            read(folder / part / "model"),
        )
        for part in components
    ]
    for name in ("ner/cfg", "tokenizer", "meta.json"):
        tree = json.loads((folder / name).read_bytes()) if name != "tokenizer" else _tokenizer(folder / name)
        cases.append(Case(f"{folder.name}/{name}", tree, to_json, read(folder / name), 0.3))
    for path in (folder / "weights").glob("*"):
        tree = from_safetensors(path.read_bytes())
        cases.append(Case(f"{folder.name}/weights", tree, to_safetensors, read(path)))
    for case in cases:
        case.weight *= weight
    return cases


def _tokenizer(path: Path) -> Any:
    return json.loads(path.read_bytes())


def _rename_weights(folder: Path, path: Path) -> None:
    """Give a weights file a name that is not a hash: with a hash, every mutation would fail the hash check."""
    for name in ("transformer", "ner"):
        model = folder / name / "model"
        if not model.is_file():
            continue
        old, new = path.name.encode(), b"w" * len(path.stem) + path.suffix.encode()
        model.write_bytes(model.read_bytes().replace(old, new))
    path.rename(path.with_name("w" * len(path.stem) + path.suffix))


def model_tree(path: Path) -> Any:
    """Decode the model of a component, with the files inside it as Blobs."""
    tree = srsly.msgpack_loads(path.read_bytes())
    tree["attrs"] = [{key: _attribute(value) for key, value in attrs.items()} for attrs in tree["attrs"]]
    tree["shims"] = [[_shim(data) for data in shims] for shims in tree["shims"]]
    return tree


def _attribute(value: bytes) -> Any:
    return Blob(to_msgpack, srsly.msgpack_loads(value)) if isinstance(value, bytes) else value


def _shim(data: bytes) -> Blob:
    if not data.startswith(b"ZTW1"):
        state = srsly.msgpack_loads(data)
        state["state"] = Blob(to_safetensors, from_safetensors(state["state"]))
        return Blob(to_msgpack, state)
    length = int.from_bytes(data[4:HEAD], "little")
    parts = srsly.msgpack_loads(data[HEAD : HEAD + length])
    parts |= {name: Blob(to_json, json.loads(parts[name])) for name in ("settings", "config")}
    if parts["adapter"]:
        parts["adapter"] = Blob(to_safetensors, from_safetensors(parts["adapter"]))
    parts["tokenizer"] = {
        name: Blob(to_json, json.loads(file)) if name.endswith(".json") else file
        for name, file in parts["tokenizer"].items()
    }
    tail = data[HEAD + length :]

    def encode(tree: Any) -> bytes:
        # Settings and config are strings of JSON.
        for name in ("settings", "config"):
            if isinstance(tree, dict) and isinstance(tree.get(name), Blob):
                tree = {**tree, name: tree[name].encode(tree[name].tree).decode("utf-8", "replace")}
        rest = to_msgpack(tree)
        return b"ZTW1" + len(rest).to_bytes(HEAD - 4, "little") + rest + bytes(-len(rest) % HEAD) + tail.lstrip(b"\0")

    return Blob(encode, parts)


def _more_components(folder: Path) -> list[Case]:
    """Files of a gazetteer, an ensemble, and the word list of an embedding."""
    import spacy

    from spacy_zh_tw_ner.components.ensemble import combine
    from spacy_zh_tw_ner.components.gazetteer import Gazetteer
    from spacy_zh_tw_ner.encoders.lexicon_embed import Lexicon, _from_bytes

    words = {"GPE": ["臺北市", "新竹"], "ORG": ["台積電"]}
    gazetteer, file = Gazetteer(words), folder / "gazetteer"
    doc = spacy.blank("zh_tw").make_doc(TEXT)

    def read_gazetteer(data: bytes) -> object:
        file.write_bytes(data)
        return list(gazetteer.from_disk(file).find(doc))

    both = combine([(name, spacy.load(folder / "bilstm")) for name in ("a", "b")])
    both.to_disk(folder / "ensemble")
    cfg = folder / "ensemble" / "ner" / "cfg"
    good = cfg.read_bytes()
    ensemble: Any = both.get_pipe("ner")

    def read_ensemble(data: bytes) -> object:
        cfg.write_bytes(data)
        try:
            return ensemble.from_disk(cfg.parent)
        finally:
            cfg.write_bytes(good)

    lists = Lexicon([["臺北", "新竹市"], ["台積電"]]).lists
    return [
        Case("gazetteer", words, to_json, read_gazetteer, 0.5),
        Case("gazetteer bytes", words, to_msgpack, gazetteer.from_bytes, 0.3),
        Case("ensemble", json.loads(good), to_json, read_ensemble, 0.3),
        Case(
            "lexicon",
            lists,
            to_msgpack,
            lambda data: _reading(lambda: _from_bytes(Lexicon(), data, "lexicon", None)),
            0.3,
        ),
    ]


def _reading(read: Callable[[], object]) -> object:
    from spacy_zh_tw_ner.untrusted import reading

    with reading("a component"):
        return read()


def checkpoints(folder: Path) -> list[Case]:
    """Checkpoints of a BiLSTM with thinc's optimizer, and of a Transformer with torch's."""
    shutil.copytree(SAVED, folder)
    return [_bilstm_checkpoint(folder), *_transformer_checkpoints(folder)]


def _checkpoint_tree(data: bytes) -> dict[str, Any]:
    tree = from_safetensors(data)
    tree["said"]["data"] = Blob(to_json, json.loads(tree["said"]["data"]))
    inner = from_safetensors(tree["optimizer"]["data"])
    inner["said"]["data"] = Blob(to_json, json.loads(inner["said"]["data"]))
    for name, entry in inner.items():
        if name.startswith("torch/") and entry["data"]:
            parts = srsly.msgpack_loads(entry["data"])
            state = from_safetensors(parts["optimizer"])
            state["structure"]["data"] = Blob(to_json, json.loads(state["structure"]["data"]))
            parts = {"optimizer": Blob(to_safetensors, state), "scaler": Blob(to_json, json.loads(parts["scaler"]))}
            entry["data"] = Blob(to_msgpack, parts)
    tree["optimizer"]["data"] = Blob(to_safetensors, inner)
    return tree


def _to_checkpoint(tree: Any) -> bytes:
    """Encode a checkpoint. Shapes of byte arrays follow the lengths of their Blobs, unless they were mutated."""
    return to_safetensors(_fitted(tree))


def _fitted(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    fitted = {}
    for name, entry in tree.items():
        if isinstance(entry, dict) and isinstance(entry.get("data"), Blob):
            blob = entry["data"]
            inner = Blob(blob.encode, _fitted(blob.tree)) if blob.encode is to_safetensors else blob
            data = inner.encode(inner.tree)
            same = isinstance(entry.get("shape"), list) and len(entry["shape"]) == 1
            fitted[name] = {**entry, "data": data, **({"shape": [len(data)]} if same else {})}
        else:
            fitted[name] = entry
    return fitted


def _bilstm_checkpoint(folder: Path) -> Case:
    import os

    from spacy.training.initialize import init_nlp
    from spacy.util import load_config, registry

    from spacy_zh_tw_ner.training.checkpoint import load_checkpoint

    os.chdir(folder)
    nlp = init_nlp(load_config("checkpoint.cfg").interpolate())
    settings = nlp.config.interpolate()["training"]["optimizer"]

    def read(data: bytes) -> object:
        path = folder / "checkpoint.safetensors"
        path.write_bytes(data)
        optimizer = registry.resolve({"optimizer": settings})["optimizer"]
        return load_checkpoint(path, nlp, optimizer)

    return Case("bilstm", _checkpoint_tree(Path("checkpoint.safetensors").read_bytes()), _to_checkpoint, read, 2.0)


def _transformer_checkpoints(folder: Path) -> list[Case]:
    import spacy
    from spacy.training import Example

    from spacy_zh_tw_ner.training.checkpoint import Position, load_checkpoint, save_checkpoint
    from spacy_zh_tw_ner.training.optimizers import create_grouped_optimizer_v1

    def step(nlp: Any, optimizer: Any) -> object:
        example = Example.from_dict(nlp.make_doc(TEXT), {"entities": [(0, 3, "PERSON")]})
        losses = nlp.update([example], sgd=False)
        for component in nlp.pipe_names:
            nlp.get_pipe(component).finish_update(optimizer)
        return losses

    cases = []
    for name in ("adamw", "adamw_bnb_8bit", "adafactor"):

        def make(name: str = name) -> Any:
            return create_grouped_optimizer_v1(0.001, 0.001, optimizer=name)

        nlp = spacy.load(folder / "transformer_full")
        optimizer, path = make(), folder / f"{name}.safetensors"
        step(nlp, optimizer)
        save_checkpoint(path, nlp, optimizer, Position(1, 18, 1.0, [(0.5, 1)], {"ner": 1.0}))

        def read(data: bytes, nlp: Any = nlp, path: Path = path, make: Callable[[], Any] = make) -> object:
            path.write_bytes(data)
            optimizer = make()
            load_checkpoint(path, nlp, optimizer)
            return step(nlp, optimizer)

        cases.append(Case(name, _checkpoint_tree(path.read_bytes()), _to_checkpoint, read))
    return cases


def exported(folder: Path) -> list[Case]:
    """Files that `export-onnx` writes."""
    import numpy as np

    from spacy_zh_tw_ner.runtime import load
    from spacy_zh_tw_ner.runtime.folder import read_folder
    from spacy_zh_tw_ner.untrusted import sha256_of

    shutil.copytree(SAVED / "exported", folder)
    about = json.loads((folder / "pipeline.json").read_bytes())
    hashed = {"sha256": {name: sha256_of(folder / name) for name in ("model.onnx", "pieces.npz")}}

    def reader(name: str, read: Callable[[], object]) -> Callable[[bytes], object]:
        path = folder / name
        good = path.read_bytes()

        def read_one(data: bytes) -> object:
            path.write_bytes(data)
            try:
                return read()
            finally:
                path.write_bytes(good)

        return read_one

    def read_all() -> object:
        return load(folder, threads=1)([TEXT])

    with np.load(folder / "pieces.npz") as arrays:
        kept = dict(arrays)

    def to_npz(tree: Any) -> bytes:
        from io import BytesIO

        file = BytesIO()
        np.savez_compressed(file, **{str(key).strip("/.\0") or "x": np.array(value) for key, value in tree.items()})
        return file.getvalue()

    graph = (folder / "model.onnx").read_bytes()
    return [
        Case("pipeline.json", about, to_json, reader("pipeline.json", read_all), 3.0),
        Case("hashes", about | hashed, to_json, reader("pipeline.json", read_all)),
        Case(
            "pieces.npz",
            {"x": (folder / "pieces.npz").read_bytes()},
            _only,
            reader("pieces.npz", lambda: read_folder(folder)),
            2.0,
        ),
        Case("arrays", kept, to_npz, reader("pieces.npz", lambda: read_folder(folder)), 0.2),
        Case("model.onnx", {"x": graph}, _only, reader("model.onnx", read_all)),
    ]


def _only(tree: Any) -> bytes:
    return as_is(tree.get("x", b"")) if isinstance(tree, dict) else as_is(tree)


def spacy_files(folder: Path) -> list[Case]:
    """`.spacy` files of this package and of spaCy, with all kinds of annotation."""
    import spacy
    from spacy.tokens import DocBin, Span

    from spacy_zh_tw_ner.corpora.formats.docbin import read_spacy
    from spacy_zh_tw_ner.training.char_corpus import CharCorpus

    folder.mkdir(parents=True)
    nlp = spacy.blank("zh_tw")
    docs = []
    for number in range(3):
        doc = nlp.make_doc(TEXT + "好" * number)
        doc.set_ents([Span(doc, 0, 3, "PERSON"), Span(doc, 6, 9, "GPE")], default="outside")
        doc.spans["gazetteer"] = [Span(doc, 0, 3, "PERSON")]
        doc.user_data["origin"] = f"a:{number}"
        for token in doc:
            token.tag_, token.is_sent_start = "N", token.i == 0
        docs.append(doc)
    path = folder / "corpus.spacy"
    cases = []
    for name, data in (
        ("ours", (SAVED / "corpus" / "train.spacy").read_bytes()),
        ("spaCy's", DocBin(docs=docs, store_user_data=True).to_bytes()),
    ):

        def read(data: bytes) -> object:
            path.write_bytes(data)
            return [list(read_spacy(path)), [example.y.ents for example in CharCorpus(path)(spacy.blank("zh_tw"))]]

        cases.append(Case(name, _docbin_tree(data), _to_docbin, read))
        cases.append(Case(f"{name}, compressed", {"x": data}, _only, read, 0.5))
    return cases


def _docbin_tree(data: bytes) -> Any:
    import zlib

    tree = srsly.msgpack_loads(zlib.decompress(data))
    tree["user_data"] = [each and Blob(to_msgpack, srsly.msgpack_loads(each)) for each in tree["user_data"]]
    return tree


def _to_docbin(tree: Any) -> bytes:
    import zlib

    return zlib.compress(to_msgpack(tree), 1)


def corpora(folder: Path) -> list[Case]:
    """Files of all corpus formats, with two records each."""
    import pyarrow as pa
    from pyarrow import parquet

    from spacy_zh_tw_ner.corpora.formats.detection import FORMATS, guess_format
    from spacy_zh_tw_ner.corpora.records import SILENT
    from spacy_zh_tw_ner.errors import ZhTwNerError

    folder.mkdir(parents=True)
    entity = {"start": 6, "end": 9, "label": "GPE"}
    tags = ["O"] * 6 + ["B-GPE", "I-GPE", "I-GPE"] + ["O"] * (len(TEXT) - 9)
    region = {"type": "labels", "value": {"start": 6, "end": 9, "text": "臺北市", "labels": ["GPE"]}}
    records: dict[str, list[Any]] = {
        "spacy.jsonl": [
            {"text": TEXT, "spans": [entity], "meta": {"doc_id": "a"}},
            {"text": TEXT, "entities": [[6, 9, "GPE"]]},
        ],
        "doccano.jsonl": [{"text": TEXT, "label": [[6, 9, "GPE"]]}, {"text": TEXT, "label": []}],
        "cluener.jsonl": [{"text": TEXT, "label": {"GPE": {"臺北市": [[6, 8]]}}}, {"text": TEXT, "label": {}}],
        "hf.jsonl": [{"tokens": list(TEXT), "ner_tags": tags}, {"tokens": list(TEXT), "ner_tags": tags}],
        "label_studio.json": [{"id": 1, "data": {"text": TEXT}, "annotations": [{"result": [region]}]}],
    }
    columns = "".join(f"{char}\t{tag}\n" for char, tag in zip(TEXT, tags, strict=True))
    texts = {
        "columns.conll": f"# newdoc id = a\n# text = {TEXT}\n{columns}\n{columns}\n",
        "markup.txt": "# doc = a\n[蔡英文](PERSON)總統在[臺北市](GPE)。\n好\n",
        "brat.ann": "T1\tGPE 6 9\t臺北市\nT2\tPERSON 0 1;2 3\t蔡文\nR1\tx Arg1:T1 Arg2:T2\n#1\tNote T1\tx\n",
    }
    (folder / "brat.txt").write_text(TEXT, encoding="utf-8")

    def reader(name: str) -> Callable[[bytes], object]:
        path = folder / name

        def read(data: bytes) -> object:
            path.write_bytes(data)
            problems: list[ValueError] = []
            for find in (guess_format, lambda path: FORMATS_OF[path.name.partition(".")[0]]):
                try:
                    return list(FORMATS[find(path)](path, SILENT))
                except ValueError as error:
                    problems.append(error)
            raise min(problems, key=lambda error: isinstance(error, ZhTwNerError))

        return read

    def to_lines(tree: Any) -> bytes:
        tree = tree if isinstance(tree, list) else [tree]
        return b"\n".join(to_json(each) for each in tree) + b"\n"

    cases = [
        Case(name, tree, to_json if name.endswith(".json") else to_lines, reader(name))
        for name, tree in records.items()
    ]
    cases += [Case(f"{name}, array", tree, to_json, reader(name), 0.3) for name, tree in records.items()]
    cases += [Case(name, {"x": text.encode()}, _only, reader(name)) for name, text in texts.items()]
    table = pa.table({"tokens": [list(TEXT)] * 3, "ner_tags": [[0] * len(TEXT)] * 3})
    features = {"info": {"features": {"ner_tags": {"feature": {"names": ["O", "B-GPE", "I-GPE"]}}}}}
    parquet.write_table(table.replace_schema_metadata({"huggingface": json.dumps(features)}), folder / "hf.parquet")
    data = (folder / "hf.parquet").read_bytes()
    labels, beside = ["O", "B-GPE", "I-GPE"], folder / "numbers" / "labels.json"
    beside.parent.mkdir()
    numbers = beside.with_name("train.jsonl")
    numbers.write_text(json.dumps({"tokens": ["好"], "ner_tags": [0]}), encoding="utf-8")

    def read_labels(data: bytes) -> object:
        beside.write_bytes(data)
        return list(FORMATS["hf"](numbers, SILENT))

    return [
        *cases,
        Case("hf.parquet", {"x": data}, _only, reader("hf.parquet"), 2.0),
        Case("labels.json", {"names": labels}, to_json, read_labels, 0.5),
    ]


FORMATS_OF = {
    "spacy": "jsonl",
    "doccano": "doccano",
    "cluener": "cluener",
    "hf": "hf",
    "label_studio": "label-studio",
    "columns": "columns",
    "markup": "markup",
    "brat": "brat",
}
READERS: dict[str, Callable[[Path], list[Case]]] = {
    "pipeline": pipelines,
    "checkpoint": checkpoints,
    "exported": exported,
    "spacy": spacy_files,
    "corpora": corpora,
}
__all__ = ["READERS", "Case", "Random"]
