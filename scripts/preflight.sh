#!/bin/sh
# Checks what only root can provide and prints the Python to use. What is missing is
# named in one line with the command that installs it.
set -u

missing() { # what, Debian packages, Fedora packages, Alpine packages
    if command -v dnf >/dev/null; then
        command="sudo dnf install $3"
    elif command -v apk >/dev/null; then
        command="sudo apk add $4"
    else
        command="sudo apt-get install $2"
    fi
    echo "$1 is missing; run: $command" >&2
    exit 1
}

compiles() {
    printf '#include <stdio.h>\n#include <linux/openat2.h>\n' | $1 -E - >/dev/null 2>&1
}

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

[ "$(uname -s)" = Linux ] || { echo "AgentOS needs Linux; this is $(uname -s)" >&2; exit 1; }
compiles "${CC:-cc}" || missing "a C compiler with its headers" \
    "gcc libc6-dev" "gcc glibc-devel glibc-static" "gcc musl-dev linux-headers"
command -v git >/dev/null || missing git git git git

without_venv=
for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    fits "$python" || continue
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        command -v "$python"
        exit 0
    fi
    without_venv=${without_venv:-$python}
done
[ -z "$without_venv" ] || missing "the venv module of $without_venv" \
    "$(basename "$without_venv")-venv" python3 python3
# Where python3 is too old, distributions offer a newer one beside it.
python3=python3
command -v python3 >/dev/null && python3=python3.11
missing "Python 3.11 to 3.14" "$python3 $python3-venv" "$python3" python3
