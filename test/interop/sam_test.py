"""What a user of the AWS SAM CLI does with durable functions.

`sam remote` finds the engine as any client does; `sam local` takes it for the
emulator that it would start itself.
"""

import json
import os
import pathlib
import subprocess
import unittest
import urllib.parse
import urllib.request
import uuid

from client import ENDPOINT, api, callback_id, closed, start, until

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


def sam(where, *words):
    """Runs a command of `sam remote` or `sam local` and returns what it printed."""
    port = str(urllib.parse.urlsplit(ENDPOINT).port)
    own = {"AWS_ENDPOINT_URL_LAMBDA": ENDPOINT, "DURABLE_EXECUTIONS_EXTERNAL_EMULATOR_PORT": port, "SAM_CLI_TELEMETRY": "0"}
    done = subprocess.run([os.environ["SAM"], where, *words], env=os.environ | own, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Remote(unittest.TestCase):
    where = "remote"

    def test_execution(self):
        arn = start("python-step", {"name": "Ann"})
        closed(arn)
        said = json.loads(sam(self.where, "execution", "get", arn, "--format", "json"))
        self.assertEqual((said["DurableExecutionArn"], said["Status"]), (arn, "SUCCEEDED"))
        self.assertEqual(json.loads(said["Result"]), {"greeting": "HELLO ANN"})
        said = sam(self.where, "execution", "history", arn)
        for words in ("StepSucceeded", "greet", "Timeout: 3600s", '{"greeting":"HELLO ANN"}'):
            self.assertIn(words, said)

    def test_stop(self):
        arn = start("python-callback", {})
        sam(self.where, "execution", "stop", arn, "--error-type", "Cancelled", "--error-message", "changed my mind")
        execution = closed(arn)
        self.assertEqual(execution["Status"], "STOPPED")
        self.assertEqual(execution["Error"], {"ErrorType": "Cancelled", "ErrorMessage": "changed my mind"})

    def test_callbacks(self):
        succeeds, fails = start("python-callback", {}), start("python-callback", {})
        sam(self.where, "callback", "heartbeat", callback_id(succeeds))
        sam(self.where, "callback", "succeed", callback_id(succeeds), "--result", '{"by":"Ann"}')
        sam(self.where, "callback", "fail", callback_id(fails), "--error-type", "Refused", "--error-message", "no")
        self.assertEqual(json.loads(closed(succeeds)["Result"])["answer"], {"by": "Ann"})
        self.assertEqual(json.loads(closed(fails)["Result"])["refused"], "no")


ALONE = unittest.skipIf(os.environ["STORE"], "a fleet has no emulator for `sam local`")


@ALONE
class Local(Remote):
    where = "local"


class Invoke(unittest.TestCase):
    def test_synchronously(self):
        said = sam("remote", "invoke", ARN + "python-step", "--event", '{"name":"Ann"}')
        self.assertIn('{"greeting": "HELLO ANN"}', said)

    def test_in_the_background(self):
        name = f"sam-{uuid.uuid4()}"
        event = ("--event", '{"name":"Bob"}', "--parameter", "InvocationType=Event")
        sam("remote", "invoke", ARN + "python-step", *event, "--durable-execution-name", name)

        def named():
            query = {"FunctionName": "python-step", "DurableExecutionName": name}
            return api.list_durable_executions_by_function(**query)["DurableExecutions"]

        self.assertEqual(closed(until(named)[0]["DurableExecutionArn"])["Status"], "SUCCEEDED")

    def test_a_plain_function(self):
        said = sam("remote", "invoke", ARN + "javascript-add", "--event", '{"a":1,"b":2}')
        self.assertIn('"sum":3', said)


@ALONE
class LocalInvoke(unittest.TestCase):
    """`sam local invoke` needs Docker for its container; the rest of it does not."""

    def test_in_a_container(self):
        name = f"sam-{uuid.uuid4()}"
        python, script = pathlib.Path(os.environ["SAM"]).with_name("python"), pathlib.Path(__file__).with_name("samstart.py")
        done = subprocess.run([python, "-B", script, name], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        said = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual(said["status"], "SUCCEEDED")
        self.assertEqual(json.loads(said["result"]), ["yes", '{"id": 1}'])
        self.assertIn(f"/durable-execution/{name}/", said["arn"])
        with urllib.request.urlopen(ENDPOINT + "/2025-12-01/durable-executions?DurableExecutionName=" + name) as answer:
            self.assertEqual([e["DurableExecutionArn"] for e in json.load(answer)["DurableExecutions"]], [said["arn"]])
