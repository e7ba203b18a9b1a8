"""A site with nothing but a table of a million rows of 1 KB."""
