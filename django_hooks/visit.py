"""One ticketed request from its admission to its trace: caches followed, writes guarded, personas kept apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.http.response import HttpResponseBase

from url_manifests.traces import Trace

from .guard import make_guard
from .personas.accounts import configured
from .personas.directory import Directory
from .personas.identity import ANONYMOUS, Identity, after_response, by_session
from .personas.leaks import MAX_TOLD, Findings, LeakCheck, erase
from .recorder import KeyId
from .trace import RequestTrace, SecretTest, secret_test

WITHHELD: Final = "(secret)"
"""Stands for a cache key that would give away who is signed in."""


class Visit:
    """See the module's description. Blocks on caches and databases, except while it is `following`.

    Raises:
        ConfigurationError: a setting is wrong; such a request is nobody's warm request.
    """

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self._directory = Directory(configured())
        self._guard = make_guard()
        self._trace = RequestTrace()
        self._before = ANONYMOUS

    def turned_away(self) -> HttpResponse | None:
        """The answer to a request of an account that no warm request may be made as; ``None`` for all others."""
        self._before = by_session(self.request, self._directory, self._trace.errors)
        return _forbidden() if self._before.refusal else None

    @contextmanager
    def following(self) -> Iterator[None]:
        """Listen to caches and databases while the site answers."""
        with self._guard.watching(), self._trace.following():
            yield

    def judged(self, response: HttpResponseBase) -> tuple[HttpResponseBase, Trace]:
        """The answer to give, and what there is to tell about it."""
        recorder = self._trace.recorder
        extra: dict[str, Any] = {}
        try:
            identity = after_response(self.request, self._before, self._directory)
            findings = self._check_leaks(identity, response)
        except DatabaseError as error:
            # Without its accounts nobody's markers are known. What was written may be anybody's: none of it stays.
            self._trace.errors[type(error).__name__] += 1
            extra["unchecked"] = True
            identity, findings = self._before, Findings()
            if identity.role:
                findings.deleted.update(recorder.written())
                erase(self._trace.caches, findings.deleted, self._trace.errors)
        if identity.refusal:
            findings.deleted.update(recorder.written())
            erase(self._trace.caches, findings.deleted, self._trace.errors)
            response = _forbidden()
        reason = "persona-refused" if identity.refusal else "leak" if findings.leaks else self._refused_write(response)
        trace = self._trace.result(self.request, response, gone=findings.deleted, reason=reason)
        extra |= self._told(identity, findings, secret_test(self.request, response))
        return response, _with_extra(trace, extra)

    def _check_leaks(self, identity: Identity, response: HttpResponseBase) -> Findings:
        if not (self._directory.personas or identity.role):
            return Findings()
        is_persona = identity.role in self._directory.personas
        others = {} if is_persona or identity.user is None else {identity.role: identity.user}
        markers = self._directory.markers(others)
        check = LeakCheck(self._trace.caches, markers, identity, self._trace.errors)
        return check.run(self._trace.recorder.given(), self._trace.recorder.written(), response)

    def _refused_write(self, response: HttpResponseBase) -> str:
        return "write-refused" if self._guard.refused and response.status_code >= 500 else ""

    def _told(self, identity: Identity, findings: Findings, is_secret: SecretTest) -> dict[str, Any]:
        told: dict[str, Any] = {
            "persona": identity.role,
            "refused_as": identity.refusal,
            "writes": dict(self._guard.writes),
            "refused": dict(self._guard.refused),
            "leak": _rows(findings.leaks, is_secret, findings),
            "cleared": _rows(findings.cleared, is_secret, findings),
            "seen": sorted(findings.seen),
            "unsearched": findings.unsearched,
        }
        told = {name: value for name, value in told.items() if value}
        if told.keys() & {"writes", "refused", "leak"} and (match := self.request.resolver_match) is not None:
            told["route"] = match.route
        return told


def _rows(entries: Mapping[KeyId, str], is_secret: SecretTest, findings: Findings) -> list[dict[str, Any]]:
    return [
        {
            "alias": key.alias,
            "key": WITHHELD if is_secret(key.key) else key.key,
            "persona": role,
            **({"version": key.version} if key.version is not None else {}),
            **({"kept": True} if key in findings.kept else {}),
        }
        for key, role in list(entries.items())[:MAX_TOLD]
    ]


def _with_extra(trace: Trace, extra: Mapping[str, Any]) -> Trace:
    return replace(trace, extra={**trace.extra, **extra}) if extra else trace


def _forbidden() -> HttpResponseForbidden:
    return HttpResponseForbidden("No warm request may be made as this account.\n", content_type="text/plain")
