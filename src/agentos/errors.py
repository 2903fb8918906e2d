"""Every error that AgentOS raises on its own account.

```
AgentOsError                 code, hint, retryable
├── MachineError             the machine could not be made, or has ended
│   ├── IsolationUnavailable this host does not offer the isolation asked for
│   ├── ExecTimeout          a command outlived its timeout; keeps the output so far
│   ├── CommandFailed        a command checked for success ended otherwise
│   ├── InterpreterEnded     an interpreter's process ended, and with it what it knew
│   ├── LimitExceeded        a limit was hit; names it
│   ├── ObjectStoreError     an object store refused, failed or did not answer
│   └── NetworkDenied        the network policy forbids a host
├── SoftwareError            a software package could not be installed
│   ├── RegistryUnreachable  its registry did not answer
│   └── ChecksumMismatch     what arrived is not what was pinned
├── AgentError               an agent could not do its work
│   ├── AgentNotFound        no agent of that name
│   ├── AgentCrashed         its process ended in the middle; keeps the end of its stderr
│   ├── AuthenticationRequired  it has no credentials
│   └── ModelFailed          the model provider refused or broke off
├── SessionClosed            the session has ended
├── SessionNotFound          no session of that id
├── SessionTaken             another process drives the session now
├── BudgetExceeded           a budget in money or tokens is used up
├── StoreError               the database cannot be opened, read or written
├── CassetteMismatch         a cassette has no answer to a request; says how it differs
├── FileRefused              a file tool of the hub did not do what was asked; its code says why
├── SyncError                a file of a client cannot be synced; nothing was changed
├── SyncConflict             both sides changed the same thing
├── GitError                 a git tool could not do, or refuses, what it was asked for
│   ├── RepositoryNotRegistered  the directory is in no registered repository
│   └── PushRefused          the push is not allowed, or the remote did not take it
├── SecretsFound             what would be committed, pushed, synced or remembered holds secrets
├── ActionError              a project action could not be run
└── ConfigInvalid            a configuration file or scenario cannot be read
```

File verbs raise Python's own `FileNotFoundError`, `PermissionError` and so on.
"""

from __future__ import annotations

TYPE_CHECKING = False  # quick commands have no time for typing
if TYPE_CHECKING:
    from typing import ClassVar


class AgentOsError(Exception):
    """Say what happened, to what, and what to do.

    Args:
        message: What happened, and to what.
        code: A stable identifier for programs; each class has a default.
        hint: What the reader can do about it.
        retryable: Whether the same call may succeed later.
    """

    default_code: ClassVar[str] = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.hint = hint
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class MachineError(AgentOsError):
    """The machine could not be made, or it has ended."""

    default_code = "machine_error"


class IsolationUnavailable(MachineError):
    """This host does not offer the isolation that was asked for."""

    default_code = "isolation_unavailable"


class ExecTimeout(MachineError):
    """A command outlived its timeout and was killed.

    `stdout` and `stderr` hold what it wrote until then, as bytes.
    """

    default_code = "exec_timeout"

    def __init__(self, message: str, *, stdout: bytes = b"", stderr: bytes = b"") -> None:
        super().__init__(message, hint="raise timeout=, or use spawn() for a long-running command")
        self.stdout = stdout
        self.stderr = stderr


class CommandFailed(MachineError):
    """A command that was checked for success ended with another exit code.

    `exit_code`, `stdout` and `stderr` (bytes) say how.
    """

    default_code = "command_failed"

    def __init__(self, message: str, *, exit_code: int, stdout: bytes, stderr: bytes) -> None:
        tail = stderr[-400:].decode(errors="replace").strip()
        super().__init__(message, hint=f"stderr ends: {tail}" if tail else None)
        self.exit_code = exit_code
        self.stdout = stdout
        self.stderr = stderr


class InterpreterEnded(MachineError):
    """An interpreter's process ended, and with it what it knew.

    `exit_code` says how, if that was just now; `stdout` and `stderr` hold what it wrote last.
    """

    default_code = "interpreter_ended"

    def __init__(
        self,
        message: str,
        *,
        exit_code: int | None = None,
        stdout: bytes = b"",
        stderr: bytes = b"",
    ) -> None:
        super().__init__(message, hint="call reset() to start it again, with nothing defined")
        self.exit_code = exit_code
        self.stdout = stdout
        self.stderr = stderr


class LimitExceeded(MachineError):
    """A limit was hit; `limit` names it.

    `stdout` and `stderr` hold what a command wrote until then, as bytes.
    """

    default_code = "limit_exceeded"

    def __init__(
        self,
        message: str,
        *,
        limit: str,
        hint: str | None = None,
        stdout: bytes = b"",
        stderr: bytes = b"",
    ) -> None:
        super().__init__(message, hint=hint)
        self.limit = limit
        self.stdout = stdout
        self.stderr = stderr


class ObjectStoreError(MachineError):
    """An object store refused, failed or did not answer.

    `kept` is the directory of the host with files that it did not get, or None.
    """

    default_code = "object_store_failed"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        retryable: bool = False,
        kept: str | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint, retryable=retryable)
        self.kept = kept


class NetworkDenied(MachineError):
    """The network policy of the machine forbids this host."""

    default_code = "network_denied"


class SoftwareError(AgentOsError):
    """A software package could not be installed."""

    default_code = "software_error"


class RegistryUnreachable(SoftwareError):
    """The package registry did not answer."""

    default_code = "registry_unreachable"


class ChecksumMismatch(SoftwareError):
    """The package that arrived is not the one that was pinned."""

    default_code = "checksum_mismatch"


class AgentError(AgentOsError):
    """An agent could not do its work."""

    default_code = "agent_error"


class AgentNotFound(AgentError):
    """There is no agent of that name."""

    default_code = "agent_not_found"


class AgentCrashed(AgentError):
    """The agent's process ended in the middle of its work.

    `stderr_tail` is the end of what it wrote to stderr.
    """

    default_code = "agent_crashed"

    def __init__(self, message: str, *, stderr_tail: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.stderr_tail = stderr_tail


class AuthenticationRequired(AgentError):
    """The agent has no credentials for its model provider."""

    default_code = "authentication_required"


class ModelFailed(AgentError):
    """The model provider refused a call, was unreachable, or broke off."""

    default_code = "model_failed"


class SessionClosed(AgentOsError):
    """The session has ended."""

    default_code = "session_closed"


class SessionNotFound(AgentOsError):
    """There is no session of that id."""

    default_code = "session_not_found"


class SessionTaken(AgentOsError):
    """Another process drives the session now; what this one does is not kept."""

    default_code = "session_taken"


class BudgetExceeded(AgentOsError):
    """A budget in money or tokens is used up."""

    default_code = "budget_exceeded"


class StoreError(AgentOsError):
    """The database of transcripts, calls and decisions cannot be opened, read or written."""

    default_code = "store_error"


class CassetteMismatch(AgentOsError):
    """A cassette that is replayed has no answer to a request.

    `where` is the place in the file that is nearest, `diff` a unified diff from there to the
    request; both are empty if nothing is left to be compared with.
    """

    default_code = "cassette_mismatch"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        where: str = "",
        diff: str = "",
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.where = where
        self.diff = diff


class FileRefused(AgentOsError):
    """A file tool of the hub did not do what was asked, and changed nothing.

    `code` says why, such as `path_outside_roots`, `not_found` or `hash_mismatch`; `path` is the
    path as it was asked for.
    """

    default_code = "file_refused"

    def __init__(
        self,
        message: str,
        *,
        code: str,
        path: str,
        hint: str | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message, code=code, hint=hint, retryable=retryable)
        self.path = path


class SyncError(AgentOsError):
    """A file of a client cannot be synced, and nothing was changed.

    `code` says why, such as `malformed`, `is_directory` or `changed_meanwhile`; `path` is the
    file, `line` its line, from 1, if one is to blame.
    """

    default_code = "sync_failed"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        path: str = "",
        line: int | None = None,
        hint: str | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message, code=code, hint=hint, retryable=retryable)
        self.path = path
        self.line = line


class SyncConflict(AgentOsError):
    """Both sides changed the same thing.

    `names` are the things, if there are several; `kept` is where this side's are, if it is moved
    out of the way.
    """

    default_code = "sync_conflict"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        names: tuple[str, ...] = (),
        kept: str | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.names = names
        self.kept = kept


class GitError(AgentOsError):
    """A git tool could not do what it was asked for, or refuses to."""

    default_code = "git_failed"


class RepositoryNotRegistered(GitError):
    """The directory is in no repository that the git tools may touch."""

    default_code = "repository_not_registered"


class PushRefused(GitError):
    """The push is not allowed, or the remote did not take it."""

    default_code = "push_refused"


class SecretsFound(AgentOsError):
    """What would be committed, pushed, synced or remembered holds secrets.

    Attributes:
        findings: Where, a line each.
    """

    default_code = "secrets_found"

    def __init__(self, message: str, *, findings: tuple[str, ...], hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.findings = findings


class ActionError(AgentOsError):
    """A project action could not be run."""

    default_code = "action_failed"


class ConfigInvalid(AgentOsError):
    """A configuration file or scenario cannot be read."""

    default_code = "config_invalid"
