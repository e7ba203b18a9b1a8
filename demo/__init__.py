"""``make demo``: an old release, its visitors and their log, then two deployments of a new one, cold and warmed."""
