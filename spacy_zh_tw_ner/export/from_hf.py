"""Convert a token classification checkpoint to a pipeline that predicts the same entities, without training.

The head gets the weights of the checkpoint's classifier, and all transition scores are 0. So if the most probable label
of each character gives a legal sequence of labels, this sequence is predicted.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import numpy as np
import spacy
import torch
from spacy.language import Language
from spacy.training import Example
from thinc.types import Floats2d

from ..components.crf_ner import CRFEntityRecognizer
from ..components.inspection import find_recognizer
from ..errors import BaseModelError, Errors, PipelineMismatchError
from ..transformer.hub import read_config
from ..transformer.hub_errors import loading
from ..transformer.settings import LOOKUP, LOOKUP_OF_WORDS
from ..transformer.wordpieces import WordpieceTable
from .quantize import backbone_shims

HEADS = ("classifier", "score")  # attribute of the classifier in models of transformers
# Prefixes of BIO, BIOES, BMES and BILOU → those of BIOES
KINDS = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S"}
# BIOES prefix → prefixes whose weights are copied, by preference. A BIO checkpoint has no E and S: E gets the weights
# of I, and S those of B.
STAND_INS = {"B": "BI", "I": "IB", "E": "EI", "S": "SBI"}
CHARACTERS = "國立臺灣大學位於臺北市"  # any that a tokenizer for Chinese has


class Classifier(NamedTuple):
    """Linear classifier of a token classification checkpoint.

    labels: tags, such as "B-ORG". weight: (n_labels, width). bias: (n_labels,).
    """

    labels: list[str]  # tags of the checkpoint, such as "B-ORG"
    weight: torch.Tensor  # (n_labels, width)
    bias: torch.Tensor  # (n_labels,)


def pipeline_from_hf(
    name: str, *, revision: str | None = None, size: int = 254, overlap: int = 16, save_dtype: str | None = None
) -> Language:
    """Convert a token classification checkpoint to a pipeline.

    name (str): Id on the Hugging Face Hub, or a folder.
    revision (Optional[str]): Branch, tag or commit on the Hub.
    size (int): Size of the windows in wordpieces.
    overlap (int): Overlap of the windows in wordpieces.
    save_dtype (Optional[str]): Type of the weights on disk: "fp16" or "bf16" halves the size; None for float32.
    RETURNS (Language): Pipeline with the components `transformer`, `ner` and `doc_cleaner`.
    RAISES (ValueError): If the checkpoint has no linear classifier, its labels have no names, or a label is not in a
        tag scheme that this package can read, such as BIO and BIOES.
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
    # Hidden states take kilobytes per character; `doc_cleaner` removes them from finished documents.
    nlp.add_pipe("doc_cleaner", config={"attrs": {"_.trf_data": None}, "silent": True})
    nlp.config["initialize"]["components"]["ner"] = {"labels": labels}
    nlp.initialize(lambda: [Example.from_dict(nlp.make_doc("中"), {"entities": []})])
    copy_classifier(find_recognizer(nlp, None, CRFEntityRecognizer), classifier, name)
    use_wordpieces_of_words(nlp)
    nlp.meta |= {"name": "ner", "description": f"{name} as a spaCy pipeline", "sources": [{"name": name}]}
    return nlp


def create_init_from_hf_v1(
    name: str, revision: str | None = None, component: str | None = None
) -> Callable[[Language], None]:
    """Registered as `spacy-zh-tw-ner.init_from_hf.v1`: start fine-tuning with the classifier of a checkpoint.

    The weights of the classifier are copied into the head of the recognizer, for the labels that both have. Transition
    scores become 0. Characters are split into wordpieces as in the training of the checkpoint.

    name (str): The token classification checkpoint from which the encoder is loaded: id on the Hub, or folder.
    revision (Optional[str]): Branch, tag or commit on the Hub.
    component (Optional[str]): Name of the recognizer; null for the first one of the pipeline.
    RETURNS (Callable[[Language], None]): Callback for [initialize.after_init]. spaCy calls it with the initialized
        pipeline, which it changes in place.
    """

    def init_from_hf(nlp: Language) -> None:
        copy_classifier(find_recognizer(nlp, component, CRFEntityRecognizer), read_classifier(name, revision), name)
        use_wordpieces_of_words(nlp)

    return init_from_hf


def use_wordpieces_of_words(nlp: Language) -> None:
    """Make a pipeline split characters into wordpieces in the same way as in the training of its checkpoint.

    Token classification checkpoints are trained on lists of characters, each of which the tokenizer treats as a word.
    SentencePiece tokenizers put "▁" before each word. By default, a pipeline leaves "▁" out between Chinese characters.
    After this call, it keeps "▁", which the classifier of the checkpoint needs.

    nlp (Language): The initialized pipeline; changed in place.
    """
    for shim in backbone_shims(nlp):
        tokenizer = shim.table.tokenizer
        batch = tokenizer(list(CHARACTERS), is_split_into_words=True, add_special_tokens=False)
        split: list[list[int]] = [[] for _ in CHARACTERS]
        for word, wordpiece in zip(batch.word_ids(), batch["input_ids"], strict=True):
            split[word].append(wordpiece)
        for lookup in (LOOKUP, LOOKUP_OF_WORDS):
            if WordpieceTable(tokenizer, shim.max_wordpieces, lookup).split(CHARACTERS, CHARACTERS) == split:
                shim.use_lookup(lookup)
                break


def read_classifier(name: str, revision: str | None = None) -> Classifier:
    """Read the classifier of a token classification checkpoint from the Hub, its cache or a folder.

    name (str): Id on the Hub, or a folder.
    revision (Optional[str]): Branch, tag or commit on the Hub.
    RETURNS (Classifier): Labels and float32 weights.
    RAISES (BaseModelError): If the checkpoint has no classifier, a classifier of more than one linear layer, or labels
        without names.
    """
    from transformers import AutoModelForTokenClassification

    config = read_config(name, revision)
    with loading(name, revision) as kwargs:
        model, info = AutoModelForTokenClassification.from_pretrained(
            name,
            config=config,
            revision=revision or "main",
            torch_dtype=torch.float32,
            output_loading_info=True,
            trust_remote_code=False,
            **kwargs,
        )
    if any(key.startswith(HEADS) for key in info["missing_keys"]):
        raise BaseModelError(Errors.ZT350.format(name=name, kinds=", ".join(config.architectures or ["unknown"])))
    head = next((getattr(model, attribute) for attribute in HEADS if hasattr(model, attribute)), None)
    if not isinstance(head, torch.nn.Linear):
        raise BaseModelError(Errors.ZT351.format(name=name, kind=type(head).__name__))
    labels = [str(config.id2label[i]) for i in range(head.out_features)]
    if all(label.startswith("LABEL_") for label in labels):
        raise BaseModelError(Errors.ZT352.format(name=name, labels=", ".join(labels[:5])))
    bias = head.bias if head.bias is not None else torch.zeros(head.out_features)
    return Classifier(labels, head.weight.detach().clone(), bias.detach().clone())


def copy_classifier(component: CRFEntityRecognizer, classifier: Classifier, name: str) -> list[str]:
    """Copy the weights of a classifier into the head of a recognizer, and set its transition scores to 0.

    component (CRFEntityRecognizer): The initialized recognizer. Labels that the classifier lacks keep their weights.
    classifier (Classifier): Classifier of the checkpoint from which the recognizer's encoder was loaded.
    name (str): Name of the checkpoint, for error messages.
    RETURNS (list[str]): The labels that the recognizer and the classifier have in common.
    RAISES (PipelineMismatchError): If the recognizer and the classifier expect vectors of different widths, or have no
        label in common.
    """
    rows: dict[tuple[str, str], int] = {}
    for i, parsed in enumerate(_parse(name, classifier.labels)):
        rows.setdefault(parsed, i)
    layer = component.model.get_ref("output_layer")
    weight, bias = (np.array(layer.ops.to_numpy(layer.get_param(p))) for p in ("W", "b"))  # type: ignore[no-untyped-call]
    if weight.shape[1] != classifier.weight.shape[1]:
        raise PipelineMismatchError(
            Errors.ZT353.format(name=name, seen=classifier.weight.shape[1], expected=weight.shape[1])
        )
    found = sorted(set(component.labels) & {label for _, label in rows})
    if not found:
        seen = ", ".join(sorted({label for _, label in rows if label}))
        raise PipelineMismatchError(Errors.ZT354.format(name=name, seen=seen, expected=", ".join(component.labels)))
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


def _row(rows: Mapping[tuple[str, str], int], kind: str, label: str) -> int | None:
    """Return the row of the classifier whose weights a tag of the recognizer gets; None if there is no such row.

    If the classifier has no row for the tag itself, the row of a similar tag is taken. For example, a classifier with
    BIO tags has no E and S, so E gets the weights of I, and S gets those of B.

    rows (Mapping[tuple[str, str], int]): (BIOES prefix, label) → row of the classifier.
    kind (str), label (str): BIOES prefix and label of the tag.
    """
    return next((rows[letter, label] for letter in STAND_INS[kind] if (letter, label) in rows), None)


def _parse(name: str, labels: list[str]) -> list[tuple[str, str]]:
    """Split each tag of a checkpoint into BIOES prefix and label.

    name (str): Name of the checkpoint, for the error message.
    labels (list[str]): The tags, such as ["O", "B-ORG"].
    RETURNS (list[tuple[str, str]]): Prefix and label of each tag, such as ("B", "ORG"). The prefixes of other schemes
        are converted, such as M to I. "O" becomes ("O", ""), and a tag of padding becomes ("", "").
    RAISES (BaseModelError): If a tag has another form.
    """
    parsed = []
    for text in labels:
        match = re.fullmatch(r"([BIMELSU])[-_](.+)", text, flags=re.IGNORECASE)
        if text.upper() in ("O", "OTHER", "OUT"):
            parsed.append(("O", ""))
        elif match:
            parsed.append((KINDS[match[1].upper()], match[2]))
        elif text.upper() in ("X", "PAD", "[PAD]", "[CLS]", "[SEP]", "<PAD>"):
            parsed.append(("", ""))  # class of some checkpoints for special wordpieces and padding; not used
        else:
            raise BaseModelError(Errors.ZT355.format(name=name, label=text))
    return parsed
