#!/usr/bin/env bash
# Checks the dependency tree against deny.toml.
#
# Known vulnerabilities are looked up in RustSec's database, a git repository.
# Where that cannot be reached, everything else is checked, and the last line
# says what was not. With ADVISORIES=required that is an error.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly advisories='https://github.com/RustSec/advisory-db'

cargo deny --locked check bans licenses sources

if GIT_TERMINAL_PROMPT=0 timeout 60 git ls-remote --exit-code --quiet "$advisories" main >/dev/null; then
    exec cargo deny --locked check advisories
fi
echo "NOT CHECKED: known vulnerabilities, for $advisories cannot be reached" >&2
[[ ${ADVISORIES:-} != required ]]
