"""Data about people: addresses, telephone and account numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentos.secret_scan.finding import Kind, Match

_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b(?!\()"
)
_PHONE = re.compile(r"(?<![\w.+-])\+[1-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){5,11}\b")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
_CARD = re.compile(
    r"(?<![\w.-])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{4}([ -])\d{6}\2\d{5})"
    r"(?![\w-])(?! \d)"
)
_NOBODY = re.compile(
    r"(?i)@(?:[\w-]+\.)*(?:example(?:\.\w+)?|test|invalid|localhost|local|noreply\.github\.com)$"
    r"|^(?:no-?reply|git)@"
)


def personal_matches(text: str) -> Iterator[Match]:
    """Yield where personal data stands; example addresses belong to nobody."""
    if "@" in text:
        yield from (
            _match("email", found)
            for found in _EMAIL.finditer(text)
            if not _NOBODY.search(found[0])
        )
    if "+" in text:
        yield from (_match("phone-number", found) for found in _PHONE.finditer(text))
    yield from (_match("iban", found) for found in _IBAN.finditer(text) if is_iban(found[0]))
    yield from (_match("card-number", found) for found in _CARD.finditer(text) if is_card(found[0]))


def is_iban(text: str) -> bool:
    """Whether the check digits of an account number hold (ISO 7064, modulo 97)."""
    compact = text.replace(" ", "")
    if not 15 <= len(compact) <= 34:
        return False
    return int("".join(str(int(sign, 36)) for sign in compact[4:] + compact[:4])) % 97 == 1


def is_card(text: str) -> bool:
    """Whether a number is one of a payment card: an issuer's first digit, Luhn's check."""
    digits = [int(sign) for sign in text if sign.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    varied = len(set(digits)) > 1
    return (
        varied and digits[0] in (2, 3, 4, 5, 6) and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
    )


def _match(rule: str, found: re.Match[str]) -> Match:
    return Match(rule, found.start(), found.end(), Kind.PERSONAL)
