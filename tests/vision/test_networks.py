"""Networks: one contract for all, ImageNet's preprocessing, weights from a file, what learns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import keras
import numpy as np
import onnxruntime
import pytest

from data.errors import ArtifactError, ConfigError
from tests.conftest import ROOT
from vision.backbones import ARCHITECTURES, KeptBatchNormalization
from vision.config import NetworkConfig, TrainingConfig
from vision.export import write_onnx
from vision.networks import build_network, rate_groups, set_trainable

pytestmark = pytest.mark.usefixtures("keras_policy")
OWN = ["simple_nn", "cnn", "compact_vgg"]
# Seven seconds to build, and its sister has the same code:
QUICK = [*OWN, *(name for name in ARCHITECTURES if name != "efficientnet_b7")]


def faces(n: int, side: int = 48) -> np.ndarray:
    return np.random.default_rng(n).uniform(0, 255, (n, side, side, 1)).astype(np.float32)


def norms(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    body = model.get_layer("backbone")
    return [layer for layer in body.layers if isinstance(layer, keras.layers.BatchNormalization)]


def seen_by_backbone(model: keras.Model, gray: np.ndarray) -> np.ndarray:
    front = keras.Model(model.input, model.get_layer("preprocess").output)
    return np.asarray(front(gray))


@pytest.mark.parametrize("name", QUICK)
def test_every_network_takes_gray_levels_and_gives_logits(name: str) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = build_network(NetworkConfig(name=name))
    assert (model.name, model.input_shape, model.output_shape) == (
        name,
        (None, 48, 48, 1),
        (None, 7),
    )
    x = faces(2)
    plain, told = model(x), model(x, training=False)
    assert plain.dtype == "float32"
    assert np.isfinite(plain).all()
    # An export calls without ``training``, and must not get the graph of training:
    np.testing.assert_array_equal(plain, told)
    depths = rate_groups(model)
    assert set(depths) == {variable.path for variable in model.weights}
    assert len(depths) == len(model.weights)
    assert set(depths.values()) == set(range(max(depths.values()) + 1))


def test_compact_vgg_stays_what_runs_and_weights_were_made_with() -> None:
    model = build_network(NetworkConfig(widths=(8, 16), convolutions=2))
    block = ["conv1", "conv1_bn", "conv1_relu", "conv2", "conv2_bn", "conv2_relu", "pool"]
    assert [layer.name for layer in model.layers] == [
        "gray", "rescale", *(f"block{b}_{name}" for b in (1, 2) for name in block),
        "features", "dropout", "logits",
    ]  # fmt: skip


def test_own_networks_follow_their_widths() -> None:
    dense = build_network(NetworkConfig(name="simple_nn", widths=(20, 10), batch_norm=False))
    assert [w.shape for w in dense.weights] == [(2304, 20), (20,), (20, 10), (10,), (10, 7), (7,)]
    config = NetworkConfig(name="cnn", widths=(4, 8), convolutions=1, block_dropout=0.2)
    classic = build_network(config)
    assert classic.get_layer("hidden").kernel.shape == (12 * 12 * 8, 8)
    assert classic.get_layer("block2_dropout").rate == 0.2
    plain = build_network(config.model_copy(update={"batch_norm": False, "block_dropout": 0.0}))
    kinds = {type(layer).__name__ for layer in plain.layers}
    assert "FusedBatchNormalization" in {type(layer).__name__ for layer in classic.layers}
    assert "FusedBatchNormalization" not in kinds
    assert plain.get_layer("block1_conv1").use_bias


@pytest.mark.parametrize(
    ("name", "official"),
    [
        ("vgg16", keras.applications.vgg16.preprocess_input),
        ("mobilenet_v2", keras.applications.mobilenet_v2.preprocess_input),
    ],
)
def test_preprocessing_is_that_of_the_imagenet_weights(
    name: str, official: Callable[[np.ndarray], np.ndarray]
) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")  # gray levels stay float32 all the same
    gray = faces(2)
    seen = seen_by_backbone(build_network(NetworkConfig(name=name)), gray)
    np.testing.assert_allclose(seen, official(np.repeat(gray, 3, axis=-1)), rtol=1e-5, atol=1e-4)


def test_efficientnet_gives_the_features_of_keras_with_imagenet_statistics() -> None:
    theirs = keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=(48, 48, 3), pooling="avg"
    )
    normalization = next(x for x in theirs.layers if isinstance(x, keras.layers.Normalization))
    means, deviations = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    for variable, value in zip(normalization.weights, (means, deviations**2), strict=False):
        variable.assign(value)
    normalization.finalize_state()
    ours = build_network(NetworkConfig(name="efficientnet_b0"))
    backbone = ours.get_layer("backbone")
    weights = {layer.name: layer.get_weights() for layer in theirs.layers}
    for layer in backbone.layers:
        if layer.weights:
            layer.set_weights(weights[layer.name])
    gray = faces(3)
    expected = theirs(np.repeat(gray, 3, axis=-1))
    got = backbone(seen_by_backbone(ours, gray))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
    kinds = {type(layer).__name__ for layer in backbone.layers}
    assert not kinds & {"Normalization", "Rescaling"}


def test_the_backbone_sees_the_side_it_is_told_to() -> None:
    model = build_network(NetworkConfig(name="mobilenet_v2", resize=64))
    assert model.get_layer("backbone").input_shape == (None, 64, 64, 3)
    ramp = np.broadcast_to(np.linspace(0, 255, 48, dtype=np.float32)[:, None, None], (1, 48, 48, 1))
    seen = seen_by_backbone(model, ramp)[0, :, 5, 0]
    assert seen[0] == -1.0
    assert seen[-1] == 1.0
    assert (np.diff(seen)[1:-1] > 0).all()
    least = build_network(NetworkConfig(name="xception"))
    assert least.get_layer("backbone").input_shape == (None, 71, 71, 3)
    with pytest.raises(ConfigError, match="inception_v3 takes 75"):
        build_network(NetworkConfig(name="inception_v3", resize=48))


@pytest.mark.parametrize("name", OWN)
def test_own_networks_refuse_what_only_backbones_have(name: str) -> None:
    for extra in ({"weights": "imagenet"}, {"resize": 96}):
        with pytest.raises(ConfigError, match=f"{name} has none"):
            NetworkConfig.parse({"name": name, **extra})


def test_weights_come_from_a_file(tmp_path: Path) -> None:
    source = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
    )
    path = tmp_path / "backbone.weights.h5"
    source.save_weights(path)
    config = NetworkConfig(name="mobilenet_v2", side=32, weights=str(path))
    loaded = build_network(config).get_layer("backbone")
    for ours, theirs in zip(loaded.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for wrong in ("vgg16", "efficientnet_b0"):
        with pytest.raises(ArtifactError, match=f"does not hold the weights of {wrong}"):
            build_network(config.model_copy(update={"name": wrong}))


def test_unusable_weights_are_told(tmp_path: Path) -> None:
    config = NetworkConfig(name="mobilenet_v2", weights=str(tmp_path / "none.weights.h5"))
    with pytest.raises(ArtifactError, match="no weights file at"):
        build_network(config)
    for name in ("text.weights.h5", "text.h5", "text.txt"):
        (tmp_path / name).write_text("not a weights file")
        with pytest.raises(ArtifactError, match="does not hold the weights"):
            build_network(config.model_copy(update={"weights": str(tmp_path / name)}))


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mobilenet_v2", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_96_no_top.h5"),
        ("efficientnet_b0", "efficientnetb0_notop.h5"),
    ],
)
def test_a_failed_download_tells_the_way_out(
    name: str, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(fname: str, *_: Any, **__: Any) -> None:
        raise Exception(f"URL fetch failure on {fname}")  # noqa: TRY002 - as Keras does

    monkeypatch.setattr(keras.src.utils.file_utils, "get_file", no_network)
    with pytest.raises(
        ArtifactError, match=r"could not be had.*network\.weights to a file"
    ) as told:
        build_network(NetworkConfig(name=name, weights="imagenet", resize=96))
    assert f"failure on {file})" in str(told.value)


@pytest.mark.shared
def test_folded_imagenet_weights_are_taken_with_their_statistics_kept(shared: Path) -> None:
    folder = shared / "datasets" / "imagenet"
    path = folder / "mobilenet_v2_1.0_224_no_top_int8deq.weights.h5"
    if not path.exists():
        pytest.skip(f"no backbone weights at {path}")
    model = build_network(
        NetworkConfig(name="mobilenet_v2", weights=str(path), norm_statistics="keep")
    )
    backbone = model.get_layer("backbone")
    with h5py.File(path) as file:
        kernel = file["layers/conv2d/vars/0"][()]
    np.testing.assert_array_equal(backbone.get_layer("Conv1").kernel, kernel)
    assert {type(layer) for layer in norms(model)} == {KeptBatchNormalization}
    features = np.asarray(backbone(seen_by_backbone(model, faces(4))))
    assert features.std(axis=0).max() > 0.01  # it looks at the picture
    assert np.abs(features).max() < 6.01  # ReLU6


def test_kept_statistics_stay_in_training_and_gamma_and_beta_learn() -> None:
    inputs = keras.Input((4, 4, 3))
    inner = keras.Model(inputs, KeptBatchNormalization(name="bn")(inputs))
    outer = keras.Input((4, 4, 3))
    model = keras.Model(outer, keras.layers.Flatten()(inner(outer)))
    model.compile("sgd", "mse")
    before = [np.array(w) for w in inner.get_weights()]
    x = 5 + np.random.default_rng(0).normal(size=(8, 4, 4, 3)).astype(np.float32)
    model.fit(x, np.zeros((8, 48), dtype=np.float32), verbose=0)
    gamma, beta, mean, variance = inner.get_weights()
    assert (gamma != before[0]).all()
    assert (beta != before[1]).all()
    np.testing.assert_array_equal(mean, before[2])
    np.testing.assert_array_equal(variance, before[3])


def test_a_head_alone_learns_on_a_backbone_that_stands_still() -> None:
    model = build_network(NetworkConfig(name="mobilenet_v2", side=32))
    learning = len(model.trainable_variables)
    set_trainable(model, "head")
    assert [v.path for v in model.trainable_variables] == ["logits/kernel", "logits/bias"]
    before = model.get_layer("backbone").get_weights()
    model(faces(4, 32), training=True)
    for now, then in zip(model.get_layer("backbone").get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    set_trainable(model, "all")
    assert len(model.trainable_variables) == learning
    model(faces(4, 32), training=True)
    first = norms(model)[0]
    assert (np.asarray(first.moving_mean) != 0).any()


def test_rates_fall_block_by_block() -> None:
    depths = rate_groups(build_network(NetworkConfig(name="vgg16")))
    assert {path: depths[path] for path in depths if path.endswith("kernel")} == {
        "logits/kernel": 0,
        "block5_conv1/kernel": 1, "block5_conv2/kernel": 1, "block5_conv3/kernel": 1,
        "block4_conv1/kernel": 2, "block4_conv2/kernel": 2, "block4_conv3/kernel": 2,
        "block3_conv1/kernel": 3, "block3_conv2/kernel": 3, "block3_conv3/kernel": 3,
        "block2_conv1/kernel": 4, "block2_conv2/kernel": 4,
        "block1_conv1/kernel": 5, "block1_conv2/kernel": 5,
    }  # fmt: skip
    depths = rate_groups(build_network(NetworkConfig(name="mobilenet_v2")))
    assert depths["Conv_1_bn/gamma"] == 1
    assert depths["block_16_expand/kernel"] == depths["block_16_project_BN/beta"] == 2
    assert depths["expanded_conv_project/kernel"] == 18
    assert depths["Conv1/kernel"] == depths["bn_Conv1/gamma"] == 19


def test_unnamed_layers_belong_to_the_block_they_lie_in() -> None:
    model = build_network(NetworkConfig(name="xception"))
    depths = rate_groups(model)
    shortcuts = [
        layer.kernel.path
        for layer in model.get_layer("backbone").layers
        if isinstance(layer, keras.layers.Conv2D) and layer.name.startswith("conv2d")
    ]
    sisters = [f"block{b}_sepconv2_bn/gamma" for b in (2, 3, 4, 13)]
    assert [depths[path] for path in shortcuts] == [depths[path] for path in sisters]
    model = build_network(NetworkConfig(name="inception_v3"))
    depths = rate_groups(model)
    order = [depths[w.path] for layer in model.get_layer("backbone").layers for w in layer.weights]
    assert order == sorted(order, reverse=True)
    assert set(order) == set(range(1, 12))


def test_a_nested_backbone_is_exported_as_it_answers(tmp_path: Path) -> None:
    model = build_network(NetworkConfig(name="mobilenet_v2", resize=64))
    for layer in norms(model):
        layer.momentum = 0.0  # takes the statistics of the next batch, so that faces differ
    x = faces(64)
    model(x, training=True)
    write_onnx(model, tmp_path / "network.onnx")
    session = onnxruntime.InferenceSession(
        tmp_path / "network.onnx", providers=["CPUExecutionProvider"]
    )
    logits = session.run(None, {session.get_inputs()[0].name: x})[0]
    assert logits.std(axis=0).min() > 0.05
    np.testing.assert_allclose(logits, model(x), atol=1e-3)


def test_every_recipe_can_be_read_and_is_named_after_its_network() -> None:
    recipes = {path.stem: path for path in (ROOT / "configs" / "vision").glob("*.toml")}
    named = {*ARCHITECTURES, "simple_nn", "cnn"}
    assert {*named, "compact"} <= set(recipes)
    for name, path in recipes.items():
        if name in {"evaluation", "experiments", "faces", "features"}:  # no recipes of one run
            continue
        config = TrainingConfig.from_toml(path)
        network = config.network
        assert name not in named or network.name == name
        if network.name in ARCHITECTURES:
            least = ARCHITECTURES[network.name].least_side
            assert (network.resize or least) >= least
            assert config.mode == "scratch" or network.weights != "none"
