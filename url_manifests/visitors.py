"""User agents and observed headers to the variant part of a cell, each distinct one once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .agents import AgentClassifier
from .cells import EXCLUDED_AGENT, VARIANT_BIT

MAX_AGENTS: Final = 20_000
MAX_VARIANTS: Final = 500
"""Distinct combinations of profile and observed headers; what comes later counts as its profile alone."""
MAX_VARIANT_CHARS: Final = 300
_RULE_BITS: Final = 0x3FF

Who = bytes | tuple[bytes, bytes, bytes]
"""The user agent; with Accept-Encoding and Accept-Language where the log has them."""


class Visitors(dict[Who, int]):
    """Who asked → their part of a cell: the variant, or the mark and the rule of a program that is not counted.

    A dictionary that fills itself in, so that known ones cost a look-up.

    Args:
        excluded: regular expressions of user agents that are left out.
        keep_bots: whether bots count as visitors.
    """

    def __init__(self, excluded: Sequence[str], *, keep_bots: bool) -> None:
        super().__init__()
        self.variants: list[str] = [""]
        self._variant_numbers: dict[str, int] = {"": 0}
        self._rules: list[str] = []
        self._classifier = AgentClassifier(excluded)
        self._keep_bots = keep_bots

    def __missing__(self, who: Who) -> int:
        if len(self) >= MAX_AGENTS:
            self.clear()
        raw, encoding, language = who if isinstance(who, tuple) else (who, b"", b"")
        agent = self._classifier.classify(raw)
        if agent.rule and not (self._keep_bots and agent.rule == "bot"):
            part = EXCLUDED_AGENT | self._rule_number(agent.rule) << VARIANT_BIT
        else:
            part = self._variant(agent.profile, encoding, language) << VARIANT_BIT
        self[who] = part
        return part

    def rule(self, cell: int) -> str:
        """The rule behind a cell or its part that is marked `EXCLUDED_AGENT`."""
        return self._rules[cell >> VARIANT_BIT & _RULE_BITS]

    def _rule_number(self, rule: str) -> int:
        if rule not in self._rules:
            self._rules.append(rule)
        return self._rules.index(rule)

    def _variant(self, profile: str, encoding: bytes, language: bytes) -> int:
        observed = [raw.decode("latin-1") if raw != b"-" else "" for raw in (encoding, language)]
        name = "\t".join([profile, *observed]) if profile and any(observed) else profile
        if not name.replace("\t", "").isprintable() or not name.isascii() or len(name) > MAX_VARIANT_CHARS:
            name = profile
        if name not in self._variant_numbers and len(self.variants) >= MAX_VARIANTS:
            name = profile if profile in self._variant_numbers else ""
        if name not in self._variant_numbers:
            self._variant_numbers[name] = len(self.variants)
            self.variants.append(name)
        return self._variant_numbers[name]
