"""Every error is a problem with a stable code, and none says too much."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from api.problem import KINDS, all_kinds, kind_of
from data import errors as data_errors
from data.errors import AttuneError, BundleCorruptError, DatabaseUnavailableError
from tests.api.conftest import Start
from tests.api.fakes import FakeEngine
from vision import errors as vision_errors

PROBLEM = {"type", "title", "status", "detail", "code", "request_id"}


@pytest.mark.parametrize(
    ("query", "parameter", "told"),
    [
        ("", "user", "required"),
        ("user=", "user", "at least 1"),
        ("user=" + "x" * 129, "user", "at most 128"),
        ("user=a%00b", "user", "control"),
        ("user=a%0Ab", "user", "control"),
        ("user=u&n=0", "n", "greater than or equal to 1"),
        ("user=u&n=101", "n", "less than or equal to 100"),
        ("user=u&n=many", "n", "integer"),
        ("user=u&offset=-1", "offset", "greater"),
        ("user=u&offset=10001", "offset", "less"),
        ("user=u&strategy=party", "strategy", "'match', 'lift', 'calm', 'energize' or 'off'"),
        ("user=u&face=all", "face", "'largest' or 'only'"),
        ("user=u&mood=foo", "mood", "calm"),
        ("user=u&mood=2,0", "mood", "-1..1"),
        ("user=u&mood=nan,0", "mood", "-1..1"),
        ("user=u&mood=" + "9" * 65, "mood", "at most 64"),
        ("user=u&consent=perhaps", "consent", "boolean"),
        ("user=u&explain=", "explain", "boolean"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_bad_parameter_is_named_with_what_is_allowed(
    client: TestClient, method: str, query: str, parameter: str, told: str
) -> None:
    response = client.request(method, f"/recommend?{query}")
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body) >= PROBLEM
    assert (body["code"], body["status"]) == ("invalid_parameter", 422)
    assert body["parameter"] == parameter
    assert told in body["detail"]


def test_all_that_is_wrong_is_told_at_once(client: TestClient) -> None:
    body = client.get("/recommend?n=0&face=x").json()
    assert [error["parameter"] for error in body["errors"]] == ["user", "n", "face"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/static/nothing.js", 404, "not_found"),
        ("GET", "/static/../app.py", 404, "not_found"),
        ("GET", "/static/%2e%2e/app.py", 404, "not_found"),
        ("DELETE", "/recommend", 405, "method_not_allowed"),
        ("GET", "/feedback", 405, "method_not_allowed"),
        ("GET", "/songs/", 404, "not_found"),
    ],
)
def test_wrong_addresses_are_problems_too(
    client: TestClient, method: str, path: str, status: int, code: str
) -> None:
    response = client.request(method, path)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert set(response.json()) >= PROBLEM
    assert response.headers["content-type"] == "application/problem+json"
    assert ("Allow" in response.headers) == (status == 405)


def test_an_unexpected_error_says_nothing_of_itself(
    client: TestClient, engine: FakeEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    engine.error = ZeroDivisionError("secret of user ana")
    response = client.get("/recommend?user=ana", headers={"X-Request-ID": "abc-1"})
    assert response.status_code == 500
    body = response.json()
    assert (body["code"], body["request_id"]) == ("internal", "abc-1")
    assert response.headers["X-Request-ID"] == "abc-1"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    logged = "".join(capfd.readouterr())
    assert "secret" not in response.text + logged
    assert "ZeroDivisionError" in logged
    assert "fakes.py" in logged


def test_a_broken_bundle_leaks_no_path(client: TestClient, engine: FakeEngine) -> None:
    engine.error = BundleCorruptError("/srv/attune/bundles/x was changed")
    response = client.get("/recommend?user=u")
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert "/srv" not in response.text


def test_the_narrowest_class_decides() -> None:
    class LostError(DatabaseUnavailableError):
        pass

    assert kind_of(LostError("x")).code == "unavailable"
    assert kind_of(AttuneError("x")).code == "internal"


def test_every_error_of_the_trees_has_a_kind() -> None:
    for module in (data_errors, vision_errors):
        for name in module.__all__:
            assert any(cls in KINDS for cls in getattr(module, name).__mro__), name


def test_every_code_of_the_contract_is_documented(client: TestClient) -> None:
    contract = {
        "no_face": 422, "multiple_faces": 422, "unsupported_image": 415, "unreadable_image": 422,
        "image_too_large": 413, "consent_required": 403, "invalid_parameter": 422,
        "unauthenticated": 401, "forbidden": 403, "rate_limited": 429, "overloaded": 503,
    }  # fmt: skip
    statuses = {kind.code: kind.status for kind in all_kinds()}
    assert contract.items() <= statuses.items()
    page = client.get("/docs").text
    assert all(f'id="{code}"' in page for code in statuses)


@pytest.mark.parametrize("given", ["abc-1.2_X", "a" * 64])
def test_a_plain_request_id_is_kept(client: TestClient, given: str) -> None:
    assert (
        client.get("/health/live", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given
    )


@pytest.mark.parametrize("given", ["", "a" * 65, "two words", 'x"}', "ünï"])
def test_an_odd_request_id_is_replaced(client: TestClient, given: str) -> None:
    headers = {"X-Request-ID": given.encode("latin-1")}
    answered = client.get("/health/live", headers=headers).headers["X-Request-ID"]  # type: ignore[arg-type]
    assert answered != given
    assert len(answered) == 32


def test_security_headers_are_everywhere(start: Start) -> None:
    client = start()
    for path in ("/health/live", "/recommend?user=u", "/nowhere", "/static/app.js", "/privacy"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert client.get("/recommend?user=u").headers["Cache-Control"] == "no-store"
