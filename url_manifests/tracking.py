"""Query parameters that tell who sent the visitor and change nothing on the page, and those that defeat caches.

Gathered from what browsers and extensions strip: Firefox's query stripping list, Brave's query filter, Safari's Link
Tracking Protection and ClearURLs, cut down to names that are unmistakable: ``ref`` or ``source`` may well be content.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from fnmatch import translate
from functools import lru_cache
from typing import Final

TRACKING_PARAMETERS: Final = (
    # Google: Analytics campaigns, Ads, linker, Merchant Center
    "utm_*", "gclid", "gclsrc", "gbraid", "wbraid", "dclid", "gad_source", "gad_campaignid", "srsltid", "_ga", "_gl",
    "_gac", "gdfms", "gdftrk", "gdffi",
    # Meta, TikTok, X, LinkedIn, Pinterest, Snapchat, Reddit, Instagram
    "fbclid", "fb_action_ids", "fb_action_types", "fb_source", "fb_ref", "__cft__*", "__tn__", "ttclid", "twclid",
    "li_fat_id", "epik", "ScCid", "sccid", "rdt_cid", "igshid", "igsh",
    # Microsoft, Yandex, Baidu, Naver
    "msclkid", "yclid", "ysclid", "_openstat", "bd_vid", "n_media", "n_query", "n_ad_group", "n_ad", "n_keyword",
    # Mail and marketing suites: HubSpot, Mailchimp, Marketo, Klaviyo, Drip, Omeda, Vero, Adobe, Matomo, Piwik PRO,
    # Olytics, Salesforce, Webtrends, Wicked Reports, AT Internet, Emarsys, Sendinblue
    "_hsenc", "_hsmi", "__hssc", "__hstc", "__hsfp", "hsCtaTracking", "mc_cid", "mc_eid", "mkt_tok", "_kx",
    "__s", "oly_anon_id", "oly_enc_id", "vero_id", "vero_conv", "s_cid", "s_kwcid", "ef_id", "mtm_*", "matomo_*",
    "pk_campaign", "pk_kwd", "pk_keyword", "pk_source", "pk_medium", "pk_content", "pk_cid", "piwik_*", "rb_clickid",
    "sc_customer", "sc_eh", "sc_uid", "wickedid", "at_campaign", "at_medium", "at_custom*", "xtor", "cmpid",
    # Affiliate networks
    "irclickid", "irgwc", "awc", "cjevent", "cjdata", "tduid", "zanpid", "ranMID", "ranEAID", "ranSiteID",
    "tblci", "obOrigUrl", "dicbo", "trk_contact", "trk_msg", "trk_module", "trk_sid", "vgo_ee",
)  # fmt: skip

CACHE_BUSTERS: Final = re.compile(
    r"(?:_|cb|cachebust(?:er|ing)?|cache_?bust(?:er)?|nocache|no_cache|rnd|rand|random|_ts|timestamp)=[0-9.]{4,}|[0-9]{8,}"
)
"""A whole parameter that makes each request's URL its own: nobody will ever ask for this page again."""


def tracking_test(extra: Collection[str] = (), kept: Collection[str] = ()) -> Callable[[str], bool]:
    """A function that tells whether a parameter is taken out.

    Args:
        extra: further names, with ``*`` for any text.
        kept: names from the list that this site's pages depend on.
    """
    patterns = [name for name in (*TRACKING_PARAMETERS, *extra) if name not in kept]
    exact = frozenset(name for name in patterns if "*" not in name) - set(kept)
    wild = re.compile("|".join(translate(name) for name in patterns if "*" in name) or r"(?!)")

    @lru_cache(maxsize=4096)
    def is_tracking(name: str) -> bool:
        return name in exact or (wild.match(name) is not None and name not in kept)

    return is_tracking


def defeats_caches(query: str) -> bool:
    """Whether one of the parameters is a cache buster."""
    return any(CACHE_BUSTERS.fullmatch(parameter) for parameter in query.split("&"))
