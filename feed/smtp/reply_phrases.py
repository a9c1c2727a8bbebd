"""Phrases in which mail servers say why they refuse a message, as regular expressions.

They are matched against lower-case text without e-mail addresses; see `normalise`. The order in
which `feed.smtp.reply_classifier` consults them decides between phrases that occur together.
"""

import re

_ADDRESS = re.compile(r"<?[^\s<>()\[\],;:\"]+(?:@|%40)[^\s<>(),;\"]+>?")
_URL = re.compile(r"\bhttps?://\S+")


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{phrase})" for phrase in phrases))


def normalise(text: str) -> str:
    """Lower case, single spaces, plain apostrophes; addresses and links become placeholders."""
    text = text.lower().replace("\u2019", "'").replace("`", "'").replace("_", " ")
    return " ".join(_ADDRESS.sub(" @@ ", _URL.sub(" ", text)).split())


_WHO = (
    r"(?:user(?: ?name| ?id)?|mail ?box(?:es)?|recipients?|accounts?|address(?:es|ee)?|rcpt|"
    r"e-?mail|alias|inbox|destination|local.?part|member|person|login|customer)"
)
_KIND = (
    r"(?:(?:such|valid|known|local|virtual|destination|target|mail|e-?mail|recipient|user|rcpt|"
    r"or|final|remote|internet|smtp|this|the|envelope|to|unique|'|\") ?){0,4}"
)
_GAP = r"[^.;]{0,60}?"
_ABSENT = (
    r"(?:unknown|(?:was |is |were )?not (?:be )?(?:found|known|exist|exists|listed|recogni[sz]ed"
    r"|located|resolved|present|local|valid|registered|here)\b|wasn't found"
    r"|(?:can|could)(?: ?not|n't|'t) be (?:found|located|identified)"
    r"|(?:does|do|did)(?: not|n't) (?:exist|appear)|isn't (?:valid|known|listed|registered)"
    r"|(?:is |was )?(?:invalid|nonexistent|non-existent|undeliverable|unroutable|unrouteable)"
    r"|no longer (?:exists?|valid|in use|works?|here|with|on|has|an? )"
    r"|has (?:been |)(?:deleted|removed|closed|terminated|cancell?ed)\b"
    r"|(?:is|has) (?:moved|left)|has no (?:mailbox|account)|is closed)"
)
# No such mailbox.
MAILBOX = _any(
    rf"\b(?:unknown|no such|invalid|non-?existent|inexistent|undeliverable|unrecogni[sz]ed"
    rf"|unroute?able|incorrect|wrong|no valid|bad(?! address syntax)|illegal|no|not an?)"
    rf" {_KIND}(?<!no ){_WHO}\b(?!'| (?:verification|list|domain|agent|sender|permission"
    rf"|restriction|limit|quota))",
    rf"(?<!sender )(?<!your ){_WHO}\b(?! verif)(?!{_GAP}\b(?:sender|from|domain|host)\b)"
    rf"{_GAP}{_ABSENT}",
    r"\bthere is no one (?:here|at)|no one (?:here )?by that name|nobody (?:here )?by",
    r"no (?:mailbox|account|user|such \w+) (?:here|by that name|at this)|no such (?:user|person)",
    r"not a (?:valid|known|local|registered) (?:user|mailbox|recipient|address|account)",
    r"not (?:our|one of our) (?:customer|user)|not listed in (?:\S+ ){0,4}"
    r"(?:directory|address book|domino|table)|unknown (?:in|to) (?:\S+ ){0,3}(?:table|directory)",
    r"unable to find (?:the |a )?(?:user|recipient|mailbox|alias)|recip(?:ient)?notfound",
    r"(?:can ?not|can't|could ?n[o']t) (?:be )?(?:find|locate|found)"
    r" (?:\S+ ){0,2}(?:user|recipient|mailbox|account)",
    r"couldn't be found(?: (?:at|on|in|or)\b|\.)|wasn't found at",
    r"\bunknown local|user has (?:moved|left)|recipient has moved|has moved to a new",
    r"user \S+ (?:is |)(?:unknown|not found)|no longer (?:employed|works (?:here|for|at))",
    r"address (?:is )?no longer|account (?:is )?(?:no longer|deleted|closed)|mailbox not found",
    r"(?:empfänger|adressat|adresse|benutzer|konto|postfach|mailbox|nutzer)[^.]{0,50}?(?:unbekannt"
    r"|existiert nicht|nicht gefunden|nicht (?:mehr )?vorhanden|ungültig|gelöscht|gibt es nicht)",
    r"nicht (?:im|in) [^.]{0,40}(?:verzeichnis|adressbuch)|pas répertorié|non (?:è )?elencat",
    r"unbekannte\w* (?:empfänger|benutzer|adress)|kein (?:solcher|postfach)",
    r"(?:utilisateur|adresse|destinataire|compte|bo[iî]te)[^.]{0,50}?(?:inconnue?|invalide"
    r"|n'existe pas|introuvable|inexistante?|n'a pas été trouvée?|supprimée?)",
    r"(?:usuario|cuenta|direcci[oó]n|destinatario|buz[oó]n)[^.]{0,50}?(?:desconocid|no existe"
    r"|no (?:fue )?encontrad|inexistente|inv[aá]lid|no se (?:ha )?(?:encontr|encuentr))",
    r"(?:usuário|conta|destinatário|endereço|caixa)[^.]{0,50}?(?:desconhecid|não existe"
    r"|não (?:foi )?encontrad|inexistente|inválid)",
    r"(?:utente|casella|indirizzo|destinatario)[^.]{0,50}?(?:sconosciut|non esiste|inesistente"
    r"|non (?:è stat[oa] )?trovat|non valid)",
    r"(?:пользовател|адрес|ящик|получател|аккаунт)[^.]{0,50}?(?:не существует|не найден"
    r"|неизвест|недействит|не зарегистр|удал[её]н)|(?:нет такого|неизвестный) (?:польз|адрес|ящик)",
    r"такого пользователя нет|невірна адреса|користувач\w* не (?:існує|знайдено)",
    r"(?:gebruiker|adres|postvak|ontvanger|postbus)[^.]{0,50}?(?:onbekend|bestaat niet"
    r"|niet gevonden|ongeldig)|onbekende (?:gebruiker|ontvanger)",
    r"(?:användare|mottagare|adress|brevlåda|konto)[^.]{0,50}?(?:okänd|finns inte|existerar inte"
    r"|hittades inte|ogiltig)|okänd (?:användare|mottagare|adress)|ingen sådan",
    r"(?:bruger|modtager|mottaker|bruker)[^.]{0,50}?(?:ukendt|ukjent|findes ikke|finnes ikke)",
    r"(?:użytkownik|konto|adres|skrzynk|odbiorc)[^.]{0,50}?(?:nie istnieje|nieznan|nie znalezion)",
    r"(?:宛先|あて先|アドレス|ユーザー?|受信者|アカウント|メールボックス)[^。]{0,25}?"
    r"(?:見つかりません|見つからな|存在しません|存在しない|不明|ありません|無効)",
    r"(?:ディレクトリ|リスト|名簿)[^。]{0,10}にありません",
    r"(?:用户|收件人|邮箱|帐号|账号|地址|用戶|信箱)[^。]{0,12}?(?:不存在|未找到|无效|無效|找不到)",
    r"(?:找不到|无此|無此|没有该)(?:用户|收件人|邮箱|使用者)",
    r"(?:사용자|수신자|주소|계정)[^.]{0,20}?(?:존재하지|없는|찾을 수 없|없습니다)",
)
# No such domain, or one that says that it takes no mail (RFC 7505).
DOMAIN = _any(
    r"(?:unknown|no such|invalid|illegal|non-?existent) (?:mail |destination |recipient )?"
    r"(?:host|domain)(?! name (?:in|of) (?:helo|ehlo|sender))",
    r"(?<!sender )\b(?:host(?:name)?|domain)(?: or domain)?(?: name)?(?: for)?(?: \S+){0,2}? "
    r"(?:is |was )?(?:unknown|not found|invalid|nonexistent|(?:does(?: not|n't)|not) exist"
    r"|can't be found|could not be found)",
    r"could(?: not|n't) find (?:any|a) (?:host|mail exchanger|mx)|\bnxdomain\b|\bnull ?mx\b"
    r"|no smtp service",
    r"(?:domain|host|server)[^.;]{0,40}(?:does not|doesn't|never) accepts? (?:any )?(?:e-?mail"
    r"|mail)",
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
    r"|recipients)",
    r"(?:sending|daily|hourly|outgoing|outbound|smtp|sender|message|messaging|user) "
    r"(?:\w+ ){0,3}?(?:quota|limits?)\b|quota for sending|unusual (?:rate|volume)"
    r"|unexpected volume",
    r"\bptr\b|reverse[ -]?(?:dns|lookup|mapping|hostname|address|path|record)|\br ?dns\b|fcrdns"
    r"|unverifiable",
    r"(?:invalid|bad|reject\w*|need|your|denied) (?:\S+ )?(?:helo|ehlo)"
    r"|(?:helo|ehlo) (?:\S+ )?(?:reject|invalid|refus|does|not|mismatch|name)",
    r"relay(?:ing)?\b[^.]{0,30}(?:denied|not|prohibit|access|refus|disallow)"
    r"|(?:no|not|denied|unable to|cannot|refus\w+|prohibit\w+)[^.]{0,20}relay|we do not relay"
    r"|relaying|\brelay access",
    r"(?:sender|mail from|from address|return[ -]path|envelope from)\b[^.;]{0,50}(?:reject|denied"
    r"|refus|unknown|invalid|not exist|does not|doesn't|verify|verif|block|not (?:found|valid|allow"
    r"|accept|local|resolve|permit))|(?:reject|invalid|unknown|bad|refus|den(?:y|ied))\w* "
    r"(?:(?:the|envelope|your) )?(?:sender|from|return path)",
    r"(?:domain of|domain name of) (?:the )?sender|sender domain|sending domain|sender's domain",
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
    r"|no space|storage[^.]{0,20}(?:full|exceeded|limit)|too much mail",
    r"too (?:large|big)|(?:message|mail) (?:is )?too long|(?:message|mail"
    r"|max\w*) (?:file )?size|size (?:limit|exceed)|larger than",
    r"mail(?:box|fach|adresse)?[^.]{0,30}(?:ist )?voll|bo[iî]te[^.]{0,30}pleine|quota dépassé"
    r"|buz[oó]n[^.]{0,20}lleno|caixa[^.]{0,20}cheia|casella[^.]{0,20}piena|ящик[^.]{0,30}(?:полон"
    r"|переполнен)|переполнен|メールボックス[^。]{0,20}(?:いっぱい|満杯|容量)|容量[^。]{0,10}(?:超|オーバー)"
    r"|邮箱[^。]{0,6}(?:已满|满)|空间不足|brevlåda[^.]{0,20}full|용량",
)
# A program that delivers into mailboxes fails.
UNWRITABLE = _any(r"(?:could(?:n't| not)|can(?:'t| ?not)|unable to) (?:create|open|write|lock)\b")
# The mailbox or its server is not in service: disabled, on hold, unreachable.
OUT_OF_SERVICE = _any(
    r"disabled|suspend|inactive|not active|deactivated|\blocked\b|on hold|frozen|dormant"
    r"|discontinued"
    r"|not accepting|paused|restricted|out of service|unable to receive|cannot receive",
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
    r"|restriction|complian|conform|rfc ?\d{3,4}|content|attachment|header|executable|\bmime\b"
    r"|violat|authenticat|encrypt|certificate|charset|character",
)
# What servers say with 550 that give no reason: by RFC 5321 there is no such mailbox.
UNAVAILABLE = _any(
    r"mailbox (?:is )?unavailable|mailbox not available|action not taken\W*$",
    r"recipient (?:address )?rejected\W*(?:$|\(in reply)",
)
