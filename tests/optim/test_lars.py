"""LARS against the authors' test vectors, against plain float64, and wherever a trainer runs it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.optim.lars import LARS
from supcon_tf.optim.schedules import learning_rate_schedule

SHAPES = [(3, 3, 2, 4), (5, 3), (3,), (4,), (2, 2), (6,)]
UNDECAYED = (2, 3)  # places in SHAPES
ZERO_WEIGHTS, ZERO_GRADIENTS = 4, 5


def oracle(weights, gradients, rates, *, decay=0.01, undecayed=UNDECAYED, unadapted=UNDECAYED, classic=True):
    """The rule of the module's docstring in float64, a variable at a time."""
    ends = []
    for place, start in enumerate(weights):
        w, v = start.astype(np.float64), np.zeros(start.shape)
        for step, rate in enumerate(rates):
            g = gradients[step][place] + (0.0 if place in undecayed else decay) * w
            if not classic:
                v = g = 0.9 * v + g
            size, step_size = math.sqrt((w**2).sum()), math.sqrt((g**2).sum())
            trust = 0.001 * size / step_size if size > 0 and step_size > 0 and place not in unadapted else 1.0
            if classic:
                v = 0.9 * v + rate * trust * g
            w = w - (v if classic else rate * trust * v)
        ends.append(w)
    return ends


def problem(steps):
    """Start weights, gradients [steps][variable] and rates; one variable starts at 0, one gets no gradient."""
    random = np.random.default_rng(7)
    weights = [random.normal(size=shape).astype(np.float32) for shape in SHAPES]
    weights[ZERO_WEIGHTS][:] = 0
    gradients = [[random.normal(size=shape).astype(np.float32) for shape in SHAPES] for _ in range(steps)]
    for of_step in gradients:
        of_step[ZERO_GRADIENTS][:] = 0
    return weights, gradients, SCHEDULE(np.arange(steps)).numpy()


SCHEDULE = learning_rate_schedule("cosine", peak_learning_rate=2.0, total_steps=120, warmup_steps=10)


def train(weights, gradients, *, wrap=lambda function: function, **options):
    """Weights after the steps, by the optimizer."""
    variables = [tf.Variable(weight) for weight in weights]
    excluded = {name: [variables[place] for place in options.pop(name)] for name in ("undecayed", "unadapted")
                if options.get(name) is not None}  # fmt: skip
    optimizer = LARS(SCHEDULE, weight_decay=0.01, **excluded, **options)
    optimizer.build(variables)

    @wrap
    def apply(*given):
        optimizer.apply_gradients(zip(given, variables))

    for of_step in gradients:
        apply(*map(tf.constant, of_step))
    return [variable.numpy() for variable in variables]


def assert_near(found, expected, tolerance=2e-5):
    for one, other in zip(found, expected):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * np.abs(other).max())


@pytest.mark.parametrize("weight, gradient", [([1.0, 2.0], 0.1), ([3.0, 4.0], 0.01)])
def test_the_authors_vectors(weight, gradient):
    """Rate 3, no decay: one step moves by 3 * 0.001 * ||w|| along the direction of g, whatever the size of g."""
    variable = tf.Variable(weight)
    optimizer = LARS(3.0)
    optimizer.build([variable])
    optimizer.apply_gradients([(tf.constant([gradient, gradient]), variable)])
    expected = np.array(weight) - 3 * 0.001 * np.linalg.norm(weight) / math.sqrt(2)
    np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("classic", [True, False])
def test_a_hundred_steps_equal_plain_float64(classic):
    weights, gradients, rates = problem(100)
    found = train(weights, gradients, undecayed=UNDECAYED, classic_momentum=classic, wrap=tf.function)
    expected = oracle(weights, gradients, rates, classic=classic)
    assert_near(found, expected)
    controls = [
        oracle(weights, gradients, rates, classic=not classic),
        oracle(weights, gradients, rates, classic=classic, unadapted=()),
        oracle(weights, gradients, rates, classic=classic, undecayed=()),
    ]
    for control in controls:  # The tolerance tells these rules apart.
        assert max(np.abs(one - other).max() for one, other in zip(control, expected)) > 1e-3
    assert np.abs(found[ZERO_WEIGHTS]).min() > 0  # A variable that starts at 0 moves: its trust ratio is then 1.


def test_decay_and_adaptation_are_excluded_apart():
    weights, gradients, rates = problem(20)
    for undecayed, unadapted in [((0, 5), ()), ((), (0, 1)), ((0,), (1,))]:
        found = train(weights, gradients, undecayed=undecayed, unadapted=unadapted, wrap=tf.function)
        assert_near(found, oracle(weights, gradients, rates, undecayed=undecayed, unadapted=unadapted))


def test_without_decay_the_update_does_not_depend_on_the_size_of_the_gradients():
    """The law that gives the optimizer its name."""
    weights, gradients, _ = problem(5)
    ends = []
    for scale in (1.0, 1024.0):
        variables = [tf.Variable(weight) for weight in weights[:2]]
        optimizer = LARS(1.0)
        optimizer.build(variables)
        for of_step in gradients:
            optimizer.apply_gradients([(scale * g, variable) for g, variable in zip(of_step, variables)])
        ends.append([variable.numpy() for variable in variables])
    assert_near(*ends, tolerance=1e-6)


def test_xla_compiles_it_to_the_same_numbers():
    weights, gradients, rates = problem(5)
    found = train(weights, gradients, undecayed=UNDECAYED, wrap=lambda f: tf.function(f, jit_compile=True))
    assert_near(found, oracle(weights, gradients, rates))


@pytest.mark.two_replicas_required
def test_two_replicas_update_as_one_by_the_sum_of_their_gradients(two_replicas):
    """Norms are those of the sum, and the decay counts once: both would be wrong replica by replica."""
    weights, gradients, rates = problem(4)
    with two_replicas.scope():
        variables = [tf.Variable(weight) for weight in weights]
        optimizer = LARS(SCHEDULE, weight_decay=0.01, undecayed=[variables[place] for place in UNDECAYED])
        optimizer.build(variables)

    @tf.function
    def step(*given):
        def replica():
            share = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.float32) * 4 - 1.5
            optimizer.apply_gradients([(share * g, variable) for g, variable in zip(given, variables)])  # -1.5 and 2.5

        two_replicas.run(replica)

    for of_step in gradients:
        step(*map(tf.constant, of_step))
    for variable, expected in zip(variables, oracle(weights, gradients, rates)):
        np.testing.assert_allclose(variable.numpy(), expected, rtol=2e-5, atol=1e-6)
        first, second = two_replicas.experimental_local_results(variable)
        np.testing.assert_array_equal(first.numpy(), second.numpy())


def test_scaled_losses_update_as_plain_ones():
    """Under mixed float16: the norms are those of gradients at their own size, and an overflow changes nothing."""
    weights, gradients, rates = problem(3)
    variables = [tf.Variable(weight) for weight in weights]
    lars = LARS(SCHEDULE, weight_decay=0.01, undecayed=[variables[place] for place in UNDECAYED])
    optimizer = tf.keras.mixed_precision.LossScaleOptimizer(lars)
    optimizer.build(variables)
    scale = 2.0**15
    for of_step in gradients:
        scaled = [scale * g for g in map(tf.constant, of_step)]
        if hasattr(optimizer, "get_unscaled_gradients"):  # Keras 2; Keras 3 unscales by itself.
            scaled = optimizer.get_unscaled_gradients(scaled)
        optimizer.apply_gradients(zip(scaled, variables))
    assert_near([variable.numpy() for variable in variables], oracle(weights, gradients, rates))
    before = [variable.numpy() for variable in variables]
    optimizer.apply_gradients([(tf.fill(variable.shape, np.inf), variable) for variable in variables])
    for variable, kept in zip(variables, before):
        np.testing.assert_array_equal(variable.numpy(), kept)


def test_a_saved_optimizer_excludes_the_same_variables():
    weights, gradients, rates = problem(4)
    variables = [tf.Variable(weight) for weight in weights]
    optimizer = LARS(SCHEDULE, weight_decay=0.01, undecayed=[variables[2]], unadapted=[variables[3]])
    with pytest.raises(ValueError, match=r"after `build\(variables\)`"):
        optimizer.get_config()
    optimizer.build(variables)
    again = tf.keras.optimizers.deserialize(tf.keras.optimizers.serialize(optimizer))
    assert isinstance(again, LARS) and again.get_config() == optimizer.get_config()
    again.build(variables)
    for of_step in gradients:
        again.apply_gradients(zip(map(tf.constant, of_step), variables))
    found = [variable.numpy() for variable in variables]
    assert_near(found, oracle(weights, gradients, rates, undecayed=(2,), unadapted=(3,)))


def test_its_momentum_comes_back_from_a_checkpoint(tmp_path):
    weights, gradients, rates = problem(4)

    def made():
        variables = [tf.Variable(weight) for weight in weights]
        optimizer = LARS(SCHEDULE, weight_decay=0.01, undecayed=[variables[place] for place in UNDECAYED])
        optimizer.build(variables)
        return variables, optimizer, tf.train.Checkpoint(optimizer=optimizer, variables=variables)

    def apply(made, of_steps):
        for of_step in of_steps:
            made[1].apply_gradients(zip(map(tf.constant, of_step), made[0]))

    first, second = made(), made()
    apply(first, gradients[:2])
    second[2].restore(first[2].save(str(tmp_path / "step"))).assert_consumed()
    apply(second, gradients[2:])
    assert_near([variable.numpy() for variable in second[0]], oracle(weights, gradients, rates))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"momentum": 0.0}, r"`momentum` must be above 0 and below 1; got 0.0"),
        ({"weight_decay": -0.1}, r"`weight_decay` must be >= 0 .* got weight_decay=-0.1"),
        ({"trust_coefficient": 0.0}, r"`trust_coefficient` above 0; got .* trust_coefficient=0.0"),
    ],
)
def test_what_is_out_of_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        LARS(0.1, **options)
