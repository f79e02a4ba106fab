"""What the tests have of W&B: a reader of its files that shares nothing with the sink's own.

Lives here: ``framing`` (bytes of a ``.wandb`` file to the client's records), ``reader`` (segments and runs). May
import: the standard library and wandb's protobuf module; nothing of ``sitewire`` that writes or reads such files.
"""
