"""Pages of another host of the same process."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import path


def page(request, version, name):
    return HttpResponse(f"{name} of {version}")


urlpatterns = [path("docs/<int:version>/<slug:name>/", page)]
