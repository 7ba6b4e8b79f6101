"""What a user of the AWS CLI does with durable functions."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import botocore

from client import ENDPOINT, api, callback_id, closed, history, output, shape, start, until

AWS = pathlib.Path(sys.executable).with_name("aws")
# The CLI has a model of its own, which may be older than that of botocore.
NEWEST = {"AWS_DATA_PATH": str(pathlib.Path(botocore.__file__).with_name("data"))}


def aws(*words, env={}, fails=False):
    """Runs a command of `aws lambda` and returns what it printed."""
    done = subprocess.run(
        [AWS, "lambda", *words, "--endpoint-url", ENDPOINT, "--output", "json"],
        env=os.environ | {"AWS_PAGER": ""} | env,
        capture_output=True,
        text=True,
    )
    assert (done.returncode != 0) == fails, done.stderr
    if fails:
        return done.stderr.strip()
    return json.loads(done.stdout or "null")


def invoke(function, event, *words):
    """Runs `aws lambda invoke`, and returns what it printed and what it saved."""
    with tempfile.TemporaryDirectory() as directory:
        saved = pathlib.Path(directory, "answer.json")
        said = aws("invoke", "--function-name", function, "--payload", json.dumps(event), *words, str(saved))
        return said, json.loads(saved.read_text() or "null")


class Starting(unittest.TestCase):
    def test_synchronously(self):
        said, answer = invoke("python-step:$LATEST", {"name": "Ann"})
        self.assertEqual((said["StatusCode"], said["ExecutedVersion"]), (200, "$LATEST"))
        self.assertIn("/durable-execution/", said["DurableExecutionArn"])
        self.assertEqual(answer, {"greeting": "HELLO ANN"})

    def test_by_name_in_the_background(self):
        more = ("--invocation-type", "Event", "--durable-execution-name", "from-the-cli")
        said, answer = invoke("python-wait:$LATEST", {}, *more)
        self.assertEqual((said["StatusCode"], answer), (202, None))
        again, _ = invoke("python-wait:$LATEST", {}, *more)
        self.assertEqual(again["DurableExecutionArn"], said["DurableExecutionArn"])
        self.assertEqual(closed(said["DurableExecutionArn"])["DurableExecutionName"], "from-the-cli")

    def test_a_failure(self):
        said, answer = invoke("python-failure:$LATEST", {})
        self.assertEqual((said["StatusCode"], said["FunctionError"]), (200, "Unhandled"))
        self.assertEqual(answer["errorMessage"], "no operation at all")

    def test_nobody(self):
        said = aws("invoke", "--function-name", "nobody:$LATEST", "/dev/null", fails=True)
        self.assertIn("An error occurred (ResourceNotFoundException) when calling the Invoke operation", said)


class Reading(unittest.TestCase):
    def setUp(self):
        self.arn = start("python-child", {})
        closed(self.arn)

    def test_get(self):
        execution = aws("get-durable-execution", "--durable-execution-arn", self.arn)
        self.assertEqual((execution["DurableExecutionArn"], execution["Status"]), (self.arn, "SUCCEEDED"))
        self.assertEqual(json.loads(execution["Result"])["order"], "R-1 shipped")

    def test_history_in_pages(self):
        words = ("get-durable-execution-history", "--durable-execution-arn", self.arn, "--include-execution-data")
        whole = aws(*words)["Events"]
        self.assertEqual(aws(*words, "--page-size", "4")["Events"], whole)
        self.assertEqual(shape(whole), shape(history(self.arn)))
        self.assertEqual(aws(*words, "--reverse-order")["Events"], whole[::-1])

    def test_list(self):
        words = ("list-durable-executions-by-function", "--function-name", "python-child", "--statuses", "SUCCEEDED")
        for more in ((), ("--page-size", "1"), ("--qualifier", "$LATEST"), ("--started-after", "2020-01-01")):
            with self.subTest(more):
                found = aws(*words, *more)["DurableExecutions"]
                self.assertIn(self.arn, [execution["DurableExecutionArn"] for execution in found])
        self.assertEqual(aws(*words, "--started-before", "2020-01-01T00:00:00Z")["DurableExecutions"], [])

    def test_nothing(self):
        said = aws("get-durable-execution", "--durable-execution-arn", self.arn[:-1] + "x", fails=True)
        self.assertIn("(ResourceNotFoundException) when calling the GetDurableExecution operation", said)
        said = aws("get-durable-execution", "--durable-execution-arn", "arn:of:nothing", fails=True)
        self.assertIn("(ValidationException) when calling the GetDurableExecution operation", said)


class Steering(unittest.TestCase):
    def test_stop(self):
        arn = start("python-callback", {})
        error = {"ErrorType": "Cancelled", "ErrorMessage": "changed my mind"}
        said = aws("stop-durable-execution", "--durable-execution-arn", arn, "--error", json.dumps(error))
        self.assertIn("StopTimestamp", said)
        execution = closed(arn)
        self.assertEqual((execution["Status"], execution["Error"]), ("STOPPED", error))

    def test_callback_success(self):
        arn = start("python-callback", {})
        id = ("--callback-id", callback_id(arn))
        aws("send-durable-execution-callback-heartbeat", *id)
        aws("send-durable-execution-callback-success", *id, "--result", '{"by":"Ann"}')
        self.assertEqual(json.loads(closed(arn)["Result"])["answer"], {"by": "Ann"})
        said = aws("send-durable-execution-callback-success", *id, "--result", "1", fails=True)
        self.assertIn("(CallbackTimeoutException)", said)

    def test_callback_failure(self):
        arn = start("python-callback", {})
        error = "ErrorType=Refused,ErrorMessage=no,StackTrace=a,b"
        aws("send-durable-execution-callback-failure", "--callback-id", callback_id(arn), "--error", error)
        self.assertEqual(json.loads(closed(arn)["Result"])["refused"], "no")

    def test_callback_of_nobody(self):
        said = aws("send-durable-execution-callback-heartbeat", "--callback-id", "bm9ib2R5", fails=True)
        self.assertIn("(InvalidParameterValueException)", said)

    def test_pause_and_resume(self):
        arn = start("python-callback", {})
        id = callback_id(arn)
        execution = ("--durable-execution-arn", arn)
        self.assertIsNone(aws("pause-durable-execution", *execution, "--reason", "lunch", env=NEWEST))
        paused = until(lambda: self.status(arn, "PAUSED"))
        self.assertEqual(paused["PauseDetails"]["Reason"], "lunch")
        api.send_durable_execution_callback_success(CallbackId=id, Result=b"1")
        self.assertEqual(shape(history(arn))[-2:], ["ExecutionPaused", "CallbackSucceeded approval"])
        self.assertIsNone(aws("resume-durable-execution", *execution, "--reason", "back", env=NEWEST))
        self.assertEqual(closed(arn)["Status"], "SUCCEEDED")
        self.assertIn("ExecutionResumed", shape(history(arn)))

    def status(self, arn, wanted):
        execution = api.get_durable_execution(DurableExecutionArn=arn)
        return execution if execution["Status"] == wanted else None

    def test_delete(self):
        arn = start("python-callback", {})
        execution = ("--durable-execution-arn", arn)
        said = aws("delete-durable-execution", *execution, env=NEWEST, fails=True)
        self.assertIn("(ResourceConflictException)", said)
        api.stop_durable_execution(DurableExecutionArn=arn)
        self.assertIn("DeletionRequestTimestamp", aws("delete-durable-execution", *execution, env=NEWEST))
        with self.assertRaises(api.exceptions.ResourceNotFoundException):
            until(lambda: not api.get_durable_execution(DurableExecutionArn=arn))


class Function(unittest.TestCase):
    """Somebody with the CLI in place of an SDK."""

    def invoked(self, arn):
        """The event of the latest invocation."""
        for line in reversed(output()):
            _, _, text = line.partition(" | ")
            if text.startswith('{"invoked"') and arn in text:
                return json.loads(text)["invoked"]

    def test_checkpoint_and_state(self):
        with tempfile.TemporaryDirectory() as directory:
            strings = pathlib.Path(directory, "strings")
            arn = start("python-puppet", {"strings": str(strings)})
            try:
                self.pull(arn)
            finally:
                answer = pathlib.Path(directory, "answer")
                answer.write_text('{"Status":"SUCCEEDED","Result":"7"}')
                answer.rename(strings)
            self.assertEqual(closed(arn)["Result"], "7")
        self.assertEqual(
            shape(history(arn)),
            ["ExecutionStarted", "StepStarted think", "StepSucceeded think", "InvocationCompleted", "ExecutionSucceeded"],
        )

    def pull(self, arn):
        event = until(lambda: self.invoked(arn))
        self.assertEqual(event["InitialExecutionState"]["Operations"][0]["Id"], arn.split("/")[-1])
        execution = ("--durable-execution-arn", arn)
        first = ("--checkpoint-token", event["CheckpointToken"])
        update = {"Id": "1", "Type": "STEP", "Name": "think", "SubType": "Step", "Action": "START"}
        reply = aws("checkpoint-durable-execution", *execution, *first, "--updates", json.dumps([update]))
        token = ("--checkpoint-token", reply["CheckpointToken"])
        state = aws("get-durable-execution-state", *execution, *token)
        self.assertEqual([o["Type"] for o in state["Operations"]], ["EXECUTION", "STEP"])
        said = aws("get-durable-execution-state", *execution, *first, fails=True)
        self.assertIn("(InvalidParameterValueException)", said)
        self.assertIn("Invalid checkpoint token", said)
        done = json.dumps([update | {"Action": "SUCCEED", "Payload": "42"}])
        reply = aws("checkpoint-durable-execution", *execution, *token, "--updates", done)
        self.assertEqual(reply["NewExecutionState"]["Operations"][0]["StepDetails"]["Result"], "42")
