"""Sends every file in events/ to its function with `sam local invoke`.

    python tools/sam_local.py BUILD_DIRECTORY        (tools/sam-local.sh prepares the engine)

The containers cannot reach AWS. This checks that SAM runs each function, that the
function recognizes the event, and that it reports a temporary failure: a 503 response,
a failed record of a batch, or an error that Lambda retries. tools/invoke.py checks the
results of the events with AWS.
"""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from emulator import ROOT
from invoke import CASES, EVENTS, HELLO, Case, expect_http, find_differences, parse_body

SAM = ROOT / ".local" / "venv" / "sam" / "bin" / "sam"


def main(arguments: list[str]) -> int:
    """Runs all cases and returns the exit code."""
    match arguments:
        case [built]:
            failed = sum(not _run_case(case, Path(built)) for case in CASES)
        case _:
            sys.exit("usage: sam_local.py BUILD_DIRECTORY")
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return int(failed > 0)


def _run_case(case: Case, built: Path) -> bool:
    """Runs a case, prints the result and returns true if it passed."""
    response, log = _invoke(case, built)
    differences = find_differences(_get_expected_response(case), parse_body(response), "response")
    result = "FAIL" if differences else "ok  "
    print(result, f"sam local invoke {case.function} --event events/{case.event}", flush=True)
    for difference in differences:
        print(f"     {difference}\n{log}", flush=True)
    return not differences


def _invoke(case: Case, built: Path) -> tuple[Any, str]:
    """Returns the function's response and the output of SAM, whose exit code is 0 even if the function fails."""
    template = str(built / "template.yaml")
    event = str(EVENTS / case.event)
    command = [SAM, "local", "invoke", case.function, "--event", event, "--template", template, "--skip-pull-image"]
    # The requests in events/ have no token.
    command += ["--parameter-overrides", "ApiAccess=open"]
    result = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    try:
        return json.loads(result.stdout, parse_float=Decimal), result.stderr
    except ValueError:
        return result.stdout, result.stderr


def _get_expected_response(case: Case) -> Any:
    if case.function == HELLO:
        return case.response
    event = json.loads((EVENTS / case.event).read_text())
    if "httpMethod" in event:
        return expect_http(503, type="urn:problem-type:ecommerce:busy")
    if "Records" not in event:
        return {"errorType": "Busy"}
    first = event["Records"][0]
    identifier = first["messageId"] if "messageId" in first else first["dynamodb"]["SequenceNumber"]
    return {"batchItemFailures": [{"itemIdentifier": identifier}]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
