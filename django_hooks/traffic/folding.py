"""Notes to counts: who is a visitor, which URL it is in its one spelling, which variant of it; all outside of requests.

What every note needs is remembered for equal texts, in bounded tables. What only the heavy URLs need (is it safe, is
it secret, does it exist) waits for `saving`.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import Final, NamedTuple

from django.utils.encoding import escape_uri_path, iri_to_uri

from url_manifests.agents import AgentClassifier
from url_manifests.tracking import tracking_test
from url_manifests.urls import canonical

from .notes import Notes, Seen
from .options import TrafficOptions
from .sketch import Sketch

_REMEMBERED: Final = 2048
_MAX_CHARS: Final = 120

_ENCODING: Final = r"(?:gzip|deflate|br|zstd|compress|identity|x-gzip|\*)(?:;q=[01](?:\.\d{1,3})?)?"
_ENCODINGS: Final = re.compile(rf"{_ENCODING}(?:, ?{_ENCODING}){{0,7}}")
_LANGUAGE: Final = r"(?:[A-Za-z]{2,3}(?:-[A-Za-z]{2,4}|-\d{3}){0,2}|\*)(?:;q=[01](?:\.\d{1,3})?)?"
_LANGUAGES: Final = re.compile(rf"{_LANGUAGE}(?:, ?{_LANGUAGE}){{0,5}}")


class Variant(NamedTuple):
    """What a page that names headers in ``Vary`` tells visitors apart by; empty where it does not.

    Nothing personal fits in here: the user agent is only its profile's name (``chrome-mobile``), encodings and
    languages are lists of known words, and no other header is looked at, whatever ``Vary`` says.
    """

    profile: str = ""
    accept_encoding: str = ""
    accept_language: str = ""
    """The header, or with USE_I18N the language that was chosen from it."""


class Key(NamedTuple):
    """What is counted apart."""

    hour: int
    """Hours since 1970, so that what could not be saved at once still lands in its own hour."""
    host: str
    url: str
    variant: Variant


class Fold:
    """The counts of one process since its last save."""

    def __init__(self, options: TrafficOptions) -> None:
        self.options = options
        self.sketch: Sketch[Key] = Sketch(options.max_urls)
        self.excluded: Counter[tuple[int, str]] = Counter()
        """Hour and rule → notes that were not counted."""
        self._agents = AgentClassifier()
        self._is_tracking = tracking_test(options.rules.tracking_add, options.rules.tracking_keep)
        # One table for each fold, so that none outlives its options.
        self._visitor = lru_cache(_REMEMBERED)(self._classified)
        self._url = lru_cache(_REMEMBERED)(self._canonical)
        self._variant = lru_cache(_REMEMBERED)(variant)

    def take(self, notes: Notes, now_s: float) -> None:
        """Count what requests have left."""
        hour = int(now_s // 3600)
        for seen, number, seconds in notes.drain():
            weight = seen[-1]
            if self._count(hour, seen, number * weight, seconds * weight) > weight:
                notes.learn(seen)

    def _count(self, hour: int, seen: Seen, hits: int, seconds: float) -> int:
        """Count requests of one kind; how many there were of it since the last save."""
        host, path, query, urlconf, route, agent, vary, encoding, language, is_warm, is_signed_in, _ = seen
        rule, profile = self._visitor(agent)
        url = "" if rule else self._url(path, query)
        if not url:
            self.excluded[hour, rule or "odd-target"] += hits
            return 0
        cost = self.sketch.cost(Key(hour, host, url, self._variant(vary, profile, encoding, language)), hits)
        cost.add(seconds, hits, is_warm=is_warm, is_signed_in=is_signed_in)
        if route:
            cost.route = route
        cost.urlconf = urlconf or cost.urlconf
        return cost.hits

    def _classified(self, agent: str) -> tuple[str, str]:
        found = self._agents.classify(agent.encode("utf-8", "replace") or b"-")
        return found.rule, found.profile

    def _canonical(self, path: str, query: str) -> str:
        """The spelling of Django's own page key, tracking parameters taken out; empty for what is no URL of a page.

        They are taken out before counting: otherwise a thousand visitors from a campaign were a thousand URLs.
        """
        try:
            target = escape_uri_path(path) + (f"?{iri_to_uri(query)}" if query else "")
            found = canonical(target.encode("ascii"), self._is_tracking)
        except UnicodeError:
            return ""
        return found.url if found else ""


def variant(vary: str, profile: str, encoding: str, language: str) -> Variant:
    """What of a visitor's headers the response depends on."""
    if not vary:
        return Variant()
    names = {name.strip().lower() for name in vary.split(",")}
    return Variant(
        profile=profile if "user-agent" in names else "",
        accept_encoding=_listed(_ENCODINGS, encoding) if "accept-encoding" in names else "",
        accept_language=_listed(_LANGUAGES, language) if "accept-language" in names else "",
    )


def _listed(known: re.Pattern[str], value: str) -> str:
    return value if len(value) <= _MAX_CHARS and known.fullmatch(value) else ""
