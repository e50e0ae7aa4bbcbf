"""The mesh process: start it on a configuration, follow its log, stop it and see how it ended."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import threading
import time
from pathlib import Path

from pebble_env import EnvironmentFailure

from .log_lines import LogLine, parse_line
from .waiting import scaled

_SANITIZER_REPORT = re.compile(r"(ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:)")


def mesh_binary() -> str:
    path = os.environ.get("MESH_BINARY", "")
    if not path or not os.access(path, os.X_OK):
        raise EnvironmentFailure(
            f"MESH_BINARY={path!r} is not a program: run the tests with ctest, or set it to build/<preset>/mesh")
    return str(Path(path).resolve())


class Successor:
    """A process that took another one's place: started by it, and our child as it is (Popen's interface)."""

    def __init__(self, pid: int):
        self.pid = pid
        self.returncode: int | None = None
        self._handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
                os.close(self._handle)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.poll() is None:
            ready, _, _ = select.select([self._handle], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired("mesh", timeout)
            self.poll()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Mesh:
    """`config` is YAML text, or a dict (JSON is YAML). Files of the configuration that are relative,
    the store too, live in `directory`."""

    def __init__(self, directory: Path, config: dict | str, name: str = "mesh"):
        self.directory = directory
        self.config_file = directory / f"{name}.yaml"
        self.log_file = directory / f"{name}.log"
        self._child: subprocess.Popen | Successor | None = None
        self.former: list[subprocess.Popen | Successor] = []
        """Processes that were replaced, the oldest first: each is there until its last connection has ended."""
        self._reader: threading.Thread | None = None
        self._lines: list[LogLine] = []
        self._changed = threading.Condition()
        self.write_config(config)

    def write_config(self, config: dict | str) -> None:
        text = config if isinstance(config, str) else json.dumps(config, indent=2)
        temporary = self.config_file.with_suffix(".new")
        temporary.write_text(text + "\n")
        temporary.replace(self.config_file)

    # --- life ---

    def start(self, *arguments: str, ready: bool = True, seconds: float = 15.0, env: dict | None = None,
              wrapper: tuple[str, ...] = (), stdout: int = subprocess.DEVNULL) -> Mesh:
        """Starts `mesh run`; with `ready` returns when every listener is up. `wrapper` goes before
        the command, for example ("prlimit", "--nofile=64")."""
        assert not self.running, "already running"
        command = [*wrapper, mesh_binary(), "run", "--config", str(self.config_file), *arguments]
        self._child = subprocess.Popen(command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=stdout,
                                       stderr=subprocess.PIPE, env={**os.environ, **(env or {})})
        self._reader = threading.Thread(target=self._follow, args=(self._child.stderr,), daemon=True)
        start_of_this_run = self.mark()
        self._reader.start()
        if ready:
            self.wait_for("ready", seconds=seconds, since=start_of_this_run)
        return self

    def upgrade(self, *arguments: str) -> dict:
        """`mesh upgrade`, which has to work; the process is the new one from then on."""
        answer = self.json("upgrade", *arguments)
        assert answer["serving"] and answer["pid"] != self.pid, answer
        self.replaced_by(answer["pid"])
        return answer

    def replaced_by(self, pid: int) -> None:
        """What upgrade() notes."""
        self.former.append(self._child)
        self._child = Successor(pid)

    def stop(self, expect: int = 0, seconds: float = 15.0, number: int = signal.SIGTERM) -> None:
        """Ends it as an operator would and asserts how it ended."""
        if self._child is None:
            return
        if self.running:
            self._child.send_signal(number)
        code = self.wait_exit(seconds)
        assert code == expect, f"mesh ended with {code}, not {expect}:\n{self.log_tail()}"
        for process in self.former:
            process.send_signal(number)
            assert process.wait(scaled(seconds)) == 0, f"a replaced mesh did not end with 0:\n{self.log_tail()}"

    def wait_exit(self, seconds: float = 15.0) -> int:
        """The exit code of a process that is ending by itself."""
        assert self._child is not None, "never started"
        try:
            code = self._child.wait(scaled(seconds))
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"mesh did not end within {scaled(seconds):g} s:\n{self.log_tail()}") from None
        self._finish_reading()
        self.assert_no_sanitizer_report()
        return code

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal that ended it."""
        return None if self._child is None else self._child.poll()

    def ends_within(self, seconds: float) -> bool:
        """Whether it ends by itself in that time; the time is exact, not scaled."""
        assert self._child is not None, "never started"
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """SIGKILL: the crash that a test wants, or the end of a test that failed."""
        if self._child is not None:
            if self.running:
                self._child.kill()
            self._child.wait()
            for process in self.former:
                process.kill()
                process.wait()
            self._finish_reading()

    def signal(self, number: int) -> None:
        assert self.running
        self._child.send_signal(number)

    def signal_if_there(self, number: int) -> None:
        """To a process that may have ended meanwhile."""
        assert self._child is not None, "never started"
        self._child.send_signal(number)

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    # --- log ---

    @property
    def lines(self) -> list[LogLine]:
        with self._changed:
            return list(self._lines)

    def mark(self) -> int:
        """A place in the log; give it as `since` to look only at what comes later."""
        with self._changed:
            return len(self._lines)

    def events(self, event: str, since: int = 0, **wanted) -> list[LogLine]:
        return [line for line in self.lines[since:] if line.matches(event, wanted)]

    def wait_for(self, event: str, *, seconds: float = 15.0, since: int = 0, count: int = 1, **wanted) -> LogLine:
        """The `count`-th line of this event whose fields match; fails at once if mesh ended."""
        deadline = time.monotonic() + scaled(seconds)
        with self._changed:
            while True:
                found = [line for line in self._lines[since:] if line.matches(event, wanted)]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                ended = not self.running and not (self._reader and self._reader.is_alive())
                if left <= 0 or ended:
                    why = f"ended with {self._child.returncode}" if ended else f"after {scaled(seconds):g} s"
                    seen = f"{len(found)} of {count}" if count > 1 else "none"
                    raise AssertionError(f"event={event} {wanted or ''}: {seen}, {why}\n{self._tail_of(self._lines)}")
                self._changed.wait(min(left, 0.1))

    def log_tail(self, lines: int = 60) -> str:
        return self._tail_of(self.lines, lines)

    def assert_no_sanitizer_report(self) -> None:
        reports = [line.text for line in self.lines if _SANITIZER_REPORT.search(line.text)]
        assert not reports, f"sanitizer report (all of it in {self.log_file}):\n{self.log_tail(200)}"

    @staticmethod
    def _tail_of(lines: list[LogLine], count: int = 60) -> str:
        return "\n".join(line.text for line in lines[-count:]) or "(no output)"

    def _follow(self, stream) -> None:
        with stream, open(self.log_file, "ab") as copy:
            for raw in stream:
                copy.write(raw)
                copy.flush()
                line = parse_line(raw.decode(errors="replace").rstrip("\n"))
                with self._changed:
                    self._lines.append(line)
                    self._changed.notify_all()

    def _finish_reading(self) -> None:
        """To the end, which is there when nobody writes any more: those it has replaced do."""
        if self._reader is not None:
            alone = all(process.poll() is not None for process in self.former)
            self._reader.join(scaled(30) if alone else 5)

    # --- the other commands ---

    def command(self, *arguments: str, expect: int | None = 0, seconds: float = 30.0, env: dict | None = None,
                input: str | None = None) -> subprocess.CompletedProcess:
        """`mesh ARGUMENTS --config <this file>`; asserts the exit code unless `expect` is None."""
        done = run_mesh(*arguments, "--config", str(self.config_file), cwd=self.directory, seconds=seconds, env=env,
                        input=input)
        if expect is not None:
            assert done.returncode == expect, \
                f"mesh {' '.join(arguments)}: exit {done.returncode}, not {expect}\n{done.stdout}{done.stderr}"
        return done

    def json(self, *arguments: str, expect: int | None = 0) -> dict:
        return json.loads(self.command(*arguments, "--json", expect=expect).stdout)

    # --- what the process uses ---

    def rss_kib(self) -> int:
        return self._status("VmRSS")

    def heap_kib(self) -> int:
        """Memory that is nobody else's: unlike RSS and PSS it does not change when another process
        that runs the same program or libraries starts or ends."""
        return self._status("RssAnon")

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def all_threads_are(self, state: str) -> bool:
        """'S': waiting for something, 'T': stopped by a signal."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/stat")
        return all(thread.read_text().rpartition(")")[2].split()[0] == state for thread in threads)

    def _status(self, key: str) -> int:
        return int(re.search(rf"^{key}:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text(), re.M)[1])


def run_mesh(*arguments: str, cwd: Path | None = None, seconds: float = 30.0, env: dict | None = None,
             input: str | None = None) -> subprocess.CompletedProcess:
    """Any mesh command line, run to its end."""
    return subprocess.run([mesh_binary(), *arguments], cwd=cwd, capture_output=True, text=True, timeout=scaled(seconds),
                          env={**os.environ, **(env or {})}, input=input)
