"""Excerpts of logs that may be shown: what is personal or secret is replaced before anybody sees it."""

from __future__ import annotations

import re
from typing import Final

_MAX_CHARS: Final = 120

_MASKS: Final = (
    # The values of a query, of a cookie and of credentials: key=value
    (re.compile(r"(?<=[=])[^\s&;\"']+"), "***"),
    (re.compile(r"(?i)\b(bearer|basic|digest|token) [^\s\"]+"), r"\1 ***"),
    # The same in JSON and in headers: "password": "…", also with a list behind it.
    (
        re.compile(
            r"(?i)([\w-]*(?:token|secret|passw|pwd|api_?key|session|cookie|auth|mail|phone|user(?!.?agent)|login|name)[\w-]*"
            r'\\?"\s*:\s*\[?\s*)\\?"[^"\\]*'
        ),
        r'\1"***',
    ),
    (re.compile(r"(?i)\b([\w-]*(?:token|secret|passw(?:or)?d|pwd|api_?key))(: |%3D)[^\s&;\"']+"), r"\1\2***"),
    # Who is signed in, between the address and the time of the combined family.
    (re.compile(r"(?<= )(?!-? ?\[)[^\[\"]+(?= \[\d)"), "***"),
    (re.compile(r"//[^/\s@]+@"), "//***@"),
    (re.compile(r"[^\s@/\"<>]+(?:@|%40)[^\s@/\"<>]+\.[A-Za-z]{2,}"), "***"),
    (re.compile(r"\beyJ[\w.%-]+"), "***"),
    (re.compile(r"\b(\d{1,3}\.\d{1,3})\.\d{1,3}\.\d{1,3}\b"), r"\1.*.*"),
    (re.compile(r"\b[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){3,7}"), "*:*"),
    # Long runs with a digit in them: tokens, digests, card numbers.
    (re.compile(r"(?<![\w-])(?=[\w+-]*\d)(?=[\d+-]*[A-Za-z_])[\w+-]{10,}"), "***"),
    (re.compile(r"\b\d(?:[ -]?\d){12,18}\b|(?<![\d.])\d{9,}|\+\d[\d ()/-]{7,}"), "***"),
    # And of letters in both cases, other than the words of user agents.
    (re.compile(r"(?<=[/=:])(?=[A-Za-z_-]*[a-z][A-Z]|[A-Za-z_-]*[A-Z]{2}[a-z])[A-Za-z_-]{12,}"), "***"),
)


def masked(raw: bytes | str) -> str:
    """A short, printable excerpt without query values, credentials, addresses and whatever looks like a token."""
    text = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
    text = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text[: 4 * _MAX_CHARS])
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text if len(text) <= _MAX_CHARS else text[: _MAX_CHARS - 1] + "…"
