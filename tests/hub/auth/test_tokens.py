"""Tokens: made, shown, rotated, scoped, ended, and what the clock does to them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentos.errors import ConfigInvalid
from agentos.hub.auth.lifetime import parse_lifetime
from agentos.hub.auth.tokens import Tokens
from agentos.hub.errors import Refused
from agentos.hub.scopes import Scope

HOUR = 3600.0
NOW = 1_800_000_000.0


@dataclass
class Clock:
    """Both clocks of a computer."""

    wall: float = NOW
    up: float = 100.0

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.up += seconds


def tokens(place: Path, clock: Clock | None = None) -> Tokens:
    clock = clock or Clock()
    return Tokens(place, clock=lambda: clock.wall, uptime=lambda: clock.up)


def refused(ask: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        ask()
    return caught.value.code


def test_the_first_start_makes_a_private_token_that_stays(tmp_path: Path) -> None:
    state = tmp_path / "state"
    token = tokens(state).user()
    assert tokens(state).user() == token
    assert (state / "token").stat().st_mode & 0o777 == 0o600
    assert state.stat().st_mode & 0o777 == 0o700
    assert tokens(state).check(token).allows(Scope.GIT_PUSH)


def test_several_first_starts_at_once_agree(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from agentos.hub.auth.tokens import Tokens;"
        "sys.stdin.read(); print(Tokens(Path(sys.argv[1])).user())"
    )
    starting = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "state")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for process in starting:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    said = {process.communicate(timeout=60)[0] for process in starting}
    assert len(said) == 1
    assert said.pop().startswith("agentos_")
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["token"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o601])
def test_a_token_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    tokens(tmp_path).user()
    (tmp_path / "token").chmod(mode)
    with pytest.raises(ConfigInvalid, match=f"mode {mode:04o}") as caught:
        tokens(tmp_path).user()
    assert "chmod 600" in str(caught.value.hint)


def test_a_token_of_somebody_else_is_refused(tmp_path: Path) -> None:
    tokens(tmp_path).user()
    os.chown(tmp_path / "token", 65533, 65533)
    with pytest.raises(ConfigInvalid, match="belongs to uid 65533"):
        tokens(tmp_path).user()


@pytest.mark.parametrize("mode", [0o770, 0o777, 0o1777])
def test_a_state_directory_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(ConfigInvalid, match=f"mode {mode:04o}"):
        tokens(tmp_path)
    tmp_path.chmod(0o700)
    os.chown(tmp_path, 65533, 65533)
    with pytest.raises(ConfigInvalid, match="belongs to uid 65533"):
        tokens(tmp_path)
    os.chown(tmp_path, os.geteuid(), os.getegid())


def test_a_link_in_the_place_of_the_token_is_refused(tmp_path: Path) -> None:
    token = tokens(tmp_path / "mine").user()
    place = tmp_path / "other"
    place.mkdir()
    (place / "token").symlink_to(tmp_path / "mine" / "token")
    with pytest.raises(ConfigInvalid, match="symbolic link"):
        tokens(place).user()
    assert tokens(tmp_path / "mine").user() == token


def test_a_file_without_a_token_is_refused(tmp_path: Path) -> None:
    for text in ("", "short\n", "two words that are long enough\n", "x" * 30 + "\0"):
        (tmp_path / "token").write_text(text)
        (tmp_path / "token").chmod(0o600)
        with pytest.raises(ConfigInvalid, match="holds no token"):
            tokens(tmp_path).user()


def test_a_token_that_opens_up_while_the_hub_runs_is_refused_from_then_on(tmp_path: Path) -> None:
    known = tokens(tmp_path)
    token = known.user()
    known.check(token)
    (tmp_path / "token").chmod(0o644)
    assert refused(lambda: known.check(token)) == "token_file_unsafe"
    (tmp_path / "token").chmod(0o600)
    assert known.check(token).name == "user"


def test_a_state_directory_that_is_moved_away_is_told(tmp_path: Path) -> None:
    known = tokens(tmp_path / "state")
    token = known.user()
    known.check(token)
    (tmp_path / "state").rename(tmp_path / "away")
    assert refused(lambda: known.check(token)) == "token_file_missing"
    (tmp_path / "away").rename(tmp_path / "state")
    assert known.check(token).name == "user"


def test_rotation_ends_the_old_token_at_once_or_after_its_grace(tmp_path: Path) -> None:
    clock = Clock()
    running, command = tokens(tmp_path, clock), tokens(tmp_path, clock)
    first = running.user()
    running.check(first)
    second = command.rotate()
    assert refused(lambda: running.check(first)) == "token_unknown"
    third = command.rotate(grace=HOUR)
    assert running.check(second).allows(Scope.ALL)
    assert running.check(third).allows(Scope.ALL)
    clock.passes(HOUR + 1)
    assert refused(lambda: running.check(second)) == "token_expired"
    assert running.check(third).name == "user"


def test_a_scoped_token_allows_just_that_and_is_not_kept(tmp_path: Path) -> None:
    running, command = tokens(tmp_path), tokens(tmp_path)
    running.user()
    token = command.create([Scope.FS_READ], name="editor")
    principal = running.check(token)
    assert (principal.name, principal.scopes) == ("editor", frozenset({Scope.FS_READ}))
    assert not principal.allows(Scope.FS_WRITE)
    assert (tmp_path / "tokens.json").stat().st_mode & 0o777 == 0o600
    assert token not in (tmp_path / "tokens.json").read_text()


def test_a_revoked_token_is_refused_by_the_hub_that_runs(tmp_path: Path) -> None:
    running, command = tokens(tmp_path), tokens(tmp_path)
    running.user()
    kept = command.create([Scope.FS_READ], name="kept")
    token = command.create([Scope.FS_READ], name="editor")
    running.check(token)
    assert command.revoke("editor").name == "editor"
    assert refused(lambda: running.check(token)) == "token_unknown"
    assert running.check(kept).name == "kept"
    with pytest.raises(ConfigInvalid, match="there is no token called 'editor'"):
        command.revoke("editor")


def test_a_name_that_several_have_revokes_none(tmp_path: Path) -> None:
    known = tokens(tmp_path)
    for _ in range(2):
        known.create([Scope.FS_READ], name="editor")
    with pytest.raises(ConfigInvalid, match="2 tokens are called 'editor'"):
        known.revoke("editor")
    known.revoke(known.list()[0].id)
    assert len(known.list()) == 1


def test_nobody_else_is_called_user(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="your own"):
        tokens(tmp_path).create([Scope.FS_READ], name="user")


def test_the_token_of_a_session_ends_with_it(tmp_path: Path) -> None:
    known = tokens(tmp_path)
    known.user()
    mine = known.for_session("s1", [Scope.PORTFOLIO_READ])
    other = known.for_session("s2", [Scope.PORTFOLIO_READ])
    assert known.check(mine).session == "s1"
    known.end_session("s1")
    known.end_session("s1")
    assert refused(lambda: known.check(mine)) == "token_unknown"
    assert known.check(other).session == "s2"


def test_a_clock_set_back_revives_no_token_while_the_hub_runs(tmp_path: Path) -> None:
    clock = Clock()
    running = tokens(tmp_path, clock)
    running.user()
    token = running.create([Scope.FS_READ], lifetime=HOUR)
    running.check(token)
    clock.up += 2 * HOUR
    clock.wall -= 30 * HOUR
    assert refused(lambda: running.check(token)) == "token_expired"
    running.create([Scope.FS_READ])  # the file is read again
    assert refused(lambda: running.check(token)) == "token_expired"


def test_a_clock_set_back_never_gives_more_than_the_lifetime_again(tmp_path: Path) -> None:
    clock = Clock()
    token = tokens(tmp_path, clock).create([Scope.FS_READ], lifetime=HOUR)
    clock.wall -= 1000 * HOUR
    later = tokens(tmp_path, clock)
    later.user()
    later.check(token)
    clock.up += HOUR + 1
    assert refused(lambda: later.check(token)) == "token_expired"


def test_a_clock_set_forward_ends_no_token_of_a_hub_that_runs(tmp_path: Path) -> None:
    clock = Clock()
    running = tokens(tmp_path, clock)
    running.user()
    token = running.create([Scope.FS_READ], name="editor", lifetime=HOUR)
    running.check(token)
    clock.wall += 1000 * HOUR
    assert running.check(token).name == "editor"


def test_changes_of_several_processes_at_once_are_all_kept(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from agentos.hub.auth.tokens import Tokens;"
        "from agentos.hub.scopes import Scope; known = Tokens(Path(sys.argv[1]));"
        "[known.create([Scope.FS_READ]) for _ in range(10)]"
    )
    making = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(60) for process in making] == [0, 0, 0]
    assert len(tokens(tmp_path).list()) == 30


def test_a_damaged_table_is_told(tmp_path: Path) -> None:
    known = tokens(tmp_path)
    token = known.user()
    (tmp_path / "tokens.json").write_text('{"tokens": [{}]}')
    (tmp_path / "tokens.json").chmod(0o600)
    assert refused(lambda: known.check(token)) == "token_table_damaged"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h", 3600), ("7d", 604800), ("2w", 1209600)]
)
def test_lifetimes_are_read(text: str, seconds: float) -> None:
    assert parse_lifetime(text) == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "-1h", "0s", "1y", "1.5h", "1h30m", "٣d"])
def test_other_words_are_no_lifetimes(text: str) -> None:
    with pytest.raises(ConfigInvalid, match="no length of time"):
        parse_lifetime(text)
