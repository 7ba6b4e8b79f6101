"""Runs AWS's conformance requirements for durable functions against Perdure.

The requirements, and the code that judges histories, results and logs by them,
are those of AWS's package aws-durable-execution-conformance-tests, unmodified.
Ours is what takes the place of a deployment: see stack.py.
"""

import argparse
import concurrent.futures
import contextlib
import io
import os
import pathlib
import sys
import tempfile
import time
from dataclasses import dataclass, field

from aws_durable_execution_conformance_tests import config, history, sam, validate

import deployment
import engine
import stack

TOTAL_SECONDS = 900


@dataclass
class Requirement:
    id: str
    suite: str
    path: str
    description: str

    @property
    def order(self):
        suite, number = self.id.split("-")
        return int(suite), int(number)


@dataclass
class Verdict:
    word: str  # passed, failed or skipped
    errors: list = field(default_factory=list)
    reason: str = ""


def requirements(only):
    """All of them, or those whose id or suite is in only, in their order."""
    found = []
    for id, path in validate.discover_test_files(config.TESTS_DIR).items():
        suite = pathlib.Path(path).parent.name
        if not only or id in only or suite in only:
            found.append(Requirement(id, suite, path, history.load_yaml_file(path)["description"]))
    return sorted(found, key=lambda r: r.order)


class Judge:
    """Judges one requirement at a time, by AWS's code."""

    def __init__(self, served, deployed, histories):
        self.deployed = deployed
        self.histories = histories
        cloudformation = stack.CloudFormation(deployed.functions)
        client = stack.lambda_client(served.endpoint)
        self.clients = {"lambda": client, "cloudformation": cloudformation, "logs": served.output}
        self.invoker = sam.Invoker("perdure", stack.REGION, lambda_client=client, cfn_client=cloudformation)
        validate.CloudWatchLogRetriever = stack.LogRetriever

    def judge(self, requirement):
        function = self.deployed.covers.get(requirement.id)
        if function is None:
            return Verdict("skipped", reason=self.deployed.gaps.get(requirement.id, "no handler"))
        result = validate.validate_description(
            function,
            requirement.id,
            requirement.path,
            self.invoker,
            tmp_dir=self.histories,
            region=stack.REGION,
            aws_clients=self.clients,
            output_dir=self.histories,
        )
        return Verdict("passed" if result.passed else "failed", result.errors)


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
    parser.add_argument("--only", nargs="+", metavar="ID", help="requirements, such as 1-17, or suites, such as step")
    parser.add_argument("--sdk", choices=["go", "python"], default="go", help="the SDK of the handlers")
    parser.add_argument("--handlers", type=pathlib.Path, metavar="DIR", help="with --sdk python: the directory of their template.yaml")
    parser.add_argument("--workers", type=int, default=4, metavar="N", help="how many requirements run at a time (4)")
    parser.add_argument("--histories", type=pathlib.Path, metavar="DIR", help="keep the histories, and what the engine said, in DIR")
    args = parser.parse_args()
    if (args.sdk == "python") != (args.handlers is not None):
        parser.error("--sdk python and --handlers DIR go together")
    return args


def main():
    args = arguments()
    wanted = requirements(args.only)
    if not wanted:
        raise SystemExit(f"there is no requirement called {' '.join(args.only)}")
    with tempfile.TemporaryDirectory(prefix="conformance-") as tmp:
        histories = args.histories or pathlib.Path(tmp, "histories")
        histories.mkdir(parents=True, exist_ok=True)
        counts = run(args, wanted, pathlib.Path(tmp), str(histories))
    print(", ".join(f"{n} {word}" for word, n in counts.items()), flush=True)
    os._exit(counts["failed"] > 0)  # a requirement that hangs does not keep us


def run(args, wanted, tmp, histories):
    deployed = deployment.go(tmp) if args.sdk == "go" else deployment.python(tmp, args.handlers)
    perdure = deployment.build(tmp, "cmd/perdure")
    marks = tmp / "marks"
    marks.mkdir()
    console = sys.stdout

    def report(requirement, verdict):
        reason = f" ({verdict.reason})" if verdict.reason else ""
        line = f"{verdict.word:7}  {requirement.id:5}  {requirement.suite:18}  {requirement.description}{reason}"
        print(line, *verdict.errors, sep=f"\n{'':9}", file=console, flush=True)

    with engine.Engine(perdure, deployed.functions, str(tmp / "data"), {"CONFORMANCE_MARKS": marks}) as served:
        # AWS's code tells what it is doing.
        with contextlib.redirect_stdout(io.StringIO()):
            judge = Judge(served, deployed, histories)
            counts = judge_all(judge.judge, wanted, args.workers, report)
    pathlib.Path(histories, "engine.txt").write_text("".join(served.said))
    return counts


main()
