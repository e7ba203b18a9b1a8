"""Before the crawl: wait until the release can serve, then ask it how it sees our requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

from scrapy import Request
from scrapy.http import Response

from url_manifests.errors import ConfigurationError, TargetNotReadyError
from url_manifests.protocol import SITE_HEADER
from url_manifests.traces import SiteView, decode_site_view

from .answer import Answer, answer_from_error, answer_from_response
from .download import TLS_NAME
from .downloader import Download
from .env import WarmConfig
from .target import Target, host_header

POLL_EVERY_S: Final = 0.5
_LONGEST_ATTEMPT_S: Final = 10.0
_MOST_REDIRECTS: Final = 3


async def wait_until_ready(
    download: Download,
    config: WarmConfig,
    target: Target,
    *,
    clock: Callable[[], float] = monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Return as soon as the ready URL answers 200, or the page of this site that ``/`` redirects to.

    A redirect alone says little: Django's locale middleware sends visitors from ``/`` to ``/en/`` even when every page
    is broken. So it is followed, within the site, where no ready URL was given; one that was given must answer itself.

    Raises:
        TargetNotReadyError: it did not within ``WARM_READY_TIMEOUT``; the message says what was seen last.
    """
    give_up_at_s = clock() + config.ready_timeout_s
    while True:
        timeout_s = min(max(give_up_at_s - clock(), 0.1), _LONGEST_ATTEMPT_S)
        request = _ready_request(config.ready_url or "/", target, timeout_s)
        answer = await _ask(download, request)
        for _ in range(0 if config.ready_url else _MOST_REDIRECTS):
            if not (path := _path_on_site(answer, target)):
                break
            request = _ready_request(path, target, timeout_s)
            answer = await _ask(download, request)
        if answer.status == 200:
            return
        if clock() + POLL_EVERY_S >= give_up_at_s:
            seen = _last_seen(answer, target, request.url)
            raise TargetNotReadyError(f"{request.url} was not ready within {config.ready_timeout_s:g} s: {seen}")
        await sleep(POLL_EVERY_S)


async def _ask(download: Download, request: Request) -> Answer:
    try:
        return answer_from_response(await download(request))
    except Exception as error:  # every kind of failure is an answer here, and an unknown one is raised again
        answer = answer_from_error(error)
        if answer is None:
            raise
        return answer


def _ready_request(ready_url: str, target: Target, timeout_s: float) -> Request:
    """A request for the ready URL: by the internal address, unless the URL names another host of its own."""
    tls_name = None
    if "://" in ready_url and not target.serves(ready_url):
        url, headers = ready_url, [("Host", host_header(ready_url))]
    else:
        path = ready_url.removeprefix(target.public_url).removeprefix(target.base_url) or "/"
        url, headers, tls_name = target.connect_url(path), target.headers(), target.tls_name_of()
    headers = [*headers, ("User-Agent", "django-cache-warming")]
    return Request(url, headers=headers, meta={TLS_NAME: tls_name, "verbatim_url": True, "download_timeout": timeout_s})


def _path_on_site(answer: Answer, target: Target) -> str:
    """Where a redirect leads, if that is a page of this site in the visitors' scheme, and no login page."""
    if not answer.is_redirect or answer.reason or not answer.location:
        return ""
    location = urljoin(f"{target.public_url}/", answer.location)
    return location.removeprefix(target.public_url) if location.startswith(f"{target.public_url}/") else ""


def _last_seen(answer: Answer, target: Target, url: str) -> str:
    if answer.reason == "login-redirect":
        return f"it redirects to {answer.location}, a login page; set WARM_READY_URL to a URL that needs no login"
    if answer.location == url.replace(target.base_url, target.public_url, 1).partition("?")[0]:
        return (
            f"it redirects to {answer.location}, as if it had been asked over plain http: "
            "does SECURE_PROXY_SSL_HEADER of the site fit WARM_PROXY_SCHEME_HEADER?"
        )
    if answer.is_redirect:
        return f"it redirects to {answer.location}; set WARM_READY_URL to a URL that answers 200 itself"
    if answer.status == 400:
        return f"it answers 400; is {target.host!r} in ALLOWED_HOSTS?"
    if answer.status is not None:
        return f"it answers {answer.status}; is WARM_READY_URL right, and the release healthy?"
    return f"{answer.detail}; is WARM_BASE_URL right, and the server running?"


def site_view(response: Response) -> SiteView | None:
    """How the site says it sees a request, or ``None`` when it does not say."""
    raw = response.headers.get(SITE_HEADER)
    if raw is None:
        return None
    try:
        return decode_site_view(raw.decode("ascii", "replace"))
    except ValueError as error:
        raise ConfigurationError(
            SITE_HEADER, f"cannot be read ({error}); use the same release of django-cache-warming at both ends"
        ) from error


def refused(answer: Answer, target: Target) -> ConfigurationError:
    """The error for a site that ignores our tickets."""
    hint = f"; it answered 400: is {target.host!r} in ALLOWED_HOSTS?" if answer.status == 400 else ""
    if answer.status == 404:
        hint = (
            "; it answered 404: a proxy in front that takes a prefix off the path, for FORCE_SCRIPT_NAME to put back, "
            "has to be the WARM_BASE_URL"
        )
    if answer.is_redirect:
        hint = f"; it redirects to {answer.location}: does SECURE_PROXY_SSL_HEADER fit WARM_PROXY_SCHEME_HEADER?"
    return ConfigurationError(
        "WARM_SECRET",
        "the site did not accept the ticket: it differs from CACHE_WARMING['SECRET'], or CacheWarmingMiddleware is not "
        f"installed, or a proxy drops its headers, or answers from a cache of its own (give the site's own address as "
        f"WARM_BASE_URL){hint}",
    )


def check_site(view: SiteView, expected_uri: str, config: WarmConfig, target: Target) -> None:
    """Compare how the site sees a request with how it sees a visitor's.

    Args:
        expected_uri: the absolute URI of a visitor's request.

    Raises:
        ConfigurationError: visitors would have other cache keys; the message names the setting to change.
        TargetNotReadyError: another release answered.
    """
    if config.release and view.release != config.release:
        raise TargetNotReadyError(
            f"release {view.release or 'unknown'!r} answers at {config.base_url}, not {config.release!r} "
            "(WARM_RELEASE); wait for the roll-out, or look at CACHE_WARMING['RELEASE']"
        )
    seen, expected = urlsplit(view.absolute_uri), urlsplit(expected_uri)
    where = f"the site sees {view.absolute_uri!r}, visitors have {expected_uri!r}"
    if seen.scheme != expected.scheme:
        sent = ": ".join(target.scheme_header) if target.scheme_header else "no scheme header"
        raise ConfigurationError(
            "WARM_PROXY_SCHEME_HEADER",
            f"{where}; {sent!r} was sent: SECURE_PROXY_SSL_HEADER of the site must name the same header and value, "
            "and WARM_PUBLIC_URL the scheme that visitors use",
        )
    if _host(view.absolute_uri) != _host(expected_uri):
        raise ConfigurationError(
            "WARM_PUBLIC_URL",
            f"{where}; set it to what visitors use, and look at USE_X_FORWARDED_HOST and at proxies that change Host",
        )
    if unquote(seen.path) != unquote(expected.path):
        raise ConfigurationError(
            "WARM_BASE_URL",
            f"{where}; look at FORCE_SCRIPT_NAME and at proxies that change the path",
        )
    if config.time_zone and view.time_zone != config.time_zone:
        raise ConfigurationError(
            "WARM_TIME_ZONE",
            f"the site answers the crawler in {view.time_zone!r}, visitors in {config.time_zone!r}; Django's page key "
            "holds it: look at TIME_ZONE and at middleware that activates another",
        )


def _host(url: str) -> str:
    return host_header(url).lower()
