"""The variables of nginx's ``log_format``, Apache's ``LogFormat`` and gunicorn's ``access_log_format``.

`compile_layout` takes any such string and gives a `RegexFormat`. Which of the three it is shows in its variables:
``$status``, ``%>s`` or ``%(s)s``.
"""

from __future__ import annotations

import re
from typing import Final

from url_manifests.errors import ConfigurationError

from .clock import Clock
from .template import DURATION, METHOD, QUOTED, REQUEST, STATUS, RegexFormat

_S_US: Final = 1e6
_MS_US: Final = 1e3

_NGINX: Final = {
    "request": "request", "request_method": "method", "request_uri": "target", "uri": "target",
    "document_uri": "target", "args": "args", "query_string": "args", "status": "status",
    "time_local": "time", "time_iso8601": "time", "msec": "time",
    "http_user_agent": "agent", "host": "host", "http_host": "host", "server_name": "host",
    "remote_addr": "client", "http_x_real_ip": "client", "realip_remote_addr": "client", "remote_user": "user",
    "request_time": "duration", "upstream_response_time": "duration",
    "http_accept_encoding": "accept_encoding", "http_accept_language": "accept_language",
    "cookie_sessionid": "cookie", "is_signed_in": "cookie",
}  # fmt: skip
_APACHE: Final = {
    "r": "request", "m": "method", "U": "target", "q": "args", "s": "status", "t": "time",
    "v": "host", "V": "host", "h": "client", "a": "client", "u": "user", "D": "duration", "T": "duration",
    "user-agent}i": "agent", "host}i": "host", "accept-encoding}i": "accept_encoding",
    "accept-language}i": "accept_language", "sessionid}c": "cookie",
    "us}t": "duration", "ms}t": "duration", "s}t": "duration",
}  # fmt: skip
_GUNICORN: Final = {
    "r": "request", "m": "method", "U": "target", "q": "args", "s": "status", "t": "time", "h": "client",
    "u": "user", "a": "agent", "D": "duration", "L": "duration", "M": "duration", "T": "duration",
    "{host}i": "host", "{user-agent}i": "agent", "{accept-encoding}i": "accept_encoding",
    "{accept-language}i": "accept_language",
}  # fmt: skip
_UNITS: Final = {
    "apache D": 1.0, "apache T": _S_US, "apache us}t": 1.0, "apache ms}t": _MS_US, "apache s}t": _S_US,
    "gunicorn D": 1.0, "gunicorn L": _S_US, "gunicorn M": _MS_US, "gunicorn T": _S_US,
}  # fmt: skip
# The more precise or more telling of two variables for one field wins.
_BETTER_LAST: Final = ("document_uri", "uri", "server_name", "upstream_response_time", "V", "v")

_VARIABLE: Final = re.compile(
    r"""\$\{?(?P<nginx>[a-z][a-z0-9_]*)\}?
    |%\((?P<gunicorn>[^)]+)\)s
    |%[!0-9,]*[<>]?(?P<apache>\{[^}]+\}\^?[a-zA-Z]{1,2}|[a-zA-Z]|%)""",
    re.VERBOSE,
)

_PATTERNS: Final = {
    "request": REQUEST,
    "method": rf"(?P<method>{METHOD})",
    "status": rf"(?P<status>{STATUS})",
    "duration": rf"(?:(?P<duration>{DURATION})(?:[ ,:]+[-0-9.]++)*+|-)",
}


def compile_layout(layout: str, clock: Clock, name: str = "custom") -> RegexFormat:
    """A format from the user's own layout string.

    Args:
        layout: the string as it stands in the server's configuration, without the name of the format.

    Raises:
        ConfigurationError: the layout has no request, or no status.
    """
    compiler = _Compiler(layout.replace('\\"', '"').replace("\\t", "\t"))
    pattern = compiler.pattern()
    found = compiler.found
    if not {"method", "target"} <= found or "status" not in found:
        raise ConfigurationError(
            "--log-format", "needs the request ($request, %r or %(r)s) and the status ($status, %>s or %(s)s)"
        )
    return RegexFormat(name, pattern, clock, duration_us=compiler.duration_us)


class _Compiler:
    """Walks over a layout once; literal text is matched as it stands."""

    def __init__(self, layout: str) -> None:
        self._layout = layout
        self._matches = list(_VARIABLE.finditer(layout))
        names = {field: name for name, field in map(self._named, self._matches) if field and name in _BETTER_LAST}
        names |= {field: name for name, field in map(self._named, self._matches) if field and name not in _BETTER_LAST}
        self._chosen = names
        self.found: set[str] = set()
        self.duration_us = _S_US

    @staticmethod
    def _named(match: re.Match[str]) -> tuple[str, str]:
        """The variable's name and the record's field, which is empty for what nobody needs."""
        if name := match["nginx"]:
            return name, _NGINX.get(name, "")
        if name := match["gunicorn"]:
            return name, _GUNICORN.get(name, _GUNICORN.get(name.lower(), ""))
        name = match["apache"]
        if name.startswith("{"):
            name = name[1:].lower()
            return name, _APACHE.get(name, "time" if name.endswith("}t") else "")
        return name, _APACHE.get(name, "")

    def pattern(self) -> str:
        """The regex over a whole line; what follows the layout (fields added later) is read over."""
        parts: list[str] = []
        end = 0
        for match in self._matches:
            parts.append(re.escape(self._layout[end : match.start()]))
            end = match.end()
            parts.append("%" if match["apache"] == "%" else self._value(match, self._layout[end : end + 1]))
        return "".join(parts) + re.escape(self._layout[end:]) + r"(?:\s.*)?"

    def _value(self, match: re.Match[str], following: str) -> str:
        name, field = self._named(match)
        dialect = match.lastgroup
        anything = _anything(following)
        if dialect in ("apache", "gunicorn") and name == "t":
            return self._time()
        if (
            not field
            or self._chosen[field] != name
            or field in self.found
            or (field == "request" and self.found & {"target"})
        ):
            return f"(?:{anything})"
        self.found |= {"method", "target"} if field == "request" else {field}
        if field == "duration":
            self.duration_us = _UNITS.get(f"{dialect} {name}", _S_US)
        return _PATTERNS.get(field, f"(?P<{field}>{anything})")

    def _time(self) -> str:
        """Apache and gunicorn write the brackets around the time themselves."""
        if "time" in self.found:
            return r"\[[^\]]*+\]"
        self.found.add("time")
        return r"\[(?P<time>[^\]]*+)\]"


def _anything(following: str) -> str:
    """What one value may hold, told by the character behind it."""
    if following == '"':
        return QUOTED
    if following == "":
        return r".*?"
    if following == " ":
        return r"\S*+(?:, \S++)*+"  # nginx separates several upstreams, and proxies several addresses, by a comma
    return f"[^{re.escape(following)}]*+"
