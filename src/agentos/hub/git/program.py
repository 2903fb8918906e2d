"""Run git as a program that never asks, never pages, and never outlives its call."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agentos.errors import GitError
from agentos.hub.clean_environment import clean_environment
from agentos.hub.process_group import exit_code, feed, process_group, read_bounded

OUTPUT_LIMIT = 64_000_000  # beyond it a listing is an error, a patch is cut
TIMEOUT = 120.0

# The command line outranks every configuration file.
_SETTINGS = (
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.pager=cat",
    "core.quotePath=false",
    "core.alternateRefsCommand=",
    "diff.external=",
    "diff.ignoreSubmodules=dirty",
    "diff.orderFile=/dev/null",
    "status.submoduleSummary=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "push.recurseSubmodules=no",
    "protocol.ext.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.graftFileDeprecated=false",
    "color.ui=false",
)
NO_HOOKS = ("-c", "core.hooksPath=/dev/null")
_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",
    "GCM_INTERACTIVE": "never",
    "GIT_EDITOR": ":",
    "GIT_SEQUENCE_EDITOR": ":",
    "GIT_PAGER": "cat",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": "/dev/null",
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
    "LC_ALL": "C.UTF-8",
}
# The user's own choice of configuration and identity; all else of GIT_* could redirect git.
_KEPT = frozenset({"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"}) | {
    f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


@dataclass(frozen=True)
class Output:
    """How a git command ended."""

    code: int
    stdout: bytes
    stderr: str
    whole: bool = True

    @property
    def text(self) -> str:
        """Its output, without the last line end."""
        return decode(self.stdout).rstrip("\n")


@dataclass(frozen=True)
class Git:
    """Git in one directory.

    Attributes:
        directory: Where it runs: the top of a work tree.
        env: What is set besides the environment, such as another index.
    """

    directory: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def with_env(self, **env: str) -> Git:
        """Return the same git with more in its environment."""
        return Git(self.directory, {**self.env, **env})

    async def run(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        hooks: bool = False,
        limit: int = OUTPUT_LIMIT,
        timeout: float = TIMEOUT,
    ) -> Output:
        """Run a git command, however it ends.

        Args:
            arguments: The command and its options.
            stdin: What it reads.
            hooks: Whether the repository's hooks run.
            limit: Bytes of its output that are kept.
            timeout: Seconds until it is killed with all that it started.

        Raises:
            GitError: Git is not installed, or does not end in time.
        """
        async with process_group(
            self.command(*arguments, hooks=hooks),
            cwd=self.directory,
            env=self.environment(),
            stdin=stdin is not None,
        ) as process:
            try:
                async with asyncio.timeout(timeout), asyncio.TaskGroup() as group:
                    group.create_task(feed(process.stdin, stdin or b""))
                    out = group.create_task(read_bounded(process.stdout, limit))
                    err = group.create_task(read_bounded(process.stderr, 20_000))
                    code = await exit_code(process)
            except TimeoutError:
                raise GitError(
                    f"git {arguments[0]} in {self.directory} did not end within {timeout:g} s",
                    code="git_timeout",
                    hint="it, or a hook or a helper that it started, waits for something",
                ) from None
        stdout, whole = out.result()
        return Output(code, stdout, decode(err.result()[0]).strip(), whole)

    async def ask(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Run a git command that has to succeed, and return what it says."""
        return (await self.check(*arguments, stdin=stdin)).text

    async def check(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        hooks: bool = False,
        timeout: float = TIMEOUT,
    ) -> Output:
        """Run a git command that has to succeed.

        Raises:
            GitError: It did not, or its output is too large to be taken whole.
        """
        done = await self.run(*arguments, stdin=stdin, hooks=hooks, timeout=timeout)
        if done.code != 0:
            raise GitError(
                f"git {arguments[0]} in {self.directory} failed: "
                f"{last_lines(done.stderr) or f'exit code {done.code}'}"
            )
        if not done.whole:
            raise GitError(
                f"git {arguments[0]} in {self.directory} says more than {OUTPUT_LIMIT:,} bytes",
                code="git_too_large",
            )
        return done

    async def fields(self, *arguments: str, stdin: bytes | None = None) -> list[str]:
        """Run a git command that ends each field with a NUL, and return the fields."""
        done = await self.check(*arguments, stdin=stdin)
        return decode(done.stdout).split("\0")[:-1]

    def command(self, *arguments: str, hooks: bool = False) -> list[str]:
        """Return the argument vector of a git command.

        Raises:
            GitError: Git is not installed.
        """
        program = shutil.which("git")
        if program is None:
            raise GitError(
                "git is not installed", code="git_absent", hint="install git and have it in PATH"
            )
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        return [
            program,
            "--literal-pathspecs",
            *settings,
            *(() if hooks else NO_HOOKS),
            *arguments,
        ]

    def environment(self) -> dict[str, str]:
        """Return what git sees of the environment."""
        inherited = {
            name: value
            for name, value in clean_environment().items()
            if not name.startswith("GIT_") or name in _KEPT
        }
        ceiling = {"GIT_CEILING_DIRECTORIES": str(self.directory.parent)}
        return {**inherited, **_QUIET, **ceiling, **self.env}


def decode(data: bytes) -> str:
    """Return bytes as text, so that `encode` gives them back."""
    return data.decode("utf-8", errors="surrogateescape")


def encode(text: str) -> bytes:
    """Return the bytes of a decoded text."""
    return text.encode("utf-8", errors="surrogateescape")


def shown(text: str) -> str:
    """Return a name as it can be printed and sent: no broken encoding, no control character."""
    readable = encode(text).decode("utf-8", errors="backslashreplace")
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in readable
    )


def last_lines(text: str, count: int = 4) -> str:
    """Return the end of what a program complains about."""
    kept = [line for line in text.splitlines() if line.strip() and not line.startswith("hint:")]
    return shown(" / ".join(kept[-count:]))[:600]
