"""The model gateway: it holds the keys, and machines call it with keys of their own."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from agentos.errors import BudgetExceeded, ConfigInvalid
from agentos.models.budgets import Budget, Budgets, Spent
from agentos.models.gateway.admission import Gatekeeper
from agentos.models.gateway.app import GatewayApp
from agentos.models.gateway.doors import Doors
from agentos.models.gateway.keys import SessionKeys
from agentos.models.gateway.upstreams import Around, Upstreams
from agentos.models.metering import CallSink, ModelCall
from agentos.models.providers import REHEARSAL, Provider, known_providers
from agentos.models.routes import Routes
from agentos.models.upstream import Between
from agentos.usage.prices import Price, Prices

if TYPE_CHECKING:
    from agentos.models.journal import CallJournal
    from agentos.models.settings import ModelSettings
    from agentos.store import Store

_CALLS_KEPT = 1000


class ModelGateway:
    """Answer the model calls of agents with providers' keys that stay on the host.

    Use it as an asynchronous context manager, and pass it to `create_session(provider=...)`;
    without one, `create_session` makes one from `agentos.toml`. It belongs to the event loop on
    which it was entered.

    Args:
        providers: The providers that it may ask, beside the known ones (`openai`, `anthropic`,
            `openrouter`, with keys from their usual variables) and the rehearsal model.
        default: The route of sessions that name none: `provider/model`, a provider, an alias.
        aliases: Routes by names of your own.
        fallbacks: For a route, others to try when it answers 429 or 5xx, or not at all.
        budgets: What may be spent.
        prices: By `provider/model`; a price that is missing is unknown, not 0.
        store: Keeps each call; budgets then know what was spent before.
        sink: Given each call once it is over, beside `calls`.
        around: Puts something between the gateway and each provider, such as a cassette.
        state: A directory in which session keys outlive it, as hashes, so that sessions go on
            with the next gateway; by default they end with it.

    Attributes:
        keys: The session keys.
        calls: The latest calls, oldest first.
        app: The gateway as an ASGI application.

    Example:
        ```python
        async with ModelGateway(budgets=[Budget(money=10, per="day")]) as gateway:
            session = await vm.create_session("codex", provider=gateway, model="openai/gpt-5.5")
        ```
    """

    def __init__(
        self,
        providers: Iterable[Provider] = (),
        *,
        default: str | None = None,
        aliases: Mapping[str, str] | None = None,
        fallbacks: Mapping[str, Sequence[str]] | None = None,
        budgets: Sequence[Budget] = (),
        prices: Mapping[str, Price] | Prices | None = None,
        store: Store | None = None,
        sink: CallSink | None = None,
        around: Around | None = None,
        state: Path | None = None,
    ) -> None:
        given = {provider.name: provider for provider in providers}
        self.providers: Mapping[str, Provider] = known_providers() | given
        self.routes = Routes(
            tuple(self.providers), aliases=aliases, fallbacks=fallbacks, default=default
        )
        self.keys = SessionKeys(None if state is None else state / "keys")
        self.calls: deque[ModelCall] = deque(maxlen=_CALLS_KEPT)
        self._sink = sink
        self._store = store
        self._journal: CallJournal | None = None
        self.budgets = tuple(budgets)
        self._budgets = Budgets(budgets, history=self._spent)
        self._upstreams = Upstreams(self.providers, around)
        self._resources = contextlib.AsyncExitStack()
        self._between: dict[str, Between] = {}
        self._on_budget: dict[str, Callable[[BudgetExceeded], None]] = {}
        known_prices = prices if isinstance(prices, Prices) else Prices(prices)
        self.app = GatewayApp(
            keys=self.keys,
            routes=self.routes,
            upstreams=self._upstreams,
            gatekeeper=Gatekeeper(self._budgets, known_prices, self._upstreams, self._tell),
            prices=known_prices,
            machine_of=lambda port: self.doors.machine_of(port),
            sink=self._record,
            between=self._between.get,
        )
        self.doors = Doors(self.app, None if state is None else state / "doors")

    @classmethod
    def of(cls, settings: ModelSettings, *, store: Store | None = None) -> Self:
        """Make a gateway as `agentos.toml` says; what it says no price of has the listed one."""
        from agentos.usage.price_table import known_prices

        return cls(
            settings.providers,
            default=settings.default,
            aliases=settings.aliases,
            fallbacks=settings.fallbacks,
            budgets=settings.budgets,
            prices=known_prices(settings.prices),
            store=store,
        )

    async def __aenter__(self) -> Self:
        if self._store is not None:
            from agentos.models.journal import CallJournal

            self._journal = CallJournal(self._store)
            await self._resources.enter_async_context(self._journal)
        self._resources.push_async_callback(self._upstreams.close)
        self._resources.push_async_callback(self.doors.close)
        try:
            await self.doors.reopen({key.machine for key in self.keys})
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every call and stop listening; safe to repeat."""
        await self._resources.aclose()

    def has_budget_of(self, profile: str | None) -> bool:
        """Whether a profile has a budget of its own; sessions without a profile need none."""
        return profile is None or any(budget.profile == profile for budget in self.budgets)

    def route_of(self, provider: str | None, model: str | None) -> str:
        """Find the route that a caller means.

        Args:
            provider: A provider, or a whole route.
            model: A model, or a whole route.

        Raises:
            ConfigInvalid: There is no such route, or none is named and there is no default.
        """
        if provider and model:
            return str(self.routes.find(f"{self.routes.find(provider)}/{model}"))
        if provider:
            return str(self.routes.find(provider))
        if model and self.routes.knows(model):
            return str(self.routes.find(model))
        home = self.routes.default
        if home is None:
            raise ConfigInvalid(
                f"no provider is named for {model or 'the session'}, and there is no default",
                hint='model="provider/model", or `default` under [models] in agentos.toml',
            )
        return f"{home.provider}/{model}" if model else str(home)

    def model_for_agent(self, route: str) -> str | None:
        """Return what an agent shall ask for so that a route is taken.

        Returns:
            The model's name in the provider's words; None if the agent shall use its default.

        Raises:
            ConfigInvalid: It is no route.
        """
        target = self.routes.find(route)
        if target.provider == REHEARSAL:
            from agentos.models.rehearsal import load_scenario

            return load_scenario(target.model).model
        return target.model or None

    @contextlib.contextmanager
    def telling(self, key_id: str, told: Callable[[BudgetExceeded], None]) -> Iterator[None]:
        """Tell of calls of a key that a budget stops."""
        self._on_budget[key_id] = told
        try:
            yield
        finally:
            self._on_budget.pop(key_id, None)
            self._budgets.forget(key_id)

    @contextlib.contextmanager
    def through(self, key_id: str, between: Between) -> Iterator[None]:
        """Put something between the calls of a key and the providers, such as a cassette."""
        self._between[key_id] = between
        try:
            yield
        finally:
            del self._between[key_id]

    def _tell(self, key_id: str, exceeded: BudgetExceeded) -> None:
        if told := self._on_budget.get(key_id):
            told(exceeded)

    async def _spent(self, budget: Budget, scope: str) -> Spent:
        return await self._journal.spent(budget, scope) if self._journal else Spent()

    def _record(self, call: ModelCall) -> None:
        self.calls.append(call)
        if self._journal is not None:
            self._journal.add(call)
        if self._sink is not None:
            self._sink(call)
