"""Whatever users, clients and sources do in turn: nothing of the user's is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from tests.sync.documents import Language, documents, fragments, paths, reserialised, values

from agentos.errors import SyncConflict
from agentos.sync.backup import Backup
from agentos.sync.cleaning import clean_plan
from agentos.sync.desired import Desired, KeyPath, Owned, OwnedFile, OwnedKeys, OwnedSection
from agentos.sync.formats import language
from agentos.sync.formats.toml_scan import Comment, scan
from agentos.sync.formats.toml_scan import Path as Where
from agentos.sync.merge import Side
from agentos.sync.plan import Choices, Plan
from agentos.sync.planning import make_plan
from agentos.sync.state import State, decode, encode
from agentos.sync.target import FileState, Reader
from agentos.sync.text import Text
from agentos.sync.values import ABSENT, Obstacle, look_up, same
from agentos.testing.memory_files import MemoryFiles

FILE = Path("/home/config")
_NOTE = re.compile(r"c\d+")
#: Cases are dealt out to several tests, each with a seed of its own: 20,000 in all.
SHARDS = range(5)
MANY = settings(
    max_examples=1000,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

Planned = Callable[[Sequence[Desired], State, Reader, Choices | None], Plan]
STEPS = ("source", "push", "push", "push", "clean", "client", "user", "removal")
sides: st.SearchStrategy[Side | None] = st.sampled_from((None, None, "ours", "theirs"))


@dataclass
class World:
    """A file, what sync remembers of it, and what of it was ever ours."""

    files: MemoryFiles = field(default_factory=MemoryFiles)
    state: State = field(default_factory=State)

    @property
    def content(self) -> bytes | None:
        found = self.files.look(FILE)
        return None if found is None else found.content

    def write(self, content: bytes) -> None:
        self.files.there[FILE] = FileState(content, 0o600, (1, 1))

    def push(
        self, *owned: Owned, side: Side | None = None, planned: Planned = make_plan
    ) -> Plan | None:
        """Push; check that it is idempotent and can be undone; None if it was refused."""
        desired = [Desired("codex", owned)]
        before, remembered = dict(self.files.there), self.state
        plan = planned(desired, self.state, self.files, Choices(side))
        if plan.conflicts:
            assert side is None
            with pytest.raises(SyncConflict):
                plan.check_chosen()
            return None
        backup = Backup.of(plan, 1, {})
        self._carry_out(plan)
        again = make_plan(desired, self.state, self.files)
        assert again.in_sync
        assert again.edits == ()
        assert again.records == {}
        after = dict(self.files.there)
        self.files.carry_out(backup.edits({path: self.files.look(path) for path in backup.files}))
        assert self.files.there == before
        assert self.state.with_records(backup.records, 0) == remembered
        self.files.there = after
        return plan

    def _carry_out(self, plan: Plan) -> None:
        self.files.carry_out(plan.edits)
        self.state = self.state.with_records(plan.records, 0)
        assert decode(encode(self.state), FILE) == self.state


def leaves(tree: dict[str, Any], at: KeyPath = ()) -> dict[KeyPath, Any]:
    found: dict[KeyPath, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            found |= leaves(value, (*at, key))
        else:
            found[*at, key] = value
    return found


def touches(path: Where, owned: set[KeyPath]) -> bool:
    return any(path[: len(each)] == each or each[: len(path)] == path for each in owned)


@pytest.mark.parametrize("shard", SHARDS)
@pytest.mark.parametrize("format_", ["toml", "json", "jsonc"])
def test_no_key_of_the_users_is_lost_or_changed(format_: Language, shard: int) -> None:
    @seed(shard)
    @MANY
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        _interleave(format_, data)

    holds()


def _interleave(format_: Language, data: st.DataObject) -> None:
    world, parser = World(), language(format_)
    if data.draw(st.booleans()):
        text = data.draw(documents(format_))
        world.write(data.draw(st.sampled_from((b"", b"\xef\xbb\xbf"))) + text.encode())
    owned: dict[KeyPath, Any] = {}
    ever: set[KeyPath] = set()
    for _ in range(data.draw(st.integers(1, 4))):
        step = data.draw(st.sampled_from(STEPS))
        there = Text.decode(world.content or b"")
        if step == "source":
            owned = data.draw(fragments())
        elif step == "client":
            tree = parser.read(there.text)
            world.write(there.encode(reserialised(format_)(tree)))
        elif step in ("user", "removal"):
            mine = [*world.state.of("codex")[FILE].keys] if world.state.of("codex") else []
            path = data.draw(st.sampled_from(mine) | paths if mine else paths)
            if step == "user":
                new = parser.set_key(there.text, path, data.draw(values), there.newline)
            else:
                new = parser.remove_key(there.text, path)
            world.write(there.encode(new))
        else:
            ever |= set(owned)
            planned = clean_plan if step == "clean" else make_plan
            _push(world, format_, owned, ever, data.draw(sides), planned)


def _push(
    world: World,
    format_: Language,
    owned: dict[KeyPath, Any],
    ever: set[KeyPath],
    side: Side | None,
    planned: Planned,
) -> None:
    parser = language(format_)
    was = Text.decode(world.content or b"")
    before = parser.read(was.text)
    known = world.state.of("codex").get(FILE)
    marked = format_ == "toml"
    plan = world.push(OwnedKeys(FILE, format_, owned, marked=marked), side=side, planned=planned)
    now = Text.decode(world.content or b"")
    after = parser.read(now.text)
    if plan is None:
        assert now == was
        return
    for path, value in leaves(before).items():
        if not touches(path, ever):
            assert same(look_up(after, path), value), path
    for path, value in leaves(after).items():
        assert touches(path, ever) or same(look_up(before, path), value), path
    replaced = side == "ours" and any(
        isinstance(look_up(before, path), dict | Obstacle) for path in owned
    )
    assert replaced or _notes(now.text) == _notes(was.text)
    if marked and not replaced:
        assert _in_order(_foreign(was.text, ever), _foreign(now.text, ever))
    assert now.mark == was.mark or world.content is None
    assert was.newline == "\n" or "\n" not in now.text.replace("\r\n", "")
    for path, value in owned.items():
        theirs, base = look_up(before, path), known.keys.get(path) if known else None
        edited = base is None or not same(theirs, base.value)
        if side is None and theirs is not ABSENT and edited:
            found = look_up(after, path)
            assert isinstance(theirs, Obstacle) or same(found, theirs)
        if theirs is ABSENT and base is None:
            assert same(look_up(after, path), value)
        if theirs is ABSENT and base is not None:
            assert look_up(after, path) is ABSENT


def _foreign(text: str, ever: set[KeyPath]) -> list[str]:
    """The statements of a TOML text that were never ours, as they are written."""
    return [
        text[each.start : each.end].rstrip("\r\n")
        for each in scan(text)
        if not ("AgentOS" in each.text if isinstance(each, Comment) else touches(each.path, ever))
    ]


def _notes(text: str) -> list[str]:
    return [word for word in _NOTE.findall(text) if f'"{word}"' not in text]


lines = st.lists(st.sampled_from(("", "  ", "# Title", "<!-- note -->", "text é")), max_size=6)
sections = st.sampled_from(("", "one", "one\ntwo", "# Title", "a\n\nb"))


@pytest.mark.parametrize("shard", SHARDS[:4])
def test_no_line_of_the_users_is_lost(shard: int) -> None:
    @seed(shard)
    @MANY
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        _interleave_lines(data)

    holds()


def _interleave_lines(data: st.DataObject) -> None:
    world = World()
    newline = data.draw(st.sampled_from(("\n", "\r\n")))
    mine = [f"{line} {n}" if line else "" for n, line in enumerate(data.draw(lines))]
    if data.draw(st.booleans()):
        encoding = data.draw(st.sampled_from(("utf-8", "utf-8-sig", "utf-16")))
        end = data.draw(st.sampled_from(("", newline)))
        world.write((newline.join(mine) + end).encode(encoding))
    else:
        mine = []
    wanted = "one"
    for _ in range(data.draw(st.integers(1, 4))):
        step = data.draw(st.sampled_from(("source", "push", "push", "strip", "double", "append")))
        there = Text.decode(world.content or b"")
        if step == "source":
            wanted = data.draw(sections)
        elif step == "strip":
            kept = [each for each in there.text.splitlines(True) if "AgentOS:" not in each]
            world.write(there.encode("".join(kept)))
        elif step == "double" and "BEGIN" in there.text:
            block = there.text[there.text.index("<!-- BEGIN") :]
            world.write(there.encode(there.text + newline + block.split("mine ")[0]))
        elif step == "append":
            mine.append(f"mine {len(mine)}")
            gap = "" if not there.text or there.text.endswith("\n") else newline
            world.write(there.encode(f"{there.text}{gap}{mine[-1]}{newline}"))
        elif step == "push":
            world.push(OwnedSection(FILE, "guide", wanted), side=data.draw(sides))
        found = Text.decode(world.content or b"").text.splitlines()
        assert _in_order([line for line in mine if line], found)


def _in_order(some: list[str], all_: list[str]) -> bool:
    rest = iter(all_)
    return all(line in rest for line in some)


contents = st.sampled_from((b"", b"one", b"two", b"\xff\0"))


@seed(0)
@MANY
@given(st.data())
def test_no_file_of_the_users_is_overwritten(data: st.DataObject) -> None:
    world = World()
    wanted: bytes | None = data.draw(contents)
    for _ in range(data.draw(st.integers(1, 5))):
        step = data.draw(st.sampled_from(("source", "push", "push", "user", "removal")))
        if step == "source":
            wanted = data.draw(contents | st.none())
        elif step == "user":
            world.write(data.draw(contents))
        elif step == "removal":
            world.files.there.pop(FILE, None)
        else:
            was, record = world.content, world.state.of("codex").get(FILE)
            base = record.whole.value if record and record.whole else None
            ours = [] if wanted is None else [OwnedFile(FILE, wanted)]
            world.push(*ours)
            if was is not None and FileState(was).digest != base:
                assert world.content == was
