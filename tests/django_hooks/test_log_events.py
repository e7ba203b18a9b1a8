"""A run can be followed in the log: constant events, data beside them."""

from __future__ import annotations

import logging

from .commands import command


def test_a_run_and_its_warmers_are_told(own, caplog):
    caplog.set_level(logging.INFO, "django_hooks")
    command(strategy="deploy", exclude=["broken"])
    told = [record for record in caplog.records if record.message.startswith("cache_warming.")]
    assert [record.message for record in told] == [
        "cache_warming.run_started",
        "cache_warming.warmer_done",
        "cache_warming.run_finished",
    ]
    started, done, finished = told
    assert (started.strategy, started.mode) == ("deploy", "sync")
    assert (done.warmer, done.run_id) == ("numbers", started.run_id)
    assert (finished.outcome, finished.planned) == ("ok", 3)
