"""Deploys the API and tests it against docs/openapi.yaml with schemathesis.

schemathesis sends valid and invalid requests. The document must describe the status,
content type, headers and body of every response, and no response may be a server error.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from typing import Any

import stack
from emulator import ROOT, Emulator, EmulatorError, run_temporary_emulator
from stack import LOCAL, StackError

SCHEMATHESIS = LOCAL / "venv" / "schemathesis" / "bin" / "schemathesis"
CONFIG = ROOT / "tools" / "schemathesis.toml"
DOCUMENT = ROOT / "docs" / "openapi.yaml"
SECONDS = 120
# Orders that schemathesis may use, by name in its configuration, with the actions
# that bring each order to its status after it is confirmed.
ORDERS = {"CONFIRMED": (), "SHIPPED": ("ship",), "DELIVERED": ("ship", "deliver")}
CONFIRMED_WITHIN_SECONDS = 60
# The id of a customer and a product that schemathesis may delete, and their bodies by path.
SPARE_ID = "spare"
SPARES = {
    "customers": {"email": "spare@example.com", "name": "Spare Customer"},
    "products": {"name": "Spare Product", "price": 1},
}


def main() -> int:
    """Deploys the API, tests it and returns the exit code of schemathesis."""
    try:
        stack.build()
        with run_temporary_emulator("contract", enforces_policies=True) as emulator:
            description = stack.deploy(emulator)
            stack.load_seed_data(emulator)
            return run_schemathesis(emulator, description["apiUrl"])
    except (EmulatorError, StackError) as error:
        sys.exit(f"contract: {error}")


def run_schemathesis(emulator: Emulator, api_url: str) -> int:
    """Tests a deployed API and returns the exit code of schemathesis."""
    orders = {f"ORDER_{name}": _create_order(api_url, actions) for name, actions in ORDERS.items()}
    for path, body in SPARES.items():
        _send(f"{api_url}/{path}/{SPARE_ID}", json.dumps(body).encode(), "PUT")
    command = [SCHEMATHESIS, "--config-file", CONFIG, "run", DOCUMENT, "--url", api_url, "--max-time", str(SECONDS)]
    return subprocess.run(
        command, cwd=emulator.directory, env=os.environ | orders | {"SPARE_ID": SPARE_ID}, check=False
    ).returncode


def _create_order(api_url: str, actions: tuple[str, ...]) -> str:
    """Places an order, waits until it is confirmed, applies the actions and returns its id."""
    body = {"customerId": "001", "items": [{"productId": "001", "quantity": 1}]}
    order = _send(f"{api_url}/order", json.dumps(body).encode())
    url = f"{api_url}/order/{order['orderId']}"
    deadline = time.monotonic() + CONFIRMED_WITHIN_SECONDS
    while (status := _send(url)["orderStatus"]) != "Confirmed":
        if time.monotonic() > deadline:
            raise StackError(f"{url} is still {status}")
        time.sleep(0.1)
    for action in actions:
        _send(f"{url}/{action}", b"")
    return str(order["orderId"])


def _send(url: str, body: bytes | None = None, method: str | None = None) -> dict[str, Any]:
    """Sends a GET request, or a request with a body, by default a POST. Raises an error unless it succeeds."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as response:
        return dict(json.load(response))


if __name__ == "__main__":
    sys.exit(main())
