"""Request headers as current browsers send them for a navigation, byte for byte; and which browser a user agent is.

Django hashes the raw values of the headers that a page varies on, so a crawler's own ``Accept-Encoding`` warms a page
that no visitor will ever get. Chrome's are those of release 156, and a test compares them with a real Chromium's;
Firefox's and Safari's are those of 157 and 27, gathered from public sources that stand beside them. Browsers freeze
most of their user agents' text; accept headers change every few years. A log that has the headers overrules all of this
(`observed_headers`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_CHROME_ACCEPT: Final = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/jxl,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)
_PLAIN_ACCEPT: Final = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_ALL_ENCODINGS: Final = "gzip, deflate, br, zstd"
_ENCODINGS_BEFORE_ZSTD: Final = "gzip, deflate, br"
_BRANDS: Final = '"Not:A-Brand";v="8", "Chromium";v="156", "Google Chrome";v="156"'
_EDGE_BRANDS: Final = '"Not:A-Brand";v="8", "Chromium";v="156", "Microsoft Edge";v="156"'
_NAVIGATION: Final = {
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-User": "?1",
    "Sec-Fetch-Dest": "document",
}


def _chromium(brands: str, platform: str, agent: str, *, mobile: bool = False) -> dict[str, str]:
    return {
        "sec-ch-ua": brands,
        "sec-ch-ua-mobile": "?1" if mobile else "?0",
        "sec-ch-ua-platform": f'"{platform}"',
        "Upgrade-Insecure-Requests": "1",
        "User-Agent": agent,
        "Accept": _CHROME_ACCEPT,
        **_NAVIGATION,
        "Accept-Encoding": _ALL_ENCODINGS,
        "Accept-Language": "en-US,en;q=0.9",
    }


# Firefox 157. Accept-Language counts down by tenths since 147 (Mozilla bug 2000765; it was q=0.5 before). Accept, which
# has no image types since 132, order, and Priority, which goes over HTTP/1.1 too: raw requests of 136, 144 and 151 on
# public pages, and lexiforest/curl-impersonate, bin/curl_firefox147. Its TE and Connection belong to the connection.
def _firefox(agent: str) -> dict[str, str]:
    return {
        "User-Agent": agent,
        "Accept": _PLAIN_ACCEPT,
        "Accept-Language": "en-US,en;q=0.9",
        "Accept-Encoding": _ALL_ENCODINGS,
        "Upgrade-Insecure-Requests": "1",
        "Sec-Fetch-Dest": "document",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Site": "none",
        "Sec-Fetch-User": "?1",
        "Priority": "u=0, i",
    }


# Safari 27. Names, order and Priority: captures of 26.0 to 26.3 on Apple hardware (lexiforest/curl-impersonate,
# bin/curl_safari2601, and its issue 187; another project's of 26.3, which has zstd, as 26.2 has not). It sends neither
# Sec-Fetch-User nor client hints, and Upgrade-Insecure-Requests over plain http only.
def _safari(agent: str, encodings: str = _ALL_ENCODINGS) -> dict[str, str]:
    return {
        "Sec-Fetch-Dest": "document",
        "User-Agent": agent,
        "Accept": _PLAIN_ACCEPT,
        "Sec-Fetch-Site": "none",
        "Sec-Fetch-Mode": "navigate",
        "Accept-Language": "en-US,en;q=0.9",
        "Priority": "u=0, i",
        "Accept-Encoding": encodings,
    }


_BLINK: Final = "AppleWebKit/537.36 (KHTML, like Gecko)"

PROFILES: Final[Mapping[str, Mapping[str, str]]] = {
    "chrome": _chromium(
        _BRANDS, "Windows", f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_BLINK} Chrome/156.0.0.0 Safari/537.36"
    ),
    "chrome-mobile": _chromium(
        _BRANDS,
        "Android",
        f"Mozilla/5.0 (Linux; Android 10; K) {_BLINK} Chrome/156.0.0.0 Mobile Safari/537.36",
        mobile=True,
    ),
    "edge": _chromium(
        _EDGE_BRANDS,
        "Windows",
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_BLINK} Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
    ),
    "firefox": _firefox("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:157.0) Gecko/20100101 Firefox/157.0"),
    "firefox-mobile": _firefox("Mozilla/5.0 (Android 16; Mobile; rv:157.0) Gecko/157.0 Firefox/157.0"),
    "safari": _safari(
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/27.0 Safari/605.1.15"
    ),
    "safari-mobile": _safari(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/27.0 Mobile/15E148 Safari/604.1"
    ),
    # Before 26.3; phones that get no more updates stay there for years.
    "safari-26": _safari(
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/26.2 Safari/605.1.15",
        _ENCODINGS_BEFORE_ZSTD,
    ),
    "safari-26-mobile": _safari(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/26.2 Mobile/15E148 Safari/604.1",
        _ENCODINGS_BEFORE_ZSTD,
    ),
}

_MOBILE: Final = re.compile(r"Mobile|Android|iPhone|iPad")
_FAMILIES: Final = (
    # On iOS every browser is WebKit and sends what Safari sends, whatever it calls itself.
    (re.compile(r"(?=.*(?:iPhone|iPad|iPod)).*Version/(?:\d|1\d|2[0-5]|26\.[0-2])\b"), "safari-26"),
    (re.compile(r"iPhone|iPad|iPod"), "safari"),
    (re.compile(r"Edg(?:e|A|iOS)?/"), "edge"),
    (re.compile(r"Firefox/"), "firefox"),
    (re.compile(r"Chrome/|Chromium/|CriOS/"), "chrome"),
    (re.compile(r"Version/(?:\d|1\d|2[0-5]|26\.[0-2])\b.*Safari/"), "safari-26"),
    (re.compile(r"Version/.*Safari/"), "safari"),
)


def profile_of(agent: str) -> str:
    """The name in `PROFILES` of what this user agent sends, or ``""`` for a browser that is not in the table."""
    for pattern, family in _FAMILIES:
        if pattern.search(agent):
            if family == "edge" and _MOBILE.search(agent):
                return "chrome-mobile"
            return f"{family}-mobile" if _MOBILE.search(agent) and family != "edge" else family
    return ""


def observed_headers(profile: str, accept_encoding: str, accept_language: str) -> dict[str, str]:
    """A profile's headers with what the log says was really sent."""
    headers = dict(PROFILES[profile])
    if accept_encoding:
        headers["Accept-Encoding"] = accept_encoding
    if accept_language:
        headers["Accept-Language"] = accept_language
    return headers


def vary_class(headers: Mapping[str, str], vary_on: tuple[str, ...]) -> tuple[str, ...]:
    """What pages that vary on these headers tell visitors apart by; profiles of one class get the same page.

    Of ``Accept-Language`` only the first language counts: Django puts the active language into its page key instead of
    the header, when internationalisation is on.
    """
    return tuple(_distinguishing(name, headers) for name in vary_on)


def _distinguishing(name: str, headers: Mapping[str, str]) -> str:
    folded = {header.lower(): value for header, value in headers.items()}
    value = folded.get(name.lower(), "")
    if name.lower() == "accept-language":
        return re.split(r"[,;]", value)[0].strip().lower()
    return value
