"""The Helm chart: what it renders with each file of values, what it refuses. ``make acceptance-k8s`` proves more."""

from __future__ import annotations

import itertools
import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from settings import KafkaSettings
from stream.kafka.acls import needed
from tests.support.helm import CHART, ROOT, VALUES, Manifest, helm, of_kind, pods, refusal, rendered, tool

with_helm = pytest.mark.skipif(not tool("helm"), reason="THE CHART IS NOT RENDERED: there is no helm (make k8s-tools)")
every_file = pytest.mark.parametrize("values", VALUES)


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {key: merged(base[key], over[key]) for key in base.keys() & over.keys() if isinstance(base[key], dict)}
    return {**base, **over, **both}


@every_file
def test_the_values_keep_their_schema(values: str) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    jsonschema.validate(merged(defaults, yaml.safe_load(VALUES[values].read_text())), schema)


def test_the_schema_knows_every_value_and_no_other() -> None:
    def paths(node: Any, where: str = "") -> Iterator[str]:
        yield where
        for key, inner in node.items() if isinstance(node, dict) else ():
            yield from paths(inner, f"{where}.{key}")

    def declared(node: dict[str, Any], where: str = "") -> Iterator[str]:
        yield where
        for key, inner in node.get("properties", {}).items():
            yield from declared(inner, f"{where}.{key}")

    schema = json.loads((CHART / "values.schema.json").read_text())
    free = {".global"}
    known = set(declared(schema))
    given = set(paths(yaml.safe_load((CHART / "values.yaml").read_text())))
    # Below what is Kubernetes' own, such as resources, the schema names nothing.
    assert {one for one in given - known if one.rpartition(".")[0] in known} <= {
        one for one in given if ".resources." in one or ".updateStrategy." in one
    }
    assert known - given == free


@every_file
def test_training_yields_to_live_scoring(values: str) -> None:
    given = merged(yaml.safe_load((CHART / "values.yaml").read_text()), yaml.safe_load(VALUES[values].read_text()))

    def requested(part: str) -> float:
        cpu = given[part]["resources"]["requests"]["cpu"]
        return float(cpu.removesuffix("m")) / (1000 if cpu.endswith("m") else 1)

    assert requested("scheduler") <= requested("worker") / 2


def test_chart_and_package_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert chart["appVersion"] == chart["version"] == project["version"]


@with_helm
@every_file
def test_lint(values: str) -> None:
    done = helm("lint", "--strict", CHART, "--values", VALUES[values])
    assert done.returncode == 0, done.stdout + done.stderr


@with_helm
@every_file
def test_what_an_object_names_is_there(values: str) -> None:
    manifests = rendered(values)
    made = {(one["kind"], one["metadata"]["name"]) for one in manifests}
    assert len(made) == len(manifests), "two objects of one name"
    for name, pod in pods(manifests).items():
        spec = pod["spec"]
        (container,) = spec["containers"]
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes.keys(), name
        named = [("ServiceAccount", spec["serviceAccountName"])]
        named += [("ConfigMap", one["configMapRef"]["name"]) for one in container.get("envFrom", ())]
        named += [("ConfigMap", volume["configMap"]["name"]) for volume in volumes.values() if "configMap" in volume]
        named += [
            ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
            for volume in volumes.values()
            if "persistentVolumeClaim" in volume
        ]
        assert set(named) <= made, name
        ports = {port["name"] for port in container.get("ports", ())}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if found := container.get(probe):
                assert (found.get("httpGet") or found["tcpSocket"])["port"] in ports


@with_helm
@every_file
def test_every_variable_is_a_setting(values: str) -> None:
    known = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs/settings.md").read_text(), re.M))
    manifests = rendered(values)
    (settings,) = [one for one in of_kind(manifests, "ConfigMap") if one["metadata"]["name"].endswith("-settings")]
    given = set(settings["data"])
    for pod in pods(manifests).values():
        given |= {one["name"] for one in pod["spec"]["containers"][0].get("env", ())}
    assert given <= known, given - known
    assert {"FINSENT_PSEUDONYM_KEY_FILE", "KAFKA_BOOTSTRAP_SERVERS", "CLICKHOUSE_URL", "STREAM_WEB_HOST"} <= given


@with_helm
@every_file
def test_a_secret_is_a_file_or_a_variable_of_the_process_that_needs_it(values: str) -> None:
    manifests = rendered(values)
    assert not of_kind(manifests, "Secret")
    found = pods(manifests)
    with_key = [name for name, pod in found.items() if "pseudonym" in json.dumps(pod)]
    assert with_key == ["worker"]
    assert "kafka" not in json.dumps(found["migrate"]["spec"]["volumes"])


@with_helm
@every_file
def test_no_pod_has_rights_that_it_does_not_need(values: str) -> None:
    for name, pod in pods(rendered(values)).items():
        spec, (container,) = pod["spec"], pod["spec"]["containers"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]["cpu"]


@with_helm
@every_file
def test_selectors_find_the_pods_that_they_mean(values: str) -> None:
    manifests = rendered(values)
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(manifests).items()}

    def chosen(selector: dict[str, str]) -> list[str]:
        return [name for name, has in labels.items() if selector.items() <= has.items()]

    for one in manifests:
        spec = one.get("spec", {})
        component = one["metadata"].get("labels", {}).get("app.kubernetes.io/component")
        if one["kind"] == "Service":
            assert chosen(spec["selector"]) == [component]
        elif one["kind"] in ("StatefulSet", "Deployment", "PodDisruptionBudget"):
            assert chosen(spec["selector"]["matchLabels"]) == [component]
        elif one["kind"] == "NetworkPolicy":
            assert chosen(spec["podSelector"]["matchLabels"]) == [component]
        elif one["kind"] == "ServiceMonitor":
            (service,) = [s for s in of_kind(manifests, "Service") if s["metadata"]["name"].endswith("-worker")]
            assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
            assert {end["port"] for end in spec["endpoints"]} <= {port["name"] for port in service["spec"]["ports"]}
    if values != "dev":
        policed = {
            one["metadata"]["labels"]["app.kubernetes.io/component"] for one in of_kind(manifests, "NetworkPolicy")
        }
        assert policed == set(labels)


@with_helm
@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(VALUES, 2)))
def test_an_upgrade_from_one_file_to_another_changes_nothing_that_is_immutable(before: str, after: str) -> None:
    def frozen(manifests: list[Manifest]) -> dict[tuple[str, str], Any]:
        found: dict[tuple[str, str], Any] = {}
        for one in manifests:
            spec, key = one.get("spec", {}), (one["kind"], one["metadata"]["name"])
            if one["kind"] == "StatefulSet":
                may = {"replicas", "template", "updateStrategy", "minReadySeconds"}
                found[key] = {name: value for name, value in spec.items() if name not in may}
            elif one["kind"] == "Deployment":
                found[key] = spec["selector"]
            elif one["kind"] == "Service":
                found[key] = spec.get("clusterIP")
        return found

    old, new = frozen(rendered(before)), frozen(rendered(after))
    assert {key: old[key] for key in old.keys() & new.keys()} == {key: new[key] for key in old.keys() & new.keys()}
    assert ("StatefulSet", "risk-finsent-worker") in old


@with_helm
def test_the_worker_is_known_by_its_pod_and_has_time_to_stop() -> None:
    (worker,) = of_kind(rendered("smallest"), "StatefulSet")
    (container,) = worker["spec"]["template"]["spec"]["containers"]
    variables = {one["name"]: one for one in container["env"]}
    assert variables["KAFKA_GROUP_INSTANCE_ID"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    stop = float(variables["STREAM_STOP_WITHIN_S"]["value"])
    assert worker["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= stop + 5
    assert variables["STREAM_WEB_HOST"]["value"] == "0.0.0.0"
    probes = {name: container[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert probes == {"startupProbe": "/health", "livenessProbe": "/health", "readinessProbe": "/ready"}


@with_helm
def test_a_gpu_worker_asks_for_its_gpu() -> None:
    pod = pods(rendered("gpu"))["worker"]["spec"]
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert pod["nodeSelector"] and pod["tolerations"]
    assert {"name": "MODEL_DEVICE", "value": "cuda"} in pod["containers"][0]["env"]


@with_helm
@pytest.mark.parametrize("values", ["gpu", "everything"])
def test_the_lag_decides_how_many_workers_there_are(values: str) -> None:
    manifests = rendered(values)
    (scaled,) = of_kind(manifests, "ScaledObject")
    (worker,) = of_kind(manifests, "StatefulSet")
    assert scaled["spec"]["scaleTargetRef"]["name"] == worker["metadata"]["name"]
    assert "replicas" not in worker["spec"], "an upgrade would undo what KEDA has done"
    (settings,) = [one for one in of_kind(manifests, "ConfigMap") if one["metadata"]["name"].endswith("-settings")]
    assert 1 <= scaled["spec"]["minReplicaCount"] <= scaled["spec"]["maxReplicaCount"]
    assert scaled["spec"]["maxReplicaCount"] <= int(settings["data"]["KAFKA_PARTITIONS"])
    for trigger in scaled["spec"]["triggers"]:
        assert trigger["metadata"]["consumerGroup"] == settings["data"]["KAFKA_GROUP_ID"]
        assert trigger["metadata"]["sasl"] == "scram_sha512" and trigger["metadata"]["tls"] == "enable"


@with_helm
def test_the_rules_for_prometheus_are_the_file() -> None:
    (rule,) = of_kind(rendered("everything"), "PrometheusRule")
    assert rule["spec"] == yaml.safe_load((CHART / "files/prometheus-rules.yaml").read_text())


@with_helm
def test_strimzi_is_told_the_topics_and_rights_that_finsent_needs() -> None:
    manifests = rendered("everything")
    kafka = KafkaSettings(topic_prefix="desk_", create_topics=False)
    wanted = {
        (one.operation, one.resource, kafka.topic(name) if one.resource == "topic" else name)
        for one in needed(kafka)
        if one.role in ("worker", "scheduler", "console")
        for name in one.names
    }
    (user,) = of_kind(manifests, "KafkaUser")
    given = {
        (operation, acl["resource"]["type"], acl["resource"]["name"])
        for acl in user["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
        if operation != "Describe"
    }
    assert given == wanted
    topics = {one["spec"]["topicName"] for one in of_kind(manifests, "KafkaTopic")}
    assert topics == {name for _, kind, name in wanted if kind == "topic"}


@with_helm
def test_pods_restart_when_settings_change_and_not_when_alert_rules_do() -> None:
    def checksum(*words: str) -> str:
        found = pods(rendered("everything", *words))["worker"]["metadata"]["annotations"]["checksum/settings"]
        assert len(found) == 64
        return str(found)

    assert checksum() == checksum("--set", "alertRules.inline=rules: [{name: other}]")
    assert checksum() != checksum("--set", "kafka.topicPrefix=other_")
    assert checksum() != checksum("--set", "watchlist=other")


@with_helm
@pytest.mark.parametrize(
    ("values", "words", "why"),
    [
        ("smallest", ["--set", "kafka.bootstrapServers="], "say where Kafka is"),
        ("smallest", ["--set", "clickhouse.url="], "say where ClickHouse is"),
        ("smallest", ["--set", "clickhouse.url=clickhouse://finsent:secret@db:9000/finsent"], "clickhouse"),
        ("smallest", ["--set", "worker.replicas=5"], "would stand by"),
        ("smallest", ["--set", "worker.terminationGracePeriodSeconds=15"], "is killed while it stores"),
        ("smallest", ["--set", "scheduler.enabled=true"], "could not reach the workers"),
        ("smallest", ["--set", "console.replicas=2"], "signed out"),
        ("smallest", ["--set", "strimzi.enabled=true"], "strimzi.cluster"),
        ("smallest", ["--set", "worker.replcas=2"], "replcas"),
        ("smallest", ["--set", "settings.PASSWORD=x"], "PASSWORD"),
        ("gpu", ["--set", "keda.maxReplicas=33"], "would stand by"),
        ("gpu", ["--set", "keda.minReplicas=0"], "minReplicas"),
    ],
)
def test_what_cannot_work_is_refused_with_a_reason(values: str, words: list[str], why: str) -> None:
    assert why in refusal(values, *words)


@with_helm
@every_file
def test_that_altinitys_clickhouse_is_one_server_is_said(values: str) -> None:
    """Its operator gives every server the macro ``replica``; finsent would refuse it as one of several."""
    manifests = rendered(values)
    (settings,) = [one for one in of_kind(manifests, "ConfigMap") if one["metadata"]["name"].endswith("-settings")]
    wanted = "true" if of_kind(manifests, "ClickHouseInstallation") else None
    assert settings["data"].get("CLICKHOUSE_ONE_SERVER") == wanted
