"""The project on a local AWS: builds it, deploys it, loads the seed data, stops it.

python tools/stack.py build|run|stop      PORT chooses where the local AWS listens
"""

import json
import os
import platform
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import seed
from emulator import REGION, ROOT, Emulator, EmulatorError, client
from samcli.yamlhelper import yaml_parse

LOCAL = ROOT / ".local"
CONFIG = "local"
# Where samconfig.toml has this environment built.
BUILD = LOCAL / "build"
SAM = LOCAL / "venv" / "sam" / "bin"
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}
# A build to try things out with need not be small or fast, but quickly done,
# and need not run on other machines, which is what Zig links for.
QUICK_BUILD = {
    "CARGO_LAMBDA_COMPILER": "cargo",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
    "CARGO_TARGET_DIR": str(LOCAL / "target"),
}
# What a stack has besides where its API is closed.
CLOSED_OUTPUTS = {
    "UserPoolId": "userPoolId",
    "CustomerClientId": "customerClientId",
    "FulfilmentClientId": "fulfilmentClientId",
    "CustomerApiKeyId": "customerApiKeyId",
    "FulfilmentApiKeyId": "fulfilmentApiKeyId",
}
USAGE = "usage: stack.py build|run|stop"


class StackError(Exception):
    """What went wrong, in one line."""


def main(arguments: list[str]) -> int:
    """Runs one command."""
    try:
        emulator = Emulator(LOCAL, _port())
        match arguments:
            case ["build"]:
                build()
            case ["run"]:
                run(emulator)
            case ["stop"]:
                stop(emulator)
            case _:
                sys.exit(USAGE)
    except (EmulatorError, StackError) as error:
        sys.exit(f"stack: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    return 0


def run(emulator: Emulator) -> None:
    """Brings everything up, or up to date."""
    started = time.monotonic()
    _check_machine()
    fresh = emulator.start()
    _say(f"Local AWS {'started' if fresh else 'already runs'} at {emulator.endpoint}")
    build()
    stack = deploy(emulator)
    load_seed_data(emulator)
    _say(f"Ready in {time.monotonic() - started:.0f} s. Described in {_shown(stack_file(emulator))}")
    _say(f"API: {stack['apiAccess']}")
    print(_hints(stack["apiUrl"]))


def stop(emulator: Emulator) -> None:
    """Ends the local AWS; the build is kept."""
    stopped = emulator.stop()
    stack_file(emulator).unlink(missing_ok=True)
    _say("Local AWS stopped" if stopped else "Nothing runs")


def build() -> None:
    """Builds the functions for this machine, with `sam build`."""
    environment = os.environ | QUICK_BUILD | {"PATH": f"{SAM}{os.pathsep}{os.environ['PATH']}"}
    # SAM keeps to itself what cargo says, so have cargo do its work beforehand.
    for crate in _functions():
        _say(f"Compiling {crate.name}")
        command = ["cargo", "lambda", "build", "--release", "--locked"]
        _check(subprocess.run(command, cwd=crate, env=environment, check=False))
    _say("sam build")
    _sam(["build", *_overrides()], environment, LOCAL / "build.log")


def deploy(emulator: Emulator, **parameters: str) -> dict[str, Any]:
    """Deploys what was built, with `sam deploy`; writes down and returns where everything is.

    The parameters add to, and go before, those of samconfig.toml.
    """
    _say(" ".join(["sam deploy", *(f"{name}={value}" for name, value in parameters.items())]))
    _sam(["deploy", *_overrides(**parameters)], emulator.client_environment, emulator.directory / "deploy.log")
    stack = _describe(emulator)
    stack_file(emulator).write_text(json.dumps(stack, indent=2) + "\n")
    return stack


def load_seed_data(emulator: Emulator) -> None:
    """Loads the seed data into what is deployed."""
    outputs = seed.outputs(client("cloudformation", emulator.endpoint), _stack_name())
    added = seed.load(client("dynamodb", emulator.endpoint), seed.table_names(outputs))
    _say(f"Seed data: {added} items added")


def stack_file(emulator: Emulator) -> Path:
    """Where it is written down what an emulator runs."""
    return emulator.directory / "stack.json"


def _port() -> int:
    chosen = os.environ.get("PORT", "4566")
    if not chosen.isdecimal() or not 0 < int(chosen) < 65536:
        raise StackError(f"PORT must be the number of a port, not {chosen!r}")
    return int(chosen)


def _check_machine() -> None:
    """The emulator runs the functions as processes of this machine."""
    if sys.platform != "linux" or platform.machine() not in ARCHITECTURES:
        raise StackError("the functions run on Linux on x86_64 or arm64 only; elsewhere, deploy to AWS")


def _overrides(**parameters: str) -> list[str]:
    """What there is on the command line replaces what samconfig.toml says, so it is said again."""
    configured = str(_config()["deploy"]["parameters"]["parameter_overrides"]).split()
    chosen = {"Architecture": ARCHITECTURES[platform.machine()]} | parameters
    kept = [pair for pair in configured if pair.partition("=")[0] not in chosen]
    return ["--parameter-overrides", *kept, *(f"{name}={value}" for name, value in chosen.items())]


def _functions() -> list[Path]:
    """The crates of the functions that the template deploys."""
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"].values()
    functions = [resource for resource in resources if resource["Type"] == "AWS::Serverless::Function"]
    return [ROOT / function["Properties"]["CodeUri"] for function in functions]


def _sam(arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
    """Runs the SAM CLI; what it says is shown if it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        result = subprocess.run(
            [SAM / "sam", *arguments, "--config-env", CONFIG],
            cwd=ROOT,
            env=dict(environment) | {"SAM_CLI_TELEMETRY": "0"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if result.returncode:
        sys.stderr.write(log.read_text(errors="replace"))
    _check(result)


def _check(result: subprocess.CompletedProcess[bytes]) -> None:
    if result.returncode:
        raise StackError(f"{' '.join(map(str, result.args))} failed (exit code {result.returncode})")


def _describe(emulator: Emulator) -> dict[str, Any]:
    name = _stack_name()
    outputs = seed.outputs(client("cloudformation", emulator.endpoint), name)
    return {
        "apiUrl": _local_api_url(emulator, outputs["ApiUrl"]),
        "apiAccess": outputs["ApiAccess"],
        "awsEndpointUrl": emulator.endpoint,
        "region": REGION,
        "stackName": name,
        "eventBusName": outputs["EventBusName"],
        "tables": {
            "orders": outputs["OrdersTableName"],
            "customers": outputs["CustomersTableName"],
            "products": outputs["ProductsTableName"],
            "inventory": outputs["InventoryTableName"],
        },
        "deadLetterQueueUrl": outputs["DeadLetterQueueUrl"],
        "relayDeadLetterQueueUrl": outputs["RelayDeadLetterQueueUrl"],
        "functions": {
            key.removesuffix("Name"): value for key, value in outputs.items() if key.endswith("FunctionName")
        },
        "pid": emulator.pid(),
    } | {described: outputs[output] for output, described in CLOSED_OUTPUTS.items() if output in outputs}


def _stack_name() -> str:
    return str(_config()["global"]["parameters"]["stack_name"])


def _config() -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / "samconfig.toml").read_text())[CONFIG])


def _local_api_url(emulator: Emulator, api_url: str) -> str:
    """The address of the API by path: not everything resolves API_ID.execute-api.localhost."""
    url = urlsplit(api_url)
    api = str(url.hostname).split(".")[0]
    return f"{emulator.endpoint}/restapis/{api}{url.path}/_user_request_"


def _say(line: str) -> None:
    print(f"==> {line}", flush=True)


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _hints(api: str) -> str:
    order = '{"customerId":"001","items":[{"productId":"001","quantity":2},{"productId":"002","quantity":1}]}'
    return f"""
Place an order (its stock is reserved a moment later):

  curl -s -H 'Content-Type: application/json' -d '{order}' {api}/order

Watch the stock, and read the order with its orderId:

  curl -s {api}/inventory/001
  curl -s {api}/order/ORDER_ID

All of it in one go: make demo. Its logs: {_shown(LOCAL / "emulator.log")}. To end it: make stop.
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
