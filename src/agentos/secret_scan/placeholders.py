"""What only looks like a secret: examples, references, names and well-known constants."""

from __future__ import annotations

import math
import re
from collections import Counter

_WORDS = re.compile(
    r"(?i)example|sample|placeholder|change[-_]?(?:me|this|it)|replace[-_]?(?:me|this|with)|"
    r"your[-_]|[-_]your|dummy|fake|redacted|masked|xxxx|\*{3}|\.{3}|…|todo|"
    r"insert[-_]|fill[-_]?me|not[-_]?a[-_]?|do[-_]?not|000000|123456789|abcdefg"
)
_REFERENCE = re.compile(
    r"""(?x) ^\$ | ^%[({\w] | [{<\[(]{1} .* [}>\])] | ^[<{\[(&*!@] | ^env[:.] | \(\)$
    | ^(?:process|os|env|config|settings|self|this|ctx|args|secrets?|vault|var|local|data)[.\[]
    | ^(?:file|op|vault|ref|arn|ssm|secretsmanager|keyring|env|https?)://?[^@]*$ | ^arn: | ^enc: """
)
_UUID = re.compile(r"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_NAME = re.compile(  # words of letters, as in my-secret-name, apiKeyHeader, a.b.c, /run/secrets/x
    r"[A-Za-z]+[0-9]{0,2}(?:[-_.:/ ][A-Za-z]*[0-9]{0,2})*"
)
_TYPE = re.compile(r"(?i)^(?:str|string|int|bool|none|null|true|false|undefined|optional|any)\b")


def entropy(text: str) -> float:
    """Return Shannon's entropy in bits a character."""
    if not text:
        return 0.0
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values())


def is_made_up(text: str) -> bool:
    """Whether a token says of itself that it is an example."""
    return _WORDS.search(text) is not None


def is_placeholder(value: str) -> bool:
    """Whether what is assigned to a name such as `password` is not a secret itself."""
    return bool(
        is_made_up(value)
        or _REFERENCE.search(value)
        or _UUID.fullmatch(value)
        or _TYPE.match(value)
        or _NAME.fullmatch(value)
    )


def is_strong(value: str) -> bool:
    """Whether a value is as varied as what a person or a generator makes to be kept secret."""
    kinds = sum(
        any(test(sign) for sign in value)
        for test in (str.islower, str.isupper, str.isdigit, lambda sign: not sign.isalnum())
    )
    return len(value) >= 8 and kinds >= 2 and entropy(value) >= 2.75
