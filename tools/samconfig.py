"""The environments of samconfig.toml.

python3 tools/samconfig.py STACK    prints the region of a stack that an environment names
"""

import platform
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SAMCONFIG = Path(__file__).resolve().parent.parent / "samconfig.toml"
# The parameter for the processor architecture of the functions.
ARCHITECTURE = "Architecture"
ARM64, X86_64 = "arm64", "x86_64"
# Architectures by the name of the machine in `uname`.
ARCHITECTURES = {"x86_64": X86_64, "aarch64": ARM64, "arm64": ARM64}


def read_environment(name: str) -> dict[str, Any]:
    """Reads the settings of an environment, by command."""
    return dict(_read()[name])


def read_region(stack: str) -> str | None:
    """Returns the region of a stack that an environment names, or None.

    `sam deploy` uses this region, whatever the region of the shell is.
    """
    environments = [section["global"]["parameters"] for section in _read().values() if isinstance(section, dict)]
    regions = {environment["stack_name"]: environment["region"] for environment in environments}
    return regions.get(stack)


def list_overrides(environment: str, command: str, parameters: Mapping[str, str]) -> list[str]:
    """Returns the parameter overrides of a command, with `parameters` instead of those of the same names.

    The option --parameter-overrides replaces all overrides of an environment, so it must repeat them.
    """
    configured = read_environment(environment)[command]["parameters"]["parameter_overrides"].split()
    kept = [override for override in configured if override.partition("=")[0] not in parameters]
    return [*kept, *(f"{name}={value}" for name, value in parameters.items())]


def get_host_architecture() -> str:
    """Returns the architecture of this machine, for which cargo-lambda builds."""
    return ARCHITECTURES.get(platform.machine(), X86_64)


def _read() -> dict[str, Any]:
    return tomllib.loads(SAMCONFIG.read_text(encoding="utf-8"))


if __name__ == "__main__":
    print(read_region(sys.argv[1]) or "")
