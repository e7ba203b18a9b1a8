"""A context for templates that tells what it was asked for in vain.

A template goes on with an empty text where a name is missing. For a fragment that is rendered without its page this
would be another text than the page's, and every visitor would be given it.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from django.http import HttpRequest
from django.template import Context, RequestContext
from django.template.context import BaseContext

_CSRF_TOKEN: Final = "csrf_token"  # noqa: S105 - a name in templates

_LOOP: Final = "forloop"


class LackingName(BaseException):
    """A template looked up a name that the context lacks.

    No `Exception`, because ``{% if %}`` takes those for False. The template goes no further: a ``{% cache %}`` within
    the fragment would store what it made without the name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


@dataclass(frozen=True, slots=True)
class Lack:
    """Stands in a context for a value that another name would be needed for."""

    name: str


class _CsrfToken:
    """Stands for a visitor's token: tags may pass it on to other templates, but not look at it."""

    def __bool__(self) -> NoReturn:
        raise LackingName(_CSRF_TOKEN)

    def __str__(self) -> NoReturn:
        raise LackingName(_CSRF_TOKEN)


class UnknownLoop(dict[str, Any]):
    """Stands for the ``forloop`` of a loop that is not run: loops within may have it as ``parentloop``, unread."""

    def __getitem__(self, key: Any) -> NoReturn:
        raise LackingName(_LOOP)

    def __bool__(self) -> NoReturn:
        raise LackingName(_LOOP)

    def __str__(self) -> NoReturn:
        raise LackingName(_LOOP)


class _Strict(BaseContext):
    _absent: AbstractSet[str] = frozenset()
    _is_strict = True
    _has_request = False

    def __getitem__(self, key: Any) -> Any:
        try:
            value = super().__getitem__(key)
        except KeyError:
            self._miss(key)
            raise
        if isinstance(value, Lack):
            raise LackingName(value.name)
        return value

    def __contains__(self, key: Any) -> bool:
        found = super().__contains__(key)
        # ``{% blocktranslate %}`` asks in this way, and ``{% for %}`` whether there is a loop around it.
        if not found and key != _LOOP:
            self._miss(key)
        return found

    def get(self, key: Any, otherwise: Any = None) -> Any:
        """The value; a tag that has another one at hand may ask for what only some pages have, but not without them."""
        if super().__contains__(key):
            return self[key]
        if not self._has_request:
            self._miss(key)
        return otherwise

    def new(self, values: Any = None) -> Any:
        """The context of an inclusion tag or of ``{% include … only %}``: it lacks the same names on a page."""
        made: Any = super().new(values)
        made._is_strict = False  # noqa: SLF001 - of its own kind
        return made

    def _miss(self, key: Any) -> None:
        if self._is_strict and key not in self._absent:
            raise LackingName(str(key))


class _StrictContext(_Strict, Context):
    pass


class _StrictRequestContext(_Strict, RequestContext):
    _has_request = True


def strict_context(
    values: Mapping[str, Any], request: HttpRequest | None, absent: AbstractSet[str], *, autoescape: bool
) -> Context:
    """A context as Django makes it of these, which raises `LackingName` where a name is looked up in vain.

    Args:
        values: its names.
        request: for the context processors, as with Django.
        absent: names that may be looked up in vain, because pages lack them too.
        autoescape: as with Django.
    """
    values = {_CSRF_TOKEN: _CsrfToken(), **values}
    context: _StrictContext | _StrictRequestContext
    if request is None:
        context = _StrictContext(values, autoescape=autoescape)
    else:
        context = _StrictRequestContext(request, autoescape=autoescape)
        context.push(values)  # Over what the processors give.
    context._absent = absent  # noqa: SLF001 - made here
    return context


def lack_problem(name: str, values: Mapping[str, Any], *, has_request: bool) -> str:
    """What to do about a name that a fragment looks up in vain."""
    if name in _SPECIAL:
        return _SPECIAL[name]
    dotted = next((given for given in values if given.startswith(f"{name}.")), "")
    if dotted:
        return f"the context lacks {name!r}: a dot in {dotted!r} does not nest; give {name!r} as a dict"
    ways = ["give it", "" if has_request else "a request, if a context processor gives it", "or name it in absent"]
    return f"the context lacks {name!r}: {', '.join(filter(None, ways))} if pages lack it too"


_SPECIAL: Final = {
    _CSRF_TOKEN: "it holds a csrf token, which is one visitor's: the forms of all others would be refused; "
    "keep the token out of the fragment",
    "block": "it reads 'block', which only a whole page has; {{ block.super }} cannot be warmed as a fragment, "
    "warm its page",
    _LOOP: "it reads 'forloop' of a loop around it, which is not run; give it in the context, such as "
    "{'forloop': {'counter': 1}}, or warm its page",
}
