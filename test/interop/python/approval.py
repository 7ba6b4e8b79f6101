"""A durable function without an SDK: it asks for an approval and waits for it.

It polls the Lambda Runtime API and writes checkpoints with boto3, as a function
in any language could. The first invocation creates a callback and answers
PENDING; the one that follows the callback's completion answers with its result.
"""

import json
import os
import urllib.request

import boto3

RUNTIME = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"


def handle(event, client):
    operations = event["InitialExecutionState"]["Operations"]
    approval = next((o for o in operations if o["Type"] == "CALLBACK"), None)
    if approval is None:
        reply = client.checkpoint_durable_execution(
            DurableExecutionArn=event["DurableExecutionArn"],
            CheckpointToken=event["CheckpointToken"],
            Updates=[
                {
                    "Id": "1",
                    "Type": "CALLBACK",
                    "Action": "START",
                    "Name": "approval",
                    "SubType": "Callback",
                    "CallbackOptions": {"TimeoutSeconds": 600},
                }
            ],
        )
        approval = reply["NewExecutionState"]["Operations"][0]
    details = approval["CallbackDetails"]
    if approval["Status"] == "STARTED":
        return {"Status": "PENDING"}
    if approval["Status"] == "SUCCEEDED":
        return {"Status": "SUCCEEDED", "Result": details["Result"]}
    return {"Status": "FAILED", "Error": details["Error"]}


def main():
    client = boto3.client("lambda")
    while True:
        with urllib.request.urlopen(f"{RUNTIME}/next") as invocation:
            request_id = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
            answer = handle(json.load(invocation), client)
        data = json.dumps(answer).encode()
        urllib.request.urlopen(f"{RUNTIME}/{request_id}/response", data=data).close()


main()
