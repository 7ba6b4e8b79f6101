"""Runs AWS's conformance requirements for durable functions against Perdure.

The requirements, and the code that judges histories, results and logs by them,
are those of AWS's packages aws-durable-execution-conformance-tests, …-otel and
…-telemetry, unmodified. Ours is what takes the place of a deployment: see stack.py and
telemetry.py.
"""

import argparse
import copy
import concurrent.futures
import contextlib
import io
import os
import pathlib
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace

import telemetry  # before the packages of AWS
import aws_durable_execution_conformance_tests_telemetry.extension as records
from aws_durable_execution_conformance_tests import app, config, extensions, history, sam, validate

import deployment
import engine
import stack

TOTAL_SECONDS = 900


@dataclass
class Verdict:
    word: str  # passed, failed or skipped
    errors: list = field(default_factory=list)
    reason: str = ""


def requirements(registry, only, folders=()):
    """All of them, or those whose id or suite is in only, in their order."""
    found = registry.discover_requirements(["all"])
    for folder in folders:
        found |= further(registry, folder)
    found |= engines(found)
    return sorted((r for r in found.values() if not only or r.description_id in only or r.suite.name in only), key=order)


def further(registry, folder):
    """The requirements in a folder, by their id: files in a folder for each suite,
    as in AWS's package. Those of an id that the package has take its place."""
    found = {}
    for path in sorted(folder.glob("*/*.yaml")):
        name = path.parent.name
        suite = registry.suites.get(name) or extensions.RequirementSuite(name, path.parent)
        found[path.stem] = extensions.RequirementCase(path.stem, path, suite)
    if not found:
        raise SystemExit(f"there are no requirements in {folder}: it needs a folder for each suite, with files such as plugin/10-8.yaml")
    return found


def engines(found):
    """The requirements for records of executions once more: the engine makes
    records, too, which are judged as those of an SDK are."""
    own = [r for r in found.values() if r.suite.name == stack.TELEMETRY]
    return {id: replace(r, description_id=id) for r in own for id in [r.description_id + stack.OF_ENGINE]}


def order(requirement):
    """The suites that have a number come first, then those that have a name."""
    parts = re.split(r"(\d+)", requirement.description_id)
    return [(not part.isdigit(), int(part) if part.isdigit() else part) for part in parts if part]


def options(registry, histories):
    """The arguments of AWS's runner that its validators read."""
    parser = argparse.ArgumentParser()
    registry.add_arguments(parser)
    named = {"region": stack.REGION, "language": "go", "history_dir": histories}
    return parser.parse_args(telemetry.OPTIONS, argparse.Namespace(**named))


class Judge:
    """Judges one requirement at a time, by AWS's code."""

    def __init__(self, served, deployed, spans, options):
        self.deployed = deployed
        self.options = options
        cloudformation = stack.CloudFormation(deployed.functions)
        client = stack.lambda_client(served.endpoint)
        self.clients = {"lambda": client, "cloudformation": cloudformation, "logs": served.output, "s3": spans}
        self.invoker = sam.Invoker("perdure", stack.REGION, lambda_client=client, cfn_client=cloudformation)
        validate.CloudWatchLogRetriever = stack.LogRetriever
        records.CloudWatchLogRetriever = stack.RecordRetriever

    def judge(self, requirement):
        id, path = requirement.description_id, requirement.path
        function = self.deployed.covers.get(id)
        if function is None:
            return Verdict("skipped", reason=self.deployed.gaps.get(id, self.deployed.gap))
        histories = self.options.history_dir
        result = validate.validate_description(
            function, id, str(path), self.invoker, histories, stack.REGION, self.clients, histories
        )
        hook = requirement.suite.validation_hook
        if result.passed and hook:
            result = app._run_extension_validation(
                result=result, hook=hook, requirement_path=path, args=self.options_of(id), aws_clients=self.clients
            )
        return Verdict("passed" if result.passed else "failed", result.errors)


    def options_of(self, id):
        options = copy.copy(self.options)
        if id.endswith(stack.OF_ENGINE):
            options.telemetry_log_group += stack.OF_ENGINE
        return options


def judge_all(judge, wanted, workers, report):
    """Reports each verdict in the order of the requirements, and returns how
    many there were of each word."""
    deadline = time.monotonic() + TOTAL_SECONDS
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    pool = concurrent.futures.ThreadPoolExecutor(workers)
    for requirement, future in [(r, pool.submit(judge, r)) for r in wanted]:
        try:
            verdict = future.result(timeout=max(0, deadline - time.monotonic()))
        except TimeoutError:
            verdict = Verdict("failed", [f"all of it took longer than {TOTAL_SECONDS} seconds"])
        except Exception as e:
            verdict = Verdict("failed", [f"{type(e).__name__}: {e}"])
        counts[verdict.word] += 1
        report(requirement, verdict)
    pool.shutdown(wait=False, cancel_futures=True)
    return counts


def arguments():
    parser = argparse.ArgumentParser(description="Runs AWS's conformance requirements for durable functions against Perdure.")
    parser.add_argument("--only", nargs="+", metavar="ID", help="requirements, such as 1-17, or suites, such as step; all by default")
    parser.add_argument("--requirements", type=pathlib.Path, action="append", default=[], metavar="DIR", help="further requirements, in a folder for each suite; may be repeated, and the last file of an id counts")
    parser.add_argument("--sdk", choices=["go", "python"], default="go", help="the SDK of the handlers")
    parser.add_argument("--handlers", type=pathlib.Path, metavar="DIR", help="with --sdk python: the directory of other handlers' template.yaml")
    parser.add_argument("--interpreter", default=sys.executable, metavar="PATH", help="with --sdk python: a Python that has the SDK (this one)")
    parser.add_argument("--workers", type=int, default=4, metavar="N", help="how many requirements run at a time (4)")
    parser.add_argument("--store", metavar="URL", help="judge a fleet of two nodes over this PostgreSQL")
    parser.add_argument("--histories", type=pathlib.Path, metavar="DIR", help="keep the histories, and what the engine said, in DIR")
    args = parser.parse_args()
    if args.sdk != "python" and args.handlers:
        parser.error("--handlers is for --sdk python")
    return args


def main():
    args = arguments()
    registry = extensions.load_extensions(config.TESTS_DIR)
    wanted = requirements(registry, args.only, args.requirements)
    if not wanted:
        raise SystemExit(f"there is no requirement called {' '.join(args.only)}")
    with tempfile.TemporaryDirectory(prefix="conformance-") as tmp:
        histories = args.histories or pathlib.Path(tmp, "histories")
        histories.mkdir(parents=True, exist_ok=True)
        counts = run(args, wanted, pathlib.Path(tmp), options(registry, str(histories)))
    print(", ".join(f"{n} {word}" for word, n in counts.items()), flush=True)
    os._exit(counts["failed"] > 0)  # a requirement that hangs does not keep us


def deploy(args, tmp):
    if args.handlers:
        return deployment.declared_python(tmp, args.handlers)
    return deployment.python(tmp, args.interpreter) if args.sdk == "python" else deployment.go(tmp)


def run(args, wanted, tmp, options):
    deployed = deploy(args, tmp)
    perdure = deployment.build(tmp, "cmd/perdure")
    marks = tmp / "marks"
    marks.mkdir()
    options.telemetry_log_group = str(tmp / "records")
    with telemetry.Collector() as spans:
        env = {
            "CONFORMANCE_MARKS": marks,
            "TELEMETRY_LOG_GROUP_NAME": options.telemetry_log_group,
            "OTEL_EXPORTER_OTLP_ENDPOINT": spans.endpoint,
            "OTEL_SERVICE_NAME": telemetry.SERVICE,
        }
        told = [f"--telemetry={options.telemetry_log_group + stack.OF_ENGINE}", "--telemetry-format=by-name"]
        with engine.serve(perdure, tmp / "data", deployed.flags(env) + told, store=args.store) as served:
            judge = Judge(served, deployed, spans, options)
            report = reporter(sys.stdout)
            # AWS's code tells what it is doing.
            with contextlib.redirect_stdout(io.StringIO()):
                counts = judge_all(judge.judge, wanted, args.workers, report)
    pathlib.Path(options.history_dir, "engine.txt").write_text("".join(served.said))
    return counts


def reporter(console):
    """Returns what prints a verdict."""

    def report(requirement, verdict):
        description = history.load_yaml_file(requirement.path)["description"]
        reason = f" ({verdict.reason})" if verdict.reason else ""
        line = f"{verdict.word:7}  {requirement.description_id:19}  {requirement.suite.name:18}  {description}{reason}"
        print(line, *verdict.errors, sep=f"\n{'':9}", file=console, flush=True)

    return report


if __name__ == "__main__":
    main()
