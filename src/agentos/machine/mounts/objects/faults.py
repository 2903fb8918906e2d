"""What goes wrong with an object store, in words that say what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from agentos.errors import ObjectStoreError
from agentos.machine.mounts.objects.source import ObjectSource

_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_REGION = re.compile(r"<Region>([\w-]+)</Region>")

_METADATA = re.compile(r"/latest/(api/token|meta-data)")

_BAD_KEYS = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "RequestTimeTooSkewed",
)
_ELSEWHERE = ("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed")


@contextmanager
def explained(source: ObjectSource) -> Iterator[None]:
    """Raise what obstore says of the server, the bucket and the key as `ObjectStoreError`.

    What it says of one object goes through: that it is missing, or is another one by now.
    """
    from obstore import exceptions

    try:
        yield
    except TimeoutError as error:
        raise ObjectStoreError(
            f"{source.url}: the object store did not answer for {source.timeout:g} s",
            code="object_store_timeout",
            hint=f"{_where(source)}; or give it more time with timeout=",
            retryable=True,
        ) from error
    except exceptions.InvalidPathError as error:
        named = str(error).splitlines()[0].removeprefix("Encountered object with invalid path: ")
        hint = "mount a prefix without it, as the listing stops here, or rename it"
        raise unmountable(source, [named], hint) from error
    except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
        raise
    except exceptions.BaseError as error:
        raise _explain(source, str(error)) from error


def unmountable(
    source: ObjectSource, reasons: list[str], hint: str | None = None
) -> ObjectStoreError:
    """Make the error about keys that no file can be named after."""
    shown = "; ".join(reasons[:5]) + (f"; and {len(reasons) - 5} more" if reasons[5:] else "")
    return ObjectStoreError(
        f"{source.url}: not every key can be a path: {shown}",
        code="objects_unmountable",
        hint=hint or "leave them out with exclude=[...], or rename them",
    )


def _explain(source: ObjectSource, said: str) -> ObjectStoreError:
    code = next(iter(_CODE.findall(said)), "")
    status = next(iter(_STATUS.findall(said)), "")
    region = next(iter(_REGION.findall(said)), "")
    if _METADATA.search(said):  # where credentials come from when nothing else has any
        return _fault(
            source,
            "there are no credentials on this host",
            "object_store_credentials",
            "pass credentials=S3Credentials(...), export AWS_ACCESS_KEY_ID and "
            'AWS_SECRET_ACCESS_KEY, or mount a public bucket with credentials="anonymous"',
        )
    if code in _ELSEWHERE or "incorrectly configured region" in said:
        hint = f"pass region={region!r}" if region else "pass region= of the bucket's own"
        return _fault(source, "the bucket is in another region", "bucket_region", hint)
    if code in _BAD_KEYS or status == "401":
        return _fault(
            source,
            f"the object store does not accept the credentials ({code or status})",
            "object_store_credentials",
            "check credentials= or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
        )
    if code == "NoSuchBucket":
        hint = "check the name, and that endpoint= and region= are the bucket's own"
        return _fault(source, f"there is no bucket {source.bucket!r}", "bucket_unknown", hint)
    if status == "403":
        return _fault(
            source,
            "the credentials do not permit this (403 Forbidden)",
            "object_store_denied",
            "it takes s3:ListBucket and s3:GetObject, to write also s3:PutObject and "
            "s3:DeleteObject",
        )
    if "error sending request" in said or status.startswith("5"):
        what = f"is in trouble ({code or status})" if status else "cannot be reached"
        return _fault(
            source, f"the object store {what}", "object_store_unreachable", _where(source), True
        )
    first = said.splitlines()[0]
    return _fault(source, f"the object store failed: {first}", "object_store_failed", None)


def _fault(
    source: ObjectSource, what: str, code: str, hint: str | None, retryable: bool = False
) -> ObjectStoreError:
    return ObjectStoreError(f"{source.url}: {what}", code=code, hint=hint, retryable=retryable)


def _where(source: ObjectSource) -> str:
    return f"check that it runs at {source.endpoint}" if source.endpoint else "check the network"
