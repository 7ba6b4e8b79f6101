"""Which functions the engine serves."""

import ast
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent

LOGS = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}


def build(directory, package):
    """Builds a command of this repository and returns its path."""
    binary = directory / pathlib.Path(package).name
    subprocess.run(["go", "build", "-o", binary, f"./{package}"], cwd=REPOSITORY, check=True)
    return binary


def flags(directory, modules, rust=None):
    """What `perdure serve` is given for all functions. Files are made in directory."""
    javascript = project(directory / "javascript", modules)
    # Without AWS's runtime client the engine brings one of its own.
    plainer = project(directory / "node", modules, without="aws-lambda-ric")
    python = HERE / "python"
    golang = build(directory, "test/interop/golang")
    return [
        *function("order", build(directory, "examples/order")),
        *function("approval", approval(directory)),
        *function("go-chain", golang),
        *function("go-add", golang, plain=True),
        *function("go-fails", golang, plain=True),
        *exported("javascript", javascript, "programs.mjs"),
        *exported("javascript", javascript, "plain.mjs", plain=True),
        *exported("node", plainer, "programs.mjs"),
        *exported("node", plainer, "plain.mjs", plain=True),
        *handlers("python", python, "programs.py"),
        *handlers("python", python, "plain.py", plain=True),
        *handlers("python", python, "puppet.py"),
        *([] if rust is None else compiled("rust", rust)),
        *[f"--env={name}={value}" for name, value in LOGS.items()],
    ]


def function(name, path, handler=None, plain=False):
    return (
        [f"--function={name}={path}"]
        + ([f"--handler={name}={handler}"] if handler else [])
        + ([f"--plain={name}"] if plain else [])
    )


def project(directory, modules, without=None):
    """Makes a Node.js project of javascript/, with installed modules but for one."""
    (directory / "node_modules").mkdir(parents=True)
    for source in (HERE / "javascript").glob("*.mjs"):
        shutil.copy(source, directory)
    for module in modules.iterdir():
        if module.name != without:
            (directory / "node_modules" / module.name).symlink_to(module)
    return directory


def exported(language, directory, file, plain=False):
    """The functions that a module of JavaScript exports."""
    module = pathlib.Path(file).stem
    flags = []
    for name in re.findall(r"^export const (\w+)", (directory / file).read_text(), re.M):
        flags += function(f"{language}-{name}", directory, f"{module}.{name}", plain)
    return flags


def handlers(language, directory, file, plain=False):
    """The functions of a file of Python that are handlers by their arguments."""
    module = pathlib.Path(file).stem
    flags = []
    for found in ast.parse((directory / file).read_text()).body:
        if isinstance(found, ast.FunctionDef) and [a.arg for a in found.args.args] == ["event", "context"]:
            flags += function(f"{language}-{found.name}", directory, f"{module}.{found.name}", plain)
    return flags


def compiled(language, binary):
    """The functions of a binary, which it chooses by its function's name."""
    source = (HERE / language / "src" / "main.rs").read_text()
    flags = []
    for name, runtime in re.findall(r'^ +"(\w+)" => (durable|lambda_runtime)::run', source, re.M):
        flags += function(f"{language}-{name}", binary, plain=runtime == "lambda_runtime")
    return flags


def approval(directory):
    """The function that has no SDK and no runtime client, as an executable."""
    path = directory / "approval"
    path.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{HERE}/python/approval.py'\n")
    path.chmod(0o755)
    return path
