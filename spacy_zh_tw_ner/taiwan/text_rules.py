"""Rules for e-mail addresses, URLs, IP addresses and access tokens, by their form alone."""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from .findings import Finding

# RFC 5321 limits the local part to 64 characters and a domain to 255.
LOCAL_CHARACTER, MAX_LOCAL = re.compile(r"[A-Za-z0-9._%+\-]"), 64
DOMAIN = re.compile(r"[A-Za-z0-9\-.]{3,255}")
URL = re.compile(r"(?:https?|ftp)://[!-~]+|www\.[!-~]+")
# URLs without a scheme, such as shop.example.com.tw, with the top-level domains that are usual in Taiwan.
BARE_DOMAIN = re.compile(
    r"(?<![A-Za-z0-9.\-@/])[A-Za-z0-9][A-Za-z0-9.\-]{1,62}\.(?:tw|com|net|org|me|io|cc)(?![A-Za-z0-9.\-@])"
)
PATH = re.compile(r"(?:/[!-~]*)?")
IPV4_FORM = re.compile(r"(?<![0-9A-Za-z.])[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9A-Za-z]|\.[0-9])")
IPV6_FORM = re.compile(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f:.]{3,45}(?![0-9A-Za-z:])")
# In the order of OpenAI, GitHub (two forms), GitLab, AWS, Google, Slack, Hugging Face, JWT and private keys (PEM).
_TOKENS = (
    r"sk-[A-Za-z0-9_\-]{20,200}|gh[pousr]_[A-Za-z0-9]{36,200}|github_pat_[A-Za-z0-9_]{22,200}"
    r"|glpat-[A-Za-z0-9_\-]{20,200}|AKIA[0-9A-Z]{16}|AIza[0-9A-Za-z_\-]{35}|xox[abprs]-[A-Za-z0-9\-]{10,200}"
    r"|hf_[A-Za-z0-9]{30,200}"
    r"|eyJ[A-Za-z0-9_\-]{8,2000}\.[A-Za-z0-9_\-]{8,2000}\.[A-Za-z0-9_\-]{8,2000}"
    r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"
)
TOKEN = re.compile(rf"(?<![A-Za-z0-9_\-])(?:{_TOKENS})")
# 版本1.2.3.4 has the form of an IP address.
VERSION_BEFORE = re.compile(r"版|韌體|[vV]$|[Vv]er(?:sion)?|[Ff]irmware|[Bb]uild")
TRAILING = ".,;:!?)]}>'\""  # punctuation after a URL that is not part of it


def find_texts(view: str, start: int, end: int) -> Iterator[Finding]:
    """Find EMAIL, URL, IP, and SECRET (tokens with a published prefix) in one ASCII stretch.

    Sources: RFC 5321 and 5322 (EMAIL), RFC 3986 (URL), RFC 791 and 4291 (IP); the token prefixes that OpenAI, GitHub,
    GitLab, AWS, Google, Slack and Hugging Face publish, RFC 7519 (JWT) and RFC 7468 (private keys).

    view (str): The text with half-width in place of full-width characters, from `fold_widths`.
    start (int), end (int): The span of the stretch, which is a sequence of ASCII characters.
    YIELDS (Finding): In no particular order; findings may overlap.
    """
    has_dot = view.find(".", start, end) >= 0
    if view.find("@", start, end) >= 0:
        yield from _emails(view, start, end)
    if has_dot or view.find("://", start, end) >= 0:
        yield from _urls(view, start, end)
    if has_dot:
        yield from _ipv4_addresses(view, start, end)
    if view.find("::", start, end) >= 0 or view.count(":", start, end) >= 7:
        for match in IPV6_FORM.finditer(view, start, end):
            if match[0].count(":") >= 2 and _is_ipv6(match[0]):
                yield Finding(*match.span(), "IP", 0.9, "ipv6")
    if end - start >= 16:
        for match in TOKEN.finditer(view, start, end):
            yield Finding(*match.span(), "SECRET", 0.99, "token_prefix")


def _emails(view: str, start: int, end: int) -> Iterator[Finding]:
    """Yield the e-mail addresses in `view[start:end]`, a sequence of ASCII characters, as findings.

    They have up to 64 characters before the "@", and a domain with a dot after it.
    """
    place, begin_at = view.find("@", start, end), start
    while place >= 0:
        begin = place
        while begin > max(begin_at, place - MAX_LOCAL) and LOCAL_CHARACTER.match(view, begin - 1):
            begin -= 1
        while begin < place and view[begin] in ".-%+":
            begin += 1
        domain = DOMAIN.match(view, place + 1, end)
        stop = place + 1
        if domain is not None and begin < place:
            name = domain[0].rstrip(".-")
            top = name.rpartition(".")[2]
            if "." in name and ".." not in name and name[0] not in ".-" and top.isalpha() and len(top) >= 2:
                stop = place + 1 + len(name)
                yield Finding(begin, stop, "EMAIL", 0.99, "email")
        begin_at = stop
        place = view.find("@", stop, end)


def _urls(view: str, start: int, end: int) -> Iterator[Finding]:
    """Yield the URLs and bare domains in `view[start:end]`, a sequence of ASCII characters, as findings.

    Domains are searched only after the last URL with a scheme or www. in the ASCII stretch.
    """
    searched_to = start
    for match in URL.finditer(view, start, end):
        begin, stop = match.span()
        while view[stop - 1] in TRAILING and not (view[stop - 1] == ")" and "(" in match[0]):
            stop -= 1
        searched_to = match.end()
        if stop - begin > 8:
            yield Finding(begin, stop, "URL", 0.99, "url")
    for match in BARE_DOMAIN.finditer(view, searched_to, end):
        if match.start() < searched_to:  # in the path of the URL before
            continue
        path = PATH.match(view, match.end(), end)
        searched_to = stop = match.end() if path is None else path.end()
        while view[stop - 1] in TRAILING:
            stop -= 1
        yield Finding(match.start(), stop, "URL", 0.8, "domain")


def _ipv4_addresses(view: str, start: int, end: int) -> Iterator[Finding]:
    """Yield the IPv4 addresses in `view[start:end]`, a sequence of ASCII characters, as findings.

    Netmasks (255.…) are left out. After a word such as 版本 (version) the score is 0.3, otherwise 0.9.
    """
    for match in IPV4_FORM.finditer(view, start, end):
        try:
            IPv4Address(match[0])
        except AddressValueError:
            continue
        if match[0].startswith("255."):  # a netmask belongs to no computer: netmask 255.255.255.0
            continue
        before = view[max(0, match.start() - 8) : match.start()]
        is_version = VERSION_BEFORE.search(before) is not None
        yield Finding(*match.span(), "IP", 0.3 if is_version else 0.9, "ipv4")


def _is_ipv6(text: str) -> bool:
    """Return whether a text is an IPv6 address other than ::, the unspecified address."""
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return text != "::"
