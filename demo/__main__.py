"""The whole line once, on this machine: access log → manifest → crawl → proof, and what visitors notice of it.

``python -m demo`` runs it all; ``python -m demo serve`` starts the warmed release again, to go on by hand.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from url_manifests.outcomes import OutcomeReader

from . import visitors
from .deployment import PUBLIC_HOST, ROOT, Deployment, free_port, manage

VAR = Path("var/demo")
ENV_FILE = Path(".env.demo")
TRAINING_REQUESTS = 9000
HELD_OUT_REQUESTS = 300
TRAINING_SEED, HELD_OUT_SEED = 1, 2

console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)


def main() -> int:
    """Run the demo; the exit code of the warming."""
    os.chdir(ROOT)
    if sys.argv[1:] == ["serve"]:
        return serve()
    start_s = time.monotonic()
    shutil.rmtree(VAR, ignore_errors=True)
    VAR.mkdir(parents=True)
    secret, port = secrets.token_urlsafe(32), free_port()
    say("Seeding the example shop")
    run_manage("setup_example", env=settings("old", secret))
    learn_from_the_old_release(port, secret)
    cold = measure_a_cold_deploy(port, secret)
    warm, exit_code = measure_a_warmed_deploy(port, secret)
    print_result(cold, warm)
    say(f"Done in {time.monotonic() - start_s:.0f} s")
    console.print("The warmed release is stopped. `python -m demo serve` starts it again;")
    console.print("`scrapy crawl warm -a env=demo` in another terminal then finds it warm.")
    return exit_code


def settings(release: str, secret: str) -> dict[str, str]:
    """The environment of one release; database and cache table are shared, as they are in a real deploy."""
    return {
        "EXAMPLE_DB": str(VAR / "db.sqlite3"),
        "EXAMPLE_RELEASE": release,
        "EXAMPLE_CACHE_PREFIX": release,
        "EXAMPLE_SECRET_KEY": "demo-" + "0123456789abcdef" * 3,
        "WARM_SECRET": secret,
    }


def deployment(release: str, port: int, secret: str) -> Deployment:
    """The release as gunicorn runs it; only the old one's log is used."""
    return Deployment(
        env=settings(release, secret), port=port, log=VAR / f"{release}.log", access_log=VAR / f"{release}-access.log"
    )


def learn_from_the_old_release(port: int, secret: str) -> None:
    """Visitors use the old release; their access log becomes the manifest."""
    with deployment("old", port, secret) as old:
        say(f"The old release serves {TRAINING_REQUESTS} requests of seeded visitors at {old.base_url}")
        visitors.send(port, plan(port, TRAINING_REQUESTS, TRAINING_SEED))
    say("Which URLs deserve warming? Its access log knows")
    run(
        [
            sys.executable,
            "-m",
            "url_manifests",
            "build",
            str(VAR / "old-access.log"),
            "-o",
            str(VAR / "manifest.jsonl"),
        ],
        {},
    )


def measure_a_cold_deploy(port: int, secret: str) -> visitors.Measured:
    """A new release without warming: what other visitors get."""
    with deployment("cold", port, secret):
        say(f"A deploy without warming: {HELD_OUT_REQUESTS} requests of other visitors arrive at cold caches")
        return held_out_visits(port)


def measure_a_warmed_deploy(port: int, secret: str) -> tuple[visitors.Measured, int]:
    """The same release, warmed first: what the same visitors get, and the exit code of the warming."""
    write_env_file(port, secret)
    env = settings("warm", secret)
    with deployment("warm", port, secret):
        say("The same deploy with warming: crawl, warm what no request should have to, read every key back")
        codes = [run(["scrapy", "crawl", "warm", "-a", "env=demo"], {})]
        codes.append(run_manage("warm_cache", "--report", str(VAR / "warm_cache.json"), env=env))
        outcomes, report = str(VAR / "outcomes.jsonl"), str(VAR / "report.json")
        codes.append(run_manage("warm_cache", "--cross-check", outcomes, "--report", report, env=env))
        say("And once more: a second run finds nothing left to do")
        codes.append(run(["scrapy", "crawl", "warm", "-a", "env=demo", "-a", f"report={VAR}/second/report.json"], {}))
        say("The same visitors again")
        return held_out_visits(port), max(codes)


def held_out_visits(port: int) -> visitors.Measured:
    """The held-out visitors' stream, measured."""
    return visitors.measure(visitors.send(port, plan(port, HELD_OUT_REQUESTS, HELD_OUT_SEED)))


def plan(port: int, requests: int, seed: int) -> list[tuple[str, str]]:
    """What a crowd of visitors asks for, of everything that the running release has."""
    return visitors.plan([*visitors.OTHER_TARGETS, *visitors.listed_targets(port)], requests, seed)


def write_env_file(port: int, secret: str) -> None:
    """What a pipeline would have: one file of variables, readable by its owner alone, never committed."""
    ENV_FILE.touch(mode=0o600)
    ENV_FILE.write_text(
        f"WARM_BASE_URL=http://127.0.0.1:{port}\n"
        f"WARM_PUBLIC_URL=https://{PUBLIC_HOST}\n"
        "WARM_READY_URL=/healthz/\n"
        "WARM_READY_TIMEOUT=10\n"
        f"WARM_SECRET={secret}\n"
        f"WARM_MANIFEST={VAR}/manifest.jsonl\n"
        f"WARM_REPORT={VAR}/report.json\n"
        "WARM_RATE=0\n"
    )


def serve() -> int:
    """Serve the warmed release in the foreground until it is interrupted."""
    lines = ENV_FILE.read_text().splitlines() if ENV_FILE.exists() else []
    values = dict(line.partition("=")[::2] for line in lines)
    if values:
        release = deployment("warm", int(values["WARM_BASE_URL"].rpartition(":")[2]), values["WARM_SECRET"])
        say(f"Serving at {release.base_url}; Ctrl-C ends it")
        # In this process's place, so that every signal that ends it ends the server.
        os.execvpe(release.command[0], release.command, {**os.environ, **release.env})
    console.print("There is no .env.demo yet: run `make demo` first.")
    return 2


def say(text: str) -> None:
    """A line about what happens next."""
    console.print(f"\n[bold]{text}[/bold]")


def run(command: list[str], env: dict[str, str]) -> int:
    """Run a command the way the reader would, after showing it."""
    shown = ["python" if word == sys.executable else word for word in command]
    console.print(f"[green]$[/green] {shlex.join(shown)}", soft_wrap=True)
    # The virtual environment's scripts, whether or not it was activated.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(command, env={**os.environ, "PATH": path, **env}, check=False).returncode


def run_manage(*arguments: str, env: dict[str, str]) -> int:
    """Run a management command of the example, with the variables that matter shown before it."""
    shown = {name: value for name, value in env.items() if name.startswith("EXAMPLE_") and "SECRET" not in name}
    prefix = " ".join(f"{name}={shlex.quote(value)}" for name, value in shown.items())
    console.print(f"[green]$[/green] {prefix} \\\n  python example/manage.py {shlex.join(arguments)}", soft_wrap=True)
    done = manage(*arguments, env=env, check=False)
    console.print((done.stdout + done.stderr).rstrip(), markup=False)
    return done.returncode


def print_result(cold: visitors.Measured, warm: visitors.Measured) -> None:
    """The one table, and what could not be cached and why."""
    table = Table("the same held-out visitors", "cold", "warm", title=None)
    table.add_row("page hit rate (of cacheable requests)", f"{cold.hit_rate:.3f}", f"{warm.hit_rate:.3f}")
    table.add_row("p50", f"{cold.p50_ms:.1f} ms", f"{warm.p50_ms:.1f} ms")
    table.add_row("p95", f"{cold.p95_ms:.1f} ms", f"{warm.p95_ms:.1f} ms")
    table.add_row("first visit to a page, mean", f"{cold.first_visit_ms:.1f} ms", f"{warm.first_visit_ms:.1f} ms")
    console.print()
    console.print(table)
    report = json.loads((VAR / "report.json").read_text())
    console.print(
        f"report: outcome {report['outcome']}, coverage {report['coverage']:.3f} "
        f"({report['coverage_all']:.3f} of all requests), {report['planned']} planned, {report['stored']} stored"
    )
    console.print(
        f"{warm.uncacheable.total()} of these {warm.requests} requests were for pages that the site never stores:"
    )
    for (target, status), requests in sorted(warm.uncacheable.items()):
        console.print(f"  {requests}x {target}: {why_uncacheable(target, status)}", soft_wrap=True)


def why_uncacheable(target: str, status: int) -> str:
    """What the crawl found out about a page; one that only answers redirects or errors is in no manifest."""
    if status != 200:
        return f"answers {status}"
    outcome = next((outcome for outcome in OutcomeReader(VAR / "outcomes.jsonl") if outcome.url == target), None)
    if outcome is None:
        return "not in the manifest"
    parts = f"; {sum(outcome.parts.values())} cached parts of it are warm" if outcome.parts else ""
    return f"{outcome.reason}{parts}"


if __name__ == "__main__":
    sys.exit(main())
