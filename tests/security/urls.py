"""A view that breaks, with everything it knows in its local variables."""

from __future__ import annotations

from django.urls import path


def broken(request):
    everything = dict(request.META)  # noqa: F841 - the error page shows local variables
    raise RuntimeError("broken")


urlpatterns = [path("slow/broken/", broken)]
