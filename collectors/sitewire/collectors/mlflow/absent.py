"""What answers for the rest of the original: its client, its flavours, its tracing, its registry.

A trainer that ends with ``mlflow.pytorch.log_model(model)`` must not fail after hours for that. So
each public name of the original is there; what it is called for is counted and told once a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType
from typing import Any, Final, Self

from sitewire.collectors.mlflow.known_runs import not_collected

_FLAVOURS: Final = """
ag2 agno anthropic autogen bedrock catboost crewai diffusers dspy gemini groq h2o haystack johnsnowlabs keras langchain
lightgbm litellm llama_index mistral onnx openai otel paddle pmdarima prophet pydantic_ai pyfunc pyspark pytorch rfunc
semantic_kernel sentence_transformers shap sklearn smolagents spacy spark statsmodels strands tensorflow transformers
txtai typesafe xgboost
"""
_MODULES: Final = """
artifacts client config data deployments entities environment_variables gateway genai metrics models projects pytest
store system_metrics telemetry tracing tracking types utils version
"""
_CLASSES: Final = "ActiveModel Image MlflowClient"
_FUNCTIONS: Final = """
add_trace clear_active_model context create_external_model create_workspace delete_assessment delete_experiment
delete_experiment_tag delete_logged_model_tag delete_prompt_alias delete_run delete_trace_tag delete_workspace
disable_system_metrics_logging doctor enable_system_metrics_logging evaluate finalize_logged_model
flush_trace_async_logging get_active_model_id get_active_trace_id get_assessment get_current_active_span
get_last_active_trace_id get_logged_model get_registry_uri get_trace get_workspace import_checkpoints
initialize_logged_model last_logged_model list_workspaces load_prompt load_table log_assessment log_expectation
log_feedback log_issue log_model_params log_outputs log_trace login override_feedback register_model register_prompt
restore_experiment restore_run run search_experiments search_logged_models search_model_versions search_prompts
search_registered_models search_runs search_sessions search_traces set_active_model set_experiment_tag
set_experiment_tags set_logged_model_tags set_model_version_tag set_prompt_alias set_registry_uri
set_system_metrics_node_id set_system_metrics_samples_before_logging set_system_metrics_sampling_interval
set_trace_tag set_workspace start_span start_span_no_context test trace update_assessment update_current_trace
update_workspace validate_evaluation_results
"""

NAMES: Final = frozenset(f"{_FLAVOURS} {_MODULES} {_CLASSES} {_FUNCTIONS}".split())
"""The original's public names that are not collected."""


class Absent:
    """Stands for something that is not here. Takes every call, counts it, and answers with another such.

    As a value it is empty and false; as a context it does nothing; as a decorator it leaves the
    function alone; as a base class it adds nothing.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Absent:
        if name.startswith("_"):  # what Python asks for itself: whether this can be copied, awaited, shown, ...
            raise AttributeError(name)
        return Absent(f"{self._name}.{name}")

    def __call__(self, *args: object, **kwargs: object) -> Any:  # noqa: ANN401  what it is used as, the program knows
        """Count the call."""
        not_collected(self._name)
        if len(args) == 1 and not kwargs and isinstance(args[0], FunctionType):
            return args[0]
        return Absent(self._name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        return

    def __iter__(self) -> Iterator[object]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __or__(self, other: object) -> Absent:
        return self  # in an annotation

    __ror__ = __or__

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
        return ()

    def __repr__(self) -> str:
        return f"<mlflow.{self._name}: not collected>"
