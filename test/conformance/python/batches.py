"""Parallel and map."""

import json

from aws_durable_execution_sdk_python import BatchResult, ParallelBranch
from aws_durable_execution_sdk_python.concurrency.models import BatchItem, CompletionReason
from aws_durable_execution_sdk_python.config import (
    BatchItemStatus,
    CompletionConfig,
    MapConfig,
    NestingType,
    ParallelConfig,
)

from suite import Texts, constant, greeting, requirement, seconds, serve

FAILS = "!"  # for a branch or an item that fails in place of returning a text

ALL = ("completionReason", "status", "successCount", "failureCount", "totalCount")
BOTH = ("completionReason", "successCount", "failureCount", "totalCount")
SUCCESS = ("completionReason", "successCount", "totalCount")


def or_fail(text):
    if text == FAILS:
        raise Exception("this one always fails")
    return text


def project(batch, names):
    """What the requirements want to know of a batch."""
    known = {
        "completionReason": batch.completion_reason.value,
        "status": batch.status.value,
        "successCount": batch.success_count,
        "failureCount": batch.failure_count,
        "totalCount": batch.total_count,
        "hasFailure": batch.has_failure,
        "errorCount": len(batch.get_errors()),
    }
    return {name: known[name] for name in names}


def completion(**thresholds):
    return {"completion_config": CompletionConfig(**thresholds)}


def tolerated(count):
    return completion(tolerated_failure_count=count)


def branches(*texts):
    return [lambda _, text=text: or_fail(text) for text in texts]


def branches_with_step(*texts):
    return [lambda branch, text=text: constant(branch, "step", text) for text in texts]


def parallel(context, name, functions, concurrency=1, **config):
    return context.parallel(functions, name=name, config=ParallelConfig(max_concurrency=concurrency, **config))


def results(name, functions, **config):
    return lambda event, context: parallel(context, name, functions, **config).get_results()


def projected(name, names, functions, **config):
    return lambda event, context: project(parallel(context, name, functions, **config), names)


serve("8-1", results("parallel", branches_with_step("task-1", "task-2")))
serve("8-2", results(None, branches("alpha", "beta")))
serve(
    "8-3", results("named", [ParallelBranch(f, name=n) for f, n in zip(branches("one", "two"), ("first", "second"))])
)
serve("8-4", results("hetero", [lambda _: "hello", lambda _: 42, lambda _: {"k": "v"}]))
serve("8-5", results("empty", [], concurrency=None))
serve("8-6", projected("failfast", ALL, branches("ok", FAILS, "ok"), **tolerated(0)))


@requirement("8-7")
def rethrowing_parallel(event, context):
    parallel(context, "throwing", branches(FAILS, "b"), **tolerated(0)).throw_if_error()


serve("8-8", projected("min-successful", SUCCESS, branches("a", "b", "c", "d"), **completion(min_successful=2)))
serve("8-9", projected("tolerated", ALL, branches("a", FAILS, "c"), **tolerated(1)))
serve("8-10", projected("tolerated-exceeded", BOTH, branches(FAILS, FAILS, "c"), **tolerated(1)))
serve("8-11", results("concurrent", branches("r0", "r1", "r2"), concurrency=2))
serve("8-12", results("flat", branches_with_step("fa", "fb"), nesting_type=NestingType.FLAT))
QUARTER = completion(tolerated_failure_percentage=25)
serve("8-13", projected("tolerated-pct", BOTH, branches(FAILS, FAILS, "c", "d"), **QUARTER))


def wait_and(text, duration):
    def branch(context):
        context.wait(seconds(duration))
        return text

    return branch


serve("8-14", results("replay", [*branches_with_step("b0"), wait_and("b1", 2)]))
WRAPPED = Texts(lambda value: json.dumps({"wrapped": value}), lambda text: json.loads(text)["wrapped"])
serve("8-15", results("serde", branches("x", "y"), item_serdes=WRAPPED))
serve("8-16", projected("all-fail", ALL, branches(FAILS, FAILS, FAILS), **tolerated(3)))
serve("8-17", projected("min-not-reached", ALL, branches("a", FAILS, "c"), **completion(min_successful=3)))
COMBINED = completion(min_successful=3, tolerated_failure_count=1)
serve("8-18", projected("combined", BOTH, branches(FAILS, FAILS, "c", "d"), **COMBINED))
serve("8-19", results("bad-concurrency", branches("a", "b"), concurrency=0))
ACCESSORS = ("hasFailure", "successCount", "failureCount", "errorCount")
serve("8-20", projected("accessors", ACCESSORS, branches("a", FAILS, "c"), **tolerated(1)))


@requirement("8-21")
def nested_parallel(event, context):
    inner = [lambda branch: parallel(branch, "inner", branches_with_step("i1", "i2")).get_results()]
    return parallel(context, "outer", inner).get_results()


serve("8-22", projected("pct-boundary", ALL, branches(FAILS, "b", "c", "d"), **QUARTER))


def mapping(context, name, items, run, concurrency=1, **config):
    def item(inner, value, index, _):
        return run(inner, value, index)

    return context.map(items, item, name=name, config=MapConfig(max_concurrency=concurrency, **config))


def itself(_, text, __):
    return or_fail(text)


def upper(_, text, __):
    return text.upper()


def greet(context, name, _):
    return constant(context, "greet", greeting(name))


def mapped(name, items, run, **config):
    """items None is the event."""
    return lambda event, context: mapping(context, name, event if items is None else items, run, **config).get_results()


def projected_map(name, names, items, **config):
    return lambda event, context: project(mapping(context, name, items, itself, **config), names)


serve("9-1", mapped("map", None, greet))
serve("9-2", mapped(None, None, lambda _, n, __: 2 * n))
serve("9-3", mapped("indexed", None, lambda _, n, i: n + i))
serve("9-4", mapped("empty", None, greet, concurrency=None))
serve("9-5", projected_map("failfast", ALL, ["ok", FAILS, "ok"], **tolerated(0)))


@requirement("9-6")
def rethrowing_map(event, context):
    mapping(context, "throwing", [FAILS, "b"], itself, **tolerated(0)).throw_if_error()


serve("9-7", projected_map("min-successful", SUCCESS, ["a", "b", "c", "d"], **completion(min_successful=2)))
serve("9-8", projected_map("tolerated", ALL, ["a", FAILS, "c"], **tolerated(1)))
serve("9-9", projected_map("tolerated-exceeded", BOTH, [FAILS, FAILS, "c"], **tolerated(1)))
serve("9-10", projected_map("tolerated-pct", BOTH, [FAILS, FAILS, "c", "d"], **QUARTER))
serve("9-11", mapped("concurrent", ["r0", "r1", "r2"], itself, concurrency=2))
serve(
    "9-12",
    mapped("flat", ["fa", "fb"], lambda item, text, _: constant(item, "step", text), nesting_type=NestingType.FLAT),
)
serve("9-13", mapped("named-items", None, lambda _, n, __: 10 * n, item_namer=lambda n, _: f"item-{n}"))
PREFIXED = Texts(lambda text: "wrapped:" + text, lambda text: text.removeprefix("wrapped:"))
serve("9-14", mapped("serdes", ["x", "y"], upper, item_serdes=PREFIXED))


@requirement("9-15")
def wait_in_item(event, context):
    def run(item, text, index):
        if index == 1:
            item.wait(seconds(1))
        return constant(item, "step", text)

    return mapping(context, "suspend", ["r0", "r1"], run).get_results()


@requirement("9-16")
def large_map(event, context):
    batch = mapping(context, "large", list("abcd"), lambda _, text, __: text * (70 << 10))
    return project(batch, ("successCount", "totalCount"))


def map_then_wait(name, items, **config):
    def run(event, context):
        batch = mapping(context, name, items, upper, **config)
        context.wait(seconds(1))
        return batch.get_results()

    return run


serve("9-17", map_then_wait("then-wait", ["a", "b"]))


@requirement("9-18")
def failures_then_wait(event, context):
    batch = mapping(context, "fail-then-wait", ["ok", FAILS], itself, **tolerated(1))
    context.wait(seconds(1))
    return project(batch, ALL)


def write_joined(batch):
    return "OPSERDE:" + ",".join(batch.get_results())


def read_joined(text):
    texts = text.removeprefix("OPSERDE:").split(",")
    items = [BatchItem(index=i, status=BatchItemStatus.SUCCEEDED, result=t) for i, t in enumerate(texts)]
    return BatchResult(all=items, completion_reason=CompletionReason.ALL_COMPLETED)


# The operation's serdes alone would serve the items as well.
JOINED = {
    "serdes": Texts(write_joined, read_joined),
    "item_serdes": Texts(json.dumps, json.loads),
}
serve("9-19", mapped("op-serde", ["x", "y"], upper, **JOINED))
serve("9-20", map_then_wait("op-serde-replay", ["x", "y"], **JOINED))
