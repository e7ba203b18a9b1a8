"""URLs of the account pages."""

from __future__ import annotations

from django.contrib.auth.views import LoginView
from django.urls import path

from example.accounts import views

app_name = "accounts"

urlpatterns = [
    path("", views.profile, name="profile"),
    path("login/", LoginView.as_view(template_name="accounts/login.html"), name="login"),
    path("logout/", views.sign_out, name="logout"),
    path("newsletter/unsubscribe/<slug:token>/", views.unsubscribe, name="unsubscribe"),
]
