"""Who a user agent is: a browser with its header profile, or one that is not counted (bot, monitor, our own warmer)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from crawlerdetect import CrawlerDetect  # type: ignore[import-untyped]  # it ships no types

from .profiles import profile_of

_MONITORS: Final = re.compile(
    r"health.?check|kube-probe|GoogleHC|GoogleStackdriverMonitoring|UptimeRobot|Uptime|Pingdom|StatusCake|Site24x7"
    r"|Blackbox.?Exporter|check_http|Nagios|Zabbix|Icinga|Datadog|NewRelic|Consul|Amazon-Route53|Envoy/HC|haproxy|monit/"
    r"|Hetrix|Freshping|Checkly|Prometheus|Netdata|Monitor",
    re.IGNORECASE,
)
_WARMER: Final = re.compile(r"django-cache-warming|cache.?warm|wp-rocket|litespeed.?runner", re.IGNORECASE)
# The exact shape of the common browsers. Searching a thousand bot patterns takes 0.3 ms, this takes a microsecond.
_PLAIN_BROWSER: Final = re.compile(
    r"Mozilla/5\.0 \((?:Windows NT [\d.]+|X11; |Macintosh; Intel Mac OS X|Linux; (?:U; )?Android [\d.]+"
    r"|iPhone; CPU|iPad; CPU"
    r"|Android [\d.]+; Mobile)"
    r"(?:(?!bot|crawl|spider|compatible|http)[^()]){0,120}\) (?:AppleWebKit/[\d.]+ \(KHTML, like Gecko\)"
    r"(?: (?:Version|Chrome|Safari|Mobile|Edg|EdgA|CriOS|FxiOS|OPR)(?:/[\w.]+)?)+|Gecko/[\d.]+ Firefox/[\d.]+)",
    re.IGNORECASE,
)


class Agent(NamedTuple):
    """What one user agent means for counting."""

    rule: str
    """Why its requests are excluded: ``bot``, ``health-check``, ``warmer``, ``agent``; empty for a visitor."""
    profile: str
    """Name of its header profile; empty when unknown."""


class AgentClassifier:
    """Tells visitors from programs.

    Args:
        excluded: regular expressions of user agents that the user wants left out (``--exclude-agent``).
    """

    def __init__(self, excluded: Sequence[str] = ()) -> None:
        self._excluded = [re.compile(pattern, re.IGNORECASE) for pattern in excluded]
        self._detector = CrawlerDetect()

    def classify(self, raw: bytes) -> Agent:
        """What this user agent means; empty when the format has none, a dash when the visitor sent none."""
        if not raw:
            return Agent("", "")
        agent = raw.decode("utf-8", "replace")
        rule = self._rule(agent)
        return Agent(rule, "" if rule else profile_of(agent))

    def _rule(self, agent: str) -> str:
        if any(pattern.search(agent) for pattern in self._excluded):
            return "agent"
        if _PLAIN_BROWSER.fullmatch(agent):
            return ""
        if _WARMER.search(agent):
            return "warmer"
        if _MONITORS.search(agent):
            return "health-check"
        # Every browser sends a user agent: whoever sends none is a script.
        return "bot" if agent == "-" or self._detector.is_crawler(agent) else ""
