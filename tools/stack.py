"""Builds the project, deploys it to a local AWS, loads the seed data and stops the local AWS.

python tools/stack.py build|run|stop      the variable PORT sets the port of the local AWS
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import seed
from emulator import REGION, ROOT, Emulator, EmulatorError, create_client
from samcli.yamlhelper import yaml_dump, yaml_parse
from samconfig import ARCHITECTURE, ARCHITECTURES, get_host_architecture, list_overrides, read_environment
from stack_target import ALIAS, read_outputs

LOCAL = ROOT / ".local"
CONFIG = "local"
# The build directory of this environment in samconfig.toml.
BUILD = LOCAL / "build"
SAM = LOCAL / "venv" / "sam" / "bin"
# Settings for a short build. The functions need not be small or fast.
QUICK_BUILD = {
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
    "CARGO_TARGET_DIR": str(LOCAL / "target"),
}
# Resources whose types the local AWS does not know.
UNSUPPORTED_RESOURCES = ("EventArchive",)
# Outputs that exist only with ApiAccess=cognito, with their names in stack.json.
COGNITO_OUTPUTS = {
    "UserPoolId": "userPoolId",
    "CustomerClientId": "customerClientId",
    "FulfilmentClientId": "fulfilmentClientId",
    "AdminClientId": "adminClientId",
    "CustomerApiKeyId": "customerApiKeyId",
    "FulfilmentApiKeyId": "fulfilmentApiKeyId",
    "AdminApiKeyId": "adminApiKeyId",
}
USAGE = "usage: stack.py build|run|stop"


class StackError(Exception):
    """A failure, described in one line."""


def main(arguments: list[str]) -> int:
    """Runs a command."""
    try:
        emulator = Emulator(LOCAL, _read_port())
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
    """Starts the local AWS if necessary, and builds and deploys the project."""
    started = time.monotonic()
    _check_machine()
    started_now = emulator.start()
    _print_step(f"Local AWS {'started' if started_now else 'already running'} at {emulator.endpoint}")
    build()
    stack = deploy(emulator)
    load_seed_data(emulator)
    file = _format_path(locate_stack_file(emulator))
    _print_step(f"Ready after {time.monotonic() - started:.0f} s. {file} describes the stack")
    _print_step(f"API: {stack['apiAccess']}")
    print(_format_hints(stack["apiUrl"]))


def stop(emulator: Emulator) -> None:
    """Stops the local AWS and keeps the build."""
    stopped = emulator.stop()
    locate_stack_file(emulator).unlink(missing_ok=True)
    _print_step("Local AWS stopped" if stopped else "The local AWS is not running")


def build() -> None:
    """Builds the functions for this machine with `sam build`."""
    environment = os.environ | QUICK_BUILD | {"PATH": f"{SAM}{os.pathsep}{os.environ['PATH']}"}
    # `sam build` hides the output of cargo, so cargo compiles the functions first.
    for crate in _list_function_crates():
        _print_step(f"Compiling {crate.name}")
        command = ["cargo", "lambda", "build", "--release", "--locked"]
        _check_exit_code(subprocess.run(command, cwd=crate, env=environment, check=False))
    _print_step("sam build")
    _run_sam(["build", *_build_overrides()], environment, LOCAL / "build.log")
    _remove_unsupported_resources(BUILD / "template.yaml")


def _remove_unsupported_resources(path: Path) -> None:
    """Removes the resources that the local AWS rejects from the built template, with their outputs.

    Each of them has a condition that is false unless a parameter is set.
    """
    template = yaml_parse(path.read_text())
    resources, outputs = template["Resources"], template["Outputs"]
    conditions = {resources.pop(name)["Condition"] for name in UNSUPPORTED_RESOURCES}
    for name in [name for name, output in outputs.items() if output.get("Condition") in conditions]:
        del outputs[name]
    path.write_text(yaml_dump(template))


def deploy(emulator: Emulator, *, template: Path | None = None, **parameters: str) -> dict[str, Any]:
    """Deploys the build with `sam deploy`. Returns the description of the stack and writes it to stack.json.

    The parameters extend and override those of samconfig.toml, and `template` replaces the built one.
    """
    _print_step(" ".join(["sam deploy", *(f"{name}={value}" for name, value in parameters.items())]))
    log = emulator.directory / "deploy.log"
    # Without --config-file, the SAM CLI searches the directory of the template.
    config = ["--config-file", str(ROOT / "samconfig.toml")]
    chosen = [] if template is None else [*config, "--template-file", str(template)]
    _run_sam(["deploy", *chosen, *_build_overrides(**parameters)], emulator.client_environment, log)
    _configure_async_invocations(emulator)
    stack = _describe_stack(emulator)
    locate_stack_file(emulator).write_text(json.dumps(stack, indent=2) + "\n")
    return stack


def _configure_async_invocations(emulator: Emulator) -> None:
    """Copies the settings of the consumer's alias to its function, because the local AWS uses no others."""
    functions = create_client("lambda", emulator.endpoint)
    consumer = read_stack_outputs(emulator)["InventoryServiceFunctionName"]
    try:
        settings = functions.get_function_event_invoke_config(FunctionName=consumer, Qualifier=ALIAS)
    except functions.exceptions.ResourceNotFoundException:
        return  # A template of an earlier version has no alias.
    names = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
    functions.put_function_event_invoke_config(FunctionName=consumer, **{name: settings[name] for name in names})


def load_seed_data(emulator: Emulator) -> None:
    """Loads the seed data into the deployed tables."""
    names = seed.get_table_names(read_stack_outputs(emulator))
    added = seed.load_items(create_client("dynamodb", emulator.endpoint), names)
    _print_step(f"Seed data: {added} items added")


def locate_stack_file(emulator: Emulator) -> Path:
    """Returns the path of stack.json, which describes the stack on an emulator."""
    return emulator.directory / "stack.json"


def _read_port() -> int:
    chosen = os.environ.get("PORT", "4566")
    if not chosen.isdecimal() or not 0 < int(chosen) < 65536:
        raise StackError(f"PORT must be a number from 1 to 65535, not {chosen!r}")
    return int(chosen)


def _check_machine() -> None:
    """Checks that this machine can run the functions, which are processes of the emulator."""
    if sys.platform != "linux" or platform.machine() not in ARCHITECTURES:
        raise StackError("the local AWS needs Linux on x86_64 or arm64; on other machines, deploy to AWS")


def _build_overrides(**parameters: str) -> list[str]:
    """Returns the option for the parameters of the stack."""
    chosen = {ARCHITECTURE: get_host_architecture()} | parameters
    return ["--parameter-overrides", *list_overrides(CONFIG, "deploy", chosen)]


def _list_function_crates() -> list[Path]:
    """Returns the directories of the crates that the template deploys."""
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"].values()
    functions = [resource for resource in resources if resource["Type"] == "AWS::Serverless::Function"]
    return [ROOT / function["Properties"]["CodeUri"] for function in functions]


def _run_sam(arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
    """Runs the SAM CLI with its output in a log file, and prints the log if it fails."""
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
    _check_exit_code(result)


def _check_exit_code(result: subprocess.CompletedProcess[bytes]) -> None:
    if result.returncode:
        raise StackError(f"{' '.join(map(str, result.args))} failed (exit code {result.returncode})")


def _describe_stack(emulator: Emulator) -> dict[str, Any]:
    outputs = read_stack_outputs(emulator)
    return {
        "apiUrl": _build_local_api_url(emulator, outputs["ApiUrl"]),
        "apiAccess": outputs["ApiAccess"],
        "awsEndpointUrl": emulator.endpoint,
        "region": REGION,
        "stackName": _read_stack_name(),
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
        "pid": emulator.find_pid(),
    } | {name: outputs[output] for output, name in COGNITO_OUTPUTS.items() if output in outputs}


def read_stack_outputs(emulator: Emulator) -> dict[str, str]:
    """Returns the outputs of the stack on an emulator."""
    return read_outputs(lambda service: create_client(service, emulator.endpoint), _read_stack_name())


def _read_stack_name() -> str:
    return str(read_environment(CONFIG)["global"]["parameters"]["stack_name"])


def _build_local_api_url(emulator: Emulator, api_url: str) -> str:
    """Returns the URL of the API with its id in the path.

    Not every client resolves API_ID.execute-api.localhost.
    """
    url = urlsplit(api_url)
    api = str(url.hostname).split(".")[0]
    return f"{emulator.endpoint}/restapis/{api}{url.path}/_user_request_"


def _print_step(line: str) -> None:
    print(f"==> {line}", flush=True)


def _format_path(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _format_hints(api: str) -> str:
    order = '{"customerId":"001","items":[{"productId":"001","quantity":2},{"productId":"002","quantity":1}]}'
    return f"""
Place an order. Its stock is reserved a moment later:

  curl -s -H 'Content-Type: application/json' -d '{order}' {api}/order

Show the stock and the order:

  curl -s {api}/inventory/001
  curl -s {api}/order/ORDER_ID

Run the whole example: make demo
See the shop live:     make console
Stop the local AWS:    make stop
Logs:                  {_format_path(LOCAL / "emulator.log")}
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
