"""Every message a user can meet, under a code that can be searched for.

A message says what happened, the value seen, and what to do.
"""

from typing import Any


class _Coded(type):
    """Put the attribute's name in front of the message: `Errors.ZT001` reads "[ZT001] …"."""

    def __getattribute__(cls, name: str) -> Any:
        message = super().__getattribute__(name)
        return f"[{name}] {message}" if name.startswith("ZT") else message


class CorpusError(ValueError):
    """Data that cannot be used, told with file and line."""


class Errors(metaclass=_Coded):
    """Messages for `raise`; fill them with `.format(...)`."""

    # Text and tokens
    ZT001 = (
        "The text holds a lone surrogate, U+{code:04X}, at character {index}: half of a UTF-16 pair, no character. "
        "Decode the source again, or replace it: text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')."
    )
    ZT002 = "CharTokenizer does not know group={value!r}. Choose from {choices}."
    ZT003 = "CharTokenizer does not know normalize={value!r}. Choose from {choices}."
    ZT004 = "CharTokenizer does not know script={value!r}. Choose an OpenCC configuration: {choices}, or null."
    # Head and CRF
    ZT101 = (
        "The component '{name}' has no labels. Its corpus holds no entity: check the corpus with "
        "`python -m spacy zh-tw-ner validate`, or give labels in [initialize.components.{name}]."
    )
    ZT102 = (
        "Emissions are not finite ({count} values, the first at row {row}). Lower the learning rate, or clip gradients."
    )
    ZT103 = "Lengths sum to {total} (the least is {least}), but there are {rows} rows of emissions."
    ZT104 = "Emissions have {seen} columns, the CRF {expected} tags."
    ZT105 = "Tags of sequence {index} form an illegal path under the constraints."
    ZT106 = "min_score={value} is no probability. Give a number from 0 to 1."
    ZT107 = "A label must be a non-empty string, not {value!r}."
    ZT108 = "No legal path exists through sequence {index} of {length} tokens: the constraints forbid every one."
    ZT109 = "The CRF has no tags: its transitions are empty. Give it labels first."
    ZT110 = (
        "The compiled CRF needs numba and emissions on the CPU; these are on {device}. Install it with "
        "`pip install spacy-zh-tw-ner[fast]`, or leave `compiled` at None."
    )
    ZT111 = "The gold of the CRF is a boolean array of the emissions' shape {expected}, not {seen}."
    ZT112 = "{name}={value} is out of range. {remedy}"
    ZT113 = "The pipeline has no component '{name}' that decodes a CRF. It has: {names}."
    # Corpora
    ZT201 = "{origin}: {problem}. Seen: {seen!r}. {remedy}"
    ZT202 = "There is no file or folder {path}. {remedy}"
    ZT203 = "{path} holds no sentence. Check that it is the right file, and UTF-8 text."
    ZT204 = "{path} holds {n} sentences and not one entity: nothing could be learnt. Check its format: {format}."
    ZT205 = "The format of {path} was not recognised. Tried: {tried}. Name it with --format."
    ZT206 = "{path}: byte {byte} is not UTF-8 ({reason}). Save the file as UTF-8."
    ZT207 = (
        "{path} holds no train split. Expected files or folders with train, dev and test in their names; seen: {seen}."
    )
    ZT208 = (
        "{rejected} of {total} annotations were rejected, more than --max-rejects {limit}. "
        "All are in {report}; the first: {first}."
    )
    ZT209 = (
        "{origin}: label {label!r} occurs in {split} but not in train, so it can never be predicted. "
        "Rename it, or move examples to train."
    )
    ZT210 = "{path} is not a .spacy file ({reason}). Make one with `python -m spacy zh-tw-ner convert`."
    ZT211 = "There is no format {value!r}. Choose from {choices}, or leave --format out."
    ZT212 = "{path} holds no {split}.spacy. Make it with `python -m spacy zh-tw-ner convert`."
    # Encoders
    ZT301 = (
        "CharNgramEmbed has widths={widths} and rows={rows}. Give one of each for unigrams, bigrams and trigrams, in "
        "this order, as [128, 64, 0]; at least one width must not be 0."
    )
    ZT302 = (
        "BiLSTM has depth={depth}, which must be 1 to 3, and an embedding '{embed}' whose width is known: {known}. "
        "Give the embedding a fixed width."
    )


class Warnings(metaclass=_Coded):
    """Messages for `warnings.warn`."""

    ZT901 = (
        "Another package has registered `Span._.score`, so scores of this pipeline are found "
        "in doc.spans[{key!r}].attrs['scores'] only."
    )
    ZT902 = "{n} gold annotations fit no legal tag sequence on these tokens and are taken as unknown (first: {text!r})."
