"""One call in the gateway, from its arrival to its record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agentos.models.attribution import Attribution, Kind, attribute
from agentos.models.budgets import Admission
from agentos.models.gateway.errors import CLIENT_GONE, Refused
from agentos.models.gateway.keys import SessionKey
from agentos.models.metering import ModelCall, now
from agentos.models.routes import Target
from agentos.models.upstream import Wire
from agentos.models.usage_reader import UsageReader
from agentos.usage.prices import Prices, Tokens

# For a budget only, where the provider has not told: about so many bytes make a token, and so
# many tokens come in a second, whether they are seen or not.
_BYTES_PER_TOKEN = 4
_TOKENS_PER_SECOND = 100


@dataclass
class Call:
    """What is known of a call so far."""

    path: str
    wire: Wire | None
    headers: Mapping[str, str]
    query: str
    machine: str
    at: datetime = field(default_factory=now)
    started: float = field(default_factory=time.monotonic)
    key: SessionKey | None = None
    key_id: str = ""
    asked: str = ""
    attribution: Attribution = field(default_factory=lambda: Attribution(Kind.OTHER))
    size: int = 0
    target: Target = field(default_factory=lambda: Target(""))
    attempts: int = 0
    reader: UsageReader | None = None
    status: int = CLIENT_GONE
    error: str | None = None
    first_token: float | None = None
    admission: Admission | None = None

    def understand(self, body: bytes, parsed: Mapping[str, Any]) -> None:
        """Learn from its body what it is for."""
        model = parsed.get("model")
        self.asked = model if isinstance(model, str) else ""
        self.size = len(body)
        self.attribution = attribute(self.headers, parsed)

    def try_at(self, target: Target) -> None:
        """Note that a provider is asked."""
        self.target = target
        self.attempts += 1

    def refuse(self, refused: Refused) -> None:
        """Note that it gets no model's answer."""
        self.status, self.error = refused.status, refused.message

    def hear(self, chunk: bytes) -> None:
        """Note a piece of the answer."""
        assert self.reader is not None
        self.reader.feed(chunk)
        if self.first_token is None and self.reader.began:
            self.first_token = time.monotonic() - self.started

    def end(self, prices: Prices) -> ModelCall:
        """Settle what it used, and write it down."""
        reader = self.reader
        if reader is not None:
            reader.end()
            self.error = self.error or reader.error
        price = self._price(prices)
        self._settle(price, prices)
        binding = self.key.binding if self.key else None
        said = self.attribution
        return ModelCall(
            at=self.at,
            key_id=self.key_id,
            machine=self.machine,
            session=(binding.session if binding else "") or said.session,
            thread=said.thread,
            turn=said.turn,
            profile=binding.profile if binding else "",
            kind=said.kind,
            client=said.client,
            path=self.path,
            provider=self.target.provider,
            model_asked=self.asked,
            model_sent=self.target.model,
            model_served=reader.model if reader else "",
            response_id=reader.response_id if reader else "",
            tokens=reader.tokens if reader else None,
            price=price,
            status=self.status,
            error=self.error,
            attempts=self.attempts,
            first_token=self.first_token,
            duration=time.monotonic() - self.started,
        )

    def _price(self, prices: Prices) -> float | None:
        if self.reader is None or self.reader.tokens is None:
            return None
        if not self.attempts:
            return 0.0  # nobody was asked: the answer is a recorded one
        if self.reader.cost is not None:
            return self.reader.cost
        known = prices.of(self.target.provider, self.target.model)
        return None if known is None else known.of(self.reader.tokens)

    def _settle(self, price: float | None, prices: Prices) -> None:
        if self.admission is None:
            return
        reader = self.reader
        if reader is not None and reader.tokens is not None:
            self.admission.settle(reader.tokens.total, price or 0.0)
        elif self.attempts and (self.status < 400 or self.status == CLIENT_GONE):
            guess = self._guess()
            known = prices.of(self.target.provider, self.target.model)
            self.admission.settle(guess.total, (known and known.of(guess)) or 0.0)
        else:
            self.admission.settle()

    def _guess(self) -> Tokens:
        """Guess what was used by a call that was broken off: whoever breaks off pays too."""
        seen = self.reader.size // _BYTES_PER_TOKEN if self.reader else 0
        thought = int((time.monotonic() - self.started) * _TOKENS_PER_SECOND)
        return Tokens(self.size // _BYTES_PER_TOKEN, output=max(seen, thought))
