"""Personal data that can be told by its form: e-mail and IP addresses, phone, card and account numbers.

Each is checked beyond its form where that is possible (Luhn, mod 97, lengths by country, public address ranges), because
rows of mathematics are full of digits. What has no form, such as names and street addresses, is not found.
"""

import ipaddress
import re

EMAIL, PHONE, IP, CARD, IBAN = "e-mail address", "phone number", "IP address", "card number", "IBAN"

_EMAIL = re.compile(
    r"(?<![\w.+/-])([A-Za-z0-9][A-Za-z0-9._%+-]{0,63})@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24})(?![\w@])"
)
# Set aside for examples by RFC 2606 and 6761.
_EXAMPLE = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org|edu)|example|test|invalid|localhost|local)$", re.IGNORECASE)
_IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\w)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:|:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_CARD = re.compile(
    r"(?<![\w.,/-])(?:\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{1,7}|3\d{3}[ -]\d{6}[ -]\d{5}|\d{13,19})(?![\w/-]|[.,]\d)"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?![A-Za-z0-9])")
_WORLD = re.compile(r"(?<![\w+.])\+[1-9]\d{0,2}(?:[ .-]?\(?\d{1,5}\)?){2,6}(?![\w]|[.,]\d)")
_AMERICA = re.compile(
    r"(?<![\w.+(-])(?:1[ .-])?(?:\([2-9]\d{2}\) ?[2-9]\d{2}[ .-]\d{4}|[2-9]\d{2}([.-])[2-9]\d{2}\1\d{4})(?![\w-]|[.,]\d)"
)
_SAID = re.compile(
    r"\b(?:phone|tel|telephone|mobile|cell|fax|call|text|whatsapp|telefon|handy|téléphone|portable|teléfono|móvil|telefono)"
    r"(?: (?:number|no|us|me|is|at|on|nummer))*[.:]*[ \t]*"
    r"(\(?0\d{1,5}\)?(?:[ /.-]{0,3}\d{2,5}){1,4}|\d{3,5}(?:[ .-]\d{2,5}){2,4})(?![\w]|[.,]\d)",
    re.IGNORECASE,
)
# An operator on either side, with something to work on beyond it, or a word that asks to calculate: then it is arithmetic.
_SUM_BEFORE = re.compile(
    r"(?:[=*×÷^≤≥≈±√]|\d|(?:[\d)\]}]|(?<!\w)[a-z]) ?[-+<>/]"
    r"|\b(?:add|calculate|compute|divide|evaluate|factor|factori[sz]e|multiply|round|simplify|solve|subtract|sum of)) ?$",
    re.IGNORECASE,
)
_SUM_BEHIND = re.compile(r" ?(?:[=*×÷^≤≥≈%]|[-+<>/] ?(?:[\d(]|[a-z]\b)|(?:mod|times|plus|minus|divided)\b)")

# Digits and letters of an IBAN by country (ISO 13616 registry).
_LENGTHS = (
    "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BI:27 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22 DJ:27 "
    "DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 FK:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HN:28 HR:21 HU:28 "
    "IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 "
    "MK:19 MN:20 MR:27 MT:31 MU:30 NI:28 NL:18 NO:15 OM:23 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 RU:33 SA:24 "
    "SC:31 SD:18 SE:24 SI:19 SK:24 SM:27 SO:23 ST:25 SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20 YE:30"
)
_IBAN_LENGTHS = dict(pair.split(":") for pair in _LENGTHS.split())


def personal(text: str) -> list[tuple[str, str]]:
    """(kind, stretch of the text) of what looks like personal data, kind by kind; empty for none."""
    found = []
    if "@" in text:
        found += [(EMAIL, match[0]) for match in _EMAIL.finditer(text) if _is_email(match, text)]
    if any(digit in text for digit in "0123456789"):
        found += [(IP, match[0]) for pattern in (_IPV4, _IPV6) for match in pattern.finditer(text) if _is_ip(match[0])]
        found += [(CARD, match[0]) for match in _CARD.finditer(text) if _is_card(match[0]) and not _in_sum(match, text)]
        found += [(IBAN, stretch) for match in _IBAN.finditer(text) if (stretch := _iban_in(match[0]))]
        found += [(PHONE, stretch) for stretch in _phones(text)]
    return found


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def mod97(iban: str) -> bool:
    """Whether the check digits of an IBAN without blanks are right (ISO 7064)."""
    return int("".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])) % 97 == 1


def _is_email(match: re.Match[str], text: str) -> bool:
    # git@host:path is where a repository lies, not a person.
    return not _EXAMPLE.search(match[2]) and not (match[1] == "git" and text[match.end() : match.end() + 1] == ":")


def _is_ip(stretch: str) -> bool:
    """A public address. 1.2.3.4 may be a section or a version: two parts must have two digits or more."""
    try:
        address = ipaddress.ip_address(stretch)
    except ValueError:
        return False
    if address.version == 4:
        return address.is_global and sum(len(part) > 1 for part in stretch.split(".")) >= 2
    return address.is_global and sum(map(bool, stretch.split(":"))) >= 3


def _is_card(stretch: str) -> bool:
    """The check digit is right, and length and first digits are those of an issuer."""
    digits = re.sub(r"\D", "", stretch)
    size, head = len(digits), int(digits[:4])
    issued = (
        (digits[0] == "4" and size in (13, 16, 19))
        or ((5100 <= head < 5600 or 2221 <= head < 2721) and size == 16)
        or (digits[:2] in ("34", "37") and size == 15)
        or ((head == 6011 or 6440 <= head < 6600) and size in (16, 19))
        or (3528 <= head < 3590 and size == 16)
        or (digits[:2] in ("30", "36", "38", "39") and size == 14)
        or (digits[:2] == "62" and 16 <= size <= 19)
    )
    return issued and len(set(digits)) > 2 and luhn(digits)


def _iban_in(stretch: str) -> str:
    """The IBAN at the beginning of the stretch, or "": a word in capitals behind it may have been taken along."""
    size = int(_IBAN_LENGTHS.get(stretch[:2], "0"))
    plain = stretch.replace(" ", "")
    if not size or len(plain) < size or not mod97(plain[:size]):
        return ""
    kept, taken = 0, 0
    while taken < size:
        taken += stretch[kept] != " "
        kept += 1
    ends_a_group = kept == len(stretch) or stretch[kept] == " "
    return stretch[:kept] if ends_a_group else ""


def _phones(text: str) -> list[str]:
    found = [m.span() for m in _WORLD.finditer(text) if 9 <= _digits(m[0]) <= 15 and not _in_sum(m, text)]
    found += [match.span() for match in _AMERICA.finditer(text) if not _in_sum(match, text)]
    for match in _SAID.finditer(text):
        if 7 <= _digits(match[1]) <= 15 and not _SUM_BEHIND.match(text, match.end(1)):
            found.append(match.span(1))
    kept: list[tuple[int, int]] = []
    for start, stop in sorted(found):
        if not kept or start >= kept[-1][1]:
            kept.append((start, stop))
    return [text[start:stop] for start, stop in kept]


def _digits(stretch: str) -> int:
    return sum(char.isdigit() for char in stretch)


def _in_sum(match: re.Match[str], text: str) -> bool:
    before = text[max(0, match.start() - 16) : match.start()]
    return bool(_SUM_BEFORE.search(before) or _SUM_BEHIND.match(text, match.end()))
