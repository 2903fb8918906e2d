"""A callback, or a person behind it, decides about what no rule covers."""

from __future__ import annotations

import asyncio
import socket

import pytest
from tests.machine.network.world import PUBLIC, World, ask, expect_reset, gateway_for, say

from agentos.machine.network import NetworkPolicy, NetworkRequest, questions
from agentos.machine.network.dns import Code
from agentos.testing.namespace import NetworkNamespace

Answered = list[tuple[str, int]]


async def test_what_is_answered_holds_from_then_on(
    world: World, redirected: NetworkNamespace
) -> None:
    asked: Answered = []

    def decide(request: NetworkRequest) -> questions.Answer:
        asked.append((request.host, request.port))
        return "allow" if request.port == 443 else "deny"

    async with gateway_for(world, redirected, NetworkPolicy(), on_request=decide) as gateway:
        [address] = await redirected.getaddrinfo("api.example.com", socket.AF_INET)
        for _ in range(3):
            with await redirected.connect(address, 443) as sock:
                assert await say(sock, b"x") == b"x"
            await expect_reset(redirected, address, 80)
        rules = {(record.port, record.verdict, record.rule) for record in gateway.log}
    assert asked == [("api.example.com", 443), ("api.example.com", 80)]
    assert rules == {(443, "allowed", "on_request"), (80, "denied", "on_request")}


async def test_a_person_may_take_a_while(world: World, redirected: NetworkNamespace) -> None:
    decided: asyncio.Future[questions.Answer] = asyncio.get_running_loop().create_future()
    asked = asyncio.Event()

    async def person(request: NetworkRequest) -> questions.Answer:
        assert (request.host, request.port) == ("203.0.113.50", 2222)
        asked.set()
        return await decided

    async with gateway_for(world, redirected, NetworkPolicy(), on_request=person):
        with (
            await redirected.connect("203.0.113.50", 2222) as one,
            await redirected.connect("203.0.113.50", 2222) as two,
        ):
            answers = asyncio.gather(say(one, b"1"), say(two, b"2"))
            await asked.wait()
            assert world.dialled == []
            decided.set_result("allow")
            one_said, two_said = await answers
            assert (one_said, two_said) == (b"1", b"2")


async def test_a_private_address_that_is_allowed_by_a_person_is_named(
    world: World, redirected: NetworkNamespace
) -> None:
    world.names["rebind.example"] = ["10.0.0.5"]
    async with gateway_for(
        world, redirected, NetworkPolicy(), on_request=lambda _: "allow"
    ) as gateway:
        with await redirected.connect("10.0.0.5", 80) as sock:
            assert await say(sock, b"x") == b"x"
        [address] = await redirected.getaddrinfo("rebind.example", socket.AF_INET)
        await expect_reset(redirected, address, 80)
        assert "10.0.0.5 (private)" in gateway.log[-1].reason


async def test_rules_are_not_asked_about(world: World, redirected: NetworkNamespace) -> None:
    asked: list[NetworkRequest] = []

    def decide(request: NetworkRequest) -> questions.Answer:
        asked.append(request)
        return "allow"

    policy = NetworkPolicy(allow=["api.example.com"], deny=["evil.example", "10.0.0.0/8"])
    async with gateway_for(world, redirected, policy, on_request=decide):
        [address] = await redirected.getaddrinfo("api.example.com", socket.AF_INET)
        with await redirected.connect(address, 80) as sock:
            assert await say(sock, b"x") == b"x"
        assert await ask(redirected, "evil.example") == (Code.NXDOMAIN, b"")
        with pytest.raises(ConnectionRefusedError):
            await redirected.connect("10.0.0.1", 80)
        for name in ("host.agentos.internal", "models.agentos.internal", "localhost"):
            assert await ask(redirected, name) == (Code.NXDOMAIN, b"")
    assert asked == []


async def test_a_callback_that_fails_denies_and_is_told(
    world: World, redirected: NetworkNamespace
) -> None:
    told: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context.get("exception")))

    def fail(request: NetworkRequest) -> questions.Answer:
        raise RuntimeError("no")

    async with gateway_for(world, redirected, NetworkPolicy(), on_request=fail) as gateway:
        await expect_reset(redirected, "203.0.113.1", 80)
        assert gateway.log[-1].verdict == "denied"
    assert [str(error) for error in told] == ["no"]


async def test_no_answer_is_a_denial(
    world: World, redirected: NetworkNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "ANSWER_SECONDS", 0.01)

    async def sleep(request: NetworkRequest) -> questions.Answer:
        await asyncio.Event().wait()
        raise AssertionError

    async with gateway_for(world, redirected, NetworkPolicy(), on_request=sleep) as gateway:
        await expect_reset(redirected, "203.0.113.1", 80)
        assert gateway.log[-1].verdict == "denied"


async def test_many_questions_do_not_pile_up(world: World, redirected: NetworkNamespace) -> None:
    async def sleep(request: NetworkRequest) -> questions.Answer:
        await asyncio.Event().wait()
        raise AssertionError

    before = asyncio.all_tasks()
    async with gateway_for(world, redirected, NetworkPolicy(), on_request=sleep) as gateway:
        socks = [await redirected.connect("203.0.113.1", port) for port in range(1000, 1070)]
        async with asyncio.timeout(10):
            while len(gateway.log) < 6:
                await asyncio.sleep(0.001)
        assert "wait for an answer" in gateway.log[-1].reason
    for sock in socks:
        sock.close()
    assert asyncio.all_tasks() == before


async def test_a_policy_that_denies_ends_what_somebody_allowed(
    world: World, redirected: NetworkNamespace
) -> None:
    async with gateway_for(
        world, redirected, NetworkPolicy(), on_request=lambda _: "allow"
    ) as gateway:
        with await redirected.connect(PUBLIC, 80) as sock:
            assert await say(sock, b"x") == b"x"
            await gateway.deny(PUBLIC)
            with pytest.raises(ConnectionResetError):
                await say(sock, b"x")
        with pytest.raises(ConnectionRefusedError):
            await redirected.connect(PUBLIC, 80)
