"""Asks the deployed API what docs/openapi.yaml says one can ask, and worse, with schemathesis.

Whatever the answer, it must be one that the document announces: its status, its
content type, its headers and the shape of its body; and never an error of ours.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from typing import Any

import stack
from emulator import ROOT, Emulator, EmulatorError, temporary_emulator
from stack import LOCAL, StackError

SCHEMATHESIS = LOCAL / "venv" / "schemathesis" / "bin" / "schemathesis"
CONFIG = ROOT / "tools" / "schemathesis.toml"
DOCUMENT = ROOT / "docs" / "openapi.yaml"
SECONDS = 60
# How far each order is taken that schemathesis may ask about, by the name that
# the configuration knows it by.
ORDERS = {"CONFIRMED": (), "SHIPPED": ("ship",), "DELIVERED": ("ship", "deliver")}
CONFIRMED_WITHIN_SECONDS = 60


def main() -> int:
    """Returns the exit code of schemathesis."""
    try:
        stack.build()
        with temporary_emulator("contract", enforces_policies=True) as emulator:
            description = stack.deploy(emulator)
            stack.load_seed_data(emulator)
            return check(emulator, description["apiUrl"])
    except (EmulatorError, StackError) as error:
        sys.exit(f"contract: {error}")


def check(emulator: Emulator, api_url: str) -> int:
    """Runs schemathesis on a deployed API; returns its exit code."""
    orders = {f"ORDER_{name}": _order(api_url, changes) for name, changes in ORDERS.items()}
    command = [SCHEMATHESIS, "--config-file", CONFIG, "run", DOCUMENT, "--url", api_url, "--max-time", str(SECONDS)]
    return subprocess.run(command, cwd=emulator.directory, env=os.environ | orders, check=False).returncode


def _order(api_url: str, changes: tuple[str, ...]) -> str:
    """The id of a new order to which these changes were made once it was confirmed."""
    body = {"customerId": "001", "items": [{"productId": "001", "quantity": 1}]}
    order = _ask(f"{api_url}/order", json.dumps(body).encode())
    address = f"{api_url}/order/{order['orderId']}"
    deadline = time.monotonic() + CONFIRMED_WITHIN_SECONDS
    while (status := _ask(address)["orderStatus"]) != "Confirmed":
        if time.monotonic() > deadline:
            raise StackError(f"{address} is still {status}")
        time.sleep(0.1)
    for change in changes:
        _ask(f"{address}/{change}", b"")
    return str(order["orderId"])


def _ask(address: str, body: bytes | None = None) -> dict[str, Any]:
    """GET, or POST of a body; anything but success is an error."""
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return dict(json.load(answer))


if __name__ == "__main__":
    sys.exit(main())
