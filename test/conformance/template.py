"""Reads the SAM template by which an SDK declares its conformance functions.

Only what such templates use is understood: functions with a handler and an
environment that refers to other functions.
"""

import re

import yaml
from aws_durable_execution_conformance_tests import validate

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


class Unavailable(Exception):
    """A function needs something that only AWS has."""


class Template:
    def __init__(self, path):
        self.path = path
        document = yaml.load(path.read_text(), Loader=validate._CfnSafeLoader)
        self.resources = document["Resources"]
        self.parameters = document.get("Parameters", {})
        self.globals = document.get("Globals", {}).get("Function", {})

    def functions(self):
        """The properties of each function, by its name."""
        return {
            name: self.globals | resource["Properties"]
            for name, resource in self.resources.items()
            if resource["Type"] == "AWS::Serverless::Function"
        }

    def covers(self):
        """The name of the function for each requirement."""
        return {id: name for name, id in validate.parse_function_descriptions(str(self.path))}

    def not_implemented(self):
        """Why there is none for the others, where the template says so."""
        return validate.parse_not_implemented(str(self.path))

    def environment(self, properties):
        """The variables of a function, its references resolved."""
        variables = {}
        for source in (self.globals, properties):
            variables |= source.get("Environment", {}).get("Variables", {})
        return {name: self.resolve(value) for name, value in variables.items()}

    def resolve(self, value):
        match value:
            case {"Ref": name}:
                return self.reference(name)
            case {"GetAtt": [name, "Arn"]}:
                return self.reference(f"{name}.Arn")
            case {"GetAtt": str(name)}:
                return self.reference(name)
            case {"Sub": str(text)}:
                return re.sub(r"\$\{([\w.:]+)}", lambda m: self.reference(m[1]), text)
            case {"Join": [separator, parts]}:
                return separator.join(self.resolve(part) for part in parts)
            case dict():
                raise Unavailable(f"the template's {value} is not understood")
        return str(value)

    def reference(self, name):
        if name in self.parameters:
            return str(self.parameters[name].get("Default", ""))
        resource, _, attribute = name.partition(".")
        kind = self.resources.get(resource, {}).get("Type", name)
        if kind != "AWS::Serverless::Function":
            raise Unavailable(f"needs {kind}")
        return ARN + resource if attribute == "Arn" else resource
