"""The book as built from the committed notebooks: complete, sound in itself, and independent of where it was built."""

import hashlib
import importlib
import re
import tempfile
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import built_book
import pytest
import yaml
from bs4 import BeautifulSoup, Tag
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parents[1]
MATHJAX = ROOT / "book" / "_static" / "vendor" / "mathjax"
MAX_BYTES = 1_000_000
"""What a page may weigh with its pictures and its own scripts, without the theme and MathJax, which a browser keeps."""
OTHER_HOSTS = {
    "arxiv.org",
    "distributed.dask.org",
    "doi.org",
    "jobqueue.dask.org",
    "kubernetes.dask.org",
}
ADDRESSES = {"a": "href", "link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src"}


@pytest.fixture(scope="session")
def html() -> Path:
    return built_book.pages()


@cache
def parsed(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def pages_in_contents() -> list[str]:
    """The pages that _toc.yml names, without ending."""
    return list(parse_toc_yaml(ROOT / "_toc.yml"))


def all_pages(html: Path) -> list[Path]:
    return [page for page in sorted(html.rglob("*.html")) if "_static" not in page.relative_to(html).parts]


def articles(html: Path) -> dict[str, Tag]:
    """The text of each page of the book, without what the theme puts around it."""
    return {name: parsed(html / f"{name}.html").select_one("article.bd-article") for name in pages_in_contents()}


def addresses(page: Path) -> list[tuple[Tag, str]]:
    tags = parsed(page).find_all(list(ADDRESSES))
    return [(tag, tag[ADDRESSES[tag.name]]) for tag in tags if tag.has_attr(ADDRESSES[tag.name])]


def broken(page: Path, address: str) -> bool:
    """Whether a relative address on a page leads nowhere: no such file in the site, or no such place in the file."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or address == "#":
        return False
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir():
        target = target / "index.html"
    if not target.is_file():
        return True
    fragment = unquote(parts.fragment)
    if target.name == "explorer.html" and "=" in fragment:  # settings, held against the explorer elsewhere
        fragment = "explorer"
    return bool(fragment) and target.suffix == ".html" and parsed(target).find(id=fragment) is None


def test_every_page_is_there_and_every_written_page_is_in_the_contents(html):
    named = pages_in_contents()
    assert len(named) == len(set(named))
    assert [name for name in named if not (html / f"{name}.html").is_file()] == []
    written = {path.relative_to(ROOT).with_suffix("").as_posix() for path in (ROOT / "book").glob("*.md")}
    written |= {f"notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert written == set(named)


def test_links_inside_the_site_lead_somewhere(html):
    checked = [(page, address) for page in all_pages(html) for _, address in addresses(page)]
    assert len(checked) > 100
    assert [f"{page.relative_to(html)}: {address}" for page, address in checked if broken(page, address)] == []


def test_the_link_checker_sees_a_missing_page_and_a_missing_place(html, tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<p id="here"></p>')
    assert not broken(page, "#here")
    assert not broken(page, "page.html#here")
    assert not broken(page, "https://example.org/anything")
    assert broken(page, "#there")
    assert broken(page, "page.html#there")
    assert broken(page, "other.html")
    for folder, content in (("with", '<div id="explorer"></div>'), ("without", "<p></p>")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "explorer.html").write_text(content)
    assert not broken(page, "with/explorer.html#rule=bp")
    assert broken(page, "without/explorer.html#rule=bp")


def strange(address: str) -> bool:
    """Whether an address on another host is not one that a reader can follow safely, or its host is not known here."""
    parts = urlsplit(address)
    return parts.scheme != "https" or parts.netloc not in OTHER_HOSTS or re.fullmatch(r"[!-~]+", address) is None


def test_links_to_other_hosts_are_secure_well_formed_and_to_hosts_that_someone_chose(html):
    leading_out = [
        (page, address)
        for page in all_pages(html)
        for tag, address in addresses(page)
        if tag.name == "a" and (urlsplit(address).netloc or urlsplit(address).scheme)
    ]
    assert {urlsplit(address).netloc for _, address in leading_out} == OTHER_HOSTS
    assert [f"{page.relative_to(html)}: {address}" for page, address in leading_out if strange(address)] == []


@pytest.mark.parametrize(
    "address",
    [
        "http://arxiv.org/abs/1",
        "https://example.org",
        "https://arxiv.org/abs/1 2",
        "javascript:alert(1)",
        "//doi.org/1",
    ],
)
def test_a_strange_address_is_noticed(address):
    assert strange(address)
    assert not strange("https://doi.org/10.1088/2632-2153/ad3ee5")


def own_files(html: Path, page: Path) -> set[Path]:
    """What a page loads besides itself: its pictures, and the scripts and styles that are written in book/_static."""
    loaded = {(page.parent / unquote(urlsplit(a).path)).resolve() for tag, a in addresses(page) if tag.name != "a"}
    within = {path: path.relative_to(html.resolve()).parts for path in loaded if path.is_file()}
    return {
        path
        for path, parts in within.items()
        if parts[0] == "_images" or (parts[0] == "_static" and (ROOT / "book" / Path(*parts)).is_file())
        if parts[:2] != ("_static", "vendor")
    }


def test_a_page_with_its_pictures_and_scripts_is_no_heavy_load(html):
    weights = {page: sum(p.stat().st_size for p in (page, *own_files(html, page))) for page in all_pages(html)}
    assert all(any(p.parts[-2] == "_images" for p in own_files(html, page)) for page in html.glob("notebooks/*.html"))
    assert any(p.parts[-2] == "explorer" for p in own_files(html, html / "book" / "explorer.html"))
    assert {str(page.relative_to(html)): weight for page, weight in weights.items() if weight >= MAX_BYTES} == {}


def test_pages_load_nothing_from_elsewhere(html):
    loaded = [(page, tag, address) for page in all_pages(html) for tag, address in addresses(page) if tag.name != "a"]
    assert len(loaded) > 50
    foreign = [
        f"{page.relative_to(html)}: {address}"
        for page, _, address in loaded
        if urlsplit(address).netloc or urlsplit(address).scheme not in ("", "data")
    ]
    assert foreign == []


def test_every_picture_says_what_it_shows(html):
    silent = [
        f"{page.relative_to(html)}: {picture.get('src')}"
        for page in all_pages(html)
        for picture in parsed(page).find_all("img")
        if not picture.get("alt", "").strip()
    ]
    assert silent == []


def test_every_plot_is_a_numbered_figure_with_a_caption(html):
    chapters = {name: article for name, article in articles(html).items() if name.startswith("notebooks/")}
    for name, article in chapters.items():
        plots = article.select(".cell_output img")
        assert plots, f"{name} shows no figure"
        for plot in plots:
            figure = plot.find_parent("figure")
            assert figure is not None, f"{name}: a plot without caption: {plot['alt']}"
            assert re.fullmatch(r"Fig\. \d+\.\d+ ", figure.select_one(".caption-number").get_text()), name
            assert len(figure.select_one(".caption-text").get_text().split()) > 3, name


def test_every_chapter_says_what_it_costs(html):
    for name, article in articles(html).items():
        boxes = article.select(".cost-box")
        assert len(boxes) == (1 if name.startswith("notebooks/") else 0), name
        assert all("not measured" not in box.get_text() for box in boxes), name


def test_every_labelled_equation_names_the_function_that_implements_it(html):
    code = yaml.safe_load((ROOT / "book" / "equations.yml").read_text(encoding="utf-8"))
    places = [
        (tag, tag["id"].removeprefix("equation-"))
        for article in articles(html).values()
        for tag in article.select("div.math[id^=equation-]")
    ]
    labels = [label for _, label in places]
    assert len(labels) == len(set(labels))
    assert set(labels) == set(code)
    for equation, label in places:
        line = equation.find_next_sibling()
        shown = line is not None and "equation-code" in line.get("class", [])
        if code[label] == "derivation":
            assert not shown, label
        else:
            assert shown, label
            assert line.get_text() == f"implemented by {code[label]}", label
            assert callable(resolved(code[label])), label


def resolved(name: str) -> object:
    """The object of a dotted name: a module's attribute, or an attribute of that; a property's function."""
    parts = name.split(".")
    assert parts[0] == "feedback_alignment", name
    for length in range(len(parts) - 1, 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError as missing:
            # A class is not a module: look for it in the module above. A missing dependency is another matter.
            if not (missing.name or "").startswith("feedback_alignment"):
                raise
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found.fget if isinstance(found, property) else found
    raise AssertionError(f"no module in {name}")


def test_nothing_names_a_folder_of_the_machine_that_built_it(html):
    folders = "|".join(re.escape(str(folder)) for folder in (ROOT, Path.home(), tempfile.gettempdir()))
    private = re.compile(rf"(?<![\w./-])(?:{folders}|/home/\w+|/Users/\w+)/")
    sources = [path for path in (html / "_sources").rglob("*") if path.is_file()]
    texts = [*all_pages(html), *sources, html / "searchindex.js"]
    found = [
        f"{path.relative_to(html)}: {match.group()}"
        for path in texts
        for match in private.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_vendored_mathjax_is_the_published_one():
    listed = dict(reversed(line.split("  ", 1)) for line in (MATHJAX / "SHA256SUMS").read_text().splitlines())
    present = {f"./{path.relative_to(MATHJAX).as_posix()}": path for path in MATHJAX.rglob("*") if path.is_file()}
    assert set(present) - {"./SHA256SUMS", "./VERSION"} == set(listed)
    for name, digest in listed.items():
        assert hashlib.sha256(present[name].read_bytes()).hexdigest() == digest, name
    assert "Apache License" in (MATHJAX / "LICENSE").read_text()
    version = re.match(r"MathJax (3\.\d+\.\d+),", (MATHJAX / "VERSION").read_text())
    assert version is not None
    assert f'"{version[1]}"' in (MATHJAX / "tex-mml-chtml.js").read_text(encoding="utf-8")
