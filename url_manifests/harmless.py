"""Most targets are plain: words and numbers between slashes. One regex knows those that no built-in rule can concern.

It is made from the same tables as the rules: a target is plain only if none of its segments begins like an unsafe word,
a health check or a folder of static files, and if it is too short and too regular for a secret. What it does not take
goes through all the rules; so it may be too careful, never too generous (a test draws words from the tables).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from .unsafe_words import ACTIONS_BEFORE_IDS, OBJECT_ACTIONS, PAIRED_PARENTS, UNSAFE_SEGMENTS

_OTHER_BEGINNINGS: Final = (
    # Static files and plumbing, health checks, and keys of vendors that are made of lower-case letters.
    "static|assets|build|apple|health|live|ready|readi|heart|lb|server|nginx|stub|ping|alive|ht|metrics"
    "|sk|pypi|glpat|xox"
)
_VENDOR_KEY: Final = r"(?!(?:sk|pypi|glpat|xox[a-z])-)"


def beginnings(pattern: str) -> Iterator[str]:
    """How words of a pattern of `unsafe_words` may begin, as regexes: of ``log ?out|su`` ``log``, ``su\\b``."""
    for alternative in _alternatives(pattern):
        if alternative.startswith("(?:"):
            end = _closing(alternative)
            inner = beginnings(alternative[3:end])
            # Of (?:in|de)crease the words go on behind the group.
            yield from (word.removesuffix(r"\b") for word in inner)
            if alternative[end + 1 : end + 2] == "?":
                yield from beginnings(alternative[end + 2 :].lstrip())
            continue
        if not alternative.isascii():
            continue  # a plain path is written in ASCII
        letters = re.match(r"[a-z]*", alternative)
        run = letters[0] if letters else ""
        following = alternative[len(run) :]
        if following.startswith("?"):
            yield run[:-1]
        else:
            is_whole = not following or (following.startswith(" ") and not following.startswith(" ?"))
            yield run + (r"\b" if is_whole else "")


def _alternatives(pattern: str) -> list[str]:
    """Split at the bars outside of groups."""
    parts, depth = [""], 0
    for char in pattern:
        depth += (char == "(") - (char == ")")
        if char == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _closing(pattern: str) -> int:
    """Where the group that the pattern begins with ends."""
    depth = 0
    for position, char in enumerate(pattern):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return position
    raise ValueError(f"unbalanced: {pattern!r}")


def _grouped(prefixes: Iterable[str]) -> str:
    """One regex of all prefixes, by their first letter: a segment that begins with another letter is done at once."""
    by_letter: defaultdict[str, set[str]] = defaultdict(set)
    for prefix in prefixes:
        by_letter[prefix[0]].add(prefix[1:])
    return "|".join(f"{letter}(?:{'|'.join(sorted(rest))})" for letter, rest in sorted(by_letter.items()))


_SUSPICIOUS: Final = _grouped(
    [
        *(prefix for words in UNSAFE_SEGMENTS.values() for prefix in beginnings(words)),
        *(prefix for words in (OBJECT_ACTIONS, ACTIONS_BEFORE_IDS, _OTHER_BEGINNINGS) for prefix in words.split("|")),
        *PAIRED_PARENTS,
    ]
)

PLAIN_PATH: Final = re.compile(
    # A number too short for a card's, or words too short for a digest, with a number at most at their end.
    rf"/(?:(?:[0-9]{{1,11}}+|(?!{_SUSPICIOUS})[a-z]{{1,15}}+(?:-{_VENDOR_KEY}[a-z]{{1,15}}+){{0,20}}+(?:-[0-9]{{1,8}}+)?+)"
    r"(?:/|\Z)){0,12}+".encode()
)
"""A whole path without its query, to be used with ``fullmatch``."""
