"""Push, undo and clean on real files: what users and clients see of it."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from tests.sync.conftest import Look, Place

from agentos.errors import SyncConflict, SyncError
from agentos.sync.desired import Desired, KeyPath, OwnedFile, OwnedKeys, OwnedSection, Value
from agentos.sync.diff import diff
from agentos.sync.formats.toml_markers import BEGIN, END
from agentos.sync.lock import lock
from agentos.sync.plan import Choices
from agentos.sync.run import Sync
from agentos.sync.store import Store
from agentos.sync.target import FileState
from agentos.testing.memory_files import MemoryFiles

USERS = '# mine\nmodel = "gpt"  # the good one\n\n[projects."/x"]\ntrust_level = "trusted"\n'
SERVER: dict[KeyPath, Value] = {
    ("approval_policy",): "never",
    ("mcp_servers", "agentOS", "command"): "agentos",
    ("mcp_servers", "agentOS", "args"): ["mcp"],
}


def keys(place: Place, values: dict[KeyPath, Value] | None = None) -> OwnedKeys:
    return OwnedKeys(
        place.home / "config.toml", "toml", SERVER if values is None else values, marked=True
    )


def test_keys_go_between_markers_and_the_rest_stays_as_it_was(place: Place) -> None:
    path = place.write("config.toml", USERS, mode=0o600)
    place.push(keys(place))
    text = path.read_text()
    assert text.startswith('# mine\nmodel = "gpt"  # the good one\n')
    assert '\n[projects."/x"]\ntrust_level = "trusted"\n' in text
    assert f'{BEGIN}\napproval_policy = "never"\n{END}\n' in text
    assert f'{BEGIN}\n[mcp_servers.agentOS]\ncommand = "agentos"\nargs = ["mcp"]\n{END}\n' in text
    assert path.stat().st_mode & 0o777 == 0o600
    assert place.plan(keys(place)).in_sync


def test_a_client_that_writes_its_settings_again_changes_nothing(place: Place) -> None:
    path = place.write("config.toml", USERS)
    place.push(keys(place))
    rewritten = "".join(
        line for line in path.read_text().splitlines(True) if not line.startswith("#")
    )
    rewritten = rewritten.replace('args = ["mcp"]', "args = [\n  'mcp',\n]")
    rewritten += '[mcp_servers.agentOS.tools.x]\napproval_mode = "approve"\n'
    path.write_text(rewritten)
    assert place.plan(keys(place)).in_sync
    assert place.push(keys(place)) is None
    assert path.read_text() == rewritten

    place.push(keys(place, {**SERVER, ("mcp_servers", "agentOS", "command"): "newer"}))
    found = tomllib.loads(path.read_text())["mcp_servers"]["agentOS"]
    assert found == {
        "command": "newer",
        "args": ["mcp"],
        "tools": {"x": {"approval_mode": "approve"}},
    }
    assert path.read_text().count("[mcp_servers.agentOS]") == 1
    assert f'{BEGIN}\n[mcp_servers.agentOS]\ncommand = "newer"' in path.read_text()


def test_what_clients_wrote_into_our_table_survives_our_leaving(place: Place) -> None:
    path = place.write("config.toml", USERS)
    place.push(keys(place))
    with path.open("a") as file:
        file.write('enabled = false\n[mcp_servers.agentOS.tools.x]\nmode = "approve"\n')
    place.push(keys(place, {}))
    left = tomllib.loads(path.read_text())
    assert left["mcp_servers"]["agentOS"] == {"enabled": False, "tools": {"x": {"mode": "approve"}}}
    assert "approval_policy" not in left
    assert BEGIN not in path.read_text()


def test_an_edit_of_the_users_is_a_conflict_and_theirs_to_settle(place: Place, look: Look) -> None:
    path = place.write("config.toml", USERS)
    place.push(keys(place))
    path.write_text(path.read_text().replace('"agentos"', '"mine"'))
    before = look()
    with pytest.raises(SyncConflict) as caught:
        place.push(keys(place))
    assert caught.value.names == (f"{path}: mcp_servers.agentOS.command",)
    assert look() == before

    place.push(keys(place), choices=Choices("theirs"))
    assert look() == before
    assert place.plan(keys(place)).in_sync
    newer = keys(place, {**SERVER, ("mcp_servers", "agentOS", "command"): "newer"})
    assert len(place.plan(newer).conflicts) == 1

    single = Choices(sides={f"{path}: mcp_servers.agentOS.command": "ours"})
    place.push(newer, choices=single)
    assert tomllib.loads(path.read_text())["mcp_servers"]["agentOS"]["command"] == "newer"


def test_a_key_that_the_user_removed_stays_removed(place: Place) -> None:
    path = place.write("config.toml", USERS)
    place.push(keys(place))
    path.write_text(path.read_text().replace('approval_policy = "never"\n', ""))
    plan = place.plan(keys(place))
    assert [(each.name, each.action, each.moved) for each in plan.changes] == [
        ("approval_policy", "keep", "file")
    ]
    for values in (SERVER, {**SERVER, ("approval_policy",): "on-request"}):
        place.push(keys(place, values))
        assert place.plan(keys(place, values)).in_sync
        assert "approval_policy" not in tomllib.loads(path.read_text())

    place.push(keys(place), choices=Choices(restore=frozenset({"approval_policy"})))
    assert tomllib.loads(path.read_text())["approval_policy"] == "never"


def test_equal_values_of_a_first_push_are_adopted_and_others_are_conflicts(place: Place) -> None:
    path = place.write("config.toml", 'approval_policy = "never" # by hand\n')
    place.push(keys(place))
    assert 'approval_policy = "never" # by hand\n' in path.read_text()
    place.push(keys(place, {}))
    assert "approval_policy" not in path.read_text()

    other = place.write("other.toml", 'approval_policy = "on-request"\n')
    with pytest.raises(SyncConflict):
        place.push(OwnedKeys(other, "toml", SERVER), client="other")


def test_a_file_that_sync_made_goes_with_its_last_key(place: Place, look: Look) -> None:
    before = look()
    for name, language in (("a.toml", "toml"), ("b.json", "json"), ("c.jsonc", "jsonc")):
        path = place.home / "new" / name
        owned = OwnedKeys(path, language, {("a", "b"): 1})  # type: ignore[arg-type]
        place.push(owned, roots=[place.home / "new"])
        assert path.is_file()
        place.push(roots=[place.home / "new"])
        assert look() == before


def test_a_section_keeps_line_endings_and_the_rest(place: Place) -> None:
    path = place.write("AGENTS.md", b"# Mine\r\nnever lie")
    section = OwnedSection(path, "guide", "Be nice.\nBe brief.\n")
    place.push(section)
    assert path.read_bytes() == (
        b"# Mine\r\nnever lie\r\n\r\n"
        b"<!-- BEGIN AgentOS: guide (managed: change it in your AgentOS home) -->\r\n"
        b"Be nice.\r\nBe brief.\r\n"
        b"<!-- END AgentOS: guide -->\r\n"
    )
    place.push()
    assert path.read_bytes() == b"# Mine\r\nnever lie\r\n"


def test_an_edit_inside_a_section_is_a_conflict(place: Place) -> None:
    path = place.write("AGENTS.md", "# Mine\n")
    place.push(OwnedSection(path, "guide", "Be nice.\nBe brief."))
    path.write_text(path.read_text().replace("Be brief.", "Be long."))
    edited = path.read_text()
    with pytest.raises(SyncConflict) as caught:
        place.push(OwnedSection(path, "guide", "Be nicer."))
    assert caught.value.names == (f"{path}: guide",)
    assert path.read_text() == edited


def test_a_section_whose_markers_are_lost_is_found_again(place: Place) -> None:
    path = place.write("AGENTS.md", "# Mine\n")
    place.push(OwnedSection(path, "guide", "Be nice.\nBe brief."))
    path.write_text("# Mine\n\nBe nice.  \nBe brief.\nmore of mine\n")
    assert place.plan(OwnedSection(path, "guide", "Be nice.\nBe brief.")).in_sync
    place.push(OwnedSection(path, "guide", "Be nicer."))
    assert path.read_text() == (
        "# Mine\n\n"
        "<!-- BEGIN AgentOS: guide (managed: change it in your AgentOS home) -->\n"
        "Be nicer.\n"
        "<!-- END AgentOS: guide -->\n"
        "more of mine\n"
    )


def test_a_section_that_is_there_twice_is_one_again(place: Place) -> None:
    path = place.home / "AGENTS.md"
    place.push(OwnedSection(path, "guide", "Be nice."))
    block = path.read_text()
    path.write_text(f"{block}between\n{block}<!-- END AgentOS: guide -->\nlast\n")
    place.push(OwnedSection(path, "guide", "Be nicer."))
    assert path.read_text() == block.replace("nice", "nicer") + "between\nlast\n"


def test_a_file_under_two_names_has_the_parts_of_both(place: Place) -> None:
    path = place.write("AGENTS.md", "# Mine\n")
    (place.home / "CLAUDE.md").symlink_to("AGENTS.md")
    desired = [
        Desired("codex", (OwnedSection(path, "codex", "one"),)),
        Desired("claude", (OwnedSection(place.home / "CLAUDE.md", "claude", "two"),)),
    ]
    with place.sync.alone("push"):
        place.sync.apply(place.sync.plan(desired))
    assert (place.home / "CLAUDE.md").is_symlink()
    assert {"one", "two", "# Mine"} <= set(path.read_text().splitlines())
    assert place.sync.plan(desired).in_sync


def test_whole_files_are_made_replaced_and_removed_with_their_directories(
    place: Place, look: Look
) -> None:
    before, skills = look(), place.home / "skills"
    files = [OwnedFile(skills / n / "SKILL.md", b"one", kind="skill") for n in ("a", "b")]
    place.push(*files, OwnedFile(skills / "a" / "run.sh", b"#!", mode=0o755), roots=[skills])
    assert look()["skills/a/run.sh"] == (b"#!", 0o755)
    place.push(OwnedFile(skills / "a" / "SKILL.md", b"two"), roots=[skills])
    assert [name for name in look() if "." in name] == ["skills/a/SKILL.md"]
    place.push(roots=[skills])
    assert look() == before


def test_a_directory_with_something_of_the_users_stays(place: Place) -> None:
    skills = place.home / "skills"
    place.push(OwnedFile(skills / "a" / "SKILL.md", b"one"), roots=[skills])
    place.write("skills/a/notes", "mine")
    place.push(roots=[skills])
    assert [path.name for path in skills.rglob("*")] == ["a", "notes"]


def test_a_file_that_the_user_edited_or_removed_is_theirs(place: Place) -> None:
    path = place.home / "SKILL.md"
    place.push(OwnedFile(path, b"one"))
    path.write_text("mine")
    with pytest.raises(SyncConflict):
        place.push(OwnedFile(path, b"two"))
    with pytest.raises(SyncConflict):
        place.push()
    path.unlink()
    place.push(OwnedFile(path, b"two"))
    assert not path.exists()
    assert place.plan(OwnedFile(path, b"three")).in_sync
    place.push(OwnedFile(path, b"three"), choices=Choices(restore=frozenset({"SKILL.md"})))
    assert path.read_bytes() == b"three"


def test_what_two_clients_have_goes_with_the_last_of_them(place: Place) -> None:
    path = place.home / "skills/SKILL.md"
    for client in ("codex", "opencode"):
        place.push(OwnedFile(path, b"one"), client=client)
    place.push(client="codex")
    assert path.read_bytes() == b"one"
    place.push(client="opencode")
    assert not path.exists()


def test_undo_brings_back_content_mode_links_and_absence(place: Place, look: Look) -> None:
    config = place.write("real/config.toml", USERS, mode=0o640)
    (place.home / "config.toml").symlink_to("real/config.toml")
    guide = place.write("AGENTS.md", b"\xef\xbb\xbf# Mine", mode=0o604)
    skill = place.home / "skills" / "a" / "SKILL.md"
    states = [look()]
    os.chown(guide, os.getuid(), os.getgid())
    for number, word in enumerate(("one", "two"), 1):
        values = {**SERVER, ("approval_policy",): word}
        section = OwnedSection(guide, "guide", word)
        file = OwnedFile(skill, word.encode())
        assert place.push(keys(place, values), section, file) == number
        states.append(look())
    assert (place.home / "config.toml").is_symlink()
    assert 'approval_policy = "two"' in config.read_text()
    for expected in reversed(states[:-1]):
        place.undo()
        assert look() == expected
    with pytest.raises(SyncError, match="nothing to undo"):
        place.undo()


def test_undo_brings_back_a_link_that_stood_for_our_file(place: Place, look: Look) -> None:
    path = place.home / "skills/SKILL.md"
    place.push(OwnedFile(path, b"one"), roots=[path.parent])
    path.rename(place.home / "elsewhere")
    path.symlink_to("../elsewhere")
    before = look()
    place.push(roots=[path.parent])
    assert (place.home / "elsewhere").read_bytes() == b"one"
    assert not path.parent.exists()
    place.undo()
    assert look() == before


def test_undo_does_not_overwrite_what_was_changed_since(place: Place, look: Look) -> None:
    path = place.write("config.toml", USERS)
    other = place.home / "SKILL.md"
    place.push(keys(place), OwnedFile(other, b"one"))
    with path.open("a") as file:
        file.write("# since\n")
    before = look()
    with pytest.raises(SyncConflict, match="changed after the sync") as caught:
        place.undo()
    assert caught.value.names == (str(path),)
    assert look() == before
    with place.sync.alone("undo"):
        assert place.sync.undo(side="theirs") == [other]
    assert path.read_text().endswith("# since\n")
    assert not other.exists()


def test_clean_takes_out_what_is_ours_and_deploys_it_anew(place: Place) -> None:
    path = place.write("config.toml", USERS)
    place.push(keys(place))
    block = path.read_text().split("\n\n")[-1]
    path.write_text(block.replace(f"{BEGIN}\n", "").replace(f"{END}\n", "") + "enabled = true\n")
    with place.sync.alone("clean"):
        plan = place.sync.plan_clean(
            [
                Desired(
                    "codex",
                    (keys(place, {key: value for key, value in SERVER.items() if len(key) > 1}),),
                )
            ]
        )
        assert place.sync.apply(plan) == 2
    assert path.read_text() == (
        "[mcp_servers.agentOS]\nenabled = true\n"
        f'{BEGIN}\ncommand = "agentos"\nargs = ["mcp"]\n{END}\n'
    )
    place.undo()
    assert BEGIN not in path.read_text()


def test_clean_leaves_what_the_user_took_over(place: Place, look: Look) -> None:
    path = place.write("config.toml", USERS)
    skill = place.home / "SKILL.md"
    owned = (keys(place), OwnedFile(skill, b"one"))
    place.push(*owned)
    path.write_text(path.read_text().replace('approval_policy = "never"\n', ""))
    skill.unlink()
    place.push(*owned)
    with place.sync.alone("clean"):
        place.sync.apply(place.sync.plan_clean([Desired("codex", owned)]))
    assert "approval_policy" not in path.read_text()
    assert not skill.exists()
    assert place.plan(*owned).in_sync


def test_a_change_between_plan_and_apply_is_noticed(place: Place, look: Look) -> None:
    place.write("a.md", "# Mine\n")
    path = place.write("config.toml", USERS)
    with place.sync.alone("push"):
        section = OwnedSection(place.home / "a.md", "guide", "one")
        plan = place.sync.plan([Desired("codex", (section, keys(place)))])
        path.write_text("# an editor was quicker\n")
        before = look()
        with pytest.raises(SyncError, match="has changed since") as caught:
            place.sync.apply(plan)
    assert caught.value.code == "changed_meanwhile"
    assert caught.value.path == str(path)
    assert look() == before
    assert place.push(keys(place)) == 1


def test_two_syncs_are_kept_apart(place: Place) -> None:
    with (
        place.sync.alone("push"),
        pytest.raises(SyncError, match=f"push, process {os.getpid()}") as caught,
        lock(place.sync.store.lock, "undo"),
    ):
        pass
    assert caught.value.code == "locked"
    assert caught.value.retryable
    with place.sync.alone("undo"):
        pass


def test_a_plan_reads_as_a_diff(place: Place) -> None:
    place.write("config.toml", USERS)
    image = place.write("image", b"\x89PNG\0")
    plan = place.plan(
        keys(place, {("approval_policy",): "never"}), OwnedFile(place.home / "new", b"\0")
    )
    text = diff(plan)
    assert '+approval_policy = "never"\n' in text
    assert "-# mine" not in text
    assert f"{image.parent}/new: binary content changes\n" in text


def test_names_that_differ_only_in_case_are_refused(place: Place, look: Look) -> None:
    files = [OwnedFile(place.home / name / "SKILL.md", b"one") for name in ("Ship", "ship")]
    before = look()
    with pytest.raises(SyncError, match="only in case") as caught:
        place.push(*files)
    assert caught.value.code == "names_collide"
    assert look() == before


def test_sync_keeps_its_own_files_to_its_user(place: Place) -> None:
    place.write("config.toml", 'token = "private"\n')
    place.push(keys(place))
    for path in place.sync.store.directory.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_files_may_be_elsewhere_than_here(tmp_path: Path) -> None:
    files = MemoryFiles()
    config = Path("/home/agent/.codex/config.toml")
    files.there[config] = FileState(USERS.encode(), 0o600, (1000, 1000))
    files.directories |= {Path("/home"): 0o755, Path("/home/agent"): 0o755, config.parent: 0o700}
    before = dict(files.there), dict(files.directories)
    skill = Path("/home/agent/.agents/skills/a/SKILL.md")
    owned = (OwnedKeys(config, "toml", SERVER, marked=True), OwnedFile(skill, b"one"))
    sync = Sync(Store(tmp_path), files)
    with sync.alone("push"):
        sync.apply(sync.plan([Desired("codex", owned)]))
        assert b"[mcp_servers.agentOS]" in files.there[config].content
        assert files.there[config].mode == 0o600
        assert files.there[skill].content == b"one"
        sync.undo()
    assert (files.there, files.directories) == before


def test_the_list_of_backups_goes_on_past_one_that_is_just_undone(place: Place) -> None:
    for policy in ("never", "untrusted", "on-request"):
        place.push(keys(place, {("approval_policy",): policy}))
    heads = place.sync.store.heads(place.sync.state)
    assert next(heads).number == 3
    (place.sync.store.directory / "backups/000002.zip").unlink()
    assert [head.number for head in heads] == [1]
