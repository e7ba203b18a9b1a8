from __future__ import annotations

from django.contrib import admin

from example.catalogue.models import Brand, Category, Product, Review

admin.site.register([Brand, Category, Product, Review])
