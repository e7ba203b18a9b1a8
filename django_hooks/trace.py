"""From the calls of one request to the trace that goes back to the crawler: prove, fold, leave secrets out."""

from __future__ import annotations

import os
import re
import socket
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.core.cache import BaseCache, caches
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from url_manifests.reasons import CACHE_DOWN, CACHE_INTERRUPTED
from url_manifests.traces import HEADER_LIST_PREFIX, KeyEvent, KeyKind, Trace, TracedKey

from . import store_state, stores, taps
from .page_reasons import page_reason
from .recorder import PAGE_BODY_PREFIX, KeyId, Recorder

_MIN_SECRET_COOKIE_CHARS: Final = 12
"""A cookie as short as ``lang=de`` identifies nobody, and its value may be part of any key."""
_MAY_BE_THE_STORES: Final = frozenset({"status", "no-page-cache", "not-looked-up"})
"""What is said of a page when a cache raised before it could be stored, or looked up."""
_TOLD_APART_ANYHOW: Final = re.compile(
    "accept-encoding|accept-language|cookie|authorization|origin|x-requested-with|hx-.*|turbo-.*|x-up-.*"
)
"""What the variants of a manifest, or its personas, are chosen by; and what nobody sends who asks for a whole page."""
_MOST_VARYING: Final = 10
_EMAIL: Final = re.compile(r"[^\s@:/]@[^\s@:/]+\.\w")


Events = Sequence[tuple[KeyId, KeyEvent]]


class RequestTrace:
    """Follows one ticketed request, and says afterwards what it did to the caches."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.errors: Counter[str] = Counter()
        """Exceptions of backends while their keys were read back, and of aliases that cannot be opened."""
        self.caches = dict(self._open_caches())
        self._down: list[str] = []

    def _open_caches(self) -> Iterator[tuple[str, BaseCache]]:
        # Opened here, in the outermost context, so that everything the request starts shares these very instances.
        for alias in settings.CACHES:
            try:
                yield alias, caches[alias]
            except Exception as error:  # noqa: BLE001 - an unused, broken alias must not break the page; counted
                self.errors[type(error).__name__] += 1

    @contextmanager
    def following(self) -> Iterator[None]:
        """Listen to the caches while the block runs."""
        with taps.listening(self.caches.items(), self.recorder):
            yield

    def result(
        self, request: HttpRequest, response: HttpResponseBase, *, gone: Collection[KeyId] = (), reason: str = ""
    ) -> Trace:
        """The trace, after what was written has been read back. Blocks on the caches: not for an event loop.

        Args:
            gone: entries that were deleted again after the request, because nobody may have them.
            reason: why, instead of what the page's own events say.
        """
        present = self._read_back(self.recorder.unproven())
        events = [(k, KeyEvent.LOST if k in gone else event) for k, event in self.recorder.events(present)]
        bodies = [event for key, event in events if key.key.startswith(PAGE_BODY_PREFIX)]
        header_lists = [event for key, event in events if key.key.startswith(HEADER_LIST_PREFIX)]
        is_secret = secret_test(request, response)
        told = [(key, event) for key, event in events if not is_secret(key.key)]
        return Trace(
            keys=tuple(TracedKey(**key._asdict(), event=event, kind=key.kind) for key, event in told),
            reason=reason or self._reason(page_reason(response, bodies, header_lists), events),
            worker=worker_id(),
            private_aliases=frozenset(a for a, cache in self.caches.items() if stores.keeps_to_itself(cache)),
            omitted=self.recorder.omitted,
            extra=self._extra(response, events, len(events) - len(told)),
        )

    def _reason(self, reason: str, events: Events) -> str:
        """The page's reason, or that of its store when that is what is behind it."""
        lost = [key for key, event in events if event is KeyEvent.LOST]
        raised = list(self.recorder.errors) if reason in _MAY_BE_THE_STORES else []
        for alias in dict.fromkeys([*(key.alias for key in lost if key.kind is KeyKind.PAGE), *raised]):
            if found := store_state.why_lost(self.caches[alias]):
                if found == CACHE_DOWN:
                    self._down.append(alias)
                return found
        # It answers now; what failed a moment ago was no fault of the page's.
        if self.recorder.unreachable & {*raised, *(key.alias for key in lost)}:
            return CACHE_INTERRUPTED
        return reason

    def _read_back(self, keys: Collection[KeyId]) -> set[KeyId]:
        groups: dict[tuple[str, int | str | None], list[str]] = defaultdict(list)
        for alias, key, version in keys:
            groups[alias, version].append(key)
        present: set[KeyId] = set()
        for (alias, version), names in groups.items():
            found = stores.read_back(self.caches[alias], names, version)
            self.errors.update(found.errors)
            if found.is_unreachable:
                self.recorder.unreachable.add(alias)
            present.update(KeyId(alias, name, version) for name in found.values)
        return present

    def _extra(self, response: HttpResponseBase, events: Events, secrets_left_out: int) -> dict[str, Any]:
        counted = {
            "error": dict(self.errors),
            "down": self._down,
            "raised": self.recorder.errors.total(),
            "secret": secrets_left_out,
        }
        extra: dict[str, Any] = {name: value for name, value in counted.items() if value}
        if response.streaming:
            extra["streamed"] = True  # What the content does to the caches comes later than this header.
        if vary := _varies_on(response, events):
            extra["vary"] = vary
        for name, kind in (("ttl_s", None), ("page_ttl_s", KeyKind.PAGE)):
            if (timeout_s := self.recorder.shortest_timeout_s(kind)) is not None:
                extra[name] = round(timeout_s)
        written = sorted({key.alias for key, event in events if event in (KeyEvent.STORED, KeyEvent.LOST)})
        if fill := self._fill(written):
            extra["fill"] = fill
        prints = {alias: store_state.key_print(self.caches[alias]) for alias in written}
        if made := {alias: text for alias, text in prints.items() if text}:
            extra["made"] = made
        return extra

    def _fill(self, aliases: Collection[str]) -> dict[str, float]:
        """Alias → how full it is, for those that were written to and are near to throwing entries away."""
        found = {alias: store_state.fill(self.caches[alias]) for alias in aliases}
        return {alias: round(share, 3) for alias, share in found.items() if share >= store_state.NEARLY_FULL}


def _varies_on(response: HttpResponseBase, events: Events) -> list[str]:
    """The headers that tell visitors of this page apart, if a page cache has it, but for those that are known to."""
    if not any(key.kind is KeyKind.PAGE and event in (KeyEvent.HIT, KeyEvent.STORED) for key, event in events):
        return []
    names = (name.strip().lower() for name in response.get("Vary", "").split(","))
    return sorted({name for name in names if name and not _TOLD_APART_ANYHOW.fullmatch(name)})[:_MOST_VARYING]


def worker_id() -> str:
    """Which process answers. Asked each time: a worker that was forked is another one."""
    return f"{socket.gethostname()}:{os.getpid()}"


class SecretTest:
    """Whether a cache key would give away who is signed in, or let somebody sign in."""

    def __init__(self, texts: Collection[str], prefix: str | None) -> None:
        self._texts = texts
        self._prefix = prefix

    def __call__(self, key: str) -> bool:
        if self._prefix and key.startswith(self._prefix):
            return True
        return any(text in key for text in self._texts) or _EMAIL.search(key) is not None


def secret_test(request: HttpRequest, response: HttpResponseBase) -> SecretTest:
    """The test for the keys of one request, by what its cookies and headers hold."""
    cookies = [*request.COOKIES.values(), *(morsel.value for morsel in response.cookies.values())]
    texts = {value for value in cookies if len(value) >= _MIN_SECRET_COOKIE_CHARS}
    session = getattr(request, "session", None)
    texts.update(filter(None, (getattr(session, "session_key", None), request.META.get("CSRF_COOKIE"))))
    authorization = request.headers.get("Authorization", "").rpartition(" ")[2]
    return SecretTest(texts | ({authorization} - {""}), _session_key_prefix())


def _session_key_prefix() -> str | None:
    if not apps.is_installed("django.contrib.sessions"):
        return None
    store = import_module(settings.SESSION_ENGINE).SessionStore
    return getattr(store, "cache_key_prefix", None)
