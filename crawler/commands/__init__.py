"""Commands that replace Scrapy's own in this project."""
