"""The sign-in form of a page, read with BeautifulSoup, and what a browser would send when it is filled in. Pure.

Only a form that keeps to the page's own origin and posts what is typed in is one: with ``method=get`` the password
would stand in a URL, and so in logs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

from bs4 import BeautifulSoup, Tag

_TYPED: Final = frozenset({"", "text", "email", "tel"})
_NOT_SENT: Final = frozenset({"submit", "button", "image", "reset", "file"})
_ONE_TIME: Final = re.compile(r"(?:^|[-_])(?:otp|totp|mfa|2fa|code|token)(?:$|[-_])", re.IGNORECASE)
_SECOND_FACTOR_PATH: Final = re.compile(
    r"(?:^|[/_-])(?:2fa|mfa|t?otp|two[-_]?factor|second[-_]?factor|webauthn)(?:$|[/_-])", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInForm:
    """Where a form is sent to, and with what."""

    target: str
    """Path and query, of the page's own origin."""
    fields: tuple[tuple[str, str], ...] = field(repr=False)
    """What is sent beside the account: the csrf token, where to go next, which button was pressed."""
    username_field: str
    password_field: str

    def body(self, username: str, password: str) -> bytes:
        """The form, filled in, as ``application/x-www-form-urlencoded``."""
        account = ((self.username_field, username), (self.password_field, password))
        return urlencode([*self.fields, *account]).encode("ascii")


def sign_in_form(html: str, absolute_uri: str) -> SignInForm:
    """The first form of a page that asks for a name and one password.

    Args:
        absolute_uri: the page's, as visitors have it.

    Raises:
        ValueError: there is none, or it is not one to send a password with; the message goes on from "the page".
    """
    soup = BeautifulSoup(html, "lxml")
    base = soup.find("base", href=True)
    base_uri = urljoin(absolute_uri, str(base["href"])) if isinstance(base, Tag) else absolute_uri
    for form in soup.find_all("form"):
        typed, passwords = list(_inputs(form, _TYPED)), list(_inputs(form, {"password"}))
        if len(passwords) != 1 or not typed:
            continue  # a search, a registration, a change of password
        button = form.select_one("button:not([type]), button[type=submit i], input[type=submit i]")
        return SignInForm(
            target=_own_target(form, button, base_uri, absolute_uri),
            fields=tuple(_others(form, button, typed[0], passwords[0])),
            username_field=str(typed[0]["name"]),
            password_field=str(passwords[0]["name"]),
        )
    raise ValueError("has no form with a name and a password in its HTML (one that a script makes is not seen)")


def asks_for_a_second_factor(html: str) -> bool:
    """Whether a page wants a one-time code, and no password."""
    soup = BeautifulSoup(html, "lxml")
    return any(
        str(field.get("autocomplete", "")).lower() == "one-time-code" or _ONE_TIME.search(str(field["name"]))
        for form in soup.find_all("form")
        if not list(_inputs(form, {"password"}))
        for field in _inputs(form, _TYPED | {"number", "password"})
    )


def leads_to_a_second_factor(path: str) -> bool:
    """The same of a page that was not asked for, by its path."""
    return _SECOND_FACTOR_PATH.search(path) is not None


def _inputs(form: Tag, types: frozenset[str] | set[str]) -> Iterator[Tag]:
    for tag in form.find_all("input"):
        if tag.get("name") and _type(tag) in types and not tag.has_attr("disabled"):
            yield tag


def _type(tag: Tag) -> str:
    return str(tag.get("type") or "").strip().lower()


def _own_target(form: Tag, button: Tag | None, base_uri: str, absolute_uri: str) -> str:
    """Where the form is sent to; its button may say otherwise than the form."""

    def said(name: str) -> str:
        return str((button and button.get(f"form{name}")) or form.get(name) or "").strip()

    if said("method").lower() != "post":
        raise ValueError("would put the password into a URL: its form has no method=post")
    try:
        joined = urlsplit(urljoin(base_uri, said("action") or absolute_uri))
    except ValueError:
        raise ValueError("has a form whose action is no URL") from None
    page = urlsplit(absolute_uri)
    if (joined.scheme, joined.netloc) != (page.scheme, page.netloc):
        raise ValueError(f"would send the password to {joined.scheme}://{joined.netloc}, not to the site itself")
    return (joined.path or "/") + (f"?{joined.query}" if joined.query else "")


def _others(form: Tag, button: Tag | None, *account: Tag) -> Iterator[tuple[str, str]]:
    for tag in form.find_all("input"):
        kind, name = _type(tag), str(tag.get("name") or "")
        is_off = kind in ("checkbox", "radio") and not tag.has_attr("checked")
        if not name or kind in _NOT_SENT or is_off or tag.has_attr("disabled") or any(tag is own for own in account):
            continue
        yield name, str(tag.get("value", "on" if kind in ("checkbox", "radio") else ""))
    if button is not None and button.get("name"):
        yield str(button["name"]), str(button.get("value") or "")
