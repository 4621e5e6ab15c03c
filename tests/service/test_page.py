"""Web page of the service in Chromium, against a running uvicorn."""

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language

from tests.components.nested_data import NESTED, build_spans, fit_spans

from .conftest import Running, running

sync_api = pytest.importorskip("playwright.sync_api")
SENTENCE = "蔡英文總統在臺北市接見台積電董事長。"
NASTY = "<img src=x onerror=\"document.title='hacked'\">"
ENTITIES = ["蔡英文PERSON", "臺北市GPE", "台積電ORG"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("there is no Chromium here")
    with sync_api.sync_playwright() as playwright:
        # Chromium's sandbox does not work in containers; only our own page is opened.
        found = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def wrong() -> list[str]:
    """List that gets the requests of a page to other hosts, its JavaScript errors and its policy violations."""
    return []


@pytest.fixture
def visit(browser: Any, service: Running, wrong: list[str]) -> Iterator[Callable[..., Any]]:
    """Function that opens the page. Fails if the page requested other hosts or reported errors."""
    contexts = []

    def check(url: str, request: str) -> None:
        if not request.startswith(url):
            wrong.append(f"asked for {request}")

    def open_page(url: str = service.url, path: str = "/", **settings: Any) -> Any:
        settings = {"locale": "zh-TW", "permissions": ["clipboard-read", "clipboard-write"], **settings}
        contexts.append(browser.new_context(viewport={"width": 1200, "height": 800}, **settings))
        page = contexts[-1].new_page()
        page.on("request", lambda request: check(url, request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda m: wrong.append(m.text) if "Content Security" in m.text or "Trusted" in m.text else 0)
        page.goto(url + path)
        if path == "/":
            page.locator("#result mark").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def test_overlapping_entities_are_shown_in_layers(
    visit: Callable[..., Any], browser: Any, tmp_path: Path, wrong: list[str]
) -> None:
    fit_spans(build_spans()).to_disk(tmp_path)
    with running({"nested": str(tmp_path)}) as service:
        page = browser.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(service.url)
        page.fill("#text", f"{NESTED[0][0]}{NASTY}")
        page.locator("#layers", has_text="onerror").locator("b").nth(1).wait_for()
        assert page.text_content("#layers").startswith("臺北市GPE政府ORG今天開會。")
        bare = """target => { const copy = target.cloneNode(true);
        copy.querySelectorAll("b").forEach(label => label.remove()); return copy.textContent; }"""
        assert page.eval_on_selector("#layers", bare) == NESTED[0][0] + NASTY
        assert page.eval_on_selector("#layers .part", "part => part.style.background.match(/gradient/g).length") == 2
        page.uncheck("#labels [data-label=ORG] input")
        assert page.text_content("#layers").startswith("臺北市GPE政府今天開會。")
        page.check("#mask")
        page.locator("#overlaps").wait_for(state="hidden")
        page.close()
    # Pipelines without the component have no second region.
    assert visit().is_hidden("#overlaps")


def marks(page: Any) -> list[str]:
    """Return the highlighted entities with their labels, without scores."""
    found: list[str] = page.eval_on_selector_all(
        "#result mark",
        """marks => marks.map(mark => { const copy = mark.cloneNode(true);
        copy.querySelectorAll(".score").forEach(score => score.remove()); return copy.textContent; })""",
    )
    return found


def write(page: Any, text: str, *, expect: str | None = None) -> None:
    """Enter a text, and wait until the result shows it."""
    page.fill("#text", text)
    page.wait_for_function(
        """text => { const copy = document.getElementById("result").cloneNode(true);
        copy.querySelectorAll("mark span").forEach(span => span.remove()); return copy.textContent === text; }""",
        arg=text if expect is None else expect,
    )


def test_entities_are_highlighted_while_typing(visit: Callable[..., Any]) -> None:
    page = visit()
    write(page, "")
    assert marks(page) == []
    page.locator("#text").press_sequentially("蔡英文總統在", delay=5)
    page.locator("#result mark").first.wait_for()
    assert marks(page)[0] == "蔡英文PERSON"
    write(page, SENTENCE)
    assert marks(page) == ENTITIES
    assert "3 個實體（共 3 個），18 字" in page.text_content("#status")


def test_offsets_are_right_after_emoji_and_white_space(visit: Callable[..., Any], tiny_nlp: Language) -> None:
    page = visit()
    text = f"𠮷野家👨🏻‍🚒\n\n  {SENTENCE}"
    write(page, text)
    assert marks(page) == [f"{ent.text}{ent.label_}" for ent in tiny_nlp(text).ents]
    assert len(marks(page)) >= 2
    assert page.evaluate("getComputedStyle(document.getElementById('result')).whiteSpace").startswith("pre-wrap")


def test_a_late_response_to_an_older_text_is_not_shown(visit: Callable[..., Any]) -> None:
    page, first = visit(), threading.Event()
    held: list[Any] = []

    def slow(route: Any) -> None:
        if "OLD" in json.loads(route.request.post_data)["text"]:
            held.append(route)
            first.set()
        else:
            route.continue_()

    page.route("**/v1/entities", slow)
    page.fill("#text", "OLD 台北")
    page.wait_for_timeout(600)
    assert first.is_set()
    write(page, SENTENCE)
    held[0].fulfill(json={"results": [{"entities": [{"start": 0, "end": 3, "label": "OLD", "score": 1, "text": ""}]}]})
    page.wait_for_timeout(200)
    assert marks(page) == ENTITIES


def test_scores_are_shown_on_hover_and_by_keyboard(visit: Callable[..., Any]) -> None:
    page = visit()
    write(page, SENTENCE)
    assert page.locator("#tip").is_hidden()
    page.locator("#result mark").nth(1).hover()
    assert re.fullmatch(r"GPE · 0\.\d{3}|GPE · 1\.000", page.text_content("#tip"))
    page.mouse.move(0, 0)
    assert page.locator("#tip").is_hidden()
    page.focus("#result")
    page.keyboard.press("ArrowRight")
    assert page.text_content("#tip").startswith("PERSON · ")
    page.keyboard.press("ArrowRight")
    assert page.text_content("#tip").startswith("GPE · ")
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.textContent").startswith("台積電ORG")
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.textContent").startswith("蔡英文PERSON")
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()


def test_scores_are_visible_without_hovering(visit: Callable[..., Any], service: Running) -> None:
    page = visit()
    write(page, SENTENCE)
    scores = [e["score"] for e in service.ask({"text": SENTENCE}).json()["results"][0]["entities"]]
    assert page.locator("#result mark .score").all_inner_texts() == [f"{score:.2f}" for score in scores]
    assert page.locator("#result mark .score").first.is_visible()


def test_the_page_shows_the_min_score_of_the_pipeline(visit: Callable[..., Any]) -> None:
    page = visit()
    assert page.get_attribute("#threshold", "min") == "0.35"
    assert page.inner_text("#floor") == "這個模型不會輸出分數低於 0.35 的實體。"
    page.focus("#threshold")
    page.keyboard.press("Home")
    assert page.text_content("#threshold-value") == "0.35"
    page.select_option("#language", "en")
    assert page.inner_text("#floor") == "This model gives no entity with a score below 0.35."


LABELS = ["ORG", "地方自治團體", "L" * 19, "ORGANIZATION_OF_THE_GOVERNMENT_AND_OTHER_PUBLIC_BODIES"]


@pytest.mark.parametrize("width", [320, 360, 480, 1200])
@pytest.mark.parametrize("label", LABELS)
def test_no_line_breaks_inside_or_before_a_label(visit: Callable[..., Any], width: int, label: str) -> None:
    page = visit()
    page.set_viewport_size({"width": width, "height": 800})
    broken = page.evaluate(
        """async (label) => {
          const { render } = await import("/highlight.js");
          const target = document.getElementById("result");
          const wrong = [];
          for (let before = 0; before < 40; before++) {
            const entity = { start: before, end: before + 3, label, score: 0.5 };
            render(target, "字".repeat(before) + "台積電" + "字".repeat(40), [entity], [label]);
            const boxes = [...target.querySelector("mark > span").getClientRects()];
            const words = document.createRange();
            words.setStart(target.querySelector("mark").firstChild, 2);
            words.setEnd(target.querySelector("mark").firstChild, 3);
            const last = words.getClientRects()[0];
            if (label.length <= 20 && (boxes.length > 1 || boxes[0].top > last.bottom)) wrong.push(before);
            if (target.scrollWidth > target.clientWidth + 6) wrong.push(`wide at ${before}`);
          }
          return wrong;
        }""",
        label,
    )
    assert broken == []


def test_the_slider_and_the_labels_filter_and_counts_follow(visit: Callable[..., Any], service: Running) -> None:
    page = visit()
    write(page, SENTENCE)
    page.focus("#threshold")
    page.keyboard.press("End")
    assert page.text_content("#threshold-value") == "1.00"
    scores = [e["score"] for e in service.ask({"text": SENTENCE}).json()["results"][0]["entities"]]
    assert len(marks(page)) == sum(score >= 1 for score in scores) < 3
    page.keyboard.press("Home")
    assert marks(page) == ENTITIES
    page.get_by_label("ORG").uncheck()
    assert marks(page) == ENTITIES[:2]
    counts = dict(zip(["GPE", "ORG", "PERSON"], page.locator("#labels output").all_text_contents(), strict=True))
    assert counts == {"GPE": "1", "ORG": "0", "PERSON": "1"}
    page.click("#none")
    assert marks(page) == []
    page.click("#all")
    assert marks(page) == ENTITIES


def test_the_shown_entities_can_be_copied(visit: Callable[..., Any]) -> None:
    page = visit()
    write(page, "𠮷 蔡英文\n\n在臺北市")
    page.get_by_label("GPE").uncheck()
    page.click("#copy-bio")
    page.get_by_text("已複製 BIO").wait_for()
    shown = marks(page)
    lines = page.evaluate("navigator.clipboard.readText()")
    assert [line.split(" ")[0] for line in lines.split("\n")] == [*"𠮷蔡英文", "", *"在臺北市", ""]
    if shown == ["蔡英文PERSON"]:
        assert "蔡 B-PERSON\n英 I-PERSON\n文 I-PERSON\n\n在 O\n" in lines
    page.click("#copy-json")
    page.get_by_text("已複製 JSON").wait_for()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert (copied["text"], copied["offset_unit"]) == ("𠮷 蔡英文\n\n在臺北市", "utf16")
    assert [entity["text"] + entity["label"] for entity in copied["entities"]] == shown


def test_copied_bio_tags_separate_adjacent_entities(visit: Callable[..., Any]) -> None:
    page = visit()
    entities = [{"start": s, "end": e, "label": "X"} for s, e in [(0, 2), (2, 4), (5, 8)]]
    code = "async ([text, entities]) => (await import('/highlight.js')).asBio(text, entities)"
    assert page.evaluate(code, ["台北台南　a b\r\n\n末", entities]) == (
        "台 B-X\n北 I-X\n台 B-X\n南 I-X\na B-X\nb I-X\n\n末 O\n"
    )


def test_gazetteer_words_on_the_page_become_entities(visit: Callable[..., Any]) -> None:
    page = visit()
    text = "我們在臺飛投資很多年。"
    write(page, text)
    assert "臺飛ORG" not in marks(page)
    assert page.locator("#own-words").is_hidden()
    page.focus("#own summary")
    page.keyboard.press("Enter")
    page.get_by_label("類別", exact=True).select_option("ORG")
    page.get_by_label("一律標成實體").check()
    page.get_by_label("詞彙，一行一個").fill("  台飛 \n\n台飛\n沒有")
    page.locator("#result mark", has_text="臺飛ORG").wait_for()
    assert page.text_content("#own-count") == "(2)"
    page.select_option("#own-label", "PERSON")
    assert page.input_value("#own-words") == ""
    page.fill("#own-words", "我們")
    page.locator("#result mark", has_text="我們PERSON").wait_for()
    assert page.locator("#own-label option").all_text_contents() == ["GPE", "ORG (2)", "PERSON (1)"]
    page.select_option("#own-label", "ORG")
    assert page.input_value("#own-words") == "  台飛 \n\n台飛\n沒有"
    page.select_option("#language", "en")
    assert page.text_content("#own summary span") == "Own words"
    assert page.get_by_label("Words, one a line").input_value().startswith("  台飛")
    page.fill("#own-words", "長" * 51)
    page.get_by_text("word 1 of the label 'ORG' has 51 characters").wait_for()
    page.click("#clear")
    page.fill("#own-words", "")
    page.select_option("#own-label", "PERSON")
    page.fill("#own-words", "")
    write(page, text)
    assert "我們PERSON" not in marks(page)


def test_the_gazetteer_form_appears_when_the_labels_are_known(visit: Callable[..., Any], tiny_pipeline: Path) -> None:
    with running({"tiny": str(tiny_pipeline), "late": str(tiny_pipeline)}) as service:
        page = visit(service.url)
        page.select_option("#pipeline", "late")
        page.locator("#own-label option").nth(2).wait_for(state="attached")
        page.click("#own summary")
        page.select_option("#own-label", "GPE")
        page.check("#own-override")
        page.fill("#own-words", "文字")
        write(page, "一段文字")
        page.locator("#result mark", has_text="文字GPE").wait_for()


@pytest.mark.parametrize(("encoding", "shown"), [("utf-8-sig", "utf-8"), ("big5", "big5")])
def test_a_text_file_can_be_opened_in_utf8_or_big5(
    visit: Callable[..., Any], tmp_path: Path, encoding: str, shown: str
) -> None:
    (tmp_path / "長.txt").write_text(SENTENCE * 300, encoding=encoding)
    page = visit()
    page.set_input_files("#file", tmp_path / "長.txt")
    page.get_by_text(f"已開啟 長.txt（{shown}）").wait_for()
    assert len(marks(page)) == 900
    assert page.input_value("#text") == SENTENCE * 300


def test_binary_or_too_long_files_are_reported(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit()
    (tmp_path / "a.bin").write_bytes(b"\xff\xff\x00\x80")
    page.set_input_files("#file", tmp_path / "a.bin")
    assert "不是 UTF-8 或 Big5" in page.text_content("#problem:not([hidden])")
    page.fill("#text", "長" * 10_001)
    page.get_by_text("文字有 10001 字，最多可送 10000 字。").wait_for()
    write(page, "\ud83d" + SENTENCE, expect="\ufffd" + SENTENCE)
    assert page.locator("#problem").is_hidden()


def test_language_and_theme_can_be_changed_and_are_remembered(visit: Callable[..., Any]) -> None:
    page = visit()
    assert (page.title(), page.get_attribute("html", "lang")) == ("繁體中文命名實體辨識", "zh-Hant-TW")
    looks = []
    for theme in ("light", "dark", "neon"):
        page.select_option("#theme", theme)
        looks.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(set(looks)) == 3
    page.select_option("#language", "en")
    assert (page.title(), page.get_attribute("html", "lang")) == ("Named entities in Traditional Chinese", "en")
    assert not re.search("[\u4e00-\u9fff]", page.inner_text("header").replace("繁體中文", ""))
    page.reload()
    assert (page.get_attribute("html", "data-theme"), page.get_attribute("html", "lang")) == ("neon", "en")
    assert visit(locale="de-DE").get_attribute("html", "lang") == "en"


def test_every_text_of_the_page_exists_in_both_languages(visit: Callable[..., Any]) -> None:
    page = visit()
    keys = "async () => Object.values((await import('/words.js')).WORDS).map(words => Object.keys(words))"
    chinese, english = page.evaluate(keys)
    assert chinese == english
    used = page.eval_on_selector_all("[data-word]", "elements => elements.map(e => e.dataset.word)")
    assert set(used) <= set(chinese)


def test_controls_have_accessible_names_and_are_reached_by_keyboard(visit: Callable[..., Any]) -> None:
    page = visit()
    nameless = page.eval_on_selector_all(
        "button, select, textarea, input, a",
        "all => all.filter(e => !(e.textContent.trim() || e.labels?.[0]?.textContent.trim())).map(e => e.outerHTML)",
    )
    assert nameless == []
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"language", "theme", "text", "file", "example", "result", "MARK", "threshold", "copy-bio"} <= set(reached)
    assert reached.count("MARK") <= 2  # Tab passes all entities in one step
    assert page.get_attribute("#status", "role") == "status"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    nlp = spacy.blank("zh_tw")
    patterns = [{"label": NASTY, "pattern": "攻擊"}, {"label": "</mark><script>", "pattern": [{"TEXT": "<"}]}]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)  # type: ignore[attr-defined]
    folder = tmp_path_factory.mktemp("hostile") / NASTY.replace("/", "")
    nlp.to_disk(folder)
    with running({folder.name: str(folder), "other": str(folder)}) as found:
        yield found


def test_markup_in_texts_and_labels_is_not_executed(
    visit: Callable[..., Any], hostile: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit(hostile.url, "/?")  # the example text has no entity here
    page.locator("#labels label").first.wait_for()
    text = f"攻擊{NASTY}<script>document.title='hacked'</script>攻擊"
    write(page, text)
    assert f"攻擊{NASTY}" in marks(page)
    assert page.locator("main img, main script").count() == 0
    assert page.locator("#pipeline option").first.text_content() == NASTY.replace("/", "")
    page.locator("#result mark").first.hover()
    assert page.text_content("#tip") == f"{NASTY} · 沒有分數"
    for button in ("#copy-json", "#copy-bio"):
        page.click(button)
    page.wait_for_timeout(200)
    assert page.title() == "繁體中文命名實體辨識"


def test_the_browser_blocks_turning_strings_into_markup(visit: Callable[..., Any], wrong: list[str]) -> None:
    page = visit()
    with pytest.raises(sync_api.Error, match="TrustedHTML"):
        page.evaluate("document.getElementById('result').innerHTML = '<b>x</b>'")
    assert "requires 'TrustedHTML'" in wrong.pop()


def test_the_page_retries_after_429(visit: Callable[..., Any]) -> None:
    page, answers = visit(), [429]

    def busy(route: Any) -> None:
        if answers:
            body = {"error": {"code": "ZT510", "message": "busy"}}
            route.fulfill(status=answers.pop(), json=body, headers={"Retry-After": "1"})
        else:
            route.continue_()

    page.route("**/v1/entities", busy)
    page.fill("#text", SENTENCE)
    page.get_by_text("服務忙碌中，1 秒後再試。").wait_for()
    write(page, SENTENCE)
    assert page.locator("#problem").is_hidden()


def test_the_page_asks_for_a_missing_key(visit: Callable[..., Any], start: Callable[..., Running]) -> None:
    url = start(api_key="鑰匙").url
    page = visit(url, "/?")
    page.get_by_text("這個服務需要金鑰。").wait_for()
    page.fill("#key", "wrong")
    page.keyboard.press("Enter")
    page.get_by_text("這個服務需要金鑰。").wait_for()
    page.fill("#key", "鑰匙")
    page.keyboard.press("Enter")
    page.locator("#result mark").first.wait_for()
    assert page.locator("#key-form").is_hidden()


def test_the_openapi_document_is_shown_as_a_page(visit: Callable[..., Any]) -> None:
    page = visit(path="/docs")
    page.get_by_text("An answer").wait_for()
    assert page.locator("h2").all_text_contents()[:2] == ["POST/v1/entities", "POST/v1/entities/stream"]
    assert "curl -s http://127.0.0.1:" in page.locator("pre").first.text_content()


def test_every_operation_can_be_called_from_the_docs_page(visit: Callable[..., Any], service: Running) -> None:
    page = visit(path="/docs")
    page.get_by_text("An answer").wait_for()
    forms = page.locator(".try")
    assert forms.count() == page.locator("section").count()
    for i in range(forms.count()):
        form = forms.nth(i)
        path = page.locator("section h2").nth(i).inner_text()
        expected = "403" if path.endswith(("/webhook", "/reload")) else "200"  # this service has no key
        form.locator("summary").click()
        for example in range(max(1, form.locator("option").count())):
            if form.locator("select").count():
                form.locator("select").select_option(str(example))
            form.get_by_role("button", name="Send").click()
            form.locator("pre").get_by_text(expected).first.wait_for()
            form.get_by_role("button", name="Send", disabled=False).wait_for()
            assert form.locator("pre").inner_text().startswith(f"{expected}\n")
    assert '"label": "PERSON"' in forms.first.locator("pre").inner_text()


def test_examples_have_labels_of_the_served_pipeline(visit: Callable[..., Any], hostile: Running) -> None:
    schema = hostile.client.get("/openapi.json").json()["paths"]["/v1/entities"]["post"]["requestBody"]
    for example in schema["content"]["application/json"]["schema"]["examples"]:
        assert hostile.ask(example).status_code == 200
    page = visit(hostile.url, "/docs")
    page.get_by_text("An answer").wait_for()
    page.locator(".try summary").first.click()
    page.locator(".try select").first.select_option("2")
    page.locator(".try button").first.click()
    page.locator(".try pre").first.get_by_text("200").wait_for()
    assert page.title() == "REST interface"


def test_the_docs_page_sends_a_given_key(visit: Callable[..., Any], start: Callable[..., Running]) -> None:
    page = visit(start(api_key="鑰匙").url, "/docs")
    page.get_by_text("An answer").wait_for()
    form = page.locator(".try").first
    form.locator("summary").click()
    assert form.get_by_label("Key").is_hidden()
    form.get_by_role("button", name="Send").click()
    form.get_by_label("Key").fill("鑰匙")
    form.get_by_role("button", name="Send").click()
    form.locator("pre").get_by_text("200").wait_for()


def test_masked_text_is_shown_and_copied(visit: Callable[..., Any]) -> None:
    page = visit()
    write(page, SENTENCE)
    page.check("#mask")
    page.get_by_text("〔姓名1〕").wait_for()
    assert marks(page) == ["〔姓名1〕PERSON", "〔行政區1〕GPE", "〔組織1〕ORG"]
    page.locator("#labels label", has_text="GPE").locator("input").uncheck()
    page.locator("#result mark").nth(2).wait_for(state="detached")
    assert marks(page) == ["〔姓名1〕PERSON", "〔組織1〕ORG"]
    for button, what in (("#copy-text", "已複製 文字"), ("#copy-json", "已複製 JSON")):
        page.click(button)
        page.get_by_text(what).wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert "在臺北市接見" in copied
        assert "蔡英文" not in copied
    write(page, "")
    page.uncheck("#mask")
    write(page, SENTENCE)
    page.locator("#labels label", has_text="GPE").locator("input").check()
    assert marks(page) == ENTITIES
