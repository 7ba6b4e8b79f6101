"""Stands in for the collector and the bucket in which AWS's OpenTelemetry
requirements find what functions exported.

Importing this module makes their package, which needs Python 3.14, importable.
"""

import gzip
import http.server
import io
import sys
import threading
import types


def stand_in_for_zstd():
    """compression.zstd is new in Python 3.14. What is stored here is not
    compressed."""
    zstd = types.ModuleType("compression.zstd")
    zstd.ZstdError = type("ZstdError", (Exception,), {})
    sys.modules.setdefault("compression", types.ModuleType("compression")).zstd = zstd
    sys.modules["compression.zstd"] = zstd


if sys.version_info < (3, 14):
    stand_in_for_zstd()

SERVICE = "durable-execution-conformance"

# The arguments of AWS's runner that say where to look, and for how long.
OPTIONS = ["--otel-backend-endpoint=s3://spans", f"--otel-service-name={SERVICE}"]
OPTIONS += ["--otel-poll-timeout=10", "--otel-poll-interval=0.5"]


class Collector:
    """Receives spans by OTLP over HTTP until the block ends, and shows them as
    the objects of an S3 bucket, to a reader of one."""

    def __init__(self):
        self.requests = []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                collector.receive(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def receive(self, http):
        body = http.rfile.read(int(http.headers["Content-Length"]))
        if http.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        kind = "json" if "json" in http.headers.get("Content-Type", "") else "binpb"
        if http.path == "/v1/traces":
            self.requests.append((kind, body))
        http.send_response(200)
        http.send_header("Content-Length", "0")
        http.end_headers()

    def list_objects_v2(self, **_):
        return {"Contents": [{"Key": f"{i}/traces_{i}.{kind}"} for i, (kind, _) in enumerate(list(self.requests))]}

    def get_object(self, Key, **_):
        return {"Body": io.BytesIO(self.requests[int(Key.split("/")[0])][1])}
