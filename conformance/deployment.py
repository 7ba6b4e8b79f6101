"""What runs under the names that the requirements invoke."""

import json
import pathlib
import subprocess
from dataclasses import dataclass, field

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


@dataclass
class Deployment:
    functions: dict  # name of a function -> its executable
    covers: dict  # id of a requirement -> name of the function that it invokes
    gaps: dict = field(default_factory=dict)  # id of a requirement without a function -> why


def build(directory, package):
    """Builds a command of this repository and returns its path."""
    binary = directory / pathlib.Path(package).name
    subprocess.run(["go", "build", "-o", binary, f"./{package}"], cwd=REPOSITORY, check=True)
    return binary


def go(directory):
    """The handlers in handlers/: one binary for all functions, which are called
    after the requirements; the others are targets of theirs."""
    binary = build(directory, "conformance/handlers")
    listing = json.loads(subprocess.check_output([binary, "list"]))
    return Deployment(
        functions={name: binary for name in listing["functions"]},
        covers={name: name for name in listing["functions"]},
        gaps=listing["gaps"],
    )
