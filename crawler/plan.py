"""What a run will ask for: each entry of the manifest in each of its variants, in its order. Streamed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from url_manifests.manifest import Entry, ManifestReader

CONNECTION_HEADERS: Final = frozenset(
    {"connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"}
)
"""They belong to a connection, not to a visitor: the crawler has its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One entry in one variant: what ends as exactly one outcome."""

    number: int
    """Position in the plan, from 0."""
    entry_number: int
    """Position of its entry in the manifest, from 0."""
    entry: Entry
    profile: str
    headers: tuple[tuple[str, str], ...]
    """The request headers of a visitor of this variant."""
    weight: float
    is_excluded: bool = False
    """Left out by ``-a only``."""


def plan_requests(manifest: ManifestReader, only: str = "") -> Iterator[tuple[Planned, ...]]:
    """The planned requests of each entry, most valuable entry first, reading the manifest as they are asked for."""
    profiles = {name: visitor_headers(headers) for name, headers in manifest.header.profiles.items()}
    default = next(iter(profiles), "")
    is_selected = selector(only)
    number = 0
    for entry_number, entry in enumerate(manifest):
        is_excluded = not is_selected(entry.url)
        variants = entry.variants or {default: 1.0}
        yield tuple(
            Planned(
                number=own_number,
                entry_number=entry_number,
                entry=entry,
                profile=profile,
                headers=profiles.get(profile, ()),
                weight=entry.expected_hits * share,
                is_excluded=is_excluded,
            )
            for own_number, (profile, share) in enumerate(variants.items(), start=number)
        )
        number += len(variants)


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
