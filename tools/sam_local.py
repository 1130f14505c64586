"""Hands every file in events/ to its function with `sam local invoke`.

    python tools/sam_local.py BUILD_DIRECTORY        (tools/sam-local.sh prepares the engine)

In the containers there is no AWS to reach, so what is proven is that SAM runs each
function, that it takes the event for what it is, and that it says that it cannot
serve it now: an answer that asks the client to come back, a record that is handed
back, an error that Lambda tries again. What becomes of the events where there is an
AWS is proven by tools/invoke.py.
"""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from emulator import ROOT
from invoke import CASES, EVENTS, HELLO, STOCK, Case, differences, rest, with_parsed_body

SAM = ROOT / ".local" / "venv" / "sam" / "bin" / "sam"


def main(arguments: list[str]) -> int:
    """Runs every case; returns the exit code."""
    match arguments:
        case [built]:
            failed = sum(not _passes(case, Path(built)) for case in CASES)
        case _:
            sys.exit("usage: sam_local.py BUILD_DIRECTORY")
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return int(failed > 0)


def _passes(case: Case, built: Path) -> bool:
    answer, log = _invoke(case, built)
    faults = list(differences(_expected(case), with_parsed_body(answer), "answer"))
    print("FAIL" if faults else "ok  ", f"sam local invoke {case.function} --event events/{case.event}", flush=True)
    for fault in faults:
        print(f"     {fault}\n{log}", flush=True)
    return not faults


def _invoke(case: Case, built: Path) -> tuple[Any, str]:
    """What the function answers, and what SAM says. SAM's exit code is 0 even if the function fails."""
    template = str(built / "template.yaml")
    event = str(EVENTS / case.event)
    command = [SAM, "local", "invoke", case.function, "--event", event, "--template", template, "--skip-pull-image"]
    # The requests in events/ carry no token.
    command += ["--parameter-overrides", "ApiAccess=open"]
    result = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    try:
        return json.loads(result.stdout, parse_float=Decimal), result.stderr
    except ValueError:
        return result.stdout, result.stderr


def _expected(case: Case) -> Any:
    if case.function == HELLO:
        return case.answer
    event = json.loads((EVENTS / case.event).read_text())
    if "httpMethod" in event:
        return rest(503, type="urn:problem-type:ecommerce:busy")
    if "Records" not in event:
        return {"errorType": "Busy"}
    first = event["Records"][0]
    identifier = first["messageId"] if case.function == STOCK else first["dynamodb"]["SequenceNumber"]
    return {"batchItemFailures": [{"itemIdentifier": identifier}]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
