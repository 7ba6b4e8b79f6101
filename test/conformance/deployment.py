"""What runs under the names that the requirements invoke."""

import json
import pathlib
import shlex
import subprocess
import sys
from dataclasses import dataclass, field

import template

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent


@dataclass
class Deployment:
    functions: dict  # name of a function -> its executable
    covers: dict  # id of a requirement -> name of the function that it invokes
    gaps: dict = field(default_factory=dict)  # id of a requirement without a function -> why
    gap: str = "no handler"  # why the others have none
    execution_timeouts: dict = field(default_factory=dict)  # name of a function -> what perdure understands

    def flags(self, env):
        """What `perdure serve` is given."""
        return (
            [f"--function={name}={path}" for name, path in self.functions.items()]
            + [f"--execution-timeout-of={name}={limit}" for name, limit in self.execution_timeouts.items()]
            + [f"--env={name}={value}" for name, value in env.items()]
        )


def build(directory, package):
    """Builds a command of this repository and returns its path."""
    binary = directory / pathlib.Path(package).name
    subprocess.run(["go", "build", "-o", binary, f"./{package}"], cwd=REPOSITORY, check=True)
    return binary


def go(directory):
    """The handlers in handlers/: one binary for all functions, which are called
    after the requirements; the others are targets of theirs."""
    binary = build(directory, "test/conformance/handlers")
    listing = json.loads(subprocess.check_output([binary, "list"]))
    return Deployment(
        functions={name: binary for name in listing["functions"]},
        covers={name: name for name in listing["functions"]},
        execution_timeouts=listing["executionTimeouts"],
    )


def python(directory, interpreter):
    """The handlers in python/, called as those in Go are, run by AWS's Python
    runtime in an interpreter that has it and AWS's SDK."""
    handlers = REPOSITORY / "test" / "conformance" / "python"
    names = json.loads(subprocess.check_output([interpreter, "-B", handlers / "handlers.py"]))
    executable = script(directory, "handlers", {}, handlers, interpreter, "handlers.handler")
    return Deployment(
        functions=dict.fromkeys(names, executable),
        covers={name: name for name in names},
        gap="it judges what an SDK exports, not the engine",
    )


def declared_python(directory, handlers):
    """The handlers that handlers/template.yaml declares, run by AWS's Python
    runtime in this interpreter."""
    declared = template.Template(handlers / "template.yaml")
    covers, gaps, functions, timeouts = declared.covers(), declared.not_implemented(), {}, {}
    for name, properties in declared.functions().items():
        try:
            functions[name] = python_function(directory, handlers, declared, name, properties)
        except template.Unavailable as e:
            gaps |= {id: str(e) for id, function in covers.items() if function == name}
            continue
        if timeout := properties.get("DurableConfig", {}).get("ExecutionTimeout"):
            timeouts[name] = f"{timeout}s"
    covers = {id: function for id, function in covers.items() if function in functions}
    return Deployment(functions, covers, gaps, timeouts)


def python_function(directory, handlers, declared, name, properties):
    """Writes the executable of one function and returns its path."""
    code = (handlers / properties.get("CodeUri", ".")).resolve()
    return script(directory, name, declared.environment(properties), code, sys.executable, properties["Handler"])


def script(directory, name, environment, code, interpreter, handler):
    """Writes an executable that runs a handler under AWS's Python runtime."""
    environment = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"} | environment
    executable = directory / name
    executable.write_text(
        "#!/bin/sh\n"
        + "".join(f"export {variable}={shlex.quote(value)}\n" for variable, value in environment.items())
        + f"cd {shlex.quote(str(code))}\n"
        + f"exec {shlex.quote(str(interpreter))} -B -m awslambdaric {shlex.quote(handler)}\n"
    )
    executable.chmod(0o755)
    return executable
