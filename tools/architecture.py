"""Chooses the processor architecture of a build for AWS, and checks the built programs.

python tools/architecture.py overrides ENVIRONMENT COMMAND   prints the parameter overrides of sam COMMAND
python tools/architecture.py check ENVIRONMENT DIRECTORY     fails if a program in DIRECTORY has another one

The environment `default` uses the architecture of this machine, because cargo-lambda builds for it. All
other environments use that of samconfig.toml.
"""

import struct
import sys
from pathlib import Path

from samconfig import ARCHITECTURE, ARM64, X86_64, get_host_architecture, list_overrides

# e_machine in the header of an ELF file: <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>
MACHINES = {62: X86_64, 183: ARM64}
MACHINE_OFFSET = 18


def main(arguments: list[str]) -> int:
    """Runs a command of this script and returns the exit status."""
    match arguments:
        case ["overrides", environment, command]:
            print(" ".join(build_overrides(environment, command)))
        case ["check", environment, directory]:
            problems = list_problems(environment, Path(directory))
            if problems:
                sys.exit("\n".join(problems))
        case _:
            sys.exit(f"usage: {Path(sys.argv[0]).name} overrides ENVIRONMENT COMMAND | check ENVIRONMENT DIRECTORY")
    return 0


def build_overrides(environment: str, command: str) -> list[str]:
    """Returns the parameter overrides of `sam build` or `sam deploy` in an environment of samconfig.toml."""
    own = {ARCHITECTURE: get_host_architecture()} if environment == "default" else {}
    return list_overrides(environment, command, own)


def list_problems(environment: str, directory: Path) -> list[str]:
    """Returns a line for each program that the functions of an environment cannot run."""
    overrides = dict(override.split("=", 1) for override in build_overrides(environment, "build"))
    expected = overrides[ARCHITECTURE]
    programs = sorted(directory.glob("*/bootstrap"))
    if not programs:
        return [f"{directory} has no programs"]
    actual = {program: read_architecture(program) for program in programs}
    return [
        f"{program} is built for {architecture}, but the functions run on {expected}: see docs/deploy.md"
        for program, architecture in actual.items()
        if architecture != expected
    ]


def read_architecture(program: Path) -> str:
    """Returns the architecture of a program by the header of its ELF file."""
    with program.open("rb") as file:
        header = file.read(MACHINE_OFFSET + 2)
    if not header.startswith(b"\x7fELF") or len(header) < MACHINE_OFFSET + 2:
        return "no ELF machine"
    [machine] = struct.unpack_from("<H", header, MACHINE_OFFSET)
    return MACHINES.get(machine, f"ELF machine {machine}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
