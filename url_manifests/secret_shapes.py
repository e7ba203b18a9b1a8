"""The names and shapes of secrets in URLs: tokens, signatures, sessions, credentials, and what is personal.

Sources: the names that frameworks, identity providers and clouds use, and those that secret scanners look for.
"""

from __future__ import annotations

import re
from typing import Final

PRIVATE_PARAMETER_NAMES: Final = (
    # Credentials and tokens
    r".*(?:token|secret|passw(?:or)?d|passphrase|passcode|credentials?|api_?key|access_?key|private_?key|auth_?key"
    r"|client_?secret|jwt|bearer|csrf|xsrf|nonce|session_?id|sess_?id|signature)|pwd|pass|passwd"
    r"|auth|authorization|oauth_.*|id_?token_?hint|saml(?:request|response)|relaystate|otp|totp|pin|mfa|one_?time_?(?:code|password)"
    r"|(?:jsession|phpsess|aspsession|cfsession|aspnet_session|session)_?id.*|j?session|sid|sessid|cfid|cftoken|phpsessid"
    r"|(?:sso|cas|service|login|auth)_?ticket|__cf_chl_.*|csrfmiddlewaretoken|authenticity_token|__requestverificationtoken|_wpnonce|wpnonce|security|x-amz-.*"
    r"|x-goog-.*|awsaccesskeyid|googleaccessid|key-pair-id|policy|sig|hmac|hash_?hmac|sign|mac|digest"
    r"|invite_?code|invitation_?(?:code|key)|activation_?(?:code|key)|verification_?code|confirm(?:ation)?_?(?:code|key)"
    r"|reset_?(?:code|key)|unlock_?(?:code|key)|auth_?code|login_?(?:code|key|hash)|user_?hash|magic"
    # People
    r"|e-?mail|email_?address|mail|mail_?address|user_?e-?mail|(?:tele)?phone|phone_?number|tel|telefon|handy|fax|mobile|msisdn|ssn|iban|card_?number|cc_?num(?:ber)?"
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
    "cas-ticket": re.compile(r"(?<![\w-])(?:ST|PT|TGT|PGT)-\d+-[\w.-]{4,}"),
    # With its country code: what looks like a national number may as well be an article's.
    "phone": re.compile(r"(?<![\w+])\+[1-9](?:[ ()/-]{0,2}\d){8,14}(?![\w.])"),
    "social-security": re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])"),
}
"""Rule → what a secret of this kind looks like anywhere in a decoded URL."""

SPACED_IBAN: Final = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -][A-Z0-9]{4}){2,7}(?:[ -][A-Z0-9]{1,4})?(?![A-Za-z0-9])"
)
"""In groups of four, as people write it; a word may look like it, so its check digits are looked at."""

CODE_PARTNERS: Final = frozenset({"state", "session_state", "iss", "scope", "authuser"})
"""Beside one of these, a parameter ``code`` is what an identity provider handed out."""

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
