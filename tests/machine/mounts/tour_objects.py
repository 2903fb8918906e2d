"""A tour of mounted objects by whoever runs it: `python tour_objects.py ENDPOINT BUCKET`.

`test_objects_whoever.py` sends root and an ordinary user on it.
"""

from __future__ import annotations

import asyncio
import os
import sys

from agentos.errors import ObjectStoreError
from agentos.machine.machine import AgentOs
from agentos.machine.mounts import Mount
from agentos.machine.mounts.objects.source import S3Credentials


def same(seen: object, expected: object) -> None:
    if seen != expected:
        raise AssertionError(f"{seen!r} instead of {expected!r}")


async def tour(endpoint: str, bucket: str) -> None:
    def mount(target: str, read_only: bool) -> Mount:
        keys = S3Credentials("dummy", "dummy")
        url = f"s3://{bucket}"
        return Mount.objects(url, target, read_only=read_only, endpoint=endpoint, credentials=keys)

    async with AgentOs(mounts=[mount("/shown", True), mount("/data", False)]) as vm:
        same((await vm.exec("cat /shown/dir/f /data/dir/f")).stdout, "old\nold\n")
        same((await vm.exec("stat -c '%u %a' /data/dir/f")).stdout, "1000 644\n")
        await vm.exec("echo new > /data/dir/f; echo made > /data/g", check=True)
        same((await vm.sync_mount("/data")).uploaded, ("dir/f", "g"))
        for closed in ("/data/dir", "/data"):
            await vm.exec(f"chmod 0 {closed}", check=True)
            try:  # what cannot be read was not removed
                same((await vm.sync_mount("/data")).deleted, ())
                same(os.geteuid(), 0)
            except ObjectStoreError as error:
                same((error.code, os.geteuid() != 0), ("objects_unsent", True))
            await vm.exec(f"chmod 755 {closed}", check=True)
        same((await vm.exec("rm /data/g")).exit_code, 0)


if __name__ == "__main__":
    asyncio.run(tour(*sys.argv[1:]))
    sys.stdout.write(f"seen as user {os.geteuid()}\n")
