"""Failures inside a 200, recognised from the page's HTML: an error, a maintenance page, a login form. Pure.

Careful, for each false alarm is a page that is reported cold although it is warm. Headings alone prove little (there is
a film called "500 Days", and gardens need maintenance), so all of these must hold: every heading that there is, title
and first ``h1``, says so as a whole phrase; the page has little else to say; and the phrase does not stand in its URL.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from typing import Final
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

from .answer import is_login_path
from .phrases import ERRORS, LOGINS

THIN_CHARS: Final = 1200
"""A page whose own text is longer is no error page, whatever its title says."""
_SOON_S: Final = 10.0
_HEADINGS_WITHIN: Final = 300_000

_HEADING: Final = re.compile(r"<(title|h1)\b[^>]{0,300}>(.{0,300}?)</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG: Final = re.compile(r"<[^>]*>")
_REFRESH: Final = re.compile(r"<meta[^>]{1,300}http-equiv\s*=\s*[\"']?refresh", re.IGNORECASE)
_SEPARATORS: Final = re.compile(r"\s+[|·•»«\u2013\u2014:-]\s+|\s*[|·•»«]\s*|:\s+")
_STATUS: Final = re.compile(
    r"(?:http )?(?:error |fehler |erreur |errore |erro |fout )?(?:4(?:0[0-9]|1[0-9]|29)|50[0-9])"
)
_STATUS_BEFORE: Final = re.compile(_STATUS.pattern + r"[\s:,.\u2013\u2014-]+(?=\D)")
_AROUND: Final = ("header", "nav", "footer", "aside", "script", "style", "template", "noscript", "dialog")
_WORDS: Final = re.compile(r"\w{5,}")


def soft_failure(html: str, url: str) -> tuple[str, str]:
    """Why a page with status 200 is none (``soft-error`` or ``login-page``) and by what it shows; empty for a page."""
    if is_login_path(url):
        return "", ""
    # Most pages are done with here, and never parsed.
    if not _reason_of(_quick_headings(html), url) and not _REFRESH.search(html):
        return "", ""
    soup = BeautifulSoup(html, "lxml")
    if target := _refresh_to_login(soup):
        return "login-page", f"refreshes to {target}"
    headings = [heading for heading in (_heading(soup, "title"), _heading(soup, "h1")) if heading]
    reason = _reason_of(headings, url)
    if reason == "login-page" and not _has_password_field(soup):
        return "", ""
    if not reason or len(_own_text(soup)) > THIN_CHARS:
        return "", ""
    return reason, f"its heading is {headings[0][:80]!r}"


def _quick_headings(html: str) -> list[str]:
    """The first title and the first ``h1``, by a pattern: parsing takes a hundred times as long."""
    found: dict[str, str] = {}
    for match in _HEADING.finditer(html, 0, _HEADINGS_WITHIN):
        found.setdefault(match[1].lower(), " ".join(unescape(_TAG.sub(" ", match[2])).split()))
    return list(filter(None, found.values()))


def _reason_of(headings: Sequence[str], url: str) -> str:
    for reason, phrases in (("soft-error", ERRORS), ("login-page", LOGINS)):
        if headings and all(_says(heading, phrases, url) for heading in headings):
            return reason
    return ""


def _heading(soup: BeautifulSoup, name: str) -> str:
    tag = soup.find(name)
    return " ".join(tag.get_text(" ").split()) if isinstance(tag, Tag) else ""


def _says(heading: str, phrases: frozenset[str], url: str) -> bool:
    """Whether a piece of a heading is one of the phrases, or a status, and the page's URL does not say the same."""
    address = unquote(url).lower()
    for piece in _SEPARATORS.split(heading):
        bare = _STATUS_BEFORE.sub("", piece.strip().lower()).strip(" !.…?")
        is_status = phrases is ERRORS and _STATUS.fullmatch(piece.strip().lower()) is not None
        if (is_status or bare in phrases) and not any(word in address for word in _WORDS.findall(bare)):
            return not (is_status and bare.rpartition(" ")[2] in address)
    return False


def _has_password_field(soup: BeautifulSoup) -> bool:
    """In the page itself: forms in its header, or in a window that is not shown, are on every page."""
    for field in soup.select("form input[type=password i]"):
        around = [field, *field.parents]
        if not any(tag.name in _AROUND or tag.has_attr("hidden") for tag in around):
            return True
    return False


def _own_text(soup: BeautifulSoup) -> str:
    """What the page says beside what stands on every page. Takes the soup apart."""
    for tag in soup.find_all(_AROUND):
        tag.decompose()
    return " ".join((soup.body or soup).get_text(" ").split())


def _refresh_to_login(soup: BeautifulSoup) -> str:
    for tag in soup.select("meta[http-equiv=refresh i]"):
        after, _, target = str(tag.get("content", "")).partition(";")
        url = re.sub(r"^\s*url\s*=\s*", "", target, flags=re.IGNORECASE).strip(" '\"")
        if url and is_login_path(url) and _number(after) <= _SOON_S:
            return urlsplit(url).path[:100]
    return ""


def _number(text: str) -> float:
    try:
        return float(text.strip() or 0)
    except ValueError:
        return 0.0
