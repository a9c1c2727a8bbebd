"""Phrases in which mail servers say why they refuse a message, as regular expressions.

They are matched against lower-case text without e-mail addresses; see `normalise`. The order in
which `feed.smtp.reply_classifier` consults them decides between phrases that occur together.
"""

import re
import unicodedata

_ADDRESS = re.compile(r"<?[^\s<>()\[\],;:\"]+(?:@|%40)[^\s<>(),;\"]+>?")
_URL = re.compile(r"\bhttps?://(?!\S*(?:spamhaus|spamcop|[/.]r?bl\b))\S+")
_ACCENTS = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{phrase})" for phrase in phrases))


def normalise(text: str) -> str:
    """Lower case without accents, single spaces, plain apostrophes; "@@" for each address."""
    text = _ADDRESS.sub(" @@ ", _URL.sub(" ", text.lower().replace("_", " ")))
    if not text.isascii():
        text = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
        text = unicodedata.normalize("NFC", text).replace("\u2019", "'")
    return " ".join(text.replace("`", "'").split())


_WHO = (
    r"(?:user(?: ?name| ?id)?|mail ?-?box(?:es)?|recipients?|accounts?|address(?:es|ee)?|rcpt|"
    r"e-?mail|alias|inbox|destination|local.?part|member|person|login|customer|subscriber|employee)"
)
_KIND = (
    r"(?:(?:such|valid|known|local|virtual|destination|target|mail|e-?mail|recipient|user|rcpt|"
    r"or|final|remote|internet|smtp|this|the|envelope|to|unique|delivery|'|\") ?){0,4}"
)
_GAP = r"[^.;]{0,60}?"
_NOT = r"(?: not|n'?t)"
_ABSENT = (
    r"(?:unknown|(?:was |is |were )?not (?:be )?(?:found|known|exist|exists|listed|recogni[sz]ed"
    r"|located|resolved|present|local|valid|registered|here|ok|an? (?:active|valid|known))\b"
    rf"|wasn'?t found|(?:can|could)(?: ?not|n'?t|'t) be (?:found|located|identified|resolved)"
    rf"|(?:does|do|did){_NOT} (?:exist|appear)|isn'?t (?:valid|known|listed|registered)"
    r"|(?:is |was )?(?:invalid|inexistent|nonexistent|non-existent|undeliverable|unroutable"
    r"|unrouteable|unrecogni[sz]ed)"
    r"|(?:is )?no longer (?:exists?|valid|in use|works?|here|with|on|has|an? |employed|available)"
    r"|has (?:been |)(?:deleted|removed|closed|terminated|cancell?ed|replaced by)\b"
    rf"|(?:is|has) (?:moved|left)|has no (?:mailbox|account)|is closed|closed, please remove"
    r")"
)
# What stands for a mailbox, and what says that it is absent, in other languages; no accents.
_LANGUAGES = (
    (  # German
        r"empfa?e?nger|adressat|adresse|benutzer|konto|postfach|mailbox|nutzer|teilnehmer",
        r"unbekannt|existiert nicht|nicht (?:mehr )?(?:gefunden|vorhanden|bekannt|zugeordnet)"
        r"|ungu?e?ltig|gelo?e?scht|gibt es nicht",
    ),
    (  # French
        r"utilisateur|adresse|destinataire|compte|boi?te|abonne",
        r"inconnue?|invalide|n'existe p|introuvable|inexistante?|n'a pas ete trouvee?|supprimee?",
    ),
    (  # Spanish and Portuguese
        r"usuario|cuenta|conta|direccion|endereco|destinatario|buzon|caixa|persona|casilla|correo",
        r"desconocid|desconhecid|n[ao]o? (?:fue |foi |es |e )?(?:existe|encontrad|valid)"
        r"|inexistente|invalid|no se (?:ha )?(?:encontr|encuentr)",
    ),
    (  # Italian
        r"utente|casella|indirizzo|destinatario|account",
        r"sconosciut|non esist|inesistente|non (?:e stat[oa] )?trovat|non valid",
    ),
    (  # Dutch
        r"gebruiker|adres|postvak|ontvanger|postbus",
        r"onbekend|bestaat niet|niet gevonden|ongeldig",
    ),
    (  # Swedish, Danish, Norwegian
        r"anvandare|mottagare|adress|brevlada|konto|bruger|modtager|mottaker|bruker",
        r"okand|finns inte|existerar inte|hittades inte|ogiltig|ukendt|ukjent|findes ikke"
        r"|finnes ikke",
    ),
    (  # Polish, Czech, Slovak
        r"uzytkowni|konto|adres|skrzynk|odbiorc|uzivate|prijemce|schranka|pouzivate",
        r"nie istnieje|nieznan|nie znalezion|neexistuje|nenalezen|neznam",
    ),
    (r"kullanici|alici|adres|posta kutusu", r"bulunamadi|bilinmiyor|mevcut degil|gecersiz"),
    (r"felhasznalo|cimzett|postafiok", r"ismeretlen|nem letezik|nem talalhato"),
    (
        r"пользовател|адрес|ящик|получател|аккаунт|користувач|скриньк",
        r"не существует|не найден|неизвест|недействит|не зарегистр|удал[её]н|не існує|не знайдено",
    ),
    (
        r"宛先|あて先|アドレス|ユーザー?|受信者|アカウント|メールボックス",
        r"見つかりません|見つからな|存在しません|存在しない|不明|ありません|無効",
    ),
    (r"用户|收件人|邮箱|帐号|账号|地址|用戶|信箱", r"不存在|未找到|无效|無效|找不到"),
    (r"사용자|수신자|주소|계정", r"존재하지|없는|찾을 수 없|없습니다"),
)
# No such mailbox.
MAILBOX = _any(
    rf"\b(?:unknown|no such|invalid|non-?existent|inexistent|undeliverable|unrecogni[sz]ed"
    rf"|unroute?able|incorrect|wrong|no valid|bad(?! address syntax)|illegal|no|not an?)"
    rf"[ -]{_KIND}(?<!no ){_WHO}\b(?!'| (?:verification|list|domain|agent|sender|permission"
    rf"|restriction|limit|quota))",
    rf"(?<!sender )(?<!your ){_WHO}\b(?! verif)(?!{_GAP}\b(?:sender|from|domain|host)\b)"
    rf"{_GAP}{_ABSENT}",
    rf"@@(?: is| was)?(?::? ?user)? {_ABSENT}",
    *(rf"(?:{who})[^.;。]{{0,50}}?(?:{absent})" for who, absent in _LANGUAGES),
    r"\bunbekannte\w* (?:empfa|benutzer|adress)|kein (?:solche|postfach|gu?e?ltige)",
    r"nicht (?:im|in) [^.]{0,40}(?:verzeichnis|adressbuch)|pas repertorie|non (?:e )?elencat",
    r"no existe (?:dicha|ese|esa|tal|el|la)|nessun utente|nie ma takiego|onbekende? (?:geb|ontv)",
    r"\bokand (?:anv|mott|adress)|ingen sadan|(?:нет такого|неизвестный) (?:польз|адрес|ящик)",
    r"такого пользователя нет|невірна адреса",
    r"(?:找不到|无此|無此|没有该)(?:用户|收件人|邮箱|使用者)",
    r"(?:ディレクトリ|リスト|名簿)[^。]{0,10}にありません",
    r"\bthere is no one (?:here|at)|no one (?:here )?by that name|nobody (?:here )?by",
    r"no (?:mail ?-?box|account|user|such \w+) (?:here|by that name|at this|found|available)"
    r"|no such (?:user|person)",
    r"not a (?:valid|known|local|registered) (?:user|mailbox|recipient|address|account)",
    r"not (?:our|one of our) (?:customer|user)|not listed in (?:\S+ ){0,4}"
    r"(?:directory|address book|domino|table)|unknown (?:in|to) (?:\S+ ){0,3}(?:table|directory)",
    r"unable to find (?:the |a )?(?:user|recipient|mailbox|alias)|recip(?:ient)?notfound",
    r"(?:can ?not|can't|could ?n[o']t) (?:be )?(?:find|locate|found)"
    r" (?:\S+ ){0,2}(?:user|recipient|mailbox|account)",
    r"couldn't be found(?: (?:at|on|in|or)\b|\.)|wasn't found at|cannot deliver mail for @@",
    r"\bunknown local|user has (?:moved|left)|recipient has moved|has moved to a new|user not local"
    r"|please try @@",
    r"user \S+ (?:is |)(?:unknown|not found)|no longer (?:employed|works (?:here|for|at)"
    r"|with (?:the |this |our )?(?:company|firm|organi[sz]ation|us\b))",
    r"address (?:is )?no longer|account (?:is )?(?:no longer|deleted|closed)|mailbox not found",
    r"(?:bad|not in my valid)(?: ?rcptto| ?recipientto)|missing home directory"
    r"|inactive e-?mail address",
    r"no matches to nameserver|can't accept user|address lookup in [^.;]{0,20} failed"
    r"|not a member of domain",
)
# The same in the codes and the words of single providers, which some give after the message, too.
EXPLICIT = _any(
    r"\b(?:ofr|lpn|ouk)\d*[ -]41[68]\b|\b(?:rcp-p1|int-p[134])\b|\(000c05a6\)",
    r"mail action aborted, mailbox not found|\bdd this user doesn't have an? ",
)
# No such domain, or one that says that it takes no mail (RFC 7505).
DOMAIN = _any(
    r"(?:unknown|no such|invalid|illegal|non-?existent) (?:mail |destination |recipient )?"
    r"(?:host|domain)(?! name (?:in|of) (?:helo|ehlo|sender))",
    r"(?<!sender )\b(?:host(?:name)?|domain)(?: or domain)?(?: name)?(?: for)?(?: \S+){0,2}? "
    r"(?:is |was )?(?:unknown|not found(?!, try again)|invalid|nonexistent"
    r"|(?:does(?: not|n't)|not) exist|can't be found|could not be found)",
    r"name or service not known|(?:recipient )?domain must exist|domain doesnt exist",
    r"could(?: not|n't) find (?:any|a) (?:host|mail exchanger|mx)|\bnxdomain\b|\bnull ?mx\b"
    r"|no smtp service",
    r"(?:domain|host|server|\.[a-z]{2,20})[^.;]{0,40} (?:does not|doesn't|never) accepts? (?:any )?"
    r"(?:e-?)?mail\b(?! from)",
    r"no mx (?:record )?(?:for|found|or a)|no (?:mx|mail exchanger)s? (?:record|host)|no valid mx",
    r"(?:all relevant )?mx records? point(?:s|ed)? to non-?existent|unroute?able mail domain",
    r"(?:host|domain) (?:has|have) no (?:mx|mail exchanger|a record)|no mail (?:host|server)s? for",
    r"mail domain mentioned in (?:the )?[^.]*is unknown|account or domain may not exist",
    r"domain is not reachable|no data record of requested type",
    r"domain (?:has |is )?(?:expired|no longer)|couldn't find (?:the |a )?domain",
    r"(?:domäne|domain)[^.]{0,40}(?:existiert nicht|nicht gefunden|unbekannt)",
    r"домен[^.]{0,40}(?:не существует|не найден)|ドメイン[^。]{0,20}(?:見つかり|存在し)",
)
# About the sender, its server, or its standing: unmistakable.
SENDER = _any(
    r"(?:my name|sender) was rejected|\b(?:spf|dkim|dmarc|arc|sender[ -]?id)\b"
    r"|sender policy framework|domainkeys",
    r"authentication (?:check|failure|fail)|fail(?:s|ed)? authentication|unauthenticated",
    r"(?<!may be )black ?-?list|block ?-?list|deny ?-?list|\b(?:rbl|dnsbl|rhsbl)\b|spamhaus"
    r"|spamcop|sorbs"
    r"|barracudacentral|abuseat|uceprotect|senderbase|senderscore|cloudmark|\bcbl\b|brightmail",
    r"(?<!not )\blisted (?:at|in|on|by|with) |blocked (?:using|by|for|due|because|from|until)",
    r"\bspam|\bjunk ?mail|unsolicited|phish|\bvirus|malware|malicious|infected|\bbulk (?:mail"
    r"|e-?mail)",
    r"reputation|rate[ -]?limit|throttl|too many (?:messages|connections|mails|e-?mails"
    r"|recipients)(?! on the server)",
    r"too many (?:\w+ ){0,2}(?:invalid|bad|unknown|concurrent)|frequency limited|weren't sent"
    r"|(?:sending|daily|hourly|outgoing|outbound|smtp|sender|message(?! size)|messaging"
    r"|submission) "
    r"(?:\w+ ){0,3}?(?:quota|limits?)\b|quota for sending|unusual (?:rate|volume)"
    r"|unexpected volume",
    r"\bptr\b|reverse[ -]?(?:dns|lookup|mapping|hostname|address|path|record)|\br ?dns\b|fcrdns"
    r"|unverifiable",
    r"(?:invalid|bad|reject\w*|need|your|denied) (?:\S+ )?(?:helo|ehlo)"
    r"|(?:helo|ehlo) (?:\S+ ){0,2}(?:reject|invalid|refus|does|not|mismatch|name)",
    r"relay(?:ing)?\b[^.]{0,30}(?:denied|not|prohibit|access|refus|disallow)"
    r"|(?:no|not|denied|unable to|cannot|refus\w+|prohibit\w+)[^.]{0,20}relay|we do not relay"
    r"|relaying|\brelay access|not local host|not a gateway",
    r"(?:sender|mail from|from address|return[ -]path|envelope from)\b[^.;]{0,50}(?:reject|denied"
    r"|refus|unknown|invalid|not exist|does not|doesn't|verify|verif|block|not (?:found|valid|allow"
    r"|accept|local|resolve|permit))|(?:reject|invalid|unknown|bad|refus|den(?:y|ied))\w* "
    r"(?:(?:the|envelope|your) )?(?:sender|from|return path)",
    r"\bvalid from:|(?:domain of|domain name of) (?:the )?sender|sender domain|sending domain"
    r"|sender's domain",
    r"\byour (?:ip|server|mail server|domain|host|network|isp|reputation|smtp|sending|provider)\b",
    r"(?:sending|client|source|connecting) (?:ip|host|server|mta|address|mail server)",
    r"\bpolic(?:y|ies)\b|purported|policyviolation|invalid ip\b|for sending mail"
    r"|user complaints|too (?:much|many) (?:spam|abuse)",
    r"not (?:been )?verified|unverified (?:sender|address|sending)|message (?:content )?rejected",
    r"(?:require|must|need|should)\w*[^.]{0,25}(?:\btls\b|encrypt|authenticat)|invalid dns",
)
# The mailbox exists and takes nothing now: full, a message too large.
FULL = _any(
    r"mail ?box (?:\S+ ){0,4}(?:is |)full|(?:box|folder|inbox|account|mailfolder)(?: is)? full"
    r"|full (?:mail ?box|inbox)|too full|mailbox size",
    r"over ?-?quota|quota (?:is )?(?:exceed|full|limit|violation)|exceed\w*[^.]{0,40}(?:quota|limit"
    r"|storage|space|allowance|size)|\bquota\b|out of (?:disk |storage )?space"
    r"|not enough (?:disk|storage|space|memory)",
    r"insufficient (?:disk|system|storage|space)|no (?:space|storage) left|disk (?:is )?full"
    r"|disk ?space"
    r"|no space|storage[^.]{0,20}(?:full|exceeded|limit)|too much mail|too many messages on",
    r"too (?:large|big)|(?:message|mail) (?:is )?too long|(?:message|mail"
    r"|max\w*) (?:file )?size|size (?:limit|exceed)|larger than",
    r"(?:mail|post)(?:box|fach|adresse)?[^.]{0,30}(?:ist )?voll|boite[^.]{0,30}pleine|quota depasse"
    r"|(?:buzon|mail ?box|casilla|cuenta)[^.]{0,20}llen[oa]|caixa[^.]{0,20}cheia"
    r"|casella[^.]{0,20}piena|ящик[^.]{0,30}(?:полон"
    r"|переполнен)|переполнен|メールボックス[^。]{0,20}(?:いっぱい|満杯|容量)|容量[^。]{0,10}(?:超|オーバー)"
    r"|邮箱[^。]{0,6}(?:已满|满)|空间不足|brevlada[^.]{0,20}full|용량",
)
# The server asks to try again: it does not know the sender, or the recipient, yet.
NOT_YET = _any(r"gr[ae]y-? ?list", r"verification in progress|(?:come back|again) later|not yet")
# A program that delivers into mailboxes fails.
UNWRITABLE = _any(r"(?:could(?:n't| not)|can(?:'t| ?not)|unable to) (?:create|open|write|lock)\b")
# The mailbox exists and is out of service, or its owner refuses messages.
DISABLED = _any(
    r"disabled|suspend|inactive|not active|deactivated|\blocked\b|on hold|frozen|dormant"
    r"|discontinued"
    r"|not accepting|paused|restricted|out of service|unable to receive|cannot receive"
    r"|(?:account|compte|user|mailbox)[^.;]{0,30}bl(?:ock|oqu)|refuses? to (?:receive|accept)"
    r"|recipient preferences",
)
# Its server is out of service.
UNREACHABLE = _any(
    r"temporar|try again|tr(?:y|ied) later|timed? ?-?out|time-?out|greylist|grey-?listed|not yet"
    r"|connection (?:was )?(?:refused|reset|lost|closed|dropped|failed|died)|conn(?:ection)? to"
    r"|unreachable|delayed|deferred|retr(?:y|ies)|\bloop|hops?\b|too many (?:received|hops)"
    r"|bounced too",
    r"unable to (?:route|connect|contact|reach|open)|could(?: not|n't) connect|no route"
    r"|not available"
    r"|unavailable|network error|socket error|i/o error|internal error|server error|system error"
    r"|configuration error|local error|resources|busy|expired|giving up|too long|lookup failed"
    r"|name server|out of memory|not responding|command (?:time|died|failed)|exit code",
)
# About the message, or a refusal that does not speak of the mailbox.
REFUSED = _any(
    r"den(?:ied|y)|not (?:been )?(?:authori[sz]ed|permitted|allowed)|unauthori[sz]ed|prohibit"
    r"|forbidden|permission|administrativ|refus|disallow|block|banned|reject|abus|security|filter"
    r"|restriction|complian|conform|rfc ?\d{3,4}|content|attachment|executable|\bmime\b"
    r"|invalid header|headers? (?:error|not|too)"
    r"|violat|authenticat|encrypt|certificate|charset|character",
)
# What servers say with 550 that give no reason: by RFC 5321 there is no such mailbox.
UNAVAILABLE = _any(
    r"mailbox (?:is )?unavailable(?! or access)|mailbox not available|action not taken\W*$",
    r"(?:recipient|address) rejected(?=[^\w:]*(?:$|\((?:in reply|delivery)|@@))",
    r"(?:does|do)(?: not|n't) have an? (?:\S+ ){0,3}(?:account|mailbox)",
)
