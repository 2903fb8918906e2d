"""Whether a call may begin, as far as money, tokens and rates go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agentos.errors import BudgetExceeded
from agentos.models.budgets import Admission, Budgets, Most
from agentos.models.gateway.attempts import Attempt
from agentos.models.gateway.errors import Refused
from agentos.models.gateway.keys import SessionKey
from agentos.models.gateway.upstreams import Upstreams
from agentos.models.rates import RateExceeded
from agentos.models.routes import Target
from agentos.usage.prices import Prices

_MOST_OUTPUT = ("max_output_tokens", "max_completion_tokens", "max_tokens")


class Gatekeeper:
    """Hold calls to budgets and rates.

    Args:
        budgets: What may be spent.
        prices: What it costs.
        upstreams: Knows who tells the cost of a call himself.
        on_budget: Told of a call that a budget stopped: the key's id, and the error.
    """

    def __init__(
        self,
        budgets: Budgets,
        prices: Prices,
        upstreams: Upstreams,
        on_budget: Callable[[str, BudgetExceeded], None],
    ) -> None:
        self._budgets = budgets
        self._prices = prices
        self._upstreams = upstreams
        self._on_budget = on_budget

    async def admit(
        self, key: SessionKey, body_size: int, attempts: Sequence[Attempt]
    ) -> Admission | None:
        """Let a call begin once there is room for it.

        Args:
            key: Whose call it is.
            body_size: The size of its request, in bytes.
            attempts: Where it may go.

        Returns:
            What to settle when it is over; None if no budget holds for it.

        Raises:
            Refused: A budget or a rate is used up, or cannot be kept to.
        """
        payer = key.payer
        if not self._budgets.of(payer):
            return None
        wanted = _most_output(attempts[0].request.parsed)
        targets = [attempt.target for attempt in attempts]
        prices = [self._prices.of(target.provider, target.model) for target in targets]
        dearest = max(
            (Most.of(body_size, wanted, price) for price in prices), key=lambda most: most.money
        )
        try:
            if self._budgets.counts_money(payer):
                self._require_prices(targets)
            return await self._budgets.admit(payer, dearest)
        except BudgetExceeded as exceeded:
            self._on_budget(key.id, exceeded)
            raise Refused(402, exceeded.code, f"AgentOS: {exceeded.message}") from exceeded
        except RateExceeded as exceeded:
            told = f"AgentOS: {exceeded.message}"
            wait = exceeded.retry_after
            raise Refused(429, "rate_exceeded", told, retry_after=wait) from exceeded

    def _require_prices(self, targets: Sequence[Target]) -> None:
        for target in targets:
            known = self._prices.of(target.provider, target.model) is not None
            if not known and not self._upstreams.tells_cost(target):
                raise BudgetExceeded(
                    f"the price of {target} is not known, so a budget in money cannot hold",
                    code="price_unknown",
                    hint=f'add [prices."{target}"] to agentos.toml',
                )


def _most_output(parsed: Mapping[str, Any]) -> int | None:
    asked = (parsed.get(name) for name in _MOST_OUTPUT)
    return next((value for value in asked if isinstance(value, int) and value > 0), None)
