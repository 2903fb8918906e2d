"""Why a turn failed, in words for people and for programs."""

from __future__ import annotations

from typing import Any

from agentos.errors import (
    AgentCrashed,
    AgentError,
    AgentOsError,
    AuthenticationRequired,
    ModelFailed,
)


def of_the_model(agent: str, words: str) -> ModelFailed:
    """Make an error of what an agent says about its model provider."""
    return ModelFailed(
        f"{agent}: {words}", hint="the session goes on: prompt again once the provider answers"
    )


def of_a_prompt(agent: str, error: Exception, words: str | None) -> Exception:
    """Say what a failed prompt means.

    Args:
        agent: The agent's name.
        error: How the prompt failed.
        words: What the agent said about its model provider, if it did.
    """
    if isinstance(error, AuthenticationRequired):
        return ModelFailed(
            f"{error.message}: the model provider refused the credentials (HTTP 401)",
            code="model_unauthorized",
            hint="check the API key",
        )
    if words and isinstance(error, AgentError) and not isinstance(error, AgentCrashed):
        return of_the_model(agent, words)
    return error


def broken_off(error: Exception) -> AgentError:
    """Make an error of what nobody has foreseen, which ends a session."""
    failure = AgentError(
        f"the session broke off: {type(error).__name__}: {error}",
        code="session_broken",
        hint="what happened before is kept: resume the session",
    )
    failure.__cause__ = error
    return failure


def described(error: Exception) -> dict[str, Any]:
    """Put an error into an event's data."""
    if isinstance(error, AgentOsError):
        return {"code": error.code, "message": error.message, "hint": error.hint}
    return {"code": type(error).__name__, "message": str(error), "hint": None}
