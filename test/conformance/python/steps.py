"""Steps, waits and child contexts."""

import os
import time

from aws_durable_execution_sdk_python import ChildContextError
from aws_durable_execution_sdk_python.config import ChildConfig, Duration, StepConfig, StepSemantics

from suite import (
    NO_RETRY,
    RETRY_SOON,
    UPPER_CASE,
    constant,
    every,
    exponential,
    failing_step,
    failing_times,
    greeting,
    is_first,
    requirement,
    seconds,
    serve,
    throw,
)

serve("1-1", lambda event, context: constant(context, "greet", greeting(event)))
serve("1-2", lambda event, context: constant(context, "custom_step_name", greeting(event)))


@requirement("1-3")
def dependent_steps(event, context):
    first = constant(context, "first", "first")
    return constant(context, "second", first + "_second")


@requirement("1-4")
def complex_result(event, context):
    return constant(context, "build_response", {"user": event, "count": len(event["tags"])})


serve("1-5", lambda event, context: constant(context, "do_nothing", None))
serve("1-6", lambda event, context: context.step(lambda _: event, name="return_input", config=StepConfig(serdes=UPPER_CASE)))


@requirement("1-7")
def step_logger(event, context):
    def greet(step):
        step.logger.info(f"Greeting step started for: {event}")
        step.logger.info(f"Greeting step completed with: {greeting(event)}")
        return greeting(event)

    return context.step(greet, name="greet")


def step_then_wait(value, duration):
    def run(event, context):
        def compute(step):
            step.logger.info("step executed")
            return value

        result = context.step(compute, name="compute")
        context.wait(seconds(duration))
        return result

    return run


serve("1-8", step_then_wait("computed", 2))
serve("1-9", step_then_wait("cached_value", 1))


@requirement("1-10")
def failed_step_then_wait(event, context):
    try:
        failing_step(context)
    except Exception as error:
        message = str(error)
    context.wait(seconds(1))
    return message


serve("1-11", lambda event, context: failing_times(context, 1, RETRY_SOON))
serve("1-12", lambda event, context: failing_times(context, 4, StepConfig(retry_strategy=every(1, 4))))
serve("1-13", lambda event, context: failing_times(context, 2))
serve("1-14", lambda event, context: failing_times(context, 2, exponential(5, 2, 3)))


class TransientError(Exception):
    """The error that the retry strategies of 1-15 and 1-16 look for."""


def transient(retried):
    def attempt(step):
        if step.attempt == 1:
            raise TransientError("for a moment it does not work")
        return "done"

    config = exponential(3, 1, 1, retryable_error_types=[retried])
    return lambda event, context: context.step(attempt, name="transient", config=config)


serve("1-15", transient(TransientError))
serve("1-16", transient(KeyError))


def crashing(retry):
    def run(event, context):
        def crash(step):
            step.logger.info(f"running with {event}")
            if step.attempt == 1:
                time.sleep(0.1)  # the line is written by another thread
                os._exit(1)
            return "succeeded on second attempt"

        config = StepConfig(step_semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY, retry_strategy=retry.retry_strategy)
        return context.step(crash, name="at_most_once_flaky_step", config=config)

    return run


serve("1-17", crashing(NO_RETRY))
serve("1-18", crashing(RETRY_SOON))
serve("1-19", lambda event, context: failing_step(context))


@requirement("1-20")
def caught_error(event, context):
    try:
        return failing_step(context)
    except Exception:
        return constant(context, "fallback", "fallback_result")


serve("2-1", lambda event, context: context.wait(seconds(2)))
serve("2-2", lambda event, context: context.wait(seconds(2), name="custom_wait_name"))


@requirement("2-3")
def two_waits(event, context):
    context.wait(seconds(2), name="wait-1")
    context.wait(seconds(2), name="wait-2")
    return {"completedWaits": 2}


serve("2-4", lambda event, context: context.wait(Duration.from_minutes(1)))
serve("2-5", lambda event, context: context.wait(Duration.from_hours(1)))


def child(context, run, name="child", **config):
    return context.run_in_child_context(run, name=name, config=ChildConfig(**config) if config else None)


def child_with_step(context, value, name=None):
    return child(context, lambda inner: constant(inner, "step", value), name)


serve("3-1", lambda event, context: child_with_step(context, event))
serve("3-2", lambda event, context: child_with_step(context, event["value"], event["name"]))


@requirement("3-3")
def child_with_steps(event, context):
    return child(context, lambda inner: constant(inner, "second", constant(inner, "first", event)))


serve("3-4", lambda event, context: child(context, failing_step))


@requirement("3-5")
def caught_child(event, context):
    try:
        child(context, failing_step)
    except ChildContextError:
        return constant(context, "recover", event)


@requirement("3-6")
def nested_children(event, context):
    return child(context, lambda outer: child_with_step(outer, constant(outer, "outer step", event), "inner"), "outer")


@requirement("3-7")
def child_with_retry(event, context):
    def unreliable(step):
        return event if step.attempt > 1 else throw("not yet")

    return child(context, lambda inner: inner.step(unreliable, name="unreliable", config=RETRY_SOON))


serve("3-8", lambda event, context: child(context, lambda inner: failing_times(inner, 2, RETRY_SOON)))


@requirement("3-9")
def child_then_wait(event, context):
    result = child_with_step(context, event, "child")
    context.wait(seconds(1))
    return result


def child_with_wait(event, context):
    def run(inner):
        result = constant(inner, "step", event)
        inner.wait(seconds(1))
        return result

    return child(context, run)


serve("3-10", child_with_wait)


@requirement("3-11")
def large_child(event, context):
    def run(inner):
        inner.logger.info(f"child runs with {event}")
        print_always(inner, event)
        return constant(inner, "step", "x") * (300 << 10)

    large = child(context, run)
    context.wait(seconds(1))
    return len(large)


def print_always(context, event):
    """The requirement counts how often the child runs, in replays too, where
    this SDK's loggers keep quiet."""
    if context.is_replaying():
        context.logger.get_logger().info(
            f"child runs with {event}",
            extra={"executionArn": context.execution_context.durable_execution_arn},
        )


@requirement("3-12")
def interrupted_child(event, context):
    def step(_):
        if is_first(context):
            time.sleep(1)  # its START is recorded meanwhile
            os._exit(1)
        return event

    return child(context, lambda inner: inner.step(step, name="step"))


@requirement("3-13")
def wait_in_child_then_step(event, context):
    def run(inner):
        inner.wait(seconds(1))
        return event

    return constant(context, "outer step", child(context, run))


serve("3-14", lambda event, context: child(context, lambda inner: constant(inner, "step", event), serdes=UPPER_CASE))
serve("3-15", lambda event, context: child(context, lambda _: throw("the child fails by itself")))
serve("3-16", lambda event, context: child(context, lambda _: None))


@requirement("3-17")
def logging_child(event, context):
    def run(inner):
        inner.logger.info(f"child runs with {event}")
        return event

    result = child(context, run)
    context.wait(seconds(1))
    return result


@requirement("3-18")
def child_then_step_and_wait(event, context):
    result = constant(context, "outer step", child_with_wait(event, context))
    context.wait(seconds(1))
    return result


# Its record is the engine's.
serve("telemetry-1-engine", lambda event, context: constant(context, "increment", {"value": event["value"] + 1}))
