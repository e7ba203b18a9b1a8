"""Headings of pages that are none, in the languages of most sites. Lower case, without marks at their end."""

# ruff: noqa: RUF001 - other alphabets have letters that look like ours

from __future__ import annotations

from typing import Final

ERRORS: Final = frozenset({
    # English
    "page not found", "not found", "file not found", "internal server error", "server error", "application error",
    "error", "an error occurred", "an error has occurred", "something went wrong", "oops", "oops! something went wrong",
    "oops, something went wrong", "we're sorry, but something went wrong", "service unavailable",
    "service temporarily unavailable", "temporarily unavailable", "bad gateway", "gateway timeout", "gateway time-out",
    "bad request", "access denied", "forbidden", "permission denied", "too many requests", "maintenance",
    "maintenance mode", "under maintenance", "site maintenance", "scheduled maintenance", "site under maintenance",
    "down for maintenance", "we are down for maintenance", "we'll be back soon", "we'll be right back",
    "we will be back soon", "be right back", "this page isn't working", "site offline",
    # German
    "seite nicht gefunden", "nicht gefunden", "interner serverfehler", "serverfehler", "fehler",
    "ein fehler ist aufgetreten",
    "es ist ein fehler aufgetreten", "dienst nicht verfügbar", "nicht verfügbar", "zugriff verweigert", "kein zugriff",
    "wartung", "wartungsarbeiten", "wartungsmodus", "wir sind gleich zurück", "wir sind bald zurück",
    # French
    "page non trouvée", "page introuvable", "erreur", "erreur interne du serveur", "erreur serveur",
    "une erreur est survenue", "une erreur s'est produite", "service indisponible", "accès refusé",
    "maintenance en cours",
    "site en maintenance", "en maintenance", "nous revenons bientôt",
    # Spanish
    "página no encontrada", "error interno del servidor", "ha ocurrido un error", "se ha producido un error",
    "servicio no disponible", "acceso denegado", "en mantenimiento", "sitio en mantenimiento", "volvemos pronto",
    # Italian
    "pagina non trovata", "errore", "errore interno del server", "si è verificato un errore",
    "servizio non disponibile",
    "accesso negato", "in manutenzione", "sito in manutenzione", "manutenzione in corso", "torniamo presto",
    # Portuguese
    "página não encontrada", "erro", "erro interno do servidor", "ocorreu um erro", "serviço indisponível",
    "acesso negado", "em manutenção", "site em manutenção", "voltamos em breve",
    # Dutch
    "pagina niet gevonden", "interne serverfout", "serverfout", "er is een fout opgetreden", "er ging iets mis",
    "dienst niet beschikbaar", "toegang geweigerd", "onderhoud", "in onderhoud", "we zijn zo terug",
    # Polish, Czech
    "nie znaleziono strony", "strona nie istnieje", "błąd serwera", "wystąpił błąd", "odmowa dostępu",
    "przerwa techniczna", "prace serwisowe", "stránka nenalezena", "chyba serveru", "probíhá údržba",
    # Swedish, Danish, Norwegian, Finnish
    "sidan hittades inte", "sidan kunde inte hittas", "internt serverfel", "ett fel har uppstått", "underhåll",
    "siden blev ikke fundet", "siden ble ikke funnet", "der opstod en fejl", "det oppstod en feil", "vedligeholdelse",
    "vedlikehold", "sivua ei löytynyt", "huoltokatko",
    # Russian, Ukrainian, Turkish
    "страница не найдена", "внутренняя ошибка сервера", "ошибка сервера", "ошибка", "произошла ошибка",
    "доступ запрещён", "доступ запрещен", "технические работы", "ведутся технические работы", "сторінку не знайдено",
    "sayfa bulunamadı", "sunucu hatası", "bir hata oluştu", "bakım çalışması",
    # Japanese, Chinese, Korean
    "ページが見つかりません", "エラーが発生しました", "エラー", "サーバーエラー", "メンテナンス中",
    "ただいまメンテナンス中です",
    "页面不存在", "页面未找到", "找不到页面", "服务器错误", "系统维护中", "网站维护中", "找不到網頁", "系統維護中",
    "페이지를 찾을 수 없습니다", "서버 오류", "점검 중",
})  # fmt: skip

LOGINS: Final = frozenset({
    "log in", "login", "sign in", "signin", "please log in", "please sign in", "member login", "customer login",
    "log in to continue", "sign in to continue", "authentication required", "login required",
    "anmelden", "anmeldung", "einloggen", "bitte anmelden", "bitte melden sie sich an",
    "connexion", "se connecter", "connectez-vous", "identification", "s'identifier",
    "iniciar sesión", "inicia sesión", "inicio de sesión", "acceder", "identifícate",
    "accedi", "accesso", "entra", "entrar", "iniciar sessão", "fazer login",
    "inloggen", "aanmelden", "zaloguj się", "logowanie", "přihlášení", "přihlásit se",
    "logga in", "log ind", "logg inn", "kirjaudu sisään", "kirjaudu",
    "войти", "вход", "авторизация", "увійти", "вхід", "giriş yap", "oturum aç",
    "ログイン", "サインイン", "登录", "登入", "用户登录", "로그인",
})  # fmt: skip
