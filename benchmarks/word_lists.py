"""Write word lists for `LexiconEmbed.v1`, from installed packages and local corpora, without a download.

OUT/opencc.txt has the phrases that the installed OpenCC converts; mined.txt probable words in plain text;
segmented.txt the words of a corpus in columns; and person.txt, place.txt and so on those of the dictionary of jieba
(MIT), converted to Traditional. Files have one word per line. Only words that occur in several sentences of a corpus
are used: a word of one training sentence would always be found in training and hardly ever in other texts.
"""

import argparse
import math
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import opencc
import spacy
from spacy.language import Language
from spacy.tokens import DocBin

HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]+")
LONGEST_PHRASE, LONGEST_MINED = 8, 5
# Dictionary → the columns that are Traditional.
PHRASES = {
    "STPhrases": [1],
    "STPhrases_GeneratedFromRegionalPhrases": [1],
    "TWPhrases": [1],
    "TWPhrasesRev": [0, 1],
    "TSPhrases": [0],
    "HKPhrases": [1],
}
# Tags of jieba's dictionary; all others are one list more.
KINDS = {
    **dict.fromkeys(("nr", "nrfg"), "person"),
    **{"nrt": "foreign", "ns": "place", "nt": "organization", "nz": "proper", "n": "noun"},
    **dict.fromkeys(("i", "l"), "idiom"),
}


def opencc_words() -> Iterator[str]:
    """Read the dictionaries of OpenCC with the program that it includes."""
    folder = Path(opencc.__file__).parent / "clib"
    with TemporaryDirectory() as work:
        for name, columns in PHRASES.items():
            source, text = folder / "share" / "opencc" / f"{name}.ocd2", Path(work, name)
            command = [folder / "bin" / "opencc_dict", "-f", "ocd2", "-t", "text", "-i", source, "-o", text]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            for line in text.read_text(encoding="utf-8").splitlines():
                parts = line.split("\t")
                for column in columns:
                    yield from (word for word in parts[column].split(" ") if 2 <= len(word) <= LONGEST_PHRASE)


def jieba_words(path: Path) -> dict[str, list[str]]:
    """Read jieba's dict.txt: the words of each kind."""
    convert = opencc.OpenCC("s2tw").convert
    words = defaultdict[str, list[str]](list)
    for line in path.read_text(encoding="utf-8").splitlines():
        word, _, tag = line.split(" ")
        if len(word) > 1:
            words[KINDS.get(tag, "other")].append(convert(word))
    return words


def segmented_words(path: Path, min_sentences: int = 2) -> Iterator[str]:
    """Return the words of two or more characters that occur in several sentences."""
    n_sentences: Counter[str] = Counter()
    for sentence in path.read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in sentence.splitlines() if line and not line.startswith("#")]
        n_sentences.update({line.split("\t")[1] for line in lines})
    yield from (word for word, count in n_sentences.items() if count >= min_sentences and len(word) > 1)


def mined_words(
    texts: Iterable[str], min_texts: int = 4, min_bond: float = 2.5, min_edge: float = 1.0
) -> Iterator[str]:
    """Find probable words in plain text: their characters occur together, next to many different characters.

    The criteria are the mutual information of the two parts at the weakest cut, and the entropy of the neighbours on
    the weaker side, in nats (Huang and Powers 2003, "Chinese Word Segmentation Based on Contextual Entropy").
    """
    counts: Counter[str] = Counter()
    n_texts: Counter[str] = Counter()
    before, behind = defaultdict[str, Counter[str]](Counter), defaultdict[str, Counter[str]](Counter)
    n_characters = 0
    for text in texts:
        found, n_characters = set(), n_characters + len(text)
        for run in HAN.finditer(text):
            for start in range(run.start(), run.end()):
                for end in range(start + 1, min(start + LONGEST_MINED, run.end()) + 1):
                    counts[text[start:end]] += 1
                    if end - start > 1:
                        found.add(word := text[start:end])
                        before[word][text[start - 1 : start] or "edge"] += 1
                        behind[word][text[end : end + 1] or "edge"] += 1
        n_texts.update(found)
    for word, n in n_texts.items():
        if n < min_texts:
            continue
        parts = (counts[word[:cut]] * counts[word[cut:]] for cut in range(1, len(word)))
        bond = math.log(counts[word] * n_characters / max(parts))
        if bond >= min_bond and min(entropy(before[word]), entropy(behind[word])) >= min_edge:
            yield word


def entropy(counts: Counter[str]) -> float:
    """Return the entropy of a distribution in nats."""
    shares = [count / counts.total() for count in counts.values()]
    return -sum(share * math.log(share) for share in shares)


def norms(nlp: Language, paths: Iterable[Path]) -> Iterator[str]:
    """Yield the texts of corpora in the norms that a model reads."""
    for path in paths:
        for doc in DocBin().from_disk(path).get_docs(nlp.vocab):
            yield "".join(token.norm_ for token in nlp.make_doc(doc.text))


def write_lists(lists: Mapping[str, Iterable[str]], folder: Path) -> None:
    """Write each list to a file, in norms."""
    vocab = blank().vocab
    folder.mkdir(parents=True, exist_ok=True)
    for name, words in lists.items():
        known = sorted({"".join(vocab[char].norm_ for char in word) for word in words})
        if known:
            (folder / f"{name}.txt").write_text("".join(f"{word}\n" for word in known), encoding="utf-8")
            print(f"{name}.txt: {len(known):,} words", flush=True)


def blank() -> Language:
    """Return a blank pipeline with the tokenizer of the config."""
    return spacy.blank("zh_tw", config={"nlp": {"tokenizer": {"normalize": ["width", "variants"]}}})


def main() -> None:
    """Write the lists that the arguments allow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--text", type=Path, nargs="+", default=[], help=".spacy files in which words are searched")
    parser.add_argument(
        "--segmented", type=Path, help="file in columns with words in the second one, such as UNER's train"
    )
    parser.add_argument("--jieba", type=Path, help="file dict.txt of the package jieba")
    options = parser.parse_args()
    lists = {"opencc": opencc_words(), "mined": mined_words(norms(blank(), options.text))}
    if options.segmented:
        lists["segmented"] = segmented_words(options.segmented)
    write_lists({**lists, **(jieba_words(options.jieba) if options.jieba else {})}, options.out)


if __name__ == "__main__":
    main()
