"""The rows of the matrix: how a page is warmed, what the warmer says about it, and whether a visitor then hits.

Each row has a page of its own for each browser: a visitor who misses stores the page, so nobody may come after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from url_manifests.outcomes import Result

SHOP: Final = "www.shop.localhost"
VAULT: Final = "www.vault.localhost"
BROWSERS: Final = ("chromium", "firefox", "safari")
PERSONA: Final = "reader"

SESSION_A: Final = "{session_a}"
SESSION_B: Final = "{session_b}"
"""Stand for sessions that exist only once the site does."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One case."""

    name: str
    page: str
    """The kind of page: a view of the site."""
    is_hit: bool
    """What really happens to the visitor."""
    result: Result | None = Result.STORED
    """What the warmer says about the page; ``None`` where the crawl does not ask for it."""
    reason: str = ""
    host: str = SHOP
    warmed_with: Mapping[str, str] = field(default_factory=dict)
    """Headers in which the warmer's profile differs from the browser."""
    warmed_by: str = "crawl"
    """``crawl``, ``persona``, ``doorkeeper`` (WARM_BASIC_AUTH); or ``head`` and ``client``, which are ways to warm
    that the crawler does not go."""
    query: str = ""
    visit_query: str | None = None
    visit_host: str = ""
    visit_headers: Mapping[str, str] = field(default_factory=dict)
    visit_method: str = "GET"
    before_visit: str = ""
    """A page of the site that is asked for between crawl and visits."""

    @property
    def is_in_manifest(self) -> bool:
        return self.warmed_by in ("crawl", "persona", "doorkeeper")

    @property
    def site(self) -> str:
        """Which of the two sites it is about."""
        return self.host.split(".")[1]

    def path(self, browser: str) -> str:
        return f"/{self.page}/{self.name}/{browser}/"

    def url(self, browser: str) -> str:
        """What is warmed."""
        return self.path(browser) + self.query

    def visited_url(self, browser: str) -> str:
        return self.path(browser) + (self.query if self.visit_query is None else self.visit_query)


NOT_STORED: Final = Result.NOT_STORED
BASIC_AUTH: Final = "reader:open"
BASIC: Final = "Basic cmVhZGVyOm9wZW4="
ANALYTICS: Final = "_ga=GA1.1.1234567890.1763800000"

ROWS: Final = (
    Row(name="same-headers", page="plain", is_hit=True),
    Row(name="csrf-token", page="csrf", result=NOT_STORED, reason="sets-cookie", is_hit=False),
    Row(name="anonymous", page="user", is_hit=True),
    Row(name="analytics-cookie", page="user", visit_headers={"Cookie": ANALYTICS}, is_hit=False),
    Row(
        name="another-session",
        page="user",
        warmed_by="persona",
        result=NOT_STORED,
        reason="per-session",
        visit_headers={"Cookie": SESSION_B},
        is_hit=False,
    ),
    Row(
        name="anonymous-after-a-persona",
        page="user",
        warmed_by="persona",
        result=NOT_STORED,
        reason="per-session",
        # The leak probe asked for it as an anonymous visitor, and so warmed it for them.
        is_hit=True,
    ),
    Row(
        name="saved-with-every-request",
        page="user",
        host=VAULT,
        warmed_by="persona",
        result=NOT_STORED,
        reason="sets-cookie",
        visit_headers={"Cookie": SESSION_A, "X-Scheme": "https"},
        is_hit=False,
    ),
    Row(name="authorization-not-sent", page="plain", warmed_by="doorkeeper", is_hit=False),
    Row(
        name="authorization-sent",
        page="plain",
        warmed_by="doorkeeper",
        visit_headers={"Authorization": BASIC},
        is_hit=True,
    ),
    Row(name="warmed-with-head", page="plain", warmed_by="head", result=None, is_hit=False),
    Row(name="another-host", page="plain", visit_host="unknown.shop.localhost", is_hit=False),
    Row(name="another-scheme", page="plain", visit_headers={"X-Forwarded-Proto": "https"}, is_hit=False),
    Row(name="query", page="plain", query="?a=1&b=2", is_hit=True),
    Row(name="query-in-another-order", page="plain", query="?a=1&b=2", visit_query="?b=2&a=1", is_hit=False),
    Row(name="client-varying-on-cookie", page="user", warmed_by="client", result=None, is_hit=False),
    # The same way of warming, and a hit: so it is the empty header that makes the row above miss.
    Row(name="client-not-varying", page="plain", warmed_by="client", result=None, is_hit=True),
    Row(name="own-encodings", page="long", is_hit=True),
    Row(name="other-encodings", page="long", warmed_with={"Accept-Encoding": "gzip, deflate"}, is_hit=False),
    Row(name="same-language", page="plain", warmed_with={"Accept-Language": "en"}, is_hit=True),
    Row(name="another-language", page="plain", warmed_with={"Accept-Language": "de"}, is_hit=False),
    Row(name="own-agent", page="agent", is_hit=True),
    Row(name="crawlers-agent", page="agent", warmed_with={"User-Agent": "django-cache-warming"}, is_hit=False),
    Row(name="two-aliases", page="twice", is_hit=True),
    Row(name="second-host", page="plain", host="news.shop.localhost", is_hit=True),
    Row(name="third-host", page="plain", host="docs.shop.localhost", is_hit=True),
    Row(name="own-scheme-header", page="plain", host=VAULT, visit_headers={"X-Scheme": "https"}, is_hit=True),
    Row(name="without-scheme-header", page="plain", host=VAULT, is_hit=False),
    Row(name="key-of-a-generation", page="rotating", is_hit=True),
    Row(name="key-of-each-request", page="restless", result=NOT_STORED, reason="key-differs", is_hit=False),
    # Comes after all others of its kind: it moves the counter for all.
    Row(name="key-of-the-last-generation", page="rotating", before_visit="/rotate/", is_hit=False),
)
