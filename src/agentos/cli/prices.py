"""`agentos prices`: what models cost, and who says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentos.cli.event_loop import run_command
from agentos.cli.options import Json
from agentos.errors import ConfigInvalid

if TYPE_CHECKING:
    from agentos.usage.price_table import ListedPrice
    from agentos.usage.prices import Price, Rates

app = typer.Typer(no_args_is_help=True, help="What models cost in US dollars.")


@app.command("list")
def list_prices(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORD]...", help="Only names with these in them.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the prices that hold now; `?` is a price that is not known."""
    found = [
        entry for entry in _listed() if all(word.lower() in entry.name for word in words or ())
    ]
    if as_json:
        for entry in found:
            typer.echo(json.dumps(_plain(entry)))
        return
    typer.echo(f"{'':<42} {'input':>9} {'cached':>9} {'written':>9} {'output':>9}  read on")
    for entry in found:
        price = entry.current
        rates = [getattr(price, name, None) for name in _COLUMNS]
        cells = " ".join(f"{_number(rate, price):>9}" for rate in rates)
        typer.echo(f"{entry.name:<42} {cells}  {entry.read or entry.source}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="PROVIDER/MODEL")], as_json: Json = False
) -> None:
    """Show a model's prices: of long calls and service tiers, of earlier times, and the source."""
    entry = next((entry for entry in _listed() if entry.name == name), None)
    if entry is None:
        raise ConfigInvalid(
            f"the price of {name} is not known",
            code="price_unknown",
            hint=f'`agentos prices refresh`, or add [prices."{name}"] to agentos.toml',
        )
    if as_json:
        typer.echo(json.dumps(_plain(entry)))
        return
    typer.echo(f"{entry.name}, US dollars for a million tokens")
    for period in entry.periods:
        if period.since:
            typer.echo(f"from {datetime.fromtimestamp(period.since, UTC):%Y-%m-%d} on")
        for line in _lines(period.price):
            typer.echo(f"  {line}")
    typer.echo(f"source: {entry.source}{f', read on {entry.read}' if entry.read else ''}")


@app.command()
def refresh(
    url: Annotated[
        str | None,
        typer.Argument(help="A list of prices; by default prices_url, or OpenRouter's models."),
    ] = None,
) -> None:
    """Fetch prices; those known before stay if that fails, and hold for what was used before."""
    from agentos.usage.price_refresh import refresh_prices
    from agentos.usage.settings import load_usage_settings

    done = run_command(refresh_prices(url or load_usage_settings().prices_url))
    typer.echo(f"{done.prices} prices were fetched, {len(done.changed)} are new or changed.")


_COLUMNS = ("input", "cached_input", "cache_write", "output")


def _listed() -> list[ListedPrice]:
    from agentos.models.settings import load_settings
    from agentos.usage.price_table import listed_prices

    return listed_prices(load_settings().prices)


def _number(rate: float | None, price: Price | None) -> str:
    if price is None:
        return "?"
    return "" if rate is None else f"{rate:g}"


def _lines(price: Price | None) -> list[str]:
    if price is None:
        return ["unknown"]
    lines = [_rates(price)]
    if price.long_above is not None:
        beyond = _rates(price.long) if price.long else "unknown"
        lines.append(f"above {price.long_above:,} tokens of input: {beyond}")
    for name, tier in price.tiers.items():
        first, *more = _lines(tier)
        lines += [f"{name}: {first}", *(f"{name}, {line}" for line in more)]
    return lines


def _rates(rates: Rates) -> str:
    from agentos.usage.price_table import plain_rates

    said = plain_rates(rates).items()
    return ", ".join(f"{name.replace('_', ' ')} {rate:g}" for name, rate in said)


def _plain(entry: ListedPrice) -> dict[str, Any]:
    from agentos.usage.price_table import plain_listed

    return plain_listed(entry)
