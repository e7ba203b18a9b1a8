"""What came back for one request, reduced to what judging needs; the body is not kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from time import time
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
from scrapy.http import Response

from url_manifests.protocol import REFUSAL_HEADER, TRACE_HEADER, Refusal, refusal_in
from url_manifests.reasons import CACHE_INTERRUPTED
from url_manifests.traces import KeyEvent, KeyKind, Trace, decode_trace

from . import extras
from .download import NotHttpError, TlsFailedError

LOGIN_PATH: Final = re.compile(
    r"(?:^|/)(?:[a-z]+[-_])?(?:log-?in|sign-?in|auth|oauth2?|sso|saml2?)(?:[/.]|$)", re.IGNORECASE
)
"""Paths of login pages, in the frameworks and single-sign-on systems that sites use."""

BUSY_STATUSES: Final = frozenset({429, 503})
OVERLOAD_REASONS: Final = frozenset({"busy", "timeout", "connection"})
"""Reasons that say "the site suffers"; a plain 500 says "this page is broken"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, or why there was none."""

    status: int | None = None
    trace: Trace | None = None
    is_trace_broken: bool = False
    location: str = ""
    """Where a redirect points to, without its query: that may hold tokens."""
    elapsed_ms: float = 0.0
    """From sending the request to the last byte of the answer."""
    reason: str = ""
    """Why this is no usable answer, a name of ``REASONS``; empty when it is one."""
    detail: str = ""
    is_refusal: bool = False
    """The site turned the request away for its visitors' sake, before it computed anything: it is to be sent later."""
    answered_at_s: float = field(default_factory=time, compare=False)
    """Unix time."""

    @property
    def is_overload(self) -> bool:
        return self.reason in OVERLOAD_REASONS

    @property
    def is_interrupted(self) -> bool:
        """Whether the site's cache failed it for a moment only.

        Not where its page was kept all the same: asked again, it would come from there, and say nothing of its parts.
        """
        if self.trace is None or self.trace.reason != CACHE_INTERRUPTED:
            return False
        pages = {key.event for key in self.trace.keys if key.kind is KeyKind.PAGE}
        return KeyEvent.STORED not in pages or KeyEvent.LOST in pages

    @property
    def leaks(self) -> list[str]:
        """What the site found in this answer that belongs to somebody else's session, as ``alias:key of role``."""
        return list(extras.entries(self.trace, "leak")) if self.trace else []

    @property
    def cleared(self) -> list[str]:
        """Leaks of earlier answers that are none: this request, which is not the role's, stored the same."""
        return list(extras.entries(self.trace, "cleared")) if self.trace else []

    @property
    def is_redirect(self) -> bool:
        return self.status is not None and 300 <= self.status < 400 and self.status != 304


def answer_from_response(response: Response, elapsed_ms: float = 0.0) -> Answer:
    """What a response says: its status first, then its trace."""
    location = _location(response)
    answer = Answer(
        status=response.status,
        location=location,
        elapsed_ms=round(elapsed_ms, 1),
        reason=reason_of_status(response.status, location),
        detail=str(response.status) if response.status >= 400 else "",
        is_refusal=_refusal(response) is Refusal.BUSY,
    )
    raw = response.headers.get(TRACE_HEADER)
    if raw is None:
        return answer
    try:
        trace = decode_trace(raw.decode("ascii", "replace"))
    except ValueError:
        return replace(answer, is_trace_broken=True)
    return _with_trace(answer, trace)


_SAY_MORE: Final = frozenset({"write-refused", "persona-refused", CACHE_INTERRUPTED})
"""Reasons of the site's that say more than the status that they came with."""


def _with_trace(answer: Answer, trace: Trace) -> Answer:
    is_overload_too = answer.is_overload and trace.reason == CACHE_INTERRUPTED
    if not answer.reason or trace.reason not in _SAY_MORE or is_overload_too:
        return replace(answer, trace=trace)
    tables = ", ".join(extras.counts(trace, "refused"))
    return replace(answer, trace=trace, reason=trace.reason, detail=tables or answer.detail)


def _refusal(response: Response) -> Refusal | None:
    return refusal_in((response.headers.get(REFUSAL_HEADER) or b"").decode("latin-1"))


def _location(response: Response) -> str:
    raw = response.headers.get(b"Location") if 300 <= response.status < 400 else None
    return raw.decode("latin-1").partition("?")[0][:200] if raw else ""


def reason_of_status(status: int, location: str = "") -> str:
    """Why a status is no usable answer, or nothing when it is one."""
    if status in BUSY_STATUSES:
        return "busy"
    if status >= 500:
        return "status-5xx"
    if status >= 400:
        return "status-4xx"
    if status < 200:
        return "bad-response"
    return "login-redirect" if location and is_login_path(location) else ""


def is_login_path(location: str) -> bool:
    """Whether a redirect leads to a login page, judged by its path."""
    try:
        return bool(LOGIN_PATH.search(urlsplit(location).path))
    except ValueError:
        return False


_EXPLANATIONS: Final[tuple[tuple[tuple[type[BaseException], ...], str, str], ...]] = (
    ((DownloadTimeoutError,), "timeout", "no complete answer in time"),
    ((DownloadConnectionRefusedError,), "connection", "connection refused"),
    ((CannotResolveHostError,), "connection", "host name not found"),
    ((DownloadCancelledError,), "too-large", "larger than WARM_MAX_BYTES"),
    ((ResponseDataLossError,), "connection", "the answer was cut"),
    ((OSError,), "connection", ""),
)


def answer_from_error(error: BaseException, elapsed_ms: float = 0.0) -> Answer | None:
    """Why no answer came, or ``None`` for an error that is not the site's doing but a bug of this program."""
    reason, detail = _explain(error)
    if not reason:
        return None
    return Answer(reason=reason, detail=detail, elapsed_ms=round(elapsed_ms, 1))


def _explain(error: BaseException) -> tuple[str, str]:
    if isinstance(error, DownloadFailedError):
        return _explain_failed(error)
    for kinds, reason, detail in _EXPLANATIONS:
        if isinstance(error, kinds):
            return reason, detail or type(error).__name__
    return "", ""


def _explain_failed(error: DownloadFailedError) -> tuple[str, str]:
    if isinstance(error, NotHttpError):
        return "bad-response", "not a valid HTTP response"
    if isinstance(error, TlsFailedError):
        return "connection", "TLS failed: is the certificate valid, and for this name (see WARM_TLS_NAME)?"
    if isinstance(error.__cause__, aiohttp.ClientConnectorError):
        return "connection", f"no connection: {error.__cause__.os_error.strerror}"
    return "connection", "the connection was closed before the answer was complete"
