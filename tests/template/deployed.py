"""template.yaml as CloudFormation gets it: what SAM makes of it."""

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# SAM asks for a region before it looks at the template.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

logging.getLogger("samtranslator").setLevel(logging.ERROR)

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "operations.md"

# The conditions by the parameter EventDelivery.
DIRECT = {"EventsAreDirect": True, "EventsAreBatched": False, "QueueIsThere": False}
BATCHED = {"EventsAreDirect": False, "EventsAreBatched": True, "QueueIsThere": True}
DRAINING = {"EventsAreDirect": True, "EventsAreBatched": False, "QueueIsThere": True}

Properties = dict[str, Any]
Resources = dict[str, dict[str, Any]]


class _NoManagedPolicies:
    """No role here takes in a managed policy, so that none has to be looked up."""

    def load(self) -> dict[str, str]:
        """What SAM asks for."""
        return {}


def transformed() -> dict[str, Any]:
    """The template after SAM's transform."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    for resource in template["Resources"].values():
        if "CodeUri" in resource.get("Properties", {}):
            # As if it were packaged.
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    return dict(transform(template, {}, _NoManagedPolicies()))


def chosen(value: Any, conditions: dict[str, bool]) -> Any:
    """What is deployed, resources or a part of one, where these conditions are met or not."""
    match value:
        case {"Fn::If": [name, met, unmet]} if name in conditions:
            return chosen(met if conditions[name] else unmet, conditions)
        case dict():
            kept = {name: it for name, it in value.items() if not _left_out(it, conditions)}
            return {name: chosen(it, conditions) for name, it in kept.items()}
        case list():
            return [it for it in (chosen(it, conditions) for it in value) if it != {"Ref": "AWS::NoValue"}]
        case _:
            return value


def _left_out(resource: Any, conditions: dict[str, bool]) -> bool:
    condition = at(resource, ("Condition",))
    return isinstance(condition, str) and conditions.get(condition) is False


def of_type(resources: Resources, kind: str) -> Iterator[tuple[str, Properties]]:
    """Logical id and properties of each resource of a type."""
    for name, resource in resources.items():
        if resource["Type"] == kind:
            yield name, resource.get("Properties", {})


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    """What stands at a path, if anything does."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def shown(value: Any) -> str:
    """A reference as one writes it: `Table`, `Table.Arn`, or the text of a Sub."""
    match value:
        case {"Ref": name}:
            return str(name)
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Fn::GetAtt": str(text)} | {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), _]}:
            return text
        case _:
            return str(value)


def referred(value: Any) -> str:
    """The logical id that a reference is about."""
    return shown(value).split(".")[0]


def as_list(value: Any) -> list[Any]:
    """CloudFormation takes one for a list of one."""
    return value if isinstance(value, list) else [value]


def section(title: str) -> str:
    """A section of the operators' guide."""
    [text] = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    return str(text)
