"""What a user of boto3 does with durable functions, done to Perdure."""

import json
import unittest
import uuid

from client import api, callback_id, closed, history, start, until

ORDER = {
    "order_id": "ORD-12345",
    "customer_id": "CUST-001",
    "amount_cents": 9999,
    "items": [{"sku": "WIDGET-001", "quantity": 2, "unit_price_cents": 4999}],
}


def event_types(arn):
    return [event["EventType"] for event in history(arn, page=3)]


class Starting(unittest.TestCase):
    def test_a_synchronous_invocation_returns_the_result(self):
        reply = api.invoke(FunctionName="order", Qualifier="$LATEST", Payload=json.dumps(ORDER))
        self.assertEqual(reply["StatusCode"], 200)
        self.assertNotIn("FunctionError", reply)
        self.assertEqual(reply["ExecutedVersion"], "$LATEST")
        self.assertIn(":function:order:$LATEST/durable-execution/", reply["DurableExecutionArn"])
        receipt = json.load(reply["Payload"])
        self.assertEqual((receipt["status"], receipt["order_id"]), ("completed", "ORD-12345"))
        self.assertRegex(receipt["transaction_id"], "^txn_.")
        self.assertRegex(receipt["tracking_number"], "^TRK.")
        self.assertRegex(receipt["estimated_delivery"], r"^\d{4}-\d\d-\d\d$")

    def test_a_failed_execution_is_a_function_error(self):
        event = ORDER | {"amount_cents": 0, "items": []}
        reply = api.invoke(FunctionName="order:$LATEST", Payload=json.dumps(event))
        self.assertEqual((reply["StatusCode"], reply["FunctionError"]), (200, "Unhandled"))
        message = json.load(reply["Payload"])["errorMessage"]
        self.assertIn("no items", message)
        self.assertIn("amount", message)
        self.assertEqual(
            event_types(reply["DurableExecutionArn"]).count("StepFailed"), 1, "validation was retried"
        )

    def test_a_dry_run_starts_nothing(self):
        reply = api.invoke(FunctionName="order:$LATEST", InvocationType="DryRun", Payload="{}")
        self.assertEqual(reply["StatusCode"], 204)

    def test_an_unqualified_name_is_the_latest_version(self):
        # AWS refuses it for durable functions; so does the API when it is strict.
        reply = api.invoke(FunctionName="order", InvocationType="Event", Payload="{}")
        self.assertIn(":function:order:$LATEST/", reply["DurableExecutionArn"])

    def test_an_unknown_function_is_not_found(self):
        with self.assertRaises(api.exceptions.ResourceNotFoundException):
            api.invoke(FunctionName="nobody:$LATEST", Payload="{}")

    def test_a_name_makes_the_start_idempotent(self):
        name = f"order-{uuid.uuid4()}"
        arn = start("order", ORDER, name)
        self.assertEqual(start("order", ORDER, name), arn)
        with self.assertRaises(api.exceptions.DurableExecutionAlreadyStartedException):
            start("order", ORDER | {"amount_cents": 1}, name)
        api.stop_durable_execution(DurableExecutionArn=arn)


class Reading(unittest.TestCase):
    def setUp(self):
        self.name = f"order-{uuid.uuid4()}"
        self.arn = start("order", ORDER, self.name)
        self.execution = closed(self.arn)

    def test_get(self):
        execution = self.execution
        self.assertEqual(execution["Status"], "SUCCEEDED")
        self.assertEqual(execution["DurableExecutionName"], self.name)
        self.assertEqual(json.loads(execution["InputPayload"]), ORDER)
        self.assertEqual(json.loads(execution["Result"])["status"], "completed")
        took = execution["EndTimestamp"] - execution["StartTimestamp"]
        self.assertGreaterEqual(took.total_seconds(), 5, "the wait was cut short")

    def test_history(self):
        self.assertEqual(
            event_types(self.arn),
            ["ExecutionStarted"]
            + ["StepStarted", "StepSucceeded"] * 2
            + ["WaitStarted", "InvocationCompleted", "WaitSucceeded"]
            + ["StepStarted", "StepSucceeded"]
            + ["InvocationCompleted", "ExecutionSucceeded"],
        )
        events = history(self.arn, page=3)
        self.assertEqual([event["EventId"] for event in events], list(range(1, len(events) + 1)))

    def test_list(self):
        def names(**query):
            reply = api.list_durable_executions_by_function(FunctionName="order", **query)
            return [execution["DurableExecutionName"] for execution in reply["DurableExecutions"]]

        self.assertIn(self.name, names())
        self.assertEqual(names(DurableExecutionName=self.name, Statuses=["SUCCEEDED"]), [self.name])
        self.assertEqual(names(DurableExecutionName=self.name, Statuses=["FAILED"]), [])

    def test_an_unknown_execution_is_not_found(self):
        with self.assertRaises(api.exceptions.ResourceNotFoundException):
            api.get_durable_execution(DurableExecutionArn=self.arn[:-1] + "x")


class Stopping(unittest.TestCase):
    def test_stop_is_idempotent(self):
        arn = start("order", ORDER)
        reason = {"ErrorType": "Cancelled", "ErrorMessage": "changed my mind"}
        first = api.stop_durable_execution(DurableExecutionArn=arn, Error=reason)
        execution = closed(arn)
        self.assertEqual(execution["Status"], "STOPPED")
        self.assertEqual(execution["Error"], reason)
        again = api.stop_durable_execution(DurableExecutionArn=arn)
        self.assertEqual(again["StopTimestamp"], first["StopTimestamp"])


class Pausing(unittest.TestCase):
    """A function that waits for a callback, held and let go."""

    def setUp(self):
        self.arn = start("approval", {"document": 8}, f"held-{uuid.uuid4()}")
        self.callback = callback_id(self.arn)
        until(lambda: event_types(self.arn)[-1] == "InvocationCompleted")

    def test_pause_and_resume(self):
        api.pause_durable_execution(DurableExecutionArn=self.arn, Reason="audit", ExecutionTimeoutPaused=False)
        execution = api.get_durable_execution(DurableExecutionArn=self.arn)
        self.assertEqual(execution["Status"], "PAUSED")
        details = execution["PauseDetails"]
        self.assertEqual((details["Reason"], details["ExecutionTimeoutPaused"]), ("audit", False))
        self.assertGreater(execution["ExpectedExecutionTimeoutTimestamp"], details["PauseRequestTimestamp"])
        api.send_durable_execution_callback_success(CallbackId=self.callback, Result=b"1")
        self.assertEqual(event_types(self.arn)[-2:], ["ExecutionPaused", "CallbackSucceeded"])
        api.resume_durable_execution(DurableExecutionArn=self.arn, Reason="done")
        self.assertEqual(closed(self.arn)["Status"], "SUCCEEDED")
        self.assertEqual(
            event_types(self.arn)[3:],
            ["ExecutionPaused", "CallbackSucceeded", "ExecutionResumed"] + ["InvocationCompleted", "ExecutionSucceeded"],
        )

    def test_the_same_request_twice_is_one(self):
        for _ in range(2):
            api.pause_durable_execution(DurableExecutionArn=self.arn, ClientToken="one")
        with self.assertRaises(api.exceptions.ResourceConflictException):
            api.pause_durable_execution(DurableExecutionArn=self.arn, ClientToken="another")
        for _ in range(2):
            api.resume_durable_execution(DurableExecutionArn=self.arn, ClientToken="one")
        self.assertEqual(event_types(self.arn).count("ExecutionPaused"), 1)
        api.stop_durable_execution(DurableExecutionArn=self.arn)

    def test_delete(self):
        with self.assertRaises(api.exceptions.ResourceConflictException):
            api.delete_durable_execution(DurableExecutionArn=self.arn)
        stopped = api.stop_durable_execution(DurableExecutionArn=self.arn)
        reply = api.delete_durable_execution(DurableExecutionArn=self.arn)
        self.assertGreaterEqual(reply["DeletionRequestTimestamp"], stopped["StopTimestamp"])
        with self.assertRaises(api.exceptions.ResourceNotFoundException):
            api.get_durable_execution(DurableExecutionArn=self.arn)


class Callbacks(unittest.TestCase):
    """Completed by a client, received by a function without an SDK."""

    def setUp(self):
        self.arn = start("approval", {"document": 7})
        self.callback = callback_id(self.arn)
        until(lambda: "InvocationCompleted" in event_types(self.arn))

    def test_success(self):
        api.send_durable_execution_callback_heartbeat(CallbackId=self.callback)
        api.send_durable_execution_callback_success(CallbackId=self.callback, Result=b'{"by":"Ann"}')
        execution = closed(self.arn)
        self.assertEqual((execution["Status"], execution.get("Result")), ("SUCCEEDED", '{"by":"Ann"}'))
        self.assertEqual(
            event_types(self.arn),
            ["ExecutionStarted", "CallbackStarted", "InvocationCompleted", "CallbackSucceeded"]
            + ["InvocationCompleted", "ExecutionSucceeded"],
        )

    def test_failure(self):
        reason = {"ErrorType": "Refused", "ErrorMessage": "not like this"}
        api.send_durable_execution_callback_failure(CallbackId=self.callback, Error=reason)
        execution = closed(self.arn)
        self.assertEqual((execution["Status"], execution["Error"]), ("FAILED", reason))

    def test_a_completed_callback_cannot_be_completed_again(self):
        api.send_durable_execution_callback_success(CallbackId=self.callback, Result=b"1")
        with self.assertRaises(api.exceptions.CallbackTimeoutException):
            api.send_durable_execution_callback_success(CallbackId=self.callback, Result=b"2")

