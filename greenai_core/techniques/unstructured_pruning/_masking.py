"""Which weights are removed, and how they stay so."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import torch
from torch import nn

from greenai_core.candidate import Candidate
from greenai_core.constraints import Mask
from greenai_core.dropout import connections, rescale_dropout
from greenai_core.techniques._amounts import everywhere, lowest, per_layer

Tensors = Mapping[str, torch.Tensor]
"""By the name of a parameter."""

REMOVED = -1.0
"""Score of what is removed already: less than that of anything that is left."""


def weights_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the weights of every convolution, linear and recurrent layer by name, in the order of the layers.

    Biases and normalisation are left out: they are few, and what they do cannot be made up for.
    """
    return {
        f"{layer}.{name}": parameter.detach()
        for layer, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear | nn.RNNBase)
        for name, parameter in module.named_parameters(recurse=False)
        if name.startswith("weight")
    }


def kept_of(candidate: Candidate) -> dict[str, torch.Tensor]:
    """Return what the masks of a candidate keep of each of its weights, True where a weight is kept."""
    kept = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights_of(candidate.model).items()}
    for constraint in candidate.constraints:
        if isinstance(constraint, Mask):
            kept |= {name: kept[name] & keep for name, keep in constraint.by_name.items() if name in kept}
    return kept


def removed_part(candidate: Candidate, groups: Tensors) -> float:
    """Return the fraction of groups of weights of which the masks of a candidate leave nothing."""
    kept = kept_of(candidate)
    gone = torch.cat([means(ids, kept[name].float()) == 0 for name, ids in groups.items()])
    return int(gone.sum()) / len(gone)


def masked(candidate: Candidate, keep: Tensors) -> Candidate:
    """Return a candidate with a copy of the model in which only what `keep` and earlier masks keep is left.

    Dropout follows the connections that are left. Later training keeps the zeros.

    Args:
        candidate: left as it is.
        keep: bool tensors of the weights' shapes; weights that are not named stay as they are.
    """
    model = copy.deepcopy(candidate.model)
    mask = Mask(keep)
    for constraint in candidate.constraints:  # what was removed stays removed, also where less is asked for now
        mask = mask.and_also(constraint) if isinstance(constraint, Mask) else mask
    mask.project(model)
    others = [constraint for constraint in candidate.constraints if not isinstance(constraint, Mask)]
    after = replace(candidate, model=model, constraints=(*others, mask))
    names = {module: name for name, module in model.named_modules()}
    before, left = kept_of(candidate), kept_of(after)
    full = connections(model, lambda layer: float(before[f"{names[layer]}.weight"].sum()))
    rescale_dropout(model, lambda layer: float(left[f"{names[layer]}.weight"].sum()), full)
    return after


def prune(
    candidate: Candidate,
    groups: Tensors,
    importance: Tensors,
    sparsity: float,
    scope: Literal["global", "per_layer"],
    cap: float = 1.0,
) -> Candidate:
    """Return the candidate without the floor(n * sparsity) least important of n groups of weights.

    What is removed already counts among them.

    Args:
        candidate: left as it is.
        groups: for each weight of a tensor, the number of its group, from 0; tensors that are not named are left alone.
        importance: of each weight, not negative; that of a group is the mean.
        sparsity: fraction of groups, less than 1.
        scope: whether n counts the groups of all tensors or those of each tensor.
        cap: largest fraction of groups that one tensor loses where the scope is global.
    """
    kept = kept_of(candidate)
    scores = [_scores(ids, importance[name], kept[name]) for name, ids in groups.items()]
    numbers = per_layer(scores, sparsity) if scope == "per_layer" else everywhere(scores, sparsity, cap)
    removed = dict(zip(groups, map(lowest, scores, numbers), strict=True))
    return masked(candidate, {name: ~removed[name][ids] for name, ids in groups.items()})


def singles(weight: torch.Tensor) -> torch.Tensor:
    """Make each weight a group of its own."""
    return torch.arange(weight.numel(), device=weight.device).view_as(weight)


def channels(weight: torch.Tensor) -> torch.Tensor:
    """Make the weights of each output channel a group."""
    rows = torch.arange(len(weight), device=weight.device)
    return rows.view(-1, *[1] * (weight.dim() - 1)).expand_as(weight)


def means(ids: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return the mean of the values in each group."""
    return torch.bincount(ids.flatten(), values.flatten()) / torch.bincount(ids.flatten())


def _scores(ids: torch.Tensor, importance: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """Return the mean importance of each group, `REMOVED` for groups of which nothing is left."""
    return means(ids, importance * kept).masked_fill(means(ids, kept.float()) == 0, REMOVED)
