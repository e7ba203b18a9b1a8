"""The one table of settings: name, type, default and help of each ``WARM_*`` variable and ``-a`` argument.

``.env.example`` and ``docs/reference/environment.md`` are held against this table by tests. All values are text until
their parser has read them, whichever source they come from, so that a default is checked like everything else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from . import parsers
from .variable import Variable

VARIABLES: Final = (
    Variable(
        field="base_url",
        parse=parsers.parse_url,
        help="Where to connect: scheme, host and port of the new release, usually an internal address. Required.",
    ),
    Variable(
        field="public_url",
        parse=parsers.parse_optional_url,
        default="",
        help="Scheme, host and port that visitors use; the base URL when empty. Django's page keys depend on it.",
    ),
    Variable(
        field="tls_name",
        parse=parsers.parse_host_name,
        default="",
        help="Name in the certificate at WARM_BASE_URL, where that is https with a certificate of its own; when empty, "
        "the public host is what the server is asked for (SNI), and what its certificate must be for.",
    ),
    Variable(
        field="time_zone",
        parse=str,
        default="",
        help="Time zone in which the site answers visitors, such as Europe/Berlin; a site that answers the crawler in "
        "another ends the run with exit code 2. Not compared when empty.",
    ),
    Variable(
        field="secret",
        parse=str,
        default="",
        is_secret=True,
        help="The same as CACHE_WARMING['SECRET'] of the site. Without it nothing can be proven.",
    ),
    Variable(
        field="manifest",
        parse=parsers.parse_path,
        default="url_manifests/{env}.jsonl",
        help="What to ask for, as written by python -m url_manifests build.",
    ),
    Variable(
        field="rules",
        parse=lambda text: Path(text) if text else None,
        default="",
        help="TOML file of rules for what is unsafe, the one that build took as --rules. What the rules keep out of a "
        "manifest is never asked for, should it be in one.",
    ),
    Variable(
        field="ready_url",
        parse=parsers.parse_location,
        default="",
        help="Path or URL that answers 200, without a redirect, once the release can serve. When not set, /, and then "
        "the page of this site that it redirects to, such as /en/; a login page never counts.",
    ),
    Variable(
        field="ready_timeout",
        parse=parsers.parse_seconds,
        default="60",
        help="Seconds to wait for that before the run ends with exit code 7.",
    ),
    Variable(
        field="rate",
        parse=parsers.parse_rate,
        default="20",
        help="Requests a second that are never exceeded in the long run, nor by more than a twentieth in any ten "
        "seconds; 0 for no limit.",
    ),
    Variable(field="concurrency", parse=parsers.parse_count, default="4", help="Requests under way at once."),
    Variable(
        field="deadline",
        parse=parsers.parse_seconds,
        default="900",
        help="Seconds after which no further entry is begun; what is left is reported as skipped.",
    ),
    Variable(field="timeout", parse=parsers.parse_seconds, default="30", help="Seconds for one complete answer."),
    Variable(field="max_bytes", parse=parsers.parse_count, default="10485760", help="Largest response that is read."),
    Variable(
        field="require_coverage",
        parse=parsers.parse_share,
        default="0.9",
        help="Share of the expected, cacheable requests that must be proven warm, or the run ends with exit code 3.",
    ),
    Variable(
        field="report",
        parse=parsers.parse_path,
        default="var/warm/{env}/report.json",
        help="Where the report goes. Wherever that is, a second run of NAME in the same directory leaves with exit "
        "code 6: var/warm/NAME.lock holds it off, or a file in the temporary folder where that cannot be written. Runs "
        "on other machines are held off by a lock that the site keeps.",
    ),
    Variable(
        field="stop_file",
        parse=parsers.parse_path,
        default="var/warm/{env}.stop",
        help="The run ends within two seconds, with exit code 5, when this file is there.",
    ),
    Variable(
        field="cache_wait",
        parse=parsers.parse_seconds_or_0,
        default="30",
        help="Seconds to wait, with one request now and then, for a cache of the site's that does not answer; what "
        "came to nothing meanwhile is asked for again.",
    ),
    Variable(
        field="cache_down",
        parse=parsers.parse_cache_down,
        default="stop",
        help="What to do when it has not come back by then: stop (exit code 5), or go-on, where pages are worth being "
        "asked for without it.",
    ),
    Variable(
        field="outcomes",
        parse=lambda text: Path(text) if text else None,
        default="",
        help="One line for each request that was planned; outcomes.jsonl beside the report when empty.",
    ),
    Variable(
        field="proxy_scheme_header",
        parse=parsers.parse_scheme_header,
        default="X-Forwarded-Proto: {scheme}",
        help="Header by which the site learns the public scheme. Sent only when the public URL differs from the base "
        "URL; 'none' for never.",
    ),
    Variable(
        field="release",
        parse=str,
        default="",
        help="The release that must answer (CACHE_WARMING['RELEASE']); another one ends the run with exit code 7.",
    ),
    Variable(
        field="verify",
        parse=parsers.parse_verify,
        default="sample",
        help="Whether what was proven is asked for once more at the end of the run: sample (200 of them), all or none. "
        "When so much has gone that the required coverage is lost, the run ends with exit code 4.",
    ),
    Variable(
        field="prove_within",
        parse=parsers.parse_seconds_or_0,
        default="60",
        help="Seconds that an entry's second request may wait, so that first requests come first; 0: each is proven "
        "before the next is begun. What ends within five times as long, or is a persona's, is proven at once.",
    ),
    Variable(
        field="workers",
        parse=parsers.parse_workers,
        default="0",
        help="Worker processes of each instance, or auto to learn it from their answers: what lies in the memory of "
        "one process (LocMem) is then asked for until each of them has served it. 0: it is unverifiable.",
    ),
    Variable(
        field="base_urls",
        parse=parsers.parse_urls,
        default="",
        help="Further instances beside WARM_BASE_URL, separated by commas, whose workers have caches of their own.",
    ),
    Variable(
        field="discover",
        parse=parsers.parse_discover,
        default="none",
        help="fragments: also ask for what pages load later from the same origin (htmx, Turbo, ESI, Unpoly, frames, "
        "the next page), in the page's variant. Every page is read then. It weighs nothing in coverage.",
    ),
    Variable(
        field="soft_errors",
        parse=parsers.parse_soft_errors,
        default="sample",
        help="Which pages with status 200 are read to see whether they are an error, maintenance or login page: sample "
        "(the first 3 of each route, and all of a route in which one was found), all or none.",
    ),
    Variable(
        field="http2",
        parse=parsers.parse_yes_no,
        default="no",
        help="yes: speak HTTP/2 with an https WARM_BASE_URL that offers it, else HTTP/1.1. It changes no cache key. "
        "Needs the extra http2 (pip install django-cache-warming[http2]).",
    ),
    Variable(
        field="personas",
        parse=str,
        default="",
        help="File with sessions of existing accounts, as written by manage.py warm_personas; readable by its owner "
        "only. They ask for the signed-in share of each entry. Or mint, where DJANGO_SETTINGS_MODULE is set: sessions "
        "are then made for this run, and ended with it.",
    ),
    Variable(
        field="basic_auth",
        parse=parsers.parse_basic_auth,
        default="",
        is_secret=True,
        help="user:password for HTTP basic authentication in front of a staging site. Where the application sees the "
        "header, Django puts it into page keys (Vary: Authorization): visitors with other credentials, or none, miss.",
    ),
    Variable(
        field="bearer",
        parse=parsers.parse_bearer,
        default="",
        is_secret=True,
        help="Token for Authorization: Bearer, with the same effect on page keys.",
    ),
    Variable(
        field="sign_in_url",
        parse=parsers.parse_sign_in_url,
        default="",
        help="Path of the site's sign-in page, such as /accounts/login/: before the crawl its form is filled in for "
        "each account of WARM_SIGN_IN_AS, the one POST that is ever sent. Prefer WARM_PERSONAS where you can.",
    ),
    Variable(
        field="sign_in_as",
        parse=parsers.parse_accounts,
        default="",
        is_secret=True,
        help='Accounts to sign in there, as JSON: {"ROLE": ["name", "password"]}; each must be that of its role in the '
        "site's CACHE_WARMING['PERSONAS'].",
    ),
    Variable(
        field="sign_in_cookie",
        parse=parsers.parse_cookie_name,
        default="sessionid",
        help="Name of the site's session cookie (SESSION_COOKIE_NAME), for WARM_SIGN_IN_URL.",
    ),
    Variable(
        field="run_id",
        parse=parsers.parse_run_id,
        default="",
        is_argument_only=True,
        help="Name of this run in tickets and reports; made from the time when empty.",
    ),
    Variable(
        field="resume",
        parse=parsers.parse_run_id,
        default="",
        is_argument_only=True,
        help="Go on with this run, which was stopped or killed: what its outcome file holds is kept, what failed or "
        "was not asked for is asked for now. The manifest must be the same.",
    ),
    Variable(
        field="only",
        parse=str,
        default="",
        is_argument_only=True,
        help="Comma-separated path prefixes, or patterns with *; all other entries are skipped.",
    ),
    Variable(
        field="progress",
        parse=parsers.parse_progress,
        default="auto",
        is_argument_only=True,
        help="auto, bar, lines or none.",
    ),
)
