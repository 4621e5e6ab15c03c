"""Rules for passwords, keys, PINs and door codes, by the words around them.

    密碼已改為「Qt!113」             SECRET: the value after 密碼, also with a colon or a word such as 為 between
    登入用 admin / Fw@8680Nei       letters, digits and a sign, after a word for a login

Secrets are searched in ASCII stretches (sequences of ASCII characters). The words are searched in the stretch of the
secret and in the `CHARS_BEFORE` characters before this stretch.
"""

import re
from collections.abc import Iterator

from .account_rules import CHARS_BEFORE
from .findings import Finding

CHARS_BEFORE_SECRET = 60  # characters before a password in which a word for a login or a door counts

# As in PLATFORM, the lookahead lists the first characters. DB_PASS=… is covered by the names in capitals.
SECRET_WORD = re.compile(
    r"(?=[密帳金通口權門大開提保A-Zpsta])(?:密碼|帳密|金鑰|密鑰|通行碼|口令|權杖|門鎖|門禁|大門|開機|提款卡|保險箱"
    r"|(?:[A-Z_]{1,40}_)?(?:PASS|KEY|TOKEN|SECRET)(?![A-Za-z])|[Pp][Ww](?![A-Za-z])"
    r"|(?:[Pp]ass(?:word|wd|code|phrase)?|PASSWORD|pwd|PWD|[Ss]ecret|SECRET|[Tt]oken|TOKEN"
    r"|[Aa][Pp][Ii][_ \-]?[Kk](?:ey|EY)|PIN)(?:[_ ](?:key|KEY|id|ID))?(?![A-Za-z])(?: ?碼)?)"
)
# Words after which only a PIN is a secret: 提款卡都是 3436, but not 大門在後面.
PIN_WORDS = frozenset(("門鎖", "門禁", "大門", "開機", "提款卡", "保險箱"))
PIN = re.compile("[A-Z]?[0-9]{4,12}[#*]?")
NOT_PIN = re.compile("[末後前]|卡號|電話|序號|型號")  # 提款卡末四碼 3456
# A code that one enters at a door needs no word directly before it: 一樓大門按 0424# 然後搭電梯.
DOOR_CODE = re.compile(r"(?<![0-9A-Za-z#\-])[0-9]{4,8}#(?![0-9A-Za-z])")
DOOR = re.compile("門|密碼|鎖|梯")
# Letters, digits and a sign after a word for a login: 登入用 admin / Fw@8680Nei.
MIXED_TOKEN = re.compile(r"(?<![!-~])[A-Za-z0-9][A-Za-z0-9._\-]{0,30}[!@#$%^&*+][!#-&*-+\--:<-~]{0,30}(?![A-Za-z0-9])")
LOGIN = re.compile("密碼|admin|root|登入|帳號|[Ww]i-?[Ff]i|門鎖|login")
BEARER = re.compile(r"(?:[Bb]earer|Basic) (?P<secret>[A-Za-z0-9_\-.+/=]{12,2000})")  # HTTP header Authorization
ONE_TIME = re.compile(r"一次性|動態|簡訊|OTP|驗證|臨時性")  # 一次性密碼482913 is worthless after minutes
# Characters between a word for a secret and its value. `link` ends with a sign that a value follows: 密碼已改為「….
SECRET_GAP = re.compile(
    r"[\"' ]{0,2}(?P<link>[^!-~。！？\n]{0,20}(?:[:=]|是|為|成|「|『|用|[換改設][了好過]?，?) ?"
    r"[\"'「『 ]{0,2})?[\"'「『( ]{0,2}"
)
SECRET = re.compile(r"[!#-&*-+\--:<-~][!#-&(-+\--~]{2,127}")
# Values that are no secret: a word, a small number, a version, a mobile number, a date, a time, a URL, an e-mail
# address, and ****.
NOT_SECRET = re.compile(
    r"[A-Za-z]*:?|[0-9]{1,3}|[0-9]{1,3}\.[0-9.]+|09[0-9]{2}-?[0-9]{3}-?[0-9]{3}"
    r"|[0-9]{2,4}[/.\-][0-9]{1,2}[/.\-][0-9]{1,2}.*|[0-9]{1,2}[/:~\-][0-9]{1,2}"
    r"|https?:.*|[A-Za-z0-9._]+@[A-Za-z0-9\-]+\.[A-Za-z0-9.\-]+|[*xX●•_.\-]+"
)
COUNTER_AFTER = re.compile(r" ?[元次個天年月日碼位人分秒字]")  # 密碼錯誤3000次
# At least one of these is near each secret that has no sign such as "#".
SECRET_WORDS = tuple(
    "密碼 帳密 金鑰 密鑰 通行碼 口令 權杖 門鎖 門禁 大門 開機 提款卡 保險箱 PASS Pass pass KEY Key key kEY TOKEN Token "
    "token SECRET Secret secret PW Pw pW pw PIN Bearer bearer Basic".split()
)


def find_secrets(view: str, start: int, end: int) -> Iterator[Finding]:
    """Find passwords, keys, tokens, PINs and door codes in one ASCII stretch, but no one-time codes (驗證碼).

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    start (int), end (int): The span of the stretch, which is a sequence of ASCII characters.
    YIELDS (Finding): SECRET; findings may overlap.
    """
    for match in BEARER.finditer(view, start, end):
        yield Finding(*match.span("secret"), "SECRET", 0.95, "bearer")
    if view.find("#", start, end) > 0:
        for match in DOOR_CODE.finditer(view, start, end):
            if DOOR.search(view, max(0, match.start() - CHARS_BEFORE_SECRET), match.start()):
                yield Finding(*match.span(), "SECRET", 0.55, "door_code")
    for match in MIXED_TOKEN.finditer(view, start, end):
        begin, stop = match.start(), _end_of_secret(view, *match.span())
        if _is_mixed(view[begin:stop]) and LOGIN.search(view, max(0, begin - CHARS_BEFORE_SECRET), begin):
            yield Finding(begin, stop, "SECRET", 0.6, "mixed_signs_after_login")
    for word in SECRET_WORD.finditer(view, max(0, start - CHARS_BEFORE), end):
        yield from _secret_after_word(view, word, start)


def _secret_after_word(view: str, word: "re.Match[str]", start: int) -> Iterator[Finding]:
    """Yield a finding for the value after a word such as 密碼, if the value looks like a secret.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    word (re.Match[str]): The match of SECRET_WORD.
    start (int): Start of the ASCII stretch. A value that begins before this position is skipped, because it was
        found in an earlier stretch.
    """
    gap = SECRET_GAP.match(view, word.end())
    assert gap is not None  # the pattern also matches the empty string
    value = SECRET.match(view, gap.end(), min(len(view), gap.end() + 128))
    if value is None or value.start() < start or ONE_TIME.search(view, max(0, word.start() - 4), word.start()):
        return
    begin, stop, link = value.start(), _end_of_secret(view, *value.span()), gap["link"] or ""
    secret, is_pin = view[begin:stop], word[0] in PIN_WORDS
    if is_pin and (len(link) > 6 or PIN.fullmatch(secret) is None or NOT_PIN.search(gap[0])):
        return
    if len(secret) < 4 or (COUNTER_AFTER.match(view, stop) and secret.isdigit()):
        return
    is_assigned_word = secret.isalpha() and link.strip() in (":", "=")  # 密碼：sunflower
    if NOT_SECRET.fullmatch(secret) and not is_assigned_word:
        return
    # Chinese words between the two, as in 密碼每學期更換，本學期為 Sp!113, make a plain number less likely.
    is_doubtful = is_pin or (len(link) > 4 and secret.isdigit())
    yield Finding(begin, stop, "SECRET", 0.6 if is_doubtful else 0.95, "secret_after_word")


def _is_mixed(token: str) -> bool:
    """Return whether a token has letters and digits, and is none of the values that `NOT_SECRET` lists."""
    has_letter, has_digit = any(map(str.isalpha, token)), any(map(str.isdigit, token))
    return has_letter and has_digit and NOT_SECRET.fullmatch(token) is None


def _end_of_secret(view: str, begin: int, stop: int) -> int:
    """Return the end of the secret in `view[begin:stop]`, without the punctuation at its end."""
    return begin + len(view[begin:stop].rstrip(".,;:()[]{}\"'?/"))
