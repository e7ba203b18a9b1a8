"""Times as logs write them, to hours since 1970.

Hours are all that ranking needs, and a log has few of them: the cache makes most calls a dictionary look-up.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from .record import BAD_TIME, FUTURE_TIME, UNKNOWN_HOUR, Rejection

_MONTHS: Final = {
    name: number for number, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)
}
_CLF: Final = re.compile(
    rb"(?:[A-Z][a-z]{2}, )?(\d{1,2})[/ -]([A-Za-z]{3})[/ -](\d{4})[: ](\d{2}):(\d{2}):(\d{2})(?:[.,]\d+)?"
    rb"(?: ?([+-]\d{2}):?(\d{2})| ?Z| ?GMT| ?UTC)?"
)
_ISO: Final = re.compile(
    rb"(\d{4})[/-](\d{2})[/-](\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?(?: ?([+-]\d{2}):?(\d{2})?| ?Z| ?UTC)?"
)
_CTIME: Final = re.compile(rb"(?:[A-Za-z]{3} )?([A-Za-z]{3}) {1,2}(\d{1,2}) (\d{2}):(\d{2}):(\d{2}) (\d{4})")
_EPOCH: Final = re.compile(rb"(\d{9,19})(?:\.\d+)?")

_MAX_CACHED: Final = 50_000
_MAX_RECENT: Final = 1_000
_EARLIEST_HOUR: Final = int(datetime(1994, 1, 1, tzinfo=UTC).timestamp()) // 3600
_ONE_DAY_HOURS: Final = 24


class Clock:
    """Turns the time field of a log into hours.

    Args:
        now_s: Unix time; a line more than a day ahead of it is refused (logs of a host whose clock is an hour off are
            not), so that one wrong line does not make all others look old.
    """

    def __init__(self, now_s: float | None = None) -> None:
        now_s = time.time() if now_s is None else now_s
        self._latest_hour = int(now_s) // 3600 + _ONE_DAY_HOURS
        self._hours: dict[bytes, int | Rejection] = {b"": UNKNOWN_HOUR, b"-": UNKNOWN_HOUR}
        self.recent: dict[bytes, int] = {}
        """What `hour` gave for the latest distinct times, for callers that save the call."""

    def hour(self, raw: bytes) -> int | Rejection:
        """Hours since 1970 in UTC; a time without a zone counts as UTC."""
        # Of Apache's and nginx's usual spelling the seconds are left out of the key: fewer keys, more of them known.
        plain = len(raw) == 26 and raw[17] == 58 and raw[18:20].isdigit()
        key = raw[:17] + raw[20:] if plain else raw
        known = self._hours.get(key)
        if known is None:
            known = self._new(key, raw)
        if isinstance(known, int):
            if len(self.recent) >= _MAX_RECENT:
                self.recent.clear()
            self.recent[raw] = known
        return known

    def _new(self, key: bytes, raw: bytes) -> int | Rejection:
        if len(self._hours) >= _MAX_CACHED:
            self._hours = {b"": UNKNOWN_HOUR, b"-": UNKNOWN_HOUR}
        hour = self._hours[key] = self._checked(raw)
        return hour

    def _checked(self, raw: bytes) -> int | Rejection:
        try:
            hour = _epoch_hour(raw.strip(b"[] "))
        except (ValueError, OverflowError):
            return BAD_TIME
        if hour is None or hour < _EARLIEST_HOUR:
            return BAD_TIME
        return FUTURE_TIME if hour > self._latest_hour else hour


def _epoch_hour(raw: bytes) -> int | None:
    if match := _CLF.fullmatch(raw):
        day, month, year, hour, minute, second, zone_hours, zone_minutes = match.groups()
        number = _MONTHS.get(month.lower(), 0)
        return _utc_hour((int(year), number, int(day), int(hour), int(minute), int(second)), zone_hours, zone_minutes)
    if match := _ISO.fullmatch(raw):
        year, month, day, hour, minute, second, zone_hours, zone_minutes = match.groups()
        fields = (int(year), int(month), int(day), int(hour), int(minute), int(second or 0))
        return _utc_hour(fields, zone_hours, zone_minutes)
    if match := _CTIME.fullmatch(raw):
        month, day, hour, minute, second, year = match.groups()
        number = _MONTHS.get(month.lower(), 0)
        return _utc_hour((int(year), number, int(day), int(hour), int(minute), int(second)), None, None)
    if match := _EPOCH.fullmatch(raw):
        # 1994 in microseconds is more than 2200 in milliseconds, so the number of digits tells the unit.
        digits = match[1]
        return int(digits) // int(10 ** max(0, (len(digits) - 8) // 3 * 3)) // 3600
    return None


def _utc_hour(fields: tuple[int, int, int, int, int, int], zone_hours: bytes | None, zone_minutes: bytes | None) -> int:
    year, month, day, hour, minute, second = fields
    local = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)  # a leap second is written as 60
    if zone_hours:
        minutes = int(zone_minutes or 0)
        offset = timedelta(hours=int(zone_hours), minutes=-minutes if zone_hours.startswith(b"-") else minutes)
        local -= offset
    return int(local.timestamp()) // 3600
