"""How the site sees a request: what has to equal a visitor's for the cache keys to be the same."""

from __future__ import annotations

import django
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone, translation

from url_manifests.traces import SiteView

from . import conf, stores
from .trace import worker_id


def site_view(request: HttpRequest) -> SiteView:
    """The view of ``request``, to be taken when its response is ready.

    Language and time zone are asked for as ``django.utils.cache`` asks for them when it builds a page's key: after
    all other middleware, because that is what chose them.
    """
    language = getattr(request, "LANGUAGE_CODE", None) or translation.get_language() or settings.LANGUAGE_CODE
    return SiteView(
        absolute_uri=request.build_absolute_uri(),
        language=language,
        time_zone=timezone.get_current_timezone_name() if settings.USE_TZ else settings.TIME_ZONE or "",
        django=django.get_version(),
        release=conf.get("RELEASE"),
        worker=worker_id(),
        aliases=stores.alias_backends(),
        private_aliases=tuple(sorted(stores.private_aliases())),
    )
