"""Keeps the answer to a warm request out of every shared cache between the site and the crawler.

A CDN, or a proxy that caches, would hand the trace on to visitors; and to a later run, as if the site had just said it.
What Django stored is not touched: the middleware stands around every cache of the application's own.
"""

from __future__ import annotations

from typing import Final

from django.http.response import HttpResponseBase

_FOR_SHARED_CACHES: Final = ("Surrogate-Control", "Edge-Control", "X-Accel-Expires", "Expires")
"""What caches believe before ``Cache-Control`` (Varnish and Fastly, Akamai, nginx), or where they do not know it."""
_TARGETED: Final = "cdn-cache-control"
"""How the names of RFC 9213 end: ``CDN-Cache-Control``, and with a vendor's name before it."""


def keep_out(response: HttpResponseBase) -> None:
    """Tell every cache on the way that this answer is for one client, once."""
    targeted = [name for name in response.headers if name.lower().endswith(_TARGETED)]
    for name in (*_FOR_SHARED_CACHES, *targeted):
        response.headers.pop(name, None)
    response.headers["Cache-Control"] = "private, no-store"
