"""What may be said as a limit, and what is refused before a machine is made."""

from __future__ import annotations

import pytest

from agentos.errors import ConfigInvalid
from agentos.machine.limits.limits import Limits

MIB = 2**20


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (64 * MIB, 64 * MIB),
        ("64M", 64 * MIB),
        ("64 MiB", 64 * MIB),
        ("1.5g", 1536 * MIB),
        ("65536K", 64 * MIB),
        ("1T", 2**40),
        (str(5 * MIB), 5 * MIB),
    ],
)
def test_sizes_are_bytes_or_text(said: int | str, meant: int) -> None:
    assert Limits(memory=said).memory_bytes == meant
    assert Limits(disk=said).disk_bytes == meant


def test_nothing_said_is_nothing_bounded() -> None:
    assert Limits() == Limits(None, None, None, None, None, None)
    assert (Limits().memory_bytes, Limits().disk_bytes) == (None, None)


@pytest.mark.parametrize(
    ("field", "value", "least"),
    [
        ("memory", 4 * MIB - 1, "4194304 bytes"),
        ("memory", "1K", "4194304 bytes"),
        ("memory", -1, "4194304 bytes"),
        ("cpus", 0, "0.01"),
        ("cpus", -0.5, "0.01"),
        ("pids", 3, "4"),
        ("disk", "63K", "65536 bytes"),
        ("disk", 0, "65536 bytes"),
        ("open_files", 15, "16"),
        ("wall_time", 0, "0.001 seconds"),
        ("wall_time", -1.0, "0.001 seconds"),
    ],
)
def test_too_little_names_the_field_and_the_least(field: str, value: object, least: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        Limits(**{field: value})  # type: ignore[arg-type]
    assert field in caught.value.message
    assert repr(value) in caught.value.message
    assert caught.value.hint == f"{field} is at least {least}"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("memory", 2**70),
        ("cpus", float("inf")),
        ("pids", 2**30),
        ("open_files", 2**40),
        ("wall_time", float("inf")),
    ],
)
def test_too_much_names_the_field_and_the_most(field: str, value: object) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        Limits(**{field: value})  # type: ignore[arg-type]
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(f"{field} is at most ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("memory", "lots"),
        ("memory", ""),
        ("memory", "-5M"),
        ("memory", 1.5),
        ("memory", True),
        ("disk", "5 X"),
        ("cpus", "2"),
        ("cpus", float("nan")),
        ("pids", 10.0),
        ("pids", True),
        ("open_files", "many"),
        ("wall_time", "1h"),
    ],
)
def test_what_is_no_number_is_refused(field: str, value: object) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        Limits(**{field: value})  # type: ignore[arg-type]
    assert field in caught.value.message
