"""Live traffic: which URLs visitors ask for, in which variants, and what they cost cold and warm.

::

    request ─ counting ─▶ notes ─ recorder, folding ─▶ sketch ─ saving, every TRAFFIC_FLUSH_S ─▶ storage

`counting` is all that a request pays for: two clock readings and one append. Everything else, from canonical URLs over
safety rules to SQL, happens in one daemon thread per process. `export` turns the table into a manifest.

Off unless ``CACHE_WARMING["TRAFFIC_SAMPLE_RATE"]`` is above 0, because it writes to the site's database.
"""
