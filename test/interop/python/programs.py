"""One durable function for each kind of operation, with AWS's Python SDK.

../javascript/programs.mjs and ../golang are the same programs with other SDKs:
../programs_test.py expects the same result and the same history of each.
"""

import json
import os
import time

from aws_durable_execution_sdk_python import (
    BatchItemStatus,
    ParallelBranch,
    WithRetryConfig,
    durable_execution,
    with_retry,
)
from aws_durable_execution_sdk_python.config import (
    CallbackConfig,
    CompletionConfig,
    Duration,
    MapConfig,
    StepConfig,
    StepSemantics,
    WaitForCallbackConfig,
)
from aws_durable_execution_sdk_python.retries import RetryDecision
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig, WaitForConditionDecision


def seconds(n):
    return Duration.from_seconds(n)


def attempts(most):
    """Retries after a second, up to so many attempts."""
    return lambda error, attempt: RetryDecision(should_retry=attempt < most, delay=seconds(1))


ONCE = StepConfig(retry_strategy=attempts(1))


class CardDeclined(Exception):
    pass


def raise_(error):
    raise error


def told(error):
    """What of an error every SDK tells its user."""
    return error.message


@durable_execution
def step(event, context):
    greeting = context.step(lambda _: f"Hello {event['name']}", name="greet")
    loud = context.step(lambda _: greeting.upper(), name="shout")
    return {"greeting": loud}


@durable_execution
def step_retry(event, context):
    def flaky(step):
        if step.attempt < 3:
            raise Exception(f"attempt {step.attempt} failed")
        return step.attempt

    return {"attempt": context.step(flaky, name="flaky", config=StepConfig(retry_strategy=attempts(5)))}


@durable_execution
def step_failure(event, context):
    def charge(_):
        raise CardDeclined("the card was declined")

    if not event.get("catch"):
        return context.step(charge, name="charge", config=ONCE)
    try:
        return context.step(charge, name="charge", config=ONCE)
    except Exception as error:
        return {"caught": told(error)}


def die_once(marker):
    """Dies in the middle of its step, the first time."""
    if os.path.exists(marker):
        return
    open(marker, "w").close()
    os._exit(3)


@durable_execution
def at_least_once(event, context):
    def fragile(step):
        die_once(event["marker"])
        return step.attempt

    return {"attempt": context.step(fragile, name="fragile")}


@durable_execution
def at_most_once(event, context):
    def fragile(step):
        die_once(event["marker"])
        return step.attempt

    config = StepConfig(step_semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY, retry_strategy=attempts(3))
    return {"attempt": context.step(fragile, name="fragile", config=config)}


@durable_execution
def wait(event, context):
    before = context.step(lambda _: time.time(), name="before")
    context.wait(seconds(1), name="nap")
    after = context.step(lambda _: time.time(), name="after")
    return {"slept": after - before >= 1}


@durable_execution
def child(event, context):
    def order(inner):
        reserved = inner.step(lambda _: "R-1", name="reserve")
        inner.wait(seconds(1), name="packing")
        return inner.step(lambda _: f"{reserved} shipped", name="ship")

    def doomed(inner):
        inner.step(lambda _: raise_(Exception("out of stock")), name="refuse", config=ONCE)

    shipped = context.run_in_child_context(order, name="order")
    refused = None
    try:
        context.run_in_child_context(doomed, name="doomed")
    except Exception as error:
        refused = told(error)
    return {"order": shipped, "refused": refused}


@durable_execution
def map(event, context):
    def double(item, number, index, numbers):
        def compute(_):
            if number < 0:
                raise Exception(f"{number} is negative")
            return number * 2

        return item.step(compute, name="compute", config=ONCE)

    config = MapConfig(
        max_concurrency=1,
        completion_config=CompletionConfig(tolerated_failure_count=1),
        item_namer=lambda number, index: f"number-{index}",
    )
    batch = context.map(event["numbers"], double, name="double", config=config)
    return {"doubled": batch.get_results(), "failed": batch.failure_count}


@durable_execution
def parallel(event, context):
    def slow(branch):
        branch.wait(seconds(2), name="pause")
        return branch.step(lambda _: "R", name="right")

    batch = context.parallel(
        [
            ParallelBranch(lambda branch: branch.step(lambda _: "L", name="left"), name="quick"),
            ParallelBranch(slow, name="slow"),
        ],
        name="both",
    )
    return {"results": batch.get_results(), "all": batch.status is BatchItemStatus.SUCCEEDED}


@durable_execution
def callback(event, context):
    approval = context.create_callback(name="approval", config=CallbackConfig(timeout=seconds(600)))
    asked = context.step(lambda _: len(approval.callback_id) > 0, name="ask")
    try:
        return {"asked": asked, "answer": json.loads(approval.result())}
    except Exception as error:
        return {"asked": asked, "refused": told(error)}


@durable_execution
def wait_for_callback(event, context):
    def submit(callback_id, _):
        if event.get("submitter") == "fails":
            raise Exception("nobody to ask")

    config = WaitForCallbackConfig(
        timeout=seconds(event.get("timeout", 600)),
        heartbeat_timeout=seconds(event.get("heartbeat", 0)),
        retry_strategy=attempts(1),
    )
    try:
        return {"answer": json.loads(context.wait_for_callback(submit, name="approval", config=config))}
    except Exception as error:
        return {"kind": type(error).__name__}


@durable_execution
def wait_for_condition(event, context):
    def strategy(state, attempt):
        if state["polls"] < 3:
            return WaitForConditionDecision.continue_waiting(seconds(1))
        return WaitForConditionDecision.stop_polling()

    return context.wait_for_condition(
        lambda state, _: {"polls": state["polls"] + 1},
        config=WaitForConditionConfig(wait_strategy=strategy, initial_state={"polls": 0}),
        name="ready",
    )


@durable_execution
def invoke(event, context):
    try:
        return {"result": context.invoke(event["function"], event["payload"], name="call")}
    except Exception as error:
        return {"failed": told(error)}


@durable_execution
def large_child(event, context):
    """A child whose result is too large to record is rebuilt from its steps."""

    def library(inner):
        return "".join(inner.step(lambda _: str(i) * 100_000, name=f"part-{i}") for i in range(3))

    text = context.run_in_child_context(library, name="library")
    context.wait(seconds(1), name="nap")
    return {"length": len(text), "ends": text[-3:]}


@durable_execution
def large_state(event, context):
    """More state than one invocation's event can hold."""
    parts = 0
    for i in range(event["steps"]):
        parts += len(context.step(lambda _: str(i % 10) * event["size"], name=f"part-{i}"))
    context.wait(seconds(1), name="nap")
    return {"sum": parts}


@durable_execution
def large_result(event, context):
    return "x" * event["size"]


@durable_execution
def logs(event, context):
    context.logger.info("%s before the wait", event["mark"])
    context.step(lambda inner: inner.logger.info("%s in the step", event["mark"]), name="speak")
    context.wait(seconds(1), name="nap")
    context.logger.info("%s after the wait", event["mark"])


@durable_execution
def failure(event, context):
    raise CardDeclined("no operation at all")


@durable_execution
def retried_context(event, context):
    def book(inner, attempt):
        seat = inner.step(lambda _: f"seat {attempt}", name="seat")
        if attempt < 2:
            raise Exception("taken")
        return {"seat": seat}

    return with_retry(context, book, WithRetryConfig(retry_strategy=attempts(3)), name="booking")


@durable_execution
def chain(event, context):
    """Passes a list on to the functions of a route, each of which adds its mark."""
    mark = context.step(lambda _: "python", name="mark")
    trail = event["trail"] + [mark]
    if not event["route"]:
        return trail
    following, *route = event["route"]
    return context.invoke(following, {"route": route, "trail": trail}, name="pass-on") + [mark]
