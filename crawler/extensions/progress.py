"""Progress that a person can read: a bar on a terminal, a steady line every few seconds elsewhere. To stderr."""

from __future__ import annotations

import sys
from typing import Final, Protocol, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.utils.asyncio import create_looping_call

from crawler.run import WarmRun, run_of
from crawler.summary import count_words, duration_words

LINE_EVERY_S: Final = 5.0
BAR_EVERY_S: Final = 0.25


class Display(Protocol):
    """One way of showing progress."""

    every_s: float

    def start(self) -> None: ...
    def update(self) -> None: ...
    def stop(self) -> None: ...


class Lines:
    """A line at the start, then one every few seconds: for logs of pipelines."""

    every_s = LINE_EVERY_S

    def __init__(self, run: WarmRun, stream: TextIO) -> None:
        self._run = run
        self._stream = stream

    def start(self) -> None:
        self._stream.write(f"{opening_line(self._run)}\n")

    def update(self) -> None:
        self._stream.write(f"{progress_line(self._run)}\n")
        self._stream.flush()

    def stop(self) -> None:
        pass


class Bar:
    """A bar that vanishes at the end, for people."""

    every_s = BAR_EVERY_S

    def __init__(self, run: WarmRun, stream: TextIO) -> None:
        self._run = run
        self._console = Console(file=stream, highlight=False)
        self._progress = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeRemainingColumn(),
            console=self._console,
            auto_refresh=False,  # a thread of its own would draw into Scrapy's log lines
            transient=True,
        )
        self._task = self._progress.add_task("warming", total=run.manifest.header.entries, counts="")

    def start(self) -> None:
        self._console.print(opening_line(self._run), markup=False, soft_wrap=True)
        self._progress.start()

    def update(self) -> None:
        run = self._run
        is_waiting = not run.traffic.sent
        description = f"waiting for {run.config.ready_url or '/'}" if is_waiting else "warming"
        counts = f"{run.traffic.rate:.1f}/s · {count_words(run.report.results)}" if not is_waiting else ""
        self._progress.update(self._task, completed=run.agenda.entries_begun, description=description, counts=counts)
        self._progress.refresh()

    def stop(self) -> None:
        self._progress.stop()


class Progress:
    """Shows how far the run is, in the way that ``-a progress=auto|bar|lines|none`` asks for."""

    def __init__(self, crawler: Crawler, run: WarmRun) -> None:
        mode = run.config.progress
        if mode == "none":
            raise NotConfigured
        is_bar = mode == "bar" or (mode == "auto" and sys.stderr.isatty())
        self._display: Display = Bar(run, sys.stderr) if is_bar else Lines(run, sys.stderr)
        self._loop = create_looping_call(self._display.update)
        crawler.signals.connect(self._start, signal=signals.spider_opened)
        crawler.signals.connect(self._stop, signal=signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler, run_of(crawler))

    def _start(self) -> None:
        self._display.start()
        self._loop.start(self._display.every_s, now=False)

    def _stop(self) -> None:
        if self._loop.running:
            self._loop.stop()
        self._display.stop()


def opening_line(run: WarmRun) -> str:
    """What is about to happen."""
    config, target = run.config, run.target
    rate = f"at most {config.rate:g} requests/s" if config.rate else "no limit on the rate"
    by = f" by way of {target.base_url}" if config.public_url != config.base_url else ""
    proof = "" if config.secret else "; WARM_SECRET is not set, so nothing can be proven"
    if config.authorization:
        proof += "; Authorization is sent, and may be part of page keys"
    return (
        f"warm {config.env}: {run.manifest.header.entries} entries of {config.manifest} at "
        f"{target.scheme}://{target.host}{by}, {rate}{proof}"
    )


def progress_line(run: WarmRun) -> str:
    """How far the run is, in one line."""
    if not run.traffic.sent:
        return f"warm {run.config.env}: waiting for {run.config.ready_url or '/'} to answer 200 ({run.elapsed_s:.0f} s)"
    total, begun = run.manifest.header.entries, run.agenda.entries_begun
    left_s = (total - begun) * run.elapsed_s / begun if begun else 0.0
    left = duration_words(min(left_s, max(run.remaining_s(), 0.0)))
    waiting = f", {len(run.parked)} to be proven" if run.parked else ""
    return (
        f"warm {run.config.env}: {begun} of {total} entries, {run.traffic.rate:.1f} requests/s, "
        f"{count_words(run.report.results)}{waiting}; about {left} left"
    )
