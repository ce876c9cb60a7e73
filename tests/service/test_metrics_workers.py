"""The numbers of a real service with several workers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import psutil

from data.settings import Settings
from tests.api.scrape import Scrape
from tests.service.running import Service, serving
from tests.service.test_deploy import healthcheck
from tests.waiting import eventually

COUNT = "attune_request_seconds_count"
RECOMMEND = {"route": "/recommend", "method": "GET", "status": "2xx"}


def scraped(service: Service) -> Scrape:
    status, text, _ = service.ask("/metrics")
    assert status == 200
    return Scrape(text.decode())


def test_any_worker_tells_all_numbers_and_a_killed_one_takes_none_along(
    demo_settings: Settings, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo_settings.home, home)
    with serving(home, workers=2) as service:
        eventually(lambda: scraped(service).value("attune_inference_slots") == 8)
        for number in range(12):  # a connection each: either worker may take it
            assert service.status(f"/recommend?user=u{number}&mood=happy") == 200
        _, *check = healthcheck()
        asked = {"ATTUNE_PORT": str(service.port)}
        assert subprocess.run([sys.executable, *check], env=asked, check=False).returncode == 0
        # A request is counted when it is over, which is after the client has its answer.
        eventually(lambda: scraped(service).value(COUNT, **RECOMMEND) == 12)
        before = scraped(service)
        assert before.value("attune_emotions_total", label="happy", source="stated") == 12
        assert before.value("attune_fallbacks_total", kind="cold_user") == 12
        assert before.value("attune_stage_seconds_count", stage="rank") == 12
        (((_, version),),) = before.series("attune_bundle_info")
        eventually(lambda: scraped(service).value("attune_bundle_info", version=version) == 2)

        victim = service.servers()[0]
        victim.kill()
        assert not psutil.wait_procs([victim], 30)[1]  # until then it counts as one that serves
        eventually(lambda: len(service.servers()) == 2)
        eventually(lambda: scraped(service).value("attune_bundle_info", version=version) == 2)
        after = scraped(service)
        assert after.value(COUNT, **RECOMMEND) == 12
        assert after.value("attune_inference_slots") == 8
        eventually(lambda: scraped(service).value("attune_requests_in_flight") == 1)
        assert service.end() == 0
    assert not list((home / "run").glob("metrics-*"))
