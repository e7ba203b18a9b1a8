"""How many requests an hour of the past predicts for the hours to come. Pure.

Recent hours weigh more, with an exponential half-life; and hours like those to come weigh more than others: what was
read on the last Monday morning tells more about this Monday morning than last night does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HOURS_A_WEEK: Final = 168
WEIGHT_ONE: Final = 1 << 24
"""Weights are whole numbers of this fraction: sums of floats would depend on the order of adding."""

_SAME_HOUR: Final = 1.0
_OTHER_HOUR: Final = 0.05
"""Enough to rank the pages that the same hours of the past saw seldom; more hides what is read on one weekday only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionPolicy:
    """How the past is weighed."""

    half_life_days: float = 7.0
    """After so many days a request counts half; 0 counts all the same."""
    horizon_hours: int = 24
    """For how long after the end of the log the requests are predicted."""
    by_hour_of_week: bool = True
    """Whether hours of the week like those to come weigh more."""
    min_window_hours: int = 48
    """A log of fewer hours is only counted: there is nothing to tell a trend from."""


def hour_weights(first_hour: int, last_hour: int, policy: PredictionPolicy) -> dict[int, int] | None:
    """The weight of a request of each hour, in `WEIGHT_ONE`; their sum over hits is the number of requests predicted.

    Args:
        first_hour: hours since 1970 of the log's first request.
        last_hour: of its last; the horizon begins after it.

    Returns:
        ``None`` when plain counting is all that can be done.
    """
    window_hours = last_hour - first_hour + 1
    if window_hours < policy.min_window_hours or (not policy.half_life_days and not policy.by_hour_of_week):
        return None
    raw = {hour: _weight(hour, last_hour, policy) for hour in range(first_hour, last_hour + 1)}
    scale = policy.horizon_hours / sum(raw.values())
    return {hour: max(1, round(weight * scale * WEIGHT_ONE)) for hour, weight in raw.items()}


def _weight(hour: int, last_hour: int, policy: PredictionPolicy) -> float:
    age_days = (last_hour - hour) / 24
    fading = float(0.5 ** (age_days / policy.half_life_days)) if policy.half_life_days else 1.0
    return fading * (_likeness(hour, last_hour + 1, policy.horizon_hours) if policy.by_hour_of_week else 1.0)


def _likeness(hour: int, start_hour: int, horizon_hours: int) -> float:
    """How like the hours to come an hour of the past is."""
    if (hour - start_hour) % HOURS_A_WEEK < horizon_hours:
        return _SAME_HOUR
    return _OTHER_HOUR
