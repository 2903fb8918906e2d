"""Compile the programs in C, the machine's launcher and the reader of rollouts, whenever the
package is built or installed.

During development, `python build_native.py` compiles them in place and prints their paths.
`$CC` chooses the compiler and `$CFLAGS` adds to its flags. Otherwise musl's is taken for the
launcher where it is installed: its program is a seventh of the size, and starts in a third of the
time. The other libc searches faster.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NATIVE = Path(__file__).parent / "src" / "agentos" / "native"
LAUNCHER = NATIVE / "agentos-init"
ROLLOUTS = NATIVE / "agentos-rollouts"
# _FORTIFY_SOURCE is undefined first because some distributions' compilers predefine it.
FLAGS = (
    *("-std=gnu11", "-O2", "-pthread", "-Wall", "-Wextra", "-fno-plt", "-fstack-protector-strong"),
    *("-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2", "-s"),
)
#: musl has none of its own: behind its headers come the system's, for `linux/*.h`.
KERNEL_HEADERS = (
    *("-idirafter", "/usr/include"),
    *("-idirafter", f"/usr/include/{platform.machine()}-linux-gnu"),
)
PACKAGES = {
    "apt-get": "sudo apt-get install gcc libc6-dev",
    "dnf": "sudo dnf install gcc glibc-devel glibc-static",
    "apk": "sudo apk add gcc musl-dev linux-headers",
}


class NotBuilt(Exception):
    """A program could not be compiled; the message says why and what to install."""


def build_programs() -> list[Path]:
    """Compile all programs in place, and return their paths.

    Raises:
        NotBuilt: There is no compiler, or it refused.
    """
    return [build(NATIVE, LAUNCHER), build(NATIVE / "rollouts", ROLLOUTS, small=False)]


def build(sources: Path, output: Path, *, small: bool = True) -> Path:
    """Compile every C file of a directory into one program, static where libc allows it.

    Args:
        sources: The directory of the `.c` files.
        output: Where the program goes; what stood there is replaced in one step.
        small: It starts often: take musl where it is installed.

    Returns:
        The path of the program.

    Raises:
        NotBuilt: There is no compiler, or it refused.
    """
    flags = [*FLAGS, *shlex.split(os.environ.get("CFLAGS", ""))]
    files = sorted(map(str, sources.glob("*.c")))
    with tempfile.TemporaryDirectory(prefix=".native-", dir=output.parent) as directory:
        program = Path(directory, output.name)
        for command in _compilers(small):
            compiled = subprocess.run(
                [*command, *flags, "-o", str(program), *files],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
            if compiled.returncode == 0:
                program.chmod(0o755)
                return program.replace(output)
    raise NotBuilt(
        f"cannot compile {output.name}: {command[0]} refused\n{compiled.stderr.rstrip()}\n"
        f"If a system header or library is missing: {_install_command()}"
    )


def _compilers(small: bool) -> Iterator[list[str]]:
    """Yield command lines in the order in which they are tried."""
    if small and not os.environ.get("CC") and shutil.which("musl-gcc"):
        yield ["musl-gcc", "-static", *KERNEL_HEADERS]
    chosen = _chosen_compiler()
    yield [*chosen, "-static"]
    yield chosen


def _chosen_compiler() -> list[str]:
    command = shlex.split(os.environ.get("CC", "")) or ["cc"]
    if shutil.which(command[0]):
        return command
    raise NotBuilt(
        f"cannot compile the programs in C: there is no C compiler {command[0]}; "
        f"run: {_install_command()}"
    )


def _install_command() -> str:
    for program, command in PACKAGES.items():
        if shutil.which(program):
            return command
    return " or ".join(PACKAGES.values())


class NativeHook(BuildHookInterface[Any]):
    """Put the compiled programs into a wheel or an editable installation."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and mark the wheel as bound to this processor but to no Python version."""
        if not sys.platform.startswith("linux"):
            self.app.display_warning("the programs in C run on Linux only: building without them")
            return
        try:
            build_programs()
        except NotBuilt as error:
            self.app.abort(str(error))
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"
        build_data["pure_python"] = False


def main() -> None:
    """Compile from the command line."""
    parser = argparse.ArgumentParser(description="Compile the programs and print their paths.")
    parser.add_argument("--sources", type=Path, help="directory of the C files of another one")
    parser.add_argument("--output", type=Path, help="where that goes")
    arguments = parser.parse_args()
    try:
        if arguments.sources:
            print(build(arguments.sources, arguments.output))
        else:
            print(*build_programs(), sep="\n")
    except NotBuilt as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
