"""Inside the site: see, fill and verify its caches. Knows Django, and neither Scrapy nor the crawler."""
