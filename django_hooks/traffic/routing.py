"""Which pages this release still has, and by which route; asked of the URLconf."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from django.conf import settings
from django.urls import Resolver404, get_script_prefix, resolve
from django.utils import translation

from url_manifests.routes import route_of

from .observed import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A route that pages were recorded under and that this release does not have."""

    route: str
    urls: int
    hits: int
    example: str


def route_name(url: str, urlconf: str = "") -> str | None:
    """The URLconf's pattern for a URL, such as ``en/p/<int:pk>/``, or ``None`` when it finds none.

    The language is taken from the path, as ``LocaleMiddleware`` does it: patterns with a language prefix, and
    translated ones, match in their own language only.

    Args:
        urlconf: the dotted path of the one that a middleware chose for the page, or empty for ``ROOT_URLCONF``.
    """
    path = unquote(url.partition("?")[0])
    script = get_script_prefix()
    if script != "/" and path.startswith(script):
        path = f"/{path.removeprefix(script)}"
    language = (translation.get_language_from_path(path) if settings.USE_I18N else None) or settings.LANGUAGE_CODE
    with translation.override(language):
        try:
            return resolve(path, urlconf or None).route
        except (Resolver404, ModuleNotFoundError):
            return None


def gone_routes(pages: Iterable[Page]) -> list[Gone]:
    """Pages that are gone, by the route that they had when they were recorded; the most asked for first."""
    by_route: dict[str, list[Page]] = {}
    for page in pages:
        by_route.setdefault(page.route or route_of(page.url), []).append(page)
    found = [
        Gone(
            route=route,
            urls=len(members),
            hits=sum(page.hits for page in members),
            example=max(members, key=lambda page: (page.hits, page.url)).url,
        )
        for route, members in by_route.items()
    ]
    return sorted(found, key=lambda gone: (-gone.hits, gone.route))
