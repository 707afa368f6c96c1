"""Holds Kubernetes manifests to the schemas of their kinds. Exits with 1 and says why where one is not.

The kinds of Kubernetes itself are checked by kubernetes-validate, strictly. Those of KEDA and of the
Prometheus operator are read into the models made from their definitions, which pass over fields that
they do not know: what is missing when it is written out again was unknown.
"""

import sys

import kubernetes_validate
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import PodMonitor

MODELS = {"ScaledObject": ScaledObject, "PodMonitor": PodMonitor}


def unknown(given, read, path):
    """Yields the path of each value of `given` that `read` does not have."""
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(read, dict) or key not in read:
                yield f"{path}.{key}"
            else:
                yield from unknown(value, read[key], f"{path}.{key}")
    elif isinstance(given, list):
        for index, value in enumerate(given):
            yield from unknown(value, read[index], f"{path}[{index}]")


def check(manifest):
    """Raises for a manifest that is not of its kind."""
    model = MODELS.get(manifest["kind"])
    if model is None:
        kubernetes_validate.validate(manifest, "1.37", strict=True)
        return
    read = model.model_validate(manifest).model_dump(mode="json", by_alias=True, exclude_unset=True)
    fields = list(unknown(manifest, read, manifest["kind"]))
    if fields:
        raise ValueError(f"unknown: {', '.join(fields)}")


def main():
    checked, failed = 0, 0
    for file in sys.argv[1:]:
        with open(file, encoding="utf-8") as text:
            for manifest in yaml.safe_load_all(text):
                checked += 1
                try:
                    check(manifest)
                except Exception as error:
                    failed += 1
                    print(f"{file}: {manifest.get('kind')}: {error}")
    print(f"{checked} manifests, {failed} wrong")
    return 1 if failed or not checked else 0


sys.exit(main())
