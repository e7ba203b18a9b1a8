"""A small Django site with one kind of page for each way in which a page cache can disappoint."""
