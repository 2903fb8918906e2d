"""Codex's rollouts.

Since 0.169 a `token_usage_record` tells of each call; before, only `token_count`, a running total
that is repeated when a turn begins or ends. A total is that of the thread and of what it was
forked from, so only what it grows by is a call.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, repeat
from typing import Any

from msgspec import MsgspecError, Raw
from msgspec.structs import astuple

from agentos.usage.reading.calls import Calls
from agentos.usage.reading.codex_record import Names, Payload, Record, Usage, parsed
from agentos.usage.reading.entry import (
    LONGEST_PATH,
    LONGEST_TIER,
    MOST_IN_ALL,
    MOST_TOKENS,
    BadLine,
    Caller,
    Entry,
    count,
    milliseconds,
    part,
    unknown_type,
    word,
)
from agentos.usage.reading.json_text import json_value
from agentos.usage.reading.lines import Line
from agentos.usage.reading.scan import Records

# Codex begins each line like this, so its type need not be looked for in all of a long line.
_BEGINNING = rb'\{"timestamp":"[^"]*",(?:"ordinal":\d+,)?"type":"'
#: What Codex 0.169 and those before it write; line.c has the same.
_KNOWN = frozenset(
    (
        *("session_meta", "turn_context", "response_item", "event_msg", "token_usage_record"),
        *("compacted", "world_state", "dynamic_tools_updated", "security_risk_score"),
        *("inter_agent_communication", "inter_agent_communication_metadata", "realtime_item"),
    )
)
# In quotes, these are never part of a text: there, the quotes would be escaped.
_WANTED = re.compile(
    _BEGINNING + rb"(?:(?:token_usage_record|turn_context|session_meta"
    rb'|event_msg","payload":\{"type":"(?:token_count|thread_settings_applied))"'
    rb"|(?!(?:" + "|".join(sorted(_KNOWN)).encode() + rb')"))'
    rb"|(?!" + _BEGINNING + rb')(?s:.*?)"(?:token_usage_record|turn_context|session_meta'
    rb'|token_count|thread_settings_applied)"'
)
_BEGIN = re.compile(_BEGINNING)
_TYPE = b'"type":"'
_EVENT = _TYPE + b'event_msg","payload":{"type":"'
#: Most lines are of these types, which tell of no call.
_OTHERS = (
    _TYPE + b'response_item"',
    *(_EVENT + kind for kind in (b"item_", b"task_", b"turn_", b"agent_", b"user_", b"exec_")),
    *(_TYPE + kind for kind in (b'world_state"', b'compacted"')),
)
_COUNT = _EVENT + b"token_count"
_RECORD = _TYPE + b'token_usage_record"'
_ECHO = _COUNT + b'","info":{"total_token_usage":'
#: Of a NamedTuple, twice as fast as naming its class.
_new = tuple.__new__
_NEVER = b"\n"  # no line begins so
_NAMES = (
    *("input_tokens", "cached_input_tokens", "cache_write_input_tokens"),
    *("output_tokens", "reasoning_output_tokens"),
)
_THREAD_IN_NAME = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl")
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")

Counts = tuple[int, ...]


@dataclass(slots=True)
class Thread:
    """What earlier lines of a rollout say about later ones.

    Attributes:
        total: The running total that is accounted for; None before the first.
        resets: How often it began anew.
        pending: Provider and tier that hold from the next turn on.
        shares_history: It is a fork that points into its parent's file and copies nothing.
    """

    id: str = ""
    session: str = ""
    provider: str = ""
    model: str = ""
    turn: str = ""
    project: str = ""
    kind: str = "turn"
    tier: str = ""
    begun: bool = False
    forked_from: str = ""
    shares_history: bool = False
    total: Counts | None = None
    resets: int = 0
    pending: tuple[str, str] | None = None


class CodexRollout:
    """Read the lines of one rollout, in their order.

    Args:
        name: The file's name.
        state: What `state` was after the lines before.
    """

    others = _OTHERS

    def __init__(self, name: str, state: str = "") -> None:
        self.at = 0
        self._thread = _restored(state)
        # How a count begins that tells only what the record before it told.
        self._echo = _NEVER
        # The thread's total as the last record has it, as JSON.
        self._after = b""
        self._unadded: list[Counts] = []
        # Whose the records are that name the same; None when that may have changed.
        self._known: tuple[Names, Caller, str] | None = None
        # Of the records to come together, from which on what was known of the thread changes.
        self._marks: list[tuple[int, Thread]] = []

    @property
    def state(self) -> str:
        """What has to be remembered for the lines to come, as JSON."""
        self._settle()
        return json.dumps({name: getattr(self._thread, name) for name in Thread.__slots__})

    def wants(self, text: bytes) -> bool:
        """Tell quickly whether a line may tell of a call, or of what later calls need."""
        if text.startswith(_RECORD, self.at):
            return True
        if text.startswith(self._echo, self.at):
            return False
        if not text.startswith(_TYPE, self.at):
            begin = _BEGIN.match(text)
            self.at = begin.end() - len(_TYPE) if begin else 0
            if text.startswith(self._echo, self.at):
                return False
        return bool(_WANTED.match(text))

    def read(self, line: Line) -> list[Entry]:
        """Return the call that a line tells of, if it does.

        Raises:
            BadLine: The line cannot be counted.
        """
        if line.text.startswith(_RECORD, self.at):
            try:
                return [self._record(line, parsed(line.text))]
            except MsgspecError:
                pass  # below it is told what is wrong, if anything is
        data = part(json_value(line.text))
        payload = part(data.get("payload"))
        match data.get("type"):
            case "token_usage_record":
                return [self._record(line, _loosely(data, payload))]
            case "event_msg" if payload.get("type") == "token_count":
                return self._count(line, data, payload)
            case "event_msg" if payload.get("type") == "thread_settings_applied":
                self._known = None
                self._settings(part(payload.get("thread_settings")))
            case "turn_context":
                self._known = None
                self._context(payload)
            case "session_meta":
                self._known = None
                self._meta(payload)
            case other if not isinstance(other, str) or other not in _KNOWN:
                raise unknown_type("record", other)
        return []

    def mark(self, number: int) -> None:
        """Note that the next line was read after so many records of those handed over next."""
        if number:
            self._marks.append((number, self._thread))
            self._thread = replace(self._thread)

    def calls(self, records: Records) -> Calls:
        """Return the calls of records that follow each other."""
        size = len(records.times)
        threads = [*self._marks, (size, self._thread)]
        self._marks = []
        callers: dict[Caller, int] = {}
        numbers: list[int] = []
        turns: list[str] = []
        bounds = sorted({*records.begins, *(number for number, _ in threads)})
        for begin, end in pairwise(bounds):
            thread = next(thread for number, thread in threads if number > begin)
            names = records.names[bisect_right(records.begins, begin) - 1]
            caller, turn = _whose(thread, *names)
            numbers += repeat(callers.setdefault(caller, len(callers)), end - begin)
            turns += repeat(turn, end - begin)
        tokens = records.tokens
        self._unadded.append(tuple(map(sum, tokens)))
        self._after, self._echo = records.total, _NEVER
        columns: list[Sequence[Any]] = [
            *(records.responses, numbers, records.times, records.lines, records.offsets),
            *(("exact",), turns, (None,), (1,), *tokens[:3], (0,), *tokens[3:], (None,)),
        ]
        return Calls.in_columns(tuple(callers), columns)

    def _meta(self, payload: Mapping[str, Any]) -> None:
        thread = self._thread
        if thread.begun:
            return  # a fork's copy of where it comes from, or the same again
        thread.begun = True
        thread.id = word(payload.get("id")) or thread.id
        source = part(part(payload.get("source")).get("subagent"))
        spawned = part(source.get("thread_spawn"))
        parent = payload.get("forked_from_id") or spawned.get("parent_thread_id")
        thread.forked_from = word(parent)
        thread.shares_history = isinstance(payload.get("history_base"), dict)
        thread.session = word(payload.get("session_id")) or thread.id
        thread.provider = word(payload.get("model_provider"))
        thread.project = word(payload.get("cwd"), LONGEST_PATH)
        thread.kind = _kind(payload, source)

    def _context(self, payload: Mapping[str, Any]) -> None:
        thread = self._thread
        thread.model = word(payload.get("model")) or thread.model
        thread.turn = word(payload.get("turn_id"))
        thread.project = word(payload.get("cwd"), LONGEST_PATH) or thread.project
        if thread.pending:
            thread.provider, thread.tier = thread.pending
            thread.pending = None

    def _settings(self, settings: Mapping[str, Any]) -> None:
        thread = self._thread
        tier = word(settings.get("service_tier"), LONGEST_TIER)
        found = (
            word(settings.get("model_provider_id")) or thread.provider,
            "" if tier == "default" else tier,
        )
        if settings.get("model") == thread.model:
            thread.provider, thread.tier = found
        else:
            thread.pending = found  # the model before still compacts the history

    def _record(self, line: Line, record: Record) -> Entry:
        of = record.payload
        used = read, cached, stored, written, thought = astuple(of.usage)
        if cached + stored > read or thought > written:
            _checked(used)
        self._unadded.append(used)
        self._after = bytes(of.thread_token_usage)
        self._echo = _ECHO + self._after
        names = of.thread_id, of.session_id, of.turn_id
        if self._known is None or self._known[0] != names:
            self._known = names, *_whose(self._thread, *names)
        _, caller, turn = self._known
        identity = response = word(of.response_id)
        if not identity:
            self._settle()  # the total that it tells itself makes it the same wherever it is read
            identity = f"codex:{caller.thread}:{':'.join(map(str, self._thread.total or ()))}"
        return _entry(line, milliseconds(record.timestamp), identity, caller, turn, used, response)

    def _count(
        self, line: Line, data: Mapping[str, Any], payload: Mapping[str, Any]
    ) -> list[Entry]:
        info = payload.get("info")
        if not isinstance(info, dict):
            return []  # only the limits of the account
        thread = self._thread
        self._settle()
        total = _counts(part(info.get("total_token_usage")), most=MOST_IN_ALL)
        before, self._echo = self._accounted(total, info), _NEVER
        used = tuple(now - then for now, then in zip(total, before, strict=True))
        if min(used) < 0:
            raise BadLine("total_shrank", f"the total fell from {before} to {total}")
        if max(used) > MOST_TOKENS:
            raise BadLine("bad_tokens", f"no call uses what the total grew by: {max(used)}")
        thread.total = total
        if not any(used) or self._is_history():
            return []
        # Forks of old copy lines that cannot be told from their own: they count as the parent's.
        copies = thread.forked_from and not _UUID7.fullmatch(thread.turn)
        owner = thread.forked_from if copies else thread.id
        identity = f"codex:{owner}:{thread.resets}:{':'.join(map(str, total))}"
        caller = _caller_of(thread, thread.id, thread.session)
        at = milliseconds(data.get("timestamp"))
        entry = _entry(line, at, identity, caller, thread.turn, used)
        return [entry._replace(confidence="derived")]

    def _settle(self) -> None:
        """Take over the total that the last record has: a fork's begins with its parent's."""
        after, self._after = self._after, b""
        try:
            told = json_value(after) if after else None
            total = _counts(told, most=MOST_IN_ALL) if isinstance(told, dict) else None
        except (ValueError, RecursionError):
            total = None  # then it is what was added up
        if total is not None:
            self._unadded.clear()
            self._thread.total = total
        if self._unadded:
            before = self._thread.total or (0,) * len(self._unadded[0])
            self._thread.total = tuple(map(sum, zip(before, *self._unadded, strict=True)))
            self._unadded.clear()

    def _accounted(self, total: Counts, info: Mapping[str, Any]) -> Counts:
        """Return the total that the next call begins from."""
        thread = self._thread
        last = info.get("last_token_usage")
        latest = _counts(last) if isinstance(last, dict) else total
        if thread.total is None:
            if thread.shares_history:
                return total  # the parent's; the fork's own calls have their records
            if thread.begun and not thread.forked_from:
                return (0,) * len(total)
            return _without(total, latest)
        if all(now >= then for now, then in zip(total, thread.total, strict=True)):
            return thread.total
        if latest == total:  # counted from nothing again
            thread.resets += 1
            return (0,) * len(total)
        return thread.total

    def _is_history(self) -> bool:
        """Tell whether the line is a fork's copy: its turn began before the fork did."""
        thread = self._thread
        if not thread.forked_from or not _UUID7.fullmatch(thread.turn):
            return False
        return thread.turn < thread.id


def _whose(of: Thread, thread: str, session: str, turn: str) -> tuple[Caller, str]:
    """Return who made the call of a record, and in which turn."""
    caller = _caller_of(of, word(thread) or of.id, word(session) or of.session)
    return caller, word(turn) or of.turn


def _caller_of(of: Thread, thread: str, session: str) -> Caller:
    return Caller(
        source="codex",
        client="codex",
        session=session,
        thread=thread,
        provider=of.provider,
        model=of.model,
        project=of.project,
        kind=of.kind,
        tier=of.tier,
    )


def _restored(state: str) -> Thread:
    if not state:
        return Thread()
    thread = Thread(**json.loads(state))
    thread.total = tuple(thread.total) if thread.total is not None else None
    thread.pending = tuple(thread.pending) if thread.pending else None  # type: ignore[assignment]
    return thread


def _loosely(data: Mapping[str, Any], payload: Mapping[str, Any]) -> Record:
    """Return a record that Codex would not write so, as far as it can be understood."""
    own = Payload(
        thread_id=word(payload.get("thread_id")),
        session_id=word(payload.get("session_id")),
        turn_id=word(payload.get("turn_id")),
        response_id=word(payload.get("response_id")),
        usage=Usage(*_counts(part(payload.get("usage")))),
        thread_token_usage=Raw(json.dumps(payload.get("thread_token_usage")).encode()),
    )
    return Record(data.get("timestamp"), "token_usage_record", own)


def _counts(usage: Mapping[str, Any], most: int = MOST_TOKENS) -> Counts:
    return _checked(tuple(count(usage.get(name), most) for name in _NAMES))


def _checked(found: Counts) -> Counts:
    read, cached, stored, written, thought = found
    if cached + stored > read:
        raise BadLine("bad_tokens", f"more input was cached than there is: {cached}/{read}")
    if thought > written:
        raise BadLine("bad_tokens", f"more reasoning than output: {thought}/{written}")
    return found


def _entry(
    line: Line,
    at: int,
    identity: str,
    caller: Caller,
    turn: str,
    used: Counts,
    response: str = "",
) -> Entry:
    read, cached, stored, written, thought = used
    number, offset, _ = line
    told = (identity, caller, at, number, offset, "exact", turn, response, 1)
    return _new(Entry, (*told, read, cached, stored, 0, written, thought, None))


def _without(total: Counts, latest: Counts) -> Counts:
    if any(used > all_ for used, all_ in zip(latest, total, strict=True)):
        return total
    return tuple(all_ - used for all_, used in zip(total, latest, strict=True))


def _kind(payload: Mapping[str, Any], source: Mapping[str, Any]) -> str:
    if payload.get("thread_source") == "guardian_review" or source.get("other") == "guardian":
        return "guardian"
    if source or payload.get("thread_source") == "subagent":
        return "subagent"
    return "turn"
