"""Finds the ``{% cache %}`` nodes of a project's templates, and asks them for key, alias and timeout.

A node is asked in the way it asks itself when it renders: `CacheNode` keeps its compiled parts in attributes, and the
key comes from ``make_template_fragment_key`` alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.cache import InvalidCacheBackendError, caches
from django.core.cache.utils import make_template_fragment_key
from django.template import Context, engines
from django.template.backends.django import DjangoTemplates
from django.template.backends.django import Template as BackendTemplate
from django.templatetags.cache import CacheNode

from django_hooks import stores

from .surroundings import PlacedNode, placed_nodes


@dataclass(frozen=True, slots=True)
class FoundFragment:
    """One ``{% cache %}`` node."""

    template_name: str
    fragment_name: str
    vary_on: tuple[str, ...]
    """The arguments of the tag as they are written."""


@dataclass(slots=True)
class Findings:
    """What a walk over all templates gave."""

    fragments: list[FoundFragment] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    """Template → why it could not be compiled."""


def find_fragments() -> Findings:
    """Compile every template of every Django engine and list its ``{% cache %}`` nodes."""
    findings = Findings()
    for engine in engines.all():
        if isinstance(engine, DjangoTemplates):
            for name in sorted(set(template_names(engine))):
                _look_into(engine, name, findings)
    return findings


def _look_into(engine: DjangoTemplates, name: str, findings: Findings) -> None:
    try:
        nodes: list[Any] = engine.get_template(name).template.nodelist.get_nodes_by_type(CacheNode)
    except Exception as error:  # noqa: BLE001 - a tag library of the project may raise anything on import; reported
        findings.broken[name] = stores.describe(error)
        return
    for node in nodes:
        vary_on = tuple(expression.token for expression in node.vary_on)
        findings.fragments.append(FoundFragment(name, node.fragment_name, vary_on))


def template_names(engine: DjangoTemplates) -> Iterator[str]:
    """Every name under which a template of this engine can be loaded; some twice."""
    for loader in _flatten(engine.engine.template_loaders):
        for folder in loader.get_dirs() if hasattr(loader, "get_dirs") else ():
            for directory, _, files in os.walk(folder):
                for file in files:
                    yield Path(directory, file).relative_to(folder).as_posix()
        yield from getattr(loader, "templates_dict", ())


def _flatten(loaders: Any) -> Iterator[Any]:
    for loader in loaders:
        # The cached loader wraps others, and lists their folders, but not the templates of a dict loader.
        yield from _flatten(loader.loaders) if hasattr(loader, "loaders") else (loader,)


def cache_nodes(template: BackendTemplate) -> list[PlacedNode]:
    """The nodes in a template itself; what it extends or includes is a template of its own."""
    return placed_nodes(template.template)


def fragment_key(node: CacheNode, context: Context) -> str:
    """The key under which the node keeps what it renders in ``context``."""
    return make_template_fragment_key(node.fragment_name, [expression.resolve(context) for expression in node.vary_on])


def fragment_alias(node: CacheNode, context: Context) -> str:
    """The alias that the node writes to: ``using=``, else ``template_fragments``, else ``default``."""
    if node.cache_name is not None:
        return str(node.cache_name.resolve(context))
    try:
        caches["template_fragments"]
    except InvalidCacheBackendError:
        return "default"
    return "template_fragments"


def fragment_timeout(node: CacheNode, context: Context) -> int | None:
    """The node's timeout in seconds; ``None`` never expires."""
    timeout = node.expire_time_var.resolve(context)
    return None if timeout is None else int(timeout)
