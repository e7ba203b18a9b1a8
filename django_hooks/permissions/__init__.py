"""What users may do, kept in a shared cache across requests, and refused from the moment a revocation can be seen.

Three keys are read in one ``get_many``: a token for everybody of a database, a token for the user's shard, and the
user's entry, in which the two tokens are written that were current *before* its permissions were queried. An entry
counts only while both are still current. So a value that was computed before a change and written after it, by a
request or by a warmer, is dead on arrival. What makes this hold:

- Tokens are random and never used twice. One that is evicted, flushed or expired is made anew, and every entry that
  carries the old one is dead. Nothing can revive a generation, as a counter that begins again would.
- A change first *holds* its token: a fresh token, with a mark under which readers ask the database and store nothing.
  The mark goes after the commit. Without it, a reader between change and commit would store the old state under the
  new token, and it would be served between the commit and a bump that follows it (for long, if the writer dies there).
- Marks are kept by writer, so two transactions that overlap do not lift each other's. Each ends by itself after
  `tokens.HOLD_S`: after a rollback, of which Django tells nobody, or a killed writer.
- A database cache that takes part in the changing transaction needs no mark: token and change become visible together.
- Inside a transaction whose snapshot may be older than the tokens (REPEATABLE READ, SQLite) nothing is stored.
- Permissions are queried from the database that writes, never from a replica that lags behind.
- ``is_active`` and ``is_superuser`` are in no entry: they are taken from the user's row, which each request loads.
- When the cache fails, or an entry is not what it should be, the database answers. A token that could not be replaced
  is remembered by its process, which believes no entry until the cache has taken a fresh one.

What remains, for as long as entries live (``CACHE_WARMING["PERMISSIONS_TIMEOUT_S"]``): changes that send no signals
(``queryset.update``, ``bulk_create``, raw SQL) unless `changes.invalidate_permissions` is called; a failing cache that
comes back with old contents after the process that could not reach it has ended.
"""
