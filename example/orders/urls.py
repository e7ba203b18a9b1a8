"""URLs of the basket."""

from __future__ import annotations

from django.urls import path

from example.orders import views

app_name = "orders"

urlpatterns = [
    path("", views.basket, name="basket"),
    path("add/<int:product_id>/", views.add, name="add"),
]
