"""The component `zh_tw_crf_ensemble`: a recognizer that averages the CRFs of several pipelines.

Each member is a whole pipeline, encoder and head, with its own vocabulary. The component averages the emissions and
transitions of all members, after dividing them by each member's temperature. The result is a CRF again. Its
distribution is the normalized geometric mean of the members' distributions (Smith, Cohn and Osborne 2005, "Logarithmic
Opinion Pools for Conditional Random Fields"). So the best path, the marginals of spans, `min_score` and calibration are
as exact as those of one pipeline, and every decoded path is legal. An average of the marginals would have no
transitions: the most probable tags of all tokens might be an illegal path.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np
import spacy
import srsly
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import ensure_path, load_model_from_config
from spacy.vocab import Vocab
from thinc.api import Config

from ..crf import Transitions, at_temperature
from ..crf.transitions import FloatsT
from ..errors import Errors, PipelineError, PipelineMismatchError, UsageError
from ..untrusted import inside, origin, parse_json, parse_msgpack, reading, require, require_type, whole_number
from .crf_component import CRFComponent, score_ner
from .crf_pipe import ScorerT
from .inspection import differences_of, find_recognizer, run_before, tokenization_of

MOST_MEMBERS = 1000


@Language.factory(
    "zh_tw_crf_ensemble",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type", "doc.spans"],
    default_config={
        "min_score": 0.0,
        "overwrite": False,
        "scorer": {"@scorers": "spacy-zh-tw-ner.ner_scorer.v1"},
    },
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_crf_ensemble(
    nlp: Language, name: str, min_score: float, overwrite: bool, scorer: ScorerT | None
) -> "CRFEnsemble":
    """Build the component `zh_tw_crf_ensemble` without members. Its settings are those of CRFEnsemble.

    `combine` sets the members of a new ensemble; `from_disk` and `from_bytes` load those of a saved one.
    """
    return CRFEnsemble(nlp.vocab, name, min_score=min_score, overwrite=overwrite, scorer=scorer)


class CRFEnsemble(CRFComponent):
    """An entity recognizer that averages the CRFs of several pipelines. It cannot be trained itself.

    A new instance has no members: `set_members`, `from_disk` and `from_bytes` set them. Each member is a pipeline,
    whose first recognizer is used. The docstring of the module describes the average.

    The settings are those of `CRFComponent`, the base class: `min_score` balances precision and recall, `overwrite`
    replaces entities of earlier components, and `scorer` computes the scores of `nlp.evaluate`. The values that the
    members have for these settings are not used.

    vocab (Vocab): The shared vocabulary.
    name (str): Name of this instance.
    """

    def __init__(
        self,
        vocab: Vocab,
        name: str = "ner",
        *,
        min_score: float = 0.0,
        overwrite: bool = False,
        scorer: ScorerT | None = score_ner,
    ) -> None:
        self._configure(vocab, name, min_score, overwrite, scorer)
        self.members: list[Language] = []

    def set_members(self, members: Sequence[Language]) -> None:
        """Set the member pipelines, and take the labels of the first one as the labels of the ensemble.

        members (Sequence[Language]): At least one pipeline, each with a recognizer. They are not copied. They must have
            equal labels and tokenizers, which `combine` checks and this method does not.
        """
        self.members = list(members)
        self.cfg["labels"] = list(find_recognizer(members[0]).labels)

    def _require_trained(self) -> None:
        if not self.members:
            self._raise_not_trainable()

    def batch_emissions(self, docs: list[Doc]) -> FloatsT:
        """Return the average of the members' emissions of short documents, (n_rows, n_tags), one row per token.

        The base class calls it for prediction. The documents are not changed: each member processes copies of them.
        """
        recognizers, copies = self._process(docs)
        found = [
            recognizer.batch_emissions(of_member) for recognizer, of_member in zip(recognizers, copies, strict=True)
        ]
        return self._average(recognizers, found)

    def emission_chunks(self, doc: Doc) -> Iterator[FloatsT]:
        """Yield the average of the members' emissions of a long document in chunks, (n, n_tags), one row per token.

        The base class calls it for prediction. The chunks are in order, and may differ in their number of tokens n.
        """
        recognizers, copies = self._process([doc])
        found = [recognizer.emission_chunks(copy) for recognizer, (copy,) in zip(recognizers, copies, strict=True)]
        return (self._average(recognizers, chunks) for chunks in align_chunks(found))

    def transitions(self) -> Transitions:
        """Return the average of the members' transition scores, after dividing them by each member's temperature."""
        found = []
        for member in self.members:
            recognizer = find_recognizer(member)
            nothing = np.empty((0, len(self.scheme)), np.float32)
            _, cooled = at_temperature(nothing, recognizer.transitions(), recognizer.temperature)
            order = self._tag_order(recognizer)
            found.append(Transitions(cooled.matrix[order][:, order], cooled.start[order], cooled.end[order]))
        # Illegal transitions are the same in all members, so their mean is still far below any score.
        return Transitions(*(np.mean(scores, axis=0) for scores in zip(*found, strict=True)))

    def _process(self, docs: list[Doc]) -> tuple[list[CRFComponent], list[list[Doc]]]:
        """Copy the documents once for each member, and process the copies with its components before its recognizer.

        RETURNS (tuple): The recognizer of each member; and, for each member, its processed copies of the documents.
        """
        recognizers = [find_recognizer(member) for member in self.members]
        # Copies, because these components annotate the documents.
        copies = [
            run_before(member, recognizer, (_copy(doc, member.vocab) for doc in docs))
            for member, recognizer in zip(self.members, recognizers, strict=True)
        ]
        return recognizers, copies

    def _average(self, recognizers: list[CRFComponent], emissions: list[FloatsT]) -> FloatsT:
        """Average the emissions of the members.

        Before that, each member's emissions are divided by its temperature, and their columns are reordered to the
        ensemble's tags.

        recognizers (list[CRFComponent]): The recognizer of each member.
        emissions (list[np.ndarray]): (n_rows, n_tags) emissions of each member for the same tokens.
        RETURNS (np.ndarray): (n_rows, n_tags) averaged emissions.
        """
        cooled = (
            of_member[:, self._tag_order(recognizer)] / np.float32(recognizer.temperature)
            for recognizer, of_member in zip(recognizers, emissions, strict=True)
        )
        mean: FloatsT = np.mean(list(cooled), axis=0)
        return mean

    def _tag_order(self, recognizer: CRFComponent) -> list[int]:
        """Return, for each tag of the ensemble in order, the column of this tag in the emissions of a member."""
        tags = recognizer.scheme.tags
        return [tags.index(tag) for tag in self.scheme.tags]

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialize the labels and temperature of the ensemble, and each member pipeline with its config.

        `exclude` is ignored; spaCy passes it.
        """
        members = [{"config": member.config.to_str(), "data": member.to_bytes()} for member in self.members]
        data: bytes = srsly.msgpack_dumps({"cfg": self.cfg, "members": members})
        return data

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "CRFEnsemble":
        """Load labels, temperature and members in place from the bytes of `to_bytes`; return this component.

        `exclude` is ignored.

        RAISES (UnreadableFileError): If the bytes are damaged or malicious.
        """
        with reading(origin()):
            data = require_type("the ensemble", parse_msgpack(bytes_data), dict)
            self.cfg = require_type("cfg", data.get("cfg"), dict)
            self.members = []
            for member in require_type("members", data.get("members"), list):
                config = require_type("config", require_type("member", member, dict).get("config"), str)
                nlp = load_model_from_config(Config().from_str(config))
                self.members.append(nlp.from_bytes(require_type("data", member.get("data"), bytes)))
            self._check_loaded()
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write labels and temperature to the file `cfg`, and each member, a complete pipeline, to a folder 0, 1, ….

        path (str | Path): Directory of the component, which is made if necessary. `exclude` is ignored.
        """
        folder = ensure_path(path)
        folder.mkdir(parents=True, exist_ok=True)
        srsly.write_json(folder / "cfg", self.cfg | {"members": len(self.members)})
        for i, member in enumerate(self.members):
            member.to_disk(folder / str(i))

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "CRFEnsemble":
        """Load labels, temperature and members in place from a directory of `to_disk`; return this component.

        `exclude` is ignored.

        RAISES (UnreadableFileError): If a file is damaged or malicious.
        """
        folder = ensure_path(path)
        with reading(folder):
            self.cfg = require_type("cfg", parse_json((folder / "cfg").read_bytes()), dict)
            n_members = whole_number("cfg.members", self.cfg.get("members"), 2, MOST_MEMBERS)
            self.members = [spacy.load(inside(folder, str(i))) for i in range(n_members)]
            self._check_loaded()
        return self

    def _check_loaded(self) -> None:
        super()._check_loaded()
        for i, member in enumerate(self.members):
            labels = find_recognizer(member).labels
            require(set(labels) == set(self.labels), f"labels of member {i}", labels, "those of the ensemble")

    def _raise_not_trainable(self, *_: Any, **__: Any) -> NoReturn:
        """Raise a PipelineError. Called as `initialize`, `update` or `add_label`: an ensemble cannot be trained."""
        raise PipelineError(Errors.ZT373.format(name=self.name, n=len(self.members)))

    # Without these methods, spaCy would silently skip the component in training.
    initialize = update = add_label = _raise_not_trainable


def align_chunks(emissions: Sequence[Iterator[FloatsT]]) -> Iterator[list[FloatsT]]:
    """Regroup the emissions of several recognizers for one document, so that their chunks have the same tokens.

    emissions (Sequence[Iterator[np.ndarray]]): For each recognizer, the chunks that it computed: (n, n_tags) each. The
        sizes n may differ between recognizers.
    YIELDS (list[np.ndarray]): The emissions of the next tokens, one (n, n_tags) array per recognizer, with equal n.
    """
    parts = [next(chunks) for chunks in emissions]
    while any(map(len, parts)):
        n_rows = min(map(len, parts))
        yield [part[:n_rows] for part in parts]
        parts = [
            part[n_rows:] if len(part) > n_rows else next(chunks, part[:0])
            for part, chunks in zip(parts, emissions, strict=True)
        ]


def _copy(doc: Doc, vocab: Vocab) -> Doc:
    """Copy the tokens and norms of a document into a new document with another vocabulary."""
    copy = Doc(vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc])
    for token, original in zip(copy, doc, strict=True):
        token.norm_ = original.norm_
    return copy


def combine(members: Sequence[tuple[str, Language]], *, min_score: float | None = None) -> Language:
    """Combine several pipelines into one.

    members (Sequence[tuple[str, Language]]): Pipelines, each with a name for messages. They are not copied.
    min_score (Optional[float]): The `min_score` of the ensemble; by default that of the first pipeline.
    RETURNS (Language): A pipeline with the tokenizer of the first member, and the ensemble as the component `ner`.
    RAISES (ZhTwNerError): For fewer than two pipelines, or if they do not all have the same labels and tokenizer.
    """
    if len(members) < 2:
        raise UsageError(Errors.ZT370.format(n=len(members)))
    (first_name, first), *others = members
    recognizer = find_recognizer(first)
    for name, other in others:
        ours, theirs = set(recognizer.labels), set(find_recognizer(other).labels)
        if ours != theirs:
            only = [", ".join(sorted(part)) or "none" for part in (ours - theirs, theirs - ours)]
            raise PipelineMismatchError(
                Errors.ZT371.format(one=first_name, other=name, only_one=only[0], only_other=only[1])
            )
        if differences := differences_of(tokenization_of(first), tokenization_of(other)):
            raise PipelineMismatchError(
                Errors.ZT372.format(one=first_name, other=name, differences="; ".join(differences))
            )
    config = first.config.interpolate()["nlp"]
    nlp = spacy.blank(config["lang"], config={"nlp": {key: config[key] for key in ("tokenizer", "batch_size")}})
    source, target = cast(Any, first.tokenizer), cast(Any, nlp.tokenizer)
    target.from_bytes(source.to_bytes())
    nlp.meta["name"] = "ner"
    score = recognizer.min_score if min_score is None else min_score
    ensemble = nlp.add_pipe("zh_tw_crf_ensemble", name="ner", config={"min_score": score})
    cast(CRFEnsemble, ensemble).set_members([member for _, member in members])
    return nlp
