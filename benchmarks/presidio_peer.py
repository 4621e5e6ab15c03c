"""Presidio's generic recognizers as a peer of `benchmarks.pii`, with its names mapped to ours."""

from collections.abc import Iterator
from importlib.util import find_spec

from spacy_zh_tw_ner.entities import Entity

# Entities of Presidio → labels of `assets/pii`
MAPPED = {
    "PHONE_NUMBER": "PHONE",
    "CREDIT_CARD": "CREDIT_CARD",
    "EMAIL_ADDRESS": "EMAIL",
    "URL": "URL",
    "IP_ADDRESS": "IP",
    "DATE_TIME": "DATE",
}
MIN_SCORE = 0.3  # of the thresholds that keep telephone numbers (0.4), the one that raises its F most on `dev`
COVERED = tuple(MAPPED.values())


def has_presidio() -> bool:
    """Return whether Presidio's analyzer is installed."""
    return find_spec("presidio_analyzer") is not None


class SharedRecognizers:
    """Presidio's analyzer with the recognizers that it has for all countries, telephone numbers of Taiwan included.

    They need no model. Of results that overlap, the longest is kept, as its anonymizer does with contained ones.
    """

    def __init__(self) -> None:
        import tldextract
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import NoOpNlpEngine
        from presidio_analyzer.predefined_recognizers import (
            CreditCardRecognizer,
            DateRecognizer,
            EmailRecognizer,
            IpRecognizer,
            PhoneRecognizer,
            UrlRecognizer,
        )

        # Its list of domains comes with the package; by default it looks for a newer one on the network.
        tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
        # Those for bank accounts of other countries and for crypto wallets are left out: they could only be wrong here.
        kinds = (CreditCardRecognizer, DateRecognizer, EmailRecognizer, IpRecognizer, UrlRecognizer)
        recognizers = [kind(supported_language="zh") for kind in kinds]
        recognizers.append(PhoneRecognizer(supported_language="zh", supported_regions=("TW",)))
        self._engine = AnalyzerEngine(
            RecognizerRegistry(recognizers, supported_languages=["zh"]),
            NoOpNlpEngine([{"lang_code": "zh", "model_name": ""}]),
            supported_languages=["zh"],
        )

    def __call__(self, text: str) -> list[Entity]:
        """Return the entities of a text; those without a label of ours keep Presidio's name."""
        return list(self._find(text))

    def _find(self, text: str) -> Iterator[Entity]:
        taken = bytearray(len(text))
        results = self._engine.analyze(text, "zh", score_threshold=MIN_SCORE)
        for found in sorted(results, key=lambda each: (each.start - each.end, -each.score, each.start)):
            if not any(taken[found.start : found.end]):
                taken[found.start : found.end] = b"\1" * (found.end - found.start)
                yield Entity(found.start, found.end, MAPPED.get(found.entity_type, found.entity_type))
