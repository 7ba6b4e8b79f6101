"""An engine that wants to know who asks: AWS's clients sign, and functions come in by their doors."""

import atexit
import configparser
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

import boto3
import botocore.exceptions
from botocore.config import Config

import engine

CLI = pathlib.Path(sys.executable).with_name("aws")


def client(endpoint, key, region="eu-west-3"):
    return boto3.client(
        "lambda",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key["aws_access_key_id"],
        aws_secret_access_key=key["aws_secret_access_key"],
        aws_session_token="of no account",
        config=Config(read_timeout=120, retries={"total_max_attempts": 1}),
    )


class Served:
    """The engine of all checks here, made by the first of them."""

    lock, made = threading.Lock(), None

    def __init__(self):
        tmp = pathlib.Path(tempfile.mkdtemp(prefix="signed-"))
        atexit.register(shutil.rmtree, tmp, ignore_errors=True)
        self.file, perdure = tmp / "keys", os.environ["PERDURE"]
        for who in ("default",), ("viewer", "--access", "read"):
            subprocess.run([perdure, "credentials", self.file, "--name", *who], check=True, capture_output=True)
        self.keys = keys(self.file)
        flags = [*filter(wanted, json.loads(os.environ["PERDURE_FLAGS"])), "--credentials", self.file]
        self.engine = engine.Engine(perdure, tmp / "data", flags).__enter__()
        atexit.register(self.engine.__exit__)

    @classmethod
    def get(cls):
        with cls.lock:
            cls.made = cls.made or cls()
            return cls.made


def wanted(flag):
    """Whether a flag of the engine is not about a function that no check here has a use for."""
    name, _, value = flag.partition("=")
    about = value.partition("=")[0]
    return name not in ("--function", "--handler", "--plain") or about in ("order", "go-chain", "python-chain", "javascript-chain", "node-step")


def keys(file):
    """The sections of a file of credentials."""
    found = configparser.ConfigParser()
    found.read(file)
    return {name: dict(found[name]) for name in found.sections()}


class Signed(unittest.TestCase):
    def setUp(self):
        served = Served.get()
        self.file, self.keys, self.endpoint = served.file, served.keys, served.engine.endpoint

    def refused(self, code, call):
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            call()
        self.assertEqual(raised.exception.response["Error"]["Code"], code)

    def test_boto3(self):
        api = client(self.endpoint, self.keys["default"])
        reply = api.invoke(FunctionName="order", Qualifier="$LATEST", InvocationType="Event", Payload=b'{"id":"\xc3\xa4"}')
        arn = reply["DurableExecutionArn"]
        viewer = client(self.endpoint, self.keys["viewer"], region="ap-south-2")
        self.assertEqual(viewer.get_durable_execution(DurableExecutionArn=arn)["DurableExecutionArn"], arn)
        found = viewer.list_durable_executions_by_function(FunctionName="order", Statuses=["RUNNING", "SUCCEEDED", "FAILED"], MaxItems=5)
        self.assertIn(arn, [e["DurableExecutionArn"] for e in found["DurableExecutions"]])
        self.refused("AccessDeniedException", lambda: viewer.stop_durable_execution(DurableExecutionArn=arn))
        wrong = self.keys["default"] | {"aws_secret_access_key": "a secret of somebody else's"}
        self.refused("InvalidSignatureException", client(self.endpoint, wrong).list_functions)
        nobody = self.keys["default"] | {"aws_access_key_id": "AKIDNOBODY"}
        self.refused("UnrecognizedClientException", client(self.endpoint, nobody).list_functions)
        api.stop_durable_execution(DurableExecutionArn=arn, Error={"ErrorMessage": "enough / of $ this"})

    def test_presigned(self):
        url = client(self.endpoint, self.keys["viewer"]).generate_presigned_url(
            "list_durable_executions_by_function", {"FunctionName": "order:$LATEST", "Statuses": ["RUNNING"]}, ExpiresIn=60
        )
        with urllib.request.urlopen(url) as answer:
            self.assertIn("DurableExecutions", json.load(answer))
        with self.assertRaises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(url.replace("RUNNING", "STOPPED"))
        self.assertEqual(raised.exception.headers["x-amzn-ErrorType"], "InvalidSignatureException")

    def test_the_cli(self):
        """The file of keys is the CLI's own."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        env |= {"AWS_SHARED_CREDENTIALS_FILE": str(self.file), "AWS_DEFAULT_REGION": "sa-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
        said = subprocess.run(
            [CLI, "lambda", "list-functions", "--endpoint-url", self.endpoint, "--output", "json", "--profile", "viewer"],
            env=env, capture_output=True, text=True, check=True,
        )
        self.assertIn("order", [f["FunctionName"] for f in json.loads(said.stdout)["Functions"]])

    def test_functions(self):
        """Every SDK finds the engine by the door in its endpoint, chained invokes included."""
        api = client(self.endpoint, self.keys["default"])
        languages = ["go", "python", "javascript"]
        event = {"route": [f"{language}-chain:$LATEST" for language in languages[1:]], "trail": []}
        reply = api.invoke(FunctionName="go-chain", Qualifier="$LATEST", Payload=json.dumps(event))
        self.assertEqual(json.loads(reply["Payload"].read()), languages + languages[-2::-1])
        reply = api.invoke(FunctionName="node-step", Qualifier="$LATEST", Payload=b'{"name":"Ann"}')
        self.assertEqual(json.loads(reply["Payload"].read()), {"greeting": "HELLO ANN"})
