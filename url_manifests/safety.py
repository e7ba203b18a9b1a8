"""Which URLs must never be replayed, and which must never be written down. Pure.

Two questions of every distinct URL, answered by `unsafe_urls`, `secret_urls` and the user's own rules (``--rules``):

* *unsafe*: may a GET of it change something (log out, delete, confirm, order)?
* *secret*: does it hold a token, a signature, an address, a session; by a parameter's name, by shape, or because a
  value is too random to be a word?

The rules lean towards caution: a page that is wrongly left out is cold once more, a logout link that is wrongly kept is
an incident. `SafetyRules.verdict` gives ``family:rule``, such as ``unsafe:logout`` or ``secret:jwt``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .query_pairs import pairs
from .secret_urls import secret_rule
from .unsafe_urls import unsafe_rule


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
        if secret := secret_rule(path, query) or self._named(query):
            return secret
        if self.allowed and any(pattern.search(url) for pattern in self.allowed):
            return ""
        return unsafe_rule(path, query)

    def _named(self, query: str) -> str:
        if not self.parameters or not query:
            return ""
        return next((self.parameters[name] for name, _ in pairs(query) if name.lower() in self.parameters), "")
