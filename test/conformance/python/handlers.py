"""The functions that AWS's conformance requirements for durable functions
invoke, with AWS's Python SDK: they judge the engine apart from our SDK.

    python -m awslambdaric handlers.handler    serve as the function that AWS_LAMBDA_FUNCTION_NAME names
    python handlers.py                         print the names of all functions
"""

import json
import os

import batches  # noqa: F401
import callbacks  # noqa: F401
import plugins  # noqa: F401
import steps  # noqa: F401
from suite import functions


def handler(event, context):
    return functions[os.environ["AWS_LAMBDA_FUNCTION_NAME"]](event, context)


if __name__ == "__main__":
    print(json.dumps(sorted(functions)))
