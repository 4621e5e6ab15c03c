"""Draw `entities.png`, the picture of the README: `python docs/images/draw.py PIPELINE`.

The pipeline is the one that `spacy project run all` installs, `zh_tw_ner`; Chromium makes the screenshot.
"""

import shutil
import sys
from pathlib import Path

import spacy
from playwright.sync_api import sync_playwright
from spacy import displacy

TEXTS = (
    "鴻海董事長劉揚偉週二在臺北國際會議中心表示，公司今年將在墨西哥投資五億美元。",
    "林佳龍6月3日搭高鐵到臺中市政府開會。",
    "台積電去年在高雄設廠，投資超過三百億元。",
    "李安以《臥虎藏龍》拿下奧斯卡獎。",
)
STYLE = """
<meta charset="utf-8">
<style>
body { margin: 0; padding: 14px 26px; width: 980px; background: #fff; }
.entities { font: 21px/2.5 "Noto Sans CJK TC", sans-serif !important; }
mark { border-radius: .4em !important; }
</style>
"""


def main(pipeline: str) -> None:
    """Write the picture beside this file, each label followed by the probability of the entity."""
    docs = spacy.load(pipeline).pipe(TEXTS)
    found = [
        {
            "text": doc.text,
            "ents": [
                {"start": ent.start_char, "end": ent.end_char, "label": f"{ent.label_} {ent._.score:.2f}"}
                for ent in doc.ents
            ],
        }
        for doc in docs
    ]
    known = displacy.EntityRenderer().colors
    colors = {ent["label"]: known.get(ent["label"].split()[0], "#ddd") for doc in found for ent in doc["ents"]}
    html = STYLE + displacy.render(found, style="ent", manual=True, options={"colors": colors})
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1032, "height": 200}, device_scale_factor=1.5)
        page.set_content(html)
        page.screenshot(path=str(Path(__file__).with_name("entities.png")), full_page=True)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
