"""The verbs of commands do in a guest what they do in any machine: by the same tests.

The played monitor is an ordinary user, so its guest's init is not process 1 as it is for a real
one: what two tests say of that, `tests/machine/stream/test_guest_kernel.py` says of a real guest.
"""

from __future__ import annotations

import pytest
from tests.machine.test_commands import *  # noqa: F403
from tests.machine.test_spawn import *  # noqa: F403
from tests.machine.test_terminal import *  # noqa: F403
from tests.machine.test_terminal_screen import *  # noqa: F403

from agentos.machine.machine import AgentOs

del test_processes_and_signals_by_pid, test_a_program_may_have_any_name  # noqa: F821


@pytest.fixture
def vm(microvm: AgentOs) -> AgentOs:
    return microvm
