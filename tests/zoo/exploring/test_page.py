"""The page: what it answers over HTTP, and how it behaves in a browser.

These tests need `pip install -e '.[explore]'`. The slow one needs a browser besides and
what drives it: `pip install selenium`, and on Debian `apt-get install chromium
chromium-driver`. They are skipped without.
"""

import asyncio
import base64
import gc
import io
import json
import shutil
import socket
import time

import numpy as np
import pytest
import requests
from PIL import Image

from zoo.data import DataSet, DataSpec, Split
from zoo.exploring import Explorer
from zoo.models import vae

# Those of Gradio and of what drives browsers: sockets and loops that they leave open.
pytestmark = pytest.mark.filterwarnings("ignore")

SPEC = DataSpec("greys", (8, 8), "uint8", levels=17)


@pytest.fixture(scope="module")
def explorer():
    pytest.importorskip("gradio", reason="needs pip install -e '.[explore]'")
    x = np.random.default_rng(0).integers(0, 17, [20, 8, 8]).astype("uint8")
    split = Split(x, label=np.arange(20) % 3)
    model = vae.build(SPEC, latents=3, hidden_units=(4,))
    return Explorer(model, DataSet(SPEC, split, split, split))


@pytest.fixture(scope="module")
def address(explorer, tmp_path_factory):
    """A page that is being served."""
    from zoo.exploring.page import Page

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("uploads")))
        page = Page(explorer, "vae on greys")
        yield page.launch("127.0.0.1", port)
        page.close()
    # Gradio leaves event loops open. They go here, where warnings of them are ignored.
    asyncio.set_event_loop(None)
    gc.collect()


@pytest.fixture
def ask(address):
    """Asks a handler of the page, in a session of this test alone."""
    session = f"session {time.monotonic()}"

    def ask(handler, *values):
        answer = requests.post(
            f"{address}gradio_api/run/{handler}",
            json={"data": values, "session_hash": session},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    return ask


def upload(address, content):
    """Uploads a file; returns what its handler is given."""
    answer = requests.post(
        f"{address}gradio_api/upload", files={"files": ("a.png", content)}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    return {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}


def pixels(view):
    """The image in a part of the page."""
    data = base64.b64decode(view.split("base64,")[1].split('"')[0])
    return np.asarray(Image.open(io.BytesIO(data)))[..., 0]


def decoded(explorer, start, positions=None):
    """What the image should be."""
    mean = explorer.decode(start, positions or explorer.positions(start)) / 16
    return np.rint(255 * np.clip(mean, 0, 1))


def unchanged(answer):
    """Whether a part of the page stays as it is."""
    return isinstance(answer, dict) and answer["__type__"] == "update"


# Handlers get None in the place of what the server keeps, where the sliders start.


def test_a_slider_changes_the_picture_to_what_is_decoded(ask, explorer):
    start = explorer.at_row(0)
    positions = explorer.positions(start)
    views = []
    for position in (positions[0], -1.5):
        positions[0] = position
        views += ask("_move", None, 1.0, *positions)
        expected = decoded(explorer, start, positions)
        np.testing.assert_array_equal(pixels(views[-1]), expected)
    assert views[0] != views[1]


def test_sliders_start_from_the_example_that_was_chosen(ask, explorer):
    start = explorer.at_row(7)
    _, picture, said, original, _, *positions = ask("_at_row", 7, 1.0)
    assert "test example 7, class 1" in said
    np.testing.assert_array_equal(pixels(original), np.rint(255 / 16 * start.x))
    np.testing.assert_array_equal(pixels(picture), decoded(explorer, start))
    assert positions == explorer.positions(start)
    positions[1] += 1.0
    (picture,) = ask("_move", None, 1.0, *positions)
    expected = decoded(explorer, start, positions)
    np.testing.assert_array_equal(pixels(picture), expected)


def test_draws_and_lines_are_starts_too(ask, explorer):
    _, picture, said, original, *_ = ask("_at_seed", 3, None, 1.0)
    np.testing.assert_array_equal(
        pixels(picture), decoded(explorer, explorer.at_seed(3))
    )
    assert "draw of seed 3" in said
    assert original == ""
    _, picture, *_, first, second = ask("_between_others", 4, 5, 0.25, 1.0)
    start = explorer.between(4, 5, 0.25)
    np.testing.assert_array_equal(pixels(picture), decoded(explorer, start))
    for view, row in ((first, 4), (second, 5)):
        x = explorer.data.test.x[row]
        np.testing.assert_array_equal(pixels(view), np.rint(255 / 16 * x))


@pytest.mark.parametrize("number", [20, -1, None])
def test_a_number_of_no_example_is_told(ask, number):
    _, picture, said, *_ = ask("_between_others", 4, number, 0.25, 1.0)
    assert "from 0 to 19" in said
    assert 'role="alert"' in said
    assert unchanged(picture)


def test_an_uploaded_image_is_encoded(ask, address, explorer):
    file = io.BytesIO()
    Image.fromarray(np.full([40, 60], 255, np.uint8)).save(file, "PNG")
    given = upload(address, file.getvalue())
    plain, inverted = ((given, value, None, 1.0) for value in (False, True))
    _, picture, said, original, *_ = ask("_at_image", *plain)
    start = explorer.at_image(np.full([8, 8], 16, np.uint8))
    np.testing.assert_array_equal(pixels(picture), decoded(explorer, start))
    assert "uploaded image" in said
    assert (pixels(original) == 255).all()
    original = ask("_at_image", *inverted)[3]
    assert (pixels(original) == 0).all()


def test_a_wrong_upload_is_told_and_changes_nothing(ask, address, explorer):
    given = [upload(address, b"no image"), False, None, 1.0]
    _, picture, said, *others = ask("_at_image", *given)
    assert "received a file that is none, or a broken one" in said
    assert all(unchanged(other) for other in (picture, *others))
    start = explorer.at_row(0)
    (picture,) = ask("_move", None, 1.0, *explorer.positions(start))
    np.testing.assert_array_equal(pixels(picture), decoded(explorer, start))


def test_large_files_and_files_of_the_server_are_refused(address):
    large = {"files": ("a.png", bytes(21 * 2**20))}
    answer = requests.post(f"{address}gradio_api/upload", files=large, timeout=60)
    assert answer.status_code == 413
    given = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    answer = requests.post(
        f"{address}gradio_api/run/_at_image",
        json={"data": [given, False, None, 1.0]},
        timeout=60,
    )
    assert answer.status_code == 500


def test_the_page_listens_here_alone_and_reports_nothing(address):
    assert address.startswith("http://127.0.0.1:")
    config = requests.get(f"{address}config", timeout=60).json()
    assert config["analytics_enabled"] is False
    assert config["footer_links"] == []
    assert config["title"] == "vae on greys"
    theme = requests.get(f"{address}theme.css", timeout=60).text
    assert "@import" not in theme
    assert "@font-face" not in theme


@pytest.fixture
def browser():
    driver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("needs chromium and chromium-driver")
    options = driver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1280,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    browser = driver.Chrome(options, driver.ChromeService(chromedriver))
    browser.implicitly_wait(60)
    yield browser
    browser.quit()


def until(condition):
    """Waits for the browser, for a minute at most."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "It did not happen within a minute."
        time.sleep(0.05)


@pytest.mark.slow
def test_in_a_browser_sliders_move_the_picture_and_wrong_files_get_a_message(
    browser, address, tmp_path
):
    browser.get(address)
    find = browser.find_element
    before = find("css selector", ".example img").get_attribute("src")
    slider = find("css selector", "input[type=range][aria-label*=' z']")

    def has_moved():
        slider.send_keys("\ue012" * 5)  # The key to the left.
        return find("css selector", ".example img").get_attribute("src") != before

    until(has_moved)  # A page that is still being set up hears no keys.
    (tmp_path / "notes.png").write_text("no image")
    upload = find("css selector", "input[type=file]")
    upload.send_keys(str(tmp_path / "notes.png"))
    assert "none, or a broken one" in find("css selector", ".said .wrong").text
    # Nothing is fetched from elsewhere.
    events = [
        json.loads(e["message"])["message"] for e in browser.get_log("performance")
    ]
    asked = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert len(asked) > 5
    here = (address, "data:", "blob:")
    assert [url for url in asked if not url.startswith(here)] == []
