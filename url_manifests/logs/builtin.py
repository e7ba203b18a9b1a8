"""The layouts that servers write without being told: web servers, application servers, load balancers."""

from __future__ import annotations

from typing import Final

from .clock import Clock
from .template import DURATION, METHOD, QUOTED, REQUEST, STATUS, RegexFormat

_TIME: Final = r"\[(?P<time>[^\]\s]++(?: [^\]]++)?+)\]"
_CLIENT: Final = r"(?P<client>\S*+) \S++ (?P<user>\S++) "
# A user name may hold spaces; only lines that do not fit otherwise are tried with this.
_LOOSE_CLIENT: Final = r"(?P<client>\S*+) \S++ (?P<user>[^\[\"]*+)"
# Apache's %v:%p in front; no time, which container tools put there.
_VHOST: Final = r"(?!\d{4}-\d\d-\d\d)(?P<host>[A-Za-z0-9_.\-\[\]:]++) (?P<client>\S++) \S++ (?P<user>\S++) "
# lighttpd and some hosters: the host in the second place, where others have the dash of the identity.
_HOST_SECOND: Final = r"(?P<client>\S++) (?P<host>[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)++(?::\d++)?+) (?P<user>\S++) "
_ANSWER: Final = rf" (?P<status>{STATUS}) (?:[0-9]++|-)"
_AGENT: Final = rf' "{QUOTED}" "(?P<agent>{QUOTED})"'
_COMBINED_END: Final = _ANSWER + _AGENT + r"(?:\s.*)?"
# A time behind the agent is only taken where its spelling is plain: rt=0.123, or seconds with three or six decimals.
_RT_END: Final = (
    _ANSWER + _AGENT + r' (?:"[^"]*+" |(?:hit|miss|pass|pipe|synth) )*+(?:(?:rt|request_time)=)?"?+'
    r'(?P<duration>-?+[0-9]++\.(?:[0-9]{6}|[0-9]{3}))"?+(?:\s.*)?'
)
# The ingress controller of Kubernetes: length and time of the request, then the upstream in brackets.
_INGRESS_END: Final = _ANSWER + _AGENT + r" \d++ (?P<duration>[0-9]++\.[0-9]{3}) \[.*"

_ALB: Final = (
    r"(?:(?:https?|h2|wss?|grpcs?) )?(?P<time>\d{4}-\S++) \S++ (?P<client>\S+):\d++ \S++ "
    rf"-?[0-9.]++ (?:(?P<duration>[0-9.]++)|-1) -?[0-9.]++ (?P<status>{STATUS}) (?:\d{{3}}|-) -?\d++ -?\d++ "
    rf'"{REQUEST}" "(?P<agent>{QUOTED})"(?:\s.*)?'
)
_HAPROXY: Final = (
    r"(?:.*? )??(?P<client>[0-9A-Fa-f.:]+):\d++ \[(?P<time>[^\]]++)\] \S++ \S+?/\S++ "
    rf"(?:-?\d++/){{3,4}}\+?(?P<duration>\d++) (?P<status>{STATUS}|-1) \+?\d++ \S++ \S++ \S{{4}} \S++ \S++ "
    # What was captured of the request: a host, an agent, or both; then what was captured of the answer.
    r"(?:\{(?:(?![0-9.]++[|}])(?P<host>[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)++(?::\d++)?+)(?:\||(?=\})))?+"
    rf'(?P<agent>[^|}}]*+)(?:\|[^}}]*+)?+\}} )?+(?:\{{[^}}]*+\}} )?+"{REQUEST}(?:"(?: .*)?)?'
)
_UWSGI: Final = (
    r"(?:\S+ )?\[pid: \d++\|app: [^|]++\|req: [^\]]++\] (?P<client>\S*+) \((?P<user>[^)]*+)\) \{[^}]*+\} "
    rf"\[(?P<time>[^\]]++)\] (?P<method>{METHOD}) (?P<target>\S++) => generated \d++ bytes in "
    rf"(?P<duration>{DURATION}) msecs (?:via \S++ )?+\((?:HTTP/[0-9.]++|\S*+) (?P<status>{STATUS})\) .*"
)
_UWSGI_MICROS: Final = _UWSGI.replace("msecs", "micros")
_ENVOY: Final = (
    rf'\[(?P<time>[^\]]++)\] "{REQUEST}" (?P<status>{STATUS}) \S++ (?:\S++ \S++ "{QUOTED}" )?+\d++ \d++ '
    rf'(?P<duration>\d++|-) \S++ "(?P<client>{QUOTED})" "(?P<agent>{QUOTED})" "{QUOTED}" "(?P<host>{QUOTED})" .*'
)
_GRANIAN: Final = (
    rf'(?:\[[A-Z]+\] )?\[(?P<time>[^\]]++)\] (?P<client>\S++) - "{REQUEST}" (?P<status>{STATUS}) '
    rf"(?P<duration>{DURATION})"
)
_UVICORN: Final = (
    r"(?:\S+ +)??INFO: +(?:(?P<client>\S*?)(?::\d++)?|None:None) - "
    rf'"{REQUEST}" (?P<status>{STATUS})(?: [A-Za-z\' -]*+)?+(?: \S+ms)?'
)
_RUNSERVER: Final = (
    rf'(?:\[(?P<time>\d++/[A-Za-z]{{3}}/\d{{4}} [\d:]++)\]|INFO:? +\S*) +"{REQUEST}" (?P<status>{STATUS}) \d++'
)
_DAPHNE: Final = rf'(?P<client>\S*?):\d++ - - \[(?P<time>[^\]]++)\] "{REQUEST}" (?P<status>{STATUS}) (?:\d++|-)'
_CHANNELS: Final = (
    r"(?:(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:,\d{3})?)[^\"]{0,80}? )?"
    rf"HTTP/?[0-9.]* (?P<method>{METHOD}) (?P<target>/\S*+) (?P<status>{STATUS}) "
    r"\[(?P<duration>[0-9.]++), (?P<client>\S*?):\d++\]"
)
_TRAEFIK: Final = (
    rf'{_CLIENT}{_TIME} "{REQUEST}" (?P<status>{STATUS}) (?:\d++|-) "{QUOTED}" "(?P<agent>{QUOTED})" \d++ '
    rf'"{QUOTED}" "{QUOTED}" (?P<duration>{DURATION})ms'
)
NOT_HTTP_LINE: Final = rf'(?:\S*+ ){{2,4}}\[[^\]]++\] "(?!{METHOD} /){QUOTED}" {STATUS} (?:\d++|-)(?:\s.*)?'
"""A whole line of the combined family, whatever its request field holds: TLS bytes, another protocol, nothing."""

BuiltIn = tuple[str, str, float]

LAYOUTS: Final[tuple[BuiltIn, ...]] = (
    ("traefik", _TRAEFIK, 1e3),
    ("nginx-ingress", f'{_CLIENT}{_TIME} "{REQUEST}"{_INGRESS_END}', 1e6),
    ("host-second", f'{_HOST_SECOND}{_TIME} "{REQUEST}"{_COMBINED_END}', 1e6),
    ("combined-time", f'{_CLIENT}{_TIME} "{REQUEST}"{_RT_END}', 1e6),
    ("combined", f'{_CLIENT}{_TIME} "{REQUEST}"{_COMBINED_END}', 1e6),
    ("vhost-combined", f'{_VHOST}{_TIME} "{REQUEST}"{_COMBINED_END}', 1e6),
    ("daphne", _DAPHNE, 1e6),
    ("common", f'{_CLIENT}{_TIME} "{REQUEST}"{_ANSWER} ?+', 1e6),
    ("vhost-common", f'{_VHOST}{_TIME} "{REQUEST}"{_ANSWER} ?+', 1e6),
    ("uwsgi", _UWSGI, 1e3),
    ("uwsgi-micros", _UWSGI_MICROS, 1.0),
    ("envoy", _ENVOY, 1e3),
    ("granian", _GRANIAN, 1e3),
    ("uvicorn", _UVICORN, 1e6),
    ("runserver", _RUNSERVER, 1e6),
    ("channels", _CHANNELS, 1e6),
    ("haproxy", _HAPROXY, 1e3),
    ("aws-alb", _ALB, 1e6),
    ("combined-loose", f'{_LOOSE_CLIENT}{_TIME} "{REQUEST}"{_COMBINED_END}', 1e6),
)
"""Name, regex, microseconds in the unit of its duration; the more particular ones first."""

_UNESCAPED: Final = frozenset({"uwsgi", "uwsgi-micros", "uvicorn", "daphne", "runserver", "granian", "channels"})
"""Application servers write the target as it came."""


def builtin_formats(clock: Clock) -> list[RegexFormat]:
    """All of `LAYOUTS`, compiled."""
    return [
        RegexFormat(name, pattern, clock, duration_us=unit_us, escaped=name not in _UNESCAPED)
        for name, pattern, unit_us in LAYOUTS
    ]
