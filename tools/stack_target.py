"""Selects the stack that a tool works on: the local one or one on AWS."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import emulator
from samconfig import read_region

LOCAL_STACK = emulator.ROOT / ".local" / "stack.json"

# The alias of the functions, whose version serves requests and events.
ALIAS = "live"
# Creates a client for the AWS service with a name.
ClientFactory = Callable[[str], Any]


def select_stack(arguments: list[str], local_stack: Path = LOCAL_STACK) -> tuple[ClientFactory, str]:
    """Returns the client factory and the name of a stack.

    Without arguments, the file `local_stack` describes the stack. One argument names a stack on AWS, whose
    region samconfig.toml has.
    """
    program = Path(sys.argv[0]).stem
    match arguments:
        case []:
            if not local_stack.exists():
                sys.exit(
                    f"{program}: the local AWS is not running (start it with `make run`, "
                    f"or name a stack on AWS: `make {program} STACK=name`)"
                )
            stack = json.loads(local_stack.read_text())
            return lambda service: emulator.create_client(service, stack["awsEndpointUrl"]), stack["stackName"]
        case [name]:
            return boto3.Session(region_name=read_region(name)).client, name
        case _:
            sys.exit(f"usage: {program}.py [STACK]")


def read_outputs(create_client: ClientFactory, stack: str) -> dict[str, str]:
    """Returns the outputs of a deployed stack."""
    [description] = create_client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in description["Outputs"]}
