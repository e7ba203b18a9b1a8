"""Does this URL hold what must not be written down? Pure; names and shapes are those of `secret_shapes`."""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import lru_cache
from itertools import pairwise
from typing import Final
from urllib.parse import unquote_plus

from .query_pairs import pairs
from .secret_shapes import (
    CODE_PARTNERS,
    PRIVATE_PARAMETER_EXCEPTIONS,
    PRIVATE_PARAMETER_NAMES,
    PUBLIC_DIGEST_PARENTS,
    SECRET_SHAPES,
    SPACED_IBAN,
)

_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_HEX: Final = re.compile(r"(?:[0-9a-f]{32,}|[0-9A-F]{32,})")
_RANDOM: Final = re.compile(r"[A-Za-z0-9_+/=~.%-]{16,}")
_CARD: Final = re.compile(
    r"(?<![\d.])(?:4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|3[47]\d{2}|6(?:011|5\d{2}))[ +-]?(?:\d[ +-]?){11,12}(?![\d.])"
)
_SECRET_NAME: Final = re.compile(PRIVATE_PARAMETER_NAMES, re.IGNORECASE)
_NOT_SECRET_NAME: Final = re.compile(PRIVATE_PARAMETER_EXCEPTIONS, re.IGNORECASE)
# A character that every one of the shapes holds; most URLs have none and are done with at once.
_SHAPE_HINT: Final = re.compile(
    r"[@:;(=_]|\+\d|[0-9]{3}-[0-9]{2}-|[A-Z]T-\d|eyJ|AIza|[0-9a-f]{20}"
    r"|[A-Z0-9]{12}|(?:sk|pypi|glpat|xox.)-|SG\.|[0-9]{4}[ +-][0-9]{4}"
)

# Segments that may be random: long ones, but for those of lower-case words (32 letters in a row may be a digest).
_LONG_SEGMENT: Final = re.compile(r"(?:^|/)(?![a-z]{0,31}+(?:-[a-z]*+)*+(?:/|\Z))[^/]{16}")
_MIN_RANDOM_BITS: Final = 3.2
"""Bits a character; English words lie under 3 for their length, base64 above 4."""


def secret_rule(path: str, query: str) -> str:
    """``secret:name`` of the rule that keeps a URL out, or ``""``."""
    return _secret_query(query) or _secret_path(path)


@lru_cache(maxsize=8192)
def _secret_query(query: str) -> str:
    for name, value in pairs(query):
        if value and any(map(_is_secret_name, re.split(r"[\[\].]+", name))):
            return "secret:parameter-name"
        if value and (rule := _secret_text(value) or _random_value(value) or _secret_inside(value)):
            return rule
        if not value and (rule := _random_value(name)):
            return rule
    return "secret:oauth-code" if "code=" in query and _has_code(query) else ""


def _has_code(query: str) -> bool:
    names = {name.lower() for name, value in pairs(query) if value}
    return "code" in names and not names.isdisjoint(CODE_PARTNERS)


def _secret_inside(value: str) -> str:
    """Of a URL in a URL (``?next=/x/%3Ftoken%3Dabc``), also below one more layer of encoding."""
    for _ in range(2):
        _, mark, query = value.partition("?")
        if mark and "=" in query and (rule := _secret_query(query)):
            return rule
        if "%" not in value:
            return ""
        value = unquote_plus(value)
    return ""


def _secret_path(path: str) -> str:
    text = unquote_plus(path) if "%" in path else path
    if ";" in text and (rule := _secret_query("&".join(re.findall(r";([^/]*)", text)))):
        return rule
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
    if (match := SPACED_IBAN.search(text)) and _passes_mod_97(match[0]):
        return "secret:iban"
    match = _CARD.search(text)
    return "secret:card-number" if match and _passes_luhn(match[0]) else ""


def _passes_mod_97(text: str) -> bool:
    bare = re.sub(r"[ -]", "", text)
    return int("".join(str(int(char, 36)) for char in bare[4:] + bare[:4])) % 97 == 1


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
