"""The table behind `safety`: which words make a GET unsafe to replay, and which names and shapes hold secrets.

Sources: the default routes of Django and its admin, allauth, Rails and Devise, Laravel, Symfony, Spring, ASP.NET,
WordPress, WooCommerce, Drupal, Joomla, Magento, PrestaShop, Shopify, MediaWiki, phpBB, Plone; the names that secret
scanners look for. Words are whole segments or parameters: ``/blog/how-to-delete-cookies/`` holds none of them.
"""

from __future__ import annotations

import re
from typing import Final

UNSAFE_SEGMENTS: Final[dict[str, str]] = {
    "logout": "log ?out|log ?off|sign ?out|sign ?off|end ?session|logout all|log ?out everywhere|revoke|user ?logout",
    "delete": "delete|remove|destroy|erase|purge|trash|drop|wipe|confirm delete|delete confirm|delete selected"
    "|(?:delete|remove|destroy|erase|purge) (?:me|all|account|user|profile|item|items|post|comment|image|photo|file"
    "|message|product|order|page|row|record|entry|confirm|avatar|address|card|selected|object|from cart|from wishlist"
    "|cart item|line item)"
    "|(?:account|user|profile|item|post|comment|image|photo|file|message|product|order|page|object) (?:delete|remove)",
    "unsubscribe": "unsubscribe(?: all| me| confirm)?|opt ?out|un ?follow|remove me|list unsubscribe|unsub",
    "subscribe": "subscribe confirm|confirm subscription|double ?opt ?in|opt ?in",
    "confirm": "confirm|confirmation|confirm email|email confirm|verify|verify email|email verify|activate|deactivate"
    "|activation|verification|account confirm email|validate email|email verification|confirm password"
    "|confirm (?:account|order|registration|signup)|accept invite|accept invitation|accept|decline|reject|approve"
    "|disapprove",
    "cart": "add ?to ?(?:cart|basket|bag|wish ?list|favou?rites|compare)|(?:cart|basket|bag|wishlist|compare) add"
    "|add ?item|(?:cart|basket|bag|wishlist|compare) (?:remove|update|clear|empty)|remove from (?:cart|basket|bag"
    "|wishlist)|update cart|clear cart|empty cart|buy ?now|checkout|place order|purchase|apply coupon|quick ?buy"
    "|(?:in|de)crease quantity",
    "action": "vote|up ?vote|down ?vote|un ?like|dis ?like|favou?rite|un ?favou?rite|un ?star|un ?block|un ?ban"
    "|report abuse|un ?flag|un ?publish|un ?archive|cancel|cancel (?:order|subscription|account|booking|reservation)"
    "|toggle|enable|disable|reset|restart|reboot|shutdown|start ?job|run ?job|trigger|execute|run ?cron|cron|wp cron"
    "|flush|flush ?cache|clear ?cache|purge ?cache|rebuild|re ?index|sync|migrate|restore|rollback|install|uninstall"
    "|upgrade|impersonate|hijack|sudo|su|switch user|login as|mark (?:all )?(?:as )?(?:un ?)?read|dismiss|snooze"
    "|resend|resend (?:email|code|confirmation|activation)|send ?mail|send ?email|send ?code|approve ?all"
    "|set ?lang(?:uage)?|set ?currency|switch ?language|moderate|unlock|redeem|refund|release hold",
    "one-time-link": "password reset confirm|reset password|password reset|set password|new password|change password"
    "|magic ?link|magic ?login|one ?time ?login|otp|passwordless|login ?link|auto ?login|token ?login|sso|saml|saml2"
    "|acs|(?:oauth2? |oidc |auth )?callback|invite|recover|recovery|unlock account|nonce",
    "admin-action": "wp login|admin ajax|admin post|xmlrpc|history delete",
}
"""Rule → words of a whole path segment, in any spelling: ``delete-account``, ``deleteAccount.php``."""

OBJECT_ACTIONS: Final = (
    "archive|star|block|lock|like|follow|flag|pay|claim|stop|start|import|mute|ban|kick|charge|publish|duplicate|clone"
    "|copy|reset|run|send|retry|close|reopen|open|pin|unpin|hide|unhide|join|leave|subscribe|buy|order|book|reserve"
)
"""Words that are unsafe only behind a number or a UUID: ``/posts/5/archive``, but not ``/archive/2024/``."""

PAIRED_PARENTS: Final = frozenset({"cart", "basket", "bag", "wishlist", "compare", "password"})
"""Segments that are read together with the next one: ``/cart/add/``, ``/password/reset/``."""

UNSAFE_PARAMETER_NAMES: Final = (
    "add-to-cart|add_to_cart|addtocart|add-to-wishlist|add_to_wishlist|remove_item|removeitem|remove-item|undo_item"
    "|unsubscribe|optout|opt_out|logout|log_out|signout|loggedout|delete|delete_id|deleteid|del|remove|destroy"
    "|replytocom|approve|unapprove|trash|untrash|activate|deactivate|vote|like|_method|empty-cart|empty_cart"
    "|apply_coupon|remove_coupon|update_cart|buy_now|order_again|cancel_order|pay_for_order|resend|mark_read|markread"
    "|impersonate|switch_to|doing_wp_cron|purge|flush|clear_cache|reset_password|confirm_email|verify_email"
)
"""A parameter of such a name does something, whatever its value."""

ACTION_PARAMETERS: Final = (
    "action|act|do|op|cmd|command|task|method|mode|event|func|function|operation|m|a|todo|step|wc-ajax|wc_ajax|_action"
    "|actionname|submit|view_action|job|verb|option_action|route|r|controller|title|q_action"
)
"""A parameter of such a name does what its value says, if that is one of the unsafe words."""

PRIVATE_PARAMETER_NAMES: Final = (
    # Credentials and tokens
    r".*(?:token|secret|passw(?:or)?d|passphrase|passcode|credentials?|api_?key|access_?key|private_?key|auth_?key"
    r"|client_?secret|jwt|bearer|csrf|xsrf|nonce|session_?id|sess_?id|signature)|pwd|pass|passwd"
    r"|auth|authorization|oauth_.*|id_?token_?hint|saml(?:request|response)|relaystate|otp|totp|pin|mfa|one_?time_?(?:code|password)"
    r"|(?:jsession|phpsess|aspsession|cfsession|aspnet_session|session)_?id.*|j?session|sid|sessid|cfid|cftoken|phpsessid"
    r"|csrfmiddlewaretoken|authenticity_token|__requestverificationtoken|_wpnonce|wpnonce|security|x-amz-.*"
    r"|x-goog-.*|awsaccesskeyid|googleaccessid|key-pair-id|policy|sig|hmac|hash_?hmac|sign|mac|digest"
    r"|invite_?code|invitation_?(?:code|key)|activation_?(?:code|key)|verification_?code|confirm(?:ation)?_?(?:code|key)"
    r"|reset_?(?:code|key)|unlock_?(?:code|key)|auth_?code|login_?(?:code|key|hash)|user_?hash|magic"
    # People
    r"|e-?mail|email_?address|mail|mail_?address|user_?e-?mail|phone|phone_?number|mobile|msisdn|ssn|iban|card_?number|cc_?num(?:ber)?"
    r"|cvv|cvc|passport|date_?of_?birth|dob|birth_?(?:date|day)|user_?name|login_?name|account_?number|first_?name|last_?name|full_?name"
)
"""A parameter of such a name is kept out whatever its value (but an empty one)."""

PRIVATE_PARAMETER_EXCEPTIONS: Final = (
    r"tokens?_?(?:count|limit|type|name|symbol|id|standard)|sort_?.*|page_?token_?size|design|max_?tokens?"
)

SECRET_SHAPES: Final[dict[str, re.Pattern[str]]] = {
    "jwt": re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.(?:eyJ)?[\w-]{4,}(?:\.[\w-]*)?"),
    "email": re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})*\.[A-Za-z]{2,24}(?![\w-])"),
    "django-token": re.compile(r"(?<![\w-])[0-9a-z]{5,7}-[0-9a-f]{20,64}(?![\w-])"),
    "signed-value": re.compile(r"(?<![\w:-])[\w.=-]{1,200}:[0-9A-Za-z]{5,8}:[\w-]{27,86}(?![\w-])"),
    "session-path": re.compile(r"(?i);(?:jsessionid|phpsessid|sid|sessionid|cfid|cftoken)="),
    "session-segment": re.compile(r"/\((?:[SFX]\([\w]{8,}\))+\)/"),
    "vendor-key": re.compile(
        r"(?<![A-Za-z0-9])(?:sk|pk|rk)_(?:live|test)_\w{8,}|(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"
        r"|(?<![A-Za-z0-9])gh[pousr]_\w{20,}|(?<![A-Za-z0-9])github_pat_\w{20,}|(?<![A-Za-z0-9])xox[abprs]-[\w-]{10,}"
        r"|(?<![A-Za-z0-9])AIza[\w-]{30,}|(?<![A-Za-z0-9])glpat-[\w-]{16,}|(?<![A-Za-z0-9])SG\.[\w-]{16,}\.[\w-]{16,}"
        r"|(?<![A-Za-z0-9])npm_\w{30,}|(?<![A-Za-z0-9])pypi-\w{30,}|(?<![A-Za-z0-9])sk-[\w-]{20,}"
    ),
    "credentials": re.compile(r"(?i)://[^/\s:@]{1,64}:[^/\s@]{1,64}@"),
    "iban": re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}[A-Z0-9]{4}\d{7,}[A-Z0-9]{0,16}(?![A-Za-z0-9])"),
}
"""Rule → what a secret of this kind looks like anywhere in a decoded URL."""

PUBLIC_DIGEST_PARENTS: Final = frozenset(
    [
        "commit",
        "commits",
        "blob",
        "blobs",
        "tree",
        "trees",
        "raw",
        "blame",
        "sha",
        "sha1",
        "sha256",
        "md5",
        "checksum",
        "digest",
        "compare",
        "tx",
        "transaction",
        "block",
        "address",
        "revision",
        "rev",
        "changeset",
        "object",
        "objects",
        "package",
        "packages",
        "ipfs",
        "hash",
        "static",
        "media",
        "assets",
    ]
)
"""A digest right behind such a segment names content, not a person."""
