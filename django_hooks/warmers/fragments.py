"""Warms template fragments: renders a ``{% cache %}`` node for the contexts that a project declares.

A fragment depends on whatever its template reads, which nobody can guess. So a project says, for each fragment worth
it, in which contexts it is shown: all names that the node and its key read, the language and the time zone::

    @register
    class Menu(FragmentWarmer):
        name = "menu"
        template_name = "base.html"
        fragment_name = "category_menu"
        languages = "all"
        values = {"group": ["public", "trade"]}

        def contexts(self):
            yield {"shop": Shop.objects.get()}

The same in settings: ``"FRAGMENTS": [{"template": "base.html", "fragment": "category_menu", "languages": "all",
"values": {"group": ["public", "trade"]}, "contexts": "shop.fragments.menu_contexts"}]``.

A name that the node looks up and nobody gives ends its entry as ``bad-entry``: a page has what its view and its context
processors give, and without that the text would be another than a page's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from django.template import loader
from django.template.backends.django import Template as BackendTemplate
from django.utils.module_loading import import_string

from django_hooks import conf, stores
from url_manifests.errors import ConfigurationError, UnknownNameError

from .base import CacheEntry, Category, Warmer
from .cache_nodes import cache_nodes
from .fragment_rendering import FragmentRendering
from .surroundings import PlacedNode
from .variants import AXES, Choices, FragmentContext, checked_axes, multiplied


class FragmentWarmer(Warmer):
    """Renders one ``{% cache %}`` node; key, alias and timeout are the node's own."""

    category: ClassVar[str] = Category.FRAGMENTS
    template_name: ClassVar[str] = ""
    fragment_name: ClassVar[str] = ""
    languages: ClassVar[str | Sequence[str]] = ()
    """Codes, or ``"all"`` for those of the project: each context is rendered in each."""
    time_zones: ClassVar[Sequence[str]] = ()
    values: ClassVar[Mapping[str, Choices]] = {}
    """Name in the context → its values: each context is rendered with each combination."""

    request: ClassVar[str] = ""
    """URL of a page, for the context processors that the fragment needs; what a context says itself goes before it."""
    absent: ClassVar[Sequence[str]] = ()
    """Names that the fragment may look up in vain, because pages lack them too."""

    def contexts(self) -> Iterable[FragmentContext | Mapping[str, Any]]:
        """The situations to render the fragment in; a plain dict stands for its values in the default language."""
        yield FragmentContext()

    def entries(self) -> Iterator[CacheEntry]:
        """One entry for each node and variant of each context; one that lacks a name is a problem.

        Raises:
            ConfigurationError: the class names what is not there.
            UnknownNameError: the template has no such fragment; suggests the nearest.
        """
        template, nodes = self._find()
        axes = checked_axes(self.name, {name: getattr(self, name) for name in AXES})
        absent = frozenset(axes.pop("absent"))
        for situation in multiplied(self.contexts(), **axes):
            yield from FragmentRendering(template, situation, absent).entries(nodes)

    def _find(self) -> tuple[BackendTemplate, list[PlacedNode]]:
        template = loader.get_template(self.template_name)
        if not isinstance(template, BackendTemplate):
            raise ConfigurationError(self.name, f"{self.template_name} is not a template of Django's own engine")
        placed = cache_nodes(template)
        named = [found for found in placed if found.node.fragment_name == self.fragment_name]
        if not named:
            names = {found.node.fragment_name for found in placed}
            raise UnknownNameError(f"fragment of {self.template_name}", self.fragment_name, names)
        return template, named


def why_missing(warmer: FragmentWarmer) -> str:
    """Why the warmer's fragment cannot be rendered; empty where its template has it, or where it looks by itself."""
    if type(warmer).entries is not FragmentWarmer.entries:
        return ""
    try:
        warmer._find()  # noqa: SLF001 - of this module
    except Exception as error:  # noqa: BLE001 - a tag library of the project may raise anything on import
        return stores.describe(error)
    return ""


def declared_fragments() -> Iterator[FragmentWarmer]:
    """The warmers that ``CACHE_WARMING["FRAGMENTS"]`` declares.

    Raises:
        ConfigurationError: a declaration is wrong; says which, and what.
    """
    for number, declaration in enumerate(conf.get("FRAGMENTS")):
        yield _declared(f"{conf.setting_path('FRAGMENTS')}[{number}]", declaration)


_DECLARATION: Final = {"template", "fragment", "contexts", "name", "priority", *AXES}


def _declared(setting: str, declaration: Any) -> FragmentWarmer:
    if not isinstance(declaration, Mapping):
        raise ConfigurationError(setting, f"must be a dict, is {type(declaration).__name__}")
    for name in sorted(declaration.keys() - _DECLARATION, key=str):
        raise UnknownNameError(setting, str(name), _DECLARATION)
    for name in ("template", "fragment"):
        if not isinstance(declaration.get(name), str):
            raise ConfigurationError(setting, f"needs {name!r}, the name of a template or of a fragment in it")
    contexts = _contexts(setting, declaration.get("contexts", [{}]))
    name = declaration.get("name", f"{declaration['template']}:{declaration['fragment']}")
    if not isinstance(name, str) or not name:
        raise ConfigurationError(setting, f"name must be text, is {name!r}")
    priority = declaration.get("priority", 0)
    if not isinstance(priority, int) or isinstance(priority, bool):
        raise ConfigurationError(setting, f"priority must be a whole number, is {priority!r}")
    attributes = {
        "name": name,
        "priority": priority,
        "template_name": declaration["template"],
        "fragment_name": declaration["fragment"],
        **checked_axes(setting, declaration),
        "contexts": lambda self: contexts() if callable(contexts) else contexts,  # noqa: ARG005 - becomes a method
    }
    warmer: FragmentWarmer = type("DeclaredFragment", (FragmentWarmer,), attributes)()
    return warmer


def _contexts(setting: str, contexts: Any) -> Any:
    if isinstance(contexts, str):
        try:
            return import_string(contexts)
        except ImportError as error:
            raise ConfigurationError(setting, f"contexts: {error}") from error
    if not isinstance(contexts, list | tuple) or not all(isinstance(c, FragmentContext | Mapping) for c in contexts):
        raise ConfigurationError(setting, "contexts must be a list of dicts, or the dotted path of a callable")
    return contexts
