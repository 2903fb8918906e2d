"""What others wrote is text: in the page, nothing of it runs, loads or leads astray."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from playwright.sync_api import Page, expect
from tests.usage.reports.filling import made
from tests.web.booking import book
from tests.web.remembering import put
from tests.web.sessions import played, store
from tests.web.visiting import drawn, go, visit

from agentos.models.rehearsal import Step

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
    # At once: what is shown may be replaced between two questions.
    for target in page.evaluate("[...document.querySelectorAll('a[href]')].map(link => link.href)"):
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
        visit(page, path, title)
        if path == "log":
            page.get_by_role("button", name="Show older").click()
        expect(page.get_by_text("<svg onload").first).to_be_attached()
        require_text_only(page)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option").filter(has_text="<svg onload").first).to_be_visible()
    require_text_only(page)
    page.keyboard.press("Escape")
    for name in ["all", *sorted(file.stem for file in place.portfolio.glob("[0-9]*.md"))]:
        go(page, f"portfolio/{quote(name, safe='')}")
        expect(page.get_by_role("heading", name="Who read it")).to_be_visible()
        expect(page.get_by_label("Loading")).to_have_count(0)
        require_text_only(page)
    assert all(url.startswith(place.url) for url in asked), asked


def test_nothing_in_usage_runs(place: Place, look: Look) -> None:
    calls = [
        made(
            number,
            **dict.fromkeys(("model", "project", "client", "profile", "kind"), text[:300]),
            provider=text[:50],
            session=f"{number} {text}"[:200],
            at=datetime.now(UTC),
            price=0.1 + number,
        )
        for number, text in enumerate(text.replace("\0", "") for text in HOSTILE)
    ]
    book(place, calls)
    for text in HOSTILE[:3]:
        place.ask("PUT", "/api/v1/usage/budgets", {"tokens": 1000, "profile": text})
    page = look(place.link(), viewport={"width": 1024, "height": 768})
    for by in ("model", "project", "client", "profile", "session", "provider"):
        visit(page, f"usage?by={by}&range=all", "Usage")
        if by == "model":  # and then as many of the others
            page.get_by_role("button", name="Show more").click()
        rows = page.get_by_role("region", name=f"Sums by {by}").locator("tbody tr")
        expect(rows).to_have_count(len(HOSTILE) + 1)
        require_text_only(page)
        page.get_by_role("button", name="Table").click()
        expect(page.get_by_role("region", name="as a table")).to_be_visible()
        require_text_only(page)
    visit(page, "usage/calls?range=all", "Calls")
    expect(page.get_by_text("<svg onload").first).to_be_attached()
    require_text_only(page)
    for number in range(1, len(HOSTILE) + 1, 4):
        visit(page, f"usage/calls/{number}", f"Call {number}")
        require_text_only(page)
    for wrong in ("usage/calls/0", "usage/calls/javascript:1"):
        go(page, wrong)
        expect(page.get_by_role("alert")).to_be_visible()
    visit(page, "usage?range=<script>&by=__proto__&step=[]&from=<img>&model=%00", "Usage")
    require_text_only(page)


def test_nothing_in_memories_runs(place: Place, look: Look) -> None:
    notes = place.user / ".codex/memories/extensions/ad_hoc/notes"
    claude = place.user / ".claude/memory"
    for number, text in enumerate(HOSTILE):
        put(notes / f"{number}.md", f"# {text}\n\nSay {number}: {text}\n")
        head = json.dumps(text.replace("\n", " "))
        put(claude / f"{number}.md", f"---\ndescription: {head}\n---\nKeep {number}. {text}\n")
    page = look(place.link(), viewport={"width": 1024, "height": 768})
    visit(page, "memory", "Memory")
    for client in ("Codex", "Claude"):
        column = page.get_by_role("region", name=client)
        column.get_by_role("button", name="Show more").click()
        expect(column.locator(".memory")).to_have_count(len(HOSTILE))
    require_text_only(page)
    hrefs = "links => links.map(link => link.getAttribute('href'))"
    links: list[str] = page.locator("main .memory").evaluate_all(hrefs)
    for link in links[::5]:
        go(page, link.removeprefix("#/"))
        expect(page.get_by_role("heading", name="Copies elsewhere")).to_be_visible()
        expect(page.get_by_label("Loading")).to_have_count(0)
        require_text_only(page)
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_role("status").filter(has_text="It is the memory")).to_be_visible()
    require_text_only(page)
    visit(page, "memory/inbox", "Memories to review")
    page.get_by_role("button", name="Look for new ones").click()
    expect(page.locator("article.candidate").first).to_be_visible()
    require_text_only(page)
    page.get_by_role("button", name="Reject").first.click()
    expect(page.get_by_role("status").filter(has_text="is left out")).to_be_visible()
    require_text_only(page)
    go(page, "memory/..%2f..%2fhub")
    expect(page.get_by_role("alert")).to_be_visible()
    visit(page, "memory?q=<script>&project=<img>", "Memory")
    require_text_only(page)


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
        go(page, path)
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        expect(page.get_by_label("Loading")).to_have_count(0)
        page.evaluate("document.querySelectorAll('details.file').forEach(one => one.open = true)")
        expect(page.locator("main").get_by_text("top.ran=1").first).to_be_attached()
        require_text_only(page)
    assert all(url.startswith(place.url) for url in asked), asked


OPEN_ALL = "() => document.querySelectorAll('.virtual details').forEach(one => { one.open = true })"


def said(text: str) -> dict[str, Any]:
    return {"content": {"type": "text", "text": text}}


def hostile_transcript() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each string wherever an agent, a model or a command can write."""
    yield "agent_started", {"agent": HOSTILE[0], "resumed": {"how": "agent", "lost": HOSTILE[:3]}}
    for number, text in enumerate(HOSTILE):
        call = f"call-{number}"
        title = {"toolCallId": call, "title": text, "kind": "execute", "command": text}
        options = [{"id": text, "name": text, "kind": "allow_once"}]
        edits = [{"path": text, "old_text": text, "new_text": f"{text}\n{text}"}]
        error = {"code": text, "message": text, "hint": text}
        yield "turn_started", {"turn": number, "prompt": [{"type": "text", "text": text}]}
        yield "agent_thought_chunk", said(f"{text}\n\n{text}")
        yield "agent_message_chunk", said(text)
        yield "plan", {"entries": [{"content": text, "status": text}]}
        yield "tool_call", title | {"rawInput": {"cwd": text}}
        yield (
            "permission_requested",
            {"request_id": call, "tool_call": title, "options": options},
        )
        yield "permission_resolved", {"request_id": call, "option": text, "reason": text}
        output = f"\x1b[31m{text}\x1b]8;;javascript:{RUN}\x07{text}\x1b[0m"
        yield "tool_call_update", {"toolCallId": call, "output": output, "status": "failed"}
        yield "tool_call", {"toolCallId": f"edit-{number}", "title": text, "kind": "edit"}
        yield "tool_call_update", {"toolCallId": f"edit-{number}", "edits": edits}
        yield "tool_call", {"toolCallId": f"x-{number}", "title": text, "rawInput": {text: text}}
        answer = [{"type": "content", "content": {"type": "text", "text": text}}]
        yield "tool_call_update", {"toolCallId": f"x-{number}", "content": answer}
        yield "warning", {"message": text}
        yield "turn_ended", {"turn": number, "stop_reason": text, "usage": None, "error": error}
    yield "agent_exited", {"reason": "crashed", "error": error, "stderr_tail": "\n".join(HOSTILE)}


def test_nothing_that_an_agent_did_runs(place: Place, look: Look) -> None:
    asked: list[str] = []
    store(place, list(hostile_transcript()), id="hostile")
    for number, text in enumerate(HOSTILE):
        prompt = {"turn": 1, "prompt": [{"type": "text", "text": text}]}
        store(place, [("turn_started", prompt)], id=f"title-{number}", title=text)
    page = look(place.link(), viewport={"width": 1024, "height": 768})
    page.on("request", lambda request: asked.append(request.url))
    go(page, "session")
    expect(page.get_by_role("row")).to_have_count(len(HOSTILE) + 2)
    require_text_only(page)
    page.keyboard.press("Control+k")
    page.keyboard.type("session <svg onload")
    expect(page.get_by_role("option").first).to_be_visible()
    require_text_only(page)
    page.keyboard.press("Escape")
    go(page, "session/hostile")
    box = page.get_by_role("region", name="Transcript")
    expect(box.get_by_text("(crashed)")).to_be_visible()
    page.keyboard.press("Home")
    seen = 0
    while True:
        page.evaluate(OPEN_ALL)
        drawn(page)
        require_text_only(page)
        seen += 1
        at = "() => document.querySelector('.virtual').scrollTop"
        before = page.evaluate(at)
        page.keyboard.press("PageDown")
        if page.evaluate(at) == before:
            break
    assert seen > len(HOSTILE)
    for tab in ("usage", "files", "changes", "terminal"):
        go(page, f"session/hostile/{tab}")
        expect(page.get_by_label("Loading")).to_have_count(0)
        require_text_only(page)
    assert all(url.startswith(place.url) for url in asked), asked


def test_nothing_that_is_in_a_machine_runs(place: Place, look: Look) -> None:
    workspace = place.root / "places" / "instrument"
    everything = "\n".join(HOSTILE).replace("\0", "")
    for number, text in enumerate(HOSTILE):
        name = f"{number:02} {text}".replace("/", "\u2215").replace("\0", "").encode()[:200]
        (workspace / name.decode(errors="ignore")).write_text(text.replace("\0", ""))
    asks = f"echo '{HOSTILE[2]}' > '{HOSTILE[2]}'; cat > said <<'EOF'\n{everything}\nEOF"
    steps = [Step(think=everything, say=everything, run=asks), Step(say=everything)]
    with played(place, *steps) as model:
        page = look(place.link(), viewport={"width": 1024, "height": 768})
        session = model.begin(prompt=HOSTILE[2], workspace=str(workspace))
        card = page.get_by_role("article", name=HOSTILE[2])
        expect(card.get_by_role("button", name="Allow once")).to_be_visible()
        require_text_only(page)
        go(page, f"session/{session}")
        expect(page.get_by_role("region", name="The agent asks")).to_be_visible()
        require_text_only(page)
        page.keyboard.press("Alt+1")
        expect(page.get_by_text("Turn 1 · done")).to_be_visible()
        require_text_only(page)
        page.get_by_role("link", name="Files", exact=True).click()
        files = page.get_by_role("navigation", name="Files").get_by_role("button")
        expect(files.filter(has_text=RUN).first).to_be_visible()
        for entry in files.all():
            entry.click()
            expect(page.get_by_role("region", name="Text of the file")).to_be_visible()
            require_text_only(page)
        page.get_by_role("link", name="Changes", exact=True).click()
        expect(page.get_by_role("group", name="The changes")).to_be_visible()
        require_text_only(page)
        page.get_by_role("link", name="Terminal", exact=True).click()
        expect(page.locator(".xterm-rows")).to_contain_text("$")
        page.keyboard.type("cat *; clear; echo THE $(echo END)\n")
        expect(page.locator(".xterm-rows")).to_contain_text("THE END")
        require_text_only(page)


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
