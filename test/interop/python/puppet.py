"""A durable function that does what somebody else tells it.

It writes the event of its invocation to its log, waits until the file that the
execution's input names exists, and answers with what is in there.
"""

import json
import os
import time


def puppet(event, context):
    print(json.dumps({"invoked": event}), flush=True)
    operations = event["InitialExecutionState"]["Operations"]
    strings = json.loads(operations[0]["ExecutionDetails"]["InputPayload"])["strings"]
    while not os.path.exists(strings):
        time.sleep(0.05)
    with open(strings) as file:
        return json.load(file)
