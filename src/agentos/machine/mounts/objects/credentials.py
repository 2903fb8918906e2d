"""The key that requests to an object store are signed with; it stays in this process."""

from __future__ import annotations

import configparser
import os
from typing import Any

from agentos.errors import ObjectStoreError
from agentos.machine.mounts.objects.source import ObjectSource, S3Credentials


def credentials_of(source: ObjectSource) -> dict[str, Any]:
    """Return the settings by which obstore has a source's credentials.

    Given ones come first, then the profile that `AWS_PROFILE` names, the environment, and the
    default profile. Where none of these has a key, obstore asks the cloud instance.

    Raises:
        ObjectStoreError: The profile that is named has no key.
    """
    if source.credentials == "anonymous":
        return {"skip_signature": True}
    if source.credentials is not None:
        return _provided(source.credentials)
    name = os.environ.get("AWS_PROFILE")
    if name is None and "AWS_ACCESS_KEY_ID" in os.environ:
        return {}  # obstore reads it, and what comes with it
    if found := _key_of_profile(name or "default"):
        return _provided(found)
    if name is None:
        return {}
    raise ObjectStoreError(
        f"{source.url}: the AWS profile {name!r} has no key of its own",
        code="object_store_credentials",
        hint="unset AWS_PROFILE after exporting the key that its role or sign-on gives: "
        f'eval "$(aws configure export-credentials --profile {name} --format env)"',
    )


def _provided(credentials: S3Credentials) -> dict[str, Any]:
    """Let obstore take this key as it is: as settings, it would mix it with the environment's."""
    given = {
        "access_key_id": credentials.access_key_id,
        "secret_access_key": credentials.secret_access_key,
        "token": credentials.session_token,
        "expires_at": None,
    }
    return {"credential_provider": lambda: given}


def _key_of_profile(name: str) -> S3Credentials | None:
    place = os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
    profiles = configparser.RawConfigParser()
    profiles.read(os.path.expanduser(place))
    names = [f"aws_{one}" for one in ("access_key_id", "secret_access_key", "session_token")]
    key, secret, token = (profiles.get(name, one, fallback=None) for one in names)
    return S3Credentials(key, secret, token) if key and secret else None
