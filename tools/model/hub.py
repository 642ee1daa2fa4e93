"""One file from a model hub: found, downloaded with resume, and proved by the checksum the hub states.

huggingface_hub's own download forgets a partial file when its process ends, which hurts at 1.3 GB; so this uses the
client for addresses, headers and transfer, and keeps the partial file itself, under the checksum of what it is part of.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers

_BLOCK = 1 << 20
_CHECKSUM = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class WrongChecksum(Exception):
    """A file whose bytes are not the ones the hub announced."""


@dataclass(frozen=True)
class Remote:
    """A file on the hub at one commit."""

    path: str
    url: str
    commit: str | None
    etag: str
    size: int | None


def find(repository: str, path: str, revision: str = "main") -> Remote | None:
    """The file's address, size and checksum; None if the repository has no such file.

    Raises what the client raises when the hub cannot be reached or has no such repository.
    """
    url = hf_hub_url(repository, path, revision=revision)
    try:
        found = get_hf_file_metadata(url, token=False)
    except EntryNotFoundError:
        return None
    if found.etag is None:
        raise OSError(f"no checksum for {path}: is this a model hub?")
    return Remote(path, url, found.commit_hash, found.etag, found.size)


def download(remote: Remote, target: Path, scratch: Path) -> None:
    """Brings `target` to the bytes of `remote`; a right file stays, a partial one in `scratch` is continued.

    Raises WrongChecksum, and then keeps neither the bytes nor an older target.
    """
    if target.is_file() and _CHECKSUM.fullmatch(remote.etag) and matches(target, remote.etag):
        return
    target.unlink(missing_ok=True)
    scratch.mkdir(parents=True, exist_ok=True)
    partial = scratch / (hashlib.sha256(remote.etag.encode()).hexdigest()[:16] + ".partial")
    start = partial.stat().st_size if partial.exists() else 0
    if remote.size is None or start > remote.size:
        start = 0
    # A compressed answer could not be continued at a byte of the file.
    headers = build_hf_headers(token=False) | {"Accept-Encoding": "identity"}
    with open(partial, "r+b" if start else "wb") as file:
        file.seek(start)
        http_get(
            remote.url,
            file,
            resume_size=start,
            headers=headers,
            expected_size=remote.size,
            displayed_filename=remote.path,
        )
        file.flush()
        os.fsync(file.fileno())
    if not matches(partial, remote.etag):
        partial.unlink()
        raise WrongChecksum(f"{remote.path} does not have the checksum {remote.etag} that the hub states for it")
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(partial, target)


def matches(path: Path, etag: str) -> bool:
    """Whether the file has this checksum: SHA-256 for large files, git's blob SHA-1 for small ones.

    A mirror may give an etag that is neither; then only the size was checked, by the transfer, and this is true
    for a file just fetched. It is a weaker promise and the only one that such a mirror allows.
    """
    if not _CHECKSUM.fullmatch(etag):
        return True
    digest = hashlib.sha256() if len(etag) == 64 else hashlib.sha1(b"blob %d\0" % path.stat().st_size)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest() == etag
