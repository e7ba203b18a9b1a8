"""Personas: existing accounts that a run may ask as, with sessions minted here, and the proof that none of it leaks.

`accounts` says who may be one, `minting` makes and ends their sessions, `identity` tells who a ticketed request came
from, `markers` and `leaks` find what belongs to one persona in what another was given.
"""

from __future__ import annotations

from .minting import listing, mint, revoke

__all__ = ["listing", "mint", "revoke"]
