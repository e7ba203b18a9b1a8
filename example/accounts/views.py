"""Signing in and out, the profile, and ending the newsletter."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import Count, F, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control, never_cache

from example.accounts.models import Subscription
from example.accounts.pricing import discount_percent, price_group


@login_required
@cache_control(private=True, max_age=0)
def profile(request: HttpRequest) -> HttpResponse:
    """Show the customer's group, last orders and totals."""
    user = cast("User", request.user)
    group = price_group(user)
    totals = user.orders.aggregate(
        orders=Count("pk", distinct=True),
        spent=Sum(F("lines__quantity") * F("lines__unit_price_cents")),
    )
    last = user.orders.annotate(total=Sum(F("lines__quantity") * F("lines__unit_price_cents"))).order_by("-placed_at")
    context = {"price_group": group, "discount": discount_percent(group), "totals": totals, "orders": last[:10]}
    return render(request, "accounts/profile.html", context)


@never_cache
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session by a mere link, as many sites still do: a crawler that follows it logs itself out."""
    logout(request)
    messages.success(request, _("You are signed out."))
    return redirect("catalogue:home")


@never_cache
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """End a newsletter subscription: a GET that writes, because mail clients can do no better."""
    subscription = get_object_or_404(Subscription, token=token)
    Subscription.objects.filter(pk=subscription.pk).update(is_active=False)
    return render(request, "accounts/unsubscribed.html")
