"""Who is in which arm: even, independent, the same everywhere, and as documented."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import chi2_contingency, chisquare
from starlette.testclient import TestClient

from api import metrics
from api.experiments import ExperimentConfig, ExperimentsConfig, check_experiments, share_of
from data.artifacts import activate_bundle
from data.db.session import Database
from data.errors import ConfigError
from data.settings import Settings
from tests.api.bundles import Loads, publish, service
from tests.api.fakes import FakeEngine
from tests.api.scrape import scrape
from tests.waiting import eventually

USERS = [f"listener-{number}" for number in range(100_000)]
ARMS = ({"name": "as-is"}, {"name": "diverse", "diversity": 0.5})
#: A fair split fails so far out once in a thousand seeds; the ids are fixed, so here never.
LEAST_P = 0.001


def experiment(name: str, percent: float = 100.0, arms: Any = ARMS) -> ExperimentConfig:
    return ExperimentConfig.parse({"name": name, "percent": percent, "arms": list(arms)})


def test_arms_get_their_shares() -> None:
    weights = {"a": 1.0, "b": 1.0, "c": 2.0}
    one = experiment("x", arms=[{"name": n, "weight": w} for n, w in weights.items()])
    counts = Counter(one.arm_of(user).name for user in USERS)
    expected = [len(USERS) * w / 4 for w in weights.values()]
    assert chisquare([counts[n] for n in weights], expected).pvalue > LEAST_P


@pytest.mark.parametrize("percent", [0.5, 10, 50])
def test_an_experiment_takes_its_percentage(percent: float) -> None:
    taken = sum(experiment("x", percent).takes(user) for user in USERS)
    right = len(USERS) * percent / 100
    assert chisquare([taken, len(USERS) - taken], [right, len(USERS) - right]).pvalue > LEAST_P


def test_all_are_taken_by_a_hundred_percent() -> None:
    assert all(experiment("x").takes(user) for user in USERS[:1000])


def _independent(rows: list[tuple[Any, Any]]) -> float:
    counts = Counter(rows)
    firsts, seconds = (sorted({row[side] for row in rows}) for side in (0, 1))
    return float(chi2_contingency([[counts[a, b] for b in seconds] for a in firsts]).pvalue)


def test_two_experiments_are_independent() -> None:
    one, other = experiment("colder"), experiment("warmer")
    assert _independent([(one.arm_of(u).name, other.arm_of(u).name) for u in USERS]) > LEAST_P
    half, third = experiment("colder", 50), experiment("warmer", 33)
    assert _independent([(half.takes(u), third.takes(u)) for u in USERS]) > LEAST_P
    # Nor does being taken tell of the arm.
    assert _independent([(half.takes(u), half.arm_of(u).name) for u in USERS]) > LEAST_P


def test_a_larger_percentage_moves_nobody() -> None:
    small, large = experiment("x", 10), experiment("x", 60)
    for user in USERS[:5000]:
        assert large.takes(user) or not small.takes(user)
        assert large.arm_of(user) == small.arm_of(user)


def test_a_listener_is_in_one_experiment_at_most() -> None:
    both = ExperimentsConfig(experiment=(experiment("first", 40), experiment("second", 50)))
    found = Counter(part.experiment if (part := both.assign(user)) else None for user in USERS)
    right = {"first": 0.4, "second": 0.6 * 0.5, None: 0.6 * 0.5}
    expected = [len(USERS) * share for share in right.values()]
    assert chisquare([found[name] for name in right], expected).pvalue > LEAST_P


def test_anybody_can_compute_it() -> None:
    """The rule of ``docs/experiments.md``, written anew; one value worked out by hand."""
    digest = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"  # of "foo"
    assert share_of("foo") == int("2c26b46b68ffc", 16) / 4503599627370496
    assert hashlib.sha256(b"foo").hexdigest() == digest
    one = experiment("bolder", 30, [{"name": "a", "weight": 1}, {"name": "b", "weight": 3}])
    for user in ("ana", "ünal", "a:b", "李"):
        share, arm = (
            int(hashlib.sha256(f"bolder:{what}:{user}".encode()).hexdigest()[:13], 16) / 2**52
            for what in ("share", "arm")
        )
        assert one.takes(user) == (share < 0.3)
        assert one.arm_of(user).name == ("a" if arm < 0.25 else "b")


def test_a_listener_keeps_the_arm_for_ever() -> None:
    """Values that were computed once: a change of the rule would shuffle everybody."""
    one = experiment("stable", 50)
    said = {user: (one.takes(user), one.arm_of(user).name) for user in ("ana", "bo", "cy", "dee")}
    assert said == {
        "ana": (False, "diverse"),
        "bo": (True, "diverse"),
        "cy": (True, "diverse"),
        "dee": (False, "as-is"),
    }


# The file.


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[experiment]", "not valid TOML"),
        ("[[experiment]]\nname = 'x'", "arms"),
        ("[[experiment]]\nname = 'x'\narms = []", "arms"),
        ("[[experiment]]\nname = 'X Y'\narms = [{name = 'a'}]", "name"),
        ("[[experiment]]\nname = 'x'\npercent = 101\narms = [{name = 'a'}]", "percent"),
        ("[[experiment]]\nname = 'x'\npercent = 0\narms = [{name = 'a'}]", "percent"),
        ("[[experiment]]\nname = 'x'\narms = [{name = 'a', weight = 0}]", "weight"),
        ("[[experiment]]\nname = 'x'\narms = [{name = 'a', diversity = 2}]", "diversity"),
        ("[[experiment]]\nname = 'x'\narms = [{name = 'a', strategy = 'dance'}]", "strategy"),
        ("[[experiment]]\nname = 'x'\narms = [{name = 'a', colour = 'red'}]", "colour"),
        ("[[experiment]]\nname = 'x'\narms = [{name = 'a'}, {name = 'a'}]", "two of one name"),
        (2 * "[[experiment]]\nname = 'x'\narms = [{name = 'a'}]\n", "two of one name"),
        ("[[experiments]]\nname = 'x'", "experiments"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "experiments.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said) as caught:
        ExperimentsConfig.read(path)
    assert "experiments.toml" in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml"):
        ExperimentsConfig.read(tmp_path / "none.toml")


def test_a_round_trip() -> None:
    found = ExperimentsConfig(experiment=(experiment("x", 20),))
    assert ExperimentsConfig.parse(tomllib.loads(found.to_toml())) == found


# In the service.


def write(path: Path, *arms: str, percent: float = 100, name: str = "bolder") -> Path:
    lines = ["[[experiment]]", f"name = '{name}'", f"percent = {percent}"]
    for arm in arms:
        lines += ["[[experiment.arms]]", *arm.split("; ")]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def loads() -> Loads:
    return Loads()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "experiments.toml"


Served = Callable[..., TestClient]


@pytest.fixture
def served(database: Database, tmp_path: Path, loads: Loads, file: Path) -> Served:
    return lambda **more: TestClient(
        service(tmp_path, database, loads, experiments_file=file, **more)
    )


def in_arm(file: Path, arm: str) -> str:
    """Return a user of an arm."""
    found = ExperimentsConfig.read(file)
    return next(u for u in USERS if (part := found.assign(u)) and part.arm.name == arm)


def ask(client: TestClient, user: str, more: str = "") -> Any:
    return client.get(f"/recommend?user={user}{more}").json()


def counted(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(f"attune_{name}_total", labels) or 0.0


def test_answers_say_the_arm_and_count_it(served: Served, tmp_path: Path, file: Path) -> None:
    publish(tmp_path, "s1")
    write(file, "name = 'a'", "name = 'b'")
    with served() as client:
        for arm in ("a", "b"):
            before = counted("experiments", experiment="bolder", arm=arm)
            user = in_arm(file, arm)
            assert ask(client, user)["experiment"] == {"name": "bolder", "arm": arm}
            assert ask(client, user)["experiment"] == {"name": "bolder", "arm": arm}
            assert counted("experiments", experiment="bolder", arm=arm) == before + 2


def test_without_experiments_there_is_none(database: Database, tmp_path: Path) -> None:
    publish(tmp_path, "s1")
    with TestClient(service(tmp_path, database, Loads())) as client:
        assert ask(client, "ana")["experiment"] is None


def test_who_is_outside_is_answered_as_ever(served: Served, tmp_path: Path, file: Path) -> None:
    publish(tmp_path, "s1")
    write(file, "name = 'a'; strategy = 'lift'", percent=1)
    outside = next(u for u in USERS if ExperimentsConfig.read(file).assign(u) is None)
    with served() as client:
        answer = ask(client, outside)
        assert (answer["experiment"], answer["mood"]["strategy"]) == (None, "match")


def test_events_are_counted_for_the_arm(served: Served, tmp_path: Path, file: Path) -> None:
    publish(tmp_path, "s1")
    write(file, "name = 'a'", "name = 'b'")
    user = in_arm(file, "b")
    labels = {"experiment": "bolder", "arm": "b", "event": "like"}
    before = counted("experiment_feedback", **labels)
    with served() as client:
        for key in ("1", "1", "2"):  # one of them twice
            body = {"user": user, "song": "s1", "event": "like"}
            sent = client.post("/feedback", json=body, headers={"Idempotency-Key": key})
            assert sent.status_code == 200
    assert counted("experiment_feedback", **labels) == before + 2


def test_an_arm_chooses_the_strategy_where_the_request_does_not(
    served: Served, tmp_path: Path, file: Path
) -> None:
    publish(tmp_path, "s1")
    write(file, "name = 'a'; strategy = 'lift'", "name = 'b'")
    with served() as client:
        user = in_arm(file, "a")
        assert ask(client, user, "&mood=sad")["mood"]["strategy"] == "lift"
        assert ask(client, user, "&mood=sad&strategy=match")["mood"]["strategy"] == "match"
        assert ask(client, in_arm(file, "b"), "&mood=sad")["mood"]["strategy"] == "match"


def test_an_arm_changes_the_engine(served: Served, tmp_path: Path, file: Path) -> None:
    publish(tmp_path, "s1")
    write(file, "name = 'a'; diversity = 0.5; deep_ranker = false", "name = 'b'")
    with served() as client:
        running = client.app.state.services  # type: ignore[attr-defined]
        engines = {arm: running.for_user(in_arm(file, arm))[0].engine for arm in ("a", "b")}
        assert engines["b"] is running.engine
        changed = engines["a"]
        assert isinstance(changed, FakeEngine)
        assert (changed.settings.diversity, changed.settings.deep_ranker) == (0.5, False)


def test_an_arm_over_another_bundle(
    served: Served, tmp_path: Path, file: Path, loads: Loads
) -> None:
    other = publish(tmp_path, "s3")
    force = publish(tmp_path, "s1")
    write(file, f"name = 'a'; bundle = '{other.version}'", "name = 'b'")
    with served(watch_seconds=0.02) as client:

        def answer(arm: str) -> tuple[list[str], str]:
            found = ask(client, in_arm(file, arm))
            return [item["song"]["id"] for item in found["items"]], found["model_version"]

        assert answer("a") == (["s3", "s1", "s2"], other.version)
        assert answer("b") == (["s1", "s2", "s3"], force.version)
        journey = {"user": in_arm(file, "a"), "from": "sad", "to": "calm", "length": 2}
        made = client.post("/playlists", json=journey)
        assert made.json()["model_version"] == other.version
        # New songs reach both, and a reload of the one in force leaves the other alone.
        client.post("/songs", json={"id": "n1", "title": "New", "artist": "Ada"})
        assert eventually(lambda: answer("a")[0][0] == answer("b")[0][0] == "n1")
        newer = publish(tmp_path, "s2")
        assert client.post("/admin/reload").status_code == 200
        assert answer("a") == (["n1", "s3", "s1", "s2"], other.version)
        assert answer("b") == (["n1", "s2", "s1", "s3"], newer.version)
        # The arm's bundle in force for all: it is there already.
        activate_bundle(tmp_path / "bundles", other.version)
        assert client.post("/admin/reload").json()["model_version"] == other.version
        assert answer("b")[1] == other.version
    assert sorted(v or "" for v in loads.versions) == sorted(
        [other.version, force.version, newer.version]
    )


def test_every_bundle_that_answers_tells_how_its_looks_for_songs_go(
    served: Served, tmp_path: Path, file: Path, loads: Loads
) -> None:
    arms, force = publish(tmp_path, "s3"), publish(tmp_path, "s1")
    loads.broken[arms.version] = RuntimeError("no memory")
    write(file, f"name = 'a'; bundle = '{arms.version}'", "name = 'b'")

    def told(name: str) -> dict[str, float]:
        found = scrape(client)
        labels = (dict(series) for series in found.series(name))
        return {one["version"]: found.value(name, **one) for one in labels}

    with served(watch_seconds=0.02) as client:
        client.post("/songs", json={"id": "n1", "title": "T", "artist": "A", "lyrics": "la la la"})
        trouble = "attune_watcher_trouble"
        assert eventually(lambda: told(trouble).get(arms.version) == 1)
        assert eventually(lambda: told("attune_songs_pending").get(force.version) == 1)
        assert told(trouble)[force.version] == 0
        ready = client.get("/health/ready").json()
        assert (ready["songs"], ready["songs_pending"]) == ("degraded", 1)
        assert "RuntimeError" in ready["detail"]
        write(file, "name = 'a'", "name = 'b'")
        assert client.post("/admin/reload").status_code == 200
        assert arms.version not in told(trouble) | told("attune_songs_pending")
        assert client.get("/health/ready").json()["songs"] == "ready"


def test_a_bundle_of_an_arm_that_cannot_take_in_songs_is_refused(
    served: Served, tmp_path: Path, file: Path, loads: Loads
) -> None:
    other = publish(tmp_path, "s3", data={"read_at": "2020-01-01T00:00:00+00:00"})
    publish(tmp_path, "s1")
    loads.broken[other.version] = ValueError("shapes (3,) and (4,) do not fit")
    write(file, "name = 'a'")
    with served() as client:
        write(file, f"name = 'a'; bundle = '{other.version}'")
        answer = client.post("/admin/reload")
        assert (answer.status_code, answer.json()["code"]) == (409, "experiments_refused")
        assert other.version in answer.json()["detail"]
        assert ask(client, "ana")["experiment"] == {"name": "bolder", "arm": "a"}


def test_a_bundle_that_is_refused_does_not_hold_experiments_back(
    served: Served, tmp_path: Path, file: Path
) -> None:
    force = publish(tmp_path, "s1")
    write(file, "name = 'a'")

    def refused(what: str) -> float | None:
        return metrics.REGISTRY.get_sample_value("attune_refused", {"what": what})

    with served() as client:
        assert (refused("bundle"), refused("experiments")) == (0, 0)
        (publish(tmp_path, "s2").path / "network.onnx").unlink()
        write(file, "name = 'c'")
        assert client.post("/admin/reload").json()["code"] == "bundle_refused"
        assert ask(client, "ana")["experiment"]["arm"] == "c"
        assert (refused("bundle"), refused("experiments")) == (1, 0)
        write(file, "wrong")
        assert client.post("/admin/reload").json()["code"] == "bundle_refused"
        assert (refused("bundle"), refused("experiments")) == (1, 1)
        ready = client.get("/health/ready").json()
        assert (ready["bundle"], ready["experiments"]) == ("degraded", "degraded")
        activate_bundle(tmp_path / "bundles", force.version)
        write(file, "name = 'd'")
        assert client.post("/admin/reload").status_code == 200
        assert (refused("bundle"), refused("experiments")) == (0, 0)


def test_a_new_bundle_counts_though_the_experiments_are_refused(
    served: Served, tmp_path: Path, file: Path
) -> None:
    publish(tmp_path, "s1")
    write(file, "name = 'a'")
    with served() as client:
        before = {one: counted("reloads", outcome=one) for one in ("loaded", "refused")}
        publish(tmp_path, "s2")
        write(file, "wrong")
        assert client.post("/admin/reload").json()["code"] == "experiments_refused"
        for outcome, count in before.items():
            assert counted("reloads", outcome=outcome) == count + 1, outcome


def test_arms_begin_to_count_at_zero(served: Served, tmp_path: Path, file: Path) -> None:
    """Else a rate would miss what comes before the second scrape."""
    publish(tmp_path, "s1")
    write(file, "name = 'a'", name="fresh")
    with served() as client:
        now = scrape(client)
        assert (("arm", "a"), ("experiment", "fresh")) in now.series("attune_experiments_total")
        events = now.series("attune_experiment_feedback_total")
        assert (("arm", "a"), ("event", "like"), ("experiment", "fresh")) in events


def test_an_unknown_bundle_is_an_error_at_the_start(
    served: Served, tmp_path: Path, file: Path
) -> None:
    publish(tmp_path, "s1")
    write(file, "name = 'a'; bundle = '20260101T000000000000-0a1b2c3d'")
    said = r"20260101T000000000000-0a1b2c3d.*not published"
    with pytest.raises(ConfigError, match=said), served():
        pass
    settings = Settings(home=tmp_path, experiments_file=file, _env_file=None)  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="not published"):
        check_experiments(settings)


@pytest.mark.parametrize(
    "text",
    ["[[experiment]", "[[experiment]]\nname = 'x'\narms = [{name = 'a', bundle = 'nothing'}]",
     "[[experiment]]\nname = 'x'\narms = [{name = 'a', bundle = '../..'}]"],
)  # fmt: skip
def test_a_wrong_file_at_a_reload_changes_nothing(
    served: Served, tmp_path: Path, file: Path, text: str
) -> None:
    publish(tmp_path, "s1")
    write(file, "name = 'a'")
    with served() as client:
        file.write_text(text, encoding="utf-8")
        second = publish(tmp_path, "s2")
        answer = client.post("/admin/reload")
        assert (answer.status_code, answer.json()["code"]) == (409, "experiments_refused")
        assert str(tmp_path) not in answer.text
        found = ask(client, "ana")
        assert found["experiment"] == {"name": "bolder", "arm": "a"}
        assert found["model_version"] == second.version  # the bundle is another matter
        ready = client.get("/health/ready").json()
        assert (ready["status"], ready["experiments"], ready["bundle"]) == (
            "degraded", "degraded", "ready",
        )  # fmt: skip
        write(file, "name = 'c'")
        assert client.post("/admin/reload").status_code == 200
        assert ask(client, "ana")["experiment"]["arm"] == "c"
        assert client.get("/health/ready").json()["status"] == "ready"


def test_an_edited_file_is_followed(served: Served, tmp_path: Path, file: Path) -> None:
    publish(tmp_path, "s1")
    write(file, "name = 'a'")
    with served(watch_seconds=0.02) as client:
        write(file, "name = 'b'", name="another")
        right = {"name": "another", "arm": "b"}
        assert eventually(lambda: ask(client, "ana")["experiment"] == right)


def test_the_command_line_says_the_same(tmp_path: Path, file: Path) -> None:
    """In another process: the split depends on nothing but the file."""
    write(file, "name = 'a'; diversity = 0.5", "name = 'b'; weight = 3", percent=40)
    environment = {"ATTUNE_HOME": str(tmp_path), "ATTUNE_EXPERIMENTS_FILE": str(file)}

    def said(*words: str) -> list[Any]:
        done = subprocess.run(
            [sys.executable, "-m", "api", "experiments", *words, "--json"],
            capture_output=True, text=True, check=True, env=environment,
        )  # fmt: skip
        return [json.loads(line) for line in done.stdout.splitlines()]

    assert said("show") == [
        {"experiment": "bolder", "arm": "a", "share": 0.1, "changes": {"diversity": 0.5}},
        {"experiment": "bolder", "arm": "b", "share": 0.3, "changes": {}},
    ]
    found = ExperimentsConfig.read(file)
    for line, user in zip(said("assign", *USERS[:20]), USERS, strict=False):
        part = found.assign(user)
        right = part and {"name": part.experiment, "arm": part.arm.name}
        assert line == {"user": user, "experiment": right}
