"""Runs everything in this directory against a real `perdure serve`.

Prints a line for each check, what went wrong below those that failed, and at
the end how many passed and failed.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import sys
import tempfile
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "conformance")]

import engine  # noqa: E402, of ../conformance
import functions  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description="Runs clients and functions in other languages against Perdure.")
    parser.add_argument("--modules", type=pathlib.Path, required=True, metavar="DIR", help="node_modules for javascript/package.json")
    parser.add_argument("--sam", required=True, metavar="PATH", help="the AWS SAM CLI")
    parser.add_argument("--rust", type=pathlib.Path, metavar="PATH", help="the functions of rust/, built; without it they are left out")
    parser.add_argument("--per-process", type=int, metavar="N", help="how many invocations share a process; the engine's default otherwise")
    parser.add_argument("--store", metavar="URL", help="run against a fleet of two nodes over this PostgreSQL")
    parser.add_argument("--only", nargs="+", metavar="WORD", default=[""], help="checks whose name has such a word in it")
    parser.add_argument("--workers", type=int, default=6, metavar="N", help="how many checks run at a time (6)")
    return parser.parse_args()


def checks(only):
    """All checks, but each in a suite of its own."""
    found, suites = [], [unittest.defaultTestLoader.discover(str(HERE), "*_test.py")]
    while suites:
        for test in suites.pop():
            (suites if isinstance(test, unittest.TestSuite) else found).append(test)
    return sorted((t for t in found if any(word in t.id() for word in only)), key=lambda t: t.id())


class Report:
    """Prints verdicts as they come."""

    def __init__(self):
        self.lock = threading.Lock()
        self.passed = self.failed = self.skipped = 0

    def run(self, test):
        result, begun = unittest.TestResult(), time.monotonic()
        test.run(result)
        took = time.monotonic() - begun
        failures = [trace for _, trace in result.failures + result.errors]
        with self.lock:
            word = "FAIL" if failures else "skip" if result.skipped else "ok"
            self.failed += word == "FAIL"
            self.skipped += word == "skip"
            self.passed += word == "ok"
            print(f"{word:4}  {test.id()}  ({took:.1f} s)")
            for trace in failures:
                print("      " + trace.rstrip().replace("\n", "\n      "))
            sys.stdout.flush()


def main():
    args = arguments()
    with tempfile.TemporaryDirectory(prefix="interop-") as tmp:
        report = run(args, pathlib.Path(tmp))
    skipped = f", {report.skipped} skipped" if report.skipped else ""
    print(f"{report.passed} passed, {report.failed} failed{skipped}", flush=True)
    sys.exit(report.failed > 0 or report.passed == 0)


def run(args, tmp):
    serving = functions.flags(tmp, args.modules.absolute(), args.rust and args.rust.absolute())
    if args.per_process:
        serving.append(f"--per-process={args.per_process}")
    if not args.store:  # the emulator that SAM expects is for one engine
        serving.append("--sam")
    perdure = functions.build(tmp, "cmd/perdure")
    report = Report()
    log = tmp / "output"
    with engine.serve(perdure, tmp / "data", serving, log, args.store) as served:
        os.environ |= {
            "PERDURE_ENDPOINT": served.endpoint,
            "PERDURE_OUTPUT": str(log),
            # For checks that have an engine of their own.
            "PERDURE": str(perdure),
            "PERDURE_FLAGS": json.dumps([str(flag) for flag in serving]),
            "SAM": args.sam,
            "STORE": args.store or "",
            "RUST": "yes" if args.rust else "",
            "PER_PROCESS": str(args.per_process or ""),
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
        }
        with concurrent.futures.ThreadPoolExecutor(args.workers) as pool:
            list(pool.map(report.run, checks(args.only)))
    for line in served.said:
        if line.startswith("perdure:") and "ready" not in line and "stopping" not in line:
            print(f"engine: {line.rstrip()}")
    return report


if __name__ == "__main__":
    main()
