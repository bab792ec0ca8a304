"""Run stages as `python -m pipeline.<stage>` does, in forks of a server process that has imported torch once.

Starting Python with torch takes two seconds, a fork a tenth of a second. The server runs no test. So a fork has no
threads, patches or other state of a test. `Stage` has the methods of `subprocess.Popen` that the tests use.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

NUMBER = struct.Struct("q")  # a pid, then an exit code
LARGEST = 2**17  # bytes of a request: arguments and environment


class Stage:
    """A stage that runs in the background."""

    # What it prints goes to two temporary files. Its supervisor in the server reports its pid, then its exit code.

    def __init__(self, folder: Path, script: str, arguments: tuple[str, ...], environment: Mapping[str, str]):
        self.args = ["python", "-m", f"pipeline.{script}", *arguments]
        self.returncode: int | None = None
        self._outputs = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]  # noqa: SIM115
        self._reports, send = os.pipe()
        order = {"folder": str(folder), "script": script, "arguments": arguments, "environment": dict(environment)}
        files = [*(file.fileno() for file in self._outputs), send]
        socket.send_fds(_server()[0], [json.dumps(order).encode()], files)
        os.close(send)
        self.pid = self._next_number()

    def poll(self) -> int | None:
        """The exit code, or None while the stage runs."""
        return self._wait(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the stage ends.

        Raises:
            subprocess.TimeoutExpired: it did not.
        """
        if self._wait(timeout) is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait until the stage ends; returns what it printed on stdout and stderr. Raises as `wait`."""
        self.wait(timeout)
        texts = []
        for file in self._outputs:
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
        return texts[0], texts[1]

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _wait(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._reports], [], [], timeout)[0]:
            self.returncode = self._next_number()
            os.close(self._reports)
        return self.returncode

    def _next_number(self) -> int:
        number = os.read(self._reports, NUMBER.size)
        assert number, "the server of the stages has ended"
        return NUMBER.unpack(number)[0]


@cache
def _server() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Start the server of this process. It exits when this process does, which closes the socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    settings = {"OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}  # no threads before a fork
    process = subprocess.Popen(
        [sys.executable, __file__, str(theirs.fileno())],
        env=os.environ | settings | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()
    return ours, process


# --- in the server


def _serve(requests: socket.socket) -> None:
    """Import what stages import, but no stage; then fork for each request."""
    import replication

    for module in pkgutil.walk_packages(replication.__path__, "replication."):
        if "report" not in module.name.split("."):  # imports matplotlib
            importlib.import_module(module.name)
    gc.freeze()  # a garbage collection in a fork would copy all memory of the server
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the supervisors
    while True:
        request, files, *_ = socket.recv_fds(requests, LARGEST, 3)
        if not request:
            return
        order = json.loads(request)
        if order["environment"].get("REPLICATION_TRACKING") != "off":
            import mlflow.tracking  # noqa: F401
        if not os.fork():
            requests.close()
            _supervise(order, files)
        for file in files:
            os.close(file)


def _supervise(order: dict[str, Any], files: list[int]) -> NoReturn:
    """Run the stage in a child process, report its pid and exit code, and exit."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    out, err, reports = files
    if stage := os.fork():
        os.write(reports, NUMBER.pack(stage))
        _, status = os.waitpid(stage, 0)
        os.write(reports, NUMBER.pack(os.waitstatus_to_exitcode(status)))
        os._exit(0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    for file in files:
        os.close(file)
    code = 1
    try:
        _run(Path(order["folder"]), order["script"], order["arguments"], order["environment"])
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        # The usual end of Python, without the 1.5 seconds in which it destroys the imported modules.
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(code)


def _run(folder: Path, script: str, arguments: list[str], environment: Mapping[str, str]) -> None:
    """Do what `python -m pipeline.<script>` does in `folder`."""
    import torch

    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1))
    os.chdir(folder)
    sys.path[0] = str(folder)
    sys.argv = [script, *arguments]
    runpy.run_module(f"pipeline.{script}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
