"""Commits: what is taken, what is held back, and what the user had staged."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from tests.hub.git.conftest import Project, run

from agentos.errors import GitError, SecretsFound
from agentos.hub.git import Repositories
from agentos.hub.settings import Repository

SECRET = "ghp_" + "Zk3Qw8Rt5Yp1Lm7Nv2Bx9Cd4Fg6Hj0SaTePu"


async def test_all_changes_are_committed(project: Project) -> None:
    project.write("new.txt", "one\ntwo\n")
    project.write("README.md", "# Renamed\n")
    made = await project.tools.commit(project.top, "Change all")
    assert made.commit == project.git("rev-parse", "HEAD")
    assert (made.branch, made.files, made.insertions, made.deletions) == ("work", 2, 3, 1)
    assert project.git("log", "-1", "--format=%s %an") == "Change all Ada"
    assert project.git("status", "--porcelain") == ""


async def test_a_change_of_the_same_size_in_the_same_instant(project: Project) -> None:
    """Git tells such a change by the time of the index, which a copy has to keep."""
    project.write("a", "one\n")
    project.git("add", "a")
    made = os.stat(project.top / ".git/index")
    project.write("a", "two\n")
    os.utime(project.top / "a", ns=(made.st_mtime_ns, made.st_mtime_ns))
    await project.tools.commit(project.top, "Two")
    assert project.git("show", "HEAD:a") == "two"


async def test_the_first_commit(empty: Project) -> None:
    empty.write("a")
    made = await empty.tools.commit(empty.top, "First")
    assert made.commit
    assert empty.committed() == {"a"}
    assert empty.git("status", "--porcelain") == ""


async def test_deletions_and_changes_of_kind(project: Project) -> None:
    for name in ("gone", "file", "tree/below"):
        project.write(name)
    await project.tools.commit(project.top, "Make them")
    (project.top / "gone").unlink()
    (project.top / "file").unlink()
    project.write("file/now_a_directory")
    (project.top / "tree/below").unlink()
    (project.top / "tree").rmdir()
    project.write("tree")
    made = await project.tools.commit(project.top, "Turn them")
    assert project.committed() == {"README.md", "file/now_a_directory", "tree"}
    assert made.files == 5
    assert project.git("status", "--porcelain") == ""


async def test_nothing_to_commit_is_an_answer(project: Project) -> None:
    made = await project.tools.commit(project.top, "Nothing")
    assert made.commit is None
    assert made.summary == "nothing to commit"
    assert not (project.top / ".git/index.lock").exists()


async def test_a_secret_is_held_back_and_the_rest_is_committed(project: Project) -> None:
    project.write("good.py", "x = 1\n")
    project.write("bad.py", f'x = 1\ntoken = "{SECRET}"\n')
    made = await project.tools.commit(project.top, "Work")
    assert project.committed() == {"README.md", "good.py"}
    assert [(held.path, held.line, held.reason) for held in made.held_back] == [
        ("bad.py", 2, "github-token")
    ]
    assert SECRET[8:] not in made.model_dump_json()
    assert project.git("status", "--porcelain") == "?? bad.py"


async def test_a_change_held_back_stays_in_the_work_tree(project: Project) -> None:
    project.write("README.md", f"# Project\n{SECRET}\n")
    made = await project.tools.commit(project.top, "Work")
    assert made.commit is None
    assert made.summary == "nothing to commit; 1 held back"
    assert project.git("status", "--porcelain") == " M README.md"


async def test_a_secret_that_the_user_staged_stays_staged(project: Project) -> None:
    project.write("bad.txt", SECRET)
    project.git("add", "bad.txt")
    project.write("good.txt")
    await project.tools.commit(project.top, "Work")
    assert project.committed() == {"README.md", "good.txt"}
    assert project.git("status", "--porcelain") == "A  bad.txt"


async def test_what_is_staged_counts_not_the_work_tree(project: Project) -> None:
    project.write("file.txt", SECRET)
    project.git("add", "file.txt")
    project.git("update-index", "--assume-unchanged", "file.txt")
    project.write("file.txt", "harmless\n")
    made = await project.tools.commit(project.top, "Work")
    assert made.commit is None
    assert [held.path for held in made.held_back] == ["file.txt"]


async def test_a_secret_that_history_has_is_a_warning(project: Project) -> None:
    project.write("old.txt", f"{SECRET}\n")
    project.git("add", "-A")
    project.git("commit", "--quiet", "-m", "leak")
    project.write("old.txt", f"{SECRET}\nmore\n")
    made = await project.tools.commit(project.top, "Work")
    assert made.commit
    assert made.warnings == ["old.txt:1: github-token: was committed before"]


async def test_paths_commit_nothing_else(project: Project) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        project.write(name)
    project.git("add", "b.txt")
    made = await project.tools.commit(project.top, "Only a", ["a.txt"])
    assert made.files == 1
    assert project.committed() == {"README.md", "a.txt"}
    assert project.git("status", "--porcelain") == "A  b.txt\n?? c.txt"


async def test_paths_are_relative_to_the_directory(project: Project) -> None:
    project.write("sub/deep/a")
    project.write("a")
    await project.tools.commit(project.top / "sub", "Deep", ["deep"])
    assert project.committed() == {"README.md", "sub/deep/a"}


async def test_a_secret_in_a_path_that_was_asked_for_blocks(project: Project) -> None:
    project.write("good.txt")
    project.write("bad.txt", SECRET)
    before = project.git("rev-parse", "HEAD")
    project.git("add", "good.txt")
    with pytest.raises(SecretsFound) as caught:
        await project.tools.commit(project.top, "Both", ["good.txt", "bad.txt"])
    assert caught.value.findings[0].startswith("bad.txt:1: github-token")
    assert SECRET[8:] not in str(caught.value.findings)
    assert project.git("rev-parse", "HEAD") == before
    assert project.git("status", "--porcelain") == "A  good.txt\n?? bad.txt"


@pytest.mark.parametrize(
    ("path", "code"),
    [("none.txt", "git_no_such_path"), ("../x", "git_path_outside"), ("ignored", "git_ignored")],
)
async def test_paths_that_cannot_be(project: Project, path: str, code: str) -> None:
    project.write(".gitignore", "ignored\n")
    project.write("ignored")
    with pytest.raises(GitError) as caught:
        await project.tools.commit(project.top, "No", [path])
    assert caught.value.code == code


async def test_a_path_without_changes_is_nothing_to_commit(project: Project) -> None:
    made = await project.tools.commit(project.top, "No", ["README.md"])
    assert made.commit is None


async def test_large_files_are_held_back_and_never_stored(project: Project) -> None:
    project.write("big.bin", "x" * 3000)
    project.write("small")
    made = await project.with_settings(max_file_bytes=2000).tools.commit(project.top, "Work")
    assert project.committed() == {"README.md", "small"}
    assert made.held_back[0].reason == "too large: 3,000 bytes, 2,000 are allowed"
    id = project.git("hash-object", "big.bin")
    assert run("git", "cat-file", "-e", id, cwd=project.top) != 0


async def test_a_huge_file_costs_nothing(project: Project) -> None:
    with (project.top / "huge").open("wb") as file:
        file.truncate(50_000_000_000)
    made = await project.tools.commit(project.top, "Work")
    assert made.commit is None
    assert made.held_back[0].path == "huge"


@pytest.mark.parametrize("message", ["", "  \n\t", "a\0b", "x" * 70_000])
async def test_messages_that_cannot_be(project: Project, message: str) -> None:
    project.write("a")
    with pytest.raises(GitError):
        await project.tools.commit(project.top, message)


async def test_a_message_with_a_secret(project: Project) -> None:
    project.write("a")
    with pytest.raises(SecretsFound):
        await project.tools.commit(project.top, f"Use {SECRET}")


async def test_a_message_is_taken_as_it_is(project: Project) -> None:
    project.write("a")
    await project.tools.commit(project.top, "-m\n\n# not a comment\n$(id)\n")
    assert project.git("log", "-1", "--format=%B") == "-m\n\n# not a comment\n$(id)"


@pytest.mark.parametrize("operation", ["merge", "rebase", "cherry-pick", "revert", "bisect"])
async def test_unfinished_operations(project: Project, operation: str) -> None:
    _conflict(project)
    commands = {
        "merge": ["merge", "other"],
        "rebase": ["rebase", "other"],
        "cherry-pick": ["cherry-pick", "other"],
        "revert": ["revert", "--no-edit", "HEAD~1"],
        "bisect": ["bisect", "start"],
    }
    project.git(*commands[operation], check=False)
    with pytest.raises(GitError) as caught:
        await project.tools.commit(project.top, "No")
    unmerged = "git_operation_unfinished" if operation == "bisect" else "git_unmerged"
    assert caught.value.code == unmerged
    if operation != "bisect":
        project.write("README.md", "resolved\n")
        project.git("add", "README.md")
        with pytest.raises(GitError, match=f"in the middle of a {operation}"):
            await project.tools.commit(project.top, "No")
    assert (await project.tools.status(project.top)).operation == operation


async def test_an_index_that_is_locked(project: Project) -> None:
    project.write("a")
    lock = project.top / ".git/index.lock"
    lock.write_text("theirs")
    with pytest.raises(GitError) as caught:
        await project.tools.commit(project.top, "No")
    assert caught.value.code == "git_index_locked"
    assert str(lock) in caught.value.message
    assert lock.read_text() == "theirs"


async def test_a_detached_head_is_said(project: Project) -> None:
    project.git("switch", "--quiet", "--detach")
    project.write("a")
    made = await project.tools.commit(project.top, "Work")
    assert made.branch is None
    assert made.warnings == ["HEAD is detached: no branch holds this commit"]


async def test_nobody_commits_without_a_name(project: Project, users_git: Path) -> None:
    users_git.write_text("")
    project.write("a")
    with pytest.raises(GitError) as caught:
        await project.tools.commit(project.top, "No")
    assert caught.value.code == "git_identity_missing"
    assert "user.email" in str(caught.value)


async def test_the_users_hooks_run(project: Project) -> None:
    hook = project.write(".git/hooks/commit-msg", '#!/bin/sh\necho "Signed" >> "$1"\n')
    hook.chmod(0o755)
    project.write("a")
    await project.tools.commit(project.top, "Work")
    assert project.git("log", "-1", "--format=%B").endswith("Signed")


async def test_a_hook_that_refuses_leaves_all_as_it_was(project: Project) -> None:
    hook = project.write(".git/hooks/pre-commit", "#!/bin/sh\necho no tabs >&2\nexit 1\n")
    hook.chmod(0o755)
    project.write("a")
    project.write("README.md", "staged\n")
    project.git("add", "README.md")
    project.write("README.md", "not staged\n")
    with pytest.raises(GitError, match="no tabs"):
        await project.tools.commit(project.top, "Work")
    assert project.git("status", "--porcelain") == "MM README.md\n?? a"
    assert project.git("show", ":README.md") == "staged"


async def test_a_hook_that_formats_is_committed_and_said(project: Project) -> None:
    hook = project.write(".git/hooks/pre-commit", "#!/bin/sh\necho formatted > a\ngit add a\n")
    hook.chmod(0o755)
    project.write("a")
    made = await project.tools.commit(project.top, "Work")
    assert made.warnings == ["a hook changed what is committed"]
    assert project.git("show", "HEAD:a") == "formatted"
    assert project.git("status", "--porcelain") == ""


async def test_a_hook_that_adds_a_secret_is_undone(project: Project) -> None:
    hook = project.write(
        ".git/hooks/pre-commit", f"#!/bin/sh\necho {SECRET} > leak\ngit add leak\n"
    )
    hook.chmod(0o755)
    project.write("a")
    before = project.git("rev-parse", "HEAD")
    with pytest.raises(SecretsFound, match="hook"):
        await project.tools.commit(project.top, "Work")
    assert project.git("rev-parse", "HEAD") == before


async def test_a_hook_that_leaves_a_daemon_does_not_hold_the_commit(project: Project) -> None:
    hook = project.write(".git/hooks/post-commit", "#!/bin/sh\nsetsid sleep 20 &\nsleep 30 &\n")
    hook.chmod(0o755)
    project.write("a")
    async with asyncio.timeout(15):
        made = await project.tools.commit(project.top, "Work")
    assert made.commit


async def test_a_commit_cancelled_after_it_was_made_is_taken_back(project: Project) -> None:
    marker = project.top.parent / "started"
    hook = project.write(".git/hooks/post-commit", f"#!/bin/sh\ntouch {marker}\nexec sleep 600\n")
    hook.chmod(0o755)
    project.write("a")
    project.write("README.md", "staged\n")
    project.git("add", "README.md")
    before = project.git("rev-parse", "HEAD")
    task = asyncio.create_task(project.tools.commit(project.top, "Work"))
    while not marker.exists():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert project.git("rev-parse", "HEAD") == before
    assert project.git("status", "--porcelain") == "M  README.md\n?? a"


async def test_a_cancelled_commit_leaves_no_lock_and_no_process(project: Project) -> None:
    marker = project.top.parent / "started"
    hook = project.write(
        ".git/hooks/pre-commit", f"#!/bin/sh\necho $$ > {marker}\nexec sleep 600\n"
    )
    hook.chmod(0o755)
    project.write("a")
    task = asyncio.create_task(project.tools.commit(project.top, "Work"))
    while not marker.exists() or not marker.read_text().strip():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not (project.top / ".git/index.lock").exists()
    process = Path("/proc") / marker.read_text().strip() / "stat"
    while process.exists() and process.read_text().split()[2] != "Z":
        await asyncio.sleep(0.01)
    assert project.git("status", "--porcelain") == "?? a"


async def test_a_signing_key_that_asks_does_not_hang(project: Project, users_git: Path) -> None:
    key = project.top.parent / "key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "a passphrase", "-f", key)
    with users_git.open("a") as config:
        config.write(
            f"[gpg]\n\tformat = ssh\n[user]\n\tsigningKey = {key}\n[commit]\n\tgpgSign = true\n"
        )
    project.write("a")
    with pytest.raises(GitError) as caught:
        await project.tools.commit(project.top, "Work")
    assert caught.value.code == "git_signing_failed"
    assert "unlock the signing key" in str(caught.value)


async def test_a_signed_commit(project: Project, users_git: Path) -> None:
    key = project.top.parent / "key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    with users_git.open("a") as config:
        config.write(
            f"[gpg]\n\tformat = ssh\n[user]\n\tsigningKey = {key}\n[commit]\n\tgpgSign = true\n"
        )
    project.write("a")
    await project.tools.commit(project.top, "Work")
    assert "BEGIN SSH SIGNATURE" in project.git("cat-file", "commit", "HEAD")


async def test_the_allow_file_counts_once_it_is_committed(project: Project) -> None:
    project.write("key.txt", SECRET)
    project.write(".agentos-allow-secrets", "key.txt github-token\n")
    made = await project.tools.commit(project.top, "Allow and add")
    assert [held.path for held in made.held_back] == ["key.txt"]
    again = await project.tools.commit(project.top, "Add")
    assert "key.txt" in project.committed()
    assert again.warnings == ["key.txt:1: github-token: allowed"]


async def test_two_commits_at_once(project: Project) -> None:
    project.write("a")
    answers = await asyncio.gather(
        *(project.tools.commit(project.top, "Work") for _ in range(4)), return_exceptions=True
    )
    made = [each for each in answers if not isinstance(each, BaseException) and each.commit]
    locked = [each for each in answers if isinstance(each, GitError)]
    assert len(made) == 1
    assert all(each.code == "git_index_locked" for each in locked)
    assert project.git("rev-list", "--count", "HEAD") == "2"


async def test_without_git(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(GitError) as caught:
        await project.tools.status(project.top)
    assert caught.value.code == "git_absent"


async def test_the_hubs_git_variables_lead_nowhere_else(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    run("git", "init", other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / "index"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    project.write("a")
    made = await project.tools.commit(project.top, "Work")
    monkeypatch.undo()
    assert made.commit
    assert not os.path.exists(other / "index")


async def test_several_repositories(project: Project, tmp_path: Path) -> None:
    tools = Repositories([Repository(tmp_path / "none"), Repository(project.top)])
    assert (await tools.status(project.top)).branch == "work"


def _conflict(project: Project) -> None:
    project.git("switch", "--quiet", "-c", "other")
    project.write("README.md", "theirs\n")
    project.git("commit", "--quiet", "-am", "theirs")
    project.git("switch", "--quiet", "work")
    for text in ("ours\n", "ours again\n"):
        project.write("README.md", text)
        project.git("commit", "--quiet", "-am", text.strip())
