"""A site of one trivial view, for `live_cost`: without the middleware, with it, with it counting, and counting all.

All of them stand in one process, each with its own middleware chain; the request's header ``X-Mode`` says which of them
answers. Two processes of one program differ by percents for life, more than what is to be measured.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from django.conf import settings

MODES: Final = {
    "without": {},
    "off": {},
    "on": {"TRAFFIC_SAMPLE_RATE": 1},
    "all": {"TRAFFIC_SAMPLE_RATE": 1, "TRAFFIC_ALL_UP_TO_PER_S": 0},
}
WARMING: Final = "django_hooks.middleware.CacheWarmingMiddleware"

settings.configure(
    SECRET_KEY="only-for-a-benchmark-0123456789-0123456789-0123456789",
    ALLOWED_HOSTS=["shop.example"],
    ROOT_URLCONF="benchmarks.live_urls",
    INSTALLED_APPS=["django_hooks"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ.get("LIVE_COST_DB") or str(Path(tempfile.gettempdir()) / "live-cost.sqlite3"),
            "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL", "timeout": 20},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)

from django.core.wsgi import get_wsgi_application  # noqa: E402 - settings come first
from django.test import override_settings  # noqa: E402


def make_handlers() -> dict[str, Any]:
    """One WSGI handler for each mode."""
    common = ["django.middleware.common.CommonMiddleware"]
    handlers = {}
    for mode, warming in MODES.items():
        middleware = common if mode == "without" else [WARMING, *common]
        with override_settings(MIDDLEWARE=middleware, CACHE_WARMING=warming):
            handlers[mode] = get_wsgi_application()
    return handlers


HANDLERS: Final = make_handlers()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The handler that the request names."""
    answer: Iterable[bytes] = HANDLERS[environ["HTTP_X_MODE"]](environ, start_response)
    return answer
