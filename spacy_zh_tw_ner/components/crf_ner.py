"""The component `zh_tw_crf_ner`: docs → emissions → tags → entities in `doc.ents`, each with its probability."""

from collections.abc import Iterable

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_examples
from spacy.vocab import Vocab

from ..crf import Likelihood, Transitions, constrain, log_likelihood
from ..crf.transitions import FloatsT
from ..encoders import EmissionsT, TaggerT
from .crf_component import CRFComponent, score_ner
from .crf_pipe import ScorerT
from .partial_annotations import annotated_labels, outside_log_weights
from .soft_targets import compare, target_of
from .tag_masks import mask_edges
from .trainable_crf import DEFAULT_MODEL, TrainableCRF


def make_ner_scorer() -> ScorerT:
    """Registered as `spacy-zh-tw-ner.ner_scorer.v1`: return a function that scores exact entities.

    An entity is right if its start, its end and its label are those of a gold entity. The function takes examples. It
    returns a dictionary: "ents_p", "ents_r", "ents_f" → precision, recall and F, from 0 to 1, or None without any
    entities; "ents_per_type" → label → its scores; "ents_found" → the number of predicted entities.
    """
    return score_ner


@Language.factory(
    "zh_tw_crf_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type", "doc.spans"],
    default_config={
        "model": DEFAULT_MODEL,
        "min_score": 0.0,
        "overwrite": False,
        "label_smoothing": 0.0,
        "scorer": {"@scorers": "spacy-zh-tw-ner.ner_scorer.v1"},
    },
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_crf_ner(
    nlp: Language,
    name: str,
    model: TaggerT,
    min_score: float,
    overwrite: bool,
    label_smoothing: float,
    scorer: ScorerT | None,
) -> "CRFEntityRecognizer":
    """Build the component `zh_tw_crf_ner`; the settings are those of CRFEntityRecognizer, which explains them.

    Warns if the tokenizer of the pipeline does not produce one token per character.
    """
    component = CRFEntityRecognizer(
        nlp.vocab,
        model,
        name,
        min_score=min_score,
        overwrite=overwrite,
        label_smoothing=label_smoothing,
        scorer=scorer,
    )
    component.warnings.check_pipeline(nlp)
    return component


class CRFEntityRecognizer(TrainableCRF, CRFComponent):
    """A trainable named entity recognizer that decodes a conditional random field over BIOES tags.

    The other settings are those of `CRFComponent`, the base class: `min_score` balances precision and recall,
    `overwrite` replaces entities of earlier components, and `scorer` computes the scores of `nlp.evaluate`.

    vocab (Vocab): The shared vocabulary.
    model (Model[list[Doc], list[Floats2d]]): A `CRFTagger`: it returns emissions, and holds the transition scores.
    name (str): Name of this instance; training reports its loss under this name.
    label_smoothing (float): In training, the target is a mixture of the gold path and the uniform distribution over all
        legal paths. This is the weight of the uniform distribution: at least 0 (off) and less than 1.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: TaggerT,
        name: str = "ner",
        *,
        min_score: float = 0.0,
        overwrite: bool = False,
        label_smoothing: float = 0.0,
        scorer: ScorerT | None = score_ner,
    ) -> None:
        self._configure(vocab, name, min_score, overwrite, scorer)
        self._configure_model(model, label_smoothing)

    def labels_of(self, gold: Doc) -> Iterable[str]:
        """Return the labels of the gold entities of a document, and those that its partial annotations allow.

        `initialize` calls this for each gold document of the corpus, to collect the labels of the component.
        """
        return annotated_labels(gold)

    def transitions(self) -> Transitions:
        """Return the learnt scores of transitions, (n_tags, n_tags), and of the first and the last tag, (n_tags,) each.

        Illegal ones have the score PENALTY, a large negative number.
        """
        return constrain(self._transition_scores(), Transitions(*self.scheme.legal_transitions))

    def get_loss(self, examples: Iterable[Example], scores: EmissionsT) -> tuple[float, EmissionsT]:
        """Compute the loss, −log p(gold), and its gradient.

        Gradients are averaged over the documents. The gradient of the emissions is returned; that of the transition
        scores is added to the model. Tokens without gold annotations contribute nothing.

        For distillation, the reference document of an example may hold a `SoftTarget`: the distribution of a teacher
        over the tag paths. It then replaces the gold annotations, and the loss is the cross entropy with it,
        at the temperature and with the weight that the target holds.

        examples (Iterable[Example]): The batch.
        scores (EmissionsT): Emissions of its documents, (n_tokens, n_tags) each.
        RETURNS (tuple[float, EmissionsT]): Loss summed over the documents, and the gradient of the emissions.
        """
        examples = list(examples)
        validate_examples(examples, "CRFEntityRecognizer.get_loss")
        rows, lengths = self._flatten(scores)
        rows = mask_edges(rows, [example.predicted for example in examples], self.scheme)
        transitions, targets = self.transitions(), [target_of(example) for example in examples]

        def compare_gold(rows: FloatsT, lengths: list[int]) -> Likelihood:
            annotated = [example for example, target in zip(examples, targets, strict=True) if target is None]
            gold, weights = self.gold_mask(annotated), outside_log_weights(annotated, self.scheme)
            smoothing = self.label_smoothing
            return log_likelihood(rows, lengths, transitions, gold, log_weights=weights, smoothing=smoothing)

        if all(target is None for target in targets):
            likelihood = compare_gold(rows, lengths)
        else:
            likelihood = compare(rows, lengths, transitions, targets, self.scheme, compare_gold)
        loss = -float(likelihood.log_likelihood.sum())
        return loss, self._gradients(likelihood.emissions, likelihood.transitions, lengths, len(examples))
