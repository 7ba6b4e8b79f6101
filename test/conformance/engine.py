"""Perdure as a process: `perdure serve` with the functions under test."""

import re
import signal
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
        self.command = [perdure, "serve", "--listen", "127.0.0.1:0", "--durability", "process", "--data", data, *flags]
        self.endpoint = None
        self.output = Output(log)
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
