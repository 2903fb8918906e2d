"""Where control groups are, on hosts of every kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos.machine.limits.hierarchies import Hierarchy, hierarchies

FIRST = "/sys/fs/cgroup"
HYBRID = f"""\
22 1 0:20 / / rw shared:1 - ext4 /dev/sda1 rw
35 31 0:32 / {FIRST}/memory rw,relatime - cgroup cgroup rw,memory
36 31 0:33 / {FIRST}/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
40 31 0:37 / {FIRST}/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / {FIRST}/unified rw,relatime - cgroup2 cgroup2 rw
"""
UNIFIED = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
SCOPE = "/user.slice/user-1000.slice/user@1000.service/app.slice/run-7.scope"


def tree(version: int, controllers: str, own: str, top: str) -> Hierarchy:
    words = frozenset(controllers.split(",") if controllers else ())
    return Hierarchy(version, words, Path(own), Path(top))


@pytest.mark.parametrize(
    ("mounts", "memberships", "found"),
    [
        (
            HYBRID,
            "4:memory:/a/b\n3:cpu,cpuacct:/\n2:name=systemd:/x\n0::/y\n",
            [
                tree(1, "memory", f"{FIRST}/memory/a/b", f"{FIRST}/memory"),
                tree(1, "cpu,cpuacct", f"{FIRST}/cpu,cpuacct", f"{FIRST}/cpu,cpuacct"),
                tree(1, "name=systemd", f"{FIRST}/systemd/x", f"{FIRST}/systemd"),
                tree(2, "", f"{FIRST}/unified/y", f"{FIRST}/unified"),
            ],
        ),
        (UNIFIED, f"0::{SCOPE}\n", [tree(2, "", f"{FIRST}{SCOPE}", FIRST)]),
        (  # a container sees a part of the tree only
            "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
            "0::/docker/abc/inner\n",
            [tree(2, "", f"{FIRST}/inner", FIRST)],
        ),
        (
            "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
            "0::/docker/abcd\n",
            [tree(2, "", FIRST, FIRST)],
        ),
        (
            r"30 23 0:26 / /with\040space rw - cgroup2 cgroup rw" + "\n",
            "0::/\n",
            [tree(2, "", "/with space", "/with space")],
        ),
        ("22 1 0:20 / / rw shared:1 - ext4 /dev/sda1 rw\n", "0::/\n", []),
    ],
)
def test_trees_and_our_place_in_them(
    tmp_path: Path, mounts: str, memberships: str, found: list[Hierarchy]
) -> None:
    (tmp_path / "mountinfo").write_text(mounts)
    (tmp_path / "cgroup").write_text(memberships)
    assert hierarchies(tmp_path) == found
