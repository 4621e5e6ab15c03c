"""The component `zh_tw_crf_spans`: docs → emissions of several CRF chains → overlapping spans in `doc.spans[key]`.

Each group of labels is a chain with tags and transitions of its own, see `TagChains`. One linear layer computes the
emissions of all chains. The transition scores of all chains are blocks on the diagonal of one matrix, and its other
cells are not used, so the model is the `CRFTagger` of `zh_tw_crf_ner`:

    docs ──encoder──▶ hidden ──linear──▶ emissions, (n_tokens, n_columns) ──columns of each chain──▶ CRF ──▶ spans

The chains are independent given the emissions. So −log p(gold) is the sum over the chains, and the probability of a
span is its exact marginal probability in its chain.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
from spacy.language import Language
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example, validate_examples
from spacy.vocab import Vocab

from ..crf import Transitions, constrain, constrain_emissions, log_likelihood
from ..crf.transitions import BoolsT
from ..encoders import EmissionsT, TaggerT
from ..entities import Prediction
from ..entity_decoding import ChainDecoder
from ..errors import Errors, PipelineError, PipelineMismatchError, SettingError
from ..tag_chains import TagChains
from ..untrusted import require_labels, require_type
from .chain_gold import gold_spans, read_chain_gold
from .crf_pipe import ScorerT
from .span_annotations import EVIDENCE_KEY, SPANS_KEY, write_span_group
from .tag_masks import find_white_space
from .trainable_crf import DEFAULT_MODEL, TrainableCRF

DEFAULT_KEY = "sc"  # as spaCy's `spancat`


def score_spans(examples: Iterable[Example], *, spans_key: str = DEFAULT_KEY, **_: Any) -> dict[str, Any]:
    """Compute precision, recall and F of exact spans, micro and by label.

    examples (Iterable[Example]): Gold and predicted documents. A gold document without `doc.spans[spans_key]` is scored
        by its `doc.ents`, as in training.
    spans_key (str): Key of the spans in `doc.spans`.
    RETURNS (dict[str, Any]): The scores of spaCy's `Scorer.score_spans`, such as "spans_sc_f", and "spans_sc_found",
        the number of predicted spans. Precision, recall and F are from 0 to 1.
    """
    examples = list(examples)
    scores: dict[str, Any] = Scorer.score_spans(
        examples,
        f"spans_{spans_key}",
        getter=lambda doc, _: gold_spans(doc, spans_key),
        has_annotation=lambda doc: spans_key in doc.spans or doc.has_annotation("ENT_IOB"),
        allow_overlap=True,
    )
    n_found = sum(len(example.predicted.spans.get(spans_key, ())) for example in examples)
    return scores | {f"spans_{spans_key}_found": n_found}


def make_spans_scorer() -> ScorerT:
    """Registered as `spacy-zh-tw-ner.spans_scorer.v1`: return a function that scores exact overlapping spans.

    The function is `score_spans`.
    """
    return score_spans


@Language.factory(
    "zh_tw_crf_spans",
    assigns=["doc.spans"],
    default_config={
        "model": DEFAULT_MODEL,
        "spans_key": DEFAULT_KEY,
        "groups": [],
        "min_score": 0.0,
        "label_smoothing": 0.0,
        "scorer": {"@scorers": "spacy-zh-tw-ner.spans_scorer.v1"},
    },
    default_score_weights={
        f"spans_{DEFAULT_KEY}_f": 1.0,
        f"spans_{DEFAULT_KEY}_p": 0.0,
        f"spans_{DEFAULT_KEY}_r": 0.0,
        f"spans_{DEFAULT_KEY}_per_type": None,
    },
)
def make_crf_spans(
    nlp: Language,
    name: str,
    model: TaggerT,
    spans_key: str,
    groups: list[list[str]],
    min_score: float,
    label_smoothing: float,
    scorer: ScorerT | None,
) -> "CRFSpanRecognizer":
    """Build the component `zh_tw_crf_spans` from its block in the config; `nlp.add_pipe` calls this function.

    A warning is given if the tokenizer of `nlp` does not make each character a token. The settings are those of
    CRFSpanRecognizer.
    """
    component = CRFSpanRecognizer(
        nlp.vocab,
        model,
        name,
        spans_key=spans_key,
        groups=groups,
        min_score=min_score,
        label_smoothing=label_smoothing,
        scorer=scorer,
    )
    component.warnings.check_pipeline(nlp)
    return component


class CRFSpanRecognizer(TrainableCRF):
    """A trainable recognizer of overlapping and nested entities, with one CRF for each group of labels.

    It writes `doc.spans[spans_key]`, sorted by start, with the probability of each span in `attrs["scores"]` and
    `span._.score`. Each group has a chain of tags of its own, with one tag per token. So spans of one group never
    overlap, and those of different groups may.

    vocab (Vocab): The shared vocabulary.
    model (Model[list[Doc], list[Floats2d]]): A `CRFTagger`.
    name (str): Name of this instance; training reports its loss under this name.
    spans_key (str): Key of the spans in `doc.spans`, of gold documents and of predictions.
    groups (list[list[str]]): Groups of labels whose entities never overlap each other, such as
        [["PERSON", "GPE"], ["TITLE"]]. A label that is in no group is a group of its own. Fewer groups are faster.
    min_score (float): Balances precision and recall. If 0, the spans are those of the most probable tag path of each
        group. If greater, they are the spans with at least this probability; of overlapping ones of a group, those with
        the largest sum of (probability − min_score).
    label_smoothing (float): In training, the target is a mixture of the gold path and the uniform distribution over all
        legal paths. This is the weight of the uniform distribution: at least 0 (off) and less than 1.
    scorer (Optional[Callable]): Function that computes the scores of `nlp.evaluate`.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: TaggerT,
        name: str = "spans",
        *,
        spans_key: str = DEFAULT_KEY,
        groups: Sequence[Sequence[str]] = (),
        min_score: float = 0.0,
        label_smoothing: float = 0.0,
        scorer: ScorerT | None = score_spans,
    ) -> None:
        if not spans_key or spans_key in (SPANS_KEY, EVIDENCE_KEY):
            raise SettingError(Errors.ZT797.format(value=spans_key, reserved=f"{SPANS_KEY!r}, {EVIDENCE_KEY!r}"))
        self._configure_pipe(vocab, name, min_score, scorer)
        self._configure_model(model, label_smoothing)
        self.spans_key = spans_key
        self.groups = check_groups(groups)
        self.cfg["groups"] = self.groups
        self._chains = TagChains((), self.groups)

    @property
    def scheme(self) -> TagChains:
        """Tags of each chain for the current labels, and the columns of these tags in the emissions."""
        if self._chains.labels != self.labels:
            self._chains = TagChains(self.labels, self.groups)
        return self._chains

    def transitions(self) -> list[Transitions]:
        """Return the learnt transition scores of each chain. Illegal transitions have the score PENALTY."""
        scores = self._transition_scores()
        found = []
        for scheme, columns in zip(self.scheme.schemes, self.scheme.columns, strict=True):
            block = scores.matrix[np.ix_(columns, columns)]
            own = Transitions(block, scores.start[columns], scores.end[columns])
            found.append(constrain(own, Transitions(*scheme.legal_transitions)))
        return found

    def _make_decoder(self) -> ChainDecoder:
        return ChainDecoder(self.scheme, self.transitions(), temperature=self.temperature, min_score=self.min_score)

    def set_annotations(self, docs: Iterable[Doc], predictions: list[Prediction]) -> None:
        """Write spans and their scores to `doc.spans[spans_key]`; spans of an earlier component are replaced.

        docs (Iterable[Doc]): The documents.
        predictions (list[Prediction]): The prediction of each document, from `predict`.
        """
        for doc, prediction in zip(docs, predictions, strict=True):
            write_span_group(doc, self.spans_key, prediction)

    def _check_labels(self) -> None:
        """Raise a PipelineError if there are no labels, or `groups` has a label that the corpus does not have."""
        super()._check_labels()
        unknown = sorted({label for group in self.groups for label in group} - set(self.labels))
        if unknown:
            labels = ", ".join(self.labels)
            raise PipelineError(Errors.ZT799.format(name=self.name, unknown=", ".join(unknown), labels=labels))

    def labels_of(self, gold: Doc) -> Iterable[str]:
        """Return the label of each gold span: those of `doc.spans[spans_key]` or, without this key, of `doc.ents`."""
        return (span.label_ for span in gold_spans(gold, self.spans_key))

    def gold_mask(self, examples: Iterable[Example]) -> BoolsT:
        """Return the tags that gold spans allow for each token.

        examples (Iterable[Example]): The batch. The tokens are those of the predicted documents.
        RETURNS (np.ndarray): (n_rows, n_columns) bool, with a row for each token of the batch, and a column for each
            tag of each chain. It is True for tags that the token may have.
        """
        mask, problems = read_chain_gold(examples, self.scheme, self.spans_key)
        self.warnings.check_gold(problems, self.labels)
        return mask

    def get_loss(self, examples: Iterable[Example], scores: EmissionsT) -> tuple[float, EmissionsT]:
        """Compute the loss, −log p(gold) summed over the chains, and its gradient.

        Gradients are averaged over the documents. The gradient of the emissions is returned; that of the transition
        scores is added to the model. A token without gold annotation may have any tag, so it does not favour one. The
        module `chain_gold` describes which tokens have annotation.

        examples (Iterable[Example]): The batch.
        scores (EmissionsT): Emissions of its documents, (n_tokens, n_columns) each, with a column for each tag of each
            chain.
        RETURNS (tuple[float, EmissionsT]): Loss summed over the documents, and the gradient of the emissions, in the
            shapes of `scores`.
        """
        examples = list(examples)
        validate_examples(examples, "CRFSpanRecognizer.get_loss")
        rows, lengths = self._flatten(scores)
        gold, loss, gradient = self.gold_mask(examples), 0.0, np.zeros_like(rows)
        white_space = find_white_space([example.predicted for example in examples])
        n_columns = len(self.scheme)
        of_steps = Transitions(
            np.zeros((n_columns, n_columns), np.float32), *np.zeros((2, n_columns), np.float32)
        )  # the blocks of all chains
        for scheme, columns, transitions in zip(
            self.scheme.schemes, self.scheme.columns, self.transitions(), strict=True
        ):
            own = constrain_emissions(rows[:, columns], *scheme.illegal_cells(white_space))
            found = log_likelihood(own, lengths, transitions, gold[:, columns], smoothing=self.label_smoothing)
            loss -= float(found.log_likelihood.sum())
            gradient[:, columns] = found.emissions
            of_steps.matrix[np.ix_(columns, columns)] = found.transitions.matrix
            of_steps.start[columns], of_steps.end[columns] = found.transitions.start, found.transitions.end
        return loss, self._gradients(gradient, of_steps, lengths, len(examples))

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """Score predictions with `scorer`, and warn of gold labels that the component cannot predict.

        examples (Iterable[Example]): Gold and predicted documents.
        kwargs (Any): Further arguments of `scorer`, such as another `spans_key`.
        RETURNS (dict[str, Any]): Name of each score → its value, as returned by `scorer`.
        """
        examples = list(examples)
        golds = Counter(label for example in examples for label in self.labels_of(example.reference))
        self.warnings.check_labels(golds, self.labels)
        return cast(dict[str, Any], super().score(examples, **{"spans_key": self.spans_key, **kwargs}))

    def _check_loaded(self) -> None:
        """Check labels, temperature, groups and arrays after `from_disk` or `from_bytes` has read them.

        The temperature is the number by which scores are divided before decoding.

        RAISES (UnreadableFileError): If labels or groups are not lists of distinct strings, the temperature is out of
            range, or the shapes of the arrays do not fit the number of labels.
        RAISES (PipelineMismatchError): If the component was trained with other groups than those of the config.
        """
        stored = require_type("groups", self.cfg.get("groups"), list)
        groups = [require_labels(f"groups[{i}]", group) for i, group in enumerate(stored)]
        labels = require_labels("labels", self.cfg.get("labels"))
        if TagChains(labels, groups).partition != TagChains(labels, self.groups).partition:
            raise PipelineMismatchError(Errors.ZT800.format(name=self.name, trained=groups, config=self.groups))
        super()._check_loaded()
        self.cfg["groups"] = self.groups


def check_groups(groups: Sequence[Sequence[str]]) -> list[list[str]]:
    """Check the setting `groups`, and return a copy of it.

    RAISES (SettingError): If a group is not a list of non-empty strings, or a label is in two groups.
    """
    found: list[list[str]] = []
    for group in groups:
        if isinstance(group, str) or not group or not all(isinstance(label, str) and label for label in group):
            raise SettingError(Errors.ZT796.format(value=group))
        found.append(list(group))
    counts = Counter(label for group in found for label in group)
    twice = [label for label, n in counts.items() if n > 1]
    if twice:
        raise SettingError(Errors.ZT798.format(label=twice[0]))
    return found
