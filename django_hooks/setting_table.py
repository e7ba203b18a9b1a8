"""The table of all keys of the ``CACHE_WARMING`` setting: name, type, default and help.

``docs/reference/settings.md`` is made from it, system checks hold a project's dict against it, and `conf` reads by it.
"""

from __future__ import annotations

from typing import Final

from . import values
from .setting import Setting, cache_aliases, task_backends

CACHE_DOWN: Final = ("go-on", "stop")

SETTINGS: Final[dict[str, Setting]] = {
    setting.name: setting
    for setting in (
        Setting(
            name="ENABLED",
            types=(bool,),
            default=True,
            help="False makes the middleware ignore every ticket, as if it were not installed.",
        ),
        Setting(
            name="SECRET",
            types=(str,),
            default="",
            help="Signs the tickets of warm requests; the same as the pipeline's WARM_SECRET, never SECRET_KEY.",
        ),
        Setting(
            name="SECRET_FALLBACKS",
            types=(list, tuple),
            default=(),
            help="Earlier secrets that are still accepted while the secret is being rotated.",
        ),
        Setting(
            name="RELEASE",
            types=(str,),
            default="",
            help="Name of the running release; told to the crawler, which pins its run to it.",
        ),
        Setting(name="ENV", types=(str,), default="", help="Name of this environment in the reports of warm_cache."),
        Setting(
            name="REQUIRE_COVERAGE",
            types=(float, int),
            default=0.9,
            valid=values.share,
            help="Share from 0 to 1 that warm_cache has to warm unless --require-coverage says otherwise.",
        ),
        Setting(
            name="FRAGMENTS",
            types=(list, tuple),
            default=(),
            help="Template fragments to warm: dicts with template, fragment and optionally contexts, languages, "
            "time_zones, values, request, absent, name, priority.",
        ),
        Setting(
            name="ROWS",
            types=(list, tuple),
            default=(),
            help="Rows to keep in a cache: dicts with model and optionally name, lookups, timeout, alias, filter, "
            "select_related, only, order_by, limit, priority, invalidate.",
        ),
        Setting(
            name="SESSIONS",
            types=(bool, dict),
            default=False,
            help="True warms the active sessions of the engine cached_db; a dict may give limit and priority.",
        ),
        Setting(
            name="STRATEGIES",
            types=(dict,),
            default={},
            help="Named sets of what warm_cache warms, in which order and how: name → dict.",
        ),
        Setting(
            name="TRAFFIC_SAMPLE_RATE",
            types=(float, int),
            default=0,
            help="Share of the visitors' requests that is counted, from 0 (off) to 1, as one in a whole number; "
            "counts go to this site's database.",
        ),
        Setting(
            name="TRAFFIC_ALL_UP_TO_PER_S",
            types=(float, int),
            default=100,
            help="Requests a second of which a process counts each; of more it counts a random share, each of which "
            "stands for the others. 0 is no limit.",
        ),
        Setting(
            name="TRAFFIC_FLUSH_S",
            types=(float, int),
            default=30,
            help="Seconds after which each worker saves its counts, and the most that a killed one loses.",
        ),
        Setting(
            name="TRAFFIC_MAX_URLS",
            types=(int,),
            default=10_000,
            help="URLs and variants that a worker remembers between two saves, and that the table keeps for one hour.",
        ),
        Setting(
            name="TRAFFIC_RETENTION_DAYS",
            types=(int,),
            default=14,
            help="Days after which counts are deleted.",
        ),
        Setting(
            name="TRAFFIC_RULES",
            types=(str,),
            default="",
            help="TOML file with this site's own rules for URLs, the one that build takes as --rules.",
        ),
        Setting(
            name="PERSONAS",
            types=(dict,),
            default={},
            help="Existing accounts that a run may ask as: role → dict with username and optionally staff, markers, "
            "backend.",
        ),
        Setting(
            name="WRITES",
            types=(str,),
            default="observe",
            help="What happens when a warm request writes to a database: observe (counted and reported) or refuse.",
        ),
        Setting(
            name="WRITES_EXEMPT",
            types=(list, tuple),
            default=(),
            help="Tables that warm requests may write to, beside those of sessions, database caches and this app.",
        ),
        Setting(
            name="ADMISSION",
            types=(dict, bool),
            default=True,
            help="Whether warm requests are refused while visitors suffer; a dict sets limits (0 is off): in_flight, "
            "waiting, latency_ratio, loop_lag_s, database_wait_s, load.",
        ),
        Setting(
            name="ALLOWED_ADDRESSES",
            types=(list, tuple),
            default=(),
            help="Addresses and networks that tickets may come from; empty for any.",
        ),
        Setting(
            name="TRUSTED_PROXIES",
            types=(int, list, tuple),
            default=0,
            help="Proxies in front of the site whose X-Forwarded-For is believed: how many, or their networks.",
        ),
        Setting(
            name="CONTROL_CACHE",
            types=(str,),
            default="default",
            help="Cache alias that carries the kill switch, and the load of each host, from process to process.",
        ),
        Setting(
            name="STOP_FILE",
            types=(str,),
            default="",
            help="File that stops every run for as long as it exists, even while the cache is down.",
        ),
        Setting(
            name="CACHE_WAIT_S",
            types=(float, int),
            default=15,
            valid=values.seconds_or_0,
            help="Seconds that warm_cache waits for a cache that does not answer.",
        ),
        Setting(
            name="CACHE_DOWN",
            types=(str,),
            default="go-on",
            valid=values.one_of(CACHE_DOWN),
            help="What warm_cache does when it has not come back by then: go-on with other caches, or stop.",
        ),
        Setting(
            name="CACHE_TIMEOUT_S",
            types=(float, int),
            default=5,
            valid=values.seconds,
            help="Seconds that warm_cache waits for one answer of a cache whose client has no time limit of its own.",
        ),
        Setting(
            name="PERMISSIONS_ALIAS",
            types=(str,),
            default="default",
            help="Cache in which CachedPermissionsBackend keeps permissions: one that every process sees, under the "
            "same KEY_PREFIX.",
        ),
        Setting(
            name="PERMISSIONS_TIMEOUT_S",
            types=(int,),
            default=600,
            help="Seconds that kept permissions live, and the longest that a change which sends no signals can go "
            "unnoticed.",
        ),
        Setting(
            name="LOCK_FILE",
            types=(str,),
            default="",
            help="File that a run of warm_cache locks; by default one in the temporary folder, by project and user.",
        ),
        Setting(
            name="LOCK_CACHE",
            types=(str,),
            default="default",
            among=cache_aliases,
            help="Cache that holds the lock which other machines see; the database holds it too.",
        ),
        Setting(
            name="LOCK_TTL_S",
            types=(float, int),
            default=60,
            valid=values.seconds,
            help="Seconds after which the lock of a run that was killed on another machine is free.",
        ),
        Setting(
            name="TASKS_BACKEND",
            types=(str,),
            default="default",
            among=task_backends,
            help="Which of TASKS the jobs of --mode tasks are given to.",
        ),
        Setting(name="TASKS_QUEUE", types=(str,), default="default", help="The queue that its workers take them from."),
        Setting(
            name="TASKS_LEASE_S",
            types=(float, int),
            default=60,
            valid=values.seconds,
            help="Seconds without a sign of life after which a worker's job is given to another.",
        ),
        Setting(
            name="TASKS_PATIENCE_S",
            types=(float, int),
            default=300,
            valid=values.seconds_or_0,
            help="Seconds without a sign of life of any worker after which a run gives up.",
        ),
        Setting(
            name="HISTORY_DAYS",
            types=(int,),
            default=90,
            valid=values.days,
            help="Days after which runs of warm_cache are deleted from the history; 0 keeps none at all.",
        ),
    )
}
