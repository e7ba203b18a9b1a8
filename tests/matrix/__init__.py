"""What the warmer reports against what visitors then get: each case of a page cache, on each backend."""
