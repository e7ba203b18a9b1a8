"""What the user adds to the built-in lists: a small TOML file, ``--rules FILE``.

::

    [tracking]
    add = ["ref", "partner_*"]        # taken out of URLs
    keep = ["utm_campaign"]           # this site's pages depend on it

    [[unsafe]]
    name = "wishlist"
    url = "^/[a-z]{2}/wishlist/"      # a regular expression, searched in path and query

    [[secret]]
    name = "voucher"
    parameter = "voucher"             # or url = "…"

    [allow]
    urls = ["^/guides/delete/$"]      # no unsafe rule applies (secrets are never allowed)

    [exclude]
    urls = ["^/internal/"]            # counted as rule "path"
    static = [".webmanifest"]         # further endings of static files

    [[parameters]]                    # which parameters matter on a route
    route = "/search/*"               # a glob over the path
    keep = ["q", "page"]
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from os import PathLike
from typing import Any

from .errors import FileFormatError
from .safety import OwnRule, SafetyRules


@dataclass(frozen=True, slots=True)
class ParameterPolicy:
    """Which parameters matter on some routes."""

    route: re.Pattern[str]
    keep: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All that the file may say; the default is an empty file."""

    tracking_add: tuple[str, ...] = ()
    tracking_keep: tuple[str, ...] = ()
    safety: SafetyRules = field(default_factory=SafetyRules)
    excluded: tuple[re.Pattern[str], ...] = ()
    static: tuple[str, ...] = ()
    parameters: tuple[ParameterPolicy, ...] = ()


def read_rules(path: str | PathLike[str]) -> Rules:
    """Read a file of rules.

    Raises:
        FileFormatError: the file is missing, no TOML, or holds something unknown; with the field.
    """
    try:
        with open(path, "rb") as stream:
            document = tomllib.load(stream)
    except OSError as error:
        raise FileFormatError(path, f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileFormatError(path, f"is not TOML: {error}") from error
    return _Reader(path).rules(document)


class _Reader:
    """Takes a parsed file apart and names what is wrong in it."""

    def __init__(self, path: str | PathLike[str]) -> None:
        self._path = path

    def rules(self, document: Mapping[str, Any]) -> Rules:
        self._only(document, "", {"tracking", "unsafe", "secret", "allow", "exclude", "parameters"})
        tracking = self._table(document, "tracking", {"add", "keep"})
        allow = self._table(document, "allow", {"urls"})
        exclude = self._table(document, "exclude", {"urls", "static"})
        own, parameters = self._own(document)
        return Rules(
            tracking_add=self._texts(tracking, "tracking.add"),
            tracking_keep=self._texts(tracking, "tracking.keep"),
            safety=SafetyRules(own=own, allowed=self._regexes(allow, "allow.urls"), parameters=parameters),
            excluded=self._regexes(exclude, "exclude.urls"),
            static=tuple(ending.lower() for ending in self._texts(exclude, "exclude.static")),
            parameters=tuple(self._policies(document)),
        )

    def _own(self, document: Mapping[str, Any]) -> tuple[list[OwnRule], dict[str, str]]:
        own: list[OwnRule] = []
        parameters: dict[str, str] = {}
        for family in ("unsafe", "secret"):
            for number, row in enumerate(self._rows(document, family)):
                where = f"{family}[{number}]"
                self._only(row, where + ".", {"name", "url", "parameter"})
                verdict = f"{family}:{self._text(row, where + '.name')}"
                if "parameter" in row:
                    parameters[self._text(row, where + ".parameter").lower()] = verdict
                else:
                    own.append(OwnRule(verdict, self._regex(self._text(row, where + ".url"), where + ".url")))
        return own, parameters

    def _policies(self, document: Mapping[str, Any]) -> Sequence[ParameterPolicy]:
        policies = []
        for number, row in enumerate(self._rows(document, "parameters")):
            where = f"parameters[{number}]"
            self._only(row, where + ".", {"route", "keep"})
            route = re.compile(translate(self._text(row, where + ".route")))
            policies.append(ParameterPolicy(route, frozenset(self._texts(row, where + ".keep"))))
        return policies

    def _only(self, table: Mapping[str, Any], prefix: str, known: set[str]) -> None:
        if unknown := sorted(set(table) - known):
            raise self._error(prefix + unknown[0], f"is unknown; known: {', '.join(sorted(known))}")

    def _table(self, document: Mapping[str, Any], name: str, known: set[str]) -> dict[str, Any]:
        table = document.get(name, {})
        if not isinstance(table, dict):
            raise self._error(name, "must be a table")
        self._only(table, name + ".", known)
        return table

    def _rows(self, document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
        rows = document.get(name, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._error(name, f"must be tables, written [[{name}]]")
        return rows

    def _text(self, table: Mapping[str, Any], where: str) -> str:
        value = table.get(where.rpartition(".")[2])
        if not isinstance(value, str) or not value:
            raise self._error(where, "must be text")
        return value

    def _texts(self, table: Mapping[str, Any], where: str) -> tuple[str, ...]:
        values = table.get(where.rpartition(".")[2], [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self._error(where, "must be a list of texts")
        return tuple(values)

    def _regexes(self, table: Mapping[str, Any], where: str) -> tuple[re.Pattern[str], ...]:
        return tuple(self._regex(text, where) for text in self._texts(table, where))

    def _regex(self, text: str, where: str) -> re.Pattern[str]:
        try:
            return re.compile(text)
        except re.error as error:
            raise self._error(where, f"is no regular expression: {error}") from error

    def _error(self, where: str, problem: str) -> FileFormatError:
        return FileFormatError(self._path, problem, field=where)
