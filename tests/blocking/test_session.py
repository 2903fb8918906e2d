"""Sessions of code without an event loop: the real Codex, on the rehearsal model."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.conftest import Footprint

from agentos.blocking import (
    AgentOs,
    ModelCall,
    ModelGateway,
    PermissionRequest,
    ProcessInfo,
    Provider,
    RehearsalModel,
    Scenario,
    Session,
    SessionClosed,
    SessionEvent,
    Step,
    Turn,
    shutdown,
)
from agentos.models.rehearsal import McpCall, When


@pytest.fixture(autouse=True)
def _nothing_is_left(footprint: Footprint) -> Iterator[None]:
    yield
    shutdown()
    now = Footprint.now()
    assert now.grown_since(footprint) == []
    assert now.threads <= footprint.threads


def test_a_turn_is_iterated_and_has_a_result(vm: AgentOs) -> None:
    steps = [Step(run="echo by-shell > made"), Step(when=When(exit_code=0), say="All done.")]
    with (
        RehearsalModel(Scenario(steps=steps)) as model,
        vm.create_session("codex", provider=model) as session,
    ):
        turn = session.prompt("Make a file")
        events = list(turn)
        result = turn.result()
        assert result.text == "All done."
        assert turn.done
        assert turn.wait(0)
        assert vm.read_text("made") == "by-shell\n"
        assert [events[0].type, events[-1].type] == ["turn_started", "turn_ended"]
        assert len(model.turns) == 2
        assert model.mismatches == []
        assert session.machine == vm
        assert session.usage.total_tokens > 0
        assert session.id in [record.id for record in vm.sessions()]
    with pytest.raises(SessionClosed):
        session.prompt("more")


def test_who_gives_permission_and_what_an_agent_calls_use_the_machine(vm: AgentOs) -> None:
    asked: list[str] = []

    def decide(request: PermissionRequest) -> str:
        asked.append(vm.exec("echo at $PWD").stdout)
        return "allow_once"

    def count_files(directory: str) -> int:
        return len(vm.listdir(directory))

    call = McpCall(server="agentos-tools", tool="count_files", arguments={"directory": "stuff"})
    vm.write_files({"stuff/1": "", "stuff/2": ""})
    steps = [Step(call=call), Step(when=When(output="2"), say="two")]
    with (
        RehearsalModel(Scenario(steps=steps)) as model,
        vm.create_session(
            "codex", provider=model, tools=[count_files], permission=decide
        ) as session,
    ):
        assert session.prompt("go").result().text == "two"
    assert asked == ["at /home/agentos\n"]


def test_a_turn_is_cancelled_from_another_thread(vm: AgentOs) -> None:
    with (
        RehearsalModel(Scenario(steps=[Step(run="sleep 54321")])) as model,
        vm.create_session("codex", provider=model) as session,
    ):
        turn = session.prompt("go")

        def stop() -> None:
            until_running(vm)
            session.cancel()

        stopping = threading.Thread(target=stop)
        stopping.start()
        assert turn.result().stop_reason == "cancelled"
        stopping.join()


def test_questions_are_answered_while_events_are_read(vm: AgentOs) -> None:
    steps = [Step(run="touch allowed"), Step(say="done")]
    with (
        RehearsalModel(Scenario(steps=steps)) as model,
        vm.create_session("codex", provider=model, permission="ask") as session,
    ):
        seen: list[SessionEvent] = []
        for event in session.prompt("go"):
            seen.append(event)
            if event.type == "permission_requested":
                session.respond(event.data["request_id"], "allow_once")
        assert "permission_resolved" in [event.type for event in seen]
        assert vm.exists("allowed")
        with session.events(after=seen[0].seq) as again:
            assert next(again).seq == seen[1].seq


def press_ctrl_c_in(turn: Turn) -> None:
    main = threading.main_thread().ident
    assert main is not None
    pressing = threading.Thread(target=signal.pthread_kill, args=(main, signal.SIGINT))
    try:
        pressing.start()
        turn.result()
    finally:
        pressing.join()


@dataclass
class Ledger:
    """Hears of each model call."""

    vm: AgentOs
    calls: list[ModelCall]

    def __call__(self, call: ModelCall) -> None:
        self.vm.stats()
        self.calls.append(call)


def test_a_gateway_tells_of_each_call(vm: AgentOs) -> None:
    ledger = Ledger(vm, [])
    with RehearsalModel(Scenario(steps=[Step(say="one")])) as model:
        played = Provider("played", model.base_url, model.api_key)
        with (
            ModelGateway([played], sink=ledger) as gateway,
            vm.create_session("codex", provider=gateway, model="played/gpt-5.5") as session,
        ):
            assert session.prompt("go").result().text == "one"
            assert len(gateway.calls) >= 1
            while len(ledger.calls) < len(gateway.calls):
                pass  # it is told in a thread
            assert {call.provider for call in ledger.calls} == {"played"}


def test_a_session_is_taken_up_again(vm: AgentOs) -> None:
    steps = [Step(say="one"), Step(when=When(), say="two")]
    with RehearsalModel(Scenario(steps=steps)) as model:
        with vm.create_session("codex", provider=model) as session:
            assert session.prompt("go").result().text == "one"
        with vm.resume_session(session.id, provider=model) as taken_up:
            assert isinstance(taken_up, Session)
            assert taken_up.prompt("go on").result().text == "two"
            assert taken_up.resumed is not None


def test_ctrl_c_leaves_a_turn_running(vm: AgentOs) -> None:
    with (
        RehearsalModel(Scenario(steps=[Step(run="sleep 54321"), Step(say="done")])) as model,
        vm.create_session("codex", provider=model) as session,
    ):
        turn = session.prompt("go")
        (sleeping,) = until_running(vm)
        with pytest.raises(KeyboardInterrupt):
            press_ctrl_c_in(turn)
        assert not turn.done
        vm.signal(sleeping.pid, signal.SIGTERM)
        assert turn.result().text == "done"


def until_running(vm: AgentOs) -> list[ProcessInfo]:
    while not (found := [p for p in vm.processes() if list(p.command) == ["sleep", "54321"]]):
        pass
    return found
