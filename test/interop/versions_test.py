"""Published versions and aliases, as boto3 sees them."""

import json
import os
import unittest

from client import api, until

PLAIN = "go-add"


class Versions(unittest.TestCase):
    """On one function, so its parts follow each other in one check."""

    def test_from_publishing_to_deleting(self):
        first = api.publish_version(FunctionName=PLAIN, Description="first")
        self.assertEqual(first["ResponseMetadata"]["HTTPStatusCode"], 201)
        number = first["Version"]
        self.assertTrue(first["FunctionArn"].endswith(f":function:{PLAIN}:{number}"), first["FunctionArn"])
        again = api.publish_version(FunctionName=PLAIN)
        self.assertEqual(again["Version"], number, "nothing has changed, and yet there is a new version")
        with self.assertRaises(api.exceptions.InvalidParameterValueException):
            api.publish_version(FunctionName=PLAIN, CodeSha256="another")
        with self.assertRaises(api.exceptions.PreconditionFailedException):
            api.publish_version(FunctionName=PLAIN, RevisionId="another")

        latest = api.get_function(FunctionName=PLAIN)["Configuration"]
        fixed = api.get_function_configuration(FunctionName=PLAIN, Qualifier=number)
        self.assertEqual((fixed["State"], fixed["LastUpdateStatus"]), ("Active", "Successful"))
        self.assertEqual((fixed["Description"], latest["Version"]), ("first", "$LATEST"))
        for member in ("CodeSha256", "CodeSize", "Timeout", "Runtime", "Handler"):
            self.assertEqual(fixed[member], latest[member], member)
        self.assertTrue(api.get_waiter("published_version_active").wait(FunctionName=PLAIN, Qualifier=number) is None)

        pages = api.get_paginator("list_versions_by_function").paginate(FunctionName=PLAIN, PaginationConfig={"PageSize": 1})
        self.assertEqual([v["Version"] for page in pages for v in page["Versions"]], ["$LATEST", number])

        alias = api.create_alias(FunctionName=PLAIN, Name="live", FunctionVersion=number)
        with self.assertRaises(api.exceptions.ResourceConflictException):
            api.create_alias(FunctionName=PLAIN, Name="live", FunctionVersion=number)
        reply = api.invoke(FunctionName=f"{PLAIN}:live", Payload=json.dumps({"a": 1, "b": 2}))
        self.assertEqual(reply["ExecutedVersion"], number)
        moved = api.update_alias(FunctionName=PLAIN, Name="live", FunctionVersion="$LATEST", RevisionId=alias["RevisionId"])
        self.assertNotEqual(moved["RevisionId"], alias["RevisionId"])
        self.assertEqual(api.get_alias(FunctionName=PLAIN, Name="live")["FunctionVersion"], "$LATEST")
        self.assertEqual([a["Name"] for a in api.list_aliases(FunctionName=PLAIN)["Aliases"]], ["live"])
        reply = api.invoke(FunctionName=PLAIN, Qualifier="live", Payload=json.dumps({"a": 1, "b": 2}))
        self.assertEqual(reply["ExecutedVersion"], "$LATEST")
        api.update_alias(
            FunctionName=PLAIN, Name="live", FunctionVersion=number, RoutingConfig={"AdditionalVersionWeights": {}}
        )
        with self.assertRaises(api.exceptions.ResourceConflictException):
            api.delete_function(FunctionName=PLAIN, Qualifier=number)
        api.delete_alias(FunctionName=PLAIN, Name="live")
        with self.assertRaises(api.exceptions.ResourceNotFoundException):
            api.get_alias(FunctionName=PLAIN, Name="live")
        gone = api.delete_function(FunctionName=PLAIN, Qualifier=number)
        # In a fleet the other nodes are to hear of it first.
        self.assertEqual(gone["ResponseMetadata"]["HTTPStatusCode"], 202 if os.environ["STORE"] else 204)

        def is_gone():
            try:
                api.get_function(FunctionName=f"{PLAIN}:{number}")
            except api.exceptions.ResourceNotFoundException:
                return True

        until(is_gone)
