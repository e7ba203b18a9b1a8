"""Settings of the example site.

Everything that differs between two runs comes from the environment, and every default works on a machine where
nothing is installed or started:

``EXAMPLE_DB``            path of an SQLite file (default ``var/example/db.sqlite3``), or ``postgres://user:pass@host:port/name``
``EXAMPLE_CACHE``         ``db`` (default), ``redis://host:port/0``, ``redis-builtin://host:port/0``, ``memcached://host:port``,
                          ``locmem``, ``file:/path``, ``dummy``
``EXAMPLE_SESSIONS``      ``cached_db`` (default), ``db``, ``cache``, ``file``, ``signed_cookies``
``EXAMPLE_PERMISSIONS``   ``database`` (default) or ``cached``: from where it is read what a user may do
``EXAMPLE_WRITES``        ``observe`` (default) or ``refuse``: what a warm request may do to the database
``EXAMPLE_RELEASE``       name of the running release; ``healthz/`` says it in the header ``X-Release``
``EXAMPLE_CACHE_PREFIX``  ``KEY_PREFIX`` of the cache (default: the release, so that a new release starts cold)
``EXAMPLE_SECRET_KEY``    Django's secret key
``EXAMPLE_ALLOWED_HOSTS`` comma list (default ``localhost,127.0.0.1,shop.example``)
``EXAMPLE_CONN_MAX_AGE``  seconds that a database connection is kept (default 60; ``example.asgi`` makes it 0)
``EXAMPLE_DEBUG``         ``1`` switches ``DEBUG`` on
``EXAMPLE_BREAK``         comma list of faults, see ``example/faults.py``
``EXAMPLE_TEMPLATES``     folder of templates that stand in for the example's own of the same name
``EXAMPLE_SERVICE``       ``host:port`` of the service that the template tag ``ask_service`` asks
``EXAMPLE_LOCK_TTL_S``    seconds that the lock of a run lasts unless it is renewed (default 60)
``WARM_SECRET``           the secret that signs warm tickets
"""

from __future__ import annotations

import os
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from example import backends

ROOT = Path(__file__).resolve().parent.parent

RELEASE = os.environ.get("EXAMPLE_RELEASE", "")
SECRET_KEY = os.environ.get("EXAMPLE_SECRET_KEY", "example-only-not-a-secret-" + "x" * 32)
DEBUG = os.environ.get("EXAMPLE_DEBUG", "") == "1"
ALLOWED_HOSTS = os.environ.get("EXAMPLE_ALLOWED_HOSTS", "localhost,127.0.0.1,shop.example").split(",")
# The demo's servers speak plain http behind a pretended TLS proxy; the scheme is part of every page's cache key.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

ROOT_URLCONF = "example.urls"
WSGI_APPLICATION = "example.wsgi.application"
ASGI_APPLICATION = "example.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.sitemaps",
    "django.contrib.staticfiles",
    "django_hooks",
    "example.catalogue",
    "example.orders",
    "example.accounts",
    "example.content",
    "example.dashboard",
]

MIDDLEWARE = [
    # First, so that it sees the request before, and the response after, everything else.
    "django_hooks.middleware.CacheWarmingMiddleware",
    "example.faults.FaultMiddleware",
    "django.middleware.security.SecurityMiddleware",
    # Every page is cached by a decorator on its view, that is inside of all middleware: what is stored is not
    # compressed, and Accept-Encoding does not enter the page's key.
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [*filter(None, [os.environ.get("EXAMPLE_TEMPLATES")]), ROOT / "example" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "example.accounts.context.customer",
            ],
        },
    },
]

DATABASES = {"default": backends.database(os.environ.get("EXAMPLE_DB") or str(ROOT / "var" / "example" / "db.sqlite3"))}
# A new SQLite connection with its pragmas costs more than a page from the cache.
DATABASES["default"]["CONN_MAX_AGE"] = int(os.environ.get("EXAMPLE_CONN_MAX_AGE", "60"))
CACHES = {
    "default": backends.cache(
        os.environ.get("EXAMPLE_CACHE") or "db",
        prefix=os.environ.get("EXAMPLE_CACHE_PREFIX", RELEASE),
    ),
}
SESSION_ENGINE = f"django.contrib.sessions.backends.{os.environ.get('EXAMPLE_SESSIONS', 'cached_db')}"

# Not the default: half of what EXAMPLE_CACHE may name lives in one process, where a revocation would come late.
AUTHENTICATION_BACKENDS = [
    "django_hooks.auth.CachedPermissionsBackend"
    if os.environ.get("EXAMPLE_PERMISSIONS") == "cached"
    else "django.contrib.auth.backends.ModelBackend"
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("de", _("German"))]
LOCALE_PATHS = [ROOT / "example" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Europe/Berlin"
STATIC_URL = "static/"

LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "accounts:profile"

# Quiet: one line for each warning, nothing for each request. The server's access log is the demo's input.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    # A 404 is traffic, not news; a 500 still is.
    "loggers": {"django.request": {"level": "ERROR"}},
}

CACHE_WARMING = {
    "SECRET": os.environ.get("WARM_SECRET", ""),
    "WRITES": os.environ.get("EXAMPLE_WRITES", "observe"),
    "LOCK_TTL_S": float(os.environ.get("EXAMPLE_LOCK_TTL_S", "60")),
    "SESSIONS": {"priority": 30} if SESSION_ENGINE.endswith(".cached_db") else False,
    "PERSONAS": {
        "retail": {"username": "persona-retail"},
        "trade": {"username": "persona-trade"},
        "wholesale": {"username": "persona-wholesale"},
        "analyst": {"username": "staff-analyst", "staff": True},
    },
}
