"""A token classification checkpoint → a pipeline that finds what the checkpoint finds, without training.

Tags are worth what the checkpoint's classifier says, and transitions nothing, so that the best legal path is the most
probable label of every character wherever these labels are legal together.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import spacy
from spacy.language import Language
from spacy.training import Example
from thinc.types import Floats2d

from ..components.crf_ner import CRFEntityRecognizer
from ..components.inspection import find_recognizer
from ..errors import Errors
from ..transformer.classifier import Classifier, read_classifier

# What the letters of BIO, BIOES, BMES and BILOU are here
KINDS = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S"}
# Which letter stands in for one that a scheme lacks: BIO's I is our I and our E, its B is our B and our S.
STAND_INS = {"B": "BI", "I": "IB", "E": "EI", "S": "SBI"}


def pipeline_from_hf(
    name: str, *, revision: str | None = None, size: int = 254, overlap: int = 16, save_dtype: str | None = None
) -> Language:
    """Make a pipeline of a checkpoint.

    name (str): Id on the Hugging Face Hub, or a folder.
    revision (Optional[str]): Branch, tag or commit on the Hub.
    size (int), overlap (int): Of the windows, in pieces.
    save_dtype (Optional[str]): "fp16" or "bf16" halves what is saved.
    RETURNS (Language): With the components `transformer`, `ner` and `doc_cleaner`.
    RAISES (ValueError): As `read_classifier`, and for labels in no known scheme.
    """
    classifier = read_classifier(name, revision)
    labels = sorted({label for _, label in _parse(name, classifier.labels) if label})
    nlp = spacy.blank("zh_tw", config={"nlp": {"tokenizer": {"normalize": ["width"]}}})
    windows = {"@span_getters": "spacy-zh-tw-ner.clause_windows.v1", "size": size, "overlap": overlap}
    transformer = {"@architectures": "spacy-zh-tw-ner.TransformerModel.v1", "name": name, "revision": revision}
    nlp.add_pipe("transformer", config={"model": {**transformer, "get_spans": windows, "save_dtype": save_dtype}})
    listener: dict[str, Any] = {"@architectures": "spacy-transformers.TransformerListener.v1", "grad_factor": 1.0}
    tok2vec = listener | {"pooling": {"@layers": "reduce_mean.v1"}}
    head = {"@architectures": "spacy-zh-tw-ner.CRFTagger.v1", "tok2vec": tok2vec}
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": head})
    # Hidden states take kilobytes a character, and would stay for as long as a document does.
    nlp.add_pipe("doc_cleaner", config={"attrs": {"_.trf_data": None}, "silent": True})
    nlp.config["initialize"]["components"]["ner"] = {"labels": labels}
    nlp.initialize(lambda: [Example.from_dict(nlp.make_doc("中"), {"entities": []})])
    copy_classifier(find_recognizer(nlp), classifier, name)
    nlp.meta |= {"name": "ner", "description": f"{name} as a spaCy pipeline", "sources": [{"name": name}]}
    return nlp


def copy_classifier(component: CRFEntityRecognizer, classifier: Classifier, name: str) -> list[str]:
    """Put the rows of a classifier in place of a component's own.

    component (CRFEntityRecognizer): Initialized. Labels that the classifier lacks keep what they have.
    classifier (Classifier): Of a checkpoint whose encoder the component stands behind.
    name (str): Of the checkpoint, for messages.
    RETURNS (list[str]): The labels that were found.
    RAISES (ValueError): If the width is another, or no label is known to both.
    """
    rows: dict[tuple[str, str], int] = {}
    for i, parsed in enumerate(_parse(name, classifier.labels)):
        rows.setdefault(parsed, i)
    layer = component.model.get_ref("output_layer")
    weight, bias = (np.array(layer.ops.to_numpy(layer.get_param(p))) for p in ("W", "b"))  # type: ignore[no-untyped-call]
    if weight.shape[1] != classifier.weight.shape[1]:
        raise ValueError(Errors.ZT353.format(name=name, seen=classifier.weight.shape[1], expected=weight.shape[1]))
    found = sorted(set(component.labels) & {label for _, label in rows})
    if not found:
        seen = ", ".join(sorted({label for _, label in rows if label}))
        raise ValueError(Errors.ZT354.format(name=name, seen=seen, expected=", ".join(component.labels)))
    for tag, text in enumerate(component.scheme.tags):
        kind, _, label = text.partition("-")
        row = rows.get(("O", "")) if kind == "O" else _row(rows, kind, label)
        if row is not None:
            weight[tag], bias[tag] = classifier.weight[row].numpy(), classifier.bias[row].item()
    layer.set_param("W", layer.ops.asarray2f(cast(Floats2d, weight)))
    layer.set_param("b", layer.ops.asarray1f(bias.tolist()))
    transitions = component.model.get_ref("transitions")
    for param in transitions.param_names:
        transitions.set_param(param, transitions.ops.xp.zeros_like(transitions.get_param(param)))
    return found


def create_init_from_hf_v1(
    name: str, revision: str | None = None, component: str | None = None
) -> Callable[[Language], None]:
    """Registered as `spacy-zh-tw-ner.init_from_hf.v1`, for `after_init` in [initialize]: fine-tuning begins there.

    name (str): The checkpoint that the encoder is from.
    revision (Optional[str]): Branch, tag or commit on the Hub.
    component (Optional[str]): Name of the recognizer, if there are several.
    RETURNS (Callable[[Language], None]): What spaCy calls once the pipeline is initialized.
    """

    def init_from_hf(nlp: Language) -> None:
        copy_classifier(find_recognizer(nlp, component), read_classifier(name, revision), name)

    return init_from_hf


def _row(rows: Mapping[tuple[str, str], int], kind: str, label: str) -> int | None:
    return next((rows[letter, label] for letter in STAND_INS[kind] if (letter, label) in rows), None)


def _parse(name: str, labels: list[str]) -> list[tuple[str, str]]:
    """Kind and label of each; ("O", "") outside of any."""
    parsed = []
    for text in labels:
        match = re.fullmatch(r"([BIMELSU])[-_](.+)", text, flags=re.IGNORECASE)
        if text.upper() in ("O", "OTHER", "OUT"):
            parsed.append(("O", ""))
        elif match:
            parsed.append((KINDS[match[1].upper()], match[2]))
        elif text.upper() in ("X", "PAD", "[PAD]", "[CLS]", "[SEP]", "<PAD>"):
            parsed.append(("", ""))  # what trainers put where no character is
        else:
            raise ValueError(Errors.ZT355.format(name=name, label=text))
    return parsed
