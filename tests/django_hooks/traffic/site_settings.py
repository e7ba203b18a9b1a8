"""The example's settings with the recorder on, for servers that tests start."""

from __future__ import annotations

import os

from example.settings import *  # noqa: F403
from example.settings import CACHE_WARMING as _CACHE_WARMING

CACHE_WARMING = {
    **_CACHE_WARMING,
    "TRAFFIC_SAMPLE_RATE": float(os.environ.get("TRAFFIC_SAMPLE_RATE", "1")),
    "TRAFFIC_ALL_UP_TO_PER_S": 0,  # tests know to a hit what they asked for
    "TRAFFIC_FLUSH_S": float(os.environ.get("TRAFFIC_FLUSH_S", "30")),
}
