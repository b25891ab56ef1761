"""Losses of the PyTorch world, forward and backward, as people call them today.

`dense_pytorch` is the formulation of SupContrast: row maximum subtracted, exponentials of the whole N x N matrix, masks
tiled over views. `pytorch_metric_learning` is the library itself.
"""

from __future__ import annotations

import torch


def dense_pytorch(labels, views, temperature):
    """A function of rows [N, D], image-major, that returns the mean loss over anchors and the gradient."""
    labels = torch.as_tensor(labels)[:, None]
    same = torch.eq(labels, labels.T).float().repeat_interleave(views, 0).repeat_interleave(views, 1)  # [N, N]
    not_self = 1 - torch.eye(len(same))
    positives = same * not_self

    def step(rows):
        rows = torch.as_tensor(rows).requires_grad_()
        logits = rows @ rows.T / temperature  # [N, N]
        logits = logits - logits.max(1, keepdim=True).values.detach()
        log_denominator = (torch.exp(logits) * not_self).sum(1, keepdim=True).log()
        log_prob = logits - log_denominator
        loss = -((positives * log_prob).sum(1) / positives.sum(1)).mean()
        loss.backward()
        return float(loss.detach()), rows.grad.numpy()

    return step


def pytorch_metric_learning(labels, views, temperature):
    """As `dense_pytorch`; each view is a row of its own there."""
    from pytorch_metric_learning.losses import SupConLoss

    loss_function, labels = SupConLoss(temperature=temperature), torch.as_tensor(labels).repeat_interleave(views)

    def step(rows):
        rows = torch.as_tensor(rows).requires_grad_()
        loss = loss_function(rows, labels)
        loss.backward()
        return float(loss.detach()), rows.grad.numpy()

    return step
