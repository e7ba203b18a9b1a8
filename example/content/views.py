"""Pages around the shop. Most carry a page cache, and half of them can never be stored: the usual mistakes."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control, cache_page, never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.vary import vary_on_cookie

from example.catalogue import figures
from example.content.forms import ContactForm
from example.content.models import Article

JOURNAL_TIMEOUT = 30 * 60
SHIPPING_DAYS = {"AT": 3, "CH": 5, "DE": 2, "FR": 4, "NL": 3}


# csrf_protect inside of cache_page: without it the page, with one visitor's token in it, would be stored before the
# middleware outside adds cookie and Vary. With it the page is safe, and never stored.
@cache_page(60 * 60)
@csrf_protect
def contact(request: HttpRequest) -> HttpResponse:
    """Show the contact form. Its token sets a cookie and varies on Cookie, so the page cache never keeps it."""
    form = ContactForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        messages.success(request, _("Thank you, we will answer soon."))
        return redirect("content:journal")
    return render(request, "content/contact.html", {"form": form})


# SessionMiddleware stands outside of cache_page and adds its Vary too late for the key: say it inside.
@cache_page(JOURNAL_TIMEOUT)
@vary_on_cookie
def journal(request: HttpRequest) -> HttpResponse:
    """List the stories and greet the visitor by name: one stored page for each distinct Cookie header."""
    articles = Article.objects.prefetch_related("products")
    return render(request, "content/journal.html", {"articles": articles, "bestsellers": figures.bestsellers()})


@cache_page(JOURNAL_TIMEOUT)
def article(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a story and the products it talks about, gone ones included."""
    found = get_object_or_404(Article.objects.prefetch_related("products"), slug=slug)
    return render(request, "content/article.html", {"article": found})


@cache_page(60 * 60)
@cache_control(private=True)
def delivery(request: HttpRequest) -> HttpResponse:
    """Estimate delivery for where the visitor is: private, so the page cache leaves it alone."""
    country = request.headers.get("CF-IPCountry", "DE")
    return render(request, "content/delivery.html", {"country": country, "days": SHIPPING_DAYS.get(country, 7)})


def sale(_request: HttpRequest) -> HttpResponse:
    """Redirect last winter's campaign to the offers."""
    return redirect("catalogue:offers")


@never_cache
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer ``ok`` when the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain", headers={"X-Release": settings.RELEASE})


@cache_page(60 * 60)
def robots(request: HttpRequest) -> HttpResponse:
    """Point robots to the sitemap."""
    lines = ["User-agent: *", "Disallow: /admin/", f"Sitemap: {request.build_absolute_uri('/sitemap.xml')}", ""]
    return HttpResponse("\n".join(lines), content_type="text/plain")
