"""composite.py: catalogues and files on the web, with faults."""

import json
import os
from collections import Counter

import pytest
from planetary_computer import sas

from compositing import composite
from compositing.catalogues import Cdse, PlanetaryComputer
from compositing.remote import HEADERS_KEPT
from stacks.stack import open_stack
from tests.stac_checks import PLAIN, assert_month_is, bytes_of, rows_of
from tests.stac_scenes import (
    SceneSpec,
    bbox_of,
    write_catalogue,
)
from tests.stac_server import file_server, stac_api
from utils.errors import InputError


def test_a_real_api_with_faults_gives_the_same_bytes(tmp_path, monkeypatch):
    specs = [SceneSpec("2022-03-05T10:50:00Z", baseline="05.10", added=1000)]
    specs += [SceneSpec("2022-03-15T10:50:00Z", baseline="05.10", added=1000, cloud=0.5)]
    catalogue = write_catalogue(tmp_path, specs)
    how = {"bbox": bbox_of(specs[0]), "months": "2022-03:2022-03", **PLAIN}
    composite(tmp_path / "plain.zarr", catalog=catalogue, **how)
    expected = bytes_of(tmp_path / "plain.zarr")
    monkeypatch.setattr("compositing.catalogues.PAGE", 1)  # the answer comes in pages
    how |= {"timeout": 1, "pause": 0.01}
    with file_server(tmp_path) as files, stac_api(catalogue, files.url, tmp_path) as api:
        for number, faults in enumerate([(), ("503", "truncate", "503"), ("truncate", "stall")]):
            files.faults, files.asked = faults, Counter()
            HEADERS_KEPT.kept.clear()
            out = tmp_path / f"web{number}.zarr"
            composite(out, catalog=api, **how)
            assert bytes_of(out) == expected
            assert len(files.asked) == 22
        files.faults, files.broken = (), "20220315"
        HEADERS_KEPT.kept.clear()
        how |= {"retries": 1}
        with pytest.raises(InputError, match="20220315.*503.*at most 0"):
            composite(tmp_path / "broken.zarr", catalog=api, allow_missing=0, **how)
        composite(tmp_path / "without.zarr", catalog=api, **how)
    row = rows_of(tmp_path / "without.zarr")[specs[1].id]
    assert row["used"] == "no" and "503" in row["why_not"]
    assert_month_is(tmp_path / "without.zarr", 0, specs[:1])


def test_expired_tokens_are_renewed_in_one_place(tmp_path, monkeypatch):
    specs = [SceneSpec("2022-03-05T10:50:00Z")]
    catalogue = write_catalogue(tmp_path, specs)
    items = json.loads(catalogue.read_text())
    for asset in items["features"][0]["assets"].values():
        asset["href"] = asset["href"].replace(
            "./", "http://fields.blob.core.windows.net/container/"
        )
    how = {"bbox": bbox_of(specs[0]), "months": "2022-03:2022-03", **PLAIN}
    composite(tmp_path / "plain.zarr", catalog=catalogue, **how)
    catalogue.write_text(json.dumps(items))
    with file_server(tmp_path, uses=4) as files:
        monkeypatch.setenv("http_proxy", files.url)  # all hosts are this server
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(PlanetaryComputer, "address", str(catalogue))
        settings = sas.Settings(sas_url=f"{files.url}/token", subscription_key=None)
        monkeypatch.setattr(sas.Settings, "get", staticmethod(lambda: settings))
        sas.TOKEN_CACHE.clear()
        composite(tmp_path / "signed.zarr", catalog="planetary-computer", pause=0.01, **how)
        assert 3 <= files.tokens <= 12  # a token is good for 4 of 22 requests
        files.uses = 0
        HEADERS_KEPT.kept.clear()
        with pytest.raises(InputError, match="the server answers 403") as caught:
            composite(
                tmp_path / "x.zarr", catalog="planetary-computer", retries=2, pause=0.01, **how
            )
        assert "sig=" not in str(caught.value)
    assert bytes_of(tmp_path / "signed.zarr") == bytes_of(tmp_path / "plain.zarr")


def test_files_in_a_bucket_are_read_with_the_keys_of_the_environment(tmp_path, monkeypatch):
    specs = [SceneSpec("2022-03-05T10:50:00Z")]
    catalogue = write_catalogue(tmp_path, specs)
    how = {"bbox": bbox_of(specs[0]), "months": "2022-03:2022-03", **PLAIN}
    composite(tmp_path / "plain.zarr", catalog=catalogue, **how)
    items = json.loads(catalogue.read_text())
    for asset in items["features"][0]["assets"].values():
        asset["href"] = asset["href"].replace("./", "s3://container/")
    catalogue.write_text(json.dumps(items))
    with file_server(tmp_path) as files:
        endpoint = {"AWS_S3_ENDPOINT": files.url.removeprefix("http://"), "AWS_HTTPS": "NO"}
        monkeypatch.setattr(Cdse, "endpoint", endpoint)
        monkeypatch.setattr(Cdse, "address", str(catalogue))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        composite(tmp_path / "bucket.zarr", catalog="cdse", pause=0.01, **how)
        assert len(files.asked) == 11
    assert bytes_of(tmp_path / "bucket.zarr") == bytes_of(tmp_path / "plain.zarr")


@pytest.mark.skipif(not os.environ.get("TSSCD_ONLINE"), reason="TSSCD_ONLINE is not set")
@pytest.mark.parametrize("catalogue", ["planetary-computer", "earth-search"])
def test_the_live_catalogues(tmp_path, catalogue):
    bbox = (112.93, 28.10, 112.94, 28.11)
    composite(tmp_path / "live.zarr", bbox=bbox, months="2021-12:2022-03", catalog=catalogue)
    rows = rows_of(tmp_path / "live.zarr")
    assert sum(row["used"] == "yes" for row in rows.values()) >= 10
    assert not open_stack(tmp_path / "live.zarr").notes  # no step of 1000 is left
