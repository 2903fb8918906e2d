"""Tokens that their issuer's prefix gives away.

Each rule names a literal that is looked for first, which makes a text without it cheap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agentos.secret_scan.finding import Match
from agentos.secret_scan.placeholders import entropy, is_made_up


@dataclass(frozen=True)
class TokenRule:
    """A rule that needs nothing but the text itself.

    Attributes:
        name: What a finding is called by.
        literals: One of them is in every match.
        pattern: Group 1, or else the whole match, is the secret.
        min_entropy: Bits a character that a secret has at least.
    """

    name: str
    literals: tuple[str, ...]
    pattern: re.Pattern[str]
    min_entropy: float = 2.5

    def matches(self, text: str) -> Iterator[Match]:
        """Yield where the rule holds."""
        if not any(literal in text for literal in self.literals):
            return
        group = 1 if self.pattern.groups else 0
        for found in self.pattern.finditer(text):
            secret = found[group]
            if entropy(secret) >= self.min_entropy and not is_made_up(secret):
                yield Match(self.name, found.start(group), found.end(group))


def _rule(name: str, literals: str, pattern: str, min_entropy: float = 2.5) -> TokenRule:
    whole = rf"(?<![A-Za-z0-9_-]){pattern}"
    return TokenRule(name, tuple(literals.split()), re.compile(whole), min_entropy)


_MIXED = r"(?=[A-Za-z0-9_-]{0,80}\d)(?=[A-Za-z0-9_-]{0,80}[A-Z])(?=[A-Za-z0-9_-]{0,80}[a-z])"
_BODY = (  # of a PEM block: at least one line's worth of base64, also with escaped line ends
    r"(?:\\[nr]|[\s\"'+,\\])*"
    r"(?:[A-Z][A-Za-z-]{2,20}: [^\n\\]{1,120}(?:\\[nr]|\s)+){0,6}[A-Za-z0-9+/=]{40,}"
)

TOKEN_RULES = (
    _rule("anthropic-key", "sk-ant-", r"sk-ant-[a-z0-9]{2,12}-[A-Za-z0-9_-]{20,}", 3.0),
    _rule("openrouter-key", "sk-or-", r"sk-or-(?:v1-)?[A-Za-z0-9]{32,}", 3.0),
    _rule(
        "openai-key",
        "sk-",
        rf"sk-(?!ant-|or-)(?:proj-|svcacct-|admin-|None-)?{_MIXED}[A-Za-z0-9_-]{{20,}}",
        3.5,
    ),
    _rule("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36,255}", 3.0),
    _rule("github-token", "github_pat_", r"github_pat_[A-Za-z0-9_]{36,255}", 3.0),
    _rule("gitlab-token", "glpat-", r"glpat-[A-Za-z0-9_-]{20,}", 3.0),
    _rule(
        "aws-access-key",
        "AKIA ASIA ABIA ACCA A3T",
        r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])",
        3.0,
    ),
    _rule("google-key", "AIza", r"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])", 3.0),
    _rule("google-oauth", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{24,}", 3.0),
    _rule("google-oauth", "ya29.", r"ya29\.[A-Za-z0-9_-]{30,}", 3.0),
    _rule("slack-token", "xox", r"xox[abceoprs](?:\.xox[bp])?-[A-Za-z0-9-]{20,}", 2.8),
    _rule("slack-token", "xapp-", r"xapp-\d-[A-Za-z0-9-]{20,}", 2.8),
    _rule(
        "slack-webhook",
        "hooks.slack.com",
        r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9_/]{24,}",
        3.0,
    ),
    _rule(
        "discord-webhook",
        "/api/webhooks/",
        r"https://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d{10,}/[\w-]{30,}",
    ),
    _rule("npm-token", "npm_", r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])", 3.0),
    _rule("npm-token", ":_auth", r":_auth(?:Token)?\s{0,4}=\s{0,4}\"?([A-Za-z0-9+/=_-]{20,})"),
    _rule("pypi-token", "pypi-", r"pypi-AgE[A-Za-z0-9_-]{40,}", 3.0),
    _rule("stripe-key", "k_live_ k_test_", r"[sr]k_(?:live|test)_[A-Za-z0-9]{20,}", 3.0),
    _rule("webhook-secret", "whsec_", r"whsec_[A-Za-z0-9+/=]{24,}", 3.0),
    _rule("huggingface-token", "hf_", r"hf_[A-Za-z0-9]{32,}(?![A-Za-z0-9_])", 3.0),
    _rule("groq-key", "gsk_", r"gsk_[A-Za-z0-9]{40,}", 3.0),
    _rule("xai-key", "xai-", r"xai-[A-Za-z0-9]{60,}", 3.0),
    _rule("perplexity-key", "pplx-", r"pplx-[A-Za-z0-9]{40,}", 3.0),
    _rule("replicate-token", "r8_", r"r8_[A-Za-z0-9]{37}(?![A-Za-z0-9])", 3.0),
    _rule("digitalocean-token", "_v1_", r"do[opr]_v1_[a-f0-9]{64}"),
    _rule("databricks-token", "dapi", r"dapi[a-f0-9]{32}(?:-\d)?(?![A-Za-z0-9])"),
    _rule("linear-key", "lin_api_", r"lin_api_[A-Za-z0-9]{32,}", 3.0),
    _rule("notion-token", "ntn_", r"ntn_[A-Za-z0-9]{40,}", 3.0),
    _rule("figma-token", "figd_", r"figd_[A-Za-z0-9_-]{36,}", 3.0),
    _rule("shopify-token", "shp", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    _rule("sentry-token", "sntry", r"sntry[su]_[A-Za-z0-9+/=_-]{40,}", 3.0),
    _rule("grafana-token", "glsa_", r"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}", 3.0),
    _rule("vault-token", "hvs.", r"hvs\.[A-Za-z0-9_-]{24,}", 3.0),
    _rule("doppler-token", "dp.", r"dp\.(?:pt|st|ct|sa)\.[A-Za-z0-9._-]{40,}", 3.0),
    _rule("docker-token", "dckr_", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,}", 3.0),
    _rule("rubygems-key", "rubygems_", r"rubygems_[a-f0-9]{48}"),
    _rule("tailscale-key", "tskey-", r"tskey-[a-z]+-[A-Za-z0-9]+-[A-Za-z0-9]{16,}", 3.0),
    _rule("postman-key", "PMAK-", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    _rule("newrelic-key", "NRAK-", r"NRAK-[A-Z0-9]{27}", 3.0),
    _rule("supabase-token", "sbp_", r"sbp_[a-f0-9]{40}"),
    _rule("terraform-token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}", 3.0),
    _rule("age-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}", 3.0),
    _rule(
        "jwt",
        "eyJ",
        r"eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{16,1000}",
        3.5,
    ),
    TokenRule(
        "private-key",
        ("PRIVATE KEY",),
        re.compile(rf"-----BEGIN (?:[A-Z0-9]+ ){{0,3}}PRIVATE KEY(?: BLOCK)?-----{_BODY}"),
    ),
    TokenRule(
        "private-key",
        ("PuTTY-User-Key-File-",),
        re.compile(r"PuTTY-User-Key-File-\d: [^\n]{1,80}\r?\nEncryption: none"),
    ),
    TokenRule(
        "authorization-header",
        ("uthorization", "UTHORIZATION"),
        re.compile(
            r"(?i:authorization[\"']?\s{0,4}[:=,]\s{0,4}[\"']?(?:bearer|basic|token)\s{1,4})"
            r"([A-Za-z0-9+/=._~-]{20,})"
        ),
        3.5,
    ),
)
