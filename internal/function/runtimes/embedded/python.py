"""Starts awslambdaric, given a handler.

AWS_LAMBDA_RUNTIME_API is HOST:PORT/SECRET here. awslambdaric puts it before
its paths wherever it polls and answers, but gives it to http.client whole where
it reports a failed initialisation. So http.client learns what it means.
"""

import http.client
import os
import sys

task_root = os.environ["LAMBDA_TASK_ROOT"]
packages = os.environ.pop("PERDURE_PYTHON_RIC", "")
sys.path[0] = task_root  # in place of this file's directory
if packages:
    sys.path.append(packages)

address, _, secret = os.environ["AWS_LAMBDA_RUNTIME_API"].partition("/")


class RuntimeConnection(http.client.HTTPConnection):
    def __init__(self, host, *args, **kwargs):
        self._prefix = ""
        if host == address + "/" + secret:
            host, self._prefix = address, "/" + secret
        super().__init__(host, *args, **kwargs)

    def putrequest(self, method, url, *args, **kwargs):
        return super().putrequest(method, self._prefix + url, *args, **kwargs)


if secret:
    http.client.HTTPConnection = RuntimeConnection

from awslambdaric.__main__ import main  # noqa: E402

main(sys.argv)
