"""What the original ``SummaryWriter`` has and ours does not collect yet: counted, logged once, never an error.

Each method is listed by its name: a name that the original does not have stays an ``AttributeError``.
"""

from __future__ import annotations

import sys

from sitewire.collectors.refusals import Reason
from sitewire.collectors.run import Run


class Uncollected:
    """The methods that take anything and refuse it, visibly."""

    _run: Run
    _writes: bool

    def _refuse(self, method: str) -> None:
        if self._writes:
            self._run.refuse(Reason.NOT_COLLECTED, f"{method} is not collected yet", once=method)

    def add_histogram(self, *_args: object, **_kwargs: object) -> None:
        """Refuse a histogram."""
        self._refuse("add_histogram")

    def add_histogram_raw(self, *_args: object, **_kwargs: object) -> None:
        """Refuse a histogram."""
        self._refuse("add_histogram_raw")

    def add_tensor(self, *_args: object, **_kwargs: object) -> None:
        """Refuse a tensor."""
        self._refuse("add_tensor")

    def add_image(self, *_args: object, **_kwargs: object) -> None:
        """Refuse an image."""
        self._refuse("add_image")

    def add_images(self, *_args: object, **_kwargs: object) -> None:
        """Refuse images."""
        self._refuse("add_images")

    def add_image_with_boxes(self, *_args: object, **_kwargs: object) -> None:
        """Refuse an image."""
        self._refuse("add_image_with_boxes")

    def add_figure(
        self,
        tag: object,  # noqa: ARG002  the original's
        figure: object,
        global_step: object = None,  # noqa: ARG002  the original's
        close: object = True,  # noqa: FBT002  the original's
        **_kwargs: object,
    ) -> None:
        """Refuse a figure, but close it as the original does: a trainer that counts on it would fill its memory."""
        self._refuse("add_figure")
        pyplot = sys.modules.get("matplotlib.pyplot")
        if close and pyplot is not None:
            for item in figure if isinstance(figure, list) else [figure]:
                pyplot.close(item)

    def add_video(self, *_args: object, **_kwargs: object) -> None:
        """Refuse a video."""
        self._refuse("add_video")

    def add_audio(self, *_args: object, **_kwargs: object) -> None:
        """Refuse sound."""
        self._refuse("add_audio")

    def add_graph(self, *_args: object, **_kwargs: object) -> None:
        """Refuse a graph."""
        self._refuse("add_graph")

    def add_onnx_graph(self, *_args: object, **_kwargs: object) -> None:
        """Refuse a graph."""
        self._refuse("add_onnx_graph")

    def add_openvino_graph(self, *_args: object, **_kwargs: object) -> None:
        """Refuse a graph."""
        self._refuse("add_openvino_graph")

    def add_embedding(self, *_args: object, **_kwargs: object) -> None:
        """Refuse an embedding."""
        self._refuse("add_embedding")

    def add_pr_curve(self, *_args: object, **_kwargs: object) -> None:
        """Refuse a precision-recall curve."""
        self._refuse("add_pr_curve")

    def add_pr_curve_raw(self, *_args: object, **_kwargs: object) -> None:
        """Refuse a precision-recall curve."""
        self._refuse("add_pr_curve_raw")

    def add_custom_scalars(self, *_args: object, **_kwargs: object) -> None:
        """Refuse a layout."""
        self._refuse("add_custom_scalars")

    def add_custom_scalars_multilinechart(self, *_args: object, **_kwargs: object) -> None:
        """Refuse a layout."""
        self._refuse("add_custom_scalars_multilinechart")

    def add_custom_scalars_marginchart(self, *_args: object, **_kwargs: object) -> None:
        """Refuse a layout."""
        self._refuse("add_custom_scalars_marginchart")

    def add_mesh(self, *_args: object, **_kwargs: object) -> None:
        """Refuse a mesh."""
        self._refuse("add_mesh")

    def export_scalars_to_json(self, *_args: object, **_kwargs: object) -> None:
        """Refuse to write a file: what ``add_scalars`` was given is not kept in memory."""
        self._refuse("export_scalars_to_json")
