"""Where a push goes, and whether it may."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from agentos.errors import GitError, PushRefused
from agentos.hub.git.program import Git, Output, last_lines, shown
from agentos.hub.git.registered import WorkTree
from agentos.hub.git.state import read_state

_HEADS = "refs/heads/"


@dataclass(frozen=True)
class Destination:
    """What a push would do.

    Attributes:
        remote: The remote's name.
        url: Where it is.
        branch: The branch here.
        target: The branch there.
        commit: The commit that it gets.
        warnings: What should be known.
    """

    remote: str
    url: str
    branch: str
    target: str
    commit: str
    warnings: tuple[str, ...] = ()

    @property
    def shown_url(self) -> str:
        """The URL without a password."""
        return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", shown(self.url))


async def find_destination(tree: WorkTree, remote: str | None, branch: str | None) -> Destination:
    """Find where a branch is pushed.

    Raises:
        PushRefused: There is no such branch or remote, or the branch there is protected.
    """
    git = tree.git
    branch = branch or await _current_branch(tree)
    await _require_branch(git, branch)
    remote = await _remote(git, branch, remote)
    upstream = await _config(git, f"branch.{branch}.merge")
    target, warnings = await _target(git, remote, branch, upstream)
    await _require_unprotected(tree, remote, target)
    return Destination(
        remote=remote,
        url=await _url(git, remote),
        branch=branch,
        target=target,
        commit=await git.ask("rev-parse", "--verify", f"{_HEADS}{branch}^{{commit}}"),
        warnings=warnings,
    )


def unreachable(goal: Destination, done: Output) -> GitError:
    """Say why a remote did not answer."""
    words = last_lines(done.stderr)
    asks = any(sign in words for sign in ("terminal prompts disabled", "Permission denied", "403"))
    return GitError(
        f"{goal.remote} ({goal.shown_url}) cannot be pushed to: {words}",
        code="git_authentication" if asks else "git_remote_unreachable",
        hint="log in by hand once, so that git has credentials: nothing here can ask for them"
        if asks
        else None,
        retryable=not asks,
    )


async def _current_branch(tree: WorkTree) -> str:
    state = await read_state(tree.git, tree.git_dir)
    if state.branch is None:
        raise PushRefused(
            f"{tree.top} is on no branch: HEAD is detached",
            hint="name a branch, or make one: git switch -c NAME",
        )
    return state.branch


async def _require_branch(git: Git, branch: str) -> None:
    """Only a branch's plain name will do: no refspec, no force, no deletion, no tag."""
    plain = not branch.startswith(("-", "+", ":", "refs/")) and not any(
        sign in branch for sign in ":*^~@{\\ ?["
    )
    known = (
        plain and (await git.run("show-ref", "--verify", "--quiet", f"{_HEADS}{branch}")).code == 0
    )
    if not known:
        raise PushRefused(
            f"there is no branch {shown(branch)!r}",
            code="push_no_branch",
            hint="give the plain name of a branch with a commit; nothing else is pushed: no tags, "
            "no deletions, no force",
        )


async def _remote(git: Git, branch: str, wanted: str | None) -> str:
    names = (await git.ask("remote")).split("\n")
    known = [name for name in names if name]
    if wanted is None:
        for key in (f"branch.{branch}.pushRemote", "remote.pushDefault", f"branch.{branch}.remote"):
            if (chosen := await _config(git, key)) is not None:
                wanted = chosen
                break
        else:
            wanted = "origin" if "origin" in known or len(known) != 1 else known[0]
    if wanted not in known:
        raise PushRefused(
            f"there is no remote {shown(wanted)!r}",
            code="push_no_remote",
            hint=f"the remotes are: {', '.join(map(shown, known)) or 'none'}",
        )
    if await _config(git, f"remote.{wanted}.mirror") not in (None, "false"):
        raise PushRefused(
            f"the remote {shown(wanted)!r} is a mirror: a push would overwrite all of it",
            code="push_mirror",
        )
    return wanted


async def _target(
    git: Git, remote: str, branch: str, upstream: str | None
) -> tuple[str, tuple[str, ...]]:
    """Return the branch there: of the same name, unless the user's git pushes to the upstream."""
    own_remote = await _config(git, f"branch.{branch}.remote")
    if upstream is None or own_remote != remote or upstream == _HEADS + branch:
        return branch, ()
    if await _config(git, "push.default") in ("upstream", "tracking"):
        if not upstream.startswith(_HEADS):
            raise PushRefused(f"the upstream of {branch!r} is {shown(upstream)}: no branch")
        return upstream.removeprefix(_HEADS), ()
    name = shown(upstream.removeprefix(_HEADS))
    return branch, (f"goes to {branch!r} of the same name, not to its upstream {name!r}",)


async def _require_unprotected(tree: WorkTree, remote: str, target: str) -> None:
    """Check the branch there; who protects `main` or `master` protects the default branch."""
    globs = tree.repository.protected
    default = await tree.git.run("symbolic-ref", "--quiet", f"refs/remotes/{remote}/HEAD")
    default_name = default.text.removeprefix(f"refs/remotes/{remote}/")
    names_default = any(_holds(glob, name) for glob in globs for name in ("main", "master"))
    if any(_holds(glob, target) for glob in globs) or (names_default and target == default_name):
        raise PushRefused(
            f"the branch {shown(target)!r} is protected",
            code="push_protected",
            hint="push a branch of another name and open a pull request",
        )


def _holds(glob: str, branch: str) -> bool:
    """Compare without case: some file systems of remotes do."""
    return fnmatchcase(branch.casefold(), glob.casefold())


async def _url(git: Git, remote: str) -> str:
    urls = (await git.ask("remote", "get-url", "--push", "--all", remote)).split("\n")
    if len(urls) != 1:
        raise PushRefused(f"the remote {shown(remote)!r} has {len(urls)} URLs to push to")
    if urls[0].startswith("-"):
        raise PushRefused(f"the remote {shown(remote)!r} has no proper URL")
    return urls[0]


async def _config(git: Git, key: str) -> str | None:
    found = await git.run("config", "--get", key)
    return found.text if found.code == 0 else None
