"""Header profiles for the variants that were observed, through the policy that logs go through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from url_manifests.profiles import PROFILES
from url_manifests.selection import SelectionPolicy, VariantPolicy

from .observed import Page

_HEADERS = ("User-Agent", "Accept-Encoding", "Accept-Language")
"""In the order of the parts of a variant's name."""


class ObservedVariants:
    """Shares of profiles; only for pages whose responses named a header in ``Vary``.

    Which headers tell visitors apart need not be guessed here: those for which a value was kept.
    """

    def __init__(self, pages: Sequence[Page], policy: SelectionPolicy) -> None:
        site: Counter[str] = Counter()
        vary_on = set(policy.vary_on)
        for page in pages:
            for variant, hits in page.variants.items():
                site[_complete(variant)] += hits
                vary_on.update(name for name, value in zip(_HEADERS, variant.split("\t"), strict=False) if value)
        del site[""]
        self._policy = VariantPolicy(site, replace(policy, vary_on=tuple(sorted(vary_on))))

    def shares(self, page: Page) -> dict[str, float]:
        """Profile → share of the page's visitors; empty when all get the same page."""
        own: Counter[str] = Counter()
        for variant, hits in page.variants.items():
            own[_complete(variant)] += hits
        return self._policy.shares(own) if any(own) else {}

    def used_profiles(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        """The headers of the profiles that entries name."""
        return self._policy.used_profiles(names)


def _complete(variant: str) -> str:
    """The variant with a browser that sends these encodings, where the page did not ask which one it was."""
    profile, encoding, language = (*variant.split("\t"), "", "", "")[:3]
    if profile or not variant:
        return variant
    fitting = (name for name, headers in PROFILES.items() if headers["Accept-Encoding"] == encoding)
    return "\t".join((next(fitting, "chrome"), encoding, language))
