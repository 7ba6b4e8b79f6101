"""The registry of the handlers, and what many of them do."""

import json
import os
import time

from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python.config import Duration, StepConfig
from aws_durable_execution_sdk_python.retries import RetryDecision, RetryStrategyConfig, create_retry_strategy
from aws_durable_execution_sdk_python.config import JitterStrategy
from aws_durable_execution_sdk_python.serdes import SerDes

functions = {}


def serve(name, run):
    """Makes run(event, context) the function of that name."""
    functions[name] = durable_execution(run)


def requirement(name):
    def register(run):
        serve(name, run)
        return run

    return register


def seconds(n):
    return Duration.from_seconds(n)


def every(delay, attempts):
    """Retries after so many seconds, up to so many attempts."""
    return lambda error, attempt: RetryDecision(should_retry=attempt < attempts, delay=seconds(delay))


NO_RETRY = StepConfig(retry_strategy=every(1, 1))
RETRY_SOON = StepConfig(retry_strategy=every(1, 2))


def exponential(attempts, delay, rate, **more):
    config = RetryStrategyConfig(
        max_attempts=attempts,
        initial_delay=seconds(delay),
        backoff_rate=rate,
        jitter_strategy=JitterStrategy.NONE,
        **more,
    )
    return StepConfig(retry_strategy=create_retry_strategy(config))


def constant(context, name, value):
    """A step that returns value."""
    return context.step(lambda _: value, name=name)


def greeting(name):
    return f"Hello, {name}!"


def throw(message):
    raise Exception(message)


def failing_step(context):
    """A step that fails for good."""

    def fail(step):
        step.logger.info("step executed")
        raise Exception("this step always fails")

    return context.step(fail, name="fail", config=NO_RETRY)


def failing_times(context, times, config=None):
    """A step whose first attempts fail."""

    def unreliable(step):
        if step.attempt <= times:
            raise Exception("not yet")
        return "Operation succeeded"

    return context.step(unreliable, name="unreliable", config=config)


def is_first(context):
    """Whether it is called for the first time in an execution, whichever process
    it is called in."""
    name = context.execution_context.durable_execution_arn.split("/")[-1]
    try:
        open(os.path.join(os.environ["CONFORMANCE_MARKS"], "python-" + name), "x").close()
    except FileExistsError:
        return False
    return True


def slowly(run):
    """A target of invokes: the requirements have the caller's invocation end
    before the target's."""

    def target(event, context):
        time.sleep(0.3)
        return run(event, context)

    return target


class Texts(SerDes):
    """Makes texts of values, and values of texts, with two functions."""

    def __init__(self, write, read):
        self.write, self.read = write, read

    def serialize(self, value, _):
        return self.write(value)

    def deserialize(self, data, _):
        return self.read(data)


UPPER_CASE = Texts(str.upper, str.upper)
UPPER_CASE_JSON = Texts(lambda value: json.dumps(value).upper(), json.loads)
JSON = Texts(json.dumps, json.loads)
