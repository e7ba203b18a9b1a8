"""From the text of a variable to its value; each raises `ValueError` with what the value must be."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from url_manifests.personas import COOKIE_NAME, ROLE
from url_manifests.protocol import RUN_ID

_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Account:
    """Whom to sign in through the site's form."""

    username: str = field(repr=False)
    password: str = field(repr=False)


def parse_url(text: str) -> str:
    """Scheme, host and optional port, without a trailing slash."""
    parts = _split_url(text)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("must be scheme and host only, such as http://127.0.0.1:8000, without a path")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def parse_optional_url(text: str) -> str:
    return parse_url(text) if text else ""


def parse_host_name(text: str) -> str:
    if text and not _HOST_NAME.fullmatch(text):
        raise ValueError("must be a host name, without scheme and port")
    return text.lower()


def parse_location(text: str) -> str:
    """A path on the site, or a whole URL."""
    if not text or (text.startswith("/") and not text.startswith("//")):
        return text
    _split_url(text)
    return text


def _split_url(text: str) -> Any:
    problem = "must be a URL such as http://127.0.0.1:8000"
    try:
        parts = urlsplit(text)
        has_port_problem = parts.port == 0
    except ValueError as error:
        raise ValueError(problem) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or has_port_problem or not text.isascii():
        raise ValueError(problem)
    if parts.username is not None:
        raise ValueError("must not hold a user name or password")
    return parts


def parse_seconds(text: str) -> float:
    return _number(text, 0.0, "must be a number of seconds above 0", is_open=True)


def parse_seconds_or_0(text: str) -> float:
    return _number(text, 0.0, "must be a number of seconds, or 0 for no wait")


def parse_rate(text: str) -> float:
    return _number(text, 0.0, "must be requests a second, or 0 for no limit")


def parse_share(text: str) -> float:
    value = _number(text, 0.0, "must be a share from 0 to 1")
    if value > 1:
        raise ValueError("must be a share from 0 to 1")
    return value


def _number(text: str, minimum: float, problem: str, *, is_open: bool = False) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(problem) from error
    if not math.isfinite(value) or value < minimum or (is_open and value == minimum):
        raise ValueError(problem)
    return value


def parse_count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError("must be a whole number from 1")
    return int(text)


def parse_path(text: str) -> Path:
    if not text:
        raise ValueError("must be a file name")
    return Path(text)


def parse_scheme_header(text: str) -> str:
    """``Name: value``, in which ``{scheme}`` is replaced; empty for ``none``."""
    if text.lower() == "none":
        return ""
    if not _HEADER.fullmatch(text):
        raise ValueError("must look like 'X-Forwarded-Proto: {scheme}', or be 'none'")
    return text


def parse_run_id(text: str) -> str:
    if text and not RUN_ID.fullmatch(text):
        raise ValueError("must be 1 to 64 letters, digits, - or _")
    return text


def parse_verify(text: str) -> str:
    if text not in ("sample", "all", "none"):
        raise ValueError("must be sample, all or none")
    return text


def parse_urls(text: str) -> tuple[str, ...]:
    """Several of what `parse_url` takes, separated by commas."""
    return tuple(dict.fromkeys(parse_url(piece.strip()) for piece in text.split(",") if piece.strip()))


def parse_workers(text: str) -> str:
    if text != "auto" and not (text.isascii() and text.isdigit() and int(text) <= 1000):
        raise ValueError("must be a whole number from 0 to 1000, or auto")
    return text if text == "auto" else str(int(text))


def parse_discover(text: str) -> str:
    if text not in ("none", "fragments"):
        raise ValueError("must be none or fragments")
    return text


def parse_soft_errors(text: str) -> str:
    if text not in ("sample", "all", "none"):
        raise ValueError("must be sample, all or none")
    return text


def parse_basic_auth(text: str) -> str:
    if text and (not text.partition(":")[1] or not text.isprintable()):
        raise ValueError("must be user:password")
    return text


def parse_bearer(text: str) -> str:
    if text and not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", text):
        raise ValueError("must be a token of letters, digits and -._~+/=")
    return text


def parse_sign_in_url(text: str) -> str:
    if (text and not re.fullmatch(r"/(?!/)[!-~]{0,1999}", text)) or set(text) & {"\\", "#"}:
        raise ValueError("must be a path of the site, such as /accounts/login/")
    return text


def parse_cookie_name(text: str) -> str:
    if not COOKIE_NAME.fullmatch(text):
        raise ValueError("must be the name of a cookie")
    return text


def parse_accounts(text: str) -> dict[str, Account]:
    """Accounts by role. No error shows a piece of the text, nor has one that does as its cause."""
    problem = 'must be JSON such as {"trade": ["name", "password"]}'
    try:
        document = json.loads(text) if text else {}
    except ValueError:
        raise ValueError(problem) from None
    if not isinstance(document, dict) or not all(map(_is_account, document.values())):
        raise ValueError(problem)
    if not all(map(ROLE.fullmatch, document)):
        raise ValueError("has a role that is not 1 to 64 letters, digits, '_' or '-'")
    return {role: Account(*pair) for role, pair in document.items()}


def _is_account(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(word, str) and word for word in pair)


def parse_yes_no(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError("must be yes or no")
    return text == "yes"


def parse_cache_down(text: str) -> str:
    if text not in ("stop", "go-on"):
        raise ValueError("must be stop or go-on")
    return text


def parse_progress(text: str) -> str:
    if text not in ("auto", "bar", "lines", "none"):
        raise ValueError("must be auto, bar, lines or none")
    return text
