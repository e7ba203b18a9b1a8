"""Asks a store for many keys at a time which of them are there, so that no entry is made for those that are."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, TypeAlias, TypeVar

from django_hooks import stores
from django_hooks.backends import Item, Store
from django_hooks.warmers.base import UNSET, Warmer
from django_hooks.warmers.key_batches import KeyBatch
from url_manifests.outcomes import Outcome

from .ahead import Ahead
from .alarm import OverdueError
from .batch import WarmKeys
from .connections import drop_broken
from .options import RunOptions
from .plan import Planned, Planner, bad_entry, is_a_timeout, lifetime_s
from .write import Writer, outdated_among

logger = logging.getLogger(__name__)

_T = TypeVar("_T")
Ask: TypeAlias = Callable[[Store, Callable[[], Any]], Any]
"""Calls for something of a store; gives ``None`` where the store does not answer."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A batch that its store is being asked about."""

    batch: KeyBatch
    store: Store
    made: Sequence[str]
    chosen: Sequence[int]
    """The indexes of the keys that are wanted."""
    found: Callable[[], _Found]
    """Waits for the answer, or asks."""


class _Found(NamedTuple):
    missing: Sequence[int] | None
    """The indexes of the keys that are not there; ``None`` where the store does not answer."""
    are_sound: bool = False
    """Whether it is known already that all others are of use."""


class Inventory:
    """Goes through batches of keys.

    Args:
        options: of the run.
        planner: makes entries of what is missing.
        writer: asks the stores.
        wants: whether a key is to be looked at; ``None`` is all.
        ahead: where the stores are asked that allow it.
    """

    def __init__(
        self,
        options: RunOptions,
        planner: Planner,
        writer: Writer,
        wants: Callable[[str], object] | None,
        ahead: Ahead,
    ) -> None:
        self._options = options
        self._planner = planner
        self._writer = writer
        self._wants = wants
        self._ahead = ahead

    def each(self, warmer: Warmer, batches: Iterable[KeyBatch]) -> Iterator[Iterator[Planned | Outcome | WarmKeys]]:
        """For each batch: the keys that are there and stay, together; and each of the others, planned.

        While a batch is being listed, stores that allow it are asked about the one before it.
        """
        last: _Asked | KeyBatch | None = None
        error: BaseException | None = None
        batches = iter(batches)
        while error is None:
            try:
                asked = self._asked(warmer, next(batches), is_first=last is None)
            except OverdueError:
                raise  # There is no time for the one before it either.
            except stores.RAISED as raised:  # raised in its place, behind the batches that came before it
                drop_broken(raised)  # for the batch before it may well need the same connection
                error, asked = raised, None
            if last is not None:
                yield self._dealt_with(warmer, last)
            last = asked
        if not isinstance(error, StopIteration):
            raise error

    def _asked(self, warmer: Warmer, batch: KeyBatch, *, is_first: bool) -> _Asked | KeyBatch:
        """The batch as it is where each of its entries has to be looked at."""
        store = self._store(warmer, batch)
        keys = batch.keys or ()
        made = None if store is None else store.make_many(keys, batch.version)
        # Two entries of one key may contradict each other, which is for the planner to see.
        if store is None or made is None or len(set(made)) < len(made) or not stores.are_encodable(keys):
            return batch
        chosen = [index for index, key in enumerate(keys) if self._wants(key)] if self._wants else range(len(keys))
        look = partial(self._look, batch=batch, chosen=chosen, made=made)
        found: Callable[[], _Found] = partial(look, store, self._writer.ask)
        # A warmer of one batch is not worth a connection more.
        if not is_first and self._ahead.is_of_use and store.may_be_asked_apart and store.makes_plainly(keys[0]):
            found = partial(_one_or_other, self._ahead.ask(store.alias, partial(look, ask=_once)), found)
        return _Asked(batch, store, made, chosen, found)

    def _dealt_with(self, warmer: Warmer, asked: _Asked | KeyBatch) -> Iterator[Planned | Outcome | WarmKeys]:
        if isinstance(asked, KeyBatch):
            yield from self._one_by_one(warmer, asked)
            return
        batch, store, made, chosen = asked.batch, asked.store, asked.made, asked.chosen
        keys, (missing, are_sound) = batch.keys or (), asked.found()
        gone = set(missing or ())
        live = [index for index in chosen if index not in gone] if gone else chosen
        due = set[int]() if are_sound else None if missing is None else self._due(store, warmer, batch, live, made)
        if due is None:
            yield from self._one_by_one(warmer, batch)
            return
        warm = [keys[index] for index in live if index not in due] if len(live) < len(keys) or due else keys
        if warm:
            yield WarmKeys(warmer.name, store.alias, batch.version, warm, batch.weight, warmer.secret_keys)
        if gone or due:
            yield from self._planned(warmer, batch, made, gone, due)

    def _store(self, warmer: Warmer, batch: KeyBatch) -> Store | None:
        """The store to ask for the keys; ``None`` where nothing can be said of all of them together."""
        if not batch.keys:
            return None
        if (store := self._planner.known_store(batch.alias or warmer.alias)) is None:
            return None
        timeout = warmer.timeout if batch.timeout is UNSET else batch.timeout
        if not is_a_timeout(timeout) or stores.keeps_to_itself(store.cache) or store.alias in self._writer.dead:
            return None
        kept_s = lifetime_s(store, timeout)
        return store if kept_s is None or kept_s > 0 else None

    def _look(self, store: Store, ask: Ask, batch: KeyBatch, chosen: Sequence[int], made: Sequence[str]) -> _Found:
        keys = batch.keys or ()
        if batch.are_sound and len(chosen) == len(keys) and not self._options.fresh_for_s:
            if (are_sound := ask(store, partial(batch.are_sound, store))) is None:
                return _Found(None)
            if are_sound:
                return _Found((), are_sound=True)
        missing: list[int] = []
        at_once = self._options.batch_keys or store.batch_keys
        for start in range(0, len(chosen), at_once):
            part = chosen[start : start + at_once]
            asked = [keys[index] for index in part], batch.version, [made[index] for index in part]
            found = ask(store, partial(store.missing, *asked))
            if found is None:
                return _Found(None)
            missing += [part[index] for index in found]
        return _Found(missing)

    def _due(
        self, store: Store, warmer: Warmer, batch: KeyBatch, live: Sequence[int], made: Sequence[str]
    ) -> set[int] | None:
        """Those of the live keys that are to be written anew: they end too soon, or nobody would use them."""
        due: set[int] = set()
        if not live:
            return due
        keys, fresh_for_s = batch.keys or (), self._options.fresh_for_s
        if fresh_for_s and store.tells_time_left:
            items = [Item.asked(keys[index], batch.version, made[index]) for index in live]
            left_s = self._writer.ask(store, partial(store.time_left_s, items))
            if left_s is None:
                return None
            due.update(
                i for i, left in zip(live, left_s, strict=True) if isinstance(left, float) and left <= fresh_for_s
            )
        if type(warmer).outdated is not Warmer.outdated:
            wanted = set(live)
            entries = [entry for index, entry in enumerate(batch.make()) if index in wanted]
            outdated = outdated_among(entries, warmer)
            due.update(index for index in live if keys[index] in outdated)
        return due

    def _planned(
        self, warmer: Warmer, batch: KeyBatch, made: Sequence[str], gone: set[int], due: set[int]
    ) -> Iterator[Planned | Outcome]:
        keys, index = batch.keys or (), -1
        for index, entry in enumerate(islice(batch.make(), len(made))):
            if index in gone or index in due:
                planned = self._planner.plan(warmer, entry)
                if isinstance(planned, Planned):
                    if planned.key != keys[index]:
                        yield bad_entry(warmer, keys[index], "make() gave another key's entry in its place")
                        continue
                    if planned.made == made[index]:
                        planned.is_asked = True
                        planned.overwrites = index in due
                yield planned
        if not batch.ends_early():
            for left in sorted(other for other in gone | due if other > index):
                yield bad_entry(warmer, keys[left], "make() gave no entry for it")

    def _one_by_one(self, warmer: Warmer, batch: KeyBatch) -> Iterator[Planned | Outcome]:
        for entry in batch.make():
            planned = self._planner.plan(warmer, entry)
            if self._wants is None or self._wants(key_of(entry)):
                yield planned


def _once(store: Store, call: Callable[[], _T]) -> _T:  # noqa: ARG001 - the signature of `Writer.ask`
    return call()


def _one_or_other(one: Callable[[], _Found], other: Callable[[], _Found]) -> _Found:
    """What the first says; where it fails, what the second does, with the patience and the words for failures."""
    try:
        return one()
    except OverdueError:
        raise
    except Exception as error:  # noqa: BLE001 - there may be no second connection to be had; the other one tells
        logger.info("cache_warming.asked_again", extra={"error": stores.describe(error)})
        return other()


def key_of(entry: Any) -> str:
    """The key of what a warmer yielded, or what stands in its place where it has none."""
    key = getattr(entry, "key", None)
    return key if isinstance(key, str) and key else "?"
