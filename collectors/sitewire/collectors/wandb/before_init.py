"""``wandb.config`` and ``wandb.summary`` while there is no run: any use of them is an error, as in the original."""

from __future__ import annotations

from typing import NoReturn

from sitewire.collectors.wandb.errors import Error


class BeforeInit:
    """Stands where the run's object will be.

    Args:
        name: what it is called.
    """

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def __getattr__(self, key: str) -> NoReturn:
        if key.startswith("_"):
            raise AttributeError(key)
        self._refuse(f".{key}")

    def __setattr__(self, key: str, value: object) -> NoReturn:
        self._refuse(f".{key}")

    def __getitem__(self, key: object) -> NoReturn:
        self._refuse(f"[{key!r}]")

    def __setitem__(self, key: object, value: object) -> NoReturn:
        self._refuse(f"[{key!r}]")

    def _refuse(self, use: str) -> NoReturn:
        msg = f"You must call wandb.init() before {self._name}{use}"
        raise Error(msg)
