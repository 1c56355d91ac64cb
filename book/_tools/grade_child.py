"""Runs one submission in a process of its own: cells in order, tests where the checks stand.

Started by grade_guard.py, which gives the job as JSON on the standard input and reads the report,
JSON lines, from a pipe whose number stands in the job. What the submission prints it gets, too.
"""

import contextlib
import ctypes
import json
import os
import re
import resource
import stat
import subprocess
import sys

import assignment_run

CHECK = re.compile(r"\s*grader\.check\(\s*[\"'](\w+)[\"']\s*\)\s*;?\s*")
ROOM = 2 << 30  # bytes of address space beside the memory limit: JAX reserves what it never uses
PR_SET_NO_NEW_PRIVS = 38


def confine(job: dict) -> None:
    """Give up what a submission does not need, before a line of it is read."""
    if job["private"]:
        shut_in(job["work"], job["python"])
    for kind, limit in (
        (resource.RLIMIT_AS, job["memory"] + ROOM),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, 2 * int(job["seconds"]) + 10),
        (resource.RLIMIT_FSIZE, job["file_size"]),
    ):
        resource.setrlimit(kind, (limit, limit))
    if job["uid"]:
        most = 2 * job["tasks"]  # the guard stops it before, and says so
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
        os.setgroups([])
        os.setgid(job["uid"])
        os.setuid(job["uid"])
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    home = "/tmp" if job["private"] else job["work"]
    os.environ.update(HOME=home, TMPDIR=home, MPLCONFIGDIR=home, IPYTHONDIR=home)
    os.chdir(home)


def shut_in(work: str, python: str) -> None:
    """In a mount namespace of our own: only `work` can be written, and it is all of /tmp."""

    def mount(*arguments):
        subprocess.run(["mount", *arguments], check=True)

    if closed := closed_folder(python):  # such as /root, where Python may lie
        kept = os.path.join(work, ".python")
        os.mkdir(kept)
        mount("--bind", python, kept)
        mount("-t", "tmpfs", "-o", "mode=755,size=1m", "tmpfs", closed)
        os.makedirs(python)
        mount("--bind", kept, python)
        subprocess.run(["umount", kept], check=True)
        os.rmdir(kept)
    mount("--bind", work, "/tmp")
    mount("--bind", "/tmp", "/var/tmp")
    mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", "/dev/shm")
    mount("-o", "remount,bind,ro", "/")


def closed_folder(path: str) -> str | None:
    """The uppermost folder on the way to a path that others may not enter."""
    parts = path.strip("/").split("/")
    for number in range(1, len(parts) + 1):
        folder = "/" + "/".join(parts[:number])
        if not os.stat(folder).st_mode & stat.S_IXOTH:
            return folder
    return None


class Runner:
    """A notebook's namespace, and the report on it."""

    def __init__(self, job: dict):
        os.environ["MPLBACKEND"] = "Agg"
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        class Shell(InteractiveShell):
            """One whose %matplotlib does nothing."""

            def enable_gui(self, gui=None):
                pass

        quiet = Config({"HistoryManager": {"enabled": False}})
        self.shell = Shell.instance(config=quiet, colors="NoColor")
        self.parts, self.cells = job["parts"], job["cells"]
        self.report = job["report"]
        self.tested: dict[str, dict] = {}
        self.owner = os.getpid()

    def run(self) -> None:
        """Run all cells, then the tests of the parts that no cell checks."""
        self.shell.user_ns["grader"] = assignment_run.NoChecks()
        for number, source in enumerate(self.cells, 1):
            if source.startswith(assignment_run.TESTS_MARK):
                continue
            if (check := CHECK.fullmatch(source)) and check[1] in self.parts:
                self.test(check[1])
                continue
            self.say(cell=number)
            result = self.shell.run_cell(source)
            if os.getpid() != self.owner:  # a copy that the submission forked
                os._exit(0)
            if error := result.error_before_exec or result.error_in_exec:
                self.say(error=assignment_run.one_line(error), at=number)
        for part in self.parts:
            if part not in self.tested:
                self.test(part)
        self.say(finished=True)

    def test(self, part: str) -> None:
        """Test a part against the names as they are now; a later check of it counts instead."""
        self.say(testing=part)
        cases = [tuple(case) for case in self.parts[part]]
        try:
            failures = assignment_run.failures(cases, self.shell.user_ns)
        except SystemExit as error:  # an answer that ends the program when it is called
            failures = [assignment_run.one_line(error)]
        self.tested[part] = {}
        self.say(part=part, failures=failures)

    def say(self, **what) -> None:
        """One line to the guard."""
        if os.getpid() == self.owner:
            os.write(self.report, assignment_run.line(**what))


def main() -> None:
    """Confine this process, then run what it is given."""
    job = json.loads(sys.stdin.buffer.read())
    os.close(0)
    os.open(os.devnull, os.O_RDONLY)
    confine(job)
    with contextlib.suppress(KeyboardInterrupt):
        Runner(job).run()
    sys.stdout.flush()
    os._exit(0)  # threads and exit handlers of the submission have no say


if __name__ == "__main__":
    main()
