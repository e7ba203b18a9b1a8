"""What a request does at its end, a run does after an error: let go of database connections that are broken."""

from __future__ import annotations

from django.db import connections

from .alarm import OverdueError


def drop_broken(error: BaseException) -> None:
    """Close those of this thread's connections that an error has left unusable; the next query opens a new one.

    Not ``close_old_connections``: with ``CONN_MAX_AGE = 0`` that would also close the sound one that a warmer's list of
    entries is being read from. But all of them where a run was interrupted at its deadline: one may still be waiting
    for an answer, which the next query would take for its own.
    """
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            continue
        if isinstance(error, OverdueError) or (connection.errors_occurred and not connection.is_usable()):
            connection.close()
