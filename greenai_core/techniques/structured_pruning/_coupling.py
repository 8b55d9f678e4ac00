"""Channels that must go together, wherever they lead."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch_pruning as tp
from torch import nn

from greenai_core.techniques.structured_pruning._parts import Part, shuffles
from greenai_core.techniques.structured_pruning._taking import is_depthwise, keep_inputs, keep_outputs


@dataclass(frozen=True, eq=False)
class Maker:
    """A convolution or batch normalisation that makes coupled channels."""

    name: str
    layer: nn.Conv2d | nn.BatchNorm2d
    positions: torch.Tensor
    """The layer's own channels (K,)."""
    channels: torch.Tensor
    """Which of the coupled channels each of them belongs to, (K,)."""


@dataclass(frozen=True)
class View:
    """Coupled channels as a grouped convolution, or any layer behind shuffles, sees them."""

    groups: int
    """Of the convolution."""
    dealt: tuple[int, ...]
    """Groups of each shuffle in between."""

    def groups_of(self, channels: int) -> torch.Tensor:
        """Return into which group of the convolution each of so many channels falls, (channels,)."""
        return dealt(torch.arange(channels), channels, self.dealt) // (channels // self.groups)


@dataclass(frozen=True, eq=False)
class Coupled:
    """So many channels, each of which is removed from all layers that make or read it, or from none.

    Residual sums and depthwise convolutions couple what several layers make.
    """

    channels: int
    makers: tuple[Maker, ...]
    """The layers that make the channels; the first is the one nearest to the network's end."""
    views: tuple[View, ...]
    """How those layers that make or read them see them to which order or groups matter."""
    _graph: tp.DependencyGraph
    _root: nn.Module
    _shuffles: Mapping[nn.Module, tuple[int, ...]]

    @property
    def step(self) -> int:
        """The number of which only multiples can be removed."""
        return math.lcm(*(number for view in self.views for number in (view.groups, *view.dealt)))

    def remove(self, channels: Sequence[int]) -> None:
        """Remove these channels from every layer, in place."""
        gone = set(channels)
        kept = torch.tensor([channel for channel in range(self.channels) if channel not in gone])
        for dep, positions in _group(self._graph, self._root, channels):
            layer = dep.target.module
            if not (_is_grouped(layer) or self._shuffles.get(layer)):
                dep(positions)
            elif self._graph.is_out_channel_pruning_fn(dep.handler):
                keep_outputs(layer, self._seen_by(layer, kept))
            else:
                keep_inputs(layer, self._seen_by(layer, kept))

    def _seen_by(self, layer: nn.Module, kept: torch.Tensor) -> torch.Tensor:
        """Return a layer's own channels that are kept, in the order in which smaller shuffles will deal them out."""
        shuffled = self._shuffles.get(layer, ())
        order = dealt(torch.arange(len(kept)), len(kept), shuffled).argsort()
        return dealt(kept, self.channels, shuffled)[order]


def coupled(part: Part, names: Mapping[nn.Module, str]) -> list[Coupled]:
    """Return the channels of a part that may be removed.

    Those that go into the part or come out of it stay, and so do the units of linear layers.

    Args:
        part: its parameters require gradients: dependencies are found with autograd.
        names: of all layers.
    """
    layers = list(part.module.modules())
    # What goes in and what comes out are operations of their own, so that they can be told from the others.
    entering = part.images.clone().requires_grad_(True).clone()
    with _undealt(layers):  # the order behind a shuffle is computed here, see `dealt`
        graph = tp.DependencyGraph().build_dependency(
            part.module,
            entering,
            forward_fn=lambda module, images: module(images),
            output_transform=torch.clone,
        )
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    groups = graph.get_all_groups(ignored_layers=linear, root_module_types=[nn.Conv2d])
    inside = [group for group in groups if not _leads_outside(group, entering.grad_fn)]
    described = [_described(graph, group, part.module, names) for group in inside]
    return [group for group in described if group is not None]


def dealt(positions: torch.Tensor, channels: int, shuffled: Sequence[int]) -> torch.Tensor:
    """Return where shuffles of so many groups each put the channels at `positions` of so many."""
    for groups in shuffled:
        size = channels // groups
        positions = positions % size * groups + positions // size
    return positions


def _described(
    graph: tp.DependencyGraph, group: Any, module: nn.Module, names: Mapping[nn.Module, str]
) -> Coupled | None:
    """Return a group as coupled channels; None: it leads through groups or shuffles in a way that is not followed."""
    # A layer whose channels are used twice has fewer of them: removing one of its channels takes all that hang on it.
    convolutions = [dep.target.module for dep, _ in group if _makes(graph, dep, nn.Conv2d)]
    root = min(convolutions, key=lambda layer: layer.out_channels)
    channels = root.out_channels
    if root is not group[0].dep.target.module:
        group = _group(graph, root, range(channels))
    behind = _shuffles_before(module, [item.dep.target.module for item in group])
    makers = tuple(
        Maker(names[layer], layer, dealt(torch.tensor(item.idxs), channels, behind.get(layer, ())), roots)
        for item in group
        if _makes(graph, item.dep, nn.Conv2d | nn.BatchNorm2d)
        for layer, roots in [(item.dep.target.module, torch.tensor(item.root_idxs))]
    )
    minding = [item for item in group if behind.get(item.dep.target.module) or _is_grouped(item.dep.target.module)]
    if not all(_alone(graph, item, channels) for item in minding):
        return None
    layers = [item.dep.target.module for item in minding]
    views = {View(layer.groups if _is_grouped(layer) else 1, behind.get(layer, ())): None for layer in layers}
    return Coupled(channels, makers, tuple(views), graph, root, behind)


def _group(graph: tp.DependencyGraph, root: nn.Module, channels: Sequence[int]) -> Any:
    """Return what must be removed with these output channels of a convolution."""
    return graph.get_pruning_group(root, graph.get_pruner_of_module(root).prune_out_channels, list(channels))


def _makes(graph: tp.DependencyGraph, dep: Any, kind: Any) -> bool:
    return isinstance(dep.target.module, kind) and graph.is_out_channel_pruning_fn(dep.handler)


def _alone(graph: tp.DependencyGraph, item: Any, channels: int) -> bool:
    """Tell whether a convolution or normalisation makes or reads these channels only, one by one."""
    dep = item.dep
    of_layer = graph.get_out_channels if _makes(graph, dep, nn.Module) else graph.get_in_channels
    known = isinstance(dep.target.module, nn.Conv2d | nn.BatchNorm2d)
    return known and item.idxs == item.root_idxs and of_layer(dep.target) == channels


def _leads_outside(group: Any, entering: Any) -> bool:
    nodes = [dep.target for dep, _ in group]
    return any(isinstance(node.module, tp.ops._OutputOp) or node.grad_fn is entering for node in nodes)


def _is_grouped(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d) and layer.groups > 1 and not is_depthwise(layer)


def _shuffles_before(module: nn.Module, layers: Sequence[nn.Module]) -> dict[nn.Module, tuple[int, ...]]:
    """Return for each of `layers` the groups of the shuffles between the first of them and it, in a sequence."""
    children: list[Any] = list(module.children())
    place = {layer: index for index, child in enumerate(children) for layer in child.modules()}
    first = min(place[layer] for layer in layers if layer in place)
    shuffled = [(place[layer], layer.groups) for layer in children if shuffles(layer)]
    return {
        layer: tuple(groups for at, groups in shuffled if first < at < place[layer])
        for layer in layers
        if layer in place
    }


@contextmanager
def _undealt(layers: Sequence[nn.Module]) -> Iterator[None]:
    """Let shuffles hand on their input as it is."""
    dealers = [layer for layer in layers if shuffles(layer)]
    for layer in dealers:
        layer.forward = lambda images: images
    try:
        yield
    finally:
        for layer in dealers:
            del layer.forward
