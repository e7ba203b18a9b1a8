"""The ``TRAFFIC_…`` settings, checked together: what a request, the thread and a system check all need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from django_hooks import conf
from url_manifests.errors import ConfigurationError, FileFormatError
from url_manifests.rules import Rules, read_rules

_RANGES: Final[dict[str, tuple[float, float]]] = {
    "TRAFFIC_SAMPLE_RATE": (0, 1),
    "TRAFFIC_ALL_UP_TO_PER_S": (0, 1_000_000),
    "TRAFFIC_FLUSH_S": (1, 3600),
    "TRAFFIC_MAX_URLS": (100, 1_000_000),
    "TRAFFIC_RETENTION_DAYS": (1, 400),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficOptions:
    """What the recorder was told when the server built its middleware; see `django_hooks.setting_table.SETTINGS`."""

    one_in: int = 1
    """Of how many requests one is noted: the sample rate as a whole number, so that a note stands for just as many."""
    all_up_to_per_s: float = 100
    """So many of those in a second are noted; of more, a random share."""
    flush_s: float = 30.0
    max_urls: int = 10_000
    retention_days: int = 14
    rules: Rules = field(default_factory=Rules)


def traffic_options() -> TrafficOptions | None:
    """The options, or ``None`` when nothing is to be recorded.

    Raises:
        ConfigurationError: a setting has the wrong type or lies outside of its range.
    """
    for problem in problems():
        raise problem
    rate = conf.get("TRAFFIC_SAMPLE_RATE")
    if not rate or not conf.get("ENABLED"):
        return None
    return TrafficOptions(
        one_in=round(1 / rate),
        all_up_to_per_s=conf.get("TRAFFIC_ALL_UP_TO_PER_S"),
        flush_s=conf.get("TRAFFIC_FLUSH_S"),
        max_urls=conf.get("TRAFFIC_MAX_URLS"),
        retention_days=conf.get("TRAFFIC_RETENTION_DAYS"),
        rules=own_rules(),
    )


def own_rules() -> Rules:
    """The rules of the file that ``TRAFFIC_RULES`` names; empty ones when it names none.

    Raises:
        ConfigurationError: the file is missing or malformed.
    """
    if not (path := conf.get("TRAFFIC_RULES")):
        return Rules()
    try:
        return read_rules(path)
    except FileFormatError as error:
        raise ConfigurationError(conf.setting_path("TRAFFIC_RULES"), str(error)) from error


def problems() -> Iterator[ConfigurationError]:
    """What is wrong with the settings, one by one."""
    for name, (lowest, highest) in _RANGES.items():
        try:
            value: Any = conf.get(name)
        except ConfigurationError as error:
            yield error
            continue
        if not lowest <= value <= highest:
            problem = f"must be from {lowest:g} to {highest:g}, is {value!r}"
            yield ConfigurationError(conf.setting_path(name), problem)
    try:
        own_rules()
    except ConfigurationError as error:
        yield error
