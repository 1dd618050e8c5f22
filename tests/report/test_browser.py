"""The page in a real browser, from a file: what a person sees, clicks, types and saves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lit_mstar.report.page import write
from lit_mstar.report.run import find_run
from lit_mstar.report.single import page_of
from support.reported import data_of

pytestmark = pytest.mark.slow
DESKTOP, PHONE = {"width": 1180, "height": 900}, {"width": 390, "height": 844}


class Opened:
    """A page, and whatever the browser had to complain of."""

    def __init__(
        self, browser: Any, file: Path, size: dict[str, int] = DESKTOP, scheme: str = "light", hash_: str = ""
    ) -> None:
        self.said: list[str] = []
        self.context = browser.new_context(viewport=size, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on(
            "request", lambda request: self.said.append(request.url) if request.url.startswith("http") else None
        )
        self.page.goto(f"file://{file}{hash_}")
        self.page.wait_for_selector("body[data-ready]")

    def ids(self) -> list[str]:
        texts = self.page.locator("details.problem .ask .what").all_inner_texts()
        return [text.rpartition(" · ")[2] for text in texts]

    def chip(self, key: str) -> Any:
        return self.page.locator(f'button[data-key="{key}"]')


@pytest.fixture
def opened(browser: Any, page_file: Path) -> Iterator[Opened]:
    found = Opened(browser, page_file)
    yield found
    assert found.said == []
    found.context.close()


def problems(file: Path, which: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data_of(file.read_text())["sets"][which]["problems"]
    return found


def unlike_others(found: list[dict[str, Any]], known: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """One whose id is no part of another's, so that a search finds it alone."""
    ids = [p["id"] for p in known or found]
    return next(p for p in found if sum(p["id"] in other for other in ids) == 1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_opens_without_a_word_and_nothing_is_wider_than_the_screen(
    browser: Any, page_file: Path, size: dict[str, int], scheme: str
):
    found = Opened(browser, page_file, size, scheme)
    found.page.locator("details.problem summary").first.click()
    found.page.wait_for_selector(".response >> nth=7")
    assert found.page.locator(".response").count() == 8
    assert found.page.evaluate("document.documentElement.scrollWidth") == size["width"]
    charts = page_file.read_text().count("<figure")
    assert found.page.locator("figure svg").count() == found.page.locator("figure").count() == charts > 7
    assert found.said == []
    found.context.close()


@pytest.mark.parametrize("key", ["gained", "lost", "never", "suspect", "fooled", "near", "cut"])
def test_a_filter_leaves_the_problems_that_have_its_mark(opened: Opened, page_file: Path, key: str):
    expected = [p["id"] for p in problems(page_file) if key in p["flags"]]
    assert opened.chip(key).locator("small").inner_text() == str(len(expected))
    if not expected:
        assert opened.chip(key).is_disabled()
        return
    opened.chip(key).click()
    assert opened.ids() == expected[:30]
    assert opened.page.locator("#count").inner_text().startswith(f"{len(expected)} of 24 training problems")
    assert opened.chip(key).get_attribute("aria-pressed") == "true"
    opened.chip(key).click()
    assert len(opened.ids()) == 24


def test_search_finds_what_is_in_questions_answers_and_steps(opened: Opened, page_file: Path):
    wanted = unlike_others(problems(page_file))["id"]
    opened.page.fill("#search", wanted.upper())
    opened.page.wait_for_selector("text=1 of 24 training problems")
    assert wanted in opened.ids()
    assert all(wanted in one for one in opened.ids())
    opened.page.fill("#search", "no such words")
    opened.page.wait_for_selector("text=0 of 24 training problems")
    assert opened.page.locator("#count").inner_text() == "0 of 24 training problems"
    assert opened.page.locator("#save").is_disabled()


def test_what_is_shown_is_saved_as_json_lines(opened: Opened, page_file: Path, tmp_path: Path):
    opened.chip("fooled").click()
    with opened.page.expect_download() as download:
        opened.page.click("#save")
    download.value.save_as(tmp_path / "saved.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "saved.jsonl").read_text().splitlines()]
    expected = [p for p in problems(page_file) if "fooled" in p["flags"]]
    assert [row["id"] for row in rows] == [p["id"] for p in expected]
    first = rows[0]["sampled"][0]["responses"]
    assert [one["correct"] for one in first] == [bool(r["c"]) for r in expected[0]["g"][0]["r"]]
    assert [one["kept"] for one in first] == [bool(r.get("k")) for r in expected[0]["g"][0]["r"]]
    assert [one["score"] for one in first] == [r["v"] for r in expected[0]["g"][0]["r"]]
    assert "Step 2" in first[0]["text"]
    assert len(first[0]["step_scores"]) == 2


def test_a_problem_shows_its_chains_with_scores_and_why_they_were_kept(opened: Opened, page_file: Path):
    found = [p for p in problems(page_file) if sum(r["c"] for r in p["g"][1]["r"]) > 2]
    problem = unlike_others(found, problems(page_file))
    opened.page.fill("#search", problem["id"])
    opened.page.wait_for_selector("text=1 of 24 training problems")
    opened.page.locator("details.problem summary").first.click()
    text = opened.page.locator("details.problem .inside").first.inner_text()
    right = [r for r in problem["g"][1]["r"] if r["c"]]
    best = next(r for r in right if r["o"] == 1)
    assert f"kept: no. 1 of {len(right)} right" in text
    assert f"score {best['v']:.2f}" in text
    assert "read as" in text
    assert "rule: same text" in text
    assert "weights weights-1" in text
    assert re.search(r"Step 2: Their sum is \d+\.\s+(untrue )?\d\.\d\d", text)


def test_what_is_shown_stands_in_the_address(browser: Any, page_file: Path, opened: Opened):
    opened.chip("set-test").click()
    opened.chip("gained").click()
    address = opened.page.evaluate("location.hash")
    again = Opened(browser, page_file, hash_=address)
    assert again.ids() == opened.ids() == [p["id"] for p in problems(page_file, 1) if "gained" in p["flags"]]
    assert len(again.ids()) == 12
    again.context.close()


def test_a_keyboard_is_enough(opened: Opened):
    page = opened.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.key") == "gained":
            break
    page.keyboard.press("Enter")
    assert opened.chip("gained").get_attribute("aria-pressed") == "true"
    assert page.evaluate("document.activeElement.dataset.key") == "gained"  # although the buttons were made anew
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    page.keyboard.press("Enter")
    assert page.locator("details.problem[open]").count() == 1


def test_more_problems_come_when_asked_for(browser: Any, run: Path, tmp_path: Path):
    page = page_of(find_run(run))
    page.sets[0]["problems"] *= 3
    write(page, tmp_path / "long.html")
    found = Opened(browser, tmp_path / "long.html")
    assert len(found.ids()) == 30
    found.page.click("#more")
    found.page.click("#more")
    assert len(found.ids()) == 72
    assert not found.page.locator("#more").is_visible()
    found.context.close()


def channel(value: int) -> float:
    share = value / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def luminance(colour: str) -> float:
    red, green, blue = (channel(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_marks_stand_out_as_wcag_asks_for(browser: Any, page_file: Path, scheme: str):
    found = Opened(browser, page_file, scheme=scheme)
    ask = "name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()"
    colours = {
        name: found.page.evaluate(ask, name) for name in ("ink", "quiet", "good", "other", "bad", "third", "fourth")
    }
    papers = {name: found.page.evaluate(ask, name) for name in ("paper", "card", "soft")}
    for name, colour in colours.items():
        for paper, ground in papers.items():
            light, dark = sorted((luminance(colour), luminance(ground)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, paper)
    found.context.close()
