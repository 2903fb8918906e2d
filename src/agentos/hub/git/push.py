"""Push a branch, once what is new in it was looked at, and a person agrees if one has to."""

from __future__ import annotations

import asyncio
import os

from agentos.errors import GitError, PushRefused, SecretsFound
from agentos.hub.git.destination import Destination, find_destination, unreachable
from agentos.hub.git.outgoing import Outgoing, find_outgoing
from agentos.hub.git.program import Git, Output, last_lines, shown
from agentos.hub.git.registered import WorkTree
from agentos.hub.git.requests import APPROVED, REJECTED, PushRequest, PushRequests, new_request
from agentos.hub.git.results import PushResult

TIMEOUT = 600.0
_POLL = 0.5  # seconds between looks at the inbox


async def push(
    tree: WorkTree, remote: str | None, branch: str | None, requests: PushRequests, wait: float
) -> PushResult:
    """Push a branch to the branch of its name.

    Raises:
        PushRefused: It is not allowed, a person rejected it, or the remote did not take it.
        SecretsFound: A commit that the remote does not have holds a secret.
        GitError: The remote cannot be reached.
    """
    goal = await find_destination(tree, remote, branch)
    git = tree.git.with_env(GIT_SSH_COMMAND=await _ssh(tree.git))
    outgoing = await find_outgoing(tree, git, goal)
    if outgoing.is_there:
        return _answer(goal, "up-to-date", f"{goal.remote}/{shown(goal.target)} has it already")
    if outgoing.found.paths:
        raise SecretsFound(
            f"nothing was pushed: commits that {goal.remote} does not have hold what is kept back",
            findings=outgoing.findings,
            hint="take it out of these commits; once pushed, a secret has to be revoked",
        )
    if tree.repository.push_approval:
        waiting = await _approval(tree, goal, outgoing, requests, wait)
        if waiting is not None:
            return waiting
    return await _push(git, goal, outgoing)


async def _push(git: Git, goal: Destination, outgoing: Outgoing) -> PushResult:
    done = await git.run(
        "push", "--porcelain", "--no-follow-tags", "--no-signed", "--recurse-submodules=no",
        "--end-of-options", goal.url, f"{goal.commit}:refs/heads/{goal.target}",
        hooks=True, timeout=TIMEOUT,
    )  # fmt: skip
    if done.code != 0:
        raise _refused(goal, done)
    await _track(git, goal)
    count = len(outgoing.commits)
    kind = "new branch" if outgoing.is_new else f"{count} commit{'s' * (count != 1)}"
    return _answer(
        goal,
        "pushed",
        f"{goal.commit[:10]} to {goal.remote}/{shown(goal.target)} ({kind})",
        warnings=[*goal.warnings, *outgoing.found.warnings],
    )


async def _track(git: Git, goal: Destination) -> None:
    """Note what the remote has now: a push to a URL leaves that to its caller."""
    ref = f"refs/remotes/{goal.remote}/{goal.target}"
    await git.run("update-ref", "-m", "agentos: push", ref, goal.commit)


async def _approval(
    tree: WorkTree, goal: Destination, outgoing: Outgoing, requests: PushRequests, wait: float
) -> PushResult | None:
    """Return None once a person approved exactly this push, and an answer while none has."""
    wanted = new_request(
        repository=str(tree.top),
        remote=goal.remote,
        url=goal.shown_url,
        target=goal.target,
        commit=goal.commit,
        commits=outgoing.commits,
    )
    request = await asyncio.to_thread(requests.ask, wanted)
    loop = asyncio.get_running_loop()
    end = loop.time() + wait
    while True:
        if request.state == REJECTED:
            raise PushRefused(
                f"a person rejected this push (request {request.id})",
                code="push_rejected_by_person",
            )
        if request.state == APPROVED and await asyncio.to_thread(requests.use, request):
            return None
        if loop.time() >= end:
            return _waiting(goal, request)
        await asyncio.sleep(_POLL)
        request = await asyncio.to_thread(requests.get, request.id)


def _waiting(goal: Destination, request: PushRequest) -> PushResult:
    return _answer(
        goal,
        "waiting",
        f"waiting for approval: {request.id}; a person runs: agentos git approve {request.id}; "
        "then push again",
        request=request.id,
    )


def _refused(goal: Destination, done: Output) -> GitError:
    said = f"{done.text}\n{done.stderr}"
    to = f"{goal.remote}/{shown(goal.target)}"
    if "(non-fast-forward)" in said or "(fetch first)" in said:
        return PushRefused(
            f"{to} has commits that {shown(goal.branch)!r} does not",
            code="push_non_fast_forward",
            hint="fetch and rebase or merge first; it is never forced",
        )
    if "rejected]" in said:
        lines = [line for line in said.splitlines() if "rejected]" in line or "remote:" in line]
        return PushRefused(
            f"{to} did not take it: {last_lines(chr(10).join(lines))}",
            code="push_rejected_by_remote",
        )
    return unreachable(goal, done)


def _answer(goal: Destination, state: str, summary: str, **more: object) -> PushResult:
    return PushResult.model_validate(
        {
            "state": state,
            "summary": summary,
            "remote": goal.remote,
            "branch": goal.target,
            "commit": goal.commit,
            **more,
        }
    )


async def _ssh(git: Git) -> str:
    """Return the user's ssh command, which must not ask."""
    configured = await git.run("config", "--get", "core.sshCommand")
    command = os.environ.get("GIT_SSH_COMMAND") or configured.text or "ssh"
    return f"{command} -o BatchMode=yes -o ConnectTimeout=20"
