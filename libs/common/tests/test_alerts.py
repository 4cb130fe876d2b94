"""Alerts and runbooks name what exists: exported metrics, files, commands that parse."""

import importlib
import pkgutil
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

import common
from common.cli.main import parser
from common.ids import new_id
from devstack.catalog import load_catalog

ROOT = Path(__file__).parents[3]
RUNBOOKS = sorted((ROOT / "docs/runbooks").glob("*.md"))
RULES = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text(encoding="utf-8"))
ALERTS = [alert for group in RULES["groups"] for alert in group["rules"]]
# What Prometheus itself knows of each target.
OF_PROMETHEUS = {"up"}
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}
WORDS = {"by", "min", "max", "sum", "rate", "time", "job", "producer", "kind", "limit"}


def exported() -> set[str]:
    """Return the names of all samples that processes can export."""
    for module in pkgutil.walk_packages(common.__path__, "common."):
        if ".testing" not in module.name:
            importlib.import_module(module.name)
    for service in load_catalog():
        importlib.import_module(f"{service.name}_service.worker")
    return {
        family.name + suffix
        for family in REGISTRY.collect()
        for suffix in SUFFIXES.get(family.type, [""])
    }


def metrics_of(expression: str) -> set[str]:
    """Return the names in an expression that are neither PromQL's words nor labels."""
    bare = re.sub(r'"[^"]*"', "", expression)
    return set(re.findall(r"[a-z_]{2,}", bare)) - WORDS


def test_alerts_use_metrics_that_are_exported() -> None:
    known = exported() | OF_PROMETHEUS
    for alert in ALERTS:
        assert metrics_of(alert["expr"]) <= known, alert["alert"]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_every_alert_leads_to_a_runbook_that_names_it(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"]["summary"].endswith(".")
    runbook = ROOT / alert["annotations"]["runbook"]
    assert f"`{alert['alert']}`" in runbook.read_text(encoding="utf-8")


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: str(path.stem))
def test_the_commands_of_runbooks_parse(runbook: Path) -> None:
    text = runbook.read_text(encoding="utf-8")
    for group, arguments in re.findall(r'make (events|auth) ARGS="(.*?)"', text):
        words = [
            str(new_id()) if word in {"EVENT", "ID"} else word for word in shlex.split(arguments)
        ]
        parser().parse_args([group, *words])
