"""A client's credentials: a ``.creds`` file (JWT and seed) or a file with an nkey seed alone."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import aiofiles
import nats.errors
import nkeys

from sitewire.broker_config.errors import AccessRefused

_JWT: Final = re.compile(rb"-+BEGIN NATS USER JWT-+\s+(\S+)\s+-+END")
_SEED: Final = re.compile(rb"-+BEGIN USER NKEY SEED-+\s+(\S+)\s+-+END")
_BARE: Final = re.compile(rb"SU[A-Z2-7]{56}")


async def credential_options(path: Path | None) -> dict[str, Any]:
    """Return what nats-py's ``connect`` takes for the file.

    A ``.creds`` file is read again at each connection, since its JWT is renewed; a bare seed is an
    identity and is read once.

    Raises:
        AccessRefused: the file cannot be read, or holds neither.
    """
    if path is None:
        return {}
    try:
        async with aiofiles.open(path, "rb") as file:
            content = await file.read()
        if _JWT.search(content):
            _key(_found(_SEED, content)).wipe()
            return {"user_jwt_cb": _jwt_reader(path), "signature_cb": _signer(path)}
        seed = content.strip()
        _key(seed).wipe()
        return {"nkeys_seed_str": seed.decode()}
    except OSError as error:
        msg = f"credentials cannot be read: {path}: {error.strerror}"
        raise AccessRefused(msg) from error
    except nats.errors.InvalidUserCredentialsError as error:
        msg = f"neither a .creds file nor an nkey seed: {path}"
        raise AccessRefused(msg) from error


def _jwt_reader(path: Path) -> Callable[[], bytes]:
    # nats-py calls it while it connects, on the loop: one small file, and only then.
    return lambda: _found(_JWT, path.read_bytes())


def _signer(path: Path) -> Callable[[str], bytes]:
    return lambda nonce: base64.b64encode(_key(_found(_SEED, path.read_bytes())).sign(nonce.encode()))


def _found(pattern: re.Pattern[bytes], content: bytes) -> bytes:
    match = pattern.search(content)
    if match is None:
        # A type that nats-py's reconnect loop survives: the file may be half-written just now.
        raise nats.errors.InvalidUserCredentialsError
    return match[1]


def _key(seed: bytes) -> nkeys.KeyPair:
    if not _BARE.fullmatch(seed):
        raise nats.errors.InvalidUserCredentialsError
    try:
        return nkeys.from_seed(bytearray(seed))
    except nkeys.NkeysError as error:
        raise nats.errors.InvalidUserCredentialsError from error
