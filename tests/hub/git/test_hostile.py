"""Repositories that want to run programs, to be taken for others, or to confuse."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.hub.git.conftest import Project, run

from agentos.errors import GitError, PushRefused, RepositoryNotRegistered, SecretsFound
from agentos.hub.git.registered import find_work_tree
from agentos.hub.git.trust import risky_settings
from agentos.hub.settings import Repository

SECRET = "ghp_" + "Zk3Qw8Rt5Yp1Lm7Nv2Bx9Cd4Fg6Hj0SaTePu"
NAMES = [
    "two\nlines",
    'quo"ted',
    "apos'trophe",
    "-rf",
    "--all",
    ":(glob)*",
    ":!x",
    "*",
    "[a]",
    "back\\slash",
    " spaces ",
    "tab\there",
    "naïve-日本",
    "$(id)",
    ";id",
    "#hash",
    "~",
]


@pytest.fixture
def trap(tmp_path: Path) -> tuple[Path, Path]:
    """A program that leaves a mark when it runs, and the mark."""
    mark, program = tmp_path / "it-ran", tmp_path / "trap"
    program.write_text(f"#!/bin/sh\ntouch {mark}\ncat 2>/dev/null\n")
    program.chmod(0o755)
    return program, mark


async def trust(project: Project) -> None:
    tree = await find_work_tree([Repository(project.top)], project.top)
    await project.trusted.accept(tree.git, tree.common_dir, await risky_settings(tree.git))


async def use_all(project: Project) -> None:
    await project.tools.status(project.top)
    await project.tools.diff(project.top)
    await project.tools.diff(project.top, staged=True)
    await project.tools.commit(project.top, "Work")


@pytest.mark.parametrize(
    "key",
    [
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.askPass",
        "core.alternateRefsCommand",
        "diff.external",
        "diff.bad.textconv",
        "diff.bad.command",
        "alias.status",
        "alias.commit",
        "sequence.editor",
        "pager.diff",
        "pager.status",
        "interactive.diffFilter",
        "merge.bad.driver",
    ],
)
async def test_settings_that_are_never_followed(
    project: Project, trap: tuple[Path, Path], key: str
) -> None:
    project.write(".gitattributes", "* diff=bad merge=bad\n")
    project.write("README.md", "changed\n")
    alias = "!" if key.startswith("alias") else ""
    project.git("config", key, f"{alias}{trap[0]}")
    await use_all(project)
    assert not trap[1].exists()


@pytest.mark.parametrize("key", ["filter.bad.clean", "filter.bad.smudge", "filter.bad.process"])
async def test_filters_need_a_persons_word_for_anything(
    project: Project, trap: tuple[Path, Path], key: str
) -> None:
    project.write(".gitattributes", "* filter=bad\n")
    project.write("README.md", "changed\n")
    project.git("config", key, str(trap[0]))
    for attempt in (
        project.tools.status(project.top),
        project.tools.diff(project.top),
        project.tools.commit(project.top, "Work"),
        project.tools.push(project.top),
    ):
        with pytest.raises(GitError) as caught:
            await attempt
        assert caught.value.code == "git_config_untrusted"
        assert key in str(caught.value)
    assert not trap[1].exists()


@pytest.mark.parametrize(
    "key", ["core.hooksPath", "gpg.program", "gpg.ssh.program", "gpg.ssh.defaultKeyCommand"]
)
async def test_settings_that_a_commit_follows_need_a_persons_word(
    project: Project, trap: tuple[Path, Path], key: str
) -> None:
    project.write("a")
    project.git("config", key, str(trap[0]))
    await project.tools.status(project.top)
    with pytest.raises(GitError) as caught:
        await project.tools.commit(project.top, "Work")
    assert caught.value.code == "git_config_untrusted"
    assert "agentos git trust" in str(caught.value)
    assert not trap[1].exists()


@pytest.mark.parametrize(
    "key",
    [
        "core.sshCommand",
        "core.gitProxy",
        "core.hooksPath",
        "credential.helper",
        "credential.https://example.com.helper",
        "http.proxy",
        "http.sslVerify",
        "http.https://example.com.extraHeader",
        "remote.origin.receivepack",
        "remote.origin.vcs",
        "url.https://evil.example/.insteadOf",
        "url.https://evil.example/.pushInsteadOf",
        "protocol.ext.allow",
    ],
)
async def test_settings_that_a_push_follows_need_a_persons_word(
    project: Project, remote: Path, trap: tuple[Path, Path], key: str
) -> None:
    project.git("config", key, str(trap[0]))
    with pytest.raises(GitError) as caught:
        await project.tools.push(project.top)
    assert caught.value.code == "git_config_untrusted"
    assert not trap[1].exists()


async def test_an_included_file_is_looked_into(project: Project, trap: tuple[Path, Path]) -> None:
    project.write("settings", f'[filter "x"]\n\tclean = {trap[0]}\n')
    project.git("config", "include.path", "../settings")
    with pytest.raises(GitError, match=r"filter\.x\.clean"):
        await project.tools.status(project.top)


async def test_a_persons_word_is_for_what_they_saw(
    project: Project, trap: tuple[Path, Path], tmp_path: Path
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text(f"#!/bin/sh\n{trap[0]}\n")
    (hooks / "pre-commit").chmod(0o755)
    project.git("config", "core.hooksPath", str(hooks))
    project.write("a")
    await trust(project)
    assert (await project.tools.commit(project.top, "Work")).commit
    assert trap[1].exists()
    project.git("config", "core.hooksPath", str(tmp_path))
    project.write("b")
    with pytest.raises(GitError) as caught:
        await project.tools.commit(project.top, "Work")
    assert caught.value.code == "git_config_untrusted"


async def test_what_the_user_has_globally_is_trusted(project: Project, users_git: Path) -> None:
    with users_git.open("a") as config:
        config.write('[filter "upper"]\n\tclean = tr a-z A-Z\n')
    project.git("config", "filter.upper.clean", "tr a-z A-Z")
    project.write(".gitattributes", "*.txt filter=upper\n")
    project.write("a.txt", "shout\n")
    await project.tools.commit(project.top, "Work")
    assert project.git("show", "HEAD:a.txt") == "SHOUT"


async def test_a_directory_as_a_remote_runs_no_hook(
    project: Project, remote: Path, trap: tuple[Path, Path]
) -> None:
    hook = remote / "hooks/post-receive"
    hook.write_text(f"#!/bin/sh\n{trap[0]}\n")
    hook.chmod(0o755)
    with pytest.raises(GitError, match="post-receive"):
        await project.tools.push(project.top)
    assert not trap[1].exists()
    await trust(project)
    await project.tools.push(project.top)
    assert trap[1].exists()


async def test_a_remote_that_is_a_command(project: Project, trap: tuple[Path, Path]) -> None:
    project.git("remote", "add", "origin", f"ext::{trap[0]}")
    with pytest.raises(GitError):
        await project.tools.push(project.top)
    assert not trap[1].exists()


@pytest.mark.parametrize("name", NAMES)
async def test_names_of_files(project: Project, name: str) -> None:
    project.write(name)
    state = await project.tools.status(project.top)
    assert len(state.files) == 1
    state.model_dump_json()
    made = await project.tools.commit(project.top, "Work", [name])
    assert made.files == 1
    assert project.committed() == {"README.md", name}
    project.write(name, "changed\n")
    assert (await project.tools.diff(project.top, paths=[name])).insertions == 1
    (project.top / name).unlink()
    await project.tools.commit(project.top, "Remove")
    assert project.committed() == {"README.md"}


@pytest.mark.parametrize("name", NAMES)
async def test_secrets_in_files_of_any_name(project: Project, name: str) -> None:
    project.write(name, SECRET)
    made = await project.tools.commit(project.top, "Work")
    assert made.commit is None
    assert len(made.held_back) == 1


async def test_names_that_are_no_text(project: Project) -> None:
    project.write("\udcff\udcfe")
    state = await project.tools.status(project.top)
    assert state.files[0].path == "\\xff\\xfe"
    made = await project.tools.commit(project.top, "Work")
    assert made.files == 1
    assert "\udcff\udcfe" in project.committed()


async def test_a_submodule_is_not_entered(
    project: Project, trap: tuple[Path, Path], tmp_path: Path
) -> None:
    library = tmp_path / "library"
    run("git", "init", library)
    (library / "a").write_text("a\n")
    run("git", "add", "a", cwd=library)
    run("git", "commit", "-m", "a", cwd=library)
    project.git("submodule", "--quiet", "add", str(library), "lib")
    project.git("commit", "--quiet", "-m", "add lib")
    inside = project.top / "lib"
    project.git("config", "core.fsmonitor", str(trap[0]), cwd=inside)
    (inside / "a").write_text("b\n")
    run("git", "-c", "core.fsmonitor=false", "commit", "-am", "b", cwd=inside)
    (inside / "untracked").write_text("x\n")
    assert [each.path for each in (await project.tools.status(project.top)).files] == ["lib"]
    await use_all(project)
    assert not trap[1].exists()
    head = project.git("-c", "core.fsmonitor=false", "rev-parse", "HEAD", cwd=inside)
    assert project.git("rev-parse", "HEAD:lib") == head
    with pytest.raises(RepositoryNotRegistered):
        await project.tools.status(inside)


async def test_a_repository_within_is_held_back(project: Project) -> None:
    nested = project.top / "nested"
    run("git", "init", nested)
    (nested / "a").write_text("a\n")
    made = await project.tools.commit(project.top, "Work")
    assert made.commit is None
    assert made.held_back[0].path == "nested/"
    with pytest.raises(RepositoryNotRegistered):
        await project.tools.commit(nested, "Work")


async def test_a_bare_repository_within_is_no_work_tree(
    project: Project, trap: tuple[Path, Path]
) -> None:
    bare = project.top / "bare"
    run("git", "init", "--bare", bare)
    run("git", "config", "core.fsmonitor", trap[0], cwd=bare)
    with pytest.raises(RepositoryNotRegistered):
        await project.tools.status(bare)
    assert not trap[1].exists()


async def test_a_link_leads_to_where_it_leads(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "other"
    run("git", "init", other)
    (project.top / "link").symlink_to(other)
    (tmp_path / "alias").symlink_to(project.top)
    with pytest.raises(RepositoryNotRegistered):
        await project.tools.status(project.top / "link")
    state = await project.tools.status(tmp_path / "alias")
    assert state.repository == str(project.top.resolve())


async def test_a_link_is_committed_as_a_link(project: Project) -> None:
    outside = project.top.parent / "outside.txt"
    outside.write_text(SECRET)
    (project.top / "link").symlink_to(outside)
    (project.top / "linked").symlink_to(outside.parent)
    made = await project.tools.commit(project.top, "Work")
    assert made.files == 2
    assert project.git("cat-file", "blob", "HEAD:link") == str(outside)
    with pytest.raises(GitError) as caught:
        await project.tools.commit(project.top, "Out", ["linked/outside.txt"])
    assert caught.value.code == "git_path_outside"


async def test_a_work_tree_set_to_elsewhere(project: Project, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    project.git("config", "core.worktree", str(tmp_path / "secrets"))
    for directory in (project.top, tmp_path / "secrets"):
        with pytest.raises(RepositoryNotRegistered):
            await project.tools.status(directory)


async def test_linked_work_trees(project: Project, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    project.git("worktree", "add", "--quiet", "-b", "side", str(linked))
    (linked / "a").write_text("a\n")
    made = await project.tools.commit(linked, "In the other")
    assert made.branch == "side"
    assert project.git("status", "--porcelain") == ""
    assert (await project.tools.status(linked)).clean


async def test_a_directory_that_claims_to_be_a_work_tree(project: Project, tmp_path: Path) -> None:
    forged = tmp_path / "forged"
    forged.mkdir()
    (forged / ".git").write_text(f"gitdir: {project.top / '.git'}\n")
    (forged / "shadow").write_text("root:x\n")
    with pytest.raises(RepositoryNotRegistered):
        await project.tools.commit(forged, "Work")


@pytest.mark.parametrize("directory", ["relative", "/none", "/etc/passwd", "/", "/tmp", "a\0b", ""])
async def test_directories_that_are_not_registered(project: Project, directory: str) -> None:
    with pytest.raises(RepositoryNotRegistered):
        await project.tools.status(directory)


async def test_the_parent_of_a_registered_repository(project: Project) -> None:
    outer = project.top.parent
    run("git", "init", outer)
    with pytest.raises(RepositoryNotRegistered):
        await project.tools.status(project.top / "..")
    assert (await project.tools.status(project.top)).branch == "work"


async def test_a_pointer_of_git_lfs_is_text_like_any(project: Project) -> None:
    oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
    project.write(
        "film.mp4", f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 9\n"
    )
    project.write(".gitattributes", "*.mp4 filter=lfs -text\n")
    assert (await project.tools.commit(project.top, "Work")).files == 2


async def test_a_large_file_that_a_filter_makes_small(project: Project, users_git: Path) -> None:
    with users_git.open("a") as config:
        config.write('[filter "small"]\n\tclean = wc -c\n')
    project.write(".gitattributes", "*.mp4 filter=small\n")
    project.write("film.mp4", "x" * 5000)
    made = await project.with_settings(max_file_bytes=2000).tools.commit(project.top, "Work")
    assert made.files == 2
    assert project.git("show", "HEAD:film.mp4") == "5000"


async def test_a_sparse_work_tree(project: Project) -> None:
    for name in ("in/a", "out/b"):
        project.write(name)
    await project.tools.commit(project.top, "Both")
    project.git("sparse-checkout", "set", "in")
    assert not (project.top / "out").exists()
    project.write("in/a", "changed\n")
    made = await project.tools.commit(project.top, "One")
    assert made.files == 1
    assert project.committed() == {"README.md", "in/a", "out/b"}
    assert project.git("status", "--porcelain") == ""


async def test_a_pipe_in_the_work_tree(project: Project) -> None:
    os.mkfifo(project.top / "pipe")
    project.write("a")
    assert (await project.tools.commit(project.top, "Work")).files == 1


async def test_what_is_ignored_stays_out(project: Project) -> None:
    project.write(".gitignore", ".env\n")
    project.write(".env", f"TOKEN={SECRET}\n")
    made = await project.tools.commit(project.top, "Work")
    assert project.committed() == {"README.md", ".gitignore"}
    assert made.held_back == []


async def test_a_patch_is_bounded(project: Project) -> None:
    project.write("README.md", "line\n" * 100_000)
    shown = await project.tools.diff(project.top, limit=10_000)
    assert len(shown.patch) == 10_000
    assert shown.truncated
    assert shown.insertions == 100_000


async def test_a_patch_of_some_paths(project: Project) -> None:
    project.write("sub/a")
    project.write("b")
    await project.tools.commit(project.top, "Both")
    project.write("sub/a", "A\n")
    project.write("b", "B\n")
    assert (await project.tools.diff(project.top)).files == 2
    assert (await project.tools.diff(project.top / "sub")).files == 1
    assert (await project.tools.diff(project.top, paths=["b"])).patch.count("diff --git") == 1
    assert (await project.tools.diff(project.top, staged=True)).patch == ""


async def test_many_files(project: Project) -> None:
    for number in range(1200):
        project.write(f"many/{number}")
    state = await project.tools.status(project.top)
    assert (len(state.files), state.truncated) == (500, True)
    assert (await project.tools.commit(project.top, "Work")).files == 1200


async def test_hooks_do_not_see_the_hubs_keys(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTOS_TOKEN", "of-the-hub")
    monkeypatch.setenv("OPENAI_API_KEY", "of-the-gateway")
    hook = project.write(".git/hooks/pre-commit", "#!/bin/sh\nenv > ../environment\n")
    hook.chmod(0o755)
    project.write("a")
    await project.tools.commit(project.top, "Work")
    seen = (project.top.parent / "environment").read_text()
    assert "PATH=" in seen
    assert "of-the" not in seen


async def test_an_intent_to_add_is_kept(project: Project) -> None:
    project.write("a")
    project.git("add", "--intent-to-add", "a")
    assert (await project.tools.commit(project.top, "Work")).files == 1


@pytest.mark.parametrize("branch", ["main", "trunk"])
async def test_a_branch_named_as_a_file(project: Project, remote: Path, branch: str) -> None:
    project.write("work")
    project.write(branch)
    await project.tools.commit(project.top, "Work")
    assert (await project.tools.push(project.top)).state == "pushed"


async def test_no_way_around_protection_by_a_symbolic_branch(
    project: Project, remote: Path
) -> None:
    project.write("a")
    await project.tools.commit(project.top, "Work")
    project.git("symbolic-ref", "refs/heads/sly", "refs/heads/main")
    before = project.git("rev-parse", "refs/heads/main", cwd=remote)
    await project.tools.push(project.top, branch="sly")
    assert project.git("rev-parse", "refs/heads/main", cwd=remote) == before
    with pytest.raises(PushRefused):
        await project.tools.push(project.top, branch="heads/main")


async def test_encodings_do_not_hide_a_secret(project: Project) -> None:
    (project.top / "wide.txt").write_bytes(f"token {SECRET}\n".encode("utf-16"))
    (project.top / "blob.bin").write_bytes(b"\0\1\2" + SECRET.encode() + b"\0")
    made = await project.tools.commit(project.top, "Work")
    assert {held.path for held in made.held_back} == {"wide.txt", "blob.bin"}
    with pytest.raises(SecretsFound):
        await project.tools.commit(project.top, "Work", ["blob.bin"])
