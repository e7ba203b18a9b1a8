"""One crawl of an environment at a time, across machines: the site keeps the lock that crawlers on any of them see.

Each claim is a request of its own, and each may be answered by another process, so nothing is remembered here: who
holds the lock is in the claim (`url_manifests.lease`), and in the stores that `django_hooks.leases` keeps it in, the
cache ``LOCK_CACHE`` and the database. The lock ends ``LOCK_TTL_S`` after its last renewal.

Only a ticket of the right purpose gets here, so only holders of the secret can hold up a crawl.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse

from url_manifests.errors import ConfigurationError
from url_manifests.lease import LEASE_HEADER, LeaseAnswer, LeaseClaim, LeaseState
from url_manifests.protocol import Purpose, Ticket

from . import conf, stores
from .leases import CacheLease, DatabaseLease, Holder, Lease, LeaseHeldError, LeaseUnusableError

logger = logging.getLogger(__name__)

LEASE_PURPOSES = frozenset({Purpose.LEASE, Purpose.RELEASE})


def lease_response(request: HttpRequest, ticket: Ticket) -> HttpResponse:
    """The answer to a claim. Blocks on cache and database."""
    response = HttpResponse("lease\n", content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})
    response.headers[LEASE_HEADER] = _answer(request, ticket).encode()
    return response


def _answer(request: HttpRequest, ticket: Ticket) -> LeaseAnswer:
    try:
        claim = LeaseClaim.read(request.META.get("QUERY_STRING", ""))
    except ValueError as error:
        return LeaseAnswer(state=LeaseState.UNUSABLE, detail=f"the claim {error}; use the same release at both ends")
    try:
        return (give_back if ticket.purpose is Purpose.RELEASE else take)(claim, ticket.run_id)
    except ConfigurationError as error:
        return LeaseAnswer(state=LeaseState.UNUSABLE, detail=str(error))


def take(claim: LeaseClaim, run_id: str) -> LeaseAnswer:
    """Take the lock for a crawl, or renew it."""
    ttl_s = conf.get("LOCK_TTL_S")
    held, problems = list[Lease](), list[str]()
    for lease in _leases(claim, run_id, ttl_s):
        try:
            # The first claim is like every other: what is free is taken by a renewal, too.
            if lease.renew() is not None:
                lease.take()
        except LeaseHeldError as error:
            _end(held)
            other = error.holder
            since_s = other.since_s if other else 0
            return LeaseAnswer(state=LeaseState.OTHER, ttl_s=ttl_s, holder=str(other or "unknown"), since_s=since_s)
        except (LeaseUnusableError, DatabaseError) as error:
            problems.append(stores.describe(error))
        except Exception as error:  # noqa: BLE001 - a cache that does not answer may raise anything; the other holds
            problems.append(stores.describe(error))
        else:
            held.append(lease)
    if problems:
        logger.info("cache_warming.crawl_lease_unusable", extra={"problems": problems})
    state = LeaseState.HELD if held else LeaseState.UNUSABLE
    return LeaseAnswer(state=state, ttl_s=ttl_s, detail="; ".join(problems))


def give_back(claim: LeaseClaim, run_id: str) -> LeaseAnswer:
    """End the lock, if it is this crawl's."""
    _end(_leases(claim, run_id, conf.get("LOCK_TTL_S")))
    return LeaseAnswer(state=LeaseState.RELEASED)


def _leases(claim: LeaseClaim, run_id: str, ttl_s: float) -> Iterator[Lease]:
    holder = Holder(
        token=claim.token, host=claim.host, pid=claim.pid, file=claim.file, run=run_id, since_s=claim.since_s
    )
    # Not by KEY_PREFIX, as the lock of warm_cache is: the next release's crawl is one of the same environment.
    name = hashlib.sha256(repr(("crawl", claim.env)).encode()).hexdigest()[:32]
    yield CacheLease(conf.get("LOCK_CACHE"), holder, ttl_s, f"cache_warming.crawl_lock.{name}")
    yield DatabaseLease(name, holder, ttl_s)


def _end(leases: Iterator[Lease] | list[Lease]) -> None:
    for lease in leases:
        try:
            lease.give_back()
        except Exception as error:  # noqa: BLE001 - it runs out by itself; a backend may raise anything
            logger.info("cache_warming.crawl_lease_kept", extra={"problem": stores.describe(error)})
