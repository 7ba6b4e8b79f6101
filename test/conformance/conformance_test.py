"""Tests of what takes the place of a deployment to AWS."""

import gzip
import pathlib
import tempfile
import types
import unittest
import urllib.request

import telemetry  # before the packages of AWS
from aws_durable_execution_conformance_tests import extensions

import engine
import run
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


class Records(unittest.TestCase):
    def test_only_whole_lines_of_the_execution_are_found(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "records")
            self.assertEqual(stack.records(path, "a"), [])
            path.write_text('{"executionArn": "b"}\n{"executionArn": "a", "n": 1}\n{"executionArn": "a"}')
            self.assertEqual([e["message"] for e in stack.records(path, "a")], ['{"executionArn": "a", "n": 1}\n'])

    def test_the_engine_is_judged_by_the_same_requirements(self):
        suite = types.SimpleNamespace(name="telemetry")
        case = run.extensions.RequirementCase("telemetry-1", pathlib.Path("telemetry-1.yaml"), suite)
        other = run.extensions.RequirementCase("1-1", pathlib.Path("1-1.yaml"), types.SimpleNamespace(name="step"))
        twins = run.engines({"telemetry-1": case, "1-1": other})
        self.assertEqual([(id, r.path, r.suite) for id, r in twins.items()], [("telemetry-1-engine", case.path, suite)])


class Telemetry(unittest.TestCase):
    def test_exported_spans_are_objects(self):
        with telemetry.Collector() as spans:
            self.export(spans, "/v1/traces", b"plain", {"Content-Type": "application/json"})
            self.export(spans, "/v1/traces", gzip.compress(b"packed"), {"Content-Encoding": "gzip"})
            self.export(spans, "/v1/metrics", b"other", {})
            keys = [o["Key"] for o in spans.list_objects_v2(Bucket="spans")["Contents"]]
            self.assertEqual(keys, ["0/traces_0.json", "1/traces_1.binpb"])
            contents = [spans.get_object(Bucket="spans", Key=key)["Body"].read() for key in keys]
            self.assertEqual(contents, [b"plain", b"packed"])

    def export(self, spans, path, body, headers):
        headers = {"Content-Type": "application/x-protobuf"} | headers
        urllib.request.urlopen(urllib.request.Request(spans.endpoint + path, body, headers)).close()


class Further(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        self.registry = extensions.load_extensions(self.write("package", "map/9-1", "map/9-13", "step/1-1"), entry_points=[])

    def write(self, name, *files):
        for file in files:
            path = self.root / name / f"{file}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("description: it\n")
        return self.root / name

    def found(self, only, *folders):
        return [
            (r.description_id, r.suite.name, str(r.path.relative_to(self.root).parts[0]))
            for r in run.requirements(self.registry, only, folders)
        ]

    def test_they_add_and_replace(self):
        first, second = self.write("first", "map/9-13", "new/20-1"), self.write("second", "map/9-13", "map/9-14")
        self.assertEqual(
            self.found([], first, second),
            [
                ("1-1", "step", "package"),
                ("9-1", "map", "package"),
                ("9-13", "map", "second"),
                ("9-14", "map", "second"),
                ("20-1", "new", "first"),
            ],
        )
        self.assertEqual(self.found(["new", "9-13"], first), [("9-13", "map", "first"), ("20-1", "new", "first")])

    def test_a_folder_without_any_is_refused(self):
        with self.assertRaisesRegex(SystemExit, "there are no requirements in .*absent"):
            self.found([], self.root / "absent")


class Order(unittest.TestCase):
    def test_numbers_are_in_order_and_names_come_last(self):
        ids = ["otel-execution-2", "10-1", "2-10", "otel-execution-10", "2-9"]
        ids.sort(key=lambda id: run.order(types.SimpleNamespace(description_id=id)))
        self.assertEqual(ids, ["2-9", "2-10", "10-1", "otel-execution-2", "otel-execution-10"])


if __name__ == "__main__":
    unittest.main()
