"""Pushes: where they may go, what is looked at, and a person's approval."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.hub.git.conftest import Project, run

from agentos.errors import GitError, PushRefused, SecretsFound

SECRET = "ghp_" + "Zk3Qw8Rt5Yp1Lm7Nv2Bx9Cd4Fg6Hj0SaTePu"


def add_commit(project: Project, path: str, text: str = "text\n", message: str = "work") -> str:
    project.write(path, text)
    project.git("add", "-A")
    project.git("commit", "--quiet", "-m", message)
    return project.git("rev-parse", "HEAD")


def there(remote: Path, branch: str) -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}"],
        cwd=remote,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


async def test_a_branch_is_pushed(project: Project, remote: Path) -> None:
    commit = add_commit(project, "a")
    done = await project.tools.push(project.top)
    assert (done.state, done.branch, done.commit) == ("pushed", "work", commit)
    assert there(remote, "work") == commit
    assert project.git("rev-parse", "origin/work") == commit
    assert (await project.tools.push(project.top)).state == "up-to-date"


async def test_a_branch_by_name_from_another(project: Project, remote: Path) -> None:
    commit = add_commit(project, "a")
    project.git("switch", "--quiet", "main")
    await project.tools.push(project.top, "origin", "work")
    assert there(remote, "work") == commit


@pytest.mark.parametrize("branch", ["main", "Main", "release/1.0", "release/a/b"])
async def test_protected_branches(project: Project, remote: Path, branch: str) -> None:
    before = there(remote, "main")
    project.git("update-ref", f"refs/heads/{branch}", add_commit(project, "a"))
    with pytest.raises(PushRefused) as caught:
        await project.tools.push(project.top, branch=branch)
    assert caught.value.code == "push_protected"
    assert there(remote, "main") == before


async def test_a_default_branch_of_another_name_is_protected(
    project: Project, remote: Path
) -> None:
    project.git("push", "--quiet", "origin", "main:trunk")
    project.git("symbolic-ref", "HEAD", "refs/heads/trunk", cwd=remote)
    project.git("fetch", "--quiet")
    project.git("remote", "set-head", "origin", "--auto")
    project.git("switch", "--quiet", "trunk")
    add_commit(project, "a")
    with pytest.raises(PushRefused, match="'trunk' is protected"):
        await project.tools.push(project.top)
    done = await project.with_settings(protected=()).tools.push(project.top)
    assert done.state == "pushed"


@pytest.mark.parametrize(
    "branch",
    [
        "+work",
        ":work",
        "work:main",
        "+work:refs/heads/main",
        "--force",
        "--mirror",
        "--delete",
        "refs/tags/v1",
        "refs/heads/work",
        "v1",
        "HEAD",
        "HEAD~1",
        "@{-1}",
        "wor*",
        "",
        "none",
    ],
)
async def test_only_the_plain_name_of_a_branch(project: Project, remote: Path, branch: str) -> None:
    add_commit(project, "a")
    project.git("tag", "v1")
    project.git("switch", "--quiet", "--detach")
    with pytest.raises(PushRefused):
        await project.tools.push(project.top, "origin", branch)
    assert project.git("for-each-ref", "--format=%(refname)", cwd=remote) == "refs/heads/main"


@pytest.mark.parametrize(
    "name", ["none", "--all", "+origin", "ext::sh -c id", "/tmp", "https://example.com/x", ""]
)
async def test_only_the_name_of_a_remote(project: Project, remote: Path, name: str) -> None:
    add_commit(project, "a")
    with pytest.raises(PushRefused, match="there is no remote"):
        await project.tools.push(project.top, name)


async def test_without_a_remote(project: Project) -> None:
    with pytest.raises(PushRefused) as caught:
        await project.tools.push(project.top)
    assert caught.value.code == "push_no_remote"


async def test_a_detached_head_has_no_branch_to_push(project: Project, remote: Path) -> None:
    project.git("switch", "--quiet", "--detach")
    with pytest.raises(PushRefused, match="detached"):
        await project.tools.push(project.top)


async def test_an_upstream_that_is_protected(project: Project, remote: Path) -> None:
    project.git("branch", "--set-upstream-to=origin/main")
    commit, before = add_commit(project, "a"), there(remote, "main")
    project.git("config", "push.default", "upstream")
    with pytest.raises(PushRefused) as caught:
        await project.tools.push(project.top)
    assert caught.value.code == "push_protected"
    project.git("config", "--unset", "push.default")
    done = await project.tools.push(project.top)
    assert done.warnings == ["goes to 'work' of the same name, not to its upstream 'main'"]
    assert (there(remote, "main"), there(remote, "work")) == (before, commit)


@pytest.mark.parametrize("refspec", ["+refs/heads/*:refs/heads/*", "HEAD:refs/heads/main", ":main"])
async def test_refspecs_of_the_configuration_do_not_count(
    project: Project, remote: Path, refspec: str
) -> None:
    before, commit = there(remote, "main"), add_commit(project, "a")
    project.git("config", "remote.origin.push", refspec)
    await project.tools.push(project.top)
    assert (there(remote, "main"), there(remote, "work")) == (before, commit)


async def test_a_mirror_is_refused(project: Project, remote: Path) -> None:
    add_commit(project, "a")
    project.git("config", "remote.origin.mirror", "true")
    with pytest.raises(PushRefused) as caught:
        await project.tools.push(project.top)
    assert caught.value.code == "push_mirror"


async def test_tags_do_not_follow(project: Project, remote: Path) -> None:
    add_commit(project, "a")
    project.git("tag", "-a", "v1", "-m", "v1")
    project.git("config", "push.followTags", "true")
    await project.tools.push(project.top)
    assert project.git("tag", cwd=remote) == ""


async def test_it_is_never_forced(project: Project, remote: Path) -> None:
    add_commit(project, "a")
    await project.tools.push(project.top)
    before = there(remote, "work")
    project.git("commit", "--quiet", "--amend", "-m", "other")
    with pytest.raises(PushRefused) as caught:
        await project.tools.push(project.top)
    assert caught.value.code == "push_non_fast_forward"
    assert there(remote, "work") == before


async def test_commits_of_others_there(project: Project, remote: Path, tmp_path: Path) -> None:
    add_commit(project, "a")
    await project.tools.push(project.top)
    other = tmp_path / "other"
    run("git", "clone", "-b", "work", remote, other)
    project.git("commit", "--quiet", "--allow-empty", "-m", "theirs", cwd=other)
    project.git("push", "--quiet", cwd=other)
    add_commit(project, "b")
    with pytest.raises(PushRefused) as caught:
        await project.tools.push(project.top)
    assert caught.value.code == "push_non_fast_forward"


async def test_a_secret_in_a_commit_on_the_way(project: Project, remote: Path) -> None:
    add_commit(project, "leak.txt", SECRET)
    project.git("rm", "--quiet", "leak.txt")
    project.git("commit", "--quiet", "-m", "remove it again")
    with pytest.raises(SecretsFound) as caught:
        await project.tools.push(project.top)
    assert caught.value.findings[0].startswith("leak.txt:1: github-token")
    assert SECRET[8:] not in str(caught.value.findings)
    assert there(remote, "work") == ""


async def test_a_secret_in_a_merge(project: Project, remote: Path) -> None:
    add_commit(project, "a")
    project.git("switch", "--quiet", "-c", "side", "main")
    add_commit(project, "b")
    project.git("switch", "--quiet", "work")
    project.git("merge", "--quiet", "--no-commit", "--no-ff", "side")
    project.write("evil.txt", SECRET)
    project.git("add", "-A")
    project.git("commit", "--quiet", "-m", "merge")
    with pytest.raises(SecretsFound):
        await project.tools.push(project.top)


async def test_a_secret_in_a_commit_message(project: Project, remote: Path) -> None:
    add_commit(project, "a", message=f"use {SECRET}")
    with pytest.raises(SecretsFound):
        await project.tools.push(project.top)


async def test_what_the_repository_says_of_the_remote_is_not_believed(
    project: Project, remote: Path
) -> None:
    commit = add_commit(project, "leak.txt", SECRET)
    project.git("update-ref", "refs/remotes/origin/work", commit)
    with pytest.raises(SecretsFound):
        await project.tools.push(project.top)


async def test_replaced_objects_hide_nothing(project: Project, remote: Path) -> None:
    commit = add_commit(project, "leak.txt", SECRET)
    project.git("replace", commit, project.git("rev-parse", "main"))
    with pytest.raises(SecretsFound):
        await project.tools.push(project.top)


async def test_a_secret_that_the_remote_has_is_no_obstacle(project: Project, remote: Path) -> None:
    add_commit(project, "old.txt", f"{SECRET}\n")
    project.git("push", "--quiet", "origin", "work")
    add_commit(project, "old.txt", f"{SECRET}\nmore\n")
    done = await project.tools.push(project.top)
    assert done.state == "pushed"
    assert done.warnings == ["old.txt:1: github-token: was committed before"]


async def test_a_large_file_is_not_pushed(project: Project, remote: Path) -> None:
    add_commit(project, "big.bin", "x" * 3000)
    with pytest.raises(SecretsFound, match="kept back"):
        await project.with_settings(max_file_bytes=2000).tools.push(project.top)


async def test_a_remote_that_refuses(project: Project, remote: Path) -> None:
    add_commit(project, "a")
    hook = remote / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho frozen until Monday >&2\nexit 1\n")
    hook.chmod(0o755)
    await _trust(project)
    with pytest.raises(PushRefused, match="frozen until Monday") as caught:
        await project.tools.push(project.top)
    assert caught.value.code == "push_rejected_by_remote"


async def test_a_remote_that_is_gone(project: Project, remote: Path) -> None:
    add_commit(project, "a")
    remote.rename(remote.with_name("gone.git"))
    with pytest.raises(GitError) as caught:
        await project.tools.push(project.top)
    assert caught.value.code == "git_remote_unreachable"


async def test_a_remote_that_asks_for_a_password(project: Project) -> None:
    class Asking(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Asking) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        project.git("remote", "add", "web", f"http://127.0.0.1:{server.server_port}/x.git")
        add_commit(project, "a")
        try:
            with pytest.raises(GitError) as caught:
                await project.tools.push(project.top, "web")
        finally:
            server.shutdown()
            serving.join()
    assert caught.value.code == "git_authentication"
    assert "log in by hand" in str(caught.value)


async def test_a_push_waits_for_approval(project: Project, remote: Path) -> None:
    commit = add_commit(project, "a", message="Add a")
    guarded = project.with_settings(push_approval=True)
    asked = await guarded.tools.push(project.top)
    assert asked.state == "waiting"
    assert asked.request is not None
    assert there(remote, "work") == ""
    assert (await guarded.tools.push(project.top)).request == asked.request
    request = project.inbox.get(asked.request)
    assert (request.commit, request.target) == (commit, "work")
    assert request.commits[0].endswith("Add a")
    project.inbox.decide(asked.request, approved=True)
    assert (await guarded.tools.push(project.top)).state == "pushed"
    assert there(remote, "work") == commit


async def test_an_approval_is_of_one_commit_and_for_once(project: Project, remote: Path) -> None:
    add_commit(project, "a")
    guarded = project.with_settings(push_approval=True)
    asked = await guarded.tools.push(project.top)
    assert asked.request is not None
    project.inbox.decide(asked.request, approved=True)
    add_commit(project, "b")
    another = await guarded.tools.push(project.top)
    assert another.state == "waiting"
    assert another.request != asked.request
    project.git("reset", "--quiet", "--hard", "HEAD~1")
    assert (await guarded.tools.push(project.top)).state == "pushed"
    project.git("update-ref", "-d", "refs/heads/work", cwd=remote)
    assert (await guarded.tools.push(project.top)).state == "waiting"


async def test_an_approval_is_of_one_place(project: Project, remote: Path, tmp_path: Path) -> None:
    add_commit(project, "a")
    guarded = project.with_settings(push_approval=True)
    asked = await guarded.tools.push(project.top)
    assert asked.request is not None
    project.inbox.decide(asked.request, approved=True)
    elsewhere = tmp_path / "elsewhere.git"
    run("git", "init", "--bare", elsewhere)
    project.git("remote", "set-url", "origin", str(elsewhere))
    assert (await guarded.tools.push(project.top)).state == "waiting"
    assert there(elsewhere, "work") == ""


async def test_a_rejected_push(project: Project, remote: Path) -> None:
    add_commit(project, "a")
    guarded = project.with_settings(push_approval=True)
    asked = await guarded.tools.push(project.top)
    assert asked.request is not None
    project.inbox.decide(asked.request, approved=False)
    with pytest.raises(PushRefused) as caught:
        await guarded.tools.push(project.top)
    assert caught.value.code == "push_rejected_by_person"
    with pytest.raises(GitError, match="is rejected"):
        project.inbox.decide(asked.request, approved=True)


async def test_a_push_that_waits_goes_on_when_it_is_approved(
    project: Project, remote: Path
) -> None:
    add_commit(project, "a")
    guarded = project.with_settings(push_approval=True)
    pushing = asyncio.create_task(guarded.tools.push(project.top, wait=60))
    while not (waiting := project.inbox.all()):
        await asyncio.sleep(0.02)
    project.inbox.decide(waiting[0].id, approved=True)
    assert (await pushing).state == "pushed"


async def _trust(project: Project) -> None:
    from agentos.hub.git.registered import find_work_tree
    from agentos.hub.git.trust import risky_settings
    from agentos.hub.settings import Repository

    tree = await find_work_tree([Repository(project.top)], project.top)
    await project.trusted.accept(tree.git, tree.common_dir, await risky_settings(tree.git))
