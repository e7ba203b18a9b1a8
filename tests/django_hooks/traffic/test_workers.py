"""Real servers with many workers, restarted and killed: what was sent is what is in the table."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

from demo.deployment import ROOT, manage

from .conftest import CHROME, HOST

SETTINGS = "tests.django_hooks.traffic.site_settings"
TARGETS = ("/en/", "/en/offers/", "/en/search/?q=linen", "/de/", "/en/delivery/")
SESSION = "k3x9w1q7z5m2b8v4n6c0l1j3h5g7f9d2"


def send(site, target: str) -> int:
    """One GET as a signed-in browser sends it; the status, or 0 when the server closed the connection."""
    connection = HTTPConnection("127.0.0.1", site.deployment.port, timeout=20)
    headers = {
        "Host": HOST,
        "User-Agent": CHROME,
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Accept-Language": "de-AT,de;q=0.9",
        "Cookie": f"sessionid={SESSION}; analytics=jane@example.org",
    }
    try:
        connection.request("GET", target, headers=headers)
        response = connection.getresponse()
        response.read()
    except OSError:
        return 0
    finally:
        connection.close()
    return response.status


def send_many(site, count: int) -> int:
    """How many of ``count`` requests, eight at a time, were answered with 200."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda n: send(site, TARGETS[n % len(TARGETS)]), range(count))).count(200)


def recorded(site) -> int:
    with sqlite3.connect(site.env["EXAMPLE_DB"]) as database:
        return database.execute(
            "SELECT coalesce(sum(cold_hits + warm_hits), 0) FROM cache_warming_observedtraffic"
        ).fetchone()[0]


def workers_of(site) -> list[int]:
    master = site.deployment._process.pid
    return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


def eventually(condition, timeout_s: float = 20.0) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.1)
    return condition()


def start(start_site, **env):
    options = {"workers": 8, "DJANGO_SETTINGS_MODULE": SETTINGS, "PYTHONPATH": str(ROOT), **env}
    return start_site(**options)


def test_eight_workers_lose_nothing_over_reloads_and_recycling(start_site):
    """An hour of saving lies ahead of them: all that arrives comes from the workers' ends."""
    site = start(start_site, TRAFFIC_FLUSH_S="3600", GUNICORN_CMD_ARGS="--max-requests 40 --max-requests-jitter 20")
    answered = send_many(site, 400)
    old = set(workers_of(site))
    site.deployment._process.send_signal(signal.SIGHUP)
    assert eventually(lambda: not old & set(workers_of(site)))
    answered += send_many(site, 400)
    site.deployment.stop()
    assert answered > 700
    assert recorded(site) == answered


def test_a_kill_loses_at_most_the_last_interval(start_site):
    site = start(start_site, TRAFFIC_FLUSH_S="1")
    early = send_many(site, 300)
    assert eventually(lambda: recorded(site) == early), (recorded(site), early)
    late = send_many(site, 40)
    for pid in workers_of(site):
        os.kill(pid, signal.SIGKILL)
    survived = recorded(site)
    assert early <= survived <= early + late
    again = send_many(site, 100)  # by new workers
    site.deployment.stop()
    assert recorded(site) == survived + again


def test_nothing_personal_is_in_the_database_of_a_real_run(start_site, tmp_path):
    site = start(start_site, workers=2, TRAFFIC_FLUSH_S="1")
    for target in ("/en/search/?q=jane@example.org", "/en/search/?token=t0k3n0123", f"/en/search/?q={SESSION}", "/en/"):
        assert send(site, target) == 200
    site.deployment.stop()
    assert recorded(site) == 1
    with sqlite3.connect(site.env["EXAMPLE_DB"]) as database:
        tables = ("cache_warming_observedtraffic", "cache_warming_observedexclusion")
        text = " ".join(str(row) for table in tables for row in database.execute(f"SELECT * FROM {table}"))
    assert re.findall(rf"jane|t0k3n|{SESSION}|de-AT|Mozilla|127\.0\.0\.1", text) == []
    assert "secret:" in text
    out = tmp_path / "site.jsonl"
    printed = manage("export_manifest", "-o", str(out), env=site.env).stdout
    assert "1 of 1 URLs" in printed
    assert '"url": "/en/"' in out.read_text()


def test_under_asgi(start_site):
    """uvicorn ends its workers by a signal, without exit functions: what the interval saved is there."""
    site = start(start_site, server="uvicorn", workers=2, TRAFFIC_FLUSH_S="1")
    answered = send_many(site, 200)
    assert answered == 200
    assert eventually(lambda: recorded(site) == answered), (recorded(site), answered)


FORKING = """
import os, sys, django
django.setup()
from django_hooks.traffic.recorder import recorder
note = (("shop.example", "/en/", "", "", "", {agent!r}, "", "", "", False, False, 1), 0.01)
recorder.notes.queue.append(note)
recorder.attend()
pid = os.fork()
recorder.notes.queue.append(note)
recorder.attend()
if not pid:
    sys.exit(0)
os.waitpid(pid, 0)
"""


def test_parent_and_forked_child_each_save_their_own(start_site, seeded_database, tmp_path):
    site_env = {"EXAMPLE_DB": str(tmp_path / "fork.sqlite3"), "DJANGO_SETTINGS_MODULE": SETTINGS}
    (tmp_path / "fork.sqlite3").write_bytes(seeded_database.read_bytes())
    env = {**os.environ, **site_env, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKING.format(agent=CHROME)], env=env, check=True, cwd=ROOT)
    with sqlite3.connect(tmp_path / "fork.sqlite3") as database:
        assert database.execute("SELECT cold_hits FROM cache_warming_observedtraffic").fetchall() == [(3,)]


MILLION = """
import resource, time, django
django.setup()
from django_hooks.traffic.folding import Fold
from django_hooks.traffic.notes import Notes
from django_hooks.traffic.options import TrafficOptions
def used_mb(): return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 1e6
fold = Fold(TrafficOptions())
notes = Notes()
def visits(numbers):
    rest = ("", "", "p/<slug>/", {agent!r}, "Accept-Encoding", "gzip, br", "", False, False, 1)
    notes.queue.extend((("shop.example", f"/en/p/product-{{n}}/", *rest), 0.01) for n in numbers)
    fold.take(notes, time.time())
visits(range(500))
before = used_mb()
for start in range(0, 1_000_000, 500):
    visits(range(start, start + 500))
print(round(used_mb() - before, 1), len(fold.sketch.costs))
"""


def test_a_million_urls_fit_into_a_worker(tmp_path):
    env = {**os.environ, "EXAMPLE_DB": str(tmp_path / "none.sqlite3"), "DJANGO_SETTINGS_MODULE": SETTINGS}
    command = [sys.executable, "-c", MILLION.format(agent=CHROME)]
    done = subprocess.run(command, env=env, check=True, cwd=ROOT, capture_output=True, text=True)
    grown_mb, kept = map(float, done.stdout.split())
    assert kept <= 10_000
    assert 1 < grown_mb < 25
