"""What a provider is asked, for what the agent asks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentos.models.translation.reasoning import Reasoning
from agentos.models.translation.request import Untranslatable, to_chat

from .conformance import an_answer

Json = dict[str, Any]
ONLY_P = {
    "type": "allowed_tools",
    "mode": "required",
    "tools": [{"type": "custom", "name": "p"}],
}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def chat(*items: Json, **request: Any) -> Json:
    return to_chat({"model": "m", "input": list(items), **request}).chat


def said(role: str, *texts: str, kind: str = "input_text") -> Json:
    content = [{"type": kind, "text": text} for text in texts]
    return {"type": "message", "role": role, "content": content}


def called(name: str, call_id: str, **more: Any) -> Json:
    return {"type": "function_call", "name": name, "call_id": call_id, "arguments": "{}", **more}


def output(call_id: str, content: Any, kind: str = "function_call_output") -> Json:
    return {"type": kind, "call_id": call_id, "output": content}


def roles(request: Json) -> list[str]:
    return [message["role"] for message in request["messages"]]


def names(request: Json) -> list[str]:
    return [tool["function"]["name"] for tool in request["tools"]]


def function(name: str, **more: Any) -> Json:
    return {"type": "function", "name": name, "parameters": {"type": "object"}, **more}


def test_the_plainest_request() -> None:
    asked = to_chat({"model": "m", "input": "hi", "store": True, "prompt_cache_key": "k"})
    assert asked.chat == {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    assert asked.dropped == ()


def test_instructions_come_first_and_are_one_message() -> None:
    request = chat(
        said("developer", "A", "B"),
        said("system", "C"),
        said("user", "context"),
        {"role": "user", "content": "question"},
        said("assistant", "answer", kind="output_text"),
        said("developer", "New rules."),
        said("user", "next"),
        instructions="First.",
    )
    assert request["messages"] == [
        {"role": "system", "content": "First.\n\nA\n\nB\n\nC"},
        {"role": "user", "content": "context\n\nquestion"},
        {"role": "assistant", "content": "answer"},
        {"role": "user", "content": "New rules.\n\nnext"},
    ]


def test_settings_have_their_names_in_chat() -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    form = {"type": "json_schema", "name": "title", "schema": schema, "strict": True}
    request = chat(
        said("user", "hi"),
        stream=True,
        max_output_tokens=100,
        temperature=0.5,
        top_p=0.9,
        reasoning={"effort": "high", "summary": "auto"},
        text={"format": form, "verbosity": "low"},
        parallel_tool_calls=False,
        tool_choice="auto",
    )
    assert {
        name: value for name, value in request.items() if name not in ("model", "messages")
    } == {
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "reasoning_effort": "high",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "title", "schema": schema, "strict": True},
        },
    }
    assert chat(text={"format": {"type": "json_object"}})["response_format"] == {
        "type": "json_object"
    }
    assert "response_format" not in chat(text={"format": {"type": "text"}})


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "prompt"])
def test_what_needs_a_memory_is_refused(name: str) -> None:
    with pytest.raises(Untranslatable, match="stores no responses") as caught:
        chat(said("user", "hi"), **{name: "resp_1"})
    assert caught.value.param == name
    with pytest.raises(Untranslatable, match="refers to an item"):
        chat({"type": "item_reference", "id": "msg_1"})


def test_images_and_files() -> None:
    content = [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": PIXEL, "detail": "high"},
        {"type": "input_image", "image_url": PIXEL, "detail": "original"},
        {"type": "input_image", "file_id": "file_1"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"},
    ]
    asked = to_chat({"model": "m", "input": [{"role": "user", "content": content}]})
    assert asked.chat["messages"][0]["content"] == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": PIXEL, "detail": "high"}},
        {"type": "image_url", "image_url": {"url": PIXEL}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": content[4]["file_data"]}},
    ]
    assert asked.dropped == ("input_image",)


def test_calls_and_their_outputs() -> None:
    request = chat(
        said("user", "go"),
        said("assistant", "I look.", kind="output_text"),
        called("a", "c1"),
        {"type": "custom_tool_call", "name": "apply_patch", "call_id": "c2", "input": "*** ä"},
        output("c2", "Exit code: 0", "custom_tool_call_output"),
        output("c1", [{"type": "input_text", "text": "x"}, {"type": "input_text", "text": "y"}]),
    )
    assistant, *outputs = request["messages"][1:]
    assert assistant["content"] == "I look."
    assert [call["function"] for call in assistant["tool_calls"]] == [
        {"name": "a", "arguments": "{}"},
        {"name": "apply_patch", "arguments": '{"input": "*** ä"}'},
    ]
    assert outputs == [
        {"role": "tool", "tool_call_id": "c1", "content": "x\ny"},
        {"role": "tool", "tool_call_id": "c2", "content": "Exit code: 0"},
    ]


def test_what_stands_between_a_call_and_its_output_comes_later() -> None:
    request = chat(called("a", "c1"), said("user", "wait"), output("c1", "done"))
    assert roles(request) == ["assistant", "tool", "user"]
    assert request["messages"][1]["content"] == "done"


def test_a_call_without_an_output_gets_one() -> None:
    request = chat(called("a", "c1"), said("user", "never mind"))
    assert roles(request) == ["assistant", "tool", "user"]
    assert "aborted" in request["messages"][1]["content"]


def test_an_output_without_its_call_is_left_out() -> None:
    items = [output("c1", "x"), said("user", "hi")]
    asked = to_chat({"model": "m", "input": items})
    assert roles(asked.chat) == ["user"]
    assert asked.dropped == ("function_call_output",)


def test_the_same_id_twice_is_two_calls() -> None:
    request = chat(called("a", "c"), output("c", "one"), called("a", "c"), output("c", "two"))
    assert [m["content"] for m in request["messages"] if m["role"] == "tool"] == ["one", "two"]


def test_images_of_tools_are_the_users() -> None:
    seen = [{"type": "input_image", "image_url": PIXEL}]
    request = chat(called("a", "c1"), called("b", "c2"), output("c1", seen), output("c2", "text"))
    assert roles(request) == ["assistant", "tool", "tool", "user"]
    assert request["messages"][1]["content"] == ""
    assert request["messages"][3]["content"][1]["image_url"] == {"url": PIXEL}


def test_tools_of_all_kinds_become_functions() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: patch"}
    asked = to_chat(
        {
            "model": "m",
            "input": [
                {"type": "additional_tools", "tools": [{"type": "custom", "name": "exec"}]},
                {"type": "tool_search_call", "call_id": "s1", "arguments": {}},
                {
                    "type": "tool_search_output",
                    "call_id": "s1",
                    "tools": [{"type": "namespace", "name": "found", "tools": [function("it")]}],
                },
            ],
            "tools": [
                function("plain", strict=True, description="Plain."),
                {"type": "custom", "name": "apply_patch", "format": grammar},
                {"type": "namespace", "name": "mcp__a.b", "tools": [function("c d")]},
                {"type": "namespace", "name": "functions", "tools": [function("wait")]},
                {"type": "tool_search", "execution": "client", "parameters": {"type": "object"}},
                {"type": "local_shell"},
                {"type": "web_search"},
                {"type": "tool_search", "execution": "server"},
                {"type": "image_generation"},
                function("plain"),
            ],
        }
    )
    assert names(asked.chat) == [
        *("plain", "apply_patch", "mcp__a_b__c_d", "wait", "tool_search", "local_shell"),
        *("exec", "found__it"),
    ]
    assert asked.dropped == ("web_search", "tool_search", "image_generation")
    plain, patch = (tool["function"] for tool in asked.chat["tools"][:2])
    assert plain == {
        "name": "plain",
        "description": "Plain.",
        "parameters": {"type": "object"},
        "strict": True,
    }
    assert patch["parameters"]["required"] == ["input"]
    assert "start: patch" in patch["parameters"]["properties"]["input"]["description"]


def test_names_come_back_whatever_they_are() -> None:
    long = "n" * 80
    tools = [
        function("a__b"),
        {"type": "namespace", "name": "a", "tools": [function("b"), function(long)]},
        {"type": "custom", "name": "a__b"},
    ]
    asked = to_chat({"model": "m", "input": "x", "tools": tools})
    assert all(len(name) <= 64 for name in names(asked.chat))
    back = [asked.expected.tools.tool_named(name) for name in names(asked.chat)]
    assert [(t.kind.value, t.namespace, t.name) for t in back] == [
        ("function", None, "a__b"),
        ("function", "a", "b"),
        ("function", "a", long),
        ("custom", None, "a__b"),
    ]
    # What the conversation tells of them has the same names.
    history = [called("b", "c1", namespace="a"), called(long, "c2", namespace="a")]
    request = chat(*history, tools=tools)
    told = [call["function"]["name"] for call in request["messages"][0]["tool_calls"]]
    assert told == names(request)[1:3]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("required", "required"),
        ({"type": "function", "name": "a"}, {"type": "function", "function": {"name": "a"}}),
        ({"type": "custom", "name": "p"}, {"type": "function", "function": {"name": "p"}}),
        ({"type": "web_search"}, None),
        (ONLY_P, "required"),
    ],
)
def test_tool_choice(choice: object, sent: object) -> None:
    tools = [function("a"), {"type": "custom", "name": "p"}]
    request = chat(tools=tools, tool_choice=choice, parallel_tool_calls=True)
    assert request.get("tool_choice") == sent
    assert request["parallel_tool_calls"] is True
    assert names(request) == (["p"] if choice is ONLY_P else ["a", "p"])


def test_other_calls_of_the_conversation() -> None:
    request = chat(
        {
            "type": "tool_search_call",
            "call_id": "s1",
            "execution": "client",
            "arguments": {"query": "notes"},
        },
        {"type": "tool_search_output", "call_id": "s1", "tools": [function("found")]},
        {
            "type": "local_shell_call",
            "call_id": "l1",
            "action": {"type": "exec", "command": ["ls"], "timeout_ms": 5, "env": {}},
        },
        {"type": "local_shell_call_output", "call_id": "l1", "output": "a"},
    )
    search, found, shell, listed = request["messages"]
    assert search["tool_calls"][0]["function"] == {
        "name": "tool_search",
        "arguments": '{"query": "notes"}',
    }
    assert json.loads(found["content"]) == {"functions_that_can_be_called_now": ["found"]}
    assert json.loads(shell["tool_calls"][0]["function"]["arguments"]) == {
        "command": ["ls"],
        "timeout_ms": 5,
    }
    assert listed["content"] == "a"


def reasoned(text: str, field: str = "reasoning_content", model: str = "m") -> Json:
    summary = [{"type": "summary_text", "text": text}]
    sealed = Reasoning(text, field).sealed(model)
    return {"type": "reasoning", "id": "rs", "summary": summary, "encrypted_content": sealed}


def test_reasoning_goes_back_to_the_model_that_made_it() -> None:
    """DeepSeek refuses what lacks it, even where there was none."""
    request = chat(
        reasoned("Hm."),
        called("a", "c1"),
        output("c1", "x"),
        called("a", "c2"),
        output("c2", "y"),
        said("assistant", "ok", kind="output_text"),
    )
    said_by_it = [m for m in request["messages"] if m["role"] == "assistant"]
    assert [m.get("reasoning_content") for m in said_by_it] == ["Hm.", "", None]


def test_reasoning_of_others_is_left_out() -> None:
    openai = {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAABo"}
    spoilt = reasoned("x") | {"encrypted_content": "agentos-chat-reasoning:%%%"}
    foreign = reasoned("x", model="other")
    odd = reasoned("x", field="role")
    request = chat(openai, spoilt, foreign, odd, said("assistant", "ok", kind="output_text"))
    assert request["messages"] == [{"role": "assistant", "content": "ok"}]


@pytest.mark.parametrize("item", [None, 1, [], {}, {"type": "message"}, {"type": "function_call"}])
def test_odd_items_do_not_break_it(item: Any) -> None:
    chat(item, said("user", "hi"), tools=[item], tool_choice=item)
    chat({"type": "message", "role": "user", "content": [item]})
    chat(called("a", "c"), output("c", item))


def test_what_it_keeps_for_the_answer_is_small() -> None:
    """A long question is not held in memory for as long as its answer takes."""
    items = [said("user", "x" * 1000), called("a", "c1"), output("c1", "y" * 1000)]
    expected = to_chat({"model": "m", "input": items, "instructions": "z" * 1000}).expected
    kept = repr((expected, vars(expected.tools)))
    assert not any(letter * 100 in kept for letter in "xyz")
    assert an_answer({"model": "m", "input": items}).response["model"] == "m"
