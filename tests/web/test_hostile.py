"""What others wrote is text: in the page, nothing of it runs, loads or leads astray."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from tests.web.conftest import Look, Place

RUN = "top.ran=1"
HOSTILE = [
    f"<script>{RUN}</script>",
    f"</script><script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f'"><img src=x onerror="{RUN}">',
    f"'><svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg/onload={RUN}//",
    f"<iframe srcdoc='<script>{RUN}</script>'></iframe>",
    f"<iframe src='javascript:{RUN}'></iframe>",
    f"<body onload={RUN}>",
    f"<details open ontoggle={RUN}>x</details>",
    f"<video><source onerror={RUN}></video>",
    f"<input autofocus onfocus={RUN}>",
    f"<math><mtext></p><img src=x onerror={RUN}></math>",
    f"<style>@import 'javascript:{RUN}'</style>",
    "<style>*{display:none}</style>",
    "<base href='http://attacker.example/'>",
    f"<meta http-equiv=refresh content='0;url=javascript:{RUN}'>",
    f"<form action='javascript:{RUN}'><button>go</button></form>",
    f"<a href='javascript:{RUN}'>click</a>",
    f"[click](javascript:{RUN})",
    f"[click](JaVaScRiPt:{RUN})",
    f"[click](java&#x0A;script:{RUN})",
    f"[click](&#106;avascript:{RUN})",
    f"[click](data:text/html,<script>{RUN}</script>)",
    f"[click](vbscript:{RUN})",
    f"[click](<javascript:{RUN}>)",
    f"<javascript:{RUN}>",
    f"![x](javascript:{RUN})",
    f'![x](x"onerror="{RUN})',
    f'[x](https://example.org/"onmouseover="{RUN})',
    f"[x]: javascript:{RUN}\n\n[x]",
    f"`<img src=x onerror={RUN}>`",
    f"```html\n<script>{RUN}</script>\n```",
    f"<!--><img src=x onerror={RUN}>-->",
    f"<![CDATA[<img src=x onerror={RUN}>]]>",
    f"<noscript><p title='</noscript><img src=x onerror={RUN}>'>",
    f"<template><img src=x onerror={RUN}></template><x/onclick={RUN}>x",
    f"{{{{constructor.constructor('{RUN}')()}}}}",
    f"${{{RUN}}} \u202egnp.exe \u0000 \u2028 {RUN}",
    f"onclick={RUN} style=position:fixed;inset:0",
    f"__proto__ </title></textarea><script>{RUN}</script>",
]


def require_text_only(page: Page) -> None:
    """Nothing ran, and there is no element that only these strings can have made."""
    assert page.evaluate("window.ran") is None
    made = "script:not([src]), style, iframe, base, form[action], video, object, embed, math"
    assert page.locator(f"#page :is({made}, main img, main svg)").count() == 0
    for link in page.locator("a[href]").all():
        target = link.evaluate("link => link.href")
        assert target.startswith(("http://", "https://", "vscode://file/")), target


def test_nothing_that_others_wrote_runs(place: Place, look: Look) -> None:
    assert len(HOSTILE) >= 40
    asked: list[str] = []
    for number, text in enumerate(HOSTILE):
        name = (
            text.replace("/", "\u2215")
            .replace(":", "\uff1a")
            .replace("\n", " ")
            .replace("\0", "")[:60]
        )
        file = place.portfolio / f"{number:02} {''.join(c for c in name if c.isprintable())}.md"
        file.write_text(f"---\nscope: {text!r}\nstability: {text!r}\n---\n# {text}\n\n{text}\n")
        client = text.replace("\n", " ")[:100]
        place.ask("POST", "/command-log", {"command": text[:200], "client": client})
        report = {"file": file.stem, "client": client}
        place.ask("POST", "/portfolio-read", report)
    everything = "\n\n".join(HOSTILE)
    for number, text in enumerate(HOSTILE):
        old, new = "Small commits", text.replace("\0", "")
        place.propose("identity", old, new, reason=text, client=HOSTILE[-number])
    (place.portfolio / "all.md").write_text(f"# All\n\n{everything}\n")

    page = look(place.link(), viewport={"width": 1024, "height": 768})
    page.on("request", lambda request: asked.append(request.url))
    expect(page.get_by_role("heading", name="Now", level=1)).to_be_visible()
    expect(page.get_by_role("table")).to_be_visible()
    require_text_only(page)
    for path, title in (("log", "Log"), ("inbox", "Inbox"), ("portfolio", "Portfolio")):
        page.evaluate("path => { location.hash = `#/${path}` }", path)
        expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
        expect(page.get_by_label("Loading")).to_have_count(0)
        if path == "log":
            page.get_by_role("button", name="Show older").click()
        expect(page.get_by_text("<svg onload").first).to_be_attached()
        require_text_only(page)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option").filter(has_text="<svg onload").first).to_be_visible()
    require_text_only(page)
    page.keyboard.press("Escape")
    for name in ["all", *sorted(file.stem for file in place.portfolio.glob("[0-9]*.md"))]:
        page.evaluate("name => { location.hash = `#/portfolio/${encodeURIComponent(name)}` }", name)
        expect(page.get_by_role("heading", name="Who read it")).to_be_visible()
        require_text_only(page)
    assert all(url.startswith(place.url) for url in asked), asked


def test_what_would_hide_in_a_change_is_shown(place: Place, look: Look) -> None:
    hidden = "Small \u202estimmoc\u202c \u200bcommits"
    place.propose("identity", "Small commits", hidden, reason="no change", client="codex")
    page = look(place.link())
    page.get_by_role("link", name="Inbox").click()
    expect(page.get_by_text("⟨U+202E⟩stimmoc⟨U+202C⟩ ⟨U+200B⟩commits")).to_be_visible()


def test_nothing_that_clients_files_and_skills_say_runs(place: Place, look: Look) -> None:
    _hostile_clients(place)
    asked: list[str] = []
    page = look(place.link(), viewport={"width": 1024, "height": 768})
    page.on("request", lambda request: asked.append(request.url))
    views = {
        "sync": "What a push would change",
        "sync?client=codex": "What a push would change",
        "sync/pull": "What a pull would bring",
        "sync/undo": "What an undo would bring back: backup 2",
        "skills": "All skills",
        "settings": "Profiles",
        **{f"skills/s{number:02}?client=claude": f"s{number:02}" for number in range(3)},
    }
    for path, heading in views.items():
        if path == "sync/undo":
            place.agentos("sync", "push", "--theirs", "--yes")
        if path == "skills":
            for text in HOSTILE:  # no skill: why not is said, and sync goes no further
                (place.home / "clients/shared/skills" / f"no {_file_name(text)}").mkdir()
        page.evaluate("path => { location.hash = `#/${path}` }", path)
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        expect(page.get_by_label("Loading")).to_have_count(0)
        page.evaluate("document.querySelectorAll('details.file').forEach(one => one.open = true)")
        expect(page.locator("main").get_by_text("top.ran=1").first).to_be_attached()
        require_text_only(page)
    assert all(url.startswith(place.url) for url in asked), asked


def _file_name(text: str) -> str:
    return "".join(c for c in text.replace("/", "\u2215") if c.isprintable())[:60]


def _hostile_clients(place: Place) -> None:
    """Have strings in what AgentOS deploys, in the clients' files, and in their names."""
    place.agentos("sync", "push", "--theirs", "--yes")
    skills, memories = place.home / "clients/shared/skills", place.user / ".codex/memories"
    memories.mkdir()
    ours, theirs, profiles = [], [], []
    for number, text in enumerate(HOSTILE):
        quoted = json.dumps(text, ensure_ascii=False)
        name = _file_name(text)
        skill = skills / f"s{number:02}"
        skill.mkdir()
        head = f"---\nname: {skill.name}\ndescription: {json.dumps(text)}\n---\n\n"
        body = text.replace("{{", r"\{{").replace("\0", "")
        (skill / "SKILL.md").write_text(f"{head}{body}\n")
        (skill / f"{name}.txt").write_text(text.replace("\0", ""))
        (memories / f"{name}.md").write_text(text)
        ours.append(f"{quoted} = {quoted}\n")
        theirs.append(f"{quoted} = {json.dumps(text + ' theirs', ensure_ascii=False)}\n")
        profiles.append(f"[profiles.p{number}]\nmodel = {quoted}\nenv_key = {quoted}\n")
        profiles.append(f"[prices.{json.dumps('x/' + text, ensure_ascii=False)}]\n")
        profiles.append("input = 1\noutput = 1\n")
        report = {"command": skill.name, "client": text.replace("\n", " ")[:100]}
        place.ask("POST", "/command-log", report)
    with (place.home / "agentos.toml").open("a") as file:
        file.writelines(profiles)
    (place.home / "clients/codex/config-fragment.toml").write_text("".join(ours))
    place.config.write_text("".join(theirs) + place.config.read_text())
