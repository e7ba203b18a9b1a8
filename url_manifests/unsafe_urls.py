"""May a GET of this URL change something? Pure; the words are those of `unsafe_words`."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_plus

from .query_pairs import pairs
from .unsafe_words import (
    ACTION_PARAMETERS,
    ACTIONS_BEFORE_IDS,
    OBJECT_ACTIONS,
    PAIRED_PARENTS,
    UNSAFE_PARAMETER_NAMES,
    UNSAFE_SEGMENTS,
)

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SEPARATORS: Final = re.compile(r"[-_. +~!]+")
_EXTENSION: Final = re.compile(
    r"\.(?:php\d?|aspx?|jsp|jsf|do|action|cgi|pl|html?|json|xml|axd|ashx|cfm)$", re.IGNORECASE
)
_LETTERS: Final = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "ł": "l", "ı": "i", "đ": "d"})  # noqa: RUF001 - Turkish has it
"""Of letters that are no accented others."""
_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_SEGMENT_WORDS: Final = {
    rule: re.compile(words.replace(" ?", "_?").replace(" ", "_")) for rule, words in UNSAFE_SEGMENTS.items()
}
_ANY_SEGMENT_WORD: Final = re.compile(
    "|".join(f"(?P<{rule.replace('-', '_')}>{words.pattern})" for rule, words in _SEGMENT_WORDS.items())
)
_OBJECT_ACTION: Final = re.compile(OBJECT_ACTIONS)
_ACTION_BEFORE_ID: Final = re.compile(ACTIONS_BEFORE_IDS)
_UNSAFE_NAME: Final = re.compile(UNSAFE_PARAMETER_NAMES, re.IGNORECASE)
_ACTION_NAME: Final = re.compile(ACTION_PARAMETERS, re.IGNORECASE)


def unsafe_rule(path: str, query: str) -> str:
    """``unsafe:name`` of the rule that keeps a URL out, or ``""``."""
    return _unsafe_path(path) or _unsafe_query(query)


def _words(segment: str) -> str:
    """``Delete-Account.php`` and ``deleteAccount`` → ``delete_account``; ``Löschen`` → ``loschen``."""
    bare = _EXTENSION.sub("", segment)
    if not bare.isascii():
        bare = _without_accents(bare)
    return _SEPARATORS.sub("_", _CAMEL.sub("_", bare)).strip("_").lower()


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


@lru_cache(maxsize=16_384)
def _unsafe_word(text: str) -> str:
    match = _ANY_SEGMENT_WORD.fullmatch(_words(text))
    return f"unsafe:{(match.lastgroup or '').replace('_', '-')}" if match else ""


def _unsafe_path(path: str) -> str:
    segments = [segment for segment in (unquote_plus(path) if "%" in path else path).split("/") if segment]
    parent, has_added = "", False
    for segment in segments:
        # What follows a semicolon belongs to its parameters.
        word = segment.partition(";")[0]
        if word.isdigit() or _UUID.fullmatch(word):
            if has_added or _ACTION_BEFORE_ID.fullmatch(parent.lower()):
                return "unsafe:action"
        elif rule := _unsafe_segment(word, parent):
            return rule
        has_added = has_added or word.lower() == "add"
        parent = word
    return ""


def _unsafe_segment(word: str, parent: str) -> str:
    if rule := _unsafe_word(word):
        return rule
    if (parent.isdigit() or _UUID.fullmatch(parent)) and _OBJECT_ACTION.fullmatch(_words(word)):
        return "unsafe:action"
    return _unsafe_word(f"{parent}-{word}") if parent.lower() in PAIRED_PARENTS else ""


@lru_cache(maxsize=8192)
def _unsafe_query(query: str) -> str:
    for name, value in pairs(query):
        if _UNSAFE_NAME.fullmatch(name):
            return "unsafe:parameter"
        if _ACTION_NAME.fullmatch(name):
            for piece in re.split(r"[/.:,]", value):
                if rule := _unsafe_word(piece):
                    return rule
        if not value and (rule := _unsafe_word(name)):
            return rule
    return ""
