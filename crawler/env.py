"""From ``-a`` arguments, the process environment and ``.env`` files to the settings of one run.

``-a env=NAME`` reads ``.env.NAME`` and then ``.env`` in the current directory. A value is taken from the first of these
that has it: ``-a``, process environment, ``.env.NAME``, ``.env``, default. Nothing is exported to the process
environment, and nothing in the files is interpolated: a secret may hold any character.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from dotenv import dotenv_values

from url_manifests.errors import ConfigurationError, UnknownNameError
from url_manifests.protocol import check_secret
from url_manifests.rules import read_rules
from url_manifests.safety import SafetyRules

from .parsers import Account
from .variable import PREFIX, Variable
from .variables import VARIABLES

_ENV_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_BY_FIELD: Final = {variable.field: variable for variable in VARIABLES}


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmConfig:
    """The settings of one run, checked; `crawler.variables` explains each."""

    env: str
    base_url: str
    public_url: str
    tls_name: str
    http2: bool
    personas: str
    sign_in_url: str
    sign_in_as: Mapping[str, Account] = field(repr=False)
    sign_in_cookie: str
    authorization: str = field(repr=False)
    verify: str
    prove_within_s: float
    workers: str
    base_urls: tuple[str, ...]
    discover: str
    soft_errors: str
    time_zone: str
    secret: str = field(repr=False)
    manifest: Path
    rules: SafetyRules
    ready_url: str
    ready_timeout_s: float
    rate: float
    concurrency: int
    deadline_s: float
    timeout_s: float
    max_bytes: int
    require_coverage: float
    report: Path
    outcomes: Path
    stop_file: Path
    cache_wait_s: float
    cache_down: str
    proxy_scheme_header: str
    release: str
    run_id: str
    is_resumed: bool
    only: str
    progress: str


@dataclass(frozen=True, slots=True)
class _Source:
    """A place where values come from."""

    label: str
    values: Mapping[str, str]
    """By `Variable.name`."""


def load_config(arguments: Mapping[str, str], environ: Mapping[str, str], directory: Path) -> WarmConfig:
    """The settings of a run.

    Args:
        arguments: what was given as ``-a``.
        environ: the process environment.
        directory: where the ``.env`` files lie.

    Raises:
        ConfigurationError: a value is missing or wrong; the message says where it came from and what to do.
    """
    env = _env_name(arguments)
    sources = [
        _argument_source(arguments),
        _Source("the process environment", {k: v for k, v in environ.items() if k.startswith(PREFIX)}),
        _file_source(directory / f".env.{env}"),
        _file_source(directory / ".env"),
    ]
    if not (directory / f".env.{env}").is_file() and not any("WARM_BASE_URL" in s.values for s in sources[:2]):
        raise ConfigurationError(
            "env",
            f"there is no file .env.{env} in {directory}, and WARM_BASE_URL is not set either; "
            f"write .env.{env} with at least a line WARM_BASE_URL=http://ADDRESS-OF-THE-RELEASE",
        )
    values = {variable.field: _read(variable, sources, env) for variable in VARIABLES}
    return _complete(env, values)


def _env_name(arguments: Mapping[str, str]) -> str:
    env = arguments.get("env", "")
    if not env:
        raise ConfigurationError("env", "is missing; say which environment: -a env=prod reads .env.prod")
    if not _ENV_NAME.fullmatch(env):
        raise ConfigurationError("env", f"{env!r} must be letters, digits, '-', '_' or '.'")
    return env


def _argument_source(arguments: Mapping[str, str]) -> _Source:
    values = {}
    for name, text in arguments.items():
        if name == "env":
            continue
        if name not in _BY_FIELD:
            raise UnknownNameError("-a", name, ["env", *_BY_FIELD])
        if _BY_FIELD[name].is_secret:
            raise ConfigurationError(
                f"-a {name}", f"would be visible in the process list; set {_BY_FIELD[name].name} instead"
            )
        values[_BY_FIELD[name].name] = text
    return _Source("-a", values)


def _file_source(path: Path) -> _Source:
    try:
        found = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(path.name, f"cannot be read: {error}") from error
    values = {name: text for name, text in found.items() if name.startswith(PREFIX) and text is not None}
    known = {variable.name for variable in VARIABLES if not variable.is_argument_only}
    if unknown := sorted(values.keys() - known):
        raise UnknownNameError(path.name, unknown[0], known)
    return _Source(path.name, values)


def _read(variable: Variable, sources: Sequence[_Source], env: str) -> Any:
    for source in sources:
        # A variable that is set to nothing counts as not set: pipelines pass on empty variables.
        if text := source.values.get(variable.name, "").strip():
            return _parse(variable, text, source.label)
    if variable.default is None:
        raise ConfigurationError(variable.name, f"is missing; set it in .env.{env} or in the environment")
    return _parse(variable, variable.default.replace("{env}", env), "default")


def _parse(variable: Variable, text: str, label: str) -> Any:
    try:
        return variable.parse(text)
    except ValueError as error:
        shown = "****" if variable.is_secret else repr(text)
        raise ConfigurationError(variable.name, f"{shown} (from {label}) {error}") from error


def _complete(env: str, values: dict[str, Any]) -> WarmConfig:
    if values["secret"]:
        check_secret("WARM_SECRET", values["secret"])
    report: Path = values["report"]
    outcomes: Path = values["outcomes"] or report.with_name("outcomes.jsonl")
    if outcomes == report:
        raise ConfigurationError("WARM_OUTCOMES", "must not be the same file as WARM_REPORT")
    if values["base_urls"] and values["workers"] == "0":
        raise ConfigurationError(
            "WARM_BASE_URLS", "needs WARM_WORKERS: a cache that all instances share is warmed by one"
        )
    _check_sign_in(values)
    if values["resume"] and values["run_id"] not in ("", values["resume"]):
        raise ConfigurationError("-a run_id", "a resumed run keeps its id; leave it out")
    return WarmConfig(
        env=env,
        base_url=values["base_url"],
        public_url=values["public_url"] or values["base_url"],
        tls_name=values["tls_name"],
        http2=_http2(values),
        personas=values["personas"],
        sign_in_url=values["sign_in_url"],
        sign_in_as=values["sign_in_as"],
        sign_in_cookie=values["sign_in_cookie"],
        authorization=_authorization(values["basic_auth"], values["bearer"]),
        verify=values["verify"],
        prove_within_s=values["prove_within"],
        workers=values["workers"],
        base_urls=values["base_urls"],
        discover=values["discover"],
        soft_errors=values["soft_errors"],
        time_zone=values["time_zone"],
        secret=values["secret"],
        manifest=values["manifest"],
        rules=read_rules(values["rules"]).safety if values["rules"] else SafetyRules(),
        ready_url=values["ready_url"],
        ready_timeout_s=values["ready_timeout"],
        rate=values["rate"],
        concurrency=values["concurrency"],
        deadline_s=values["deadline"],
        timeout_s=values["timeout"],
        max_bytes=values["max_bytes"],
        require_coverage=values["require_coverage"],
        report=report,
        outcomes=outcomes,
        stop_file=values["stop_file"],
        cache_wait_s=values["cache_wait"],
        cache_down=values["cache_down"],
        proxy_scheme_header=values["proxy_scheme_header"],
        release=values["release"],
        run_id=values["resume"] or values["run_id"] or new_run_id(datetime.now(UTC)),
        is_resumed=bool(values["resume"]),
        only=values["only"],
        progress=values["progress"],
    )


def _check_sign_in(values: dict[str, Any]) -> None:
    if bool(values["sign_in_url"]) != bool(values["sign_in_as"]):
        raise ConfigurationError("WARM_SIGN_IN_URL", "and WARM_SIGN_IN_AS need each other; set both, or none")
    if values["sign_in_as"] and values["personas"]:
        raise ConfigurationError("WARM_SIGN_IN_URL", "cannot be used together with WARM_PERSONAS; set one of them")
    if values["sign_in_as"] and not values["secret"]:
        raise ConfigurationError(
            "WARM_SIGN_IN_URL", "needs WARM_SECRET: without tickets nobody can tell whose session it is, or a leak"
        )


def _http2(values: dict[str, Any]) -> bool:
    if not values["http2"]:
        return False
    if not values["base_url"].startswith("https:"):
        raise ConfigurationError("WARM_HTTP2", "needs an https WARM_BASE_URL: without TLS nobody offers HTTP/2")
    if not (find_spec("httpcore") and find_spec("h2") and find_spec("anyio")):
        raise ConfigurationError("WARM_HTTP2", "needs more packages: pip install django-cache-warming[http2]")
    return True


def _authorization(basic: str, bearer: str) -> str:
    """The value of the Authorization header, or nothing."""
    if basic and bearer:
        raise ConfigurationError("WARM_BASIC_AUTH", "cannot be sent together with WARM_BEARER; set one of them")
    if bearer:
        return f"Bearer {bearer}"
    return f"Basic {base64.b64encode(basic.encode()).decode()}" if basic else ""


def new_run_id(now: datetime) -> str:
    """A name for a run that sorts by time and does not collide."""
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
