"""The rules of detect-secrets that hold up on lock files, hashes and minified code.

Its patterns are asked directly, over the whole text: its own scan keeps its settings in a
process-wide place, runs every pattern on every line, and may call a service to try a secret.
Its entropy plug-ins are left out: every hash of a lock file is a hit of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from agentos.secret_scan.finding import Match
from agentos.secret_scan.placeholders import entropy, is_made_up


class _Adopted(NamedTuple):
    name: str
    literals: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]


def library_matches(text: str) -> Iterator[Match]:
    """Yield where a rule of the library holds."""
    lowered = text.lower()
    for rule in _adopted():
        if not any(literal in lowered for literal in rule.literals):
            continue
        for pattern in rule.patterns:
            for found in pattern.finditer(text):
                if _stands_alone(text, found) and _is_random(found[0]):
                    yield Match(rule.name, found.start(), found.end())


@cache
def _adopted() -> tuple[_Adopted, ...]:
    from detect_secrets.plugins import (
        azure_storage_key,
        cloudant,
        discord,
        gitlab_token,
        ibm_cloud_iam,
        mailchimp,
        sendgrid,
        softlayer,
        square_oauth,
        telegram_token,
        twilio,
    )

    def adopt(name: str, literals: str, plugin: type) -> _Adopted:
        return _Adopted(name, tuple(literals.split()), tuple(plugin.denylist))  # type: ignore[attr-defined]

    return (
        adopt("azure-storage-key", "accountkey=", azure_storage_key.AzureStorageKeyDetector),
        adopt("cloudant-key", "cloudant", cloudant.CloudantDetector),
        adopt("discord-token", ".", discord.DiscordBotTokenDetector),
        adopt("gitlab-token", "gl gr1348941", gitlab_token.GitLabTokenDetector),
        adopt("ibm-cloud-key", "ibm", ibm_cloud_iam.IbmCloudIamDetector),
        adopt("mailchimp-key", "-us", mailchimp.MailchimpDetector),
        adopt("sendgrid-key", "sg.", sendgrid.SendGridDetector),
        adopt("softlayer-key", "softlayer", softlayer.SoftlayerDetector),
        adopt("square-key", "sq0csp-", square_oauth.SquareOAuthDetector),
        adopt("telegram-token", ":", telegram_token.TelegramBotTokenDetector),
        adopt("twilio-key", "sk ac", twilio.TwilioKeyDetector),
    )


def _stands_alone(text: str, found: re.Match[str]) -> bool:
    """A token in the middle of a longer word is part of a hash or of encoded data."""
    before, after = (
        text[max(found.start() - 1, 0) : found.start()],
        text[found.end() : found.end() + 1],
    )
    return not re.search(r"[A-Za-z0-9_+/-]", before) and not re.search(r"[\w+/=-]", after)


def _is_random(secret: str) -> bool:
    return entropy(secret) >= 3.0 and not is_made_up(secret) and any(map(str.isdigit, secret))
