"""URLs of the staff pages."""

from __future__ import annotations

from django.urls import path

from example.dashboard import views

app_name = "dashboard"

urlpatterns = [
    path("", views.overview, name="overview"),
    path("metrics/<slug:name>/", views.metric_page, name="metric"),
    path("stock/", views.stock, name="stock"),
    path("reviews/", views.moderation, name="moderation"),
    path("orders.csv", views.export_orders, name="export_orders"),
]
