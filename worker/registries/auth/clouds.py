"""The token hosts of public registries that are neither the registry's own host nor below its owner's name.

Each row is the host of the registry and that of its tokens, as regular expressions for whole names. A group
of the first stands for the same text in the second.
"""

import re

_ALIYUN_REGION = r"[a-z]{2}-[a-z]+(?:-[a-z0-9]+)*"
_ALIYUN_TOKENS = rf"dockerauth(?:-ee)?(?:-vpc)?(?:\.{_ALIYUN_REGION})?\.aliyuncs\.com"

TOKEN_HOSTS: tuple[tuple[str, str], ...] = (
    # https://docs.docker.com/reference/api/registry/auth/
    (r"registry-1\.docker\.io", r"auth\.docker\.io"),
    # LinuxServer.io, a name in front of GitHub's registry: https://github.com/getwud/wud/issues/143
    (r"lscr\.io", r"ghcr\.io"),
    # The realm changes once a token has ended: https://github.com/NVIDIA/nvidia-container-toolkit/issues/1945
    (r"nvcr\.io", r"authn\.nvidia\.com"),
    # https://access.redhat.com/RegistryAuthentication
    (r"registry\.redhat\.io", r"sso\.redhat\.com"),
    # https://www.scaleway.com/en/docs/container-registry/, the challenge of its registry
    (r"rg\.[a-z]{2}-[a-z]{3}\.scw\.cloud", r"api\.scaleway\.com"),
    # Alibaba's registries of one region ask another for tokens, too, or the host without a region:
    # https://github.com/ketches/registry-proxy/issues/3, https://github.com/agentscope-ai/AgentTeams/issues/564,
    # https://github.com/canonical/microk8s/issues/3221
    (
        rf"registry(?:-intl)?(?:-vpc|-internal)?(?:\.{_ALIYUN_REGION})?\.aliyuncs\.com",
        _ALIYUN_TOKENS,
    ),
    (rf"[a-z0-9-]+-registry(?:-vpc)?\.{_ALIYUN_REGION}\.cr\.aliyuncs\.com", _ALIYUN_TOKENS),
    (rf"crpi-[a-z0-9-]+\.{_ALIYUN_REGION}\.personal\.cr\.aliyuncs\.com", _ALIYUN_TOKENS),
    # https://cloud.baidu.com/doc/CCR/index.html, the challenge of ccr-2vdh3abv-pub.cnc.bj.baidubce.com
    (r"ccr-[a-z0-9-]+\.cnc\.([a-z]+)\.baidubce\.com", r"ccr-auth\.\1\.baidubce\.com"),
)


_ROWS = [re.compile(f"{registry} {realm}") for registry, realm in TOKEN_HOSTS]


def is_token_host(registry: str, realm: str) -> bool:
    """Return whether a public registry is known to have its tokens at the other host ``realm``."""
    return any(row.fullmatch(f"{registry} {realm}") for row in _ROWS)
