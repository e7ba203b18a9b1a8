"""Signing in through the site's own form: the one request of a crawl that is no GET, and only where it was asked for.

It is off by default. Before the crawl, for each account, the sign-in page is asked for, its form is filled in and sent
to the site itself, and what comes back must prove three things: a session cookie, a ticketed request that the site
takes for the persona of that name, and with it that the account is among ``CACHE_WARMING["PERSONAS"]`` and no
superuser's. From then on the session is used as a minted one is.

Everything goes to ``WARM_BASE_URL``: a form or a redirect that leads elsewhere ends the run before anything is sent
there. No error names more than the role, the path and the status.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urljoin, urlsplit

from scrapy import Request
from scrapy.http import Response

from url_manifests.errors import ConfigurationError, SiteProtectionError, TargetNotReadyError
from url_manifests.manifest import Entry
from url_manifests.personas import COOKIE_VALUE, MAX_SESSION_CHARS, Personas

from .answer import Answer, answer_from_error, is_login_path
from .asking import ask
from .body import MAX_ENCODED_BYTES, text_of
from .download import KEEP_BYTES, SENDS_FORM, TLS_NAME
from .downloader import Download
from .form import SignInForm, asks_for_a_second_factor, leads_to_a_second_factor, sign_in_form
from .parsers import Account
from .plan import Planned
from .readiness import refused
from .requests import build_request
from .run import WarmRun

URL: Final = "WARM_SIGN_IN_URL"
ACCOUNTS: Final = "WARM_SIGN_IN_AS"
COOKIE: Final = "WARM_SIGN_IN_COOKIE"

_MOST_REDIRECTS: Final = 3
_OWN_HEADERS: Final = frozenset({"cookie", "content-type", "content-length", "origin", "referer"})
_MINT_INSTEAD: Final = "mint a session in the deployment with manage.py warm_personas instead"


async def sign_in(run: WarmRun, download: Download) -> Personas:
    """A session of each account.

    Raises:
        ConfigurationError: a form, an account or a session is not what it has to be; says which and what to do.
        TargetNotReadyError: the sign-in page fails.
        SiteProtectionError: the site has no time for us.
    """
    cookie = run.config.sign_in_cookie
    sessions, ends = {}, [datetime.now(UTC) + timedelta(seconds=run.config.deadline_s)]
    for role, account in run.config.sign_in_as.items():
        browser = _Browser(run, download, role)
        session = await browser.sign_in(account)
        await browser.prove(session)
        sessions[role] = session
        ends.extend(browser.ends)
    return Personas(cookie=cookie, expires_at=min(ends), sessions=sessions)


@dataclass(slots=True)
class _Browser:
    """One visitor who signs in, with the cookies of that visit."""

    run: WarmRun
    download: Download
    role: str
    cookies: dict[str, str] = field(default_factory=dict, repr=False)
    ends: list[datetime] = field(default_factory=list)
    """When the session ends, where its cookie says so."""

    async def sign_in(self, account: Account) -> str:
        """The value of the session cookie that came for the account."""
        path, form = await self._form()
        body = form.body(account.username, account.password)
        answer = await self._send("POST", form.target, referer=path, body=body)
        self._check(answer, path, form.target)
        session = self.cookies.get(self.run.config.sign_in_cookie, "")
        if not session:
            names = ", ".join(sorted(self.cookies)) or "none at all"
            raise ConfigurationError(
                COOKIE, f"no {self.run.config.sign_in_cookie!r} came for {self.role!r}; the site's cookies: {names}"
            )
        if len(session) > MAX_SESSION_CHARS or not COOKIE_VALUE.fullmatch(session):
            raise ConfigurationError(COOKIE, f"what came for {self.role!r} is not the value of a cookie")
        return session

    async def _form(self) -> tuple[str, SignInForm]:
        """The sign-in form, and the path of the page that it stands on."""
        path = self.run.config.sign_in_url
        for _ in range(_MOST_REDIRECTS + 1):
            answer = await self._send("GET", path)
            if not (target := self._own_redirect(answer, path)):
                break
            path = target
        if answer.status >= 500:
            raise TargetNotReadyError(f"the sign-in page {path} answers {answer.status}")
        if answer.status != 200:
            raise ConfigurationError(URL, f"{path} answers {answer.status}; is it the sign-in page?")
        try:
            return path, sign_in_form(_html(answer), self._absolute(path))
        except ValueError as problem:
            raise ConfigurationError(URL, f"the page {path} {problem}") from None

    async def _send(self, method: str, path: str, *, referer: str = "", body: bytes = b"") -> Response:
        """The answer to one request of the visit; its cookies are kept."""
        run = self.run
        request = Request(
            run.target.connect_url(path),
            method=method,
            headers=list(self._headers(referer, is_form=bool(body))),
            body=body,
            meta={
                TLS_NAME: run.target.tls_name_of(),
                "verbatim_url": True,
                "download_timeout": run.config.timeout_s,
                KEEP_BYTES: MAX_ENCODED_BYTES,
                SENDS_FORM: bool(body),
            },
        )
        try:
            response = await self.download(request)
        except Exception as error:  # every kind of failure is an answer here, and an unknown one is raised again
            if (answer := answer_from_error(error)) is None:
                raise
            raise TargetNotReadyError(f"the sign-in page {path} gives no answer: {answer.detail}") from None
        for line in response.headers.getlist("Set-Cookie"):
            self._keep(line.decode("latin-1"))
        return response

    def _headers(self, referer: str, *, is_form: bool) -> Iterable[tuple[str, str]]:
        """Those of the manifest's first kind of browser: sites turn away clients that look like none."""
        visitors = self.run.visitors
        yield from self.run.target.headers()
        yield from (h for h in visitors.headers(visitors.default_profile) if h[0].lower() not in _OWN_HEADERS)
        if is_form:
            yield "Content-Type", "application/x-www-form-urlencoded"
            # Django holds both against the host, besides the token.
            yield "Origin", self.run.target.public_url
            yield "Referer", self._absolute(referer)
        if self.cookies:
            yield "Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def _keep(self, line: str) -> None:
        """Take one ``Set-Cookie``."""
        pair, *attributes = (piece.strip() for piece in line.split(";"))
        name, _, value = pair.partition("=")
        said = {key.strip().lower(): said.strip() for key, _, said in (piece.partition("=") for piece in attributes)}
        age = said.get("max-age", "")
        if not value or value == '""' or age in ("0", "-1"):
            self.cookies.pop(name, None)
            return
        self.cookies[name] = value
        if name == self.run.config.sign_in_cookie and age.isdigit() and len(age) < 10:
            self.ends.append(datetime.now(UTC) + timedelta(seconds=int(age)))

    def _check(self, answer: Response, path: str, target: str) -> None:
        """Whether a form that was sent led into the site."""
        if answer.status >= 500:
            raise TargetNotReadyError(f"the sign-in form at {target} answers {answer.status}")
        location = self._own_redirect(answer, target).partition("?")[0]
        html = "" if location else _html(answer)
        if (location and leads_to_a_second_factor(location)) or asks_for_a_second_factor(html):
            raise ConfigurationError(
                ACCOUNTS, f"the site asks {self.role!r} for a second factor, which nobody has here; {_MINT_INSTEAD}"
            )
        if answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS):
            why = "too many tries, or a check of csrf (does the site see the public scheme and host?)"
            raise ConfigurationError(URL, f"the form at {target} answers {answer.status} for {self.role!r}: {why}")
        is_form_again = answer.status == 200 or location == path or (location and is_login_path(location))
        if is_form_again:
            raise ConfigurationError(
                ACCOUNTS, f"the site shows {self.role!r} its sign-in page again: are name and password right?"
            )
        if not location:
            raise ConfigurationError(URL, f"the form at {target} answers {answer.status} for {self.role!r}")

    def _own_redirect(self, answer: Response, path: str) -> str:
        """Where a redirect leads within the site; empty when the answer is none."""
        raw = answer.headers.get("Location")
        if raw is None or not 300 <= answer.status < 400:
            return ""
        try:
            joined = urlsplit(urljoin(self._absolute(path), raw.decode("latin-1")))
            origin = f"{joined.scheme}://{joined.netloc}"
        except ValueError:
            raise ConfigurationError(URL, f"{path} redirects to what is no URL") from None
        if origin != self.run.target.public_url:
            raise ConfigurationError(
                URL, f"{path} leads to {origin}, and nothing is sent to another host or scheme; {_MINT_INSTEAD}"
            )
        return (joined.path or "/") + (f"?{joined.query}" if joined.query else "")

    async def prove(self, session: str) -> None:
        """Have the site say whose session it is."""
        planned = self._as_planned(session)
        run = self.run
        request = build_request(planned, run.target, timeout_s=run.config.timeout_s)
        answer, _ = await ask(self.download, request)
        if answer.trace is None:
            if answer.is_overload:
                raise SiteProtectionError(f"the site has no time for us ({answer.detail}); run again later")
            raise refused(answer, run.target)
        self._check_identity(answer, str(answer.trace.extra.get("persona", "")))
        if self.ends and min(self.ends) < datetime.now(UTC) + timedelta(seconds=run.remaining_s()):
            raise ConfigurationError(ACCOUNTS, f"the session of {self.role!r} ends before WARM_DEADLINE")

    def _check_identity(self, answer: Answer, found: str) -> None:
        assert answer.trace is not None
        setting = "CACHE_WARMING['PERSONAS']"
        if what := answer.trace.extra.get("refused_as"):
            hint = f"or say 'staff': True in {setting}" if what == "staff" else f"and add it to {setting}"
            problem = f"the site refuses the account of {self.role!r} ({what}): name an ordinary one, {hint}"
        elif not found:
            problem = f"the site does not take {self.role!r} for signed in after its form; {_MINT_INSTEAD}"
        elif found == "?":
            problem = f"the account of {self.role!r} is not in {setting}: leaks of what is its own would not be seen"
        elif found != self.role:
            problem = f"the account of {self.role!r} is that of {found!r} in {setting}; use that name"
        else:
            return
        raise ConfigurationError(ACCOUNTS, problem)

    def _as_planned(self, session: str) -> Planned:
        visitors, cookie = self.run.visitors, self.run.config.sign_in_cookie
        profile = visitors.default_profile
        own = tuple(header for header in visitors.headers(profile) if header[0].lower() != "cookie")
        return Planned(
            number=-1,
            entry_number=-1,
            entry=Entry(url=self.run.config.sign_in_url, hits=0),
            profile=profile,
            persona=self.role,
            headers=(*own, ("Cookie", f"{cookie}={session}")),
            weight=0.0,
        )

    def _absolute(self, path: str) -> str:
        return self.run.target.absolute_uri("", path)


def _html(response: Response) -> str:
    def said(name: str) -> str:
        return (response.headers.get(name) or b"").decode("latin-1")

    return text_of(response.body, said("Content-Encoding"), said("Content-Type")) or ""
