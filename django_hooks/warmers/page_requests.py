"""The request of a visitor without cookies, for the context processors that a fragment's names come from."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from io import BytesIO
from typing import Any
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from django.apps import apps
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host
from django.urls import Resolver404, resolve, translate_url
from django.utils import translation


def page_request(url: str, language: str) -> HttpRequest:
    """A request for a page, as middleware leaves it for somebody who is not signed in; none is run for it.

    Where a page's path tells the language, it is the page's path in this one.
    """
    with translation.override(translation.get_language_from_path(urlsplit(url).path) or settings.LANGUAGE_CODE):
        url = translate_url(url, language)
    request: Any = WSGIRequest(_environ(urlsplit(url)))
    request.LANGUAGE_CODE = language
    if apps.is_installed("django.contrib.sessions"):
        request.session = import_module(settings.SESSION_ENGINE).SessionStore()
    if apps.is_installed("django.contrib.auth"):
        from django.contrib.auth.models import AnonymousUser  # noqa: PLC0415 - needs the app

        request.user = AnonymousUser()
    with translation.override(language), suppress(Resolver404):
        request.resolver_match = resolve(request.path_info)
    return request  # type: ignore[no-any-return] # as made above


def _environ(parts: SplitResult) -> dict[str, Any]:
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    return {
        "REQUEST_METHOD": "GET",
        # WSGI hands bytes over as Latin-1.
        "PATH_INFO": unquote_to_bytes(parts.path or "/").decode("latin-1"),
        "QUERY_STRING": parts.query,
        "HTTP_HOST": parts.netloc,
        "SERVER_NAME": parts.hostname or "",
        "SERVER_PORT": str(port),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": BytesIO(),
    }


def url_problem(url: Any) -> str:
    """What is wrong with the URL of a page; empty when nothing is."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        is_whole = parts is not None and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_whole = False
    if parts is None or not is_whole or "@" in parts.netloc:
        return f"request must be the URL of a page, such as 'https://shop.example/', is {url!r}"[:160]
    allowed = settings.ALLOWED_HOSTS or [".localhost", "127.0.0.1", "[::1]"] * settings.DEBUG
    if not validate_host(split_domain_port(parts.netloc)[0], allowed):
        return f"request: ALLOWED_HOSTS does not hold {parts.netloc!r}"
    return ""
