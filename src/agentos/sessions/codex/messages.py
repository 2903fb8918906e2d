"""Messages of Codex's app-server, made by `scripts/codex_messages.py`; not to be edited.

Only the fields that are used are here; Codex sends more.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

#: The Codex whose protocol this is.
VERSION = "0.169.0"


class ThreadStartParams(TypedDict):
    approvalPolicy: NotRequired[Literal["untrusted", "on-request", "never"] | dict[str, Any] | None]
    config: NotRequired[dict[str, Any] | None]
    cwd: NotRequired[str | None]
    developerInstructions: NotRequired[str | None]
    model: NotRequired[str | None]
    modelProvider: NotRequired[str | None]
    sandbox: NotRequired[Literal["read-only", "workspace-write", "danger-full-access"] | None]


class ThreadResumeParams(TypedDict):
    approvalPolicy: NotRequired[Literal["untrusted", "on-request", "never"] | dict[str, Any] | None]
    config: NotRequired[dict[str, Any] | None]
    cwd: NotRequired[str | None]
    developerInstructions: NotRequired[str | None]
    excludeTurns: NotRequired[bool]
    model: NotRequired[str | None]
    modelProvider: NotRequired[str | None]
    sandbox: NotRequired[Literal["read-only", "workspace-write", "danger-full-access"] | None]
    threadId: str


class ThreadForkParams(TypedDict):
    approvalPolicy: NotRequired[Literal["untrusted", "on-request", "never"] | dict[str, Any] | None]
    config: NotRequired[dict[str, Any] | None]
    cwd: NotRequired[str | None]
    developerInstructions: NotRequired[str | None]
    excludeTurns: NotRequired[bool]
    model: NotRequired[str | None]
    modelProvider: NotRequired[str | None]
    sandbox: NotRequired[Literal["read-only", "workspace-write", "danger-full-access"] | None]
    threadId: str


class ThreadStartResponse(TypedDict):
    model: str
    modelProvider: str
    reasoningEffort: NotRequired[str | None]
    thread: Thread


class Thread(TypedDict):
    id: str
    path: NotRequired[str | None]


class TurnStartParams(TypedDict):
    approvalPolicy: NotRequired[Literal["untrusted", "on-request", "never"] | dict[str, Any] | None]
    effort: NotRequired[str | None]
    input: list[dict[str, Any]]
    model: NotRequired[str | None]
    threadId: str


class TurnStartResponse(TypedDict):
    turn: Turn


class TurnInterruptParams(TypedDict):
    threadId: str
    turnId: str


class Turn(TypedDict):
    error: NotRequired[TurnError | None]
    id: str
    status: Literal["completed", "interrupted", "failed", "inProgress"]


class TurnError(TypedDict):
    additionalDetails: NotRequired[str | None]
    codexErrorInfo: NotRequired[Literal["contextWindowExceeded", "sessionBudgetExceeded", "usageLimitExceeded", "rateLimitExceeded", "flexUnavailable", "serverOverloaded", "modelNotFound", "policyCapacityUnavailable", "cyberPolicy", "misalignmentPolicyViolation", "tooManyDenials", "internalServerError", "unauthorized", "badRequest", "threadRollbackFailed", "sandboxError", "other"] | Literal["inferenceHookDenied"] | dict[str, Any] | str | dict[str, Any] | None]
    message: str


class Model(TypedDict):
    displayName: str
    hidden: bool
    id: str
    inputModalities: NotRequired[list[Literal["text"] | Literal["image"] | Literal["audio"]]]
    isDefault: bool
    model: str
    supportedReasoningEfforts: list[ReasoningEffortOption]


class ReasoningEffortOption(TypedDict):
    description: str
    reasoningEffort: str


class ModelListResponse(TypedDict):
    data: list[Model]


class ItemStartedNotification(TypedDict):
    item: dict[str, Any]
    threadId: str
    turnId: str


class ItemCompletedNotification(TypedDict):
    item: dict[str, Any]
    threadId: str
    turnId: str


class AgentMessageDeltaNotification(TypedDict):
    delta: str
    itemId: str
    threadId: str
    turnId: str


class PlanDeltaNotification(TypedDict):
    delta: str
    itemId: str
    threadId: str
    turnId: str


class ReasoningSummaryTextDeltaNotification(TypedDict):
    delta: str
    itemId: str
    summaryIndex: int
    threadId: str
    turnId: str


class ReasoningTextDeltaNotification(TypedDict):
    contentIndex: int
    delta: str
    itemId: str
    threadId: str
    turnId: str


class CommandExecutionOutputDeltaNotification(TypedDict):
    delta: str
    itemId: str
    threadId: str
    turnId: str


class TurnPlanUpdatedNotification(TypedDict):
    explanation: NotRequired[str | None]
    plan: list[TurnPlanStep]
    threadId: str
    turnId: str


class TurnPlanStep(TypedDict):
    status: Literal["pending", "inProgress", "completed"]
    step: str


class TurnCompletedNotification(TypedDict):
    threadId: str
    turn: Turn


class ThreadTokenUsageUpdatedNotification(TypedDict):
    threadId: str
    tokenUsage: ThreadTokenUsage
    turnId: str


class ThreadTokenUsage(TypedDict):
    last: TokenUsageBreakdown
    modelContextWindow: NotRequired[int | None]
    total: TokenUsageBreakdown


class TokenUsageBreakdown(TypedDict):
    cacheWriteInputTokens: NotRequired[int]
    cachedInputTokens: int
    inputTokens: int
    outputTokens: int
    reasoningOutputTokens: int
    totalTokens: int


class ThreadNameUpdatedNotification(TypedDict):
    threadId: str
    threadName: NotRequired[str | None]


class ErrorNotification(TypedDict):
    error: TurnError
    threadId: str
    turnId: str
    willRetry: bool


class WarningNotification(TypedDict):
    message: str
    threadId: NotRequired[str | None]


class ConfigWarningNotification(TypedDict):
    details: NotRequired[str | None]
    path: NotRequired[str | None]
    summary: str


class DeprecationNoticeNotification(TypedDict):
    details: NotRequired[str | None]
    summary: str


class McpServerStatusUpdatedNotification(TypedDict):
    error: NotRequired[str | None]
    name: str
    status: Literal["starting", "ready", "failed", "cancelled"]
    threadId: NotRequired[str | None]


class FileUpdateChange(TypedDict):
    diff: str
    kind: dict[str, Any]
    path: str


class CommandExecutionRequestApprovalParams(TypedDict):
    command: NotRequired[str | None]
    cwd: NotRequired[str | None]
    itemId: str
    proposedExecpolicyAmendment: NotRequired[list[str] | None]
    reason: NotRequired[str | None]


class FileChangeRequestApprovalParams(TypedDict):
    itemId: str
    reason: NotRequired[str | None]


class McpServerElicitationRequestParams(TypedDict):
    serverName: str
    threadId: str
    turnId: NotRequired[str | None]


class AgentMessageItem(TypedDict):
    type: Literal["agentMessage"]
    id: str
    text: str


class ReasoningItem(TypedDict):
    type: Literal["reasoning"]
    content: NotRequired[list[str]]
    id: str
    summary: NotRequired[list[str]]


class PlanItem(TypedDict):
    type: Literal["plan"]
    id: str
    text: str


class CommandExecutionItem(TypedDict):
    type: Literal["commandExecution"]
    aggregatedOutput: NotRequired[str | None]
    command: str
    cwd: str
    exitCode: NotRequired[int | None]
    id: str
    status: Literal["inProgress", "completed", "failed", "declined"]


class FileChangeItem(TypedDict):
    type: Literal["fileChange"]
    changes: list[FileUpdateChange]
    id: str
    status: Literal["inProgress", "completed", "failed", "declined"]


class McpToolCallItem(TypedDict):
    type: Literal["mcpToolCall"]
    arguments: Any
    error: NotRequired[dict[str, Any] | None]
    id: str
    result: NotRequired[dict[str, Any] | None]
    server: str
    status: Literal["inProgress", "completed", "failed"]
    tool: str


class WebSearchItem(TypedDict):
    type: Literal["webSearch"]
    id: str
    query: str


class ImageViewItem(TypedDict):
    type: Literal["imageView"]
    id: str
    path: str


class ContextCompactionItem(TypedDict):
    type: Literal["contextCompaction"]
    id: str


class CollabAgentToolCallItem(TypedDict):
    type: Literal["collabAgentToolCall"]
    id: str
    prompt: NotRequired[str | None]
    status: Literal["inProgress", "completed", "failed", "interrupted"]
    tool: Literal["spawnAgent", "sendInput", "resumeAgent", "wait", "closeAgent", "sendMessage", "followupTask", "interruptAgent", "listAgents"]
