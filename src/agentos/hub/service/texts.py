"""What each service manager is given to read."""

from __future__ import annotations

import plistlib
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

#: The service's name where names are words, and where they are domains turned round.
NAME = "agentos-hub"
LABEL = "internal.agentos.hub"
_ESCAPED = {'"': "&quot;"}


def systemd_unit(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return a systemd user unit.

    It follows a hub that hands over to the next one, and starts it again when it crashes.

    Args:
        command: What runs the hub in the foreground.
        environment: Its variables.
    """
    variables = "".join(
        f"Environment={_systemd_word(f'{name}={value}')}\n" for name, value in environment.items()
    )
    words = " ".join(_systemd_word(word).replace("$", "$$") for word in command)
    return f"""\
[Unit]
Description=AgentOS hub
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=all
ExecStart={words}
{variables}Restart=on-failure
RestartSec=1
TimeoutStartSec=60
TimeoutStopSec=30
NoNewPrivileges=yes
UMask=0077

[Install]
WantedBy=default.target
"""


def launchd_plist(command: Sequence[str], environment: Mapping[str, str], log: str) -> str:
    """Return a launchd LaunchAgent.

    Args:
        command: What runs the hub in the foreground.
        environment: Its variables.
        log: The file that its output goes to.
    """
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": list(command),
            "EnvironmentVariables": dict(environment),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ProcessType": "Interactive",
            "StandardOutPath": log,
            "StandardErrorPath": log,
            "Umask": 0o077,
        }
    ).decode()


def windows_task(command: Sequence[str], user: str) -> str:
    """Return a task for the Windows Task Scheduler, that starts when the user logs on.

    Args:
        command: What runs the hub in the foreground.
        user: The user, as `DOMAIN\\name`.
    """
    program, *rest = command
    arguments = " ".join(map(_windows_word, rest))
    who = escape(user, _ESCAPED)
    return f"""\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>AgentOS hub</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>{who}</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{who}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>5</Count>
    </RestartOnFailure>
    <Hidden>true</Hidden>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{escape(program, _ESCAPED)}</Command>
      <Arguments>{escape(arguments, _ESCAPED)}</Arguments>
    </Exec>
  </Actions>
</Task>
"""


def _systemd_word(word: str) -> str:
    safe = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("%", "%%")
    return f'"{safe}"'


def _windows_word(word: str) -> str:
    if word and not any(character in word for character in ' \t"'):
        return word
    quoted, backslashes = "", 0
    for character in word:
        if character == '"':
            quoted += "\\" * (backslashes + 1)  # those before it count twice
        backslashes = backslashes + 1 if character == "\\" else 0
        quoted += character
    quoted += "\\" * backslashes  # at the end they would hide the quotation mark
    return f'"{quoted}"'
