"""Tests of the architecture of a build."""

import struct
import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch

from architecture import MACHINE_OFFSET, MACHINES, build_overrides, list_problems

NUMBERS = {architecture: number for number, architecture in MACHINES.items()}


class ArchitectureTest(unittest.TestCase):
    """The functions get programs for their processor, whatever machine has built them."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def write_program(self, function: str, header: bytes) -> None:
        (self.directory / function).mkdir()
        (self.directory / function / "bootstrap").write_bytes(header)

    def build(self, *architectures: str) -> None:
        """Writes the start of an ELF file for each architecture."""
        for architecture in architectures:
            machine = struct.pack("<H", NUMBERS[architecture])
            self.write_program(f"{architecture}Function", b"\x7fELF".ljust(MACHINE_OFFSET, b"\0") + machine)

    def test_the_default_environment_has_the_architecture_of_the_machine(self) -> None:
        for machine, expected in (("x86_64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64")):
            with patch("platform.machine", return_value=machine):
                self.assertEqual(build_overrides("default", "build"), [f"Architecture={expected}"])
                overrides = ["ApiAccess=open", f"Architecture={expected}"]
                self.assertEqual(build_overrides("default", "deploy"), overrides)

    def test_other_environments_have_that_of_samconfig(self) -> None:
        for machine in ("x86_64", "aarch64"):
            with patch("platform.machine", return_value=machine):
                self.assertEqual(build_overrides("prod", "build"), ["Architecture=arm64"])
                self.assertIn("ProtectTables=true", build_overrides("prod", "deploy"))

    def test_accepts_programs_for_the_architecture_of_the_environment(self) -> None:
        self.build("arm64")
        self.assertEqual(list_problems("staging", self.directory), [])

    def test_rejects_a_program_for_another_architecture(self) -> None:
        self.build("arm64", "x86_64")
        [problem] = list_problems("staging", self.directory)
        self.assertIn("x86_64Function/bootstrap is built for x86_64, but the functions run on arm64", problem)

    def test_rejects_a_file_that_is_no_program_and_a_missing_one(self) -> None:
        self.assertEqual(len(list_problems("staging", self.directory)), 1)
        self.write_program("ScriptFunction", b"#!/bin/sh\n")
        [problem] = list_problems("staging", self.directory)
        self.assertIn("no ELF machine", problem)


if __name__ == "__main__":
    unittest.main()
