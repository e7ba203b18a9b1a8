"""The words that make a GET unsafe to replay.

Sources: the default routes of Django and its admin, allauth, Oscar, Wagtail, Rails and Devise, Laravel, Symfony,
Spring, ASP.NET, WordPress, WooCommerce, Drupal, Joomla, Magento, PrestaShop, Shopify, MediaWiki, phpBB, Plone. Words
are whole segments or parameters: ``/blog/how-to-delete-cookies/`` holds none of them. They stand without accents, as
segments are compared without them.
"""

from __future__ import annotations

from typing import Final

_ENGLISH: Final[dict[str, str]] = {
    "logout": "log ?out|log ?off|sign ?out|sign ?off|end ?session|logout all|log ?out everywhere|revoke|user ?logout",
    "delete": "delete|remove|destroy|erase|purge|trash|drop|wipe|confirm delete|delete confirm|delete selected"
    "|(?:delete|remove|destroy|erase|purge) (?:me|all|account|user|profile|item|items|post|comment|image|photo|file"
    "|message|product|order|page|row|record|entry|confirm|avatar|address|card|selected|object|from cart|from wishlist"
    "|cart item|line item|favou?rite|bookmark|coupon|voucher|filter alert)"
    "|(?:account|user|profile|item|post|comment|image|photo|file|message|product|order|page|object) (?:delete|remove)",
    "unsubscribe": "unsubscribe(?: all| me| confirm)?|opt ?out|un ?follow|remove me|list unsubscribe|unsub",
    "subscribe": "subscribe confirm|confirm subscription|double ?opt ?in|opt ?in",
    "confirm": "confirm|confirmation|confirm email|email confirm|verify|verify email|email verify|activate|deactivate"
    "|activation|verification|account confirm email|validate email|email verification|confirm password"
    "|confirm (?:account|order|registration|signup)|accept invite|accept invitation|accept|decline|reject|approve"
    "|disapprove",
    "cart": "add ?to ?(?:cart|basket|bag|wish ?list|favou?rites|compare)"
    "|(?:cart|basket|bag|wishlists?|compare|favou?rites?|bookmarks?|coupons?|vouchers?) (?:add|apply)"
    "|add ?item|(?:cart|basket|bag|wishlists?|compare|favou?rites?|bookmarks?|coupons?|vouchers?) "
    "(?:remove|update|clear|empty)|remove from (?:cart|basket|bag"
    "|wishlist)|update cart|clear cart|empty cart|buy ?now|checkout|place order|purchase|apply coupon|quick ?buy"
    "|(?:in|de)crease quantity",
    "action": "vote|up ?vote|down ?vote|un ?like|dis ?like|favou?rite|un ?favou?rite|un ?star|un ?block|un ?ban"
    "|report abuse|un ?flag|un ?publish|un ?archive|cancel|cancel (?:order|subscription|account|booking|reservation)"
    "|toggle(?: (?:theme|dark ?mode|favou?rite|wish ?list|like|follow|status))?|enable|disable|reset|restart"
    "|reboot|shutdown|start ?job|run ?job|trigger|execute|run ?cron|cron|wp cron"
    "|flush|flush ?cache|clear ?cache|purge ?cache|rebuild|re ?index|sync|migrate|restore|rollback|install|uninstall"
    "|upgrade|impersonate|hijack|sudo|su|switch user|login as|mark (?:all )?(?:as )?(?:un ?)?read|dismiss|snooze"
    "|resend|resend (?:email|code|confirmation|activation)|send ?mail|send ?email|send ?code|approve ?all"
    "|set ?lang(?:uage)?|set ?currency|switch ?language|(?:language|lang|locale|currency) (?:set|switch|change)"
    "|moderate|unlock|redeem|refund|release hold",
    "one-time-link": "password reset confirm|reset password|password reset|set password|new password|change password"
    "|magic ?link|magic ?login|one ?time ?login|otp|passwordless|login ?link|auto ?login|token ?login|sso|saml|saml2"
    "|acs|(?:oauth2? |oidc |auth )?callback|(?:oauth2?|openid|oidc) (?:authorize|complete|begin|start|login)"
    "|invite|recover|recovery|unlock account|nonce",
    "admin-action": "wp login|admin ajax|admin post|xmlrpc|history delete",
}

_OTHER_LANGUAGES: Final[dict[str, str]] = {
    # German, French, Spanish, Italian, Dutch, Portuguese, Polish, Swedish, Danish, Norwegian, Finnish, Czech, Slovak,
    # Croatian, Turkish, Hungarian, Romanian, Russian; what means other things as well (comprar, baja) is left out.
    "logout": "abmelden|ausloggen|deconnexion|(?:se )?deconnecter|cerrar sesion|salir|disconnetti|esci|uscire"
    "|uitloggen|afmelden|sair|(?:terminar|encerrar) sessao|wyloguj(?: sie)?|wylogowanie|logga ut|log ud|logg ut"
    "|kirjaudu ulos|odhlasit(?: se| sa)?|odhlaseni|odhlasenie|odjava|odjavi se|cikis(?: yap)?|kijelentkezes|deconectare"
    "|vyhod|vyiti|выход|выити",
    "delete": "loeschen|loschen|entfernen|supprimer|effacer|eliminar|borrar|quitar|elimina|cancella|rimuovi"
    "|verwijderen|verwijder|excluir|apagar|usun|usuwanie|skasuj|radera|ta bort|slet|slett|poista|smazat|odstranit"
    "|zmazat|izbrisi|torles|sterge|udalit|удалить",
    "unsubscribe": "abbestellen|desinscription|(?:se )?(?:desabonner|desinscrire)|desabonnement|darse de baja"
    "|cancelar (?:suscripcion|assinatura|inscricao)|disiscriviti|disiscrizione|uitschrijven|descadastrar"
    "|wypisz(?: sie)?|avprenumerera|avmeld|afmeld|odhlasit odber|отписаться",
    "confirm": "bestaetigen|bestatigen|bestaetigung|bestatigung|freischalten|aktivieren|confirmer|valider|activer"
    "|confirmar|activar|conferma|attiva|bevestigen|activeren|ativar|potwierdz|aktywuj|bekrafta|bekraeft|bekreft"
    "|vahvista|potvrdit|potvrdi|onayla|podtverdit|подтвердить",
    "cart": "(?:warenkorb|merkliste|korb) (?:hinzufuegen|hinzufugen|legen|leeren|entfernen)|in den warenkorb"
    "|zur kasse|kasse|hinzufuegen|hinzufugen|jetzt kaufen|ajouter(?: au panier)?|passer commande|valider panier|agregar"
    "|anadir|(?:agregar|anadir) al carrito|tramitar pedido|finalizar compra|aggiungi(?: al carrello)?|toevoegen"
    "|afrekenen|adicionar(?: ao carrinho)?|dodaj(?: do koszyka)?|do koszyka|zamow|lagg till|lagg i varukorg|do kosiku"
    "|sepete ekle",
    "action": "stornieren|kuendigen|kundigen|annuler|resilier|anular|rescindir|annulla|annuleren|opzeggen|anuluj",
    "one-time-link": "passwort (?:zuruecksetzen|zurucksetzen|aendern|andern)|reinitialiser mot de passe"
    "|(?:restablecer|cambiar) contrasena|reimposta password|wachtwoord (?:resetten|herstellen|wijzigen)"
    "|redefinir senha"
    "|resetuj haslo",
}

UNSAFE_SEGMENTS: Final = {
    rule: "|".join(filter(None, (words, _OTHER_LANGUAGES.get(rule)))) for rule, words in _ENGLISH.items()
}
"""Rule → words of a whole path segment, in any spelling: ``delete-account``, ``deleteAccount.php``."""

OBJECT_ACTIONS: Final = (
    "archive|star|block|lock|like|follow|flag|pay|claim|stop|start|import|mute|ban|kick|charge|publish"
    "|duplicate|clone"
    "|copy|reset|run|send|retry|close|reopen|open|pin|unpin|hide|unhide|join|leave|subscribe|buy|order|book"
    "|reserve|add|move|apply"
)
"""Words that are unsafe only behind a number or a UUID: ``/posts/5/archive``, but not ``/archive/2024/``."""

ACTIONS_BEFORE_IDS: Final = "like|follow|run|mute|kick|ban|claim|retry|clone|duplicate|charge|pay"
"""Words that are unsafe only in front of a number or a UUID: ``/run/5``, but not ``/run/``."""

PAIRED_PARENTS: Final = frozenset(
    {"cart", "basket", "bag", "wishlist", "wishlists", "compare", "password", "favorites", "favourites", "favorite"}
    | {"favourite", "bookmark", "bookmarks", "coupon", "coupons", "voucher", "vouchers", "oauth", "oauth2", "openid"}
    | {"oidc", "language", "lang", "locale", "currency", "warenkorb", "merkliste", "korb"}
)
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
    "action|act|do|op|cmd|command|task|method|mode|event|func|function|operation|m|a|todo|step|wc-ajax|wc_ajax"
    "|_action"
    "|actionname|submit|view_action|job|verb|option_action|route|r|controller|title|q_action"
)
"""A parameter of such a name does what its value says, if that is one of the unsafe words."""
