"""What a request does at its end, a run does after an error: let go of database connections that are broken."""

from __future__ import annotations

from django.db import connections


def drop_broken() -> None:
    """Close those of this thread's connections that an error has left unusable; the next query opens a new one.

    Not ``close_old_connections``: with ``CONN_MAX_AGE = 0`` that would also close the sound one that a warmer's list of
    entries is being read from.
    """
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred and not connection.in_atomic_block and not connection.is_usable():
            connection.close()
