"""Tests of what takes the place of a deployment to AWS."""

import pathlib
import tempfile
import unittest

import engine
import stack
import template

TEMPLATE = """
Globals:
  Function:
    Runtime: python3.13
    Environment: {Variables: {SHARED: both}}
Parameters:
  Endpoint: {Type: String, Default: ""}
Resources:
  Table: {Type: AWS::DynamoDB::Table}
  Echo:
    Type: AWS::Serverless::Function
    Properties: {Handler: echo.handler}
  Caller:
    Type: AWS::Serverless::Function
    TestingMetadata:
      TestDescription: ["5-1", "5-3"]
      NotImplemented: [{id: "5-8", reason: no tenants}]
    Properties:
      Handler: caller.handler
      Environment:
        Variables:
          SUB: !Sub "${Echo.Arn}:$LATEST"
          JOINED: !Join [":", [!GetAtt Echo.Arn, "$LATEST"]]
          NAME: !Ref Echo
          ENDPOINT: !Ref Endpoint
          NUMBER: 3
  Tabled:
    Type: AWS::Serverless::Function
    Properties:
      Handler: tabled.handler
      Environment: {Variables: {TABLE: !Ref Table}}
"""


class Templates(unittest.TestCase):
    def setUp(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "template.yaml")
            path.write_text(TEMPLATE)
            self.template = template.Template(path)
            self.covers = self.template.covers()
            self.gaps = self.template.not_implemented()

    def test_requirements(self):
        self.assertEqual(self.covers, {"5-1": "Caller", "5-3": "Caller"})
        self.assertEqual(self.gaps, {"5-8": "no tenants"})

    def test_functions_have_what_is_global(self):
        functions = self.template.functions()
        self.assertEqual(list(functions), ["Echo", "Caller", "Tabled"])
        self.assertEqual(functions["Echo"]["Runtime"], "python3.13")

    def test_environment(self):
        echo = "arn:aws:lambda:us-east-1:000000000000:function:Echo"
        self.assertEqual(
            self.template.environment(self.template.functions()["Caller"]),
            {
                "SHARED": "both",
                "SUB": echo + ":$LATEST",
                "JOINED": echo + ":$LATEST",
                "NAME": "Echo",
                "ENDPOINT": "",
                "NUMBER": "3",
            },
        )

    def test_what_only_aws_has_is_unavailable(self):
        with self.assertRaisesRegex(template.Unavailable, "AWS::DynamoDB::Table"):
            self.template.environment(self.template.functions()["Tabled"])


class Logs(unittest.TestCase):
    def test_lines_are_told_from_what_the_engine_says(self):
        self.assertEqual(engine.LINE.fullmatch('1-7 | {"a": " | "}\n').groups(), ("1-7", '{"a": " | "}'))
        self.assertIsNone(engine.LINE.fullmatch("perdure: ready: the Lambda API is on http://127.0.0.1:1\n"))

    def test_only_records_of_the_execution_are_found(self):
        output = engine.Output()
        output.add("f", '{"executionArn": "a", "message": "mine"}')
        output.add("f", '{"durableExecutionArn": "a", "message": "mine too"}')
        output.add("f", '{"executionArn": "b"}')
        output.add("f", '{"nested": {"executionArn": "a"}}')
        output.add("f", '"a"')
        output.add("f", "executionArn=a")
        output.add("g", '{"executionArn": "a"}')
        retriever = stack.LogRetriever(None, output)
        retriever.settle_seconds = 0
        events = retriever.get_execution_log_events(log_group_name="f", execution_arn="a", start_time_ms=0)
        self.assertEqual(len(events), 2)


if __name__ == "__main__":
    unittest.main()
