"""Tests of the template with its default parameters.

python -m unittest discover -s tests/template
"""

import re
import tomllib
import unittest

from event_flow import (
    check_failure_destinations,
    check_invokers,
    check_order_of_permissions,
    check_queue_senders,
    check_rule_targets,
    check_streams,
)
from monitoring import (
    check_dashboard,
    check_flow_alarms,
    check_function_alarms,
    check_log_groups,
    check_lost_event_alarms,
    check_metric_filters,
    check_operations_guide,
    check_queue_alarms,
)
from mutations import CheckTests
from policies import (
    check_event_sources,
    check_exact_permissions,
    check_no_managed_policies,
    check_no_wildcards,
    check_roles,
)
from required_properties import check_required_properties
from template import (
    DEFAULTS,
    FUNCTION,
    ORDER_EVENT_RULE,
    ROOT,
    STOCK_EVENT_RULE,
    Resources,
    apply_conditions,
    find_by_type,
    get_at,
    load_source,
    load_template,
)
from template_mutations import build_mutations

TEMPLATE = load_template()
RESOURCES: Resources = apply_conditions(TEMPLATE["Resources"], DEFAULTS)

CHECKS = [
    check_required_properties,
    check_no_wildcards,
    check_no_managed_policies,
    check_roles,
    check_exact_permissions,
    check_event_sources,
    check_queue_alarms,
    check_function_alarms,
    check_flow_alarms,
    check_log_groups,
    check_lost_event_alarms,
    check_metric_filters,
    check_rule_targets,
    check_invokers,
    check_order_of_permissions,
    check_queue_senders,
    check_failure_destinations,
    check_streams,
    check_dashboard,
    check_operations_guide,
]


class TemplateTest(CheckTests, unittest.TestCase):
    """Tests of the template with direct delivery of events."""

    maxDiff = None
    resources = RESOURCES
    checks = CHECKS
    mutations = build_mutations(RESOURCES)

    def test_the_api_is_closed_except_in_trial_environments(self) -> None:
        """The default of the template, staging and prod require a token. The environments default and local do not."""
        self.assertEqual(TEMPLATE["Parameters"]["ApiAccess"]["Default"], "cognito")
        environments = tomllib.loads((ROOT / "samconfig.toml").read_text())
        access = {"default": "open", "local": "open", "staging": "cognito", "prod": "cognito"}
        for name, expected in access.items():
            parameters = environments[name]["deploy"]["parameters"]["parameter_overrides"].split()
            with self.subTest(name):
                actual = [parameter for parameter in parameters if parameter.startswith("ApiAccess=")]
                self.assertEqual(actual, [f"ApiAccess={expected}"])

    def test_prod_requires_the_page_to_which_customers_return(self) -> None:
        """CloudFormation rejects the value in samconfig.toml until it is replaced, and accepts the default."""
        environments = tomllib.loads((ROOT / "samconfig.toml").read_text())
        overrides = environments["prod"]["deploy"]["parameters"]["parameter_overrides"].split()
        [value] = [override.removeprefix("CallbackUrl=") for override in overrides if "CallbackUrl" in override]
        parameter = TEMPLATE["Parameters"]["CallbackUrl"]
        self.assertIsNone(re.fullmatch(parameter["AllowedPattern"], value))
        self.assertIsNotNone(re.fullmatch(parameter["AllowedPattern"], parameter["Default"]))

    def test_one_client_application_may_use_the_whole_rate_of_a_route(self) -> None:
        """All customers of a shop share one API key, so its default does not limit them further."""
        parameters = TEMPLATE["Parameters"]
        for limit in ("Rate", "Burst"):
            self.assertGreaterEqual(parameters[f"Client{limit}"]["Default"], parameters[f"Stage{limit}"]["Default"])

    def test_an_archive_keeps_the_events_of_the_consumer(self) -> None:
        """There is an archive if it is given days, and none by default."""
        self.assertEqual(TEMPLATE["Parameters"]["ArchiveDays"]["Default"], 0)
        self.assertNotIn("EventArchive", RESOURCES)
        resources = apply_conditions(TEMPLATE["Resources"], {**DEFAULTS, "EventsAreArchived": True})
        archive = resources["EventArchive"]["Properties"]
        rules = (
            resources[rule]["Properties"]["EventPattern"]["source"] for rule in (ORDER_EVENT_RULE, STOCK_EVENT_RULE)
        )
        self.assertEqual(archive["EventPattern"], {"source": [source for sources in rules for source in sources]})
        self.assertEqual(archive["SourceArn"], {"Fn::GetAtt": ["CustomEventBus", "Arn"]})

    def test_the_access_log_contains_no_personal_data(self) -> None:
        """The access log is off by default, and has neither addresses nor users."""
        path = ("Api", "Properties", "AccessLogSetting")
        source = apply_conditions(load_source()["Resources"], {**DEFAULTS, "AccessIsLogged": True})
        fields = set(re.findall(r"\$context\.([\w.]+)", get_at(source, (*path, "Format"))))
        self.assertEqual(get_at(source, (*path, "DestinationArn")), {"Fn::GetAtt": ["ApiAccessLogs", "Arn"]})
        self.assertEqual(
            fields,
            {
                "requestTime",
                "requestId",
                "httpMethod",
                "resourcePath",
                "status",
                "responseLatency",
                "integrationLatency",
                "error.responseType",
            },
        )
        self.assertNotIn("ApiAccessLogs", RESOURCES)

    def test_a_domain_of_your_own_needs_tls(self) -> None:
        """The domain exists only if it is given, and accepts no TLS version before 1.2."""
        self.assertNotIn("ApiDomain", RESOURCES)
        resources = apply_conditions(TEMPLATE["Resources"], {**DEFAULTS, "DomainIsGiven": True})
        domain = resources["ApiDomain"]["Properties"]
        self.assertEqual((domain["SecurityPolicy"], domain["DomainName"]), ("TLS_1_2", {"Ref": "DomainName"}))
        self.assertEqual(get_at(resources, ("ApiDomainMapping", "Properties", "RestApiId")), {"Ref": "Api"})

    def test_every_parameter_is_in_the_deployment_guide(self) -> None:
        """The table of parameters is complete."""
        guide = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8").partition("\n## Parameters\n")[2]
        rows = re.findall(r"^\| (`.*?) \|", guide, re.MULTILINE)
        documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
        self.assertEqual(documented & TEMPLATE["Parameters"].keys(), TEMPLATE["Parameters"].keys())

    def test_every_function_receives_the_access_mode(self) -> None:
        """The environment of each function has the parameter ApiAccess."""
        for name, function in find_by_type(RESOURCES, FUNCTION):
            with self.subTest(name):
                self.assertEqual(get_at(function, ("Environment", "Variables", "API_ACCESS")), {"Ref": "ApiAccess"})

    def test_other_accounts_may_send_only_order_and_warehouse_events(self) -> None:
        """There is a policy of the bus if accounts are given, and none by default."""
        self.assertEqual(TEMPLATE["Parameters"]["ProducerAccounts"]["Default"], "")
        path = ("CustomEventBus", "Properties", "Policy", "Statement", 0)
        self.assertIsNone(get_at(RESOURCES, path))
        resources = apply_conditions(TEMPLATE["Resources"], {**DEFAULTS, "ProducersAreGiven": True})
        self.assertEqual(list(check_event_sources(resources)), [])
        self.assertEqual(
            get_at(resources, (*path, "Principal")),
            {"AWS": {"Ref": "ProducerAccounts"}},
        )


if __name__ == "__main__":
    unittest.main()
