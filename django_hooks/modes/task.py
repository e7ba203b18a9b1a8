"""The one task that this package gives to Django's tasks framework; workers import it by its path.

Not called ``tasks.py`` on purpose: Celery imports that of every application, and not every project has the framework.
"""

from __future__ import annotations

from django_hooks import conf
from django_hooks.modes import worker

try:
    from django.tasks import task
except ImportError:  # Before Django 6.0 it is a package of its own.
    from django_tasks import task  # type: ignore[no-redef,unused-ignore]


@task(backend=conf.get("TASKS_BACKEND"), queue_name=conf.get("TASKS_QUEUE"))
def warm_job(job_id: int) -> str:
    """Do one job of a run; says how that went."""
    return worker.do(job_id)
