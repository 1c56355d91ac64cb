"""Guards one submission: starts its process with limits, watches it, and ends all it started.

The job comes as JSON on the standard input; the result goes as JSON to the standard output. The
guard is the process to which the orphans of the submission fall (a subreaper), so nothing that it
starts escapes. If the grader dies, the guard ends the submission and itself.
"""

import contextlib
import ctypes
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path

CHILD = Path(__file__).with_name("grade_child.py")
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LOOK = 0.2  # seconds between two looks at memory, files and processes
PAGE = os.sysconf("SC_PAGE_SIZE")
SHOWN = 2000  # last characters of the output that are kept
REPORT_LIMIT = 1 << 20  # bytes of report; an honest one has some thousand


def descendants(of: int) -> dict[int, tuple[int, int]]:
    """Process id -> (resident bytes, threads) of all processes below one."""
    parents, sizes = {}, {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                fields = Path(entry.path, "stat").read_text().rsplit(")", 1)[1].split()
                pid = int(entry.name)
                parents[pid] = int(fields[1])
                sizes[pid] = (int(fields[21]) * PAGE, int(fields[17]))
    below, grown = {of}, True
    while grown:
        new = {p for p, parent in parents.items() if parent in below} - below
        below |= new
        grown = bool(new)
    return {p: sizes[p] for p in below - {of}}


def proportional(running: dict[int, tuple[int, int]]) -> int:
    """Bytes of memory of processes; what forked copies share counts once."""
    total = 0
    for pid, (resident, _) in running.items():
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += 1024 * int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1])
        except (OSError, TypeError):
            total += resident
    return total


def end_all() -> None:
    """Kill everything below the guard; again, until nothing is left."""
    for _ in range(200):
        left = descendants(os.getpid())
        if not left:
            return
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.02)


def bytes_in(folder: str) -> int:
    """How much a folder holds."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(where, name)).st_blocks * 512
    return total


class Guard:
    """One submission, from its start to the end of all its processes."""

    def __init__(self, job: dict):
        self.job = job
        self.output, self.printed = b"", 0
        self.report = b""

    def run(self) -> dict:
        """Start, watch, end; the result says why it ended and what was reported."""
        start = time.monotonic()
        child, channels = self._start()
        status, reason = self._watch(child, channels, start + self.job["seconds"])
        code = child.poll()
        end_all()
        if not status:
            code = child.wait() if code is None else code
            status, reason = self._ending(code)
        return {
            "status": status,
            "reason": reason,
            "seconds": round(time.monotonic() - start, 1),
            "report": self._lines(),
            "output": self.output.decode("utf8", "replace")[-SHOWN:],
        }

    def _start(self):
        job = self.job
        report, report_end = os.pipe()
        command = [*job["namespaces"], sys.executable, "-u", str(CHILD)]
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(report_end,),
            cwd=job["work"],
            env=job["environment"],
        )
        os.close(report_end)
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(json.dumps(job | {"report": report_end}).encode())
            child.stdin.close()
        return child, {"output": child.stdout.fileno(), "report": report}

    def _watch(self, child, channels: dict, deadline: float) -> tuple[str, str]:
        """Read what it prints and reports until it ends or goes beyond a limit."""
        selector = selectors.DefaultSelector()
        for name, fd in channels.items():
            selector.register(fd, selectors.EVENT_READ, name)
        looked = 0.0
        while True:
            for key, _ in selector.select(LOOK):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fd)
                elif key.data == "report":
                    self.report += data
                else:
                    self.printed += len(data)
                    self.output = (self.output + data)[-4 * SHOWN :]
            if self.printed > self.job["printed"]:
                return "output", f"printed more than {self.job['printed'] >> 20} MB"
            if len(self.report) > REPORT_LIMIT:
                return "crashed", "the report of the tests was flooded"
            if child.poll() is not None and (not selector.get_map() or self._quiet(selector)):
                return "", ""
            now = time.monotonic()
            if now > deadline:
                return "timeout", f"stopped after {self.job['seconds']:g} s {self._where()}"
            if now - looked > LOOK:
                looked = now
                if beyond := self._beyond():
                    return beyond

    def _quiet(self, selector) -> bool:
        """Whether nothing is left to read after the child has ended."""
        return not selector.select(0)

    def _beyond(self) -> tuple[str, str] | None:
        job, running = self.job, descendants(os.getpid())
        if sum(threads for _, threads in running.values()) > job["tasks"]:
            return "processes", f"started more than {job['tasks']} processes {self._where()}"
        resident = sum(size for size, _ in running.values())
        if resident > job["memory"] and proportional(running) > job["memory"]:
            return "memory", f"used more than {job['memory'] >> 20} MB of memory {self._where()}"
        if bytes_in(job["work"]) > job["written"]:
            return "files", f"wrote more than {job['written'] >> 20} MB {self._where()}"
        return None

    def _ending(self, code: int) -> tuple[str, str]:
        if any(line.get("finished") for line in self._lines()):
            return "graded", ""
        if code < 0 or code > 128:
            number = -code if code < 0 else code - 128
            named = signal.Signals(number).name if number in set(signal.Signals) else number
            return "crashed", f"its process was ended by {named} {self._where()}"
        return "crashed", f"its process ended with exit code {code} {self._where()}"

    def _lines(self) -> list[dict]:
        found = []
        for line in self.report.split(b"\n"):
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return [line for line in found if isinstance(line, dict)]

    def _where(self) -> str:
        for line in reversed(self._lines()):
            if "testing" in line:
                return f"in the tests of {line['testing']}"
            if "cell" in line:
                return f"in code cell {line['cell']}"
        return "before the first cell"


def main() -> None:
    """Guard the job on the standard input."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)

    def stop(*_):
        end_all()
        os._exit(1)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    result = Guard(json.loads(sys.stdin.buffer.read())).run()
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main()
