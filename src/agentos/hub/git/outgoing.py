"""What a push would give to the remote, and what a scan finds in it."""

from __future__ import annotations

from dataclasses import dataclass

from agentos.errors import PushRefused
from agentos.hub.git.blobs import Change, sizes
from agentos.hub.git.destination import Destination, unreachable
from agentos.hub.git.holding_back import Inspection, allow_list, inspect
from agentos.hub.git.program import Git, decode, shown
from agentos.hub.git.registered import WorkTree
from agentos.secret_scan import scan_text

MAX_COMMITS = 5_000
_SHOWN = 50  # commits


@dataclass(frozen=True)
class Outgoing:
    """What a remote does not have.

    Attributes:
        commits: A line each, the newest first, bounded.
        found: What the scan says.
        is_there: Whether the branch there is at the commit already.
        is_new: Whether the branch is new there.
    """

    commits: tuple[str, ...]
    found: Inspection
    is_there: bool = False
    is_new: bool = False

    @property
    def findings(self) -> tuple[str, ...]:
        """What is kept back, a line each."""
        return tuple(
            f"{held.path}:{held.line}: {held.reason}: {held.excerpt}".rstrip(": ")
            for held in self.found.held
        )


async def find_outgoing(tree: WorkTree, git: Git, goal: Destination) -> Outgoing:
    """Compare a commit with what the remote itself says that it has, and scan the rest.

    What the repository remembers of the remote is not asked: it can be written here.

    Raises:
        GitError: The remote cannot be reached.
        PushRefused: There are too many commits to be looked at.
    """
    listed = await git.run("ls-remote", "--end-of-options", goal.url)
    if listed.code != 0:
        raise unreachable(goal, listed)
    lines = [line.split("\t", 1) for line in listed.text.split("\n") if line]
    theirs = {ref: name for name, ref in lines}
    there = theirs.get(f"refs/heads/{goal.target}")
    if there == goal.commit:
        return Outgoing((), Inspection(), is_there=True)
    have = list(await sizes(git, sorted(set(theirs.values()))))
    commits = await _commits(git, goal, have)
    found = await _scan(tree, git, goal, have)
    await _scan_messages(git, goal, have, found)
    return Outgoing(commits, found, is_new=there is None)


async def _commits(git: Git, goal: Destination, have: list[str]) -> tuple[str, ...]:
    count = int(await git.ask("rev-list", "--count", goal.commit, "--stdin", stdin=_without(have)))
    if count > MAX_COMMITS:
        raise PushRefused(
            f"{count:,} commits are new to {goal.remote}; {MAX_COMMITS:,} can be looked at",
            code="push_too_large",
            hint="a person can push the first of them by hand",
        )
    lines = await git.ask(
        "log", f"--max-count={_SHOWN}", "--format=%h %s", goal.commit, "--stdin",
        stdin=_without(have),
    )  # fmt: skip
    return tuple(shown(line) for line in lines.split("\n") if line)


async def _scan(tree: WorkTree, git: Git, goal: Destination, have: list[str]) -> Inspection:
    """Scan each file of each new commit, those that a later commit removes again included."""
    listed = await git.fields(
        "log", "--stdin", "-m", "--root", "--raw", "-z", "--no-renames", "--no-abbrev",
        "--format=", "--no-ext-diff", "--no-textconv", goal.commit, stdin=_without(have),
    )  # fmt: skip
    base = await _base(git, goal, have)
    changes: dict[tuple[str | None, str], Change] = {}
    parts = iter(part.lstrip("\n") for part in listed)
    for about in parts:
        if not about:
            continue
        path = next(parts)
        _, mode, _, name, _ = about.removeprefix(":").split(" ")
        if name.strip("0"):
            changes[name, path] = Change(path, ("000000", None), (mode, name))
    found = Inspection()
    before = await _before(git, base, list(changes.values()))
    allow = await allow_list(git, base)
    await inspect(git, before, tree.repository.max_file_bytes, allow, found)
    return found


async def _before(git: Git, base: str | None, changes: list[Change]) -> list[Change]:
    """Add what the remote has of each file: a secret that is in there is no news."""
    if base is None or not changes:
        return changes
    listed = await git.fields("ls-tree", "-r", "-z", "--full-tree", base)
    theirs: dict[str, tuple[str, str | None]] = {}
    for line in listed:
        about, _, path = line.partition("\t")
        mode, _, name = about.split(" ")
        theirs[path] = (mode, name)
    return [
        Change(change.path, theirs.get(change.path, change.old), change.new) for change in changes
    ]


async def _base(git: Git, goal: Destination, have: list[str]) -> str | None:
    """Return the newest commit that the remote has as well."""
    if not have:
        return None
    boundary = await git.ask("rev-list", "--boundary", "--stdin", goal.commit, stdin=_without(have))
    known = [line[1:] for line in boundary.split("\n") if line.startswith("-")]
    return known[0] if known else None


async def _scan_messages(git: Git, goal: Destination, have: list[str], found: Inspection) -> None:
    done = await git.check("log", "--format=%H%n%B", "--stdin", goal.commit, stdin=_without(have))
    for finding in scan_text(decode(done.stdout), "commit message"):
        found.hold("commit message", finding.rule, 0, finding.excerpt)


def _without(have: list[str]) -> bytes:
    return "".join(f"^{name}\n" for name in have).encode()
