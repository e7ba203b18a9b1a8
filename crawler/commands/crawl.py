"""``scrapy crawl warm -a env=NAME``: Scrapy's own command, plus checks before the crawl and an honest exit status."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from scrapy.commands.crawl import Command as ScrapyCrawlCommand
from scrapy.exceptions import UsageError

from crawler.run import WarmRun
from crawler.spiders.warm import WarmSpider
from crawler.summary import summary_lines
from url_manifests.errors import CacheWarmingError

_DESCRIPTION: Final = (
    "Warm the caches of a Django site: scrapy crawl warm -a env=NAME reads .env.NAME, asks for what the manifest "
    "lists, and writes report.json. Exit codes: 0 warm as required, 1 unexpected error, 2 wrong usage or "
    "configuration, 3 below the required coverage, 5 stopped, 6 another run is under way, 7 not ready or wrong release."
)


class Command(ScrapyCrawlCommand):
    """Other spiders of a user's project are run as ever."""

    def long_desc(self) -> str:
        return _DESCRIPTION

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if args != [WarmSpider.name]:
            self._check_name(args)
            super().run(args, opts)
            return
        try:
            run = WarmRun.prepare(opts.spargs, os.environ, Path.cwd())
            run.open()
            self._crawl(run)
        except CacheWarmingError as error:
            self._complain(error)

    def _check_name(self, args: list[str]) -> None:
        assert self.crawler_process is not None
        known = self.crawler_process.spider_loader.list()
        if len(args) == 1 and args[0] not in known:
            raise UsageError(f"there is no spider {args[0]!r}; there is {', '.join(known)}", print_help=False)

    def _crawl(self, run: WarmRun) -> None:
        assert self.crawler_process is not None
        try:
            self.crawler_process.crawl(self._create_crawler(WarmSpider.name), run=run)
            self.crawler_process.start()
            if self.crawler_process.bootstrap_failed:
                run.fail(CacheWarmingError("the crawl could not be started (see the log)"))
        finally:
            # After the reactor, so that nothing can be recorded any more, and whatever ended it.
            run.finish()
        if run.config.progress != "none":
            sys.stderr.write("".join(f"{line}\n" for line in summary_lines(run)))
        self.exitcode = int(run.report.exit_code)
        if run.error:
            self._complain(run.error)

    def _complain(self, error: CacheWarmingError) -> None:
        """One line that says what to do."""
        sys.stderr.write(f"scrapy crawl {WarmSpider.name}: {error}\n")
        self.exitcode = int(error.exit_code)
