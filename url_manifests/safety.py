"""Which URLs must never be replayed, and which must never be written down. Pure.

Two questions of every distinct URL, answered by the rules in `safety_rules` and by the user's own (``--rules``):

* *unsafe*: may a GET of it change something (log out, delete, confirm, order)?
* *secret*: does it hold a token, a signature, an address, a session; by a parameter's name, by shape, or because a
  value is too random to be a word?

The rules lean towards caution: a page that is wrongly left out is cold once more, a logout link that is wrongly kept is
an incident. `SafetyRules.verdict` gives ``family:rule``, such as ``unsafe:logout`` or ``secret:jwt``.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Final
from urllib.parse import unquote_plus

from .safety_rules import (
    ACTION_PARAMETERS,
    OBJECT_ACTIONS,
    PAIRED_PARENTS,
    PRIVATE_PARAMETER_EXCEPTIONS,
    PRIVATE_PARAMETER_NAMES,
    PUBLIC_DIGEST_PARENTS,
    SECRET_SHAPES,
    UNSAFE_PARAMETER_NAMES,
    UNSAFE_SEGMENTS,
)

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SEPARATORS: Final = re.compile(r"[-_. +~!]+")
_EXTENSION: Final = re.compile(
    r"\.(?:php\d?|aspx?|jsp|jsf|do|action|cgi|pl|html?|json|xml|axd|ashx|cfm)$", re.IGNORECASE
)
_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_HEX: Final = re.compile(r"(?:[0-9a-f]{32,}|[0-9A-F]{32,})")
_RANDOM: Final = re.compile(r"[A-Za-z0-9_+/=~.%-]{16,}")
_CARD: Final = re.compile(
    r"(?<![\d.])(?:4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|3[47]\d{2}|6(?:011|5\d{2}))[ +-]?(?:\d[ +-]?){11,12}(?![\d.])"
)
_SEGMENT_WORDS: Final = {
    rule: re.compile(words.replace(" ?", "_?").replace(" ", "_")) for rule, words in UNSAFE_SEGMENTS.items()
}
_ANY_SEGMENT_WORD: Final = re.compile(
    "|".join(f"(?P<{rule.replace('-', '_')}>{words.pattern})" for rule, words in _SEGMENT_WORDS.items())
)
_OBJECT_ACTION: Final = re.compile(OBJECT_ACTIONS)
_UNSAFE_NAME: Final = re.compile(UNSAFE_PARAMETER_NAMES, re.IGNORECASE)
_ACTION_NAME: Final = re.compile(ACTION_PARAMETERS, re.IGNORECASE)
_SECRET_NAME: Final = re.compile(PRIVATE_PARAMETER_NAMES, re.IGNORECASE)
_NOT_SECRET_NAME: Final = re.compile(PRIVATE_PARAMETER_EXCEPTIONS, re.IGNORECASE)
# A character that every one of the shapes holds; most URLs have none and are done with at once.
_SHAPE_HINT: Final = re.compile(
    r"[@:;(=_]|eyJ|AIza|[0-9a-f]{20}|[A-Z0-9]{12}|(?:sk|pypi|glpat|xox.)-|SG\.|[0-9]{4}[ +-][0-9]{4}"
)

# Segments that may be random: long ones, but for those of lower-case words (32 letters in a row may be a digest).
_LONG_SEGMENT: Final = re.compile(r"(?:^|/)(?![a-z]{0,31}+(?:-[a-z]*+)*+(?:/|\Z))[^/]{16}")
_MIN_RANDOM_BITS: Final = 3.2
"""Bits a character; English words lie under 3 for their length, base64 above 4."""


@dataclass(frozen=True, slots=True)
class OwnRule:
    """One rule of the user's file."""

    verdict: str
    """``unsafe:name`` or ``secret:name``."""
    url: re.Pattern[str]
    """Searched in the URL as it is written in manifests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyRules:
    """The built-in rules together with the user's."""

    own: Sequence[OwnRule] = ()
    allowed: Sequence[re.Pattern[str]] = ()
    """URLs that no *unsafe* rule may keep out; secrets are never allowed."""
    parameters: dict[str, str] = field(default_factory=dict)
    """Parameter names in lower case → verdict."""

    def verdict(self, url: str, *, has_plain_path: bool = False) -> str:
        """Why this URL must not be in a manifest, or ``""``.

        Args:
            url: path and query in canonical spelling.
            has_plain_path: whether the path is known to concern none of the built-in rules (see `harmless`).
        """
        path, _, query = url.partition("?")
        for rule in self.own:
            if rule.url.search(url):
                return rule.verdict
        if has_plain_path:
            path = ""
        if secret := _secret_query(query) or _secret_path(path) or self._named(query):
            return secret
        if self.allowed and any(pattern.search(url) for pattern in self.allowed):
            return ""
        return _unsafe_path(path) or _unsafe_query(query)

    def _named(self, query: str) -> str:
        if not self.parameters or not query:
            return ""
        return next((self.parameters[name] for name, _ in _pairs(query) if name.lower() in self.parameters), "")


def _pairs(query: str) -> list[tuple[str, str]]:
    """Decoded names and values; also the parts of ``;``-separated queries."""
    parts = [part for item in query.split("&") for part in item.split(";") if part]
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in (part.partition("=") for part in parts)]


def _words(segment: str) -> str:
    """``Delete-Account.php`` and ``deleteAccount`` → ``delete_account``."""
    bare = _EXTENSION.sub("", segment)
    return _SEPARATORS.sub("_", _CAMEL.sub("_", bare)).strip("_").lower()


@lru_cache(maxsize=16_384)
def _unsafe_word(text: str) -> str:
    match = _ANY_SEGMENT_WORD.fullmatch(_words(text))
    return f"unsafe:{(match.lastgroup or '').replace('_', '-')}" if match else ""


def _unsafe_path(path: str) -> str:
    segments = unquote_plus(path).split("/") if "%" in path else path.split("/")
    parent = ""
    for segment in segments:
        if not segment:
            continue
        if not segment.isdigit():
            if rule := _unsafe_word(segment):
                return rule
            if (parent.isdigit() or _UUID.fullmatch(parent)) and _OBJECT_ACTION.fullmatch(_words(segment)):
                return "unsafe:action"
            if parent.lower() in PAIRED_PARENTS and (rule := _unsafe_word(f"{parent}-{segment}")):
                return rule
        parent = segment
    return ""


@lru_cache(maxsize=8192)
def _unsafe_query(query: str) -> str:
    for name, value in _pairs(query):
        if _UNSAFE_NAME.fullmatch(name):
            return "unsafe:parameter"
        if _ACTION_NAME.fullmatch(name):
            for piece in re.split(r"[/.:,]", value):
                if rule := _unsafe_word(piece):
                    return rule
        if not value and (rule := _unsafe_word(name)):
            return rule
    return ""


@lru_cache(maxsize=8192)
def _secret_query(query: str) -> str:
    for name, value in _pairs(query):
        if value and any(map(_is_secret_name, re.split(r"[\[\].]+", name))):
            return "secret:parameter-name"
        if value and (rule := _secret_text(value) or _random_value(value)):
            return rule
        if not value and (rule := _random_value(name)):
            return rule
    return ""


def _secret_path(path: str) -> str:
    text = unquote_plus(path) if "%" in path else path
    return _secret_text(text) or _random_segment(text)


@lru_cache(maxsize=4096)
def _is_secret_name(name: str) -> bool:
    return _SECRET_NAME.fullmatch(name) is not None and not _NOT_SECRET_NAME.fullmatch(name)


def _secret_text(text: str) -> str:
    """A shape of the table anywhere in decoded text; also below one more layer of encoding."""
    for _ in range(2):
        if _SHAPE_HINT.search(text) and (rule := _shape(text)):
            return rule
        if "%" not in text:
            return ""
        text = unquote_plus(text)
    return ""


def _shape(text: str) -> str:
    for name, shape in SECRET_SHAPES.items():
        if shape.search(text):
            return f"secret:{name}"
    match = _CARD.search(text)
    return "secret:card-number" if match and _passes_luhn(match[0]) else ""


def _passes_luhn(text: str) -> bool:
    digits = [int(char) for char in text if char.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return len(digits) in (15, 16) and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _random_segment(path: str) -> str:
    if not _LONG_SEGMENT.search(path):
        return ""
    parent = ""
    for segment in path.split("/"):
        if len(segment) >= 16 and parent.lower() not in PUBLIC_DIGEST_PARENTS and (rule := _random_value(segment)):
            return rule
        parent = segment
    return ""


def _random_value(value: str) -> str:
    """Whether a value is a digest, or too random for a word, a slug, a number or a UUID."""
    if len(value) < 16:
        return ""
    if _HEX.fullmatch(value):
        return "secret:digest"
    if not _RANDOM.fullmatch(value) or _UUID.fullmatch(value):
        return ""
    for piece in re.split(r"[-_.~%/]", value):
        if len(piece) >= 16 and _looks_random(piece):
            return "secret:entropy"
    return "secret:entropy" if _looks_random(value) and not _is_slug(value) else ""


def _is_slug(value: str) -> bool:
    """Words, numbers and short codes between separators."""
    pieces = [piece for piece in re.split(r"[-_.~%/+=]", value) if piece]
    readable = [piece for piece in pieces if piece.isalpha() or piece.isdigit() or len(piece) <= 6]
    return len(pieces) > 1 and len(readable) >= 0.6 * len(pieces)


def _looks_random(text: str) -> bool:
    letters, digits = sum(char.isalpha() for char in text), sum(char.isdigit() for char in text)
    cases = any(char.islower() for char in text) and any(char.isupper() for char in text)
    switches = sum(a.isdigit() != b.isdigit() or a.isupper() != b.isupper() for a, b in pairwise(text))
    mixed = digits >= 2 and letters >= 4 and switches >= len(text) / 5
    return (mixed or (cases and switches >= len(text) / 3)) and _entropy_bits(text) >= _MIN_RANDOM_BITS


def _entropy_bits(text: str) -> float:
    """Shannon entropy, in bits a character."""
    total = len(text)
    return -sum(count / total * math.log2(count / total) for count in Counter(text).values())
