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
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

from django.conf import settings
from django.template import Context, VariableDoesNotExist, loader
from django.template.backends.django import Template as BackendTemplate
from django.template.context import make_context
from django.templatetags.cache import CacheNode
from django.utils import timezone, translation
from django.utils.module_loading import import_string

from django_hooks import conf, stores
from url_manifests.errors import ConfigurationError, UnknownNameError

from .base import CacheEntry, Category, Warmer
from .cache_nodes import cache_nodes, fragment_alias, fragment_key, fragment_timeout
from .variants import Choices, FragmentContext, checked_axes, multiplied


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

    def contexts(self) -> Iterable[FragmentContext | Mapping[str, Any]]:
        """The situations to render the fragment in; a plain dict stands for its values in the default language."""
        yield FragmentContext()

    def entries(self) -> Iterator[CacheEntry]:
        """One entry for each variant of each context; one that lacks a name which the key depends on is a problem.

        Raises:
            UnknownNameError: the template has no such fragment; suggests the nearest.
        """
        template, node = self._find()
        axes = {"languages": self.languages, "time_zones": self.time_zones, "values": self.values}
        for situation in multiplied(self.contexts(), **axes):  # type: ignore[arg-type] # one dict for three types
            yield _entry(template, node, situation)

    def _find(self) -> tuple[BackendTemplate, CacheNode]:
        template = loader.get_template(self.template_name)
        if not isinstance(template, BackendTemplate):
            raise ConfigurationError(self.name, f"{self.template_name} is not a template of Django's own engine")
        nodes = {node.fragment_name: node for node in cache_nodes(template)}
        if self.fragment_name not in nodes:
            raise UnknownNameError(f"fragment of {self.template_name}", self.fragment_name, nodes)
        return template, nodes[self.fragment_name]


def why_missing(warmer: FragmentWarmer) -> str:
    """Why the warmer's fragment cannot be rendered; empty where its template has it, or where it looks by itself."""
    if type(warmer).entries is not FragmentWarmer.entries:
        return ""
    try:
        warmer._find()  # noqa: SLF001 - of this module
    except Exception as error:  # noqa: BLE001 - a tag library of the project may raise anything on import
        return stores.describe(error)
    return ""


def _entry(template: BackendTemplate, node: CacheNode, situation: FragmentContext) -> CacheEntry:
    def render() -> str:
        with _rendering(template, situation) as context:
            return node.nodelist.render(context)

    with _rendering(template, situation) as context:
        try:
            key = fragment_key(node, context)
        except VariableDoesNotExist as error:
            return CacheEntry(key=node.fragment_name, problem=str(error))
        return CacheEntry(
            key=key,
            alias=fragment_alias(node, context),
            timeout=fragment_timeout(node, context),
            compute=render,
        )


@contextmanager
def _rendering(template: BackendTemplate, situation: FragmentContext) -> Iterator[Context]:
    """A context as a template has it while it renders, in the situation's language and time zone."""
    language = situation.language or settings.LANGUAGE_CODE
    values = {"LANGUAGE_CODE": language, "LANGUAGES": settings.LANGUAGES, **situation.values}
    with ExitStack() as stack:
        stack.enter_context(translation.override(language))
        if situation.time_zone:
            stack.enter_context(timezone.override(situation.time_zone))
        context = make_context(values, situation.request, autoescape=template.backend.engine.autoescape)
        stack.enter_context(context.render_context.push_state(template.template))
        stack.enter_context(context.bind_template(template.template))
        yield context


def declared_fragments() -> Iterator[FragmentWarmer]:
    """The warmers that ``CACHE_WARMING["FRAGMENTS"]`` declares.

    Raises:
        ConfigurationError: a declaration is wrong; says which, and what.
    """
    for number, declaration in enumerate(conf.get("FRAGMENTS")):
        yield _declared(f"{conf.setting_path('FRAGMENTS')}[{number}]", declaration)


_DECLARATION = {"template", "fragment", "contexts", "languages", "time_zones", "values", "name", "priority"}


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
