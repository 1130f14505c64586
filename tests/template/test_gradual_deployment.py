"""Tests of the template's parameter DeploymentPreference.

python -m unittest discover -s tests/template
"""

import copy
import tomllib
import unittest

from gradual_deployment import (
    DEPLOYMENT_GROUP,
    SERVICES,
    check_deployment_groups,
    check_invoked_aliases,
    check_no_cycles,
    check_version_descriptions,
)
from mutations import (
    CheckTests,
    Mutation,
    append_to_property,
    remove_property,
    set_attribute,
    set_property,
)
from template import (
    ALIAS,
    CONSUMER,
    CONSUMER_ALIAS,
    DEFAULTS,
    INVENTORY_STREAM,
    ORDER_EVENT_RULE,
    ORDER_STREAM,
    ROOT,
    Resources,
    apply_conditions,
    find_by_type,
    load_template,
)

CANARY = "Canary10Percent5Minutes"
TEMPLATE = load_template()
GRADUAL = load_template(DeploymentPreference=CANARY)
RESOURCES: Resources = apply_conditions(GRADUAL["Resources"], DEFAULTS)
GROUP = f"{CONSUMER}DeploymentGroup"
ALARMS = ("AlarmConfiguration", "Alarms")
FUNCTION_ARN = {"Fn::GetAtt": [CONSUMER, "Arn"]}


CHECKS = [check_invoked_aliases, check_deployment_groups, check_no_cycles]
MUTATIONS = [
    Mutation(
        "a rule that invokes the function",
        check_invoked_aliases,
        set_property(ORDER_EVENT_RULE, "Targets", 0, "Arn", value=FUNCTION_ARN),
    ),
    Mutation(
        "a stream that invokes the function",
        check_invoked_aliases,
        set_property(ORDER_STREAM, "FunctionName", value={"Ref": "OrderServiceFunction"}),
    ),
    Mutation(
        "a permission for the function",
        check_invoked_aliases,
        set_property("OrderEventPermission", "FunctionName", value=FUNCTION_ARN),
    ),
    Mutation(
        "a route that invokes the function",
        check_invoked_aliases,
        set_property("Api", "Body", "paths", "/inventory", "get", value={"uri": "${InventoryServiceFunction.Arn}"}),
    ),
    Mutation("an alias without CodeDeploy", check_deployment_groups, set_attribute(CONSUMER_ALIAS, "UpdatePolicy", {})),
    Mutation("no alarms", check_deployment_groups, remove_property(GROUP, *ALARMS)),
    Mutation(
        "no rollback by alarms",
        check_deployment_groups,
        set_property(GROUP, "AutoRollbackConfiguration", "Events", value=["DEPLOYMENT_FAILURE"]),
    ),
    Mutation(
        "an alarm that lasts until dead letters are redriven",
        check_deployment_groups,
        append_to_property(GROUP, *ALARMS, value={"Name": {"Ref": "DeadLetterQueueDepthAlarm"}}),
    ),
    Mutation(
        "an alarm that starts after the deployment",
        check_deployment_groups,
        set_property("OutboxLagAlarm", "Period", value=300),
    ),
    Mutation(
        "only an alarm of another function",
        check_deployment_groups,
        set_property(GROUP, *ALARMS, value=[{"Name": {"Ref": "OrderServiceErrorsAlarm"}}]),
    ),
    Mutation(
        "an alarm of a rule that invokes the alias",
        check_no_cycles,
        append_to_property(GROUP, *ALARMS, value={"Name": {"Ref": "OrderEventDeadLettersLostAlarm"}}),
    ),
]


class GradualDeploymentTest(CheckTests, unittest.TestCase):
    """Tests of the template with a canary deployment."""

    resources = RESOURCES
    checks = CHECKS
    mutations = MUTATIONS

    def test_every_parameter_of_a_function_publishes_a_version(self) -> None:
        """A version is published for each new value, also for one that only a condition uses."""
        self.assertEqual(list(check_version_descriptions(TEMPLATE)), [])
        mutant = copy.deepcopy(TEMPLATE)
        variables = mutant["Resources"][CONSUMER]["Properties"]["Environment"]["Variables"]
        variables["MFA"] = {"Fn::If": ["MfaIsOffered", "yes", "no"]}
        [violation] = check_version_descriptions(mutant)
        self.assertIn("Mfa", violation)

    def test_codedeploy_takes_part_only_in_steps(self) -> None:
        """By default, CloudFormation moves the alias at once. The parameter offers the steps of the mapping."""
        parameter = TEMPLATE["Parameters"]["DeploymentPreference"]
        preferences = TEMPLATE["Mappings"]["DeploymentPreferences"]
        self.assertEqual(parameter["Default"], "AllAtOnce")
        self.assertEqual(parameter["AllowedValues"], list(preferences))
        for preference, expected in preferences.items():
            with self.subTest(preference):
                resources = load_template(DeploymentPreference=preference)["Resources"]
                groups = [group["DeploymentConfigName"] for _, group in find_by_type(resources, DEPLOYMENT_GROUP)]
                name = {"Fn::Sub": ["CodeDeployDefault.Lambda${ConfigName}", {"ConfigName": preference}]}
                self.assertEqual(groups, [name] * len(SERVICES) if expected["IsGradual"] else [])
                self.assertIn(CONSUMER_ALIAS, resources)

    def test_prod_deploys_gradually(self) -> None:
        """The environment prod moves a tenth of the traffic first. The others move all of it at once."""
        environments = tomllib.loads((ROOT / "samconfig.toml").read_text())
        chosen = {
            name: "DeploymentPreference=" + CANARY in environment["deploy"]["parameters"]["parameter_overrides"].split()
            for name, environment in environments.items()
            if name != "version"
        }
        self.assertEqual(chosen, {"default": False, "local": False, "staging": False, "prod": True})

    def test_the_stream_of_stock_invokes_the_alias(self) -> None:
        """The mapping outside of the function's events has the alias too."""
        self.assertEqual(RESOURCES[INVENTORY_STREAM]["Properties"]["FunctionName"], {"Ref": f"{CONSUMER}Alias{ALIAS}"})


if __name__ == "__main__":
    unittest.main()
