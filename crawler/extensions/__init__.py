"""Small components, each of which does one thing to a running crawl."""
