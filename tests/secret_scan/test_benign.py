"""Lines that only look like secrets: none is a finding."""

from __future__ import annotations

import base64
import hashlib
import uuid

import pytest

from agentos.secret_scan import scan_text

SHA = [hashlib.sha256(bytes([number])).digest() for number in range(12)]
LINES = [
    # lock files and hashes
    *(
        ("package-lock.json", f'"integrity": "sha512-{base64.b64encode(d * 2).decode()}",')
        for d in SHA[:4]
    ),
    *(("yarn.lock", f"  integrity sha512-{base64.b64encode(d * 2).decode()}") for d in SHA[:2]),
    *(("requirements.txt", f"    --hash=sha256:{d.hex()} \\") for d in SHA[:4]),
    *(("poetry.lock", f'{{file = "x-1.whl", hash = "sha256:{d.hex()}"}},') for d in SHA[:3]),
    *(("go.sum", f"example.org/x v1.2.3 h1:{base64.b64encode(d).decode()}") for d in SHA[:3]),
    *(("Cargo.lock", f'checksum = "{d.hex()}"') for d in SHA[:3]),
    ("uv.lock", f'sdist = {{ url = "https://files.example.org/a/{SHA[0].hex()}/x.tar.gz" }}'),
    (
        "pnpm-lock.yaml",
        f"resolution: {{integrity: sha512-{base64.b64encode(SHA[1] * 2).decode()}}}",
    ),
    ("flake.lock", f'"narHash": "sha256-{base64.b64encode(SHA[2]).decode()}",'),
    ("composer.lock", f'"reference": "{SHA[3].hex()[:40]}",'),
    ("pointer", f"oid sha256:{SHA[4].hex()}"),
    ("log.txt", f"commit {SHA[5].hex()[:40]}"),
    ("x.py", f'ETAG = "{hashlib.md5(b"x", usedforsecurity=False).hexdigest()}"'),
    ("ci.yml", f"uses: actions/checkout@{SHA[6].hex()[:40]}"),
    ("Dockerfile", f"FROM debian@sha256:{SHA[7].hex()}"),
    (
        "index.html",
        f'<script integrity="sha384-{base64.b64encode(SHA[8] + SHA[9][:16]).decode()}">',
    ),
    ("x.svg", f'<image href="data:image/png;base64,{base64.b64encode(b"".join(SHA)).decode()}"/>'),
    ("x.css", "src:url(data:font/woff2;base64,d09GMgABAAAAAAVkABAAAAAACxAAAAUDAAEAAAAAAA)"),
    ("app.min.js.map", '"mappings":"AAAA,SAASA,EAAEC,GAAG,OAAOA,EAAE,IAAIC,EAAEC,KAAKC"'),
    # identifiers
    *(("ids.json", f'"id": "{uuid.UUID(bytes=d[:16])}"') for d in SHA[:3]),
    ("x.yaml", f"token: {uuid.UUID(bytes=SHA[0][:16])}"),
    ("x.py", 'KEY = "user:1234567:profile:settings"'),
    ("x.sql", "SELECT token, secret FROM api_keys WHERE id = 17;"),
    ("x.py", 'session_key = "agentos.session.current"'),
    # names, references, templates
    ("x.py", 'password = os.environ["DB_PASSWORD"]'),
    ("x.py", 'password = getpass.getpass("Password: ")'),
    ("x.py", "token = request.headers.get('X-Auth-Token')"),
    ("x.py", "def connect(user: str, password: str, token: str | None = None) -> None:"),
    ("x.py", 'secret_name = "production/database"'),
    ("x.py", "api_key = settings.api_key.get_secret_value()"),
    ("x.py", 'raise ValueError("the token is not valid")'),
    ("x.py", 'TOKEN_URL = "https://login.example.org/oauth2/v2/token"'),
    ("x.py", 'parser.add_argument("--api-key", help="The API key to use")'),
    ("x.js", "const password = process.env.PASSWORD;"),
    ("x.js", "apiKey: process.env.OPENAI_API_KEY ?? '',"),
    ("x.js", 'const tokenType = "Bearer";'),
    ("x.js", 'localStorage.getItem("access_token")'),
    ("x.js", "password: Yup.string().required('Password is required'),"),
    ("x.ts", "type Credentials = { password: string; accessToken: string };"),
    ("x.ts", 'const SECRET_HEADER: string = "x-webhook-signature";'),
    ("x.go", 'token := os.Getenv("GITHUB_TOKEN")'),
    ("x.go", 'passwordField := "input-password-field"'),
    ("x.java", '@Value("${spring.datasource.password}")'),
    ("x.rb", "password = ENV.fetch('DATABASE_PASSWORD')"),
    ("x.tf", "password = var.database_password"),
    ("x.tf", "secret_arn = data.aws_secretsmanager_secret.db.arn"),
    ("ci.yml", "token: ${{ secrets.GITHUB_TOKEN }}"),
    ("ci.yml", "password: ${DOCKER_PASSWORD}"),
    ("chart.yaml", "password: {{ .Values.postgresql.password | quote }}"),
    ("k8s.yaml", "secretKeyRef: {name: database, key: password}"),
    ("k8s.yaml", "secretName: tls-certificate-wildcard"),
    ("compose.yaml", "POSTGRES_PASSWORD: postgres"),
    ("compose.yaml", "POSTGRES_PASSWORD_FILE: /run/secrets/postgres-password"),
    ("x.ini", "password = changeme123"),
    ("x.ini", "password = <your-password-1>"),
    ("x.ini", "api_key = YOUR_API_KEY_1"),
    ("x.ini", "secret = ************"),
    ("x.toml", 'api_key = "env:OPENAI_API_KEY"'),
    ("x.toml", 'bearer_token_env_var = "AGENTOS_TOKEN"'),
    ("x.sh", 'export TOKEN="$(pass show github/token)"'),
    ("x.sh", "TOKEN=$(cat ~/.agentos/token)"),
    ("x.properties", "password=%(ENV_PASSWORD)s"),
    ("x.cfg", "token_lifetime = 3600seconds"),
    (".env.example", "OPENAI_API_KEY=sk-your-key-here-1234"),
    (".env.sample", "DATABASE_PASSWORD=s3cretValue99"),
    (".env", "API_KEY="),
    (".env", "PUBLIC_URL=https://example.org/app"),
    (".env", "LOG_LEVEL=debug"),
    (".env", "SECRET_NAME=my-secret-name"),
    (".env", "AUTH_ENABLED=true"),
    # examples of the issuers
    ("aws.md", "AKIAIOSFODNN7EXAMPLE"),
    ("aws.md", 'aws_secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"'),
    ("x.md", "Use `sk-...` or `ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`"),
    ("x.md", "export OPENAI_API_KEY=sk-your-key"),
    ("x.md", "Authorization: Bearer <token>"),
    ("x.md", "Authorization: Bearer $AGENTOS_TOKEN"),
    ("x.md", 'curl -H "Authorization: Bearer YOUR_ACCESS_TOKEN_GOES_HERE"'),
    ("x.md", "-----BEGIN PRIVATE KEY-----"),
    ("x.py", 'if "-----BEGIN RSA PRIVATE KEY-----" in text:'),
    ("x.pem", "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBa"),
    (
        "x.pub",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx3nq8oZQ0vN2l4u6m1f7s9b5k2w8e0r3t5y7u9i1o3 ada",
    ),
    # URLs
    ("x.md", "postgres://user:password@localhost/db"),
    ("x.md", "postgresql://postgres:postgres@localhost:5432/test"),
    ("x.py", 'f"postgres://{user}:{password}@{host}/{name}"'),
    ("x.sh", "https://$USER:$TOKEN@github.com/x/y"),
    ("x.md", "https://example.org:8443/path@v2"),
    ("x.md", "ssh://git@github.com:22/x/y.git"),
    ("x.md", "redis://localhost:6379/0"),
    ("x.md", "http://[::1]:3000/mcp"),
    ("x.js", "import x from 'https://esm.sh/react@18.2.0?deps=y@1.0.0'"),
    # what has a prefix by chance
    ("x.css", ".sk-folding-cube-animation-wrapper-2 { color: red }"),
    ("x.html", '<div class="task-list-item-checkbox-Container-1">'),
    ("x.py", "risk-adjusted-Return-2024-portfolio-Analysis"),
    ("x.py", "npm_config_registry_authentication_settings = 1"),
    ("x.md", "see glossary-of-terms-and-definitions-for-2024"),
    ("x.py", "AKIAsomething = asia_pacific_southeast_region_1"),
    ("x.txt", "10:30:45 INFO started worker 12345:abcdefghijklmnop"),
    ("x.py", "eyJ = base64_of_json_header()"),
    ("x.py", "hf_hub_download(repo_id=repo, filename='model.safetensors')"),
    ("x.py", "xoxo-hugs-and-kisses"),
    ("x.c", "0xdeadbeef, 0xcafebabe, 0x0123456789abcdefULL,"),
    ("x.txt", "The quick brown fox has a password of no strength."),
]


@pytest.mark.parametrize(("path", "line"), LINES)
def test_a_benign_line(path: str, line: str) -> None:
    assert scan_text(f"{line}\n", path) == []


def test_the_corpus_is_large_enough() -> None:
    assert len(LINES) >= 100
