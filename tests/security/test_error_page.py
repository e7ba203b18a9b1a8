"""What the site shows when a warm request breaks it."""

from __future__ import annotations

from django.test import Client, override_settings

from tests.django_hooks.conftest import backend, configure, site  # noqa: F401 - fixtures
from tests.django_hooks.tickets import warm_headers

from .test_secrets import leaks


@override_settings(DEBUG=True)
def test_an_error_page_of_the_site_shows_neither_secret_nor_ticket(site):  # noqa: F811 - the fixture
    """Django's page for developers, which is also what it mails to admins, shows settings and request headers."""
    headers = warm_headers("/slow/broken/")
    site.ROOT_URLCONF = "tests.security.urls"
    answer = Client(raise_request_exception=False).get("/slow/broken/", headers=headers)
    assert answer.status_code == 500
    assert b"CACHE_WARMING" in answer.content
    assert leaks([("page", answer.content)], [site.CACHE_WARMING["SECRET"], site.SECRET_KEY]) == []
