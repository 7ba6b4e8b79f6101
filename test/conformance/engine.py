"""Perdure as a process, or as a fleet of them: `perdure serve` with the functions under test."""

import contextlib
import itertools
import re
import signal
import socket
import subprocess
import threading
import time

READY = re.compile(r"the Lambda API is on (http://\S+)")
LINE = re.compile(r"([A-Za-z0-9_-]{1,64}) \| (.*)\n?")


class Engine:
    """Serves functions until the block ends.

    What the functions write is in `output`, and in the file log if there is
    one; what the engine itself says is in `said`.
    """

    def __init__(self, perdure, data, flags, log=None):
        self.begin(perdure, data, ["--durability", "process", *flags], Output(log))

    def begin(self, perdure, data, flags, output):
        self.command = [perdure, "serve", "--listen", "127.0.0.1:0", "--data", data, *flags]
        self.endpoint = None
        self.output = output
        self.said = []

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True, errors="replace")
        ready = threading.Event()
        self.reader = threading.Thread(target=self.read, args=[ready], daemon=True)
        self.reader.start()
        ready.wait(60)
        if self.endpoint is None:
            self.__exit__()
            raise SystemExit("the engine did not start:\n" + "".join(self.said))
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.reader.join(5)

    def read(self, ready):
        for text in self.process.stderr:
            if line := LINE.fullmatch(text):
                self.output.add(*line.groups())
                continue
            self.said.append(text)
            if served := READY.search(text):
                self.endpoint = served[1]
                ready.set()
        ready.set()


class Node(Engine):
    """An engine whose executions are in PostgreSQL."""

    def __init__(self, perdure, data, flags, store, output):
        self.begin(perdure, data, ["--store", store, *flags], output)


class Fleet:
    """Two nodes over one database, behind a load balancer that knows nothing of them. It is used like an Engine."""

    def __init__(self, perdure, data, flags, store, log=None):
        self.output = Output(log)
        self.nodes = [Node(perdure, data / f"node{n}", flags, store, self.output) for n in range(2)]
        self.all = contextlib.ExitStack()

    def __enter__(self):
        for node in self.nodes:
            self.all.enter_context(node)
        ports = [int(node.endpoint.rsplit(":", 1)[1]) for node in self.nodes]
        self.endpoint = f"http://127.0.0.1:{balance(ports)}"
        return self

    def __exit__(self, *_):
        self.all.close()

    @property
    def said(self):
        return [line for node in self.nodes for line in node.said]


def serve(perdure, data, flags, log=None, store=None):
    """An engine of its own or, with the address of a database, a fleet."""
    data.mkdir(exist_ok=True)
    return Fleet(perdure, data, flags, store, log) if store else Engine(perdure, data, flags, log)


def balance(ports):
    """Gives each connection to the next of these ports, and returns the port where it does so."""
    listener, turns = socket.create_server(("127.0.0.1", 0), backlog=512), itertools.cycle(ports)

    def accept():
        while True:
            here, _ = listener.accept()
            there = socket.create_connection(("127.0.0.1", next(turns)))
            for source, sink in ((here, there), (there, here)):
                threading.Thread(target=copy, args=[source, sink], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def copy(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class Output:
    """The lines that functions wrote, in the form of CloudWatch log events."""

    def __init__(self, log=None):
        self.lock = threading.Lock()
        self.events = {}
        self.log = open(log, "w", buffering=1) if log else None

    def add(self, function, text):
        now = int(time.time() * 1000)
        with self.lock:
            if self.log:
                self.log.write(f"{function} | {text}\n")
            self.events.setdefault(function, []).append({"timestamp": now, "ingestionTime": now, "message": text})

    def of(self, function):
        with self.lock:
            return list(self.events.get(function, []))
