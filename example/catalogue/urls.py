"""URLs of the shop floor."""

from __future__ import annotations

from django.urls import path

from example.catalogue import api, exports, views

app_name = "catalogue"

urlpatterns = [
    path("", views.home, name="home"),
    path("c/<path:category_path>/", views.category_page, name="category"),
    path("p/<slug:product_slug>/", views.product_page, name="product"),
    path("go/<int:product_id>/", views.short_link, name="short_link"),
    path("search/", views.search, name="search"),
    path("offers/", views.offers, name="offers"),
    path("prices.csv", exports.price_list, name="price_list"),
    path("api/products/", api.products, name="api_products"),
    path("api/products/<slug:product_slug>/", api.product, name="api_product"),
]
