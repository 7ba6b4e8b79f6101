"""Functions that are not durable."""


class Closed(Exception):
    pass


def add(event, context):
    return {"sum": event["a"] + event["b"], "by": "python"}


def fails(event, context):
    raise Closed("the shop is closed")


def environment(event, context):
    """What the runtime tells a function of itself."""
    return {
        "name": context.function_name,
        "version": context.function_version,
        "arn": context.invoked_function_arn,
        "memory": int(context.memory_limit_in_mb),
        "remaining": context.get_remaining_time_in_millis(),
        "request": context.aws_request_id,
    }
