"""Losses of the PyTorch world, forward and backward, as people call them today: with rows and labels of a batch.

`dense_pytorch` is the formulation of SupContrast: masks of the whole N x N matrix made from the labels at each call,
row maximum subtracted, exponentials of the whole matrix. `pytorch_metric_learning` is the library itself.
"""

from __future__ import annotations

import torch


def dense_pytorch(labels, views, temperature):
    """A function of rows [N, D], image-major, that returns the mean loss over anchors and the gradient."""
    labels = torch.as_tensor(labels)[:, None]

    def step(rows):
        rows = torch.as_tensor(rows).requires_grad_()
        same = torch.eq(labels, labels.T).float()[:, None, :, None].expand(-1, views, -1, views)  # [B, V, B, V]
        positives = same.reshape(len(rows), len(rows))  # [N, N]
        not_self = torch.ones_like(positives).fill_diagonal_(0)
        positives = positives * not_self
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
