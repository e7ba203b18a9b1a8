"""URLs of the pages around the shop."""

from __future__ import annotations

from django.urls import path

from example.content import views

app_name = "content"

urlpatterns = [
    path("contact/", views.contact, name="contact"),
    path("delivery/", views.delivery, name="delivery"),
    path("journal/", views.journal, name="journal"),
    path("journal/<slug:slug>/", views.article, name="article"),
    path("sale/", views.sale, name="sale"),
]
