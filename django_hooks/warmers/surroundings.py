"""The tags around a ``{% cache %}`` node that decide what it renders, and how to render it as if within them.

A node is rendered without its page. What the page's template says about it all the same (``{% autoescape %}``,
``{% with %}``, ``{% language %}`` …) is put around it again, in copies of Django's own nodes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from django.template import Context, Template
from django.template.base import Node, NodeList
from django.template.defaulttags import AutoEscapeControlNode, ForNode, WithNode
from django.template.loader_tags import BlockNode, ExtendsNode
from django.templatetags.cache import CacheNode
from django.templatetags.i18n import (
    GetAvailableLanguagesNode,
    GetCurrentLanguageBidiNode,
    GetCurrentLanguageNode,
    LanguageNode,
)
from django.templatetags.l10n import LocalizeNode
from django.templatetags.tz import GetCurrentTimezoneNode, LocalTimeNode, TimezoneNode

from .strict_context import Lack, LackingName, UnknownLoop

T = TypeVar("T")

_AROUND: Final = (AutoEscapeControlNode, ForNode, LanguageNode, LocalizeNode, LocalTimeNode, TimezoneNode, WithNode)
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
            nodes = [node, *nodes] if isinstance(node, _BEFORE) else [_around(node, nodes)]
        NodeList(nodes).render(context)
        return step.results[0]


def placed_nodes(template: Template) -> list[PlacedNode]:
    """The ``{% cache %}`` nodes of a template; what stands around its blocks in those that it extends counts too."""
    lineage = _lineage(template)
    layouts = [_Layout(each) for each in reversed(lineage)]
    return [
        PlacedNode(node, (*_around_block(layouts, block), *surroundings))
        for node, block, surroundings in _Layout(template).caches
    ]


class _Layout:
    """What one template says about where its ``{% cache %}`` tags and its blocks stand."""

    def __init__(self, template: Template) -> None:
        self._only_blocks = _extends(template) is not None
        self.caches: list[tuple[CacheNode, str, tuple[Node, ...]]] = []
        """With the block that a tag stands in, in a template that extends one, and what is around it from there on."""
        self.blocks: dict[str, tuple[str, tuple[Node, ...]]] = {}
        """The same of blocks."""
        self._walk(template.nodelist, "", ())

    def _walk(self, nodes: Iterable[Node], block: str, surroundings: tuple[Node, ...]) -> None:
        for node in nodes:
            within, inner = block, surroundings
            if isinstance(node, CacheNode):
                self.caches.append((node, block, surroundings))
            elif isinstance(node, BlockNode):
                self.blocks[node.name] = (block, surroundings)
                within, inner = (node.name, ()) if self._only_blocks else (block, surroundings)
            elif isinstance(node, _AROUND):
                inner = (*surroundings, node)
            for name in node.child_nodelists:
                self._walk(getattr(node, name, None) or (), within, inner)
            if isinstance(node, _BEFORE):
                surroundings = (*surroundings, node)


def _around_block(layouts: Sequence[_Layout], name: str) -> tuple[Node, ...]:
    """What stands around a block: it is rendered where the first of the templates, from the root on, has it."""
    for layout in layouts:
        if name in layout.blocks:
            outer, surroundings = layout.blocks[name]
            return (*_around_block(layouts, outer), *surroundings)
    return ()


def _lineage(template: Template) -> list[Template]:
    """The template and those that it extends, as far as their names are written in it."""
    context = Context()
    lineage = [template]
    with context.render_context.push_state(template), context.bind_template(template):
        while (node := _extends(lineage[-1])) is not None and _is_written(node.parent_name):
            lineage.append(node.get_parent(context))
    return lineage


def _is_written(name: Any) -> bool:
    return isinstance(name.var, str) and not name.filters


def _extends(template: Template) -> ExtendsNode | None:
    return next((node for node in template.nodelist if isinstance(node, ExtendsNode)), None)


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


class _Loop(Node):
    """``{% for %}``, run once, with the names that the context has; which time it would be, nobody knows."""

    nodelist: NodeList

    def render(self, context: Context) -> Any:
        with context.push(**({} if "forloop" in context else {"forloop": UnknownLoop()})):
            return self.nodelist.render(context)


def _around(node: Node, nodes: Sequence[Node]) -> Node:
    if isinstance(node, ForNode):
        loop = _Loop()
        loop.nodelist = NodeList(nodes)
        return loop
    copied: Any = copy.copy(node)
    if type(copied) is WithNode:
        copied.__class__ = _With
    copied.nodelist = NodeList(nodes)
    return copied  # type: ignore[no-any-return] # as `node`
