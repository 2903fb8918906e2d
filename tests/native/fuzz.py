"""Fuzz what reads the launcher's packets: `python -m tests.native.fuzz [SECONDS]`.

Needs clang with libFuzzer (Debian: clang, libclang-rt-dev). Inputs worth keeping are merged
into `corpus/`; an input that breaks something is left in the working directory.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from tests.native.test_native import FLAGS, HERE, NATIVE, READERS

_SANITIZERS = ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=undefined"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=int, nargs="?", default=600)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="fuzz-") as directory:
        fuzzer, found = Path(directory, "fuzzer"), Path(directory, "found")
        found.mkdir()
        _build(fuzzer)
        limits = ["-max_len=10000", "-timeout=10", "-print_final_stats=1"]
        corpus = HERE / "corpus"
        subprocess.run([fuzzer, f"-max_total_time={seconds}", *limits, found, corpus], check=True)
        subprocess.run([fuzzer, "-merge=1", "-use_counters=0", *limits, corpus, found], check=True)


def _build(fuzzer: Path) -> None:
    clang = ["clang", *FLAGS, *_SANITIZERS, f"-I{NATIVE}"]
    objects = [fuzzer.with_name(f"{name}.o") for name in READERS]
    for name, target in zip(READERS, objects, strict=True):
        stubs: list[str | Path] = ["-include", HERE / "stubs.h"]
        subprocess.run([*clang, *stubs, "-c", NATIVE / f"{name}.c", "-o", target], check=True)
    subprocess.run([*clang, HERE / "fuzz_packets.c", *objects, "-o", fuzzer], check=True)


if __name__ == "__main__":
    main()
