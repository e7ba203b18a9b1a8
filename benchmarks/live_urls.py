"""The trivial view, under as many URLs as a benchmark likes."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path


def trivial(_request: HttpRequest, number: int = 0) -> HttpResponse:  # noqa: ARG001 - in the URL
    """As little as a view can do, with the header that compression adds."""
    return HttpResponse(b"ok", headers={"Vary": "Accept-Encoding"})


urlpatterns = [path("", trivial), path("p/<int:number>/", trivial)]
