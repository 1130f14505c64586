#!/usr/bin/env bash
# Names what is missing to build and run this, in one line each.
set -euo pipefail

complete=true

missing() {
    echo "Missing: $1" >&2
    complete=false
}

command -v cargo >/dev/null || missing 'Rust (cargo): https://rustup.rs'
command -v cc >/dev/null || missing 'a C compiler (cc), which Rust links with: for example, apt install gcc libc6-dev'
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    missing 'Python 3.11 or later (python3)'
elif ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    missing 'the Python module venv: for example, apt install python3-venv'
fi
$complete
