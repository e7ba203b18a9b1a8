"""A site of one trivial view, for `live_cost`: ``LIVE_COST`` is ``without``, ``off`` or ``on``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from django.conf import settings

MODE = os.environ.get("LIVE_COST", "without")
WARMING = "django_hooks.middleware.CacheWarmingMiddleware"

settings.configure(
    SECRET_KEY="only-for-a-benchmark-0123456789-0123456789-0123456789",
    ALLOWED_HOSTS=["shop.example"],
    ROOT_URLCONF="benchmarks.live_urls",
    INSTALLED_APPS=["django_hooks"],
    MIDDLEWARE=([WARMING] if MODE != "without" else []) + ["django.middleware.common.CommonMiddleware"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ.get("LIVE_COST_DB") or str(Path(tempfile.gettempdir()) / "live-cost.sqlite3"),
            "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL", "timeout": 20},
        }
    },
    CACHE_WARMING={"TRAFFIC_SAMPLE_RATE": 1 if MODE == "on" else 0},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)

from django.core.wsgi import get_wsgi_application  # noqa: E402 - settings come first

application = get_wsgi_application()
