"""What the checks share: a client of the Lambda API, and how they look at executions."""

import json
import os
import pathlib
import time

import boto3
from botocore.config import Config

ENDPOINT = os.environ.get("PERDURE_ENDPOINT", "")
# A large result takes its time on a busy machine.
PATIENCE = 120

# What fails is to be seen, not tried again.
api = boto3.client("lambda", endpoint_url=ENDPOINT or None, config=Config(read_timeout=PATIENCE, retries={"total_max_attempts": 1}))


def call(function, event, **more):
    """Invokes a function, waits for its answer and returns the reply."""
    reply = api.invoke(FunctionName=function, Qualifier="$LATEST", Payload=json.dumps(event), **more)
    reply["Answer"] = json.loads(reply["Payload"].read() or "null")
    return reply


def start(function, event, name=None):
    """Starts an execution and returns its ARN."""
    more = {"DurableExecutionName": name} if name else {}
    reply = api.invoke(
        FunctionName=f"{function}:$LATEST", InvocationType="Event", Payload=json.dumps(event), **more
    )
    assert reply["StatusCode"] == 202, reply
    return reply["DurableExecutionArn"]


def until(what, seconds=PATIENCE):
    """Calls what until it returns something true, which it returns."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.05)
    raise TimeoutError(f"nothing after {seconds} seconds")


def closed(arn):
    """Waits for the end of an execution and returns it."""

    def look():
        execution = api.get_durable_execution(DurableExecutionArn=arn)
        return execution if execution["Status"] not in ("RUNNING", "PAUSING", "PAUSED") else None

    try:
        return until(look)
    except TimeoutError:
        raise TimeoutError(f"still open after {PATIENCE} seconds: {shape(history(arn))}") from None


def result(execution):
    """What an execution returned."""
    assert execution["Status"] == "SUCCEEDED", execution
    return json.loads(execution["Result"])


def history(arn, page=100):
    """All events."""
    events, following = [], {}
    while True:
        reply = api.get_durable_execution_history(
            DurableExecutionArn=arn, IncludeExecutionData=True, MaxItems=page, **following
        )
        events += reply["Events"]
        if not reply.get("NextMarker"):
            return events
        following = {"Marker": reply["NextMarker"]}


def shape(events):
    """The types of events, each with the name of its operation."""
    return [event["EventType"] + named(event) for event in events]


def named(event):
    name = event.get("Name", "")
    return f" {name}" if name and not event["EventType"].startswith("Execution") else ""


def details(event):
    """The member of an event that its type has to itself."""
    return event[event["EventType"] + "Details"]


def one(events, kind, name=None):
    """The details of the only event of that type and name."""
    found = [e for e in events if e["EventType"] == kind and name in (None, e.get("Name"))]
    assert len(found) == 1, f"{len(found)} events {kind} {name or ''} in {shape(events)}"
    return details(found[0])


def callback_id(arn):
    """Waits for a callback of an execution and returns its id."""

    def look():
        started = [e for e in history(arn) if e["EventType"] == "CallbackStarted"]
        return started and details(started[0])["CallbackId"]

    return until(look)


def output():
    """The lines that functions wrote so far, each with the function's name."""
    return pathlib.Path(os.environ["PERDURE_OUTPUT"]).read_text().splitlines()
