"""A session engine whose store does not answer."""

from __future__ import annotations


class SessionStore:
    def delete(self, session_key=None):
        raise ConnectionError("down")
