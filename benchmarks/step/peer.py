"""The same training step in PyTorch, as people write it today: ResNet-18 with the 3x3 stem, the dense loss, SGD."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut, projected where `project`."""

    def __init__(self, inputs: int, filters: int, stride: int, project: bool):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, filters, 3, stride, 1, bias=False), nn.BatchNorm2d(filters), nn.ReLU(),
            nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters),
        )  # fmt: skip
        shortcut = [nn.Conv2d(inputs, filters, 1, stride, bias=False), nn.BatchNorm2d(filters)] if project else []
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x):
        return functional.relu(self.body(x) + self.shortcut(x))


def resnet18(width: float) -> tuple[nn.Module, int]:
    """The network of `networks.resnet` with stem "small_image", and its number of features."""
    filters = [int(64 * 2**group * width) for group in range(4)]
    layers = [nn.Conv2d(3, filters[0], 3, 1, 1, bias=False), nn.BatchNorm2d(filters[0]), nn.ReLU()]
    inputs = filters[0]
    for group, count in enumerate(filters):
        layers += [Block(inputs, count, 2 if group else 1, True), Block(count, count, 1, False)]
        inputs = count
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), inputs


def contrastive_step(images, labels, *, width: float, temperature: float):
    """A function that does one update and returns the loss.

    Args:
        images: float32 [B, V, S, S, 3], channels last as elsewhere here; they are turned once, outside the step.
        labels: int [B].
        width: factor on the number of filters.
        temperature: tau.
    """
    views = images.shape[1]
    encoder, features = resnet18(width)
    head = nn.Sequential(nn.Linear(features, 512), nn.ReLU(), nn.Linear(512, 128, bias=False))
    model = nn.Sequential(encoder, head).to(memory_format=torch.channels_last)
    flat = torch.as_tensor(images).flatten(0, 1).permute(0, 3, 1, 2)  # [M, 3, S, S], channels last in memory
    classes = torch.as_tensor(labels).repeat_interleave(views)
    positives = (classes[:, None] == classes).float() * (1 - torch.eye(len(classes)))  # [M, M]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    model.train()

    def step():
        optimizer.zero_grad()
        z = functional.normalize(head(functional.normalize(encoder(flat))))  # [M, D]
        similarity = (z @ z.T / temperature).masked_fill(torch.eye(len(z), dtype=torch.bool), -1e9)
        log_prob = similarity - torch.logsumexp(similarity, 1, keepdim=True)
        loss = -((positives * log_prob).sum(1) / positives.sum(1)).mean()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step
