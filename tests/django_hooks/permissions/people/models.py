from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models


class Person(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)


class Manager(Person):
    """Has a table of its own beside that of persons."""

    level = models.IntegerField(default=1)


class Clerk(Person):
    class Meta:
        proxy = True
