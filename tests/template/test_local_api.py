"""Tests of the API that `sam local start-api` serves with the settings in samconfig.toml.

python -m unittest discover -s tests/template
"""

import tomllib
import unittest
import warnings

from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
from template import ROOT, load_source

SETTINGS = ("default", "local_start_api", "parameters")


class LocalApiTest(unittest.TestCase):
    """The SAM CLI serves the routes of the template without further arguments."""

    def test_serves_every_route_of_the_template(self) -> None:
        """The routes are those of the functions' events."""
        settings = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
        for key in SETTINGS:
            settings = settings[key]
        overrides = dict(override.split("=", 1) for override in settings["parameter_overrides"].split())
        # The SAM CLI uses deprecated functions of its own libraries.
        warnings.simplefilter("ignore", DeprecationWarning)
        stacks, _ = SamLocalStackProvider.get_stacks(str(ROOT / "template.yaml"), parameter_overrides=overrides)
        provider = ApiProvider(stacks, cwd=str(ROOT), disable_authorizer=settings["disable_authorizer"])
        served = {
            (method, route.path, route.function_name) for route in provider.api.routes for method in route.methods
        }
        self.assertEqual(served, self.list_routes())

    def list_routes(self) -> set[tuple[str, str, str]]:
        """Returns method, path and function of each API event in the source of the template."""
        functions = {
            name: resource["Properties"].get("Events", {})
            for name, resource in load_source()["Resources"].items()
            if resource["Type"] == "AWS::Serverless::Function"
        }
        return {
            (event["Properties"]["Method"].upper(), event["Properties"]["Path"], name)
            for name, events in functions.items()
            for event in events.values()
            if event["Type"] == "Api"
        }


if __name__ == "__main__":
    unittest.main()
