"""Functions that invoke functions in other languages, durable and plain."""

import json
import os
import unittest

from client import api, call, closed, history, one, result, shape, start

LANGUAGES = ["go", "python", "javascript"] + (["rust"] if os.environ["RUST"] else [])


class Chain(unittest.TestCase):
    def test_through_all_languages_and_back(self):
        first, *others = LANGUAGES
        route = [f"{language}-chain:$LATEST" for language in others]
        arn = start(f"{first}-chain", {"route": route, "trail": []})
        self.assertEqual(result(closed(arn)), LANGUAGES + LANGUAGES[-2::-1])
        for callee in others:
            events = history(arn)
            self.assertEqual(shape(events)[:4], ["ExecutionStarted", "StepStarted mark", "StepSucceeded mark", "ChainedInvokeStarted pass-on"])
            arn = one(events, "ChainedInvokeStarted")["DurableExecutionArn"]
            self.assertIn(f":function:{callee}-chain:", arn)
            self.assertEqual(closed(arn)["Status"], "SUCCEEDED")

    def test_each_language_first(self):
        for i, first in enumerate(LANGUAGES):
            order = LANGUAGES[i:] + LANGUAGES[:i]
            with self.subTest(first):
                route = [f"{language}-chain:$LATEST" for language in order[1:]]
                reply = call(f"{first}-chain", {"route": route, "trail": []})
                self.assertEqual(reply["Answer"], order + order[-2::-1])


class Plain(unittest.TestCase):
    """Plain functions, called by a client."""

    def test_answers(self):
        for language in LANGUAGES:
            with self.subTest(language):
                reply = call(f"{language}-add", {"a": 1, "b": 2})
                self.assertEqual(reply["Answer"], {"sum": 3, "by": language})
                self.assertNotIn("DurableExecutionArn", reply)

    def test_errors(self):
        for language in LANGUAGES:
            with self.subTest(language):
                reply = call(f"{language}-fails", {})
                self.assertEqual((reply["StatusCode"], reply["FunctionError"]), (200, "Unhandled"))
                self.assertEqual(reply["Answer"]["errorMessage"], "the shop is closed")

    def test_an_event(self):
        reply = api.invoke(FunctionName="python-add", InvocationType="Event", Payload=b'{"a":1,"b":2}')
        self.assertEqual(reply["StatusCode"], 202)

    def test_what_a_function_is_told(self):
        for language in ("python", "javascript"):
            with self.subTest(language):
                name = f"{language}-environment"
                reply = call(name, {})
                told = reply["Answer"]
                self.assertEqual((told["name"], told["version"]), (name, "$LATEST"))
                self.assertRegex(told["arn"], rf"^arn:aws:lambda:us-east-1:\d{{12}}:function:{name}(:\$LATEST)?$")
                self.assertEqual(told["request"], reply["ResponseMetadata"]["RequestId"])
                self.assertGreater(told["memory"], 0)
                self.assertGreater(told["remaining"], 1000)
                json.dumps(told)
