"""What a checkpoint of a stage holds."""

from __future__ import annotations

import tensorflow as tf


def test_a_checkpoint_holds_networks_optimizer_and_step(tmp_path, make_state, one_device):
    state, marks = make_state(one_device), {}
    state.step.assign(7)
    momentum = [v for v in state.optimizer.variables if tuple(v.shape) == (16, 16)]  # of the projection's first layer
    assert len(momentum) == 1
    for number, variable in enumerate([*(part.weights[0] for part in state.networks.parts().values()), *momentum], 1):
        variable.assign(tf.fill(variable.shape, float(number)))
        marks[number] = variable
    path = state.trackable().save(str(tmp_path / "saved"))
    for variable in marks.values():
        variable.assign(tf.zeros(variable.shape))
    state.step.assign(0)
    state.trackable().restore(path).assert_existing_objects_matched()
    assert int(state.step.numpy()) == 7
    for number, variable in marks.items():
        assert (tf.convert_to_tensor(variable).numpy() == number).all(), number
