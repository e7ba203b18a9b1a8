"""WSGI entry point: ``gunicorn tests.matrix.site.wsgi:application``."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.matrix.site.settings"

application = get_wsgi_application()
