"""Settings of the Scrapy project: only what differs from Scrapy's defaults, each with its reason.

What differs from environment to environment is not here but in `crawler.variables`; the spider sets concurrency and the
largest response from there.
"""

from __future__ import annotations

BOT_NAME = "django-cache-warming"
SPIDER_MODULES = ["crawler.spiders"]
COMMANDS_MODULE = "crawler.commands"  # Scrapy's own `crawl` leaves with 0 even if every page failed

# --- What is sent: exactly a visitor's headers, or another cache key gets warm -------------------------------------
# None of Scrapy's downloader middlewares is wanted. Most would change the request (cookies, compression, user agent,
# default headers, HTTP authentication, proxies of the environment), ask for other pages than the plan says (redirects,
# meta refresh, robots.txt), or retry without back-off and without regard to Retry-After. Each would also cost CPU on
# every page. Bodies stay compressed: nobody reads them, and a compressed bomb does no harm.
DOWNLOADER_MIDDLEWARES_BASE: dict[str, int] = {}
DOWNLOADER_MIDDLEWARES = {"crawler.politeness.PolitenessMiddleware": 500}
# For components that look at these settings rather than at the middlewares:
COOKIES_ENABLED = False  # they would leak from one page to the next
REDIRECT_ENABLED = False  # a redirect is an answer, and might lead to another host
METAREFRESH_ENABLED = False
COMPRESSION_ENABLED = False
RETRY_ENABLED = False  # see crawler.overload
DEFAULT_REQUEST_HEADERS: dict[str, str] = {}
USER_AGENT = None
ROBOTSTXT_OBEY = False  # visitors' browsers do not read it either; the site's owner runs this, on their own pages

# --- How fast: crawler.pace decides --------------------------------------------------------------------------------
# Scrapy's DOWNLOAD_DELAY loses a timer's delay with each request (90 a second instead of 100). AutoThrottle takes the
# delay from the last latency; here every other answer is a cache hit, so it would swing between the two.
DOWNLOAD_DELAY = 0

# --- What is done with answers --------------------------------------------------------------------------------------
ITEM_PIPELINES = {"crawler.record.RecordOutcomes": 500}

# --- What else runs ---------------------------------------------------------------------------------------------------
# Of Scrapy's own extensions only those that cost nothing: no telnet console and no remote control (open doors in a
# pipeline), no log of statistics every minute (crawler.extensions.progress tells more), no feeds.
EXTENSIONS_BASE = {"scrapy.extensions.logcount.LogCount": 0}
EXTENSIONS = {
    "crawler.extensions.failures.Failures": 0,
    "crawler.extensions.progress.Progress": 10,
}
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False
STATS_DUMP = False  # the report has them, readable

LOG_LEVEL = "WARNING"  # progress and summary are for people; the log is for what went wrong
LOG_FORMATTER = "crawler.quiet.QuietLogFormatter"
