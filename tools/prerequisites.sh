#!/usr/bin/env bash
# Checks the prerequisites of the build and prints a line for each missing one.
set -euo pipefail

complete=true

report_missing() {
    echo "Missing: $1" >&2
    complete=false
}

command -v cargo >/dev/null || report_missing 'Rust (cargo): https://rustup.rs'
command -v cc >/dev/null || report_missing 'a C compiler (cc), the linker of Rust: for example, apt install gcc libc6-dev'
if command -v cc >/dev/null && [[ $(cc -print-file-name=libc.a) == libc.a ]]; then
    report_missing 'the static C library (libc.a): for example, dnf install glibc-static'
fi
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    report_missing 'Python 3.11 or later (python3)'
elif ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    report_missing 'the Python module venv: for example, apt install python3-venv'
fi
$complete
