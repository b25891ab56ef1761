"""What each host says reaches all of them; `tests/run/test_hosts.py` has two processes."""

from __future__ import annotations

import pytest

from supcon_tf.distribution import agreement


def test_one_host_hears_itself(one_device):
    assert agreement.texts_of_hosts(one_device, "caf\u00e9") == ["caf\u00e9"]


@pytest.mark.two_replicas_required
def test_two_hosts_hear_each_other(two_replicas, monkeypatch):
    """Two replicas stand for hosts of one device each."""
    monkeypatch.setattr(agreement, "host_count", lambda strategy: 2)
    assert agreement.texts_of_hosts(two_replicas, "a text \u00e9") == ["a text \u00e9"] * 2
