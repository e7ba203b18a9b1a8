"""Why a request did not end in a warm cache: one table of words, shared by crawler, site, report and docs.

``docs/reference/reasons.md`` is held against this table by a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Reason:
    """What one word in a report means."""

    text: str
    """One sentence for people."""
    hint: str
    """What would make it warm."""
    by_application: bool = False
    """The application itself does not let this be cached: the request leaves the denominator of ``coverage``."""


CACHE_DOWN: Final = "cache-down"
CACHE_INTERRUPTED: Final = "cache-interrupted"

_BY_APPLICATION: Final = {
    "no-page-cache": Reason(
        "The view is not under cache_page, and no cache middleware looked for it.",
        "Add cache_page, or cache its expensive parts as fragments.",
    ),
    "sets-cookie": Reason(
        "The response sets a cookie and varies on Cookie (a csrf token or a new session), so Django never stores it.",
        "Load the form or the session part later, or take {% csrf_token %} out of the cached page.",
    ),
    "private": Reason(
        "Cache-Control says private.",
        "Cache the shared parts of the page as fragments.",
    ),
    "no-cache": Reason("Cache-Control says no-cache.", "Drop never_cache from the view if the page may be shared."),
    "no-store": Reason("Cache-Control says no-store.", "Drop never_cache from the view if the page may be shared."),
    "max-age-0": Reason("Cache-Control says max-age=0.", "Give the page a positive max-age."),
    "vary-star": Reason("The response varies on *.", "Name the headers that really matter in Vary."),
    "streaming": Reason("The response is streamed.", "Only complete responses can be stored."),
    "gone": Reason("What it is computed from was deleted while the run went on.", "Nothing to do."),
    "timeout-0": Reason(
        "The application gives it a timeout of 0, so no cache keeps it.",
        "Give it a positive timeout where it may be shared.",
    ),
    "per-session": Reason(
        "The page is kept under the visitor's session, so nobody else is served from it.",
        "Cache the parts that visitors of a role share as fragments.",
    ),
    "secret-key": Reason(
        "Its key lets somebody in and so is not in the outcome file, which is all that this run reads.",
        "Run warm_cache again: it looks for the keys themselves, and leaves alone what is warm.",
    ),
    "redirect": Reason("The answer is a redirect, and Django stores only 200.", "List the target instead."),
    "status": Reason("The status is neither 200 nor 304.", "Django stores only 200."),
}

_BY_CIRCUMSTANCE: Final = {
    "refused-by-backend": Reason(
        "The cache was asked to store the value and did not have it right afterwards.",
        "Look at the backend's item limit, memory and logs.",
    ),
    "culled": Reason(
        "The cache threw it out to stay below MAX_ENTRIES.",
        "Raise CACHES[…]['OPTIONS']['MAX_ENTRIES'] above the number of keys that shall be warm.",
    ),
    CACHE_DOWN: Reason(
        "The cache does not answer, or keeps nothing that it is given.",
        "Look at the cache server; then run again: what is warm is left alone.",
    ),
    CACHE_INTERRUPTED: Reason(
        "A call on the cache failed, as when a connection breaks, while the page was computed, and it answers again.",
        "Run again; if it is always the same page, look at what that page keeps and at the cache server's limits.",
    ),
    "evicted": Reason(
        "The value was stored and was gone when it was read back.",
        "Give the cache more room (MAX_ENTRIES, maxmemory), or warm less.",
    ),
    "expired": Reason(
        "Its timeout is shorter than the run, so it was gone before the end.",
        "Give it a longer timeout, or warm it with a run of its own.",
    ),
    "key-differs": Reason(
        "The page was stored, yet the second, identical request missed.",
        "Something in the key changes with each request: look at Vary and at key functions.",
    ),
    "not-looked-up": Reason(
        "The page should be cacheable, but nothing was stored and no rule says why.",
        "Run again with one worker and look at the trace.",
    ),
    "login-redirect": Reason(
        "The answer is a redirect to a login page.", "Give the crawler access, or drop the URL from the manifest."
    ),
    "leak": Reason(
        "What a signed-in visitor's request stored was served to somebody else.",
        "Stop serving it: make the page vary on Cookie, or key the fragment by its visitor.",
    ),
    "soft-error": Reason(
        "The status is 200, but the page is an error or maintenance page.",
        "Look at it in a browser, and have the site answer 5xx: Django stores what has status 200.",
    ),
    "login-page": Reason(
        "The status is 200, but the page asks to sign in.",
        "Give the crawler access, or drop the URL from the manifest.",
    ),
    "status-4xx": Reason("The site answered with a client error.", "Rebuild the manifest; the page may be gone."),
    "status-5xx": Reason("The site answered with a server error.", "Look at the site's error log."),
    "busy": Reason("The site asked to be left alone (429 or 503).", "Lower WARM_RATE, or run later."),
    "timeout": Reason("No complete answer came in time.", "Look at why this page is slow; raise WARM_TIMEOUT."),
    "connection": Reason("The connection failed or broke.", "Look at the site's server log."),
    "too-large": Reason("The response is larger than WARM_MAX_BYTES.", "Raise the limit if the page is worth it."),
    "bad-response": Reason("The response could not be read.", "Look at it with curl -v."),
    "wrong-release": Reason("Another release answered.", "Wait until the roll-out is complete."),
    "trace-missing": Reason(
        "The response carried no trace, so nothing can be said about caches.",
        "Install CacheWarmingMiddleware first in MIDDLEWARE, with the same secret.",
    ),
    "trace-unreadable": Reason("The trace could not be decoded.", "Use the same release at both ends."),
    "trace-cut": Reason("The trace did not fit its header; some keys are unknown.", "Warm this page's parts directly."),
    "private-store": Reason(
        "The cache lives inside one process (LocMem) or keeps nothing (Dummy).",
        "Use a cache that all workers share, or have the crawl warm each worker (WARM_WORKERS).",
    ),
    "nothing-kept": Reason(
        "What the request computed was looked up in a cache, missed, and never written.",
        "Look at the view: it reads keys that it does not fill.",
    ),
    "persona-refused": Reason(
        "The request was signed in as a superuser, or as staff without the explicit setting.",
        "Name an ordinary account in CACHE_WARMING['PERSONAS'], or give a staff persona 'staff': True.",
    ),
    "write-refused": Reason(
        "The page tried to write to the database, which CACHE_WARMING['WRITES'] refuses.",
        "Look at the tables that are named; add those that may be written to WRITES_EXEMPT.",
    ),
    "compute-failed": Reason("The warmer raised while it computed the value.", "The finding names the exception."),
    "query-not-cached": Reason(
        "The query reached the database again when it was run a second time.",
        "Look at which tables and operations the query cache is set up for, and what it takes for uncachable.",
    ),
    "warmer-broken": Reason(
        "A warmers.py could not be imported, so nothing it registers was warmed.", "The finding names the module."
    ),
    "bad-entry": Reason("The warmer yielded a bad key, timeout or value.", "The finding names it."),
    "unpicklable": Reason("The value cannot be pickled, or not be made again from its pickle.", "Store plain data."),
    "backend-error": Reason("The cache backend raised.", "Look at the backend's log."),
    "value-too-large": Reason(
        "The value is larger than the cache backend takes.", "Store less under one key, or raise the item limit."
    ),
    "no-room": Reason(
        "The cache is full: writing more would throw out live entries.",
        "Give it more room (maxmemory, -m, MAX_ENTRIES), or warm less; the best entries went first.",
    ),
    "timeout-differs": Reason(
        "The cache keeps it for another time than it was given.", "Look at the backend's options and at failovers."
    ),
    "changed-meanwhile": Reason(
        "What it was computed from changed before it was written, so it was deleted again.",
        "Nothing to do: the next request, or run, computes it.",
    ),
    "memory": Reason("The run reached its memory limit.", "Raise --max-memory; the best entries went first."),
    "different": Reason("Another value stands under the key.", "Two writers disagree: look at both."),
    "unsafe": Reason("A GET of this URL may change something.", "It is never requested."),
    "excluded": Reason("An option of this run left it out.", "Drop -a only / --exclude."),
    "deadline": Reason("The deadline came first.", "Raise WARM_DEADLINE or WARM_RATE; the best entries went first."),
    "budget": Reason(
        "Its share of the run was spent.", "Raise the budget of the strategy; the best entries went first."
    ),
    "no-worker": Reason(
        "No worker of the tasks framework took the job.", "Start workers for TASKS_QUEUE, such as manage.py db_worker."
    ),
    "worker-lost": Reason(
        "The workers that took the job ended without a word, again and again.",
        "Look at the workers' logs and memory; what they wrote stands.",
    ),
    "stopped": Reason("The run was stopped.", "Run again: what is warm is left alone."),
    "protected": Reason("A stop rule protected the site.", "Look at the site's health, then run again."),
}

REASONS: Final[dict[str, Reason]] = {
    **{name: Reason(reason.text, reason.hint, by_application=True) for name, reason in _BY_APPLICATION.items()},
    **_BY_CIRCUMSTANCE,
}
