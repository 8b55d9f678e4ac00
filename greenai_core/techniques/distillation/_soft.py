"""Softened probabilities, and the loss that is made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

from greenai_core.acceleration import forward
from greenai_core.training import Batch, Loss, cross_entropy

if TYPE_CHECKING:
    from greenai_core.techniques.distillation._teaching import Answers, Ask


def soften(teacher: nn.Module, temperature: float) -> Ask:
    """Ask for log softmax(logits / T), (B, K)."""
    return lambda images: F.log_softmax(forward(teacher, images) / temperature, 1)


def divergence(student: torch.Tensor, teacher: torch.Tensor, weight: torch.Tensor | float = 1.0) -> torch.Tensor:
    """Return the mean over a batch of KL(teacher || student).

    Args:
        student: log-probabilities (B, K).
        teacher: log-probabilities (B, K).
        weight: of each image (B, 1).
    """
    terms = F.kl_div(student, teacher, reduction="none", log_target=True)
    return (weight * terms).sum() / len(student)


def soft_and_hard(
    answers: Answers,
    temperature: float,
    alpha: float,
    weigh: Callable[[torch.Tensor], torch.Tensor | float] = lambda answer: 1.0,
) -> Loss:
    """Return alpha * T^2 * weight * KL(teacher || student) + (1 - alpha) * cross-entropy as a loss.

    T^2 keeps the size of the soft gradient when the temperature changes.

    Args:
        answers: softened log-probabilities of a batch (B, K), see `soften`.
        temperature: T, of teacher and student.
        alpha: weight of the soft loss.
        weigh: gives the weight of each image (B, 1) from the teacher's answer.
    """

    def loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        answer = answers(batch)
        soft = divergence(F.log_softmax(logits / temperature, 1), answer, weigh(answer))
        return alpha * temperature**2 * soft + (1 - alpha) * cross_entropy(logits, batch)

    return loss


def uncertainty(answer: torch.Tensor) -> torch.Tensor:
    """Return the entropy of log-probabilities (B, K) as a share of that of K equal ones, (B, 1) in [0, 1]."""
    entropy: torch.Tensor = -(answer.exp() * answer).sum(1, keepdim=True)
    return entropy / torch.log(torch.tensor(float(answer.shape[1])))


def ensemble(members: list[Ask], weights: torch.Tensor) -> Ask:
    """Ask several for log-probabilities (B, K) and return the logarithm of their weighted mean.

    Args:
        members: see `soften`.
        weights: of each member, (members,); their sum is 1.
    """

    def ask(images: torch.Tensor) -> torch.Tensor:
        shares = weights.log().to(images.device)
        answers = [member(images) + share for member, share in zip(members, shares, strict=True)]
        return torch.logsumexp(torch.stack(answers), 0)

    return ask


def decoupled(logits: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the two parts of the divergence that Zhao et al. tell apart, as means over a batch.

    Args:
        logits: of the student, divided by T, (B, K).
        teacher: logits, divided by T, (B, K).
        labels: (B,).

    Returns:
        That of being the target class or not, and that among the other classes.

    Source: Zhao, Cui, Song, Qiu, Liang 2022, equation 5, https://arxiv.org/abs/2203.08679
    """
    (chosen, others), (taught, taught_others) = _apart(logits, labels), _apart(teacher, labels)
    return divergence(chosen, taught), divergence(others, taught_others)


def _apart(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return log-probabilities (B, 2) of the target class and of all others, and those among the others (B, K - 1)."""
    target = F.one_hot(labels, logits.shape[1]).bool()
    others = logits[~target].view(len(logits), -1)
    pair = torch.stack([logits[target], others.logsumexp(1)], 1)
    return F.log_softmax(pair, 1), F.log_softmax(others, 1)
