"""Whether the visitor whom a page was warmed for would be led to it, asked of Django's own ``get_cache_key``.

A page is kept as two entries: a list of the headers that it varies on, and the response, under a key that is made of
that list. Both may be there and the page be lost all the same: whoever stores another answer at the same URL (one that
varies on Cookie for those who are signed in) replaces the list, and from then on it leads elsewhere.

The visitor's request is built from the profile in the outcome file. Where Django does not find the list under the key
that was traced, or a proxy may have changed the headers on their way, nothing is concluded.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from django.core.handlers.wsgi import WSGIRequest
from django.utils.cache import get_cache_key

from url_manifests.outcomes import KeyState, Outcome, RunInfo
from url_manifests.traces import HEADER_LIST_PREFIX

from .recorder import PAGE_BODY_PREFIX

_PARTS: Final = re.compile(re.escape(HEADER_LIST_PREFIX) + r"(?P<prefix>.*)\.[0-9a-f]{32}(?:\.(?P<language>[^.]+).*)?")
_AUTHORIZATION: Final = "HTTP_AUTHORIZATION"
"""The crawl may have sent one of its own, for a staging site's doorkeeper."""


class VisitorKeys:
    """The visitors of one run; remembers which of their headers reached the site as they were sent."""

    def __init__(self, run: RunInfo) -> None:
        profiles = run.extra.get("profiles")
        self._profiles: Mapping[str, Any] = profiles if isinstance(profiles, dict) else {}
        self._origin = urlsplit(run.public_url)
        self._trusted: defaultdict[str, set[str]] = defaultdict(set)

    def leads_elsewhere(self, outcome: Outcome, header_list: KeyState, value: Any, bodies: Sequence[str]) -> bool:
        """Whether a list of headers that is there certainly leads to none of the traced responses.

        Args:
            header_list: its entry, with ``value`` in it.
            bodies: the keys of responses in the same alias that were proven.
        """
        headers = self._profiles.get(outcome.profile)
        match = _PARTS.fullmatch(header_list.key)
        if outcome.found_in or not isinstance(headers, dict) or not match or not isinstance(value, list | tuple):
            return False
        request = self._request(outcome, headers)
        if match["language"]:
            request.LANGUAGE_CODE = match["language"]  # as LocaleMiddleware does
        shelf = _Shelf(header_list.key, value)
        led_to = get_cache_key(request, match["prefix"], cache=shelf)  # type: ignore[arg-type]  # only its get() is used
        sent = {name for name in value if name in request.META}
        if led_to in bodies:
            self._trusted[outcome.profile] |= sent
            return False
        return led_to is not None and _AUTHORIZATION not in value and sent <= self._trusted[outcome.profile]

    def _request(self, outcome: Outcome, headers: Mapping[str, str]) -> WSGIRequest:
        path, _, query = outcome.url.partition("?")
        environ = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": self._origin.hostname or "localhost",
            "SERVER_PORT": str(self._origin.port or (443 if self._origin.scheme == "https" else 80)),
            "HTTP_HOST": outcome.host or self._origin.netloc,
            "wsgi.url_scheme": self._origin.scheme or "http",
            "wsgi.input": BytesIO(),
            **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
        }
        return _AskedAsItIs(environ)


class _AskedAsItIs(WSGIRequest):
    """Its scheme and host are the visitors', whatever the site trusts proxies to say."""

    @property
    def scheme(self) -> str:
        return str(self.environ["wsgi.url_scheme"])

    def get_host(self) -> str:
        return str(self.environ["HTTP_HOST"])


class _Shelf:
    """In the place of a cache: gives the one value that was read already."""

    def __init__(self, key: str, value: Any) -> None:
        self._key = key
        self._value = value

    def get(self, key: str, default: Any = None) -> Any:
        return self._value if key == self._key else default


def by_alias(states: Sequence[KeyState]) -> dict[str, tuple[list[KeyState], list[KeyState]]]:
    """A page's keys as lists of headers and responses, for each cache that keeps it."""
    found: defaultdict[str, tuple[list[KeyState], list[KeyState]]] = defaultdict(lambda: ([], []))
    for state in states:
        if state.key.startswith(PAGE_BODY_PREFIX):
            found[state.alias][1].append(state)
        else:
            found[state.alias][0].append(state)
    return dict(found)
