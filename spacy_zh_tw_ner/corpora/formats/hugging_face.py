"""Read and write Hugging Face token classification data: tokens and tags, as JSON lines or Parquet."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import CorpusError
from ..class_labels import TAGS, LabelNames
from ..parquet import open_rows
from ..record_fields import TEXT_FIELDS, NotUsable, find_text, find_tokens_and_tags, text_or_nothing
from ..records import SILENT, FieldNames, Reading, Record, broken
from ..tags import SpanT, decode_tags, encode_tags, find_tokens, is_iob1, join_tokens
from ..tokenizer_markers import BLANK, LostText, MarkerRemover, have_positions, valid_tag
from .json_spans import json_line

SHAPE = '{"tokens": ["臺", "北"], "ner_tags": ["B-GPE", "I-GPE"]}'
N_SURVEYED = 1000  # objects from which it is detected whether the tags are IOB1


class _Row(NamedTuple):
    """Tokens and tags of one JSON object or Parquet row.

    origin: File and line or row.
    tokens: The tokens. If the object has a text but no tokens, the whole text is the only token.
    tags: The tags as names; None if the object has none.
    data: The object or row itself.
    tokenized: False if the object has a text but no tokens.
    """

    origin: str
    tokens: list[str]
    tags: list[str] | None
    data: dict[str, Any]
    tokenized: bool = True


def read_hugging_face(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Yield one record for each JSON object or Parquet row with tokens and tags.

    If an object has a text, the tokens are found in it. Otherwise the tokens are joined to a text, with spaces only
    between words of Latin and similar scripts. The names of numeric tags are read from the Parquet metadata, or from a
    description of the data set, such as `dataset_info.json`, in the folder of the file or its parents.

    path (Path): The file.
    reading (Reading): Names of fields, and callbacks for progress, messages and rejected objects.
    RAISES (CorpusError): If the file cannot be read, or numeric tags have no names.
    RAISES (MissingExtraError): If the file is Parquet and pyarrow is not installed.
    """
    parsed = _parsed(path, reading)
    first = list(islice(parsed, N_SURVEYED))
    if first and all(row.tags is None and not row.tokenized for row in first):
        raise broken(
            first[0].origin, "not tokens and tags (no list in `tokens`)", str(first[0].data)[:60], f"Write {SHAPE}."
        )
    iob1 = is_iob1(row.tags for row in first if row.tags is not None)
    if iob1:
        reading.notify(f"{path}: the tags are read as IOB1, where entities begin with I-.")
    remove_markers = MarkerRemover(have_positions(row.tokens for row in first))
    for row in chain(first, parsed):
        doc_id = text_or_nothing(row.data.get("doc_id"))
        if row.tags is None:
            text, _ = _place(row.tokens, [], row, reading.fields)
            yield Record(text, [], row.origin, doc_id)
            continue
        try:
            known = row.data.get(reading.fields.text or "text")
            tokens, tags, blanks = remove_markers(row.tokens, row.tags, known if isinstance(known, str) else None)
            text, spans = _place(tokens, blanks, row, reading.fields)
        except (LostText, NotUsable) as error:
            reading.reject(row.origin, str(error), str(row.data)[:60], "Correct the tokens, or remove the object.")
            continue
        entities, n_repaired = decode_tags(tags, spans)
        repairs = [f"{n_repaired} inside tags without a beginning"] if n_repaired and not iob1 else []
        yield Record(text, entities, row.origin, doc_id, repairs)
    remove_markers.report(path, reading.notify)


def _parsed(path: Path, reading: Reading) -> Iterator[_Row]:
    features, objects = open_rows(path, reading.advance, reading.fields)
    names = LabelNames(path, features)
    for origin, data in objects:
        try:
            yield _parse(origin, data, names, reading.fields)
        except UnicodeError:
            problem = "not tokens and tags (a lone surrogate)"
            raise broken(origin, problem, ascii(data)[:60], f"Write {SHAPE}.") from None
        except CorpusError:
            raise
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
            reading.reject(origin, f"not tokens and tags ({error})", str(data)[:60], f"Write {SHAPE}.")


def _parse(origin: str, data: dict[str, Any], names: LabelNames, fields: FieldNames) -> _Row:
    found = find_tokens_and_tags(data, fields)
    if found is None:
        expected = fields.tokens or "tokens", fields.tags or TAGS
        if not data.keys().isdisjoint(expected):
            missing = next(name for name in (*expected, expected[0]) if not isinstance(data.get(name), list))
            raise NotUsable(f"no list in `{missing}`")
        text = find_text(data, fields) if "text" in data else ""
        if not text:
            raise NotUsable(f"no list in `{expected[0]}`")
        text.encode()  # raises for a lone surrogate
        return _Row(origin, [text], None, data, tokenized=False)
    tokens = list(found.tokens)
    for token in tokens:
        if not isinstance(token, str):
            raise TypeError(f"the token {token!r} is not text")
    "".join(tokens).encode()
    if found.tags is None:
        return _Row(origin, tokens, None, data)
    tags = list(found.tags)
    if len(tokens) != len(tags):
        raise ValueError(f"{len(tokens)} tokens, but {len(tags)} tags")
    if any(type(tag) is int for tag in tags):
        by_number = names.tags(found.tags_field, origin)
        if not all(0 <= tag < len(by_number) for tag in tags):
            raise ValueError(f"tags from {min(tags)} to {max(tags)}, but {len(by_number)} names")
        tags = [by_number[tag] for tag in tags]
    for i, (token, tag) in enumerate(zip(tokens, tags, strict=True)):
        tags[i] = valid_tag(token, tag)
        if tags[i] is None:
            raise ValueError(f"{tag!r} is not a tag such as O or B-PER")
    return _Row(origin, tokens, tags, data)


def _place(
    tokens: Sequence[str], blanks: Sequence[bool | None], row: _Row, fields: FieldNames
) -> tuple[str, list[SpanT]]:
    """Find the tokens of an object in its text. If the object has no text that fits, join the tokens to a text.

    tokens (Sequence[str]): The tokens, without tokenizer markers such as "##".
    blanks (Sequence[Optional[bool]]): For each token, True if a space precedes it, False if not, and None to decide by
        the script of the token. An empty sequence decides by script for all tokens.
    row (_Row): The object, whose text is searched in `row.data`.
    fields (FieldNames): `text` is the name of the field of the text, or None to search for common names.
    RETURNS (tuple[str, list[tuple[int, int]]]): The text, and start and end of each token in characters.
    RAISES (NotUsable): If the tokens do not match the text of the named field or, without a name, that of "text". The
        texts of other fields are skipped if they do not match.
    """
    strict = fields.text or "text"
    if fields.text:
        find_text(row.data, fields)  # raises if the field has no text
    for field in (strict, *TEXT_FIELDS):
        text = row.data.get(field)
        if isinstance(text, str):
            spans = find_tokens(tokens, text)
            is_whole = len(spans) == len(tokens)
            if is_whole and (field == strict or not text[spans[-1][1] if spans else 0 :].strip()):
                return text, spans
            if field == strict:
                raise NotUsable(f"the token is not next in `{field}`: {tokens[len(spans)]!r}")
    return join_tokens(tokens, blanks)


def write_hugging_face(record: Record, scores: list[float]) -> str:
    """Return one record as a JSON line of tokens and tags. Each character is a token, including white space.

    record (Record): The record.
    scores (list[float]): One score per entity, or an empty list.
    RETURNS (str): A JSON object with "tokens" and, as names in the scheme BIO, "ner_tags". It also has "doc_id" if the
        record has one, "scores" if the list is not empty, and "text" if the text contains ▁. Without "text", ▁ would be
        read as the mark that SentencePiece writes for a space.
    """
    spans = [(i, i + 1) for i in range(len(record.text))]
    data: dict[str, Any] = {"tokens": list(record.text), TAGS: encode_tags(record.entities, spans, "bio")}
    if BLANK in record.text:
        data["text"] = record.text  # without it, ▁ would be read as SentencePiece's marker
    return json_line(data, record, scores)
