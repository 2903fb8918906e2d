"""The filter that the kernel gets says of each system call what its table says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import agentos

SOURCE = Path(__file__).with_name("filter_verdicts.c")
NATIVE = Path(agentos.__file__ or "").parent / "native"


def compare(headers: Path, program: Path) -> subprocess.CompletedProcess[str]:
    flags = ["-std=gnu11", "-O2", f"-I{headers}", f"-I{NATIVE}"]
    built = subprocess.run(["cc", *flags, "-o", program, SOURCE], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return subprocess.run([program], capture_output=True, text=True, check=False)


def test_every_call_gets_the_verdict_of_its_row(tmp_path: Path) -> None:
    done = compare(tmp_path, tmp_path / "compare")
    assert done.returncode == 0, done.stdout
    counted = re.fullmatch(r"(\d+) verdicts alike, (\d+) instructions\n", done.stdout)
    assert counted is not None, done.stdout
    assert int(counted[1]) > 30_000_000


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("call <= LAST_KNOWN_CALL; call++", "call < LAST_KNOWN_CALL - 5; call++"),
        ("2 * half - 1", "2 * half"),
        ("BPF_JMP | BPF_JGE", "BPF_JMP | BPF_JGT"),
        ("UNLESS_EQUAL(value, 3), LOAD(args[j])", "UNLESS_EQUAL(value, 3), LOAD(args[i])"),
    ],
)
def test_a_wrong_filter_is_found(there: str, instead: str, tmp_path: Path) -> None:
    text = (NATIVE / "filter.c").read_text()
    assert there in text
    (tmp_path / "filter.c").write_text(text.replace(there, instead))
    done = compare(tmp_path, tmp_path / "compare")
    assert done.returncode != 0
    assert "call " in done.stdout or "filter" in done.stdout
