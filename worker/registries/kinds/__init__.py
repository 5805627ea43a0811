"""The types of registries, one file each: what sets it apart from a plain OCI registry."""

from collections.abc import Mapping

from worker.registries.kinds import (
    aws_private_ecr,
    aws_public_ecr,
    docker_hub,
    gcp_artifact_registry,
    github,
    harbor,
    oci,
)
from worker.registries.kinds.kind import Kind

KINDS: Mapping[str, Kind] = {
    "DOCKER_HUB": docker_hub.KIND,
    "AWS_PUBLIC_ECR": aws_public_ecr.KIND,
    "AWS_PRIVATE_ECR": aws_private_ecr.KIND,
    "GITHUB": github.KIND,
    "HARBOR": harbor.KIND,
    "GCP_ARTIFACT_REGISTRY": gcp_artifact_registry.KIND,
    "OCI": oci.KIND,
}

__all__ = ["KINDS", "Kind"]
