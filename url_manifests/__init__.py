"""What is worth warming: manifests and outcomes, read, written and ranked. Knows neither Django nor Scrapy."""
