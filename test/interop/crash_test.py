"""The engine is killed while executions of AWS's SDKs are under way."""

import json
import os
import pathlib
import signal
import tempfile
import time
import unittest
import uuid

import boto3

import engine

LANGUAGES = ["python", "node"]
EXECUTIONS = 6  # of each program
WANTED = {
    "wait": {"slept": True},
    "child": {"order": "R-1 shipped", "refused": "out of stock"},
    "wait_for_condition": {"polls": 3},
    "step_retry": {"attempt": 3},
}


class Crash(unittest.TestCase):
    def test_no_execution_is_lost(self):
        with tempfile.TemporaryDirectory(prefix="interop-crash-") as tmp:
            self.data = pathlib.Path(tmp, "data")
            self.names = [f"{l}-{p}/{uuid.uuid4()}" for l in LANGUAGES for p in WANTED for _ in range(EXECUTIONS)]
            with self.engine() as served:
                for name in self.names:
                    self.start(served, name)
                served.process.send_signal(signal.SIGKILL)
                served.process.wait()
            for moment in (0.7, 1.3):  # one more, in the middle of the catching up
                with self.engine() as served:
                    time.sleep(moment)
                    served.process.send_signal(signal.SIGKILL)
                    served.process.wait()
            with self.engine() as served:
                for name in self.names:
                    self.check(served, name)

    def engine(self):
        wanted = {name.split("/")[0] for name in self.names}
        serving = [
            flag
            for flag in json.loads(os.environ["PERDURE_FLAGS"])
            if flag.startswith(("--function=", "--handler=")) and flag.split("=")[1] in wanted
        ]
        return engine.Engine(os.environ["PERDURE"], self.data, serving)

    def client(self, served):
        return boto3.client("lambda", endpoint_url=served.endpoint)

    def start(self, served, name):
        """Starts an execution, or finds that it exists."""
        function, _, execution = name.partition("/")
        return self.client(served).invoke(
            FunctionName=f"{function}:$LATEST", InvocationType="Event", DurableExecutionName=execution, Payload=b"{}"
        )["DurableExecutionArn"]

    def check(self, served, name):
        arn, client = self.start(served, name), self.client(served)
        deadline = time.monotonic() + 60
        while (execution := client.get_durable_execution(DurableExecutionArn=arn))["Status"] == "RUNNING":
            self.assertLess(time.monotonic(), deadline, f"{name} is still open")
            time.sleep(0.1)
        program = name.split("/")[0].split("-", 1)[1]
        self.assertEqual(json.loads(execution.get("Result", "null")), WANTED[program], name)
        events = client.get_durable_execution_history(DurableExecutionArn=arn)["Events"]
        self.assertEqual([e["EventId"] for e in events], list(range(1, len(events) + 1)))
        ended = [(e["EventType"], e["Id"]) for e in events if e["EventType"] in ("WaitSucceeded", "ContextSucceeded")]
        self.assertEqual(len(ended), len(set(ended)), f"{name} ended an operation twice: {ended}")
