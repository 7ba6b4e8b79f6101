"""Several invocations in one process, in all languages whose runtime clients can."""

import concurrent.futures
import os
import re
import unittest
import urllib.request

from client import closed, result, start


def processes(function):
    """How many processes a function has."""
    with urllib.request.urlopen(os.environ["PERDURE_ENDPOINT"] + "/metrics") as reply:
        text = reply.read().decode()
    found = re.findall(rf'^perdure_function_processes\{{function="{function}",.*\}} (\d+)$', text, re.M)
    return sum(int(n) for n in found)


@unittest.skipUnless(os.environ["PER_PROCESS"], "for engines that let invocations share a process")
class SharedProcesses(unittest.TestCase):
    def share(self, language):
        places = int(os.environ["PER_PROCESS"])
        names = [f"Ann-{n}" for n in range(4 * places)]
        with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
            arns = list(pool.map(lambda name: start(f"{language}-step", {"name": name}), names))
            answers = list(pool.map(lambda arn: result(closed(arn)), arns))
        self.assertEqual(answers, [{"greeting": f"HELLO {name.upper()}"} for name in names])
        # One for each four, and some for clients that poll slowly at first.
        self.assertLess(processes(f"{language}-step"), len(names) / 2)

    def test_javascript(self):
        self.share("javascript")

    def test_python(self):
        self.share("python")
