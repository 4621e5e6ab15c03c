"""Split texts into tokens of one character each; `doc.text == text` holds for every text."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import srsly
from spacy.lang.norm_exceptions import BASE_NORMS
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import DummyTokenizer
from spacy.vocab import Vocab

from ..errors import (
    Errors,
    SettingError,
    TextError,
)
from ..untrusted import origin, parse_json, parse_msgpack, reading, require, require_type
from .conversion import ScriptConverter
from .folds import VARIANTS, WIDTHS, fold_table, lower

# Patterns of the characters that `group` joins to one token, in full and half width.
GROUPS = {"latin": "[A-Za-zＡ-Ｚａ-ｚÀ-ÖØ-öø-ɏ]+", "digit": "[0-9０-９]+"}
SURROGATE = re.compile("[\ud800-\udfff]")
DEFAULT_NORMALIZE = ("width",)
TEXTS: WeakKeyDictionary[Doc, str] = WeakKeyDictionary()  # for `text_of`
CHUNK = 65_536  # characters that are looked up in one call, which holds the GIL


class _Orths(dict[str, int]):
    """Dictionary of character → its key (hash) in spaCy's string store. A lookup adds a missing character to both.

    Inside a memory zone, which frees added strings, a missing character is added to the string store only.

    vocab (Vocab): The vocabulary with the string store.
    """

    def __init__(self, vocab: Vocab) -> None:
        super().__init__()
        self.vocab = vocab

    def __missing__(self, char: str) -> int:
        orth = self.vocab.strings.add(char)
        # Inside an `nlp.memory_zone()`, do not cache: the string is freed with the zone, this table is not.
        if not self.vocab.in_memory_zone:  # type: ignore[attr-defined]  # missing in spaCy's stub
            self[char] = orth
        return orth


class CharTokenizer(DummyTokenizer):
    """Tokenizer that makes each character a token.

    An ASCII space between two tokens becomes the `whitespace_` of the first of them. Every other code point is one
    token, except in sequences of the kinds in `group`, which become one token each. No character is dropped, added or
    changed.

    vocab (Vocab): The shared vocabulary.
    group (Iterable[str]): Kinds of character sequences that become one token: "latin" letters, "digit". Empty by
        default, because an entity may end inside such a sequence.
    normalize (Iterable[str]): Character folds of `norm_`: "width" (Ａ → a) and "variants" (臺 → 台).
    script (Optional[str]): OpenCC configuration that converts `norm_`, such as "s2tw"; by default, no conversion.
    RAISES (ZhTwNerError): For an unknown name in `group`, `normalize` or `script`.
    """

    def __init__(
        self,
        vocab: Vocab,
        *,
        group: Iterable[str] = (),
        normalize: Iterable[str] = DEFAULT_NORMALIZE,
        script: str | None = None,
    ) -> None:
        self.vocab = vocab
        self._configure(group=list(group), normalize=list(normalize), script=script)

    def _configure(self, *, group: list[str], normalize: list[str], script: str | None) -> None:
        """Check the settings of the tokenizer, apply them, and set the norms of characters in the vocabulary.

        group (list[str]): Kinds of character sequences that become one token: "latin", "digit".
        normalize (list[str]): Character folds of `norm_`: "width", "variants".
        script (Optional[str]): OpenCC configuration that converts `norm_`; None for no conversion.
        RAISES (ZhTwNerError): For an unknown name in one of them.
        """
        for name in group:
            if name not in GROUPS:
                raise SettingError(Errors.ZT002.format(value=name, choices=sorted(GROUPS)))
        self.group, self.normalize, self.script = group, normalize, script
        self._convert = ScriptConverter(script) if script is not None else None
        self._folds = fold_table(normalize)
        self._runs = re.compile("|".join([*(GROUPS[name] for name in group), "."]), re.DOTALL) if group else None
        for char, norm in (plain_norms() | self._folds).items():
            self.vocab[char].norm_ = norm
        self._orths = _Orths(self.vocab)

    def __call__(self, text: str) -> Doc:
        """Tokenize one text.

        text (str): A text of valid Unicode.
        RETURNS (Doc): A document whose `text` equals the input.
        RAISES (TextError): If the text has a lone surrogate, which spaCy's string store cannot hold.
        """
        try:
            words, spaces = self._split(text)
        except UnicodeEncodeError:
            index = SURROGATE.search(text).start()  # type: ignore[union-attr]  # the encoder has found one
            raise TextError(Errors.ZT001.format(code=ord(text[index]), index=index)) from None
        doc = Doc(self.vocab, words=words, spaces=spaces)  # type: ignore[arg-type]  # Doc also takes keys of strings
        if text:  # an empty document can be filled by `Doc.from_bytes`
            TEXTS[doc] = text
        if self._convert is not None:
            self._write_norms(doc, self._convert(text))
        elif self._runs is not None:
            self._write_norms(doc, text)
        return doc

    def _split(self, text: str) -> tuple[list[int], list[bool]]:
        """Return the string-store key of each token of a text, and whether a space follows the token."""
        if " " not in text:
            words = self._words(text)
            return words, [False] * len(words)
        words, spaces = [], []
        *parts, last = text.split(" ")
        for i, part in enumerate(parts):
            if part:
                chunk = self._words(part)
                words += chunk
                spaces += [False] * len(chunk)
            ends_text = i == len(parts) - 1 and not last
            if part and not ends_text:
                spaces[-1] = True
            else:
                words.append(self._orths[" "])
                spaces.append(False)
        chunk = self._words(last)
        return words + chunk, spaces + [False] * len(chunk)

    def _words(self, text: str) -> list[int]:
        """Split a text without ASCII spaces into tokens, and return the string-store key of each token."""
        if self._runs is None:
            words: list[int] = []
            # One call for a million characters holds the GIL for a tenth of a second.
            for start in range(0, len(text), CHUNK):
                words += map(self._orths.__getitem__, text[start : start + CHUNK])
            return words
        # Sequences of characters are not cached, as there is no limit to their number. A memory zone frees them.
        add = self.vocab.strings.add
        return [self._orths[run] if len(run) == 1 else add(run) for run in self._runs.findall(text)]

    def _write_norms(self, doc: Doc, view: str) -> None:
        """Set `norm_` of the tokens whose characters OpenCC has converted, and of tokens of several characters.

        All other tokens have the norms of their characters in the vocabulary.

        doc (Doc): The tokenized document; changed in place.
        view (str): The text of the document after OpenCC has converted its script. Its length has not changed.
        """
        for token in doc:
            seen = view[token.idx : token.idx + len(token)]
            if len(seen) > 1 or seen != token.text:
                token.norm_ = "".join(self._folds.get(char, lower(char)) for char in seen)

    @property
    def config(self) -> dict[str, Any]:
        """Settings of the tokenizer, as keyword arguments of `create_char_tokenizer_v1`."""
        return {"group": self.group, "normalize": self.normalize, "script": self.script}

    def to_bytes(self, **kwargs: Any) -> bytes:
        """Return the settings as msgpack. `kwargs` are not used."""
        data: bytes = srsly.msgpack_dumps(self.config)
        return data

    def from_bytes(self, data: bytes, **kwargs: Any) -> "CharTokenizer":
        """Apply the settings that `to_bytes` returned, and return this tokenizer. `kwargs` are not used."""
        with reading(origin()):
            self._configure_from(parse_msgpack(data))
        return self

    def to_disk(self, path: str | Path, **kwargs: Any) -> None:
        """Write the settings to `path` as one JSON file. `kwargs` are not used."""
        srsly.write_json(Path(path), self.config)

    def from_disk(self, path: str | Path, **kwargs: Any) -> "CharTokenizer":
        """Apply the settings that `to_disk` wrote, and return this tokenizer. `kwargs` are not used."""
        with reading(path):
            self._configure_from(parse_json(Path(path).read_bytes()))
        return self

    def _configure_from(self, data: object) -> None:
        """Check and apply settings that were read from a file.

        data (object): The parsed JSON or msgpack: an object with exactly the keys of `config`.
        RAISES (UnreadableFileError): If keys are missing or unknown, or a value has the wrong type.
        RAISES (ZhTwNerError): For an unknown name in `group`, `normalize` or `script`.
        """
        found = require_type("the settings", data, dict)
        require(found.keys() == self.config.keys(), "the settings", sorted(found), ", ".join(self.config))
        for name in ("group", "normalize"):
            for value in require_type(name, found[name], list):
                require_type(name, value, str)
        if found["script"] is not None:
            require_type("script", found["script"], str)
        self._configure(**found)


def text_of(doc: Doc) -> str:
    """Return the text of a document, without joining its tokens if `CharTokenizer` has made it.

    spaCy joins the tokens each time that `doc.text` is read, which takes as long as tokenizing the text.
    """
    text = TEXTS.get(doc)
    return doc.text if text is None else text


def plain_norms() -> dict[str, str]:
    """Return the norms of all characters to which spaCy or a fold gives another norm than their lower case.

    spaCy's base norms replace ， by a comma and 。 by a full stop, for example. With this tokenizer, the norm of a
    character is its lower case, unless a fold in `normalize` changes it. To undo the other norms, the tokenizer first
    sets the norms that this function returns, and then the norms of the folds in `normalize`.

    RETURNS (dict[str, str]): Character → its lower case.
    """
    touched = [char for char in BASE_NORMS if len(char) == 1]
    return {char: lower(char) for char in [*touched, *WIDTHS, *VARIANTS, "İ"]}


def create_char_tokenizer_v1(
    *,
    group: Sequence[str] = (),
    normalize: Sequence[str] = DEFAULT_NORMALIZE,
    script: str | None = None,
) -> Callable[[Language], CharTokenizer]:
    """Registered as `spacy-zh-tw-ner.CharTokenizer.v1`: one token per character.

    group (Sequence[str]): Kinds of character sequences that become one token: "latin" letters, "digit". Empty by
        default, because an entity may end inside such a sequence.
    normalize (Sequence[str]): Character folds of `norm_`: "width" (Ａ → a) and "variants" (臺 → 台).
    script (Optional[str]): OpenCC configuration that converts `norm_`, such as "s2tw"; null for no conversion.
    RETURNS (Callable[[Language], CharTokenizer]): Function that creates the tokenizer of a pipeline, for
        [nlp.tokenizer].
    """

    def create(nlp: Language) -> CharTokenizer:
        return CharTokenizer(nlp.vocab, group=group, normalize=normalize, script=script)

    return create
