"""The kill switch: one word that ends every warm run of this site at once, by whoever may reach its cache or its disk.

While it is on, the middleware refuses every warm request before the site does anything for it, and says "stop" rather
than "later": the crawler ends with exit code 5 within two seconds. ``manage.py warm_cache`` looks at it between two
batches, and ``manage.py warm_cache --stop`` sets it.

Two places are looked at. A key in the cache of the alias ``CONTROL_CACHE`` reaches every machine, and goes by itself
after some minutes: a deploy of tomorrow must not find today's stop. A file, ``STOP_FILE``, works while the cache is
down; made by hand (``touch``) it holds until somebody removes it.

For commands::

    stop_runs("the database is melting")     # --stop
    stop_requested()                         # why runs are to stop now, or ""
    StopSwitch().requested()                 # the same, asked as often as you like: it looks twice a second at most
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import Final

from django.core.cache import caches

from url_manifests.errors import ConfigurationError

from . import conf, stores

logger = logging.getLogger(__name__)

STOP_KEY: Final = "cache_warming:stop"
STOP_S: Final = 300.0
"""How long a stop holds unless told otherwise: every run hears it, and the next deploy's is not harmed."""
LOOK_EVERY_S: Final = 0.5
LONGEST_SILENCE_S: Final = 30.0
"""However long a cache took to answer, it is asked again after this time."""
_TIMES_LONGER: Final = 10
BY_HAND: Final = "somebody asked for it"
_MAX_REASON_CHARS: Final = 200


def stop_runs(reason: str = BY_HAND, *, lasts_s: float = STOP_S) -> None:
    """Have every run of this site stop, and none begin for ``lasts_s`` seconds.

    Raises:
        ConfigurationError: no other process would hear of it: the cache keeps nothing, or keeps it to this process,
            and no ``STOP_FILE`` is set.
    """
    is_told = _put_into_cache(_one_line(reason), lasts_s)
    if path := _file():
        try:
            path.write_text(f"{time.time() + lasts_s:.0f} {_one_line(reason)}\n")
        except OSError as error:
            problem = f"cannot write {path}: {error.strerror}"
            raise ConfigurationError(conf.setting_path("STOP_FILE"), problem) from error
    elif not is_told:
        raise ConfigurationError(
            conf.setting_path("STOP_FILE"),
            f"the cache {conf.get('CONTROL_CACHE')!r} cannot carry a stop to other processes; name a file here",
        )


def allow_runs() -> None:
    """Take a stop back, in both places."""
    if path := _file():
        path.unlink(missing_ok=True)
    caches[conf.get("CONTROL_CACHE")].delete(STOP_KEY)


def stop_requested() -> str:
    """Why runs are to stop now, or nothing. Blocks on the cache: not for an event loop.

    A cache that does not answer says nothing; the file is there for that case.
    """
    return _in_file(time.time()) or _in_cache()


class StopSwitch:
    """`stop_requested`, looked up at most twice a second and remembered in between.

    A cache that takes its time is asked less often, so that no more than a tenth of the run's goes there: one that
    hangs would otherwise cost its time-out before each batch. The file is looked for all the same.

    Args:
        clock: monotonic seconds; tests pass their own.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_at_s = float("-inf")
        self._ask_cache_at_s = float("-inf")
        self._in_file = self._in_cache = ""

    @property
    def is_due(self) -> bool:
        """Whether `requested` would have to ask now, and so may block."""
        return self._clock() - self._looked_at_s >= LOOK_EVERY_S

    def requested(self) -> str:
        """Why runs are to stop, or nothing."""
        if self.is_due:
            began_s = self._looked_at_s = self._clock()
            self._in_file = _in_file(time.time())
            if not self._in_file and began_s >= self._ask_cache_at_s:
                self._in_cache = _in_cache()
                took_s = self._clock() - began_s
                self._ask_cache_at_s = began_s + min(took_s * _TIMES_LONGER, LONGEST_SILENCE_S)
        return self._in_file or self._in_cache


def _put_into_cache(reason: str, lasts_s: float) -> bool:
    """Whether other processes will find it there."""
    try:
        cache = caches[conf.get("CONTROL_CACHE")]
        # Whole seconds, and at least one: to Memcached, nothing means for ever.
        cache.set(STOP_KEY, reason, max(ceil(lasts_s), 1))
        return not stores.keeps_to_itself(cache) and cache.get(STOP_KEY) is not None
    except Exception as error:  # noqa: BLE001 - a backend may raise anything; the caller says what it means
        logger.warning("cache_warming.stop_not_kept error=%s", stores.describe(error))
        return False


def _in_cache() -> str:
    try:
        return _one_line(caches[conf.get("CONTROL_CACHE")].get(STOP_KEY) or "")
    except Exception as error:  # noqa: BLE001 - a backend may raise anything; no answer is no stop, and is logged
        logger.warning("cache_warming.stop_unknown error=%s", stores.describe(error))
        return ""


def _in_file(now_s: float) -> str:
    path = _file()
    if path is None:
        return ""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            until, _, reason = file.read(_MAX_REASON_CHARS).strip().partition(" ")
    except FileNotFoundError:
        return ""
    except OSError as error:
        # It is there, and may well be meant: a folder, or a file of another user.
        logger.warning("cache_warming.stop_file_unreadable error=%s", error)
        return BY_HAND
    if until.isascii() and until.isdigit():
        return (_one_line(reason) or BY_HAND) if now_s < int(until) else ""
    return _one_line(f"{until} {reason}") or BY_HAND


def _file() -> Path | None:
    path = conf.get("STOP_FILE")
    return Path(path) if path else None


def _one_line(text: object) -> str:
    return "".join(c if c.isprintable() else " " for c in str(text)).strip()[:_MAX_REASON_CHARS]
