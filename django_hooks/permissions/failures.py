"""What the cache of permissions failed to do: counted always, and said in the log now and then.

While a cache is down every request meets the same error, and a line for each would bury everything else in the log.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import Final

from django_hooks import stores

logger = logging.getLogger(__name__)

SAY_EVERY_S: Final = 10
UNREADABLE: Final = "cache_warming.permissions_unreadable"
"""The database was asked instead."""
NOT_STORED: Final = "cache_warming.permissions_not_stored"
"""The next request asks the database again."""

counted: Counter[str] = Counter()
"""Event → how often, since this process began; for a project's own metrics."""
_said_at_s: dict[str, float] = {}


def note(event: str, error: Exception) -> None:
    """Count a failure, and log it with the count unless the same was logged a moment ago."""
    counted[event] += 1
    now_s = time.monotonic()
    if now_s - _said_at_s.get(event, float("-inf")) >= SAY_EVERY_S:
        _said_at_s[event] = now_s
        logger.warning("%s count=%s error=%s", event, counted[event], stores.describe(error))
