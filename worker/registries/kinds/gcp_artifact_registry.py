"""Artifact Registry and gcr.io: the password of the user ``oauth2accesstoken`` is google-auth's token."""

from worker.registries.auth.gcp import google_login
from worker.registries.budget.limit import Limit
from worker.registries.kinds.kind import Kind

KIND = Kind(Limit(50, 8), login=google_login)
