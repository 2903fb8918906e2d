"""The tested versions of Codex are those that are used."""

from __future__ import annotations

import pytest

from agentos.agents.codex_versions import TESTED, is_older, versions_tested
from agentos.sessions.codex.messages import VERSION
from agentos.software import CATALOG


def test_what_is_installed_and_spoken_is_tested() -> None:
    assert CATALOG["codex"].version == VERSION == TESTED[1]
    assert VERSION in versions_tested()


@pytest.mark.parametrize(
    ("version", "older"),
    [("0.166.0", True), ("0.99.9", True), (TESTED[0], False), ("1.0.0-beta", False)],
)
def test_older_versions_are_told_from_newer_ones(version: str, older: bool) -> None:
    assert is_older(version) is older


@pytest.mark.parametrize("version", ["", "0.0.0", "dev"])
def test_a_build_without_a_number_is_not_older(version: str) -> None:
    assert not is_older(version)
