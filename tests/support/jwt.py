"""A NATS operator with one account and one user, for servers that ask for a ``.creds`` file."""

from __future__ import annotations

import base64
import json
import os
import time
from typing import Any

import nkeys

OPERATOR, ACCOUNT, USER = nkeys.PREFIX_BYTE_OPERATOR, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_USER


class Operator:
    """Keys and tokens, made up for one test."""

    def __init__(self) -> None:
        self._operator, self._account = _seed(OPERATOR), _seed(ACCOUNT)

    @property
    def server_config(self) -> str:
        """What goes into a server's configuration."""
        operator = _token(self._operator, self._operator, {"type": "operator"})
        limits = {"subs": -1, "data": -1, "payload": -1, "conn": -1, "imports": -1, "exports": -1, "leaf": -1}
        account = _token(self._operator, self._account, {"type": "account", "limits": limits})
        return (
            f"operator: {operator}\nresolver: MEMORY\nresolver_preload: {{ {_public(self._account)}: {account} }}\n"
            f"system_account: {_public(self._account)}"
        )

    def creds(self) -> str:
        """The content of a new user's ``.creds`` file."""
        user = _seed(USER)
        token = _token(self._account, user, {"type": "user", "subs": -1, "data": -1, "payload": -1})
        return (
            f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.decode()}\n------END USER NKEY SEED------\n"
        )


def _seed(kind: int) -> bytes:
    return bytes(nkeys.encode_seed(os.urandom(32), kind))


def _public(seed: bytes) -> str:
    return bytes(nkeys.from_seed(bytearray(seed)).public_key).decode()


def _token(issuer: bytes, subject: bytes, claims: dict[str, Any]) -> str:
    body = {"iss": _public(issuer), "sub": _public(subject), "iat": int(time.time()), "jti": os.urandom(8).hex()}
    parts = [_part({"typ": "JWT", "alg": "ed25519-nkey"}), _part({**body, "nats": {**claims, "version": 2}})]
    signature = nkeys.from_seed(bytearray(issuer)).sign(".".join(parts).encode())
    return ".".join((*parts, base64.urlsafe_b64encode(signature).decode().rstrip("=")))


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
