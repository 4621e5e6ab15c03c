"""Language data of `zh_tw`: default tokenizer, numerals, and stop words."""

import re
from collections.abc import Callable
from typing import Any

from spacy.attrs import LIKE_NUM  # type: ignore[import-not-found]
from spacy.language import BaseDefaults
from spacy.util import load_config_from_str

DEFAULT_CONFIG = """
[nlp]

[nlp.tokenizer]
@tokenizers = "spacy-zh-tw-ner.CharTokenizer.v1"
"""

DIGITS = "〇○零一二三四五六七八九十兩廿卅卌壹貳貮參叁肆伍陸柒捌玖拾"
MULTIPLIERS = "十百千萬億兆京佰仟"
# 半 after a unit is half of it (三千半 = 3,500); ‧ and 點 are decimal points; 分之 is the bar of a fraction.
CHINESE_NUMBER = re.compile(
    rf"(?:第|負)?[{DIGITS}{MULTIPLIERS}]+(?:[點‧・][{DIGITS}]+|分之[{DIGITS}{MULTIPLIERS}]+|半)?"
)
ARABIC_NUMBER = re.compile(r"[+\-＋－±~～]?\d+(?:[,，]\d{3})*(?:[.．]\d+)?(?:[/／]\d+)?")  # \d matches ０-９, too
MIXED_NUMBER = re.compile(rf"\d+(?:[,，]\d{{3}})*(?:[.．]\d+)?[{MULTIPLIERS}]+")

# Function words as written in Taiwan, compiled for this project and grouped by their function. Single characters come
# first, because default tokens are characters; longer words are for pipelines with longer tokens.
STOP_WORDS = set(
    """
的 之 地 得 了 著 過 們 第 等 所 而 且 與 和 及 跟 同 或 但 卻 則 就 才 又 也 都 皆 均 還 再 更 最
很 太 頗 甚 極 只 僅 單 光
我 你 妳 您 他 她 它 祂 咱 俺 己 誰 啥 何 哪 那 這 此 該 其 某 各 每 本 另 別 諸
在 於 自 從 由 往 向 朝 到 至 把 將 被 給 讓 使 令 叫 對 為 替 比 跟 以 用 按 依 據 憑 因 若 如 像
似
是 有 無 沒 不 未 勿 莫 別 非 否 可 能 會 要 想 該 應 須 需 得 必 肯 敢 來 去 上 下 裡 內 外 中 前
後 間
嗎 呢 吧 啊 呀 喔 哦 噢 啦 囉 嘛 耶 欸 唉 哇 哈 嗯 唷 喲 咧 捏 齁 蛤 矣 乎 焉 哉 兮 也

我們 你們 妳們 您們 他們 她們 它們 咱們 自己 大家 人家 彼此 各位 諸位 本人 誰人 什麼 甚麼 怎麼 怎樣
如何 為何 為什麼 幹嘛 哪裡 哪個 哪些 何時 何處 多少 幾時
這個 那個 這些 那些 這裡 那裡 這邊 那邊 這樣 那樣 這麼 那麼 這種 那種 這次 那次 此外 其他 其它 其中
其餘 某些 任何 所有 一切 每個 各個 各種 另外 別的
而且 並且 以及 還有 或者 或是 還是 但是 可是 不過 然而 只是 卻是 因為 由於 因此 所以 因而 於是 從而
既然 如果 假如 假使 要是 倘若 若是 只要 只有 除非 除了 無論 不論 不管
雖然 雖說 儘管 即使 即便 縱使 就算 哪怕 否則 不然 要不然 以免 以便 為了 免得 與其 寧可 甚至 何況
況且 反而 反正 總之 總而言之 換言之 例如 比如 譬如 諸如
關於 對於 至於 有關 根據 依據 按照 依照 透過 經由 藉由 藉著 隨著 沿著 為著 朝著 當著 除去 直到 自從
從此 以來 以前 以後 之前 之後 之間 之中 之外 之內 之下 之上
已經 曾經 正在 將要 即將 剛剛 剛才 馬上 立刻 隨即 隨後 然後 接著 後來 起初 終於 總算 一直 一向 往往
常常 經常 時常 有時 偶爾 從來 向來 永遠 仍然 仍舊 依然 依舊 還是
非常 十分 相當 比較 更加 越來越 愈來愈 特別 尤其 格外 稍微 略微 有點 一點 一些 幾乎 差不多 大約
大概 約略 左右 上下 可能 也許 或許 恐怕 應該 必須 一定 必定 當然 的確 確實 其實 究竟 到底 難道 居然
竟然 果然 畢竟
不是 沒有 不會 不能 不可 不要 不用 不必 不得 不過 未曾 並非 並不 並未 可以 能夠 可能 應當 願意 打算
需要 開始 繼續 進行 成為 作為 當作 認為 表示 指出 覺得 知道
一樣 一起 一同 一併 共同 互相 分別 各自 親自 獨自 重新 再次 再三 不斷 漸漸 逐漸 逐步 大多 多半 全部
全都 統統 通通 總共 一共 只好 只能 不得不 似乎 好像 彷彿 如同 等等 云云 而已 罷了 的話 來說 來看
起見
""".split()
)


def like_num(text: str) -> bool:
    """Return whether a token is a number, such as `三`, `壹佰`, `１２`, `1,200`, `3萬` or `三分之二`.

    text (str): The text of the token.
    RETURNS (bool): True if the whole token is a number.
    """
    return any(pattern.fullmatch(text) for pattern in (CHINESE_NUMBER, ARABIC_NUMBER, MIXED_NUMBER))


class TraditionalChineseDefaults(BaseDefaults):
    """Defaults of the language: tokenizer of characters, stop words in Traditional characters, and Chinese numerals."""

    config = load_config_from_str(DEFAULT_CONFIG)
    lex_attr_getters: dict[int, Callable[[str], Any]] = {LIKE_NUM: like_num}  # noqa: RUF012 - as spaCy defines it
    stop_words = STOP_WORDS
    writing_system = {"direction": "ltr", "has_case": False, "has_letters": False}  # noqa: RUF012 - as spaCy defines it
