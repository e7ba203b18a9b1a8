"""What `cached`, `register` and `CachedRows` are given is wrong where it is written, and not in the run that meets it.

Each function raises a TypeError or ValueError that names the declaration, the argument and the value. Aliases are not
looked up: settings may be overridden after an import.
"""

from __future__ import annotations

import datetime as dt
import inspect
import math
import re
from collections.abc import Iterator, Sequence
from string import Formatter
from typing import Any

from django.db.models import Model, QuerySet

from url_manifests.errors import ConfigurationError

from .base import Unset, Warmer
from .cached_function import Declaration
from .row_keys import lookup_field


def check_warmer(warmer: Warmer) -> None:
    """The attributes of a warmer; a property is left alone, for nobody knows what it asks."""
    if not isinstance(warmer.name, str):
        raise TypeError(f"{type(warmer).__qualname__}: name must be text, is {warmer.name!r}")
    for attribute, check in (("timeout", check_timeout), ("priority", check_priority), ("depends_on", check_names)):
        value = inspect.getattr_static(warmer, attribute)
        if inspect.isfunction(value) or not hasattr(value, "__get__"):
            check(warmer.name, value, attribute)


def check_cached(declared: Declaration) -> None:
    """What `cached` was given, but for its key."""
    if not isinstance(declared.name, str):
        raise TypeError(f"cached(): name must be text, is {declared.name!r}")
    check_timeout(declared.name, declared.timeout)
    check_priority(declared.name, declared.priority)
    check_names(declared.name, declared.depends_on)
    _check_seconds(f"{declared.name}: lock_s must be seconds from 0", declared.lock_s)
    if isinstance(declared.variants, str):
        raise TypeError(f"{declared.name}: variants must be a list or a function, is {declared.variants!r}")


def check_key(name: str, key: Any, signature: inspect.Signature) -> None:
    """The ``key`` of a cached function: each field in it is a parameter."""
    if key is None or callable(key):
        return
    if not isinstance(key, str):
        raise TypeError(f"{name}: key must be text or a function, is {key!r}")
    try:
        fields = list(_fields(key))
    except ValueError as error:
        raise ValueError(f"{name}: key {key!r} is no format: {error}") from error
    for field in fields:
        if field not in signature.parameters:
            known = ", ".join(signature.parameters) or "none"
            raise ValueError(f"{name}: key {key!r} has the field {field!r}, which is no parameter; there are {known}")


def _fields(template: str) -> Iterator[str]:
    """The names in braces, also in those within others: ``{amount:{width}}``."""
    for _, field, spec, _ in Formatter().parse(template):
        if field is not None:
            yield re.split(r"[.\[]", field)[0]
            yield from _fields(spec or "")


def check_rows(name: str, rows: Any, lookups: Any) -> None:
    """The rows of `CachedRows`, and by what they may be asked for.

    Raises:
        ConfigurationError: the query set is sliced.
    """
    if not isinstance(rows, QuerySet) and not (isinstance(rows, type) and issubclass(rows, Model)):
        raise TypeError(f"{name}: rows must be a model or a query set, is {rows!r}")
    # The model's own manager is not asked: it may look at what is there with a request only.
    query_set = rows if isinstance(rows, QuerySet) else QuerySet(rows)
    if query_set._fields is not None:  # type: ignore[attr-defined] # Django has no other way to ask
        raise TypeError(f"{name}: rows must be instances, and the query set has values() or values_list()")
    if query_set.query.is_sliced:
        raise ConfigurationError(name, "the query set is sliced; give warm= the slice, and let every row be read")
    check_names(name, lookups, "lookups")
    for lookup in lookups:
        if not lookup or not isinstance(lookup, str | list | tuple):
            raise TypeError(f"{name}: lookups must be names, or lists of names, is {lookups!r}")
        try:
            for field in (lookup,) if isinstance(lookup, str) else lookup:
                lookup_field(query_set, name, field)
        except ConfigurationError as error:
            raise ValueError(str(error)) from error


def check_names(name: str, value: Sequence[Any], argument: str = "depends_on") -> None:
    """A list of names, for which a text would be one of its letters."""
    if isinstance(value, str):
        raise TypeError(f"{name}: {argument} must be a list, is {value!r}; write [{value!r}]")


def check_priority(name: str, value: Any, argument: str = "priority") -> None:
    """A number, or warmers could not be sorted."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name}: {argument} must be a number, is {value!r}")
    if math.isnan(value):
        raise ValueError(f"{name}: {argument} must be a number, is {value!r}")


def check_timeout(name: str, value: Any, argument: str = "timeout") -> None:
    """Seconds, ``None`` or `UNSET`."""
    if value is not None and not isinstance(value, Unset):
        _check_seconds(f"{name}: {argument} must be None or seconds from 0", value)


def _check_seconds(what: str, value: Any) -> None:
    if isinstance(value, dt.timedelta):
        raise TypeError(f"{what}, is {value!r}; give its .total_seconds()")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{what}, is {value!r}")
    if not 0 <= value < math.inf:
        raise ValueError(f"{what}, is {value!r}")
