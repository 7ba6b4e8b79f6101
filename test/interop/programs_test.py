"""AWS's SDKs: the same programs, one for each kind of operation, whose results
and histories have to be the same."""

import json
import os
import tempfile
import time
import unittest
import uuid
from pathlib import Path

from client import api, call, callback_id, closed, details, history, one, output, result, shape, start, until

SUSPENDED = "InvocationCompleted"
SUCCEEDED = [SUSPENDED, "ExecutionSucceeded"]
FAILED = [SUSPENDED, "ExecutionFailed"]


def started_slowly(event):
    """Whether an invocation failed because this machine is too busy to start an
    interpreter in the time that an initialisation has."""
    error = event.get("InvocationCompletedDetails", {}).get("Error", {}).get("Payload", {})
    return "did not ask for an invocation within" in error.get("ErrorMessage", "")


class Programs:
    """The checks of one language; what is different about it is in its class."""

    language: str
    author = None  # what its plain functions say of themselves, if not the language
    # How the SDK records the types of errors.
    error_type = "CardDeclined"
    interrupted = "StepInterruptedError"

    def run_program(self, program, event):
        """Runs an execution to its end and returns it with its history."""
        arn = start(f"{self.language}-{program}", event)
        return self.finished(arn)

    def finished(self, arn):
        execution = closed(arn)
        events = history(arn)
        ids = [event["EventId"] for event in events]
        self.assertEqual(ids, list(range(1, len(events) + 1)), "event ids have gaps")
        return execution, [event for event in events if not started_slowly(event)]

    def check(self, execution, events, want, expected):
        """Compares what was returned, and the events but for the first."""
        self.assertEqual(result(execution), want, shape(events))
        self.assertEqual(shape(events), ["ExecutionStarted"] + expected)

    def test_step(self):
        execution, events = self.run_program("step", {"name": "Ann"})
        self.check(
            execution,
            events,
            {"greeting": "HELLO ANN"},
            ["StepStarted greet", "StepSucceeded greet", "StepStarted shout", "StepSucceeded shout"] + SUCCEEDED,
        )
        step = one(events, "StepSucceeded", "greet")
        self.assertEqual(step["Result"], {"Payload": '"Hello Ann"', "Truncated": False})
        self.assertEqual(step["RetryDetails"]["CurrentAttempt"], 1)

    def test_step_retry(self):
        execution, events = self.run_program("step_retry", {})
        again = ["StepStarted flaky", "StepFailed flaky", SUSPENDED]
        self.check(execution, events, {"attempt": 3}, again * 2 + ["StepStarted flaky", "StepSucceeded flaky"] + SUCCEEDED)
        failed = [details(e) for e in events if e["EventType"] == "StepFailed"]
        self.assertEqual([f["Error"]["Payload"]["ErrorMessage"] for f in failed], ["attempt 1 failed", "attempt 2 failed"])
        self.assertEqual([f["RetryDetails"]["CurrentAttempt"] for f in failed], [1, 2])
        self.assertEqual([f["RetryDetails"]["NextAttemptDelaySeconds"] for f in failed], [1, 1])
        self.assertEqual(one(events, "StepSucceeded", "flaky")["RetryDetails"]["CurrentAttempt"], 3)

    def test_step_failure(self):
        execution, events = self.run_program("step_failure", {})
        self.assertEqual(execution["Status"], "FAILED")
        self.assertRegex(execution["Error"]["ErrorMessage"], "the card was declined$")
        self.assertEqual(shape(events), ["ExecutionStarted", "StepStarted charge", "StepFailed charge"] + FAILED)
        error = one(events, "StepFailed", "charge")["Error"]["Payload"]
        self.assertEqual(error["ErrorType"], self.error_type)
        self.assertRegex(error["ErrorMessage"], "the card was declined$")

    def test_step_failure_caught(self):
        execution, events = self.run_program("step_failure", {"catch": True})
        self.check(
            execution,
            events,
            {"caught": "the card was declined"},
            ["StepStarted charge", "StepFailed charge"] + SUCCEEDED,
        )

    def crashing(self, program):
        if os.environ["PER_PROCESS"] and self.language in ("javascript", "python"):
            self.skipTest("AWS's client has a thread or process for each place; when one ends, its invocation times out")
        with tempfile.TemporaryDirectory() as marks:
            return self.run_program(program, {"marker": str(Path(marks, "crashed"))})

    def test_crash_in_a_step(self):
        execution, events = self.crashing("at_least_once")
        self.assertEqual(result(execution), {"attempt": 1})
        # The START of such a step may be lost in the crash, and with it the first event.
        self.assertIn(
            shape(events)[1:],
            (
                ["StepStarted fragile", SUSPENDED, "StepSucceeded fragile"] + SUCCEEDED,
                [SUSPENDED, "StepStarted fragile", "StepSucceeded fragile"] + SUCCEEDED,
            ),
        )
        crash = next(e for e in events if e["EventType"] == "InvocationCompleted")
        self.assertEqual(details(crash)["Error"]["Payload"]["ErrorType"], "Runtime.ExitError")

    def test_crash_in_a_step_at_most_once(self):
        execution, events = self.crashing("at_most_once")
        self.check(
            execution,
            events,
            {"attempt": 2},
            ["StepStarted fragile", SUSPENDED, "StepFailed fragile", SUSPENDED]
            + ["StepStarted fragile", "StepSucceeded fragile"]
            + SUCCEEDED,
        )
        self.assertEqual(one(events, "StepFailed")["Error"]["Payload"]["ErrorType"], self.interrupted)

    def test_wait(self):
        execution, events = self.run_program("wait", {})
        self.check(
            execution,
            events,
            {"slept": True},
            ["StepStarted before", "StepSucceeded before", "WaitStarted nap", SUSPENDED, "WaitSucceeded nap"]
            + ["StepStarted after", "StepSucceeded after"]
            + SUCCEEDED,
        )
        started = one(events, "WaitStarted")
        self.assertEqual(started["Duration"], 1)
        self.assertIn("ScheduledEndTimestamp", started)

    def test_child(self):
        execution, events = self.run_program("child", {})
        self.check(
            execution,
            events,
            {"order": "R-1 shipped", "refused": "out of stock"},
            ["ContextStarted order", "StepStarted reserve", "StepSucceeded reserve"]
            + ["WaitStarted packing", SUSPENDED, "WaitSucceeded packing"]
            + ["StepStarted ship", "StepSucceeded ship", "ContextSucceeded order"]
            + ["ContextStarted doomed", "StepStarted refuse", "StepFailed refuse", "ContextFailed doomed"]
            + SUCCEEDED,
        )
        order = next(e for e in events if e["EventType"] == "ContextStarted")
        self.assertEqual(order["SubType"], "RunInChildContext")
        self.assertEqual([e["ParentId"] for e in events if e.get("Name") == "reserve"], [order["Id"]] * 2)

    def test_map(self):
        execution, events = self.run_program("map", {"numbers": [1, -2, 3]})

        def item(i, end="Succeeded"):
            return [f"ContextStarted number-{i}", "StepStarted compute", f"Step{end} compute", f"Context{end} number-{i}"]

        self.check(
            execution,
            events,
            {"doubled": [2, 6], "failed": 1},
            ["ContextStarted double"] + item(0) + item(1, "Failed") + item(2) + ["ContextSucceeded double"] + SUCCEEDED,
        )
        subtypes = {e["Name"]: e["SubType"] for e in events if e["EventType"] == "ContextStarted"}
        self.assertEqual((subtypes["double"], subtypes["number-0"]), ("Map", "MapIteration"))

    def test_map_beyond_its_tolerance(self):
        _, events = self.run_program("map", {"numbers": [-1, -2, 3]})
        self.assertNotIn("ContextStarted number-2", shape(events))
        self.assertEqual(shape(events).count("ContextFailed number-0"), 1)
        self.assertEqual(shape(events).count("ContextFailed number-1"), 1)

    def test_parallel(self):
        execution, events = self.run_program("parallel", {})
        self.assertEqual(result(execution), {"results": ["L", "R"], "all": True})
        # The order of the branches among each other is not fixed.
        self.assertEqual(
            sorted(shape(events)),
            sorted(
                ["ExecutionStarted", "ContextStarted both", "ContextStarted quick", "ContextStarted slow"]
                + ["StepStarted left", "StepSucceeded left", "ContextSucceeded quick"]
                + ["WaitStarted pause", SUSPENDED, "WaitSucceeded pause", "StepStarted right", "StepSucceeded right"]
                + ["ContextSucceeded slow", "ContextSucceeded both"]
                + SUCCEEDED
            ),
        )
        subtypes = {e["Name"]: e["SubType"] for e in events if e["EventType"] == "ContextStarted"}
        self.assertEqual((subtypes["both"], subtypes["quick"]), ("Parallel", "ParallelBranch"))

    asked = ["CallbackStarted approval", "StepStarted ask", "StepSucceeded ask", SUSPENDED]

    def test_callback(self):
        arn = start(f"{self.language}-callback", {})
        id = callback_id(arn)
        until(lambda: SUSPENDED in shape(history(arn)))
        api.send_durable_execution_callback_success(CallbackId=id, Result=b'{"by":"Ann"}')
        execution, events = self.finished(arn)
        answer = {"asked": True, "answer": {"by": "Ann"}}
        self.check(execution, events, answer, self.asked + ["CallbackSucceeded approval"] + SUCCEEDED)
        self.assertEqual(one(events, "CallbackStarted")["Timeout"], 600)
        self.assertEqual(one(events, "CallbackSucceeded")["Result"]["Payload"], '{"by":"Ann"}')

    def test_callback_failure(self):
        arn = start(f"{self.language}-callback", {})
        id = callback_id(arn)
        until(lambda: SUSPENDED in shape(history(arn)))
        refusal = {"ErrorType": "Refused", "ErrorMessage": "not like this", "ErrorData": "7", "StackTrace": ["here"]}
        api.send_durable_execution_callback_failure(CallbackId=id, Error=refusal)
        execution, events = self.finished(arn)
        answer = {"asked": True, "refused": "not like this"}
        self.check(execution, events, answer, self.asked + ["CallbackFailed approval"] + SUCCEEDED)
        self.assertEqual(one(events, "CallbackFailed")["Error"]["Payload"], refusal)

    submitted = ["ContextStarted approval", "CallbackStarted", "StepStarted", "StepSucceeded", SUSPENDED]

    def inner_names_apart(self, events):
        """The shape, but for what SDKs call the callback and the submitter."""
        return [s.split()[0] if s.startswith(("Step", "Callback")) else s for s in shape(events)]

    def test_wait_for_callback_with_heartbeats(self):
        arn = start(f"{self.language}-wait_for_callback", {"heartbeat": 8})
        id = callback_id(arn)
        until(lambda: SUSPENDED in shape(history(arn)))
        for _ in range(3):
            time.sleep(3)  # in all more than the heartbeat
            api.send_durable_execution_callback_heartbeat(CallbackId=id)
        api.send_durable_execution_callback_success(CallbackId=id, Result=b"[1]")
        execution, events = self.finished(arn)
        self.assertEqual(result(execution), {"answer": [1]})
        self.assertEqual(
            self.inner_names_apart(events),
            ["ExecutionStarted"] + self.submitted + ["CallbackSucceeded", "ContextSucceeded approval"] + SUCCEEDED,
        )
        context = next(e for e in events if e["EventType"] == "ContextStarted")
        self.assertEqual(context["SubType"], "WaitForCallback")
        self.assertEqual(one(events, "CallbackStarted")["HeartbeatTimeout"], 8)

    def times_out(self, event, kind):
        execution, events = self.run_program("wait_for_callback", event)
        self.assertEqual(result(execution), {"kind": "CallbackTimeoutError"})
        self.assertEqual(
            self.inner_names_apart(events),
            ["ExecutionStarted"] + self.submitted + ["CallbackTimedOut", "ContextFailed approval"] + SUCCEEDED,
        )
        self.assertEqual(one(events, "CallbackTimedOut")["Error"]["Payload"]["ErrorType"], kind)

    def test_wait_for_callback_without_a_heartbeat(self):
        self.times_out({"heartbeat": 3, "timeout": 600}, "Callback.Heartbeat")

    def test_wait_for_callback_timeout(self):
        self.times_out({"timeout": 3}, "Callback.Timeout")

    def test_wait_for_callback_whose_submitter_fails(self):
        execution, events = self.run_program("wait_for_callback", {"submitter": "fails"})
        self.assertEqual(result(execution), {"kind": "CallbackSubmitterError"})
        self.assertEqual(shape(events)[-3:], ["ContextFailed approval"] + SUCCEEDED)

    def test_wait_for_condition(self):
        execution, events = self.run_program("wait_for_condition", {})
        poll = ["StepStarted ready", "StepSucceeded ready"]
        self.check(execution, events, {"polls": 3}, (poll + [SUSPENDED]) * 2 + poll + SUCCEEDED)
        polls = [e for e in events if e["EventType"] == "StepSucceeded"]
        self.assertEqual([e["SubType"] for e in polls], ["WaitForCondition"] * 3)
        retries = [details(e)["RetryDetails"] for e in polls]
        self.assertEqual([r["CurrentAttempt"] for r in retries], [1, 2, 3])
        self.assertEqual([r.get("NextAttemptDelaySeconds") for r in retries], [1, 1, None])
        for n, event in enumerate(polls, 1):
            self.assertRegex(details(event)["Result"]["Payload"], rf"\b{n}\b")

    def invoke(self, function, payload, outcome="Succeeded"):
        execution, events = self.run_program("invoke", {"function": function, "payload": payload})
        self.assertIn(
            shape(events)[1:],
            (
                ["ChainedInvokeStarted call", SUSPENDED, f"ChainedInvoke{outcome} call"] + SUCCEEDED,
                # What is quick, or refused at once, may be there before the invocation ends.
                ["ChainedInvokeStarted call", f"ChainedInvoke{outcome} call"] + SUCCEEDED,
                ["ChainedInvokeStarted call", f"ChainedInvoke{outcome} call", SUSPENDED] + SUCCEEDED,
            ),
        )
        return result(execution), events

    def test_invoke_of_a_durable_function(self):
        answer, events = self.invoke(f"{self.language}-step:$LATEST", {"name": "Bob"})
        self.assertEqual(answer, {"result": {"greeting": "HELLO BOB"}})
        started = one(events, "ChainedInvokeStarted")
        self.assertEqual(started["ExecutedVersion"], "$LATEST")
        callee = closed(started["DurableExecutionArn"])
        self.assertEqual(json.loads(callee["InputPayload"]), {"name": "Bob"})

    def test_invoke_of_a_durable_function_that_fails(self):
        answer, events = self.invoke(f"{self.language}-failure:$LATEST", {}, "Failed")
        self.assertRegex(answer["failed"], "no operation at all$")
        error = one(events, "ChainedInvokeFailed")["Error"]["Payload"]
        self.assertEqual((error["ErrorType"], error["ErrorMessage"]), (self.error_type, answer["failed"]))

    def test_invoke_of_a_plain_function(self):
        answer, _ = self.invoke(f"{self.language}-add", {"a": 2, "b": 3})
        self.assertEqual(answer, {"result": {"sum": 5, "by": self.author or self.language}})

    def test_invoke_of_a_plain_function_that_fails(self):
        answer, events = self.invoke(f"{self.language}-fails", {}, "Failed")
        self.assertEqual(answer, {"failed": "the shop is closed"})
        error = one(events, "ChainedInvokeFailed")["Error"]["Payload"]
        self.assertEqual((error["ErrorType"], error["ErrorMessage"]), ("Closed", "the shop is closed"))

    def test_invoke_of_nobody(self):
        _, events = self.invoke("nobody:$LATEST", {}, "Failed")
        error = one(events, "ChainedInvokeFailed")["Error"]["Payload"]
        self.assertEqual(error["ErrorType"], "ResourceNotFoundException")

    def test_a_child_too_large_to_record(self):
        execution, events = self.run_program("large_child", {})
        self.assertEqual(result(execution), {"length": 300_000, "ends": "222"})
        self.assertLess(len(one(events, "ContextSucceeded")["Result"].get("Payload", "")), 262_144)
        self.assertEqual(shape(events).count("StepStarted part-0"), 1, "a step of the child ran twice")

    def test_state_that_needs_several_pages(self):
        execution, events = self.run_program("large_state", {"steps": 30, "size": 250_000})
        self.assertEqual(result(execution), {"sum": 30 * 250_000})
        self.assertEqual(sum(e["EventType"] == "StepSucceeded" for e in events), 30, "a step ran twice")

    def test_a_result_of_nearly_6_MB(self):
        size = 6 * 1024 * 1024 - 1000
        reply = call(f"{self.language}-large_result", {"size": size})
        self.assertEqual((reply.get("FunctionError"), len(reply["Answer"])), (None, size))
        events = history(reply["DurableExecutionArn"])
        self.assertEqual(shape(events), ["ExecutionStarted"] + SUCCEEDED)

    def test_a_result_that_is_checkpointed(self):
        size = 6 * 1024 * 1024 - 20  # with its envelope more than an answer may have
        reply = call(f"{self.language}-large_result", {"size": size})
        self.assertEqual((reply.get("FunctionError"), len(reply["Answer"])), (None, size))
        self.assertEqual(shape(history(reply["DurableExecutionArn"])), ["ExecutionStarted"] + SUCCEEDED)

    def test_logs_are_written_once(self):
        mark = f"mark-{uuid.uuid4()}"
        execution, _ = self.run_program("logs", {"mark": mark})

        def written():
            return [line for line in output() if mark in line]

        until(lambda: len(written()) >= 3, 10)  # what a function writes takes its own way
        lines = written()
        self.assertEqual(len(lines), 3, lines)
        for line, said in zip(lines, ["before the wait", "in the step", "after the wait"]):
            function, _, text = line.partition(" | ")
            self.assertEqual(function, f"{self.language}-logs")
            record = json.loads(text)
            self.assertEqual(record["message"], f"{mark} {said}")
            self.assertEqual(record["executionArn"], execution["DurableExecutionArn"])

    def test_failure_of_the_handler(self):
        reply = call(f"{self.language}-failure", {})
        self.assertEqual((reply["StatusCode"], reply["FunctionError"]), (200, "Unhandled"))
        self.assertRegex(reply["Answer"]["errorMessage"], "no operation at all$")
        self.assertEqual(reply["Answer"]["errorType"], self.error_type)
        events = history(reply["DurableExecutionArn"])
        self.assertEqual(shape(events), ["ExecutionStarted"] + FAILED)
        error = one(events, "ExecutionFailed")["Error"]["Payload"]
        self.assertEqual(error["ErrorMessage"], reply["Answer"]["errorMessage"])

    def test_retried_context(self):
        execution, events = self.run_program("retried_context", {})
        self.check(
            execution,
            events,
            {"seat": "seat 2"},
            ["ContextStarted booking", "StepStarted seat", "StepSucceeded seat"]
            + ["WaitStarted booking-backoff-1", SUSPENDED, "WaitSucceeded booking-backoff-1"]
            + ["StepStarted seat", "StepSucceeded seat", "ContextSucceeded booking"]
            + SUCCEEDED,
        )


class JavaScript(Programs, unittest.TestCase):
    """AWS's SDK on AWS's runtime client."""

    language = "javascript"

    def test_promise_combinators(self):
        execution, events = self.run_program("combinators", {})
        self.assertEqual(result(execution), {"all": [1, 2], "settled": ["fulfilled"], "any": 4, "race": 5})
        for name in ("all", "settled", "any", "race"):
            self.assertIn(f"ContextSucceeded {name}", shape(events))


class Node(Programs, unittest.TestCase):
    """AWS's SDK on the runtime client that the engine brings."""

    language = "node"
    author = "javascript"


class Python(Programs, unittest.TestCase):
    """AWS's SDK on AWS's runtime client."""

    language = "python"
    error_type = "programs.CardDeclined"
    interrupted = "aws_durable_execution_sdk_python.exceptions.StepInterruptedError"


if os.environ["RUST"]:  # built, see run.py

    class Rust(Programs, unittest.TestCase):
        """AWS's SDK, a preview, on AWS's runtime client."""

        language = "rust"
        interrupted = "Error"
        # It has a context for each attempt, and writes logs with tracing alone.
        test_retried_context = test_logs_are_written_once = None
