"""Callbacks, chained invokes and conditions."""

import base64
import datetime
import json

from aws_durable_execution_sdk_python import CallbackError, InvokeError, WaitForConditionError
from aws_durable_execution_sdk_python.config import CallbackConfig, InvokeConfig, WaitForCallbackConfig
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig, WaitForConditionDecision

from suite import JSON, RETRY_SOON, UPPER_CASE, UPPER_CASE_JSON, Texts, constant, requirement, seconds, serve, slowly, throw


def create(context, name, **config):
    return context.create_callback(name=name, config=CallbackConfig(**config))


def awaiting(name=None, **config):
    return lambda event, context: create(context, name or event, **config).result()


serve("4-1", awaiting())
serve("4-2", awaiting("approval"))
serve("4-3", awaiting(timeout=seconds(5)))
serve("4-4", awaiting(heartbeat_timeout=seconds(5)))
serve("4-5", awaiting(heartbeat_timeout=seconds(10)))
serve("4-6", awaiting())


def step_then_await(**config):
    def run(event, context):
        callback = create(context, event, **config)
        constant(context, "step", callback.callback_id)
        return callback.result()

    return run


serve("4-7", step_then_await())
serve("4-8", step_then_await(timeout=seconds(5)))


def wait_then_await(duration, **config):
    def run(event, context):
        callback = create(context, event, **config)
        context.wait(seconds(duration))
        return callback.result()

    return run


serve("4-9", wait_then_await(5))
serve("4-10", wait_then_await(5))
serve("4-11", wait_then_await(6, timeout=seconds(3)))


@requirement("4-12")
def await_then_wait(event, context):
    result = create(context, event).result()
    context.wait(seconds(2))
    return result


def failure_then_wait(**config):
    def run(event, context):
        try:
            create(context, event, **config).result()
        except CallbackError as error:
            message = str(error)
        context.wait(seconds(2))
        return message

    return run


serve("4-13", failure_then_wait())
serve("4-14", failure_then_wait(timeout=seconds(3)))


def read_message(text):
    """A message whose timestamp becomes seconds since 1970."""
    message = json.loads(text)
    sent = datetime.datetime.fromisoformat(message["timestamp"].replace("Z", "+00:00"))
    return message | {"timestamp": int(sent.timestamp())}


@requirement("4-15")
def callback_of_message(event, context):
    return {"received": create(context, event, serdes=Texts(json.dumps, read_message)).result()}


@requirement("4-16")
def callback_of_number(event, context):
    count = create(context, event, serdes=Texts(str, int)).result()
    return {"count": count, "doubled": 2 * count}


serve("4-17", lambda event, context: [create(context, name).result() for name in event])


def two_callbacks(*order):
    def run(event, context):
        callbacks = [create(context, name) for name in event]
        results = {i: callbacks[i].result() for i in order}
        return [results[i] for i in range(len(event))]

    return run


serve("4-18", two_callbacks(0, 1))
serve("4-19", two_callbacks(1, 0))


ECHO, FAILING, TENANT = "echo:$LATEST", "failing:$LATEST", "tenant:$LATEST"

serve("echo", slowly(lambda event, context: event))
serve("failing", slowly(lambda event, context: throw("this function always fails")))


@requirement("tenant")
@slowly
def echo_for_tenant(event, context):
    if not context.lambda_context.tenant_id:
        raise Exception("invoked without a tenant")
    return event


for name in ("5-1", "5-3", "5-4"):
    serve(name, lambda event, context: context.invoke(ECHO, event))
serve("5-2", lambda event, context: context.invoke(ECHO, event["payload"], name=event["name"]))
serve("5-5", lambda event, context: context.invoke(FAILING, None))


@requirement("5-6")
def caught_invoke(event, context):
    try:
        context.invoke(FAILING, None)
    except InvokeError:
        return "fallback"


serve("5-7", lambda event, context: len(context.invoke(ECHO, "x" * 1_000_000)))
serve("5-8", lambda event, context: context.invoke(TENANT, event["payload"], config=InvokeConfig(tenant_id=event["tenantId"])))


@requirement("5-9")
def invoke_then_wait(event, context):
    result = context.invoke(ECHO, "cached")
    context.wait(seconds(1))
    return result


@requirement("5-10")
def failed_invoke_then_wait(event, context):
    try:
        context.invoke(FAILING, None)
    except InvokeError as error:
        message = str(error)
    context.wait(seconds(1))
    return message


serve("5-11", lambda event, context: context.invoke(ECHO, constant(context, "step", "from the step")))
serve("5-12", lambda event, context: constant(context, "step", context.invoke(ECHO, "from the invoke")))
serve(
    "5-13",
    lambda event, context: context.run_in_child_context(lambda inner: inner.invoke(ECHO, "from the child"), name="child"),
)
serve(
    "5-14",
    lambda event, context: context.invoke(ECHO, context.invoke(ECHO, "first", name="first"), name="second"),
)
serve("5-15", lambda event, context: context.invoke(ECHO, event, config=InvokeConfig(serdes_payload=UPPER_CASE_JSON)))
serve(
    "5-16",
    lambda event, context: context.invoke(ECHO, event, config=InvokeConfig(serdes_payload=JSON, serdes_result=UPPER_CASE)),
)


def condition(context, check, met, initial, name=None, delay=1, attempts=10, serdes=None):
    """Polls until met(state)."""

    def strategy(state, attempt):
        if met(state):
            return WaitForConditionDecision.stop_polling()
        if attempt >= attempts:
            raise WaitForConditionError(f"not met after {attempts} attempts")
        return WaitForConditionDecision.continue_waiting(seconds(delay))

    config = WaitForConditionConfig(wait_strategy=strategy, initial_state=initial, serdes=serdes)
    return context.wait_for_condition(lambda state, _: check(state), config, name=name)


def count(context, initial, limit, **more):
    """Adds one to the state with each check, until it reaches limit."""
    return condition(context, lambda n: n + 1, lambda n: n >= limit, initial, **more)


serve("6-1", lambda event, context: count(context, 0, event))
serve("6-2", lambda event, context: condition(context, lambda n: n, lambda n: n >= event, 5))
serve("6-3", lambda event, context: count(context, 0, 2, name="poll-status"))
serve("6-4", lambda event, context: count(context, 5, event))
serve("6-5", lambda event, context: count(context, 0, event, delay=2))
serve("6-6", lambda event, context: condition(context, lambda n: n + 1, lambda n: False, 0, attempts=3))


def failing_check(context):
    return condition(context, lambda _: throw("the check fails"), lambda _: False, "")


serve("6-7", lambda event, context: failing_check(context))


@requirement("6-8")
def recovered_check(event, context):
    try:
        failing_check(context)
    except WaitForConditionError:
        return "recovered"


@requirement("6-9")
def structured_state(event, context):
    def check(state):
        attempts = state["attempts"] + 1
        return {"status": "DONE" if attempts >= 2 else state["status"], "attempts": attempts}

    return condition(context, check, lambda state: state["status"] == "DONE", {"status": "PENDING", "attempts": 0})


serve("6-10", lambda event, context: condition(context, lambda _: None, lambda _: True, None))


@requirement("6-11")
def state_serdes(event, context):
    encoded = Texts(lambda s: base64.b64encode(s.encode()).decode(), lambda s: base64.b64decode(s).decode())
    return condition(context, lambda s: s + "x", lambda s: len(s) >= 2, "", serdes=encoded)


serve("6-12", lambda event, context: constant(context, "multiply", 10 * count(context, 0, event)))
serve("6-13", lambda event, context: count(context, count(context, 0, 2), 4))


def submit(callback_id, _):
    """Would give the id to who completes the callback; here that one finds it in
    the history."""


def wait_for_callback(context, name, submitter=submit, **config):
    return context.wait_for_callback(submitter, name=name, config=WaitForCallbackConfig(**config))


def waiting(**config):
    return lambda event, context: wait_for_callback(context, event, **config)


serve("7-1", waiting())
serve("7-2", lambda event, context: wait_for_callback(context, "approval"))
serve("7-3", lambda event, context: wait_for_callback(context, None))
serve("7-4", waiting())
serve("7-5", waiting(timeout=seconds(3)))


def recovering(answer, **config):
    def run(event, context):
        try:
            wait_for_callback(context, event, **config)
        except CallbackError:
            return answer

    return run


serve("7-6", recovering("recovered"))
serve(
    "7-7",
    lambda event, context: wait_for_callback(
        context, event, lambda *_: throw("the submitter always fails"), retry_strategy=RETRY_SOON.retry_strategy
    ),
)
serve(
    "7-8",
    lambda event, context: context.run_in_child_context(lambda inner: wait_for_callback(inner, event), name="wrapper"),
)


@requirement("7-9")
def two_callback_waits(event, context):
    wait_for_callback(context, "first")
    return wait_for_callback(context, "second")


@requirement("7-10")
def wait_step_callback(event, context):
    context.wait(seconds(1))
    constant(context, "step", "data")
    return wait_for_callback(context, event)


serve("7-11", lambda event, context: wait_for_callback(context, event, serdes=JSON)["status"])
serve("7-12", waiting(heartbeat_timeout=seconds(5)))
serve("7-13", waiting(heartbeat_timeout=seconds(10)))
serve("7-14", recovering("timed-out-handled", timeout=seconds(3)))
serve("7-15", waiting())
