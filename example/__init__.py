"""Linden & Loom, a shop for household linen: the site on which the warmer is shown, documented and tested."""
