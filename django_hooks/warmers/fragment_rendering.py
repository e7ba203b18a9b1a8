"""Renders the ``{% cache %}`` nodes of a template in one situation, as a page of that situation would."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager
from functools import partial

from django.conf import settings
from django.template import Context
from django.template.backends.django import Template as BackendTemplate
from django.utils import timezone, translation

from .base import BadEntryError, CacheEntry
from .cache_nodes import fragment_alias, fragment_key, fragment_timeout
from .strict_context import LackingName, lack_problem, strict_context
from .surroundings import PlacedNode
from .variants import FragmentContext, situation_problem


class FragmentRendering:
    """One template and one situation."""

    def __init__(self, template: BackendTemplate, situation: FragmentContext, absent: AbstractSet[str]) -> None:
        self._template = template
        self._situation = situation
        self._absent = absent

    def entries(self, nodes: Sequence[PlacedNode]) -> Iterator[CacheEntry]:
        """One for each key; a node that lacks a name of its key is a problem."""
        sharing: dict[tuple[str, str], list[PlacedNode]] = {}
        for placed in nodes:
            entry = self._entry(placed)
            if entry.problem:
                yield entry
                continue
            same = sharing.setdefault((entry.alias, entry.key), [])
            same.append(placed)
            if len(same) == 1:
                entry.compute = partial(self._same_text, same)
                yield entry

    def _entry(self, placed: PlacedNode) -> CacheEntry:
        def entry(context: Context) -> CacheEntry:
            return CacheEntry(
                key=fragment_key(placed.node, context),
                alias=fragment_alias(placed.node, context),
                timeout=fragment_timeout(placed.node, context),
            )

        problem = situation_problem(self._situation)
        try:
            if not problem:
                with self._context() as context:
                    return placed.within(context, entry)
        except LackingName as lacking:
            problem = self._problem(lacking)
        return CacheEntry(key=placed.node.fragment_name, problem=problem)

    def _same_text(self, nodes: Sequence[PlacedNode]) -> str:
        first, *others = map(self._text, nodes)
        if any(other != first for other in others):
            raise BadEntryError("several {% cache %} tags have this key, and different texts; give each its own")
        return first

    def _text(self, placed: PlacedNode) -> str:
        try:
            with self._context() as context:
                return placed.within(context, placed.node.nodelist.render)
        except LackingName as lacking:
            raise BadEntryError(self._problem(lacking)) from None

    def _problem(self, lacking: LackingName) -> str:
        has_request = self._situation.request is not None
        return lack_problem(lacking.name, self._situation.values, has_request=has_request)

    @contextmanager
    def _context(self) -> Iterator[Context]:
        """A context as a template has it while it renders, in the situation's language and time zone."""
        situation, template = self._situation, self._template.template
        language = situation.language or settings.LANGUAGE_CODE
        usual = {"LANGUAGE_CODE": language, "LANGUAGES": settings.LANGUAGES}
        values = {name: value for name, value in usual.items() if name not in self._absent} | dict(situation.values)
        with ExitStack() as stack:
            stack.enter_context(translation.override(language))
            if situation.time_zone:
                stack.enter_context(timezone.override(situation.time_zone))
            context = strict_context(values, situation.request, self._absent, autoescape=template.engine.autoescape)
            stack.enter_context(context.render_context.push_state(template))
            stack.enter_context(context.bind_template(template))
            yield context
