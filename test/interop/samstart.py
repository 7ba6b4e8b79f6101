"""What `sam local invoke` does once its container runs, by SAM's own code.

SAM's Python runs this: the container is an endpoint of this process.
"""

import http.server
import json
import os
import sys
import threading
import urllib.parse

import boto3

ENDPOINT = os.environ["PERDURE_ENDPOINT"]
PORT = str(urllib.parse.urlsplit(ENDPOINT).port)
os.environ["DURABLE_EXECUTIONS_EXTERNAL_EMULATOR_PORT"] = PORT

from samcli.lib.utils.durable_callback_handler import DurableCallbackHandler  # noqa: E402
from samcli.local.docker.durable_functions_emulator_container import DurableFunctionsEmulatorContainer  # noqa: E402


class Container(http.server.BaseHTTPRequestHandler):
    """A function behind the route of the runtime interface emulator: it asks for an approval, and returns that."""

    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path == "/2015-03-31/functions/function/invocations", self.path
        answer = json.dumps(self.handle_event(event)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def handle_event(self, event):
        operations = event["InitialExecutionState"]["Operations"]
        callbacks = [o for o in operations if o["Type"] == "CALLBACK"]
        if callbacks and callbacks[0]["Status"] == "SUCCEEDED":
            answer = callbacks[0]["CallbackDetails"]["Result"]
            return {"Status": "SUCCEEDED", "Result": json.dumps([answer, operations[0]["ExecutionDetails"]["InputPayload"]])}
        if not callbacks:
            update = {"Id": "1", "Type": "CALLBACK", "Action": "START", "SubType": "Callback", "Name": "approval"}
            boto3.client("lambda", endpoint_url=f"http://localhost:{PORT}").checkpoint_durable_execution(
                DurableExecutionArn=event["DurableExecutionArn"], CheckpointToken=event["CheckpointToken"], Updates=[update]
            )
        return {"Status": "PENDING"}

    def log_message(self, *_):
        pass


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Container)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    emulator = DurableFunctionsEmulatorContainer()
    emulator.start_or_attach()
    config = {"ExecutionTimeout": 300, "RetentionPeriodInDays": 7}
    started = emulator.start_durable_execution(sys.argv[1], '{"id": 1}', f"http://localhost:{server.server_port}", config)
    arn, client = started["ExecutionArn"], emulator.lambda_client
    pause = threading.Event()
    callbacks = DurableCallbackHandler(client)
    while not (id := callbacks.check_for_pending_callbacks(arn)):
        pause.wait(0.05)
    client.send_callback_success(id, "yes")
    while (execution := client.get_durable_execution(arn))["Status"] == "RUNNING":
        pause.wait(0.05)
    print(json.dumps({"arn": arn, "status": execution["Status"], "result": execution.get("Result")}))


main()
