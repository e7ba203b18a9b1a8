"""The tags around a ``{% cache %}`` node that decide what it renders, and how to render it as if within them.

A node is rendered without its page. What the page's template says about it all the same (``{% autoescape %}``,
``{% with %}``, ``{% language %}`` …) is put around it again, in copies of Django's own nodes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from django.template import Context
from django.template.base import Node, NodeList
from django.template.defaulttags import AutoEscapeControlNode, WithNode
from django.templatetags.cache import CacheNode
from django.templatetags.i18n import (
    GetAvailableLanguagesNode,
    GetCurrentLanguageBidiNode,
    GetCurrentLanguageNode,
    LanguageNode,
)
from django.templatetags.l10n import LocalizeNode
from django.templatetags.tz import GetCurrentTimezoneNode, LocalTimeNode, TimezoneNode

from .strict_context import Lack, LackingName

T = TypeVar("T")

_AROUND: Final = (AutoEscapeControlNode, LanguageNode, LocalizeNode, LocalTimeNode, TimezoneNode, WithNode)
"""Tags that set the state of all that is within them."""

_BEFORE: Final = (
    GetAvailableLanguagesNode,
    GetCurrentLanguageBidiNode,
    GetCurrentLanguageNode,
    GetCurrentTimezoneNode,
)
"""Tags that give a name to what Django itself knows, for all that follows."""


@dataclass(frozen=True, slots=True)
class PlacedNode:
    """A ``{% cache %}`` node in its place."""

    node: CacheNode
    surroundings: tuple[Node, ...]
    """What stands around or before it, the outermost first."""

    def within(self, context: Context, call: Callable[[Context], T]) -> T:
        """What ``call`` gives where the node stands."""
        step = _Step(call, self.node)
        nodes: list[Node] = [step]
        for node in reversed(self.surroundings):
            nodes = [_around(node, nodes)] if isinstance(node, _AROUND) else [node, *nodes]
        NodeList(nodes).render(context)
        return step.results[0]


def placed_nodes(nodes: Iterable[Node], surroundings: tuple[Node, ...] = ()) -> Iterator[PlacedNode]:
    """The ``{% cache %}`` nodes among ``nodes`` and within them, as the template has them."""
    for node in nodes:
        if isinstance(node, CacheNode):
            yield PlacedNode(node, surroundings)
        inner = (*surroundings, node) if isinstance(node, _AROUND) else surroundings
        for name in node.child_nodelists:
            yield from placed_nodes(getattr(node, name, None) or (), inner)
        if isinstance(node, _BEFORE):
            surroundings = (*surroundings, node)


class _Step(Node, Generic[T]):
    """Stands where the node does, and calls a function there."""

    def __init__(self, call: Callable[[Context], T], node: CacheNode) -> None:
        self._call = call
        self.results: list[T] = []
        self.token, self.origin = node.token, node.origin  # For the page that shows an error.

    def render(self, context: Context) -> Any:
        self.results.append(self._call(context))
        return ""


class _With(WithNode):
    """``{% with %}``, but a name that cannot be had is only missed by what reads it."""

    def render(self, context: Context) -> Any:
        values: dict[str, Any] = {}
        for name, expression in self.extra_context.items():
            try:
                values[name] = expression.resolve(context)
            except LackingName as lacking:
                values[name] = Lack(lacking.name)
        with context.push(**values):
            return self.nodelist.render(context)


def _around(node: Node, nodes: Sequence[Node]) -> Node:
    copied: Any = copy.copy(node)
    if type(copied) is WithNode:
        copied.__class__ = _With
    copied.nodelist = NodeList(nodes)
    return copied  # type: ignore[no-any-return] # as `node`
