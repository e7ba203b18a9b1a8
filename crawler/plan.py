"""What a run will ask for: each entry of the manifest in each of its variants, in its order. Streamed.

With personas, an entry's signed-in share is asked for by each of them, in the entry's most frequent variant: what they
warm are the parts that visitors of a role share, and those do not depend on a browser's headers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Final

from url_manifests.errors import FileFormatError
from url_manifests.harmless import PLAIN_PATH
from url_manifests.manifest import Entry, ManifestReader
from url_manifests.masking import masked
from url_manifests.outcomes import Outcome
from url_manifests.personas import Personas
from url_manifests.safety import SafetyRules

from .page import Fragment, Headers

CONNECTION_HEADERS: Final = frozenset(
    {"connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"}
)
"""They belong to a connection, not to a visitor: the crawler has its own."""

ENTRIES_CHECKED_FIRST: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One entry in one variant: what ends as exactly one outcome."""

    number: int
    """Position in the plan, from 0."""
    entry_number: int
    """Position of its entry in the manifest, from 0."""
    entry: Entry
    profile: str
    headers: Headers = field(repr=False)
    """The request headers of a visitor of this variant; a persona's hold its session."""
    weight: float
    persona: str = ""
    """Role of the signed-in visitor; empty for an anonymous one."""
    left_out: str = ""
    """Why it is never asked for, a name of ``REASONS``: ``excluded`` by ``-a only``, or ``unsafe``."""
    found_in: str = ""
    """URL of the page that loads it; empty for what the manifest plans."""
    fragment: Fragment | None = None
    """How that page loads it."""
    depth: int = 0
    """Of how many pages, one within the other, it is a part."""

    @property
    def position(self) -> int | None:
        """`number`, where the manifest plans it."""
        return self.number if self.number >= 0 else None


class Visitors:
    """Who asks: the manifest's header profiles, and the personas of this run."""

    def __init__(
        self, manifest: ManifestReader, personas: Personas | None = None, expected: Sequence[str] = ()
    ) -> None:
        self._profiles = {name: visitor_headers(headers) for name, headers in manifest.header.profiles.items()}
        self._personas = personas
        self._expected = tuple(expected)
        self.default_profile = next(iter(self._profiles), "")

    @property
    def roles(self) -> tuple[str, ...]:
        """Those that are a part of the plan, be it that they sign in later."""
        return self._personas.roles if self._personas else self._expected

    def sign_in(self, personas: Personas) -> None:
        """Let these take part, before anybody asks for anything."""
        self._personas = personas

    def headers(self, profile: str, persona: str = "") -> Headers:
        """What a visitor sends; a persona carries exactly its session cookie."""
        own = self._profiles.get(profile, ())
        if not persona or self._personas is None:
            return own
        others = tuple((name, value) for name, value in own if name.lower() != "cookie")
        return (*others, ("Cookie", self._personas.cookie_header(persona)))

    def shares(self, entry: Entry) -> Iterator[tuple[str, str, float]]:
        """Profile, persona and share of each kind of visitor of an entry."""
        variants = entry.variants or {self.default_profile: 1.0}
        signed_in = entry.signed_in if self.roles else 0.0
        if signed_in < 1:
            for profile, share in variants.items():
                yield profile, "", share * (1 - signed_in)
        if signed_in > 0:
            most_frequent = max(variants, key=lambda name: variants[name])
            for role in self.roles:
                yield most_frequent, role, sum(variants.values()) * signed_in / len(self.roles)

    def as_persona(self, planned: Planned, persona: str) -> Planned:
        """The same request by somebody else of the same variant; anonymous when empty."""
        headers = self.headers(planned.profile, persona)
        if planned.fragment:
            headers = planned.fragment.headers_of(headers)
        return replace(planned, persona=persona, headers=headers)

    def again(self, outcome: Outcome) -> Planned:
        """The request that an outcome was the answer to."""
        entry = Entry(url=outcome.url, host=outcome.host, hits=0)
        headers = self.headers(outcome.profile, outcome.persona)
        return Planned(
            number=-1,
            entry_number=-1,
            entry=entry,
            profile=outcome.profile,
            persona=outcome.persona,
            headers=headers,
            weight=outcome.weight,
        )


def checked_manifest(path: Path) -> ManifestReader:
    """A manifest that promises something to do.

    Raises:
        FileFormatError: it is missing or empty, or its header or one of its first entries malformed.
    """
    if not path.exists():
        raise FileFormatError(path, f"is not there; build it: python -m url_manifests build LOG -o {path}")
    manifest = ManifestReader(path)
    if not manifest.header.entries:
        problem = "holds no entry, so that nothing would be warm; build it again from a log that has visitors"
        raise FileFormatError(path, problem, line=1, field="entries")
    # All of a long one would take longer than its first requests; a slip of the hand mostly shows in these.
    for _ in islice(manifest, ENTRIES_CHECKED_FIRST):
        pass
    return manifest


def plan_requests(
    manifest: ManifestReader, visitors: Visitors, only: str = "", safety: SafetyRules | None = None
) -> Iterator[tuple[Planned, ...]]:
    """The planned requests of each entry, most valuable entry first, reading the manifest as they are asked for.

    The rules of `build` are asked once more: a manifest can be written by hand.
    """
    is_selected = selector(only)
    safety = safety or SafetyRules()
    number = 0
    for entry_number, entry in enumerate(manifest):
        # Most paths are plain, and done with by one regex: what the rules take for them adds up in a long plan.
        is_plain = PLAIN_PATH.fullmatch(entry.url.partition("?")[0].encode("utf-8", "replace")) is not None
        verdict = safety.verdict(entry.url, has_plain_path=is_plain)
        left_out = "" if is_selected(entry.url) else "excluded"
        if verdict:
            left_out = "unsafe"
        if verdict.startswith("secret"):
            # It will be written into the outcomes, as skipped.
            entry = replace(entry, url=masked(entry.url))  # noqa: PLW2901 - from here on nothing else may be seen
        planned = tuple(
            Planned(
                number=own_number,
                entry_number=entry_number,
                entry=entry,
                profile=profile,
                persona=persona,
                headers=visitors.headers(profile, persona),
                weight=entry.expected_hits * share,
                left_out=left_out,
            )
            for own_number, (profile, persona, share) in enumerate(visitors.shares(entry), start=number)
        )
        yield planned
        number += len(planned)


def visitor_headers(profile: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The headers of a profile that a visitor's cache key may depend on, in the profile's order."""
    return tuple((name, value) for name, value in profile.items() if name.lower() not in CONNECTION_HEADERS)


def selector(only: str) -> Callable[[str], bool]:
    """Whether a URL is meant by ``-a only``: path prefixes, or whole paths with ``*`` in them, separated by commas."""
    patterns = [pattern.strip() for pattern in only.split(",") if pattern.strip()]
    if not patterns:
        return lambda _url: True
    # A question mark begins the query here, so the shell's other wildcards have no meaning.
    expression = "|".join(
        ".*".join(re.escape(piece) for piece in pattern.split("*")) + ("" if "*" in pattern else ".*")
        for pattern in patterns
    )
    matches = re.compile(f"(?:{expression})").fullmatch
    return lambda url: matches(url) is not None
