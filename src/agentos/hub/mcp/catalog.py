"""What each tool of the hub is: its right, what it does to the world, its words for a model.

Nothing here imports the MCP SDK: the stdio bridge, which has to start at once, reads it too.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentos.hub.scopes import Scope


@dataclass(frozen=True)
class ToolFacts:
    """What is known of a tool without running it.

    Attributes:
        name: What clients call it.
        scope: What a token needs to see it.
        description: What a model reads; every word is paid for in each of its turns.
        read_only: Whether it changes nothing.
        destructive: Whether it can take away what was there.
        idempotent: Whether a second call with the same arguments changes nothing more.
    """

    name: str
    scope: Scope
    description: str
    read_only: bool = False
    destructive: bool = False
    idempotent: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether a call may be made again when nobody knows if it was carried out."""
        return self.read_only or self.idempotent


_ALL = (
    ToolFacts(
        "list_portfolio_files",
        Scope.PORTFOLIO_READ,
        "List the user's context portfolio: who they are, projects, preferences.",
        read_only=True,
    ),
    ToolFacts(
        "read_portfolio_file",
        Scope.PORTFOLIO_READ,
        "Read a portfolio file by name, file name or portfolio:// URI.",
        read_only=True,
    ),
    ToolFacts(
        "search_portfolio",
        Scope.PORTFOLIO_READ,
        "Full-text search of the portfolio.",
        read_only=True,
    ),
    ToolFacts(
        "propose_portfolio_change",
        Scope.PORTFOLIO_PROPOSE,
        "Propose a portfolio file's new full text; the user accepts or rejects it.",
    ),
    ToolFacts(
        "agentOS_git_status",
        Scope.GIT_READ,
        "Branch and changed files of the registered repository at directory.",
        read_only=True,
    ),
    ToolFacts(
        "agentOS_git_diff",
        Scope.GIT_READ,
        "Diff of uncommitted changes, or of what is staged.",
        read_only=True,
    ),
    ToolFacts(
        "agentOS_git_commit",
        Scope.GIT_COMMIT,
        "Commit all changes, or those of paths; secrets and large files are held back, and told.",
    ),
    ToolFacts(
        "agentOS_git_push",
        Scope.GIT_PUSH,
        "Push a branch, never by force, and no protected one.",
        idempotent=True,
    ),
    ToolFacts("agentOS_fs_list", Scope.FS_READ, "List a directory of the roots.", read_only=True),
    ToolFacts(
        "agentOS_fs_read",
        Scope.FS_READ,
        "Read a file or lines of it; binary comes as base64.",
        read_only=True,
    ),
    ToolFacts(
        "agentOS_fs_search",
        Scope.FS_READ,
        "Search files by regular expression; globs exclude with !.",
        read_only=True,
    ),
    ToolFacts(
        "agentOS_fs_write",
        Scope.FS_WRITE,
        "Write a whole file atomically.",
        destructive=True,
        idempotent=True,
    ),
    ToolFacts(
        "agentOS_fs_replace",
        Scope.FS_WRITE,
        "Replace the one exact occurrence of a snippet.",
        destructive=True,
    ),
    ToolFacts(
        "agentOS_ext_compile",
        Scope.EXT_RUN,
        "Run the compile action, or another declared one.",
        idempotent=True,
    ),
    ToolFacts("agentOS_ext_package", Scope.EXT_RUN, "Run the package action.", idempotent=True),
    ToolFacts(
        "agentOS_ext_install",
        Scope.EXT_RUN,
        "Install the newest .vsix into the editor.",
        idempotent=True,
    ),
    ToolFacts(
        "agentOS_log_command", Scope.TELEMETRY_WRITE, "Report that a skill or command was run."
    ),
)

CATALOG = {facts.name: facts for facts in _ALL}
