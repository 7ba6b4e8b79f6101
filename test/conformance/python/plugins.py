"""Plugins: the handlers of steps and waits, with one that tells what it hears."""

import datetime
import json
import sys

from aws_durable_execution_sdk_python import ParallelBranch, durable_execution
from aws_durable_execution_sdk_python.plugin import DurableInstrumentationPlugin

from batches import branches, parallel, results
from suite import NO_RETRY, RETRY_SOON, constant, failing_step, failing_times, functions, greeting, seconds, throw


class Watcher(DurableInstrumentationPlugin):
    """Writes what it hears as JSON lines on standard output. The requirements ask
    for lines of two kinds, in which the same things have other names; each line
    here has what both want, and leaves out what is not known."""

    def __init__(self, factory, info):
        self.factory, self.first, self.arn = factory, info.is_first_invocation, info.execution_arn

    def tell(self, hook, fields):
        line = {"plugin": self.factory.name, "hook": hook, "durableExecutionArn": self.arn}
        text = json.dumps(line | {name: value for name, value in fields.items() if value is not None}, default=str)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
        if self.factory.faulty:
            raise RuntimeError("this plugin always fails")

    def tell_of(self, hook, operation, fields=None):
        if self.factory.only(operation):
            self.tell(hook, self.operation(operation) | (fields or {}))

    def operation(self, op):
        parent = op.parent_id or ("NONE" if self.factory.none else None)
        return {
            "op": op.operation_id,
            "id": op.operation_id,
            "name": op.name,
            "type": op.operation_type.value,
            "subType": op.sub_type,
            "status": op.status.value,
            "parent": parent,
            "parentId": op.parent_id,
            "attempt": op.attempt,
            "n": op.attempt,
            "replay": op.is_replayed,
            "isReplay": op.is_replayed,
            "pending": op.end_time is None,
            "startTimestamp": iso(op.start_time),
            "endTimestamp": iso(op.end_time),
        }

    def outcome(self, op):
        absent = "NONE" if self.factory.none else None
        return {
            "result": absent if op.result is None else op.result,
            "error": op.error.message if op.error else absent,
        }

    def invocation(self, info):
        return {
            "first": info.is_first_invocation,
            "isFirstInvocation": info.is_first_invocation,
            "requestId": info.request_id,
            "operationsCount": len(info.operations),
            "executionStartTimestamp": iso(info.execution_start_time),
        }

    def on_invocation_start(self, info):
        for op in info.updated_operations.values():
            self.tell_of("updated-on-invoke", op, {"first": info.is_first_invocation})
        self.tell("invocation-start", self.invocation(info) | {"updatedOperationsCount": len(info.updated_operations)})

    def on_invocation_end(self, info):
        self.tell(
            "invocation-end",
            self.invocation(info)
            | {
                "status": info.status.value,
                "terminal": info.status.value in ("SUCCEEDED", "FAILED"),
                "executionError": info.error.message if info.error else None,
            },
        )

    def on_operation_start(self, info):
        self.tell_of("operation-start", info)

    def on_operation_change(self, info):
        for id, op in info.updated_operations.items():
            known = id in info.operations
            self.tell_of(
                "operation-change",
                op,
                self.outcome(op)
                | {
                    "executionArn": info.execution_arn,
                    "in_full_map": known,
                    "inFullMap": known,
                    "updatedOperationsCount": len(info.updated_operations),
                    "operationsCount": len(info.operations),
                },
            )

    def on_operation_end(self, info):
        self.tell_of("operation-end", info, self.outcome(info))

    def on_user_function_start(self, info):
        self.tell_of(run_of(info, "start"), info, {"isReplayingChildren": info.is_replay_children})

    def on_user_function_end(self, info):
        error = info.error.message if info.error else None
        fields = {"isReplayingChildren": info.is_replay_children, "outcome": info.outcome.value, "error": error}
        self.tell_of(run_of(info, "end"), info, fields)


def run_of(info, what):
    return ("fn-" if info.operation_type.value == "CONTEXT" else "attempt-") + what


def iso(time):
    return time.astimezone(datetime.UTC).isoformat() if time else None


class Watching:
    """Makes a Watcher for each invocation."""

    def __init__(self, only, name="CONFPLUGIN", faulty=False, none=False):
        self.only, self.name, self.faulty, self.none = only, name, faulty, none

    def create_plugin(self, info):
        return Watcher(self, info)


def any_operation(_):
    return True


def of_type(name):
    return lambda operation: operation.operation_type.value == name


def branches_only(operation):
    return operation.sub_type == "ParallelBranch"


STEPS, WAITS, CONTEXTS = of_type("STEP"), of_type("WAIT"), of_type("CONTEXT")


def watched(name, run, *factories):
    """Makes run(event, context) the function of that name, with plugins."""
    functions[name] = durable_execution(run, plugins=list(factories))


def greet(event, context):
    return context.step(lambda _: greeting(event), name="greet")


def logged_greeting(event, context):
    def greet(_):
        # The line comes where the plugin's do, so that they are in order.
        sys.stdout.write(json.dumps({"message": f"Greeting step running for: {event}", "executionArn": arn}) + "\n")
        return greeting(event)

    arn = context.execution_context.durable_execution_arn
    return context.step(greet, name="greet")


def wait(event, context):
    context.wait(seconds(2))


def flaky(event, context):
    return failing_times(context, 1, RETRY_SOON)


def stable_then_flaky(event, context):
    constant(context, "a", "done")
    return flaky(event, context)


def good_then_bad(event, context):
    constant(context, "a", "task-a")
    return context.step(lambda _: throw("boom"), name="b", config=NO_RETRY)


def two_waits(event, context):
    def waiting(name, duration):
        def run(branch):
            branch.wait(seconds(duration), name=name)
            return f"{name}-done"

        return run

    return parallel(context, "waits", [waiting("short", 2), waiting("long", 8)], concurrency=2).get_results()


def done(event, context):
    context.wait(seconds(2))
    return f"done-{event}"


def flaky_ok(event, context):
    def run(step):
        if step.attempt == 1:
            raise Exception("not yet")
        return "ok"

    return context.step(run, name="flaky", config=RETRY_SOON)


def wait_in_branch(event, context):
    def first(branch):
        constant(branch, "inner", "x")
        branch.wait(seconds(2))
        return "a-done"

    named = [ParallelBranch(first, name="branch-a"), ParallelBranch(lambda _: "b-done", name="branch-b")]
    return parallel(context, "ctx", named).get_results()


watched("10-1", logged_greeting, Watching(STEPS))
watched("10-2", greet, Watching(STEPS))
watched("10-3", flaky, Watching(STEPS))
watched("10-4", greet, Watching(STEPS, "CONFPLUGIN-FAULTY", faulty=True))
watched("10-5", greet, Watching(STEPS, "CONFPLUGIN-A"), Watching(STEPS, "CONFPLUGIN-B"))
watched("10-6", wait, Watching(STEPS))
watched("10-7", lambda event, context: failing_step(context), Watching(STEPS))
watched("10-8", greet, Watching(STEPS))
watched("10-9", wait, Watching(WAITS))
watched("10-10", wait, Watching(WAITS))
watched("10-11", lambda event, context: context.run_in_child_context(lambda inner: greet(event, inner), name="child"), Watching(any_operation, none=True))
watched("10-12", results("parallel", branches("task-1", "task-2")), Watching(branches_only, none=True))
watched("10-13", stable_then_flaky, Watching(STEPS))
watched("10-14", good_then_bad, Watching(STEPS, none=True))
watched("10-15", lambda event, context: failing_times(context, 2, RETRY_SOON), Watching(STEPS))
watched("10-16", wait, Watching(STEPS))
watched("10-17", greet, Watching(STEPS, "CONFPLUGIN-FAULTY", faulty=True), Watching(STEPS, "CONFPLUGIN-HEALTHY"))
watched("10-18", two_waits, Watching(WAITS))
watched("10-19", done, Watching(STEPS))
watched("10-20", lambda event, context: constant(context, "greet", "task-a"), Watching(STEPS))
watched("10-21", flaky_ok, Watching(STEPS))
watched("10-22", lambda event, context: constant(context, "greet", "task-a"), Watching(STEPS))
watched("10-23", wait_in_branch, Watching(CONTEXTS))
