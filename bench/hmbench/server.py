"""Rows that are a server with its client: the server is what is measured."""

from __future__ import annotations

import os
import re
import socket
import time
from typing import Callable, List, Optional

from .allocators import Allocator, Unusable
from .process import SAMPLE_SECONDS, Outcome, Running, Watch
from .rows import Row, Setting

_LONGEST_SOCKET = 107


class Redis(Row):
    """redis-server on a socket of its own, and redis-benchmark with no allocator preloaded.

    The time is the client's; processor time, peak and faults are the server's.
    """

    real = True

    def __init__(self, name: str, quick: bool, note: str, find: Callable[[str], str],
                 clients: List[str]) -> None:
        super().__init__(name, quick, note)
        self._find, self._texts = find, clients
        self._clients: List[List[str]] = []
        self._requests = sum(int(n) for text in clients for n in re.findall(r"-n (\d+)", text))

    def prepare(self, setting: Setting) -> None:
        server, client = self._find("redis-server"), self._find("redis-benchmark")
        folder = self.own_folder(setting)
        path = os.path.join(folder, "socket")
        if len(os.fsencode(path)) > _LONGEST_SOCKET:
            raise Unusable(f"the name of its socket is too long: {path}")
        self.command = [server, "--port", "0", "--unixsocket", path, "--save", "", "--appendonly",
                        "no", "--daemonize", "no", "--dir", folder, "--logfile", "", "--loglevel",
                        "warning"]
        self._clients = [[client, "-s", path, "-q", *text.split()] for text in self._texts]

    def run(self, setting: Setting, allocator: Allocator, sample: bool = False,
            live: Optional[str] = None, live_file: str = "") -> Outcome:
        path = os.path.join(self.own_folder(setting), "socket")
        if os.path.lexists(path):
            os.unlink(path)
        preload = allocator.preload if live is None else live
        environment = {**self.environment(setting, live_file), **allocator.settings}
        with Running(setting.launch, self.command, preload, folder=self.own_folder(setting),
                     environment=environment) as server:
            if not _answers(server, path):
                return _server_failure(server, "does not answer")
            watch = Watch(server, allocator, judge=live is None)
            if live is None and server.pid is not None:
                watch.look(server.pid, final=True)
            seconds = 0.0
            for command in self._clients:
                client = self._client(setting, command, watch if sample else None)
                if client.failure:
                    return _server_failure(server, f"its client {client.failure}")
                seconds += client.wall
            _ask(path, b"SHUTDOWN NOSAVE\r\n")
            if not server.wait(10):
                return Outcome(failure="does not shut down", began=server.began)
            result = server.outcome()
        result.seconds, result.operations = seconds, self._requests
        result.rate = self._requests / seconds if seconds else 0.0
        result.served, result.resident = watch.served(), watch.samples
        if not result.failure and live is None and result.served != allocator.path:
            result.failure = f"refused, its malloc is that of {result.served or 'none seen'}"
        return result

    @staticmethod
    def _client(setting: Setting, command: List[str], watch: Optional[Watch]) -> Outcome:
        with Running(setting.launch, command, "", folder=setting.folder,
                     environment=setting.environment) as client:
            until = time.monotonic() + setting.limit
            while not client.wait(SAMPLE_SECONDS if watch else setting.limit):
                if time.monotonic() > until:
                    return Outcome(failure=f"has not ended after {setting.limit:.0f} s")
                if watch:
                    watch.sample()
            return client.outcome()


def _server_failure(server: Running, otherwise: str) -> Outcome:
    """Why a server does not serve: it has ended, or something else is wrong."""
    if server.wait(0.2):
        result = server.outcome()
        result.failure = "its server " + (result.failure or "ended too early")
        return result
    return Outcome(failure=otherwise, began=server.began)


def _ask(path: str, request: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(5)
        try:
            s.connect(path)
            s.sendall(request)
            return s.recv(100)
        except OSError:
            return b""


def _answers(server: Running, path: str) -> bool:
    """Waits until the server serves; false when it has ended or takes too long."""
    until = time.monotonic() + 15
    while time.monotonic() < until:
        if _ask(path, b"PING\r\n").startswith(b"+PONG"):
            return True
        if server.wait(0.005):
            return False
    return False


def redis_rows(find: Callable[[str], str]) -> List[Row]:
    """find: gives the path of a program, or raises Unusable."""
    return [
        Redis("redis-lpush", False, "redis: short strings pushed to a list", find,
              ["-P 16 -c 20 -n 800000 -t lpush"]),
        Redis("redis-set", True, "redis: values set under random keys", find,
              ["-P 16 -c 20 -n 450000 -r 200000 -d 64 -t set"]),
        Redis("redis-mixed", False, "redis: values of 16 bytes to 8 KiB that replace each other",
              find, [f"-P 16 -c 20 -n {n} -r 20000 -d {d} -t set"
                     for n, d in ((80000, 100), (80000, 16), (60000, 1000), (80000, 300),
                                  (20000, 8000), (80000, 40))]),
    ]
