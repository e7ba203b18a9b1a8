"""A real site under real visitors: warm requests are turned away at once, visitors never, and warming goes on later."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

import pytest

from tests.conftest import SECRET
from tests.django_hooks.tickets import HOST, ticket
from url_manifests.protocol import REFUSAL_HEADER, TICKET_HEADER

VISITORS = 24


def get(site, target: str, *, is_warm: bool = False) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(site.base_url).netloc, timeout=60)
    headers = {"Host": HOST, **({TICKET_HEADER: ticket(target, secret=SECRET)} if is_warm else {})}
    try:
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get(REFUSAL_HEADER, "")
    finally:
        connection.close()


@pytest.mark.parametrize(("server", "sign"), [("gunicorn", "waiting"), ("uvicorn", "in_flight")])
def test_warm_requests_wait_while_visitors_crowd(start_site, redis_server, server, sign):
    site = start_site(cache=redis_server.url, server=server, workers=1)
    assert get(site, "/en/delivery/", is_warm=True) == (200, "")
    statuses: Counter[int] = Counter()
    is_over = threading.Event()

    def visit(number: int) -> None:
        count = 0
        while not is_over.is_set():
            count += 1
            statuses[get(site, f"/en/search/?q=word{number}x{count}")[0]] += 1

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(VISITORS)]
    for visitor in visitors:
        visitor.start()
    try:
        give_up_s = time.monotonic() + 30
        answer = get(site, "/en/delivery/", is_warm=True)
        while answer[0] != 503 and time.monotonic() < give_up_s:
            answer = get(site, "/en/delivery/", is_warm=True)
    finally:
        is_over.set()
        for visitor in visitors:
            visitor.join(60)
    assert answer[0] == 503
    assert answer[1].startswith("busy; ")
    assert sign in answer[1]
    assert set(statuses) == {200}
    give_up_s = time.monotonic() + 40
    while (answer := get(site, "/en/delivery/", is_warm=True))[0] != 200 and time.monotonic() < give_up_s:
        time.sleep(0.5)
    assert answer == (200, "")
