"""Every error of the client means something to us."""

from __future__ import annotations

import inspect

from sitewire.workers.errors import Temporary
from sitewire.workers.sinks.wandb.errors import OURS, ClientRefused, from_client


def test_the_map_knows_every_type_that_the_client_has() -> None:
    import wandb.errors
    from wandb.sdk.lib.service import service_connection, service_port_file, service_token
    from wandb.sdk.mailbox import mailbox, mailbox_handle

    modules = (wandb.errors.errors, mailbox, mailbox_handle, service_connection, service_port_file, service_token)
    theirs = {
        name
        for module in modules
        for name, item in vars(module).items()
        if inspect.isclass(item) and issubclass(item, Exception) and item.__module__ == module.__name__
    }
    assert theirs <= OURS.keys()


def test_none_of_them_is_taken_for_the_fault_of_a_record() -> None:
    for name in (*OURS, "AttributeError"):
        assert isinstance(from_client(name, "why"), Temporary)
    assert isinstance(from_client("AttributeError", "why"), ClientRefused)
