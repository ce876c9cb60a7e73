"""The matrix of experiments: checked as a whole, resumed, and never telling what was not run."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import tomli_w

from api.cli.app import run as run_command
from data.datasets.fer2013 import read_fer2013
from data.errors import ConfigError, DatasetNotFoundError, TrainingError
from tests.conftest import ROOT
from vision.config import NetworkName, TrainingConfig
from vision.matrix import remembered, run_matrix
from vision.matrix_config import Matrix, merged, read_matrix
from vision.runs import keras_logits, load_run
from vision.views import both_views

TINY: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 14,
    "learning_rate": 1e-2,
    "network": {"name": "compact_vgg", "widths": [4, 8], "convolutions": 1, "dropout": 0.1},
    "augmentation": {"flip": False},
}
ROWS: list[dict[str, Any]] = [
    {"name": "plain", "study": "Steps, 2 epochs", "base": TINY},
    {
        "name": "noisy",
        "study": "Steps, 2 epochs",
        "like": "plain",
        "set": {"augmentation.noise": 8.0},
    },
    {
        "name": "aligned",
        "study": "Faces",
        "config": "recipe.toml",
        "set": {"align": True, "epochs": 1},
        "budget": "one epoch only",
    },
]


class StoppedError(Exception):
    """Stands for a kill."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with ``fer2013.csv``, ``recipe.toml`` and ``matrix.toml``."""
    return furnish(tmp_path)


@pytest.fixture(scope="module")
def begun_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with ``out``: its first row is finished, the second has one of two epochs."""
    folder = furnish(tmp_path_factory.mktemp("begun"))
    with pytest.raises(StoppedError):
        run(folder, report=stop_at("noisy: epoch 1"))
    return folder


@pytest.fixture
def begun(begun_home: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(begun_home, tmp_path / "begun"))


def furnish(folder: Path) -> Path:
    with (folder / "fer2013.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["emotion", "pixels", "Usage"])
        for usage in ("Training", "PublicTest", "PrivateTest"):
            for i, image in enumerate(faces()):
                # PrivateTest is of other pictures, but for its first seven.
                moved = usage == "PrivateTest" and i >= 7
                pixels = np.roll(image, 1, axis=1) if moved else image
                writer.writerow([i % 7, " ".join(map(str, pixels.ravel())), usage])
    (folder / "recipe.toml").write_text(tomli_w.dumps(TINY))
    write_matrix(folder, ROWS)
    return folder


def faces() -> np.ndarray:
    """Fifty-six pictures with a bright band where the label, 0..6 in turn, says."""
    images = np.random.default_rng(0).integers(0, 60, (56, 48, 48), dtype=np.uint8)
    for i, image in enumerate(images):
        image[6 * (i % 7) : 6 * (i % 7) + 8] += 180
    return images


def write_matrix(home: Path, rows: list[dict[str, Any]], **common: Any) -> Path:
    path = home / "matrix.toml"
    path.write_text(tomli_w.dumps({"budget": "Tiny.", **common, "experiment": rows}))
    return path


def run(home: Path, out: str = "out", **options: Any) -> list[Any]:
    return run_matrix(home / "matrix.toml", home / "fer2013.csv", home / out, **options)


def stop_at(text: str) -> Callable[[str], None]:
    def report(line: str) -> None:
        if text in line:
            raise StoppedError

    return report


def figures(results: list[Any]) -> list[dict[str, Any]]:
    timed = {"seconds", "cpu_seconds"}
    return [r.model_dump(mode="json", exclude=timed) for r in results]


def test_a_row_starts_where_it_says_and_changes_what_it_says(home: Path) -> None:
    path = write_matrix(home, ROWS, set={"seed": 3})
    plain, noisy, aligned = (row.config for row in read_matrix(path).rows)
    assert plain == TrainingConfig.parse({**TINY, "seed": 3})
    wanted = plain.augmentation.model_copy(update={"noise": 8.0})
    assert noisy == plain.model_copy(update={"augmentation": wanted})
    assert aligned == plain.model_copy(update={"align": True, "epochs": 1})


def test_changes_may_be_dotted_or_tables_and_keep_the_rest() -> None:
    base = {"a": {"b": 1, "c": 2}, "d": 3}
    assert (
        merged(base, {"a.b": 5}) == merged(base, {"a": {"b": 5}}) == {"a": {"b": 5, "c": 2}, "d": 3}
    )
    assert merged(base, {"d.e": 4}) == {"a": {"b": 1, "c": 2}, "d": {"e": 4}}
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"set": {"augmentation.noize": 1}}, "experiment noisy: augmentation.noize: Extra inputs"),
        ({"set": {"epochs.x": 1}}, "experiment noisy: epochs: Input should be a valid integer"),
        ({"set": {"epochs": 0}}, "experiment noisy: epochs"),
        ({"colour": "red"}, "experiment noisy: colour: Extra inputs"),
        ({"study": ""}, "experiment noisy: study"),
        ({"like": "aligned"}, "noisy is like aligned, which is no earlier row"),
        ({"config": "recipe.toml"}, "experiment noisy: .*exactly one of config, base and like"),
        ({"like": None, "config": "no.toml"}, "experiment noisy: no configuration file at"),
        ({"name": "plain"}, "two rows are called plain"),
        ({"name": "../noisy"}, "experiment ../noisy: name"),
    ],
)
def test_a_wrong_row_is_named_before_any_is_run(
    home: Path, change: dict[str, Any], message: str
) -> None:
    wrong = {k: v for k, v in {**ROWS[1], **change}.items() if v is not None}
    write_matrix(home, [ROWS[0], wrong, ROWS[2]])
    with pytest.raises(ConfigError, match=message):
        run(home)
    assert not (home / "out").exists()


def test_rows_are_asked_for_by_names_that_exist(home: Path) -> None:
    with pytest.raises(ConfigError, match="called noizy; there are plain, noisy, aligned"):
        run(home, only=["noizy"])
    with pytest.raises(DatasetNotFoundError):
        run_matrix(home / "matrix.toml", home / "nowhere", home / "out")


def test_weights_stand_in_for_those_of_their_network_only(home: Path) -> None:
    file = home / "weights.h5"
    file.write_bytes(b"")
    networks = {"a": "mobilenet_v2", "b": "vgg16"}
    rows = [
        {"name": name, "study": "S", "base": {"network": {"name": network, "weights": "imagenet"}}}
        for name, network in networks.items()
    ]
    path = write_matrix(home, [*rows, ROWS[0]])
    given = read_matrix(path, {"mobilenet_v2": file}).rows
    assert [r.config.network.weights for r in given] == [str(file), "imagenet", "none"]
    with pytest.raises(ConfigError, match=r"no weights of vgg16 at .*missing"):
        read_matrix(path, {"vgg16": home / "missing.h5"})
    with pytest.raises(ConfigError, match="names vgg61, which is no network"):
        read_matrix(path, {"vgg61": file})


@pytest.mark.usefixtures("undrawn")
def test_a_matrix_stopped_between_and_within_rows_ends_as_an_unbroken_one(begun: Path) -> None:
    unbroken = run(begun, "unbroken", only=["noisy"])
    finished = (begun / "out/plain/result.json").read_bytes()
    with pytest.raises(StoppedError):
        run(begun, report=stop_at("noisy: scoring"))
    lines: list[str] = []
    resumed = run(begun, only=["plain", "noisy"], report=lines.append)
    assert figures(resumed[1:]) == figures(unbroken)
    assert lines[:2] == ["row 1 of 2, plain: finished before", "row 2 of 2, noisy: scoring"]
    assert (begun / "out/plain/result.json").read_bytes() == finished


def test_a_finished_row_keeps_its_best_weights_and_says_all_of_it(begun: Path) -> None:
    (result,) = run(begun, only=["plain"])
    folder = begun / "out/plain"
    left = {p.name for p in folder.iterdir()}
    assert {"best.weights.h5", "config.toml", "record.json", "result.json"} <= left
    assert not [n for n in left if n.startswith(("checkpoint", "partial", "progress"))]
    model, config = load_run(folder)
    history = json.loads((folder / "record.json").read_text())["history"]
    assert result.config == config
    assert result.parameters == model.count_params()
    assert result.macs == 48 * 48 * 9 * 4 + 24 * 24 * 9 * 4 * 8 + 8 * 7
    assert (result.rows, result.pictures_seen, result.epochs) == (56, 112, 2)
    assert result.seconds == pytest.approx(sum(h["seconds"] for h in history))
    best = history[result.best_epoch - 1]["val_accuracy"]
    assert best == max(h["val_accuracy"] for h in history) == result.public_single.accuracy
    assert result.private_flipped.temperature == result.public_flipped.temperature
    test = read_fer2013(begun / "fer2013.csv", "PrivateTest")
    right = both_views(keras_logits(model), test.images)[1].argmax(axis=1) == test.labels
    assert result.private_flipped.accuracy == right.mean()
    assert np.trace(np.array(result.private_confusion)) == right.sum()
    assert result.private_deleaked_accuracy == right[7:].mean()


def test_the_table_has_every_row_and_only_what_was_measured(begun: Path) -> None:
    (plain,) = run(begun, only=["plain"])
    text = (begun / "out/experiments.md").read_text()
    assert text.startswith("# Experiments\n\nTiny.\n")
    assert text.index("## Steps, 2 epochs") < text.index("## Faces")
    lines = {line.split(" | ")[0]: line for line in text.splitlines() if line.startswith("| ")}
    cells = [c.strip() for c in lines["| plain"].strip("|").split("|")]
    assert cells[1] == f"{plain.parameters:,}"
    assert cells[3:5] == ["112", f"2 ({plain.best_epoch})"]
    low, high = plain.private_single.accuracy_interval
    assert cells[8] == f"{plain.private_single.accuracy:.1%} ({low:.1%}–{high:.1%})"
    for name in ("noisy", "aligned"):
        assert set(lines[f"| {name}"].strip("| ").split(" | ")[1:]) == {"not run"}
    assert "- **noisy**: as plain, `augmentation.noise = 8.0`." in text
    assert "Budget: one epoch only" in text
    listed = json.loads((begun / "out/experiments.json").read_text())["experiments"]
    assert [row["name"] for row in listed] == ["plain", "noisy", "aligned"]
    assert [row["result"] is None for row in listed] == [False, True, True]
    assert listed[0]["result"] == plain.model_dump(mode="json")
    assert (begun / "out/experiments.png").read_bytes().startswith(b"\x89PNG")


def test_a_changed_row_is_refused(begun: Path) -> None:
    changed = [{**ROWS[0], "set": {"seed": 8}}, {**ROWS[1], "set": {"batch_size": 7}}, ROWS[2]]
    write_matrix(begun, changed)
    for name, difference in (("plain", "seed was 7, is 8"), ("noisy", "batch_size was 14, is 7")):
        with pytest.raises(TrainingError, match=f"row {name} .*{difference}.*remove .*--only"):
            run(begun, only=[name])
        with pytest.raises(TrainingError, match="row plain was made by another recipe"):
            run(begun)


def test_a_result_of_another_recipe_is_not_shown_as_the_rows(begun: Path) -> None:
    shutil.rmtree(begun / "out/noisy")
    shutil.copytree(begun / "out/plain", begun / "out/noisy")
    run(begun, only=["plain"])
    text = (begun / "out/experiments.md").read_text()
    assert "| noisy | not run |" in text
    assert "| plain | not run |" not in text


def test_a_finished_row_is_kept_where_its_weights_came_from_elsewhere(begun: Path) -> None:
    path = begun / "out/plain/result.json"
    network = {"name": "mobilenet_v2", "weights": "elsewhere.h5"}
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "config": {"network": network}, "name": "net"}))
    (begun / "out/plain").rename(begun / "out/net")
    base = {"network": {**network, "weights": "imagenet"}}
    write_matrix(begun, [{"name": "net", "study": "S", "base": base}])
    (kept,) = run(begun)
    assert kept.config.network.weights == "elsewhere.h5"
    write_matrix(begun, [{"name": "net", "study": "S", "base": {"network": {"name": "vgg16"}}}])
    with pytest.raises(TrainingError, match=r"network\.weights was elsewhere\.h5, is none"):
        run(begun)


def test_rows_of_other_data_do_not_share_a_table(begun: Path) -> None:
    lines = (begun / "fer2013.csv").read_text().splitlines(keepends=True)
    (begun / "fer2013.csv").write_text("".join(lines[:-1]))
    with pytest.raises(TrainingError, match="learned from other data: choose another --out"):
        run(begun)


def test_a_row_that_cannot_be_run_is_named(home: Path) -> None:
    lost = {**ROWS[0], "set": {"targets.teachers": [str(home / "nobody")]}}
    write_matrix(home, [lost])
    with pytest.raises(TrainingError, match=r"row 1 of 1, plain: .*nobody"):
        run(home)


def test_a_network_is_asked_once_about_the_same_pictures() -> None:
    asked = []

    def network(images: np.ndarray) -> np.ndarray:
        asked.append(len(images))
        return images.reshape(len(images), -1)[:, :7].astype(np.float32)

    quick = remembered(network)
    one, other = np.arange(49, dtype=np.uint8).reshape(1, 7, 7), np.zeros((2, 7, 7), dtype=np.uint8)
    for images in (one, other, one.copy(), other):
        np.testing.assert_array_equal(quick(images), network(images))
    assert asked.count(1) == 3  # twice by this test
    assert asked.count(2) == 3


@pytest.fixture
def attune(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> Callable[..., tuple[object, str, str]]:
    """Run ``attune train`` with its home in ``home``; returns exit status, stdout, stderr."""
    monkeypatch.setenv("ATTUNE_HOME", str(home))

    def call(*words: object) -> tuple[object, str, str]:
        monkeypatch.setattr("sys.argv", ["attune", "train", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            run_command()
        return stop.value.code, *capsys.readouterr()

    return call


@pytest.mark.usefixtures("undrawn")
def test_the_command_runs_the_named_rows_and_says_where_the_table_is(
    attune: Callable[..., tuple[object, str, str]], home: Path
) -> None:
    matrix, data = home / "matrix.toml", home / "fer2013.csv"
    code, out, err = attune("vision", "--matrix", matrix, "--data", data, "--only", "aligned")
    assert not code
    assert out == f"{home}/runs/matrix/experiments.md\n"
    assert "row 1 of 1, aligned: epoch 1" in err
    assert (home / "runs/matrix/aligned/result.json").exists()
    assert not (home / "runs/matrix/plain").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["vision", "--data", "d"], "--config FILE is needed"),
        (["vision", "--matrix", "m", "--config", "c", "--data", "d"], "not both"),
        (["mood", "--matrix", "m", "--data", "d"], "--matrix is for vision"),
        (["vision", "--matrix", "m"], "--data PATH is needed"),
        (["vision", "--matrix", "m", "--data", "d"], "no configuration file at m"),
        (["vision", "--matrix", "m", "--data", "d", "--resume"], "always goes on"),
        (["vision", "--config", "c", "--data", "d", "--only", "a"], "--only chooses rows"),
        (["vision", "--matrix", "m", "--data", "d", "--weights", "a.h5"], "NETWORK=FILE"),
        (["vision", "--matrix", "m", "--data", "d", "--weights", "vgg16=no.h5"], "no.h5"),
    ],
)
def test_the_command_says_what_is_wrong(
    attune: Callable[..., tuple[object, str, str]], words: list[str], message: str
) -> None:
    code, out, err = attune(*words)
    assert code == 1
    assert message in " ".join(err.split())
    assert not out


class TestShippedMatrix:
    """``configs/vision/experiments.toml`` says what it compares, and compares that."""

    @pytest.fixture
    def matrix(self) -> Matrix:
        return read_matrix(ROOT / "configs/vision/experiments.toml")

    def test_every_architecture_has_an_equal_budget(self, matrix: Matrix) -> None:
        rows = [r for r in matrix.rows if r.name.startswith("equal-")]
        assert {r.config.network.name for r in rows} == set(get_args(NetworkName))
        assert len({r.experiment.study for r in rows}) == 1
        budgets = {(r.config.epochs, r.config.limit, r.config.batch_size) for r in rows}
        assert len(budgets) == 1
        assert {r.config.network.weights for r in rows} == {"none"}

    def test_no_row_needs_what_is_not_given(self, matrix: Matrix) -> None:
        for row in matrix.rows:
            assert row.config.targets.teachers == ()
            assert row.config.network.weights in ("none", "imagenet")
            assert row.config.views_on == "cpu"
            assert row.config.patience is None or row.config.patience >= row.config.epochs
