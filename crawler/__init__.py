"""The Scrapy project: asks a site for what its visitors will ask for, and proves what was kept."""
