"""Mutations of the template, which prove that each check can fail."""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

from template import Check, Resources, get_at

# Changes the resources in place.
Change = Callable[[Resources], Any]


class Mutation(NamedTuple):
    """A change of the template, with the check that must detect it."""

    description: str
    check: Check
    change: Change


def set_property(name: str, *path: str | int, value: Any) -> Change:
    """Returns a change that sets a property of a resource."""

    def change(resources: Resources) -> None:
        get_at(resources, (name, "Properties", *path[:-1]))[path[-1]] = value

    return change


def set_attribute(name: str, attribute: str, value: Any) -> Change:
    """Returns a change that sets an attribute of a resource, such as DependsOn."""
    return lambda resources: resources[name].update({attribute: value})


def remove_property(name: str, *path: str | int) -> Change:
    """Returns a change that removes a property of a resource."""
    return lambda resources: get_at(resources, (name, "Properties", *path[:-1])).pop(path[-1])


def append_to_property(name: str, *path: str | int, value: Any) -> Change:
    """Returns a change that appends an element to a property of a resource."""
    return lambda resources: get_at(resources, (name, "Properties", *path)).append(value)


def remove_resource(name: str) -> Change:
    """Returns a change that removes a resource."""
    return lambda resources: resources.pop(name)


def add_resource(resource_type: str, **properties: Any) -> Change:
    """Returns a change that adds a resource."""
    return lambda resources: resources.update(Added={"Type": resource_type, "Properties": properties})


class CheckTests:
    """Tests of checks and their mutations. A test case inherits them and sets the three attributes."""

    resources: Resources
    checks: list[Check]
    mutations: list[Mutation]

    def test_the_template_passes_every_check(self: Any) -> None:
        """Every check passes on the template."""
        for check in self.checks:
            with self.subTest(check.__name__):
                self.assertEqual(list(check(self.resources)), [])

    def test_the_checks_detect_every_mutation(self: Any) -> None:
        """The check of a mutation fails on the mutated template."""
        for mutation in self.mutations:
            with self.subTest(f"{mutation.description}: {mutation.check.__name__}"):
                mutant = copy.deepcopy(self.resources)
                mutation.change(mutant)
                self.assertNotEqual(mutant, self.resources, "the mutation changed nothing")
                self.assertNotEqual(list(mutation.check(mutant)), [], "the check passed")

    def test_every_check_has_a_mutation(self: Any) -> None:
        """The mutations cover every check."""
        covered = {mutation.check.__name__ for mutation in self.mutations}
        self.assertEqual(covered, {check.__name__ for check in self.checks})
