"""Kills processes of the functions at random."""

import os
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from emulator import Emulator

PAUSE_SECONDS = (0.05, 0.25)


class FunctionKiller(threading.Thread):
    """A thread that kills one process of a function after another until the context ends."""

    def __init__(self, emulator: Emulator, random_numbers: random.Random) -> None:
        """Stores the emulator, whose child processes are the functions."""
        super().__init__(daemon=True)
        self._emulator = emulator
        self._random = random_numbers
        self._stopped = threading.Event()
        self.kills = 0

    def __enter__(self) -> "FunctionKiller":
        """Starts the thread."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops the thread."""
        self._stopped.set()
        self.join()

    def run(self) -> None:
        """Kills a process after each pause."""
        while not self._stopped.wait(self._random.uniform(*PAUSE_SECONDS)):
            pids = list(self._list_functions())
            if pids:
                self._kill(self._random.choice(pids))

    def _list_functions(self) -> Iterator[int]:
        """Yields the processes that the emulator started from its unpacked packages."""
        parent = self._emulator.find_pid()
        for process in Path("/proc").iterdir():
            if process.name.isdecimal() and self._is_function(process, parent):
                yield int(process.name)

    def _is_function(self, process: Path, parent: int | None) -> bool:
        try:
            program = (process / "exe").readlink()
            # The process name is in parentheses and may contain any character. The parent follows it.
            status = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return False
        return int(status[1]) == parent and program.is_relative_to(self._emulator.directory / "tmp")

    def _kill(self, pid: int) -> None:
        """Kills a process, but not a different process that reuses its id."""
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            if self._is_function(Path(f"/proc/{pid}"), self._emulator.find_pid()):
                signal.pidfd_send_signal(process, signal.SIGKILL)
                self.kills += 1
        except ProcessLookupError:
            return
        finally:
            os.close(process)
