"""Commit what a scan lets pass, without ever losing what the user has staged."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agentos.errors import GitError, SecretsFound
from agentos.hub.git.blobs import Change, empty_tree, index_changes, tree_changes
from agentos.hub.git.holding_back import Inspection, allow_list, hold_unstageable, inspect
from agentos.hub.git.index import DraftIndex, locked_index, put
from agentos.hub.git.program import Git, Output, decode, last_lines, shown
from agentos.hub.git.registered import WorkTree
from agentos.hub.git.results import CommitResult
from agentos.hub.git.state import Entry, State, read_state, require_settled
from agentos.secret_scan import scan_text

MAX_MESSAGE = 64_000
HOOK_TIMEOUT = 900.0  # seconds: hooks run linters and tests


@dataclass(frozen=True)
class _Plan:
    """What a commit starts from, and what it is asked to take."""

    tree: WorkTree
    state: State
    base: str  # HEAD's tree
    message: str
    paths: Sequence[str] | None


async def commit(tree: WorkTree, message: str, paths: Sequence[str] | None) -> CommitResult:
    """Commit all changes of a work tree, or those of some paths.

    Raises:
        SecretsFound: The message, or a path that was asked for, holds a secret.
        GitError: The work tree, the author or a hook does not allow it.
    """
    _require_message(message)
    with locked_index(tree.git, tree.git_dir) as draft:
        state = await read_state(tree.git, tree.git_dir)
        require_settled(state, tree.top)
        await _require_author(tree.git)
        base = f"{state.head}^{{tree}}" if state.head else await empty_tree(tree.git)
        plan = _Plan(tree, state, await tree.git.ask("rev-parse", base), message, paths)
        found = Inspection()
        staged = await _stage(plan, draft, found)
        if not staged:
            return _nothing(plan, found)
        made = await _commit_draft(plan, draft, found)
        await _settle_index(plan, draft, made)
        return await _result(plan, made, found)


async def _stage(plan: _Plan, draft: DraftIndex, found: Inspection) -> list[Change]:
    """Stage what is wanted into the draft, and take out again what is held back."""
    git, limit = draft.git, plan.tree.repository.max_file_bytes
    wanted = plan.state.entries
    if plan.paths is not None:
        wanted = await _selected(plan)
        await draft.start_from(plan.base)
    in_tree = [entry for entry in wanted if entry.worktree != "." or plan.paths is not None]
    await draft.take(await hold_unstageable(git, in_tree, limit, found))
    allow = await allow_list(git, plan.state.head)
    changes = await index_changes(git, plan.base)
    await inspect(git, changes, limit, allow, found)
    if found.paths and plan.paths is not None:
        _refuse(plan, found)
    held = [change for change in changes if change.path in found.paths]
    await draft.put_back(held)
    return [change for change in changes if change.path not in found.paths]


async def _selected(plan: _Plan) -> tuple[Entry, ...]:
    """Return the changes at or below the paths that were asked for."""
    assert plan.paths is not None
    if not plan.paths:
        raise GitError("no path was given", hint="leave paths out to commit all changes")
    chosen: dict[str, Entry] = {}
    for path in plan.paths:
        name = _relative(plan.tree, path)
        below = [
            entry
            for entry in plan.state.entries
            if name == "." or entry.path.rstrip("/") == name or entry.path.startswith(f"{name}/")
        ]
        if not below:
            await _require_known(plan.tree, path, name)
        chosen |= {entry.path: entry for entry in below}
    return tuple(chosen.values())


def _relative(tree: WorkTree, path: str) -> str:
    """Return a path relative to the top; its last part may be a symbolic link, not those above."""
    if not path or "\0" in path:
        raise GitError(f"{path!r} is no path")
    joined = Path(os.path.normpath(tree.directory / path))
    real = joined.parent.resolve() / joined.name if joined != tree.top else tree.top
    if real != tree.top and tree.top not in real.parents:
        raise GitError(f"{shown(path)} is outside of {tree.top}", code="git_path_outside")
    return decode(os.fsencode(real.relative_to(tree.top)))


async def _require_known(tree: WorkTree, path: str, name: str) -> None:
    """Check that a path without changes is one that git keeps."""
    if await tree.git.ask("ls-files", "-z", "--", name):
        return
    if not os.path.lexists(tree.top / name):
        raise GitError(f"there is no file {shown(path)} in {tree.top}", code="git_no_such_path")
    raise GitError(
        f"{shown(path)} is ignored by .gitignore, or an empty directory", code="git_ignored"
    )


async def _commit_draft(plan: _Plan, draft: DraftIndex, found: Inspection) -> str:
    """Commit the draft, hooks included, and undo it if a hook brought in a secret."""
    scanned = await draft.git.ask("write-tree")
    try:
        done = await draft.git.run(
            "commit", "--quiet", "--file=-", "--cleanup=whitespace", "--no-status",
            stdin=plan.message.encode(), hooks=True, timeout=HOOK_TIMEOUT,
        )  # fmt: skip
    except (asyncio.CancelledError, GitError):
        await asyncio.shield(_take_back(plan, scanned))
        raise
    git = plan.tree.git
    made = (await git.run("rev-parse", "--verify", "--quiet", "HEAD")).text
    if done.code != 0 and made == (plan.state.head or ""):
        raise _commit_failed(plan, done)
    parents = (await git.ask("rev-list", "--parents", "-n1", made)).split(" ")[1:]
    if parents != ([plan.state.head] if plan.state.head else []):
        await _undo(git, made, parents[0] if parents else None)
        raise GitError(
            f"another commit was made in {plan.tree.top} meanwhile; this one was undone",
            code="git_raced",
            retryable=True,
        )
    if await git.ask("rev-parse", f"{made}^{{tree}}") != scanned:
        await _inspect_hooks_work(plan, made, scanned, found)
    return made


async def _inspect_hooks_work(plan: _Plan, made: str, scanned: str, found: Inspection) -> None:
    git = plan.tree.git
    extra = Inspection()
    allow = await allow_list(git, plan.state.head)
    changes = await tree_changes(git, scanned, f"{made}^{{tree}}")
    await inspect(git, changes, plan.tree.repository.max_file_bytes, allow, extra)
    found.warnings += ["a hook changed what is committed", *extra.warnings]
    if extra.paths:
        await _undo(git, made, plan.state.head)
        raise SecretsFound(
            "a hook added what is held back; the commit was undone", findings=_lines(extra)
        )


async def _take_back(plan: _Plan, scanned: str) -> None:
    """Undo a commit that was made just before its program was ended; nobody hears of it."""
    git = plan.tree.git
    made = (await git.run("rev-parse", "--verify", "--quiet", "HEAD")).text
    if made in ("", plan.state.head):
        return
    tree, *parents = (await git.ask("log", "-1", "--format=%T %P", made)).split()
    if tree == scanned and parents == ([plan.state.head] if plan.state.head else []):
        await _undo(git, made, plan.state.head)


async def _undo(git: Git, made: str, before: str | None) -> None:
    if before is None:
        await git.check("update-ref", "-d", "HEAD", made)
    else:
        await git.check("update-ref", "-m", "agentos: commit undone", "HEAD", before, made)


async def _settle_index(plan: _Plan, draft: DraftIndex, made: str) -> None:
    """Have the user's index agree with the commit, and keep what they staged besides.

    Where the index is as it was before the work began, each file that the commit changed takes the
    committed version; a file that was held back, or not asked for, stays staged as it was.
    """
    changes = await tree_changes(plan.tree.git, plan.base, f"{made}^{{tree}}")
    if plan.paths is None:
        committed = {change.path for change in changes}
        final = draft.git
        kept = await _staged(plan, draft, committed)
        await put(final, kept)
        await final.run("update-index", "-q", "--refresh")
        await draft.publish(draft.file)
        return
    if not draft.original.exists():
        await draft.publish(draft.file)
        return
    git = plan.tree.git.with_env(GIT_INDEX_FILE=str(draft.original))
    await put(git, ((change.path, *change.new) for change in changes))
    await git.run("update-index", "-q", "--refresh")
    await draft.publish(draft.original)


async def _staged(
    plan: _Plan, draft: DraftIndex, committed: set[str]
) -> list[tuple[str, str, str | None]]:
    """Return what the user had staged and the commit did not take."""
    if not draft.original.exists():
        return []
    git = plan.tree.git.with_env(GIT_INDEX_FILE=str(draft.original))
    return [
        (change.path, *change.new)
        for change in await index_changes(git, plan.base)
        if change.path not in committed
    ]


async def _require_author(git: Git) -> None:
    for who in ("AUTHOR", "COMMITTER"):
        known = await git.run("-c", "user.useConfigOnly=true", "var", f"GIT_{who}_IDENT")
        if known.code != 0:
            raise GitError(
                f"git does not know who commits in {git.directory}",
                code="git_identity_missing",
                hint='set it: git config --global user.name "..."; '
                "git config --global user.email ...",
            )


def _require_message(message: str) -> None:
    if not message.strip():
        raise GitError("the commit message is empty", code="git_message_empty")
    if "\0" in message or len(message) > MAX_MESSAGE:
        raise GitError(
            f"the commit message has a NUL or more than {MAX_MESSAGE:,} characters",
            code="git_message_invalid",
        )
    found = scan_text(message, "commit message")
    if found:
        raise SecretsFound("the commit message holds a secret", findings=tuple(map(str, found)))


def _refuse(plan: _Plan, found: Inspection) -> None:
    raise SecretsFound(
        f"nothing was committed: {', '.join(sorted(map(shown, found.paths))[:5])} cannot be",
        findings=_lines(found),
        hint="take it out; if it is none, a person can allow it (see docs/secret-scan.md)",
    )


def _lines(found: Inspection) -> tuple[str, ...]:
    return tuple(
        f"{held.path}:{held.line}: {held.reason}" + (f": {held.excerpt}" if held.excerpt else "")
        for held in found.held
    )


def _commit_failed(plan: _Plan, done: Output) -> GitError:
    words = last_lines(done.stderr + "\n" + done.text)
    signing = "sign" in words and ("gpg" in words or "failed to write commit" in words)
    return GitError(
        f"git commit in {plan.tree.top} failed: {words or f'exit code {done.code}'}",
        code="git_signing_failed" if signing else "git_commit_failed",
        hint="unlock the signing key first: nothing here can ask for its passphrase"
        if signing
        else "a hook refused it, or git did; nothing was committed, what was staged is as before",
    )


def _nothing(plan: _Plan, found: Inspection) -> CommitResult:
    left = f"; {len(found.paths)} held back" if found.paths else ""
    return CommitResult(
        commit=None,
        branch=plan.state.branch,
        summary=f"nothing to commit{left}",
        held_back=found.held,
        warnings=found.warnings,
    )


async def _result(plan: _Plan, made: str, found: Inspection) -> CommitResult:
    counted = await plan.tree.git.fields(
        "diff-tree", "-r", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv",
        plan.base, f"{made}^{{tree}}",
    )  # fmt: skip
    numbers = [line.split("\t")[:2] for line in counted]
    added = sum(int(plus) for plus, _ in numbers if plus != "-")
    removed = sum(int(minus) for _, minus in numbers if minus != "-")
    where = plan.state.branch or "detached HEAD"
    warnings = list(found.warnings)
    if plan.state.branch is None:
        warnings.append("HEAD is detached: no branch holds this commit")
    return CommitResult(
        commit=made,
        branch=plan.state.branch,
        summary=f"[{where} {made[:10]}] {len(numbers)} files, +{added} -{removed}"
        + (f", {len(found.paths)} held back" if found.paths else ""),
        files=len(numbers),
        insertions=added,
        deletions=removed,
        held_back=found.held,
        warnings=warnings,
    )
