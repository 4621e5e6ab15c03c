"""Test the HTML page of gold and predicted entities: escaping, marks, scores, filters, and in a browser."""

import json
import re
import shutil
import struct
import subprocess
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from typer.testing import CliRunner

from spacy_zh_tw_ner.cli import zh_tw_ner_cli
from spacy_zh_tw_ner.components.span_annotations import write_scores
from spacy_zh_tw_ner.entities import Entity, Prediction
from spacy_zh_tw_ner.evaluation.html_page import render_page

NLP = spacy.blank("zh_tw")
SCRIPT = "<script>alert('臺')</script>"
EntsT = list[tuple[int, int, str]]


@pytest.fixture(autouse=True)
def _scores(tiny_nlp: Language) -> None:
    """Register `Span._.score` by loading a pipeline."""


def make(text: str, ents: EntsT) -> Doc:
    doc = NLP.make_doc(text)
    spans = [doc.char_span(start, end, label=label) for start, end, label in ents]
    doc.set_ents([span for span in spans if span is not None], default="outside")
    assert len(doc.ents) == len(ents)
    return doc


def page_of(*found: tuple[str, EntsT, EntsT], title: str = "頁面") -> str:
    return render_page([(make(text, gold), make(text, predicted)) for text, gold, predicted in found], title=title)


class Reader(HTMLParser):
    """Parse a page, and collect its tags and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        assert "main" in [tag for tag, _ in self.tags]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def marks(page: str) -> list[tuple[str, str | None]]:
    """Return (text/label, CSS class) of every highlighted entity."""
    main = page[page.index("<main>") :]
    found = re.findall(r"<mark([^>]*)>(.*?)<b>(.*?)</b></mark>", main, re.DOTALL)
    classes = [re.search(r'class="(\w+)"', attributes) for attributes, _, _ in found]
    return [(f"{text}/{label}", c and c[1]) for (_, text, label), c in zip(found, classes, strict=True)]


def classes(page: str) -> list[set[str]]:
    """Return the CSS classes of every sentence."""
    return [set(found.split()) for found in re.findall(r'<article class="([^"]*)">', page)]


def test_texts_labels_and_titles_are_escaped() -> None:
    n = len(SCRIPT)
    page = page_of((SCRIPT * 2, [(0, n, SCRIPT)], [(n, 2 * n, SCRIPT)]), title=SCRIPT)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 8
    reader = Reader(page)
    assert "script" not in [tag for tag, _ in reader.tags]
    assert SCRIPT * 2 in reader.text.replace(SCRIPT * 3, SCRIPT * 2)


@pytest.mark.parametrize("nasty", ['"><img src=x onerror=alert(1)>', "' onmouseover='x", "&lt;b&gt;", "</mark></main>"])
def test_markup_in_texts_and_labels_is_escaped(nasty: str) -> None:
    page = page_of((f"在{nasty}的", [(1, 1 + len(nasty), nasty)], [(1, 1 + len(nasty), "A")]), title=nasty)
    reader = Reader(page)
    assert "img" not in [tag for tag, _ in reader.tags]
    assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]
    assert [tag for tag, _ in reader.tags].count("main") == 1
    assert f"在{nasty}" in reader.text


@pytest.mark.parametrize("word", ["{{body}}", "{{title}}", "{{nothing}}", r"\g<0>", r"\1", "{title}", "%s"])
def test_text_that_looks_like_a_placeholder_is_not_replaced(word: str) -> None:
    page = page_of((word, [], [(0, len(word), word)]), title=word)
    main = page[page.index("<main>") :]
    assert main.count(word.replace("<", "&lt;").replace(">", "&gt;")) == 3  # predicted, its label, gold
    assert f"<title>{word.replace('<', '&lt;').replace('>', '&gt;')}</title>" in page


def test_page_declares_language_and_fonts_of_traditional_chinese() -> None:
    page = page_of(("臺", [], []))
    assert page.startswith('<!DOCTYPE html>\n<html lang="zh-Hant-TW">')
    assert '<meta charset="utf-8">' in page
    (font,) = re.findall(r"body \{ font: ([^;]+);", page)
    names = re.findall(r'"([^"]+)"', font)
    assert names[0] == "Noto Sans TC"
    assert {"PingFang TC", "Microsoft JhengHei"} <= set(names)
    assert font.endswith("sans-serif")


def test_white_space_is_preserved() -> None:
    page = page_of(("在  New  York\n的", [], [(3, 12, "GPE")]))
    assert "在  <mark" in page
    assert ">New  York<b>" in page
    assert re.search(r"article p \{[^}]*white-space: pre-wrap", page)
    assert re.search(r"mark \{[^}]*white-space: pre-wrap", page)


def test_page_refers_to_no_other_files() -> None:
    page = page_of(("臺北", [(0, 2, "GPE")], [(0, 2, "GPE")]))
    assert not re.search(r"https?:|url\(|@import|<link|<script|\bsrc=", page)


def test_right_sentence_is_shown_once_without_marks() -> None:
    page = page_of(("臺北市好", [(0, 3, "GPE")], [(0, 3, "GPE")]))
    assert marks(page) == [("臺北市/GPE", None)]
    assert classes(page) == [{"right", "all-0"}]


def test_wrong_sentence_has_marks_and_gold_entities() -> None:
    text, gold, predicted = "臺北市的台積電和我", [(0, 3, "GPE"), (4, 7, "ORG")], [(0, 2, "GPE"), (4, 7, "ORG")]
    page = page_of((text, gold, [*predicted, (8, 9, "PERSON")]))
    assert marks(page) == [
        ("臺北/GPE", "wrong"),
        ("台積電/ORG", None),
        ("我/PERSON", "wrong"),
        ("臺北市/GPE", "missed"),
        ("台積電/ORG", None),
    ]
    # GPE is label 0, ORG 1 and PERSON 2.
    assert classes(page) == [
        {"errors", "boundary", "spurious", "all-0", "all-1", "all-2"}
        | {"errors-0", "boundary-0", "errors-2", "spurious-2"}
    ]
    assert "多出 spurious · 邊界 boundary</p>" in page
    assert "gold" in page[page.index('<p class="gold">') :]


def test_each_label_has_its_own_hue() -> None:
    labels = [f"L{i}" for i in range(18)]
    text = "甲" * 18
    ents = [(i, i + 1, label) for i, label in enumerate(labels)]
    page = page_of((text, ents, ents), (text, ents[:9], ents[9:]))
    hues: dict[str, set[str]] = {}
    for hue, label in re.findall(r'--h:(\d+)">.<b>(\w+)</b>', page):
        hues.setdefault(label, set()).add(hue)
    assert set(hues) == set(labels)
    assert all(len(found) == 1 for found in hues.values())
    assert len(set.union(*hues.values())) == 18


def test_page_shows_scores_and_counts() -> None:
    page = page_of(("臺北", [(0, 2, "GPE")], [(0, 2, "GPE")]), ("台南", [(0, 2, "GPE")], []), ("好", [], []))
    assert "3 句，其中 1 句與標準不同" in page
    assert "P 100.0 · R 50.0 · F 66.7" in page
    assert "<td>100.0</td><td>50.0</td><td>66.7</td><td>2</td><td>0.0–100.0</td>" in page
    assert "（95 %：0.0–100.0）" in page


def test_predictions_in_unannotated_text_are_not_marked() -> None:
    gold = NLP.make_doc("臺北市的台積電")
    page = render_page([(gold, make("臺北市的台積電", [(0, 3, "GPE")]))], title="t")
    assert marks(page) == [("臺北市/GPE", None)]
    assert classes(page) == [{"right", "all-0"}]


def test_page_shows_the_confusion_matrix() -> None:
    page = page_of(
        ("臺北市的台積電", [(0, 3, "GPE"), (4, 7, "ORG")], [(0, 3, "ORG"), (4, 6, "ORG")]),
        ("我在臺北", [(2, 4, "GPE")], [(0, 1, "ORG")]),
    )
    rows = re.findall(r"<tr>(.*?)</tr>", page[page.index('id="matrix"') : page.index("</header>")])
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    assert cells == [
        ["標準 gold ＼ 預測 predicted", "GPE", "ORG", "遺漏 missed"],
        ["GPE", "", "1", "1"],
        ["ORG", "", "0 <small>+1</small>", ""],
        ["多出 spurious", "", "1", ""],
    ]


def test_filters_show_counts_of_mistakes() -> None:
    page = page_of(("臺北", [(0, 2, "A")], []), ("臺北", [(0, 2, "A")], [(0, 2, "B")]), ("臺北", [], []))
    nav = page[page.index("<nav>") : page.index("</nav>")]
    assert re.findall(r"> ([^<]+)</label>", nav) == [
        "全部 all 3", "錯誤 errors 2", "遺漏 missed 1", "多出 spurious 0",
        "邊界 boundary 0", "類別 type 1", "邊界與類別 both 0",
    ]  # fmt: skip
    assert re.findall(r'<option value="(\d*)">([^<]+)</option>', nav) == [("", "全部 all"), ("0", "A"), ("1", "B")]


def test_every_filter_has_a_css_rule_and_a_label() -> None:
    page = page_of(("臺北", [(0, 2, "A")], [(0, 2, "B")]))
    nav = page[page.index("<nav>") : page.index("</nav>")]
    for name in re.findall(r'id="(\w+)"', nav):
        assert f":has(#{name}" in page or name == "all"
    assert nav.count("<label>") == nav.count("<input") + nav.count("<select")


def test_scores_of_entities_are_shown_if_they_exist() -> None:
    doc = make("臺北市", [(0, 3, "GPE")])
    assert "title=" not in render_page([(doc, make("臺北市", [(0, 3, "GPE")]))], title="t").partition("<main>")[2]
    write_scores(doc, Prediction((Entity(0, 3, "GPE"),), (0.87654,)))
    page = render_page([(make("臺北市", []), doc)], title="t")
    assert '<mark class="wrong" title="0.877"' in page


def test_page_does_not_need_scores() -> None:
    """A pipeline without `zh_tw_crf_ner`, for example with an entity ruler, does not register `Span._.score`."""
    _, _, getter, _ = Span.remove_extension("score")
    try:
        page = page_of(("臺北", [(0, 2, "GPE")], [(0, 2, "GPE")]))
    finally:
        Span.set_extension("score", getter=getter)
    assert marks(page) == [("臺北/GPE", None)]


def test_page_without_entities_or_sentences() -> None:
    assert "P 0.0 · R 0.0 · F 0.0" in page_of(("好", [], []))
    assert "0 句" in page_of()


@pytest.fixture(scope="module")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("there is no Chromium here")
    return found


def browse(chromium: str, page: str, tmp_path: Path, *flags: str) -> str:
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, *flags, path.as_uri()], capture_output=True, encoding="utf-8", check=True, timeout=180, cwd=tmp_path
    )
    return done.stdout


@pytest.mark.slow
def test_browser_shows_all_text_and_runs_no_scripts(chromium: str, tmp_path: Path) -> None:
    nasty = "<script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"
    text = f"臺北{nasty}𠮷野家👨‍👩‍👧  的"
    page = page_of((text, [(0, 2, nasty)], [(2, 2 + len(nasty), nasty)]), ("好", [], []), title="試 & 驗")
    dom = browse(chromium, page, tmp_path, "--dump-dom")
    assert "<title>試 &amp; 驗</title>" in dom
    assert 'lang="zh-Hant-TW"' in dom
    reader = Reader(dom)
    assert [tag for tag, _ in reader.tags].count("article") == 2
    assert not {"script", "img"} & {tag for tag, _ in reader.tags}
    assert "𠮷野家👨‍👩‍👧  的" in reader.text


# Sets each combination of filters in the browser, and writes the visible sentences to the title.
CHOOSE = """<script>
const seen = {};
const choose = (kind, label) => {
  document.getElementById(kind).click();
  document.getElementById("label").value = label;
  const shown = [...document.querySelectorAll("article")].filter(a => getComputedStyle(a).display != "none");
  seen[kind + "/" + label] = shown.map(a => a.querySelector(".said").textContent[0]).join("");
};
for (const kind of ["all", "errors", "missed", "spurious", "boundary", "type", "both"])
  for (const label of ["", "0", "1"]) choose(kind, label);
document.title = JSON.stringify(seen);
</script>"""


@pytest.mark.slow
def test_filters_work_in_a_browser(chromium: str, tmp_path: Path) -> None:
    page = page_of(
        ("一臺北", [(1, 3, "A")], [(1, 3, "A")]),
        ("二臺北", [(1, 3, "A")], []),
        ("三臺北", [], [(1, 3, "B")]),
        ("四臺北", [(1, 3, "A")], [(1, 2, "A")]),
        ("五臺北", [(1, 3, "A")], [(1, 3, "B")]),
        ("六臺北", [(1, 3, "B")], [(1, 2, "A")]),
        ("七臺北", [(0, 1, "A"), (1, 3, "B")], [(0, 1, "A")]),
        ("八", [], []),
    )
    dom = browse(chromium, page.replace("</body>", CHOOSE + "</body>"), tmp_path, "--dump-dom")
    (title,) = re.findall("<title>(.*?)</title>", dom)
    assert json.loads(title) == {
        "all/": "一二三四五六七八", "all/0": "一二四五六七", "all/1": "三五六七",
        "errors/": "二三四五六七", "errors/0": "二四五六", "errors/1": "三五六七",
        "missed/": "二七", "missed/0": "二", "missed/1": "七",
        "spurious/": "三", "spurious/0": "", "spurious/1": "三",
        "boundary/": "四", "boundary/0": "四", "boundary/1": "",
        "type/": "五", "type/0": "五", "type/1": "五",
        "both/": "六", "both/0": "六", "both/1": "六",
    }  # fmt: skip


# Writes properties of the rendered page to the title: colours, fetched resources, and focusable elements.
LOOK = """<script>
const colour = selector => getComputedStyle(document.querySelector(selector)).backgroundColor;
const reached = [...document.querySelectorAll("input, select, summary, .wide")].filter(e => e.tabIndex >= 0);
document.title = JSON.stringify({
  articles: document.querySelectorAll("article").length,
  fetched: performance.getEntriesByType("resource").length,
  reached: reached.map(e => e.tagName).join(" "),
  colours: [colour("article mark"), colour("nav")],
  rows: document.querySelectorAll("#matrix tbody tr").length,
});
</script>"""


@pytest.mark.slow
def test_page_and_figures_of_evaluate_render_in_a_browser(
    chromium: str, tiny_pipeline: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    outputs = [
        "--page",
        tmp_path / "out.html",
        "--figure",
        tmp_path / "f.svg",
        "--matrix",
        tmp_path / "m.svg",
        "--diagram",
        tmp_path / "d.svg",
    ]
    arguments = ["evaluate", tiny_pipeline, tiny_corpus / "test.spacy", *outputs]
    result = CliRunner().invoke(zh_tw_ner_cli, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    page = (tmp_path / "out.html").read_text(encoding="utf-8").replace("</body>", LOOK + "</body>")
    seen = []
    for dark in (False, True):
        scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
        (title,) = re.findall("<title>(.*?)</title>", browse(chromium, page, tmp_path, "--dump-dom", scheme))
        seen.append(json.loads(title))
    light, dark_ = seen
    assert light["articles"] == 8
    assert light["fetched"] == 0
    assert light["reached"] == "SUMMARY DIV SUMMARY DIV " + "INPUT " * 7 + "SELECT"
    assert light["rows"] == 4
    assert not set(light["colours"]) & set(dark_["colours"])
    pictures = [(tmp_path / f"{name}.svg").read_text(encoding="utf-8") for name in ("f", "m", "d")]
    parts = browse(chromium, f"<body>{'<hr>'.join(pictures)}</body>", tmp_path, "--dump-dom").split("<hr>")
    for part, picture in zip(parts, pictures, strict=True):
        assert part.count("<text") == picture.count("<text") > 5


@pytest.mark.slow
def test_browser_paints_the_highlights(chromium: str, tmp_path: Path) -> None:
    ents = [(0, 3, "GPE"), (4, 7, "ORG")]
    page = page_of(("臺北市的台積電上漲", ents, ents), ("臺北市的台積電", ents, ents[:1]))
    browse(chromium, page, tmp_path, f"--screenshot={tmp_path / 'page.png'}", "--window-size=900,700")
    data = (tmp_path / "page.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == (900, 700)
    chunks, position = b"", 8
    while position < len(data):
        (size,) = struct.unpack(">I", data[position : position + 4])
        if data[position + 4 : position + 8] == b"IDAT":
            chunks += data[position + 8 : position + 8 + size]
        position += size + 12
    assert len(set(zlib.decompress(chunks))) > 50  # the picture is not blank
