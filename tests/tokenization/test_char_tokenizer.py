"""One token per character, without lost characters or moved offsets."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import example, given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.util import load_model_from_config
from spacy.vocab import Vocab

from spacy_zh_tw_ner.tokenization.char_tokenizer import CharTokenizer, create_char_tokenizer_v1, text_of

REGISTERED = "spacy-zh-tw-ner.CharTokenizer.v1"
ALL_UNICODE = st.text(st.characters(exclude_categories=["Cs"]))
# Texts with many special cases: spaces, letters and digits, both widths, both scripts, signs of several code points.
DENSE = st.text(
    st.sampled_from("  \n\t\r\u3000\u200b\x00aZéＡｚ0９臺台国國里，。e\u0301❤\ufe0f👨\u200d\U000e0100𠮷\ue000")
)
SETTINGS: list[dict[str, Any]] = [
    {},
    {"group": ["latin"]},
    {"group": ["latin", "digit"], "normalize": ["width", "variants"]},
    {"script": "s2tw", "normalize": ["variants"]},
    {"script": "s2tw", "group": ["digit"]},
]

# Texts that break tools for Chinese, with their expected tokens.
NASTY = {
    "nothing": ("", []),
    "spaces only": ("   ", [" ", " ", " "]),
    "one space": (" ", [" "]),
    "newline": ("\n", ["\n"]),
    "zero-width space": ("\u200b", ["\u200b"]),
    "controls": ("\u200b\u200d\u200e\u202e\ufeff\u00ad\x00", list("\u200b\u200d\u200e\u202e\ufeff\u00ad\x00")),
    "wide spaces": ("台\u3000北\u00a0市", ["台", "\u3000", "北", "\u00a0", "市"]),
    "line and paragraph separators": ("台\u2028北\u2029市", ["台", "\u2028", "北", "\u2029", "市"]),
    "replacement character": ("台\ufffd北", ["台", "\ufffd", "北"]),
    "private use": ("\ue000張三\uf8ff", ["\ue000", "張", "三", "\uf8ff"]),
    "variation selector": ("❤\ufe0f台", ["❤", "\ufe0f", "台"]),
    "ideographic variation selector": ("葛\U000e0100城", ["葛", "\U000e0100", "城"]),
    "bopomofo": ("ㄅㄆㄇ台", ["ㄅ", "ㄆ", "ㄇ", "台"]),
    "latin before Han": ("GPT台", ["G", "P", "T", "台"]),
    "joined emoji": ("👨\u200d👩", ["👨", "\u200d", "👩"]),
    "digits before Han": ("2024年", ["2", "0", "2", "4", "年"]),
    "5G": ("在5G網", ["在", "5", "G", "網"]),
    "date": ("11月3日", ["1", "1", "月", "3", "日"]),
    "non-breaking hyphen": ("７‑ELEVEN", ["７", "‑", "E", "L", "E", "V", "E", "N"]),
    "amount": ("NT$1,200元", ["N", "T", "$", "1", ",", "2", "0", "0", "元"]),
    "outside the basic plane": ("𠮷野家", ["𠮷", "野", "家"]),
    "extension E": ("𫝛", ["𫝛"]),
    "emoji with skin tone": ("👨🏻\u200d🚒", ["👨", "🏻", "\u200d", "🚒"]),
    "full-width digits": ("２０２４年", ["２", "０", "２", "４", "年"]),
    "full-width latin": ("ＡＢＣ公司", ["Ａ", "Ｂ", "Ｃ", "公", "司"]),
    "full-width brackets": ("（台北）", ["（", "台", "北", "）"]),
    "what NFKC makes longer": ("㈱㎏…℃½ﬁ", ["㈱", "㎏", "…", "℃", "½", "ﬁ"]),
    "what NFC makes shorter": ("e\u0301か\u3099", ["e", "\u0301", "か", "\u3099"]),
    "compatibility ideographs": ("\ufa19\ufa1b\uf914", ["\ufa19", "\ufa1b", "\uf914"]),
    "two spaces": ("台北  市", ["台", "北", " ", "市"]),
    "one space between": ("台北 市", ["台", "北", "市"]),
    "carriage return": ("台北\r\n市", ["台", "北", "\r", "\n", "市"]),
    "spaces around": (" 台 ", [" ", "台", " "]),
    "newline before": ("\n台北", ["\n", "台", "北"]),
    "byte-order mark": ("\ufeff台北", ["\ufeff", "台", "北"]),
    "tab": ("台\t北", ["台", "\t", "北"]),
    "what splitlines splits at": ("台\x85北\x0b市\x0c區", ["台", "\x85", "北", "\x0b", "市", "\x0c", "區"]),
}


def build(**config: Any) -> Language:
    return spacy.blank("zh_tw", config={"nlp": {"tokenizer": {"@tokenizers": REGISTERED, **config}}})


@pytest.fixture(scope="module", params=SETTINGS, ids=str)
def tokenizer(request: pytest.FixtureRequest) -> CharTokenizer:
    # The vocabulary of a language has lower-case norms, an empty one has not.
    return CharTokenizer(spacy.blank("zh_tw").vocab, **request.param)


def shape(doc: Doc) -> list[tuple[str, str, str, int]]:
    return [(token.text, token.norm_, token.whitespace_, token.idx) for token in doc]


def check_lossless(doc: Doc, text: str) -> None:
    assert doc.text == text
    assert "".join(token.text_with_ws for token in doc) == text
    at = 0
    for token in doc:
        assert token.idx == at
        assert text[token.idx : token.idx + len(token)] == token.text
        at += len(token.text_with_ws)
    assert at == len(text)


@settings(max_examples=60, deadline=None)
@given(text=ALL_UNICODE | DENSE)
def test_texts_and_offsets_are_lossless(tokenizer: CharTokenizer, text: str) -> None:
    doc = tokenizer(text)
    check_lossless(doc, text)
    if not tokenizer.group:
        assert {len(token) for token in doc} <= {1}


@settings(max_examples=60, deadline=None)
@given(text=ALL_UNICODE | DENSE)
def test_only_a_single_space_after_a_token_is_its_whitespace(text: str) -> None:
    tokens = [token.text for token in CharTokenizer(Vocab())(text)]
    # A space is the `whitespace_` of the token before it, unless that token is a space, or no other token follows.
    expected: list[str] = []
    swallowed = True
    for i, char in enumerate(text):
        if char == " " and not swallowed and i + 1 < len(text):
            swallowed = True
        else:
            expected.append(char)
            swallowed = char == " "
    assert tokens == expected


@settings(max_examples=30, deadline=None)
@given(text=ALL_UNICODE | DENSE, data=st.data())
def test_every_span_without_outer_spaces_can_be_an_entity(text: str, data: st.DataObject) -> None:
    doc = CharTokenizer(Vocab())(text)
    edges = [i for i, char in enumerate(text) if char != " "]
    if edges:
        start = data.draw(st.sampled_from(edges))
        last = data.draw(st.sampled_from([i for i in edges if i >= start]))
        span = doc.char_span(start, last + 1, label="X")
        assert span is not None
        assert (span.text, span.start_char, span.end_char) == (text[start : last + 1], start, last + 1)


@pytest.mark.parametrize(("text", "tokens"), NASTY.values(), ids=NASTY)
def test_special_characters_give_one_token_each(nlp: Language, text: str, tokens: list[str]) -> None:
    doc = nlp(text)
    assert [token.text for token in doc] == tokens
    check_lossless(doc, text)


def test_special_characters_are_lossless_in_a_batch(nlp: Language) -> None:
    texts = [text for text, _ in NASTY.values()]
    assert [doc.text for doc in nlp.pipe(texts, batch_size=7)] == texts


def test_every_code_point_is_kept(nlp: Language) -> None:
    text = "".join(chr(code) for code in (*range(0xD800), *range(0xE000, 0x11000), *range(0x1F000, 0x20400)))
    assert nlp(text).text == text


def test_offsets_are_code_points_beyond_the_basic_plane(nlp: Language) -> None:
    text = "𠮷野家台北👨🏻\u200d🚒消防局"
    doc = nlp(text)
    doc.ents = [doc.char_span(9, 12, label="ORG")]
    (ent,) = doc.ents
    assert (ent.text, ent.start_char, ent.end_char) == ("消防局", 9, 12)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("在5G網", 1, 3),
        ("11月3日", 0, 5),
        ("７‑ELEVEN", 0, 8),
        ("買NT$1,200元", 4, 9),
        ("GPT4台", 0, 3),
        ("台北 市", 0, 4),
    ],
)
def test_an_entity_may_end_inside_latin_letters_or_digits(nlp: Language, text: str, start: int, end: int) -> None:
    doc = nlp(text)
    span = doc.char_span(start, end, label="X")
    assert span.text == text[start:end]
    doc.ents = [span]
    assert [(e.start_char, e.end_char) for e in doc.ents] == [(start, end)]


@pytest.mark.parametrize("text", ["\ud83d台", "台北 \udc00", "a\ud800"])
@pytest.mark.parametrize("config", SETTINGS, ids=str)
def test_a_lone_surrogate_is_an_error_with_its_position(text: str, config: dict[str, Any]) -> None:
    index = next(i for i, char in enumerate(text) if "\ud800" <= char <= "\udfff")
    tokenizer = CharTokenizer(Vocab(), **config)
    with pytest.raises(ValueError, match=rf"^\[ZT001\].* U\+{ord(text[index]):04X}, at character {index}:"):
        tokenizer(text)
    assert tokenizer("台北").text == "台北"


def test_the_remedy_in_the_message_for_a_surrogate_works(nlp: Language) -> None:
    for text, repaired in (("\ud83d台", "\ufffd台"), ("\ud83d\ude92台", "🚒台")):
        again = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        assert nlp(again).text == repaired


def test_a_million_and_one_characters_are_tokenized(nlp: Language) -> None:
    text = ("臺北市 " * 250_001)[:1_000_001]
    doc = nlp(text)
    assert len(text) == 1_000_001
    assert doc.text == text


@pytest.mark.parametrize("text", ["台" * 10_000, "a" * 3_000, " " * 5_000, "contact" * 800], ids=lambda text: text[:7])
def test_long_repetitions_are_tokenized(text: str) -> None:
    assert len(build()(text + "臺北市")) == len(text) + 3
    grouped = build(group=["latin", "digit"])(text + "臺北市")
    assert grouped.text == text + "臺北市"
    assert [token.text for token in grouped[-3:]] == ["臺", "北", "市"]


@pytest.mark.parametrize(
    ("group", "tokens"),
    [
        ([], ["i", "P", "h", "o", "n", "e", "1", "5", "Ｐ", "ｒ", "ｏ", "３", "é", "台"]),
        (["latin"], ["iPhone", "1", "5", "Ｐｒｏ", "３", "é", "台"]),
        (["digit"], ["i", "P", "h", "o", "n", "e", "15", "Ｐ", "ｒ", "ｏ", "３", "é", "台"]),
        (["latin", "digit"], ["iPhone", "15", "Ｐｒｏ", "３", "é", "台"]),
    ],
)
def test_group_joins_latin_letters_and_digits(group: list[str], tokens: list[str]) -> None:
    doc = build(group=group)("iPhone15Ｐｒｏ３é台")
    assert [token.text for token in doc] == tokens


def test_grouped_sequences_end_at_spaces_signs_and_newlines() -> None:
    doc = build(group=["latin", "digit"])("7-ELEVEN, New  York\n1,200")
    words = ["7", "-", "ELEVEN", ",", "New", " ", "York", "\n", "1", ",", "200"]
    assert [token.text for token in doc] == words
    assert doc.text == "7-ELEVEN, New  York\n1,200"


def test_norms_fold_the_width_of_letters_digits_and_signs_by_default(nlp: Language) -> None:
    doc = nlp("ＡＢｃ１２％＄＋－／＠ABc臺裏")
    assert "".join(token.norm_ for token in doc) == "abc12%$+-/@abc臺裏"
    assert doc.text == "ＡＢｃ１２％＄＋－／＠ABc臺裏"


def test_norms_keep_full_width_punctuation() -> None:
    signs = "，。！？：；、（）「」『』…—～·．《》〈〉【】“”‘’"
    for config in SETTINGS:
        assert "".join(token.norm_ for token in build(**config)(signs)) == signs


def test_norms_fold_variants_if_the_setting_names_them() -> None:
    assert "".join(token.norm_ for token in build(normalize=["variants"])("臺灣裏着Ａ")) == "台灣裡著ａ"
    assert "".join(token.norm_ for token in build(normalize=["width", "variants"])("臺灣裏着Ａ")) == "台灣裡著a"
    assert "".join(token.norm_ for token in build(normalize=[])("臺灣裏着Ａ")) == "臺灣裏着ａ"


def test_norms_convert_the_script_in_context_and_then_fold() -> None:
    text = "国立台湾大学皇后在后面，头发发现ＡＢ"
    assert "".join(t.norm_ for t in build(script="s2tw")(text)) == "國立台灣大學皇后在後面，頭髮發現ab"
    folded = build(script="s2tw", normalize=["variants"])(text.replace("台", "臺"))
    assert "".join(t.norm_ for t in folded) == "國立台灣大學皇后在後面，頭髮發現ａｂ"
    assert folded.text == text.replace("台", "臺")


def test_norms_of_grouped_sequences_are_folded_and_lower_case() -> None:
    doc = build(group=["latin", "digit"], script="s2tw")("国Ｐｒｏ２０２４ABC后来")
    assert [token.norm_ for token in doc] == ["國", "pro", "2024", "abc", "後", "來"]


def test_norms_of_a_text_with_spaces_belong_to_their_own_tokens() -> None:
    doc = build(script="s2tw")("国 国  后面 国")
    assert [(t.text, t.norm_) for t in doc] == [*zip("国国 后面国", "國國 後面國", strict=True)]


@settings(max_examples=40, deadline=None)
@given(text=ALL_UNICODE | DENSE)
@example(text="İstanbul")  # the one character whose lower case is two
def test_norms_have_the_length_of_their_tokens(tokenizer: CharTokenizer, text: str) -> None:
    whole = tokenizer(text)
    assert [token.text for token in whole if len(token.norm_) != len(token)] == []
    if tokenizer.script is None:
        for token in whole:
            (alone,) = tokenizer(token.text)
            assert token.norm_ == alone.norm_


def test_norms_are_the_same_in_repeated_calls() -> None:
    nlp = build(script="s2tw", normalize=["width", "variants"], group=["latin"])
    text = "台湾Ａb与臺灣，里面"
    first = shape(nlp(text))
    assert [shape(nlp(text)) for _ in range(2)] == [first, first]


@pytest.mark.parametrize("config", SETTINGS, ids=str)
def test_settings_are_restored_from_bytes_and_disk(config: dict[str, Any], tmp_path: Path) -> None:
    full = {"group": [], "normalize": ["width"], "script": None} | config
    tokenizer = CharTokenizer(spacy.blank("zh_tw").vocab, **config)
    assert tokenizer.config == full
    text = "国立臺灣 大學ＡＢ１２ab12，里"
    expected = shape(tokenizer(text))
    from_bytes = CharTokenizer(spacy.blank("zh_tw").vocab).from_bytes(tokenizer.to_bytes())
    tokenizer.to_disk(tmp_path / "tokenizer")
    from_disk = CharTokenizer(spacy.blank("zh_tw").vocab).from_disk(tmp_path / "tokenizer")
    for loaded in (from_bytes, from_disk):
        assert loaded.config == full
        assert shape(loaded(text)) == expected


def test_loaded_settings_replace_the_norms_of_the_vocabulary() -> None:
    """Norms are stored in the vocabulary, so those of the former settings must be reset."""
    plain = CharTokenizer(Vocab(), normalize=[])
    folding = CharTokenizer(Vocab(), normalize=["width", "variants"])
    assert [token.norm_ for token in folding("臺Ａ")] == ["台", "a"]
    folding.from_bytes(plain.to_bytes())
    assert [token.norm_ for token in folding("臺Ａ")] == ["臺", "ａ"]


@pytest.mark.parametrize("config", SETTINGS, ids=str)
def test_a_pipeline_is_restored_from_config_bytes_and_disk(config: dict[str, Any], tmp_path: Path) -> None:
    nlp = build(**config)
    text = "国立臺灣 大學ＡＢ１２ab12，里"
    expected = shape(nlp(text))
    nlp.to_disk(tmp_path)
    loaded = [
        load_model_from_config(nlp.config),
        spacy.blank("zh_tw").from_bytes(nlp.to_bytes()),
        spacy.load(tmp_path),
    ]
    assert [shape(other(text)) for other in loaded] == [expected] * 3


@pytest.mark.parametrize("config", SETTINGS, ids=str)
def test_a_pipeline_can_be_pickled_whatever_its_settings(config: dict[str, Any]) -> None:
    nlp = build(**config)
    text = "国立臺灣 大學ＡＢ１２ab12，里"
    expected = shape(nlp(text))
    again = pickle.loads(pickle.dumps(nlp))
    assert again.tokenizer.config == nlp.tokenizer.config
    assert shape(again(text)) == expected
    assert [token.text for token in again("龘龖")] == ["龘", "龖"]


def test_the_registered_function_builds_the_tokenizer(nlp: Language) -> None:
    tokenizer = create_char_tokenizer_v1(group=["digit"], normalize=[], script="t2s")(nlp)
    assert tokenizer.vocab is nlp.vocab
    assert tokenizer.config == {"group": ["digit"], "normalize": [], "script": "t2s"}
    assert spacy.registry.get("tokenizers", REGISTERED) is create_char_tokenizer_v1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"group": ["latn"]}, r"\[ZT002\] CharTokenizer: group='latn' is unknown.*'digit', 'latin'"),
        ({"normalize": ["widht"]}, r"\[ZT003\] CharTokenizer: normalize='widht' is unknown.*'variants', 'width'"),
        ({"script": "zh-tw"}, r"\[ZT004\] Unknown script 'zh-tw'.*'s2tw'"),
    ],
)
def test_an_unknown_setting_is_an_error_that_lists_the_choices(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CharTokenizer(Vocab(), **config)
    with pytest.raises(ValueError, match=message):
        build(**config)


@pytest.mark.parametrize("config", SETTINGS, ids=str)
@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("龘龖", "龖龘"),
        ("臺北ＡＢ", "臺北ＡＢ"),
        # The memory zone adds the characters, their lower case and their conversion to the vocabulary.
        ("ÉЖΩ", "éжω"),
        ("国个学", "國個學"),
        ("Taipei 2024", "taipei 2024"),
    ],
)
def test_texts_first_tokenized_in_a_memory_zone_work_after_it(config: dict[str, Any], first: str, then: str) -> None:
    expected = shape(build(**config)(then))
    nlp = build(**config)
    with nlp.memory_zone():
        assert nlp(first).text == first
        assert shape(nlp(then)) == expected
    assert shape(nlp(then)) == expected
    with nlp.memory_zone():
        assert shape(nlp(then)) == expected
        assert nlp(first).text == first
    assert nlp(first).text == first


def test_strings_added_by_others_in_a_memory_zone_work_after_it(nlp: Language) -> None:
    with nlp.memory_zone():
        nlp.vocab.strings.add("龘")
        assert nlp("龘").text == "龘"
    assert nlp("龘").text == "龘"


def test_documents_are_restored_from_a_doc_bin(nlp: Language) -> None:
    texts = [text for text, _ in NASTY.values()]
    docs = [nlp(text) for text in texts]
    docs[-1].ents = [Span(docs[-1], 0, 1, label="GPE")]
    again = list(DocBin(docs=docs, store_user_data=True).get_docs(spacy.blank("zh_tw").vocab))
    assert [doc.text for doc in again] == texts
    assert [ent.text for ent in again[-1].ents] == ["台"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # Python 3.12 and later
@pytest.mark.parametrize("config", [{}, {"script": "s2tw", "group": ["latin"]}], ids=str)
def test_two_processes_give_the_same_tokens_as_one(config: dict[str, Any]) -> None:
    nlp = build(**config)
    texts = [text for text, _ in NASTY.values()] + ["国立臺灣大學", "Taipei 101", "后面"]
    one = [shape(doc) for doc in nlp.pipe(texts)]
    two = [shape(doc) for doc in nlp.pipe(texts, n_process=2, batch_size=4)]
    assert two == one


def test_the_text_of_a_document_is_its_tokens_joined(nlp: Language) -> None:
    doc = nlp.make_doc("台北 101  大樓 ")
    assert text_of(doc) == doc.text
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
    assert text_of(doc) == doc.text
    assert text_of(doc.copy()) == doc.text
    assert text_of(nlp.make_doc("").from_bytes(doc.to_bytes())) == doc.text
    assert text_of(Doc(nlp.vocab, words=["台", "北"], spaces=[True, False])) == "台 北"
