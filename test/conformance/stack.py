"""Stands in for what AWS's runner deploys to and reads from.

AWS's runner finds functions through CloudFormation and reads their output from
CloudWatch Logs. Here a function's logical name is its name, and its output was
captured.
"""

import json
import secrets
import time

import boto3
from botocore.config import Config

REGION = "us-east-1"


def lambda_client(endpoint):
    """The client by which the requirements use the engine.

    Unlike AWS's, it never repeats a request: a repeated Invoke is a second
    execution.
    """
    client = boto3.client(
        "lambda",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=120, max_pool_connections=64),
    )
    client.meta.events.register("before-sign.lambda.Invoke", trace)
    return client


def trace(request, **_):
    """Begins a trace, as Lambda does for a function with active tracing."""
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    request.headers["X-Amzn-Trace-Id"] = f"Root={root};Parent={secrets.token_hex(8)};Sampled=1"


class CloudFormation:
    """Says that each function is called what the template calls it."""

    def __init__(self, functions):
        self.functions = functions

    def get_paginator(self, _):
        return self

    def paginate(self, **_):
        resource = {"ResourceType": "AWS::Lambda::Function"}
        yield {
            "StackResourceSummaries": [
                resource | {"LogicalResourceId": name, "PhysicalResourceId": name} for name in self.functions
            ]
        }


class LogRetriever:
    """Has the interface of AWS's CloudWatchLogRetriever; the logs client that
    it is made with is the engine's Output."""

    settle_seconds = 0.5  # for lines under way; there is no ingestion to wait for

    def __init__(self, cloudformation_client, logs_client):
        self.output = logs_client

    def get_log_group_name(self, _, function):
        return function

    def get_execution_log_events(self, log_group_name, execution_arn, **_):
        time.sleep(self.settle_seconds)
        return [e for e in self.output.of(log_group_name) if belongs(e["message"], execution_arn)]


# The suite for records of executions, and what the ids of its requirements, and
# the file with its records, have at the end when the engine makes the records.
TELEMETRY = "telemetry"
OF_ENGINE = "-engine"


class RecordRetriever:
    """Has the interface of AWS's CloudWatchLogRetriever, for records of
    executions; a log group is a file with a line for each."""

    patience_seconds = 10  # the engine's come when the execution has ended
    settle_seconds = 0.5  # for a second one

    def __init__(self, cloudformation_client, logs_client):
        pass

    def get_execution_log_events(self, log_group_name, execution_arn, **_):
        deadline = time.monotonic() + self.patience_seconds
        while not records(log_group_name, execution_arn) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(self.settle_seconds)
        return records(log_group_name, execution_arn)


def records(path, arn):
    """The lines of a file that belong to an execution, as CloudWatch log events."""
    try:
        with open(path) as f:
            lines = [line for line in f if line.endswith("\n") and belongs(line, arn)]
    except FileNotFoundError:
        return []
    return [{"timestamp": i, "ingestionTime": i, "message": line} for i, line in enumerate(lines)]


def belongs(text, arn):
    """Whether CloudWatch would find a line by the execution's ARN: only JSON
    objects that have it at the top level."""
    try:
        record = json.loads(text)
    except ValueError:
        return False
    return isinstance(record, dict) and arn in (record.get("durableExecutionArn"), record.get("executionArn"))
