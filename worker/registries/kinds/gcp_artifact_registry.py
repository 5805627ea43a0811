"""Artifact Registry and gcr.io: the password of the user ``oauth2accesstoken`` is google-auth's token."""

from worker.registries.gcp import google_login
from worker.registries.kinds.kind import Kind
from worker.registries.limit import Limit

KIND = Kind(Limit(50, 8), login=google_login)
