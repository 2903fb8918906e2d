"""`agentos.toml`: what it may say of the hub, and where its mistakes are said to be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentos.errors import ConfigInvalid
from agentos.home.projects import Project, project_named
from agentos.hub.settings import HubSettings, load_hub_settings

WHOLE = """
[hub]
port = 0
tls = { certificate = "tls/hub.pem", key = "/etc/hub.key" }
allowed_hosts = ["hub.test"]
retention_days = 7

[fs]
roots = ["~/code", "notes", "/srv"]

[portfolio]
stale_after_days = 10

[[repositories]]
path = "."

[[repositories]]
path = "~/site"
protected = []
push_approval = true
max_file_bytes = 100

[extension]
directory = "ext"

[[actions]]
name = "compile"
command = "make 'all of it'"
timeout = 5

[[actions]]
name = "lint"
directory = "/srv/x"
command = ["ruff", "check"]
artefact = "report-*.json"

[[projects]]
name = "site"
path = "~/site"
portfolio = ["identity"]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("AGENTOS_FS_ROOTS", raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    return tmp_path / "agentos.toml"


def test_everything_it_may_say(file: Path) -> None:
    file.write_text(WHOLE)
    settings, here = load_hub_settings(file), file.parent
    assert (settings.port, settings.host, settings.retention_days) == (0, "127.0.0.1", 7)
    assert settings.tls_certificate == here / "tls/hub.pem"
    assert settings.tls_key == Path("/etc/hub.key")
    assert settings.fs_roots == (Path("/home/somebody/code"), here / "notes", Path("/srv"))
    first, second = settings.repositories
    assert (first.path, first.protected) == (here, ("main", "master", "release/*"))
    assert (second.path, second.protected) == (Path("/home/somebody/site"), ())
    assert (second.push_approval, second.max_file_bytes) == (True, 100)
    assert project_named(settings.projects, "site") == Project(
        "site", Path("/home/somebody/site"), ("identity",)
    )
    assert settings.stale_after_days == 10


def test_actions_of_an_extension_have_defaults_that_can_be_replaced(file: Path) -> None:
    file.write_text(WHOLE)
    actions = {action.name: action for action in load_hub_settings(file).actions}
    assert sorted(actions) == ["compile", "install", "lint", "package"]
    assert actions["compile"].command == ("make", "all of it")
    assert actions["compile"].timeout == 5
    assert actions["package"].command == ("npm", "run", "package")
    assert actions["install"].command == ()
    assert actions["lint"].directory == Path("/srv/x")
    assert {actions[name].directory for name in ("compile", "package", "install")} == {
        file.parent / "ext"
    }


def test_without_a_file_everything_is_as_usual(file: Path) -> None:
    assert load_hub_settings(file) == HubSettings()


def test_the_environments_roots_go_first(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(WHOLE)
    monkeypatch.setenv("AGENTOS_FS_ROOTS", os.pathsep.join(["/a", "~/b", ""]))
    assert load_hub_settings(file).fs_roots == (Path("/a"), Path("/home/somebody/b"))
    monkeypatch.setenv("AGENTOS_FS_ROOTS", "relative")
    with pytest.raises(ConfigInvalid, match="AGENTOS_FS_ROOTS"):
        load_hub_settings(file)


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        ("hubb = 1", "1:1", "hubb: there is no such table", "did you mean hub?"),
        ("[hub]\n\n  prot = 1", "3:3", "hub.prot: there is no such setting", "mean port?"),
        ('[hub]\nport = "3000"', "2:1", "hub.port: input should be a valid integer", ""),
        ("[hub]\nport = 70000", "2:1", "less than or equal to 65535", ""),
        ("hub.tls.certificate = 'x'", "1:1", "hub.tls: key is missing", "add key"),
        ("hub = { host = 'h', prot = 1 }", "1:21", "no such setting", "port"),
        ("[[repositories]]\npath='a'\n[[repositories]]\n", "3:3", "path is missing", "add path"),
        ("[[repositories]]\npath='a'\nprotcted=[]", "3:1", "no such setting", "mean protected?"),
        ("[[repositories]]\npath='a'\n[[repositories]]\npath='./a'", "4:1", "twice", ""),
        ("[fs]\nroots = [\n '/a',\n 7]", "4:2", "fs.roots.1: input should be a valid string", ""),
        ("[[actions]]\nname='compile'", "1:3", "directory is missing", "[extension]"),
        ("[[actions]]\nname='x'\ndirectory='.'", "1:3", "command is missing", "compile"),
        ("[[actions]]\nname='x'\ncommand='a \"'", "3:1", "no closing quotation", ""),
        ("[[actions]]\nname='x'\ncommand=[]", "3:1", "at least 1 item", ""),
        ("[[projects]]\nname='a b'\npath='.'", "2:1", "letters, digits", ""),
        (
            "projects = [{name='a', path='x'},\n  {name='a', path='y'}]",
            "2:4",
            "two projects",
            "rename",
        ),
        ("[fs]\nroots = ['~nobody_here/x']", "2:10", "a user that there is not", "~/..."),
        ("[extension]\ndirectory = '~nobody_here'", "2:1", "a user that there is not", "~/..."),
        ("hub.tls = { certificate = '~nobody_here', key = 'k' }", "1:13", "a user that", "~/..."),
        ("\ufeff[hub]\nport = 1", "1:1", "byte order mark", "without"),
        ("[hub]\nport = \n", "2:8", "not valid TOML", ""),
        ("[hub]\nport = 1\nport = 2\n", "3:9", "not valid TOML", ""),
    ],
)
def test_a_mistake_has_its_line_and_what_was_meant(
    file: Path, text: str, where: str, message: str, hint: str
) -> None:
    file.write_text(text)
    with pytest.raises(ConfigInvalid) as caught:
        load_hub_settings(file)
    assert caught.value.message.startswith(f"{file}:{where}: ")
    assert message in caught.value.message.lower() or message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_of_several_mistakes_the_first_is_told(file: Path) -> None:
    file.write_text("[hub]\nport = 'x'\n[models]\nnothing = 1\n")
    with pytest.raises(ConfigInvalid, match=r":2:1: hub\.port"):
        load_hub_settings(file)


def test_a_mistake_anywhere_in_the_document_is_one(file: Path) -> None:
    file.write_text("[hub]\nport = 1\n[providers.mine]\nretries = 1\n")
    with pytest.raises(ConfigInvalid, match=r":3:2: providers\.mine: it has no base_url"):
        load_hub_settings(file)


def test_a_file_that_cannot_be_read(file: Path) -> None:
    file.write_bytes(b"[hub]\nhost = '\xff'\n")
    with pytest.raises(ConfigInvalid, match=":2: this is not UTF-8"):
        load_hub_settings(file)
    file.unlink()
    file.mkdir()
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        load_hub_settings(file)
