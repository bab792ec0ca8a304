"""The page in a real browser: the committed one, or another with --page."""

import csv
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from axe_playwright_python.sync_playwright import Axe
from checkout import PROJECT
from made_up import PAPER_PROFILE
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from replication.paper import about
from replication.report.html import find_code_address
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


def unfold(page: Page) -> None:
    """Open all that is folded, and let charts draw."""
    page.evaluate("document.querySelectorAll('details').forEach(of => of.open = true)")
    page.wait_for_timeout(300)


@pytest.fixture
def opened(page: Page) -> Page:
    unfold(page)
    return page


def item(page: Page, name: str) -> Locator:
    """A table or figure, with what is folded in it."""
    return page.locator(f"[id='{name}']")


def full_table(page: Page, number: int) -> Locator:
    """The whole table of a number, which is folded."""
    return item(page, f"table-{number}").locator("table:not(.short)").first


VISIBLE = """() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    let count = 0
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement
        if (!element.closest('svg, script, style, .hidden') && element.checkVisibility({contentVisibilityAuto: true}))
            count += walker.currentNode.data.replace(/\\s+/g, ' ').trim().length
    }
    return count
}"""


def test_what_stands_open_is_short_and_prints_on_few_sheets(page: Page, path: Path) -> None:
    if not path.is_relative_to(PROJECT):
        pytest.skip("the studies of a test are more")
    assert page.locator("details[open]").count() == 0
    assert page.evaluate(VISIBLE) <= 15_000
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) <= 5


@pytest.mark.parametrize("target", ["table-13-pairs", "K21-cifar", "rule", "fill", "runs-cpu-cifar-plain-56"])
def test_an_address_opens_what_it_names(browser: Browser, path: Path, target: str) -> None:
    page = browser.new_page()
    page.goto(f"{path.as_uri()}#{target}")
    assert item(page, target).is_visible()
    around = "of => [...document.querySelectorAll('details[open]')].filter(all => all.contains(of)).length"
    assert item(page, target).evaluate(around) >= 1
    page.close()


def test_a_link_opens_what_it_leads_to(page: Page) -> None:
    page.locator(".findings tbody tr").first.locator("td:last-child a").click()
    assert item(page, "K02-cifar").locator(".verdict").first.is_visible()
    item(page, "K02-cifar").evaluate("of => of.open = false")
    page.locator(".findings tbody tr").first.locator("td:last-child a").click()
    assert item(page, "K02-cifar").locator(".verdict").first.is_visible(), "also where the address stays the same"


def test_the_search_box_opens_what_it_finds(page: Page) -> None:
    box = page.get_by_role("searchbox")
    box.fill("undertrained")
    found = page.locator("mark")
    assert found.count() == 1 and found.is_visible() and found.inner_text().lower() == "undertrained"
    box.fill("bottleneck")
    assert found.is_visible() and re.match(r"1 of \d+", page.locator("output").inner_text())
    box.press("Enter")
    assert page.locator("output").inner_text().startswith("2 of ") and found.count() == 1
    box.fill("no such words")
    assert found.count() == 0
    assert page.locator("output").inner_text()


def test_print_all_opens_everything_and_folds_it_again(page: Page) -> None:
    page.evaluate(
        "window.print = () => { window.open_at_print = document.querySelectorAll('details:not([open])').length }"
    )
    page.get_by_role("button", name="Print all").click()
    page.wait_for_function("window.open_at_print === 0")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


@pytest.mark.parametrize("is_open", [False, True], ids=["folded", "open"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(browser: Browser, path: Path, width: int, scheme: str, is_open: bool) -> None:
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.goto(path.as_uri())
    if is_open:
        unfold(page)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
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
    open_figures = still.locator("section figure > svg >> visible=true")
    assert open_figures.count() > 10
    for figure in open_figures.all():
        box = figure.bounding_box()
        assert box["width"] > 180 and box["height"] > 120
        assert figure.locator("path, line, circle").count() > 5
        assert figure.get_attribute("aria-label")


def test_without_scripts_all_that_is_folded_opens_by_hand(still: Page) -> None:
    for name in ("figure-3", "K02-cifar", "rule"):
        item(still, name).locator("summary").first.click()
        assert item(still, name).locator(":scope > :not(summary)").first.is_visible()
    assert not still.get_by_role("searchbox").is_visible(), "which needs scripts"


def test_the_papers_panels_stand_beside_those_of_the_closest_setup(page: Page) -> None:
    for number in (1, 4, 6):
        panels = item(page, f"figure-{number}").locator("> .multiples svg")
        labels = [svg.get_attribute("aria-label") for svg in panels.all()]
        assert len(labels) >= 4 and len(set(labels)) == len(labels)
        for theirs, ours in zip(panels.all()[::2], panels.all()[1::2], strict=True):
            left, right = theirs.bounding_box(), ours.bounding_box()
            assert abs(left["y"] - right["y"]) < 2 and right["x"] > left["x"]


def chart_of(page: Page, number: int) -> Locator:
    """The chart of one of the figures 1, 4 and 6, in view."""
    unfold(page)
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
    """The study of section 4.2 whose curves the page shows first: the closest one with both nets of Figure 1."""
    studies = read_studies(path.parents[1] / "results", TASKS["cifar"], PAPER_PROFILE)
    return next(study for study in studies if study.has("plain-56"))


def at_half(study: Study, net: str, split: str) -> str:
    """What curves.csv has at half of the schedule: the mean of the seeds."""
    rows = study.curve(net, split)
    middle = rows[rows["iteration"] == study.iterations // 2]["value"]
    assert len(middle), "a row of curves.csv"
    return f"{middle.mean():.2f}" + (f" ± {middle.std():.2f}" if len(middle) > 1 else "")


def test_charts_stand_for_the_drawings_on_the_screen_and_not_in_print(opened: Page) -> None:
    assert opened.locator(".chart canvas").count() > 3
    for media in ("screen", "print"):
        opened.emulate_media(media=media)
        for chart in opened.locator(".chart").all():
            drawings = chart.locator("xpath=following-sibling::div[contains(@class,'still')]")
            assert chart.is_visible() == (media == "screen")
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
    assert heads() == [f"{nearest.name}, test"], "the paper's has an axis of its own"
    chart.get_by_role("checkbox", name="training").check()
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


def test_table_6_has_the_papers_rows_and_ours(opened: Page) -> None:
    table = full_table(opened, 6)
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
        assert page.locator(f"details.claim[id='{target}']").count() == 1


def test_each_claim_has_a_mark_a_setup_and_opens_to_its_comparisons(page: Page) -> None:
    tested = page.locator(".claim:has(.verdict)")
    assert tested.count() > 20
    for claim in tested.all():
        marks, verdicts = claim.locator("summary .mark"), claim.locator(".verdict")
        assert marks.count() == verdicts.count() >= 1
        for mark, verdict in zip(marks.all(), verdicts.all(), strict=True):
            assert mark.get_attribute("class").split()[1] == verdict.get_attribute("class").split()[1]
            assert verdict.locator("tbody tr").count() >= 1
    claim = item(page, "K14-cifar")
    claim.locator("summary .mark").first.click()
    assert claim.locator(".verdict").first.is_visible(), "a cell opens the claim in place"


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
    assert all(right <= width and size > 11 for right, size in words)
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
def test_the_imagenet_tables_have_the_papers_numbers_and_ours(opened: Page, number: int, printed: list[str]) -> None:
    table = full_table(opened, number)
    for value in printed:
        assert value in table.inner_text()
    assert table.locator("td.here").count() + table.locator("td.absent").count() >= 1


def test_table_1_is_counted_on_the_built_nets(opened: Page) -> None:
    text = full_table(opened, 1).inner_text()
    for value in ("3.858", "11.282", "60.19", "11.3", "× 36"):
        assert value in text
    assert "printed:" not in text


@pytest.mark.parametrize("number", [2, 3, 4, 5, 6, 13, 14])
def test_each_table_stands_open_with_the_paper_beside_the_closest_setup(page: Page, number: int) -> None:
    short = item(page, f"table-{number}").locator("table.short")
    assert short.is_visible() and short.locator("caption").inner_text()
    assert short.locator("th .tag").count() == 1, "no error stands without its fidelity"
    for row in short.locator("tbody tr").all():
        _, printed, here = row.locator("td").all()
        assert re.search(r"\d", printed.inner_text()) or number == 6
        link = here.locator("a").get_attribute("href")
        assert link.startswith("#runs-") if re.search(r"\d", here.inner_text()) else link == "#fill"


@pytest.mark.parametrize(("number", "errors_a_net"), [(2, 1), (3, 2), (4, 2), (5, 1), (6, 1)])
def test_no_error_stands_without_its_fidelity(page: Page, number: int, errors_a_net: int) -> None:
    for row in full_table(page, number).locator("tr:has(td.here)").all():
        assert row.locator("td.here").count() == errors_a_net * row.locator(".tag").count()


def test_a_command_that_fills_a_cell_stands_once(page: Page) -> None:
    commands = item(page, "fill").locator("code", has_text="dvc exp run").all_text_contents()
    assert len(commands) == len(set(commands)) >= 4


def test_differences_from_the_paper_are_listed(page: Page) -> None:
    table = item(page, "deviation-list").locator("table")
    assert table.is_visible() and table.locator("tbody tr").count() >= 1
    assert table.locator("thead th").count() >= 3, "a column a setup, and the measured effect"


def test_each_measured_number_leads_to_its_runs(page: Page) -> None:
    """But for what is counted on the built nets, for settings, and for what needs several runs."""
    cells = page.evaluate(
        """() => [...document.querySelectorAll('main td.here')]
            .filter(of => /[0-9]/.test(of.textContent) && !of.closest('.verdict.confirmed'))
            .map(of => [of.closest('.item').id, of.parentElement.textContent, of.querySelector('a')?.hash.slice(1)])"""
    )
    cells = [cell for cell in cells if not re.match(r"table-1$|differences-|runs-|speed", cell[0])]
    assert {"claim-matrix", "table-6", "others", "table-13"} <= {name for name, *_ in cells}
    recipes = dict(
        page.locator("tr[id]").evaluate_all("all => all.map(of => [of.id, of.querySelector('code').textContent])")
    )
    for name, words, target in cells:
        if target is None:
            assert name in ("claim-matrix", "comparisons"), f"{name}: {words} leads nowhere"
        else:
            assert re.fullmatch("[0-9a-f]{16}", recipes[target]), f"{name}: {words} leads to no recipe"


def test_every_table_has_a_name_and_every_head_a_scope(opened: Page) -> None:
    assert opened.locator("table:not(:has(> caption))").count() == 0
    assert opened.locator("th:not([scope])").count() == 0
    names = opened.locator("table > caption").all_text_contents()
    assert all(names) and any("Table 13" in name for name in names)


def test_links_and_ids_are_sound(page: Page, path: Path) -> None:
    """Into the page, to the paper, to published files of this repository, and to the tables that the page carries."""
    ids = page.locator("[id]").evaluate_all("all => all.map(of => of.id)")
    assert len(ids) == len(set(ids))
    targets = set(page.locator("a").evaluate_all("all => all.map(of => of.getAttribute('href'))"))
    assert any(of.startswith("data:") for of in targets)
    for target in targets:
        if target.startswith("#"):
            assert target.removeprefix("#") in ids, target
        elif find_code_address() and target.startswith(find_code_address()):
            file = unquote(target.removeprefix(find_code_address()).removeprefix("/blob/HEAD/"))
            assert (path.parents[1] / file).is_file() or target == find_code_address(), target
        elif target.startswith("https://"):
            assert target == about()["address"]
        elif target.startswith("data:text/csv"):
            rows = list(csv.reader(io.StringIO(unquote(target.partition(",")[2]))))
            assert len(rows) > 1 and any(re.search("[0-9]", cell) for row in rows for cell in row), rows[:3]
        else:
            pytest.fail(f"{target} does not work in a page that was mailed")


def test_each_table_and_figure_says_where_it_is_from(page: Page, path: Path) -> None:
    for kind, numbers in {"table": range(1, 15), "figure": range(1, 8)}.items():
        for number in numbers:
            line = item(page, f"{kind}-{number}").locator(".origin").first
            script = re.search(r"src/replication/[\w/]+\.py", line.text_content())[0]
            assert (path.parents[1] / script).is_file() or not path.is_relative_to(PROJECT)
            assert line.locator("a[download]").get_attribute("download") == f"{kind}-{number}.csv"


def test_claims_lead_to_their_tables_and_figures_and_back(page: Page) -> None:
    pairs = {"K02-cifar": "figure-1", "K14-cifar": "table-6", "K01-imagenet": "table-2"}
    for card, place in pairs.items():
        assert item(page, card).locator(f"a[href='#{place}']").count() == 1
        assert item(page, place).locator(f".origin a[href='#{card}']").count() == 1


def test_the_contents_lead_somewhere(page: Page) -> None:
    links = page.locator("nav a").all()
    for link in links:
        assert page.locator(link.get_attribute("href")).count() == 1
    assert page.locator("nav > a").count() == page.locator("main h2").count(), "each heading is in the contents"


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
    unfold(page)
    yield page
    page.close()


def test_on_a_phone_rows_of_tables_are_cards_that_say_of_which_column_a_cell_is(phone: Page) -> None:
    wide = "all => all.filter(of => of.scrollWidth > of.clientWidth + 1).map(of => of.innerText.slice(0, 60))"
    cards = phone.locator(".scroll:not(:has(.values, .short))")
    assert cards.count() > 20 and cards.evaluate_all(wide) == [], "none scrolls sideways"
    row = full_table(phone, 6).locator("tr.own").first
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
    drawings = item(phone, "figure-3").locator("svg")
    assert drawings.count() == 3
    for drawing in drawings.all():
        assert 250 < drawing.bounding_box()["width"] <= 358, "a net a screen"


def test_the_words_of_drawings_are_legible_on_a_phone(phone: Page) -> None:
    drawings = phone.locator("main figure svg, header figure svg")
    assert drawings.count() > 20
    small = """all => all.filter(svg => svg.checkVisibility()).flatMap(svg => [...svg.querySelectorAll('text')]
        .map(text => [parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a, text.textContent])
        .filter(([size]) => size < 10.99))"""
    assert drawings.evaluate_all(small) == []


def test_the_page_prints_on_a4_what_stands_open(still: Page, page: Page) -> None:
    for of in (still, page):
        assert b"/MediaBox [0 0 594.95" in of.pdf(prefer_css_page_size=True), "A4"
        of.emulate_media(media="print")
        assert not of.locator("nav").is_visible() and item(of, "table-6").locator("table.short").is_visible()
        assert not item(of, "rule").is_visible() and item(of, "K02-cifar").is_visible()
        item(of, "rule").evaluate("of => of.open = true")
        assert item(of, "rule").is_visible()
        sizes = "all => all.filter(of => of.checkVisibility()).map(of => parseFloat(getComputedStyle(of).fontSize))"
        assert min(of.locator("main :is(td, th, p, small, summary, h3)").evaluate_all(sizes)) >= 7 / 0.75, "7 pt"
        lines = "all => all.filter(of => getComputedStyle(of).textDecorationLine !== 'none').length"
        assert of.locator("a").evaluate_all(lines) == 0, "no line runs through a number"
