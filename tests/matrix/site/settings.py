"""Settings of the matrix site; the cache middleware stands around all its pages.

``MATRIX_DB``      path of its SQLite file
``MATRIX_CACHE``   as ``EXAMPLE_CACHE`` of the example site: ``db``, ``redis://…``, ``redis-builtin://…``, ``memcached://…``
``MATRIX_SITE``    ``shop``, or ``vault``: https behind a proxy with a header of its own, a key function, a key version,
                   and sessions that are saved with every request
``WARM_SECRET``    the secret that signs warm tickets
"""

from __future__ import annotations

import os

from example import backends

NAME = os.environ.get("MATRIX_SITE", "shop")
IS_VAULT = NAME == "vault"

SECRET_KEY = "matrix-only-not-a-secret-" + "x" * 32
ALLOWED_HOSTS = [".shop.localhost", ".vault.localhost"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_SCHEME" if IS_VAULT else "HTTP_X_FORWARDED_PROTO", "https")
SESSION_SAVE_EVERY_REQUEST = IS_VAULT

ROOT_URLCONF = "tests.matrix.site.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django_hooks",
]
MIDDLEWARE = [
    "django_hooks.middleware.CacheWarmingMiddleware",
    "django.middleware.cache.UpdateCacheMiddleware",
    # Inside the cache: what is stored is compressed, and longer pages vary on Accept-Encoding.
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.cache.FetchFromCacheMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]

DATABASES = {"default": backends.database(os.environ.get("MATRIX_DB") or ":memory:")}


def _cache(prefix: str, **options: object) -> dict[str, object]:
    return {**backends.cache(os.environ.get("MATRIX_CACHE") or "db", prefix=f"{NAME}-{prefix}"), **options}


_KEYS = "tests.matrix.site.keys"
CACHES = {
    "default": _cache("default", **({"KEY_FUNCTION": f"{_KEYS}.hashed", "VERSION": 7} if IS_VAULT else {})),
    "pages": _cache("pages"),
    "rotating": _cache("rotating", KEY_FUNCTION=f"{_KEYS}.of_the_generation"),
    "restless": _cache("restless", KEY_FUNCTION=f"{_KEYS}.of_the_request"),
}
CACHE_MIDDLEWARE_SECONDS = 3600

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "German")]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Europe/Berlin"

CACHE_WARMING = {"SECRET": os.environ.get("WARM_SECRET", "")}
