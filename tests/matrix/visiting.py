"""A real Chromium as a visitor of both sites of the matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from playwright.sync_api import BrowserContext, sync_playwright

from tests.browsers import BACKGROUND_OFF, Answer


class Chromium:
    """A browser's window; every visit comes without cookies of the one before."""

    def __init__(self, context: BrowserContext) -> None:
        self._context = context
        self._page = context.new_page()

    def ask(self, host: str, url: str, headers: Mapping[str, str]) -> Answer:
        """Go to a page over plain http; ``headers`` come on top of the browser's own."""
        self._context.clear_cookies()
        cookies = dict(pair.split("=", 1) for pair in headers.get("Cookie", "").split("; ") if pair)
        self._context.add_cookies([{"name": n, "value": v, "domain": host, "path": "/"} for n, v in cookies.items()])
        self._context.set_extra_http_headers({name: value for name, value in headers.items() if name != "Cookie"})
        response = self._page.goto(f"http://{host}{url}")
        assert response is not None
        return Answer(response.status, response.text(), "age" in response.headers)


@contextmanager
def chromium_at(executable: str, ports: Mapping[str, int]) -> Iterator[Chromium]:
    """A Chromium that finds the hosts of each site at its port.

    The hosts end in ``.localhost``: over plain http to other hosts a browser asks for fewer encodings.
    """
    rules = ", ".join(f"MAP *.{site}.localhost:80 127.0.0.1:{port}" for site, port in ports.items())
    with sync_playwright() as playwright:
        arguments = [*BACKGROUND_OFF, f"--host-resolver-rules={rules}"]
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield Chromium(browser.new_context())
        browser.close()
