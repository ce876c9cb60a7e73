"""Operation counts: by hand on a small network, and the published ones at 224 pixels."""

from __future__ import annotations

import keras
import pytest
from keras import layers

from data.errors import TrainingError
from vision.complexity import Complexity, count_macs, measure_complexity
from vision.config import NetworkConfig
from vision.networks import build_network, set_trainable

pytestmark = pytest.mark.usefixtures("keras_policy")


def test_kernels_are_counted_once_per_output_position() -> None:
    inner_in = keras.Input((8, 8, 6))
    x = layers.Conv2D(4, 3, groups=2, padding="same")(inner_in)  # 64 positions, 3 * 3 * 3 * 4
    x = layers.DepthwiseConv2D(3, strides=2, padding="same")(x)  # 16 positions, 3 * 3 * 4
    inner = keras.Model(inner_in, layers.BatchNormalization()(x))
    inputs = keras.Input((16, 16, 1))
    x = layers.Conv2D(6, 5, strides=2, padding="same")(inputs)  # 64 positions, 5 * 5 * 1 * 6
    x = inner(x)
    x = layers.SeparableConv2D(5, 3)(x)  # 4 positions, 3 * 3 * 4 + 4 * 5
    x = layers.Dense(2)(x)  # 4 vectors, 5 * 2
    x = layers.Dense(3)(layers.Flatten()(x))  # 8 * 3
    expected = 64 * 150 + 64 * 108 + 16 * 36 + 4 * 56 + 4 * 10 + 24
    assert count_macs(keras.Model(inputs, x)) == expected


def test_what_cannot_be_counted_is_not_passed_over() -> None:
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, layers.Conv2DTranspose(2, 3, name="up")(inputs))
    with pytest.raises(TrainingError, match="up: operations of Conv2DTranspose"):
        count_macs(model)


def test_complexity_tells_what_learns() -> None:
    model = build_network(NetworkConfig(widths=(8, 16), convolutions=1))
    kernels, norm, head = 9 * 8 + 9 * 8 * 16, 4 * (8 + 16), 17 * 7
    macs = 48 * 48 * 9 * 8 + 24 * 24 * 9 * 8 * 16 + 16 * 7
    assert measure_complexity(model) == Complexity(
        kernels + norm + head, kernels + norm // 2 + head, macs
    )
    set_trainable(model, "head")
    assert measure_complexity(model).trainable == head


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("mobilenet_v2", 0.300e9),  # Sandler et al., 2018, table 4
        ("efficientnet_b0", 0.39e9),  # Tan & Le, 2019, table 2
        ("resnet50", 3.8e9),  # He et al., 2016, table 1
        ("vgg16", 15.3e9),  # He et al., 2016, section 3.3
    ],
)
def test_counts_agree_with_the_papers_at_224_pixels(name: str, published: float) -> None:
    model = build_network(NetworkConfig(name=name, side=48, resize=224))
    assert count_macs(model) == pytest.approx(published, rel=0.02)
