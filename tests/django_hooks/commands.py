"""Calls ``warm_cache`` as a person would, in this process."""

from __future__ import annotations

import io

from django.core.management import CommandError, call_command


def command(*args, **options):
    out = io.StringIO()
    try:
        call_command("warm_cache", *args, stdout=out, stderr=io.StringIO(), **options)
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    return 0, out.getvalue(), ""
