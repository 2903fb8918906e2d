"""True secrets, of every kind that is known: each is found, and none is shown.

They are made up, and put together here, so that no scanner of a remote takes them for real.
"""

from __future__ import annotations

import random
import re
import string

import pytest

from agentos.secret_scan import scan_bytes, scan_text

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + "234567"


def made(count: int, alphabet: str = ALNUM, seed: int = 7) -> str:
    """Return what a generator would make."""
    chosen = random.Random(f"{seed}{count}{alphabet}")
    required = "aB3" if alphabet == ALNUM else alphabet[:1]
    return required + "".join(chosen.choice(alphabet) for _ in range(count - len(required)))


def jwt() -> str:
    return f"eyJ{made(33)}.eyJ{made(80)}.{made(43)}"


def pem(kind: str) -> str:
    body = "\n".join(made(64, seed=line) for line in range(6))
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"


TOKENS = {
    "openai-key": [
        f"sk-{made(48)}",
        f"sk-proj-{made(100)}",
        f"sk-svcacct-{made(60)}",
        f"sk-admin-{made(60)}",
    ],
    "anthropic-key": [f"sk-ant-api03-{made(93)}AA", f"sk-ant-oat01-{made(90)}"],
    "openrouter-key": [f"sk-or-v1-{made(64, HEX)}"],
    "github-token": [
        *(f"{prefix}_{made(36)}" for prefix in ("ghp", "gho", "ghu", "ghs", "ghr")),
        f"github_pat_{made(22)}_{made(59)}",
    ],
    "gitlab-token": [f"glpat-{made(20)}", f"gldt-{made(20)}", f"glrt-{made(20)}"],
    "aws-access-key": [f"AKIA{made(16, UPPER)}", f"ASIA{made(16, UPPER)}"],
    "google-key": [f"AIza{made(35)}"],
    "google-oauth": [f"GOCSPX-{made(28)}", f"ya29.{made(60)}"],
    "slack-token": [
        f"xoxb-{made(12, string.digits)}-{made(12, string.digits)}-{made(24)}",
        f"xoxp-{made(12, string.digits)}-{made(12, string.digits)}-{made(32)}",
        f"xapp-1-{made(11, UPPER)}-{made(13, string.digits)}-{made(64, HEX)}",
    ],
    "slack-webhook": [
        f"https://hooks.slack.com/services/T{made(8, UPPER)}/B{made(8, UPPER)}/{made(24)}"
    ],
    "discord-webhook": [f"https://discord.com/api/webhooks/{made(18, string.digits)}/{made(68)}"],
    "npm-token": [f"npm_{made(36)}", f"//registry.example.org/:_authToken={made(36)}"],
    "pypi-token": [f"pypi-AgEIcHlwaS5vcmc{made(120)}"],
    "stripe-key": [f"sk_live_{made(24)}", f"rk_live_{made(24)}", f"sk_test_{made(24)}"],
    "webhook-secret": [f"whsec_{made(32)}"],
    "huggingface-token": [f"hf_{made(34)}"],
    "groq-key": [f"gsk_{made(52)}"],
    "xai-key": [f"xai-{made(80)}"],
    "perplexity-key": [f"pplx-{made(48)}"],
    "replicate-token": [f"r8_{made(37)}"],
    "digitalocean-token": [f"dop_v1_{made(64, HEX)}"],
    "databricks-token": [f"dapi{made(32, HEX)}"],
    "linear-key": [f"lin_api_{made(40)}"],
    "notion-token": [f"ntn_{made(46)}"],
    "figma-token": [f"figd_{made(40)}"],
    "shopify-token": [f"shpat_{made(32, HEX)}"],
    "sentry-token": [f"sntrys_{made(80)}"],
    "grafana-token": [f"glsa_{made(32)}_{made(8, HEX)}"],
    "vault-token": [f"hvs.{made(90)}"],
    "docker-token": [f"dckr_pat_{made(27)}"],
    "rubygems-key": [f"rubygems_{made(48, HEX)}"],
    "tailscale-key": [f"tskey-auth-{made(12)}-{made(32)}"],
    "postman-key": [f"PMAK-{made(24, HEX)}-{made(34, HEX)}"],
    "supabase-token": [f"sbp_{made(40, HEX)}"],
    "terraform-token": [f"{made(14)}.atlasv1.{made(67)}"],
    "age-key": [f"AGE-SECRET-KEY-1{made(58, UPPER)}"],
    "jwt": [jwt()],
    "private-key": [
        pem("RSA PRIVATE KEY"),
        pem("OPENSSH PRIVATE KEY"),
        pem("PRIVATE KEY"),
        pem("EC PRIVATE KEY"),
        pem("ENCRYPTED PRIVATE KEY"),
        pem("PGP PRIVATE KEY BLOCK").replace("-----\n", "-----\nVersion: GnuPG v2\n\n", 1),
        pem("PRIVATE KEY").replace("\n", "\\n"),
    ],
    "authorization-header": [
        f"Authorization: Bearer {made(40)}",
        f'"authorization": "Basic {made(32)}="',
    ],
    "azure-storage-key": [f"AccountKey={made(86)}=="],
    "sendgrid-key": [f"SG.{made(22)}.{made(43)}"],
    "mailchimp-key": [f"{made(32, HEX)}-us12"],
    "square-key": [f"sq0csp-{made(43)}"],
    "telegram-token": [f"{made(9, '123456789')}:{made(35)}"],
    "twilio-key": [f"SK{made(32, HEX)}"],
    "url-password": [
        f"postgres://app:{made(16)}@db.internal:5432/app",
        f"mysql://root:{made(12)}@10.0.0.7/app",
        f"redis://:{made(20)}@cache:6379/0",
        f"mongodb+srv://app:{made(16)}@cluster0.abcde.mongodb.net",
        f"amqps://app:{made(16)}@queue/vhost",
        f"https://me:{made(20)}@git.internal/x.git",
    ],
}
NAMED = [
    ("settings.py", f'password = "{made(12)}"'),
    ("settings.py", f"DB_PASSWORD: str = '{made(14)}!'"),
    ("app.js", f'const apiKey = "{made(32)}";'),
    ("app.js", f"  clientSecret: '{made(32)}',"),
    ("config.json", f'  "secret_key": "{made(40)}",'),
    ("main.go", f'authToken := "{made(24)}"'),
    ("config.yaml", f"  password: {made(16)}"),
    ("config.yaml", f"api_key: {made(24)} # of production"),
    ("config.toml", f"token = '{made(24)}'"),
    ("app.properties", f"spring.datasource.password={made(16)}"),
    ("credentials", f"aws_secret_access_key = {made(40)}"),
    ("deploy.sh", f"export SECRET_TOKEN={made(24)}"),
    (".env", f"STRIPE_KEY={made(24)}"),
    (".env.local", f"JWT_SALT='{made(24)}'"),
    ("prod.env", f"SMTP_PASS={made(12)}"),
    (".netrc", f"machine example.org login me password {made(14)}"),
    ("notes.md", f"password: {made(14)}"),
]


@pytest.mark.parametrize(
    ("rule", "secret"), [(rule, each) for rule, several in TOKENS.items() for each in several]
)
@pytest.mark.parametrize("around", ["{}", 'x = "{}"', "<p>{}</p>", "curl -H {} \\", "KEY={}\n"])
def test_a_token_is_found_and_not_shown(rule: str, secret: str, around: str) -> None:
    text = "first\n" + around.format(secret) + "\nlast"
    found = scan_text(text, "file.txt")
    assert rule in {each.rule for each in found}
    assert {each.line for each in found} >= {2}
    shown = repr(found)
    assert secret[-12:] not in shown
    assert not set(re.findall(r"aB3\w{5}", secret)) & set(re.findall(r"aB3\w{5}", shown))


@pytest.mark.parametrize(("path", "line"), NAMED)
def test_a_name_gives_a_secret_away(path: str, line: str) -> None:
    found = scan_text(f"first\n{line}\n", path)
    assert [each.line for each in found] == [2]
    assert "***" in found[0].excerpt
    assert "aB3" not in found[0].excerpt


def test_the_corpus_is_large_enough() -> None:
    assert sum(map(len, TOKENS.values())) + len(NAMED) >= 60


def test_several_on_a_line_show_nothing_of_each_other() -> None:
    first, second = f"ghp_{made(36)}", f"npm_{made(36, seed=9)}"
    found = scan_text(f"a {first} b {second} c", "x")
    assert {each.rule for each in found} == {"github-token", "npm-token"}
    assert all(each.excerpt == "a ***" for each in found)


def test_a_binary_file_and_wide_characters() -> None:
    token = f"ghp_{made(36)}"
    assert scan_bytes(b"\0\1" + token.encode() + b"\0", "x.db").findings
    assert scan_bytes(f"x {token}".encode("utf-16"), "x.txt").findings
    assert scan_bytes(b"\xfe\xed\xfe\xed", "release.keystore").findings[0].rule == "key-store"


def test_a_secret_in_the_midst_of_minified_code() -> None:
    line = "var a=1;" * 20_000
    assert scan_text(f"{line}k='sk-ant-api03-{made(93)}';{line}", "app.min.js")
