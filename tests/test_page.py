"""The page in a real browser: the committed one, or another with --page."""

import csv
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from checkout import PROJECT
from made_up import PAPER_PROFILE
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from replication.paper import about
from replication.results.studies import Study, read_studies
from replication.tasks import TASKS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no browser: install Debian's chromium to test the page"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def path(request: pytest.FixtureRequest) -> Path:
    return request.config.getoption("--page").resolve()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def still(browser: Browser, path: Path) -> Iterator[Page]:
    """The page as a reader without scripts has it."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, java_script_enabled=False)
    page.goto(path.as_uri())
    yield page
    page.close()


@pytest.fixture
def page(browser: Browser, path: Path) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.requests, page.messages = [], []
    page.on("request", lambda request: page.requests.append(request.url))
    page.on("console", lambda message: page.messages.append(message.text))
    page.on("pageerror", lambda error: page.messages.append(str(error)))
    page.goto(path.as_uri())
    yield page
    page.close()


def test_the_page_loads_nothing_and_says_nothing_on_the_console(page: Page, path: Path) -> None:
    page.wait_for_timeout(300)
    assert [url for url in page.requests if not url.startswith("data:")] == [path.as_uri()]
    assert page.messages == []


def test_the_page_is_one_file_under_2_mb(path: Path) -> None:
    assert path.stat().st_size < (2_000_000 if path.is_relative_to(PROJECT) else 3_000_000), (
        "with the studies of a test"
    )
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"<script[^>]+src|<link[^>]+stylesheet|@import|url\((?!#)", text)
    assert "uPlot (v" in text and "Permission is hereby granted" in text, "the chart library, with its licence"


def test_without_scripts_every_figure_is_visible_with_ink_in_it(still: Page) -> None:
    assert not any(chart.is_visible() for chart in still.locator(".chart").all())
    figures = still.locator("figure > svg, figure div > svg")
    assert figures.count() > 7, "more than a panel a figure"
    for figure in figures.all():
        box = figure.bounding_box()
        assert box["width"] > 250 and box["height"] > 120
        assert figure.locator("path, line, circle").count() > 5
        assert figure.get_attribute("aria-label")


def test_without_scripts_the_papers_panels_stand_once_and_ours_below_them(still: Page) -> None:
    for number in (1, 4, 6):
        following = still.locator(f"h2#figure-{number}").locator("xpath=following::div[contains(@class,'study')]")
        theirs, ours = following.nth(0), following.nth(1)
        labels = [[svg.get_attribute("aria-label") for svg in of.locator("svg").all()] for of in (theirs, ours)]
        assert len(labels[0]) == len(labels[1]) >= 2 and not set(labels[0]) & set(labels[1])
        first, second = (figure.bounding_box() for figure in theirs.locator("figure").all()[:2])
        assert abs(first["y"] - second["y"]) < 2 and second["x"] > first["x"]


def chart_of(page: Page, number: int) -> Locator:
    """The chart of one of the figures 1, 4 and 6, in view."""
    chart = page.locator(f".chart[data-name='Figure {number}']")
    chart.locator(".u-over").evaluate("of => of.scrollIntoView({block: 'center', behavior: 'instant'})")
    return chart


def told(chart: Locator, net: str, column: str) -> str:
    """What the table under a chart has of a net in a column."""
    number = chart.locator("thead th").all_inner_texts().index(column)
    return chart.locator("tbody tr").filter(has_text=net).locator("td").nth(number - 1).inner_text()


def ink(chart: Locator, net: str) -> int:
    """Pixels of a chart in the very colour of a net."""
    return chart.evaluate(
        r"""(chart, net) => {
          const {nets} = JSON.parse(chart.querySelector("script").textContent);
          const canvas = chart.querySelector(".uplot canvas");
          const colour = nets.find(of => of.label === net).colour.match(/\w\w/g).map(of => parseInt(of, 16));
          const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          let count = 0;
          for (let i = 0; i < pixels.length; i += 4)
            count += colour.every((value, of) => pixels[i + of] === value) && pixels[i + 3] === 255;
          return count;
        }""",
        net,
    )


@pytest.fixture
def nearest(path: Path) -> Study:
    """The study of section 4.2 that the page shows first."""
    return read_studies(path.parents[1] / "results", TASKS["cifar"], PAPER_PROFILE)[0]


def at_half(study: Study, net: str, split: str) -> str:
    """What curves.csv has at half of the schedule: the mean of the seeds."""
    rows = study.curve(net, split)
    middle = rows[rows["iteration"] == study.iterations // 2]["value"]
    assert len(middle), "a row of curves.csv"
    return f"{middle.mean():.2f}" + (f" ± {middle.std():.2f}" if len(middle) > 1 else "")


def test_charts_stand_for_the_drawings_on_the_screen_and_not_in_print(page: Page) -> None:
    assert page.locator(".chart canvas").count() > 3
    for media in ("screen", "print"):
        page.emulate_media(media=media)
        for chart in page.locator(".chart").all():
            drawings = chart.locator("xpath=following-sibling::div[contains(@class,'still')]")
            assert chart.is_visible() == (media == "screen") and drawings.count() >= 2
            assert all(drawing.is_visible() == (media == "print") for drawing in drawings.all())


def test_pointing_at_a_chart_tells_what_curves_csv_has_there(page: Page, nearest: Study) -> None:
    chart = chart_of(page, 1)
    over = chart.locator(".u-over")
    box = over.bounding_box()
    beside = ""  # the nearest curve is told beside the pointer, all others in the table
    for height in range(0, int(box["height"]), 8):
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + height)
        beside += over.inner_text()
    assert re.search(r" at (50|49.9|50.1) %", chart.locator("caption").inner_text())
    for net in ("plain-20", "plain-56"):
        assert told(chart, net, f"{nearest.name}, test") == at_half(nearest, net, "test")
        assert told(chart, net, f"{nearest.name}, training") == at_half(nearest, net, "train")
        assert f"{net} {at_half(nearest, net, 'test')} %\ntest, {nearest.name}" in beside


def test_the_keyboard_reads_a_chart_as_the_pointer_does(page: Page, nearest: Study) -> None:
    chart = chart_of(page, 1)
    slider = chart.get_by_role("slider")
    slider.focus()
    for _ in range(50):
        page.keyboard.press("ArrowLeft")
    assert " at 50 %" in chart.locator("caption").inner_text()
    assert told(chart, "plain-56", f"{nearest.name}, test") == at_half(nearest, "plain-56", "test")
    said = slider.get_attribute("aria-valuetext")
    assert f"plain-56, {nearest.name}, test {at_half(nearest, 'plain-56', 'test')}" in said
    assert chart.locator(".u-cursor-x").is_visible()


def test_a_net_that_is_unticked_is_not_drawn(page: Page) -> None:
    chart = chart_of(page, 1)
    assert ink(chart, "plain-56") > 100 and ink(chart, "plain-20") > 100
    chart.get_by_role("checkbox", name="plain-56").uncheck()
    assert ink(chart, "plain-56") == 0 and ink(chart, "plain-20") > 100
    assert "plain-56" not in chart.get_by_role("slider").get_attribute("aria-valuetext")


def test_study_split_seeds_and_axis_of_a_chart_are_chosen(page: Page, nearest: Study) -> None:
    chart = chart_of(page, 6)
    heads = lambda: chart.locator("thead th").all_inner_texts()[1:]  # noqa: E731
    assert heads() == ["the paper, test", f"{nearest.name}, test"]
    chart.get_by_role("checkbox", name="training").check()
    chart.get_by_role("checkbox", name="the paper").uncheck()
    assert heads() == [f"{nearest.name}, test", f"{nearest.name}, training"]
    others = chart.locator("input[name^=source]").all()[2:]
    for other in others:
        other.check()
    assert len(heads()) == 2 + 2 * len(others)
    chart.get_by_role("radio", name="iterations").check()
    assert re.search(r" at [\d,]+ iterations", chart.locator("caption").inner_text())
    cells = lambda words: chart.locator("tbody td", has_text=words).count()  # noqa: E731
    several = cells("±")
    chart.get_by_role("radio", name="each").check()
    assert cells("·") == several and cells("±") == 0


def test_dragging_zooms_a_chart_and_a_double_click_shows_all_of_it(page: Page) -> None:
    chart = chart_of(page, 6)
    slider, over = chart.get_by_role("slider"), chart.locator(".u-over")
    box = over.bounding_box()
    seen = []
    for act in ("none", "drag", "double click"):
        if act == "drag":
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
            page.mouse.down()
            page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 25, steps=4)
            page.mouse.up()
        elif act == "double click":
            over.dblclick(position={"x": 50, "y": 50})
        for key in ("End", "Home"):
            slider.press(key)
            seen.append(re.search(r" at ([\d.]+) %", chart.locator("caption").inner_text())[1])
    assert seen[:2] == seen[4:] == ["100", "0"]
    assert abs(float(seen[2]) - 75) < 1 and abs(float(seen[3]) - 50) < 1


def test_table_6_has_the_papers_rows_and_ours(page: Page) -> None:
    table = page.locator("h2#table-6").locator("xpath=following::table[1]")
    text = table.inner_text()
    for printed in ("9.38", "8.81", "8.22", "8.39", "8.80", "8.75", "7.51", "7.17", "6.97", "7.93", "269,722"):
        assert printed in text
    assert "6.61 ± 0.16" in text and "6.43" in text
    assert table.locator("td.here").count() >= 1


def test_each_of_the_32_claims_has_a_square_that_leads_to_its_card(page: Page) -> None:
    claims = {f"K{number:02}" for number in range(1, 33)}
    squares = page.locator(".squares a")
    targets = squares.evaluate_all("all => all.map(of => of.getAttribute('href').slice(1))")
    assert (
        {target[:3] for target in targets}
        == claims
        == set(squares.evaluate_all("all => all.map(of => of.title.slice(0, 3))"))
    )
    for square in squares.all():
        assert square.evaluate("of => of.textContent.trim().length") > 10, (
            "its verdict and its claim, for those who hear"
        )
    for target in targets:
        assert page.locator(f"li[id='{target}']").count() == 1


def test_each_card_has_a_verdict_with_its_comparisons(page: Page) -> None:
    kinds = {"supported", "contradicted", "inconclusive", "single-seed", "not-tested", "confirmed"}
    tested = page.locator(".claims > li:has(details)")
    assert tested.count() > 20
    for card in tested.all():
        first = card.locator("details.verdict").first
        assert len(kinds & set(first.get_attribute("class").split())) == 1
        assert card.locator("tbody tr").count() >= 1


SCREENS = [(1280, 800), (390, 844)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), SCREENS)
def test_the_answer_fits_the_first_screen(browser: Browser, path: Path, width: int, height: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(path.as_uri())
    first = page.locator("header.first")
    assert first.bounding_box()["y"] >= 0
    for part in ("h1", ".meta a", ".answer b", ".findings", ".depth", ".squares", ".legend >> nth=0"):
        box = first.locator(part).first.bounding_box()
        assert box["y"] + box["height"] <= height and box["x"] + box["width"] <= width, part
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    words = first.locator(".depth text").evaluate_all(
        "all => all.map(of => of.getBoundingClientRect()).map(of => [of.right, of.height])"
    )
    assert all(right <= width and size > 9 for right, size in words)
    squares = first.locator(".squares a").evaluate_all(
        "all => all.map(of => of.getBoundingClientRect()).map(of => [of.width, of.height])"
    )
    assert all(min(size) >= 24 for size in squares), "wide enough for a finger"
    page.close()


def test_the_three_findings_have_their_numbers_and_lead_to_runs_and_cards(page: Page) -> None:
    rows = page.locator(".findings tbody tr")
    assert rows.count() == 3
    for row in rows.all():
        _, printed, here, verdict = row.locator("th, td").all()
        assert re.fullmatch(r"[+−]\d+\.\d", printed.inner_text())
        assert re.match(r"[+−]\d+\.\d", here.inner_text()) and re.search(r"n = \d", here.inner_text())
        targets = [cell.locator("a").get_attribute("href") for cell in (here, verdict)]
        assert all(page.locator(f"[id='{target[1:]}']").count() == 1 for target in targets)


@pytest.mark.parametrize(
    ("number", "printed"),
    [
        (2, ["27.94", "27.88", "28.54", "25.03"]),
        (3, ["28.07", "9.15", "24.27", "10.02", "24.52", "24.19", "22.85", "21.75", "5.71"]),
        (4, ["8.43", "7.89", "24.40", "21.59", "5.81", "21.84", "5.60", "20.74", "19.87", "4.49"]),
        (5, ["7.32", "6.66", "6.80", "4.94", "4.82", "3.57"]),
    ],
)
def test_the_imagenet_tables_have_the_papers_numbers_and_ours(page: Page, number: int, printed: list[str]) -> None:
    table = page.locator(f"h2#table-{number}").locator("xpath=following::table[1]")
    for value in printed:
        assert value in table.inner_text()
    assert table.locator("td.here").count() + table.locator("td.absent").count() >= 1


def test_table_1_is_counted_on_the_built_nets(page: Page) -> None:
    text = page.locator("h2#table-1").locator("xpath=following::table[1]").inner_text()
    for value in ("3.858", "11.282", "60.19", "11.3", "× 36"):
        assert value in text
    assert "printed:" not in text


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_each_net_has_its_run_or_the_cost_and_the_command_of_one(page: Page, number: int) -> None:
    table = page.locator(f"h2#table-{number}").locator("xpath=following::table[1]")
    studies = table.locator("th", has_text="here:").count()
    labels = []
    for row in table.locator("tbody tr.own, tbody tr.extra").all():
        label, absent = row.locator("td").first.inner_text(), row.locator("td.absent")
        if label == "ResNet (ILSVRC'15)":  # six models that the paper does not name
            continue
        labels.append(label)
        assert row.locator(".tag").count() + absent.count() == studies >= 1, label
        for cell in absent.all():
            assert re.search(r"\d+ GPU h", cell.inner_text())
        if absent.count() and number > 2:
            nets = label.replace("ResNet", "resnet").replace(" + ", ",").replace(" ", "-")
            assert f"-S 'imagenet.nets=[{nets}]' tabulate@imagenet" in page.content()
    assert len(labels) >= {2: 4, 3: 7, 4: 5, 5: 1}[number]


@pytest.mark.parametrize(("number", "errors_a_net"), [(2, 1), (3, 2), (4, 2), (5, 1), (6, 1)])
def test_no_error_stands_without_its_fidelity(page: Page, number: int, errors_a_net: int) -> None:
    for row in page.locator(f"h2#table-{number}").locator("xpath=following::table[1]").locator("tr:has(td.here)").all():
        assert row.locator("td.here").count() == errors_a_net * row.locator(".tag").count()


def test_differences_from_the_paper_are_listed(page: Page) -> None:
    table = page.locator("h2#differences").locator("xpath=following::table[1]")
    assert table.locator("tbody tr").count() >= 1 and table.locator("td.here").count() >= 1


def test_each_measured_number_leads_to_its_runs(page: Page) -> None:
    """But for what is counted on the built nets, and for settings."""
    apart = "h2#table-1, h2#differences, h2#runs"
    cells = page.evaluate(
        """apart => {
            let heading = null, found = []
            const counted = of => of.closest('details.confirmed')
            for (const of of document.querySelectorAll('main h2, main td.here')) {
                if (of.tagName == 'H2') heading = of
                else if (!heading.matches(apart) && !counted(of) && /[0-9]/.test(of.textContent)) found.push(
                    [heading.id, of.parentElement.textContent, of.querySelector('a')?.hash.slice(1)])
            }
            return found
        }""",
        apart,
    )
    assert {"claims", "claims-imagenet", "table-6", "others", "table-13"} <= {heading for heading, *_ in cells}
    recipes = dict(
        page.locator("tr[id]").evaluate_all("all => all.map(of => [of.id, of.querySelector('code').textContent])")
    )
    for heading, words, target in cells:
        if target is None:
            assert heading.startswith("claims"), f"{heading}: {words} leads nowhere"
        else:
            assert re.fullmatch("[0-9a-f]{16}", recipes[target]), f"{heading}: {words} leads to no recipe"


def test_every_table_has_a_name_and_every_head_a_scope(page: Page) -> None:
    assert page.locator("table:not(:has(> caption))").count() == 0
    assert page.locator("th:not([scope])").count() == 0
    names = page.locator("table > caption").all_text_contents()
    assert all(names) and any("Table 13" in name for name in names)


def test_links_and_ids_are_sound(page: Page, path: Path) -> None:
    """Into the page, to files of this repository as the page lies in reports/, and to the tables that it carries."""
    ids = page.locator("[id]").evaluate_all("all => all.map(of => of.id)")
    assert len(ids) == len(set(ids))
    targets = set(page.locator("a").evaluate_all("all => all.map(of => of.getAttribute('href'))"))
    assert any(of.startswith("../results/") for of in targets) and any(of.startswith("data:") for of in targets)
    for target in targets:
        if target.startswith("#"):
            assert target.removeprefix("#") in ids, target
        elif target.startswith("https://"):
            assert target == about()["address"]
        elif target.startswith("data:text/csv"):
            rows = list(csv.reader(io.StringIO(unquote(target.partition(",")[2]))))
            assert len(rows) > 1 and any(re.search("[0-9]", cell) for row in rows for cell in row), rows[:3]
        else:
            assert (path.parent / unquote(target)).resolve().is_relative_to(path.parents[1]), target
            assert (path.parent / unquote(target)).is_file(), target


def test_each_table_and_figure_says_where_it_is_from(page: Page) -> None:
    for kind, numbers in {"table": range(1, 15), "figure": range(1, 8)}.items():
        for number in numbers:
            line = page.locator(f"#{kind}-{number}").locator("xpath=following::p[contains(@class,'origin')][1]")
            links = dict(
                line.locator("a").evaluate_all("all => all.map(of => [of.textContent, of.getAttribute('href')])")
            )
            assert links["script"].endswith(".py"), (kind, number)
            saved = line.locator("a[download]").get_attribute("download")
            assert saved == f"{kind}-{number}.csv", "the line of another stands next"


def test_claims_lead_to_their_tables_and_figures_and_back(page: Page) -> None:
    pairs = {"K02-cifar": "figure-1", "K14-cifar": "table-6", "K01-imagenet": "table-2", "K27": "table-7"}
    for card, place in pairs.items():
        assert page.locator(f"li#{card} a[href='#{place}']").count() == 1
        line = page.locator(f"#{place}").locator("xpath=following::p[contains(@class,'origin')][1]")
        assert line.locator(f"a[href='#{card}']").count() == 1


def test_the_contents_lead_somewhere(page: Page) -> None:
    links = page.locator("nav a").all()
    for link in links:
        assert page.locator(link.get_attribute("href")).count() == 1
    assert len(links) == page.locator("main h2").count(), "each heading is in the contents"


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1280, "dark"), (1600, "light")])
def test_the_page_fits_phone_and_desk_in_light_and_dark(browser: Browser, path: Path, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing makes the page scroll sideways"
    luminance = "c => { const [r, g, b] = c.match(/[0-9.]+/g).map(Number); return (r * 3 + g * 6 + b) / 10 }"
    ink, paper = page.evaluate(
        f"(() => {{ const f = {luminance}; const s = getComputedStyle(document.body);"
        "return [f(s.color), f(s.backgroundColor)] })()"
    )
    assert (paper > 200 > 60 > ink) if scheme == "light" else (ink > 200 > 60 > paper)
    page.close()


@pytest.fixture
def phone(browser: Browser, path: Path) -> Iterator[Page]:
    """The page on a phone, with all notes opened."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(of => of.open = true)")
    yield page
    page.close()


def test_on_a_phone_rows_of_tables_are_cards_that_say_of_which_column_a_cell_is(phone: Page) -> None:
    wide = "all => all.filter(of => of.scrollWidth > of.clientWidth + 1).map(of => of.innerText.slice(0, 60))"
    cards = phone.locator(".scroll:not(:has(.values))")
    assert cards.count() > 20 and cards.evaluate_all(wide) == [], "none scrolls sideways"
    row = phone.locator("h2#table-6").locator("xpath=following::table[1]//tr[contains(@class,'own')][1]")
    said = row.locator("td").evaluate_all("all => all.map(of => getComputedStyle(of, '::before').content)")
    assert len([of for of in said if of not in ("none", '""')]) > 3


def test_on_a_phone_the_values_of_a_chart_stay_a_table_under_their_heads(phone: Page) -> None:
    table = chart_of(phone, 6).locator("table")
    head, cell = table.locator("thead th").nth(1).bounding_box(), table.locator("tbody td").first.bounding_box()
    assert head["width"] > 40 and abs(head["x"] - cell["x"]) < 2 and head["y"] < cell["y"]


def test_on_a_phone_the_mark_of_a_comparison_comes_first(phone: Page) -> None:
    for row in phone.locator(".comparisons tbody tr").all()[:5]:
        what, mark = row.locator("td").first.bounding_box(), row.locator("td").last.bounding_box()
        assert mark["x"] < what["x"] and abs(mark["y"] - what["y"]) < 6


def test_figure_3_can_be_read_on_a_phone(phone: Page) -> None:
    drawings = phone.locator("h2#figure-3").locator("xpath=following::figure[1]").locator("svg")
    assert drawings.count() == 3
    for drawing in drawings.all():
        assert 250 < drawing.bounding_box()["width"] <= 358, "a net a screen"
        heights = drawing.locator("text").evaluate_all("all => all.map(of => of.getBoundingClientRect().height)")
        assert min(heights) > 9.5


def test_the_page_prints_on_a4_without_the_contents_and_with_all_notes(still: Page, page: Page) -> None:
    for of in (still, page):
        assert b"/MediaBox [0 0 594.95" in of.pdf(prefer_css_page_size=True), "A4"
        of.emulate_media(media="print")
        assert not of.locator("nav").is_visible() and of.locator("h2#table-6").is_visible()
        hidden = "all => all.filter(of => !of.open && of.children[1].getBoundingClientRect().height < 4).length"
        assert of.locator("details").evaluate_all(hidden) == 0
