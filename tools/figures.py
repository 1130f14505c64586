"""Formats figures and keeps the pages and data files in docs up to date."""

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


@dataclass(frozen=True)
class Report:
    """The generated parts of a page: its short tables and its data files."""

    page: Path
    tables: Mapping[str, str]  # Markdown, by the name of the marks in the page
    data: Mapping[str, str]  # CSV, by the name of the file in docs/data

    def files(self) -> dict[Path, str]:
        """Returns the up-to-date text of the page and of every data file."""
        texts = {DOCS / "data" / name: text for name, text in self.data.items()}
        return {self.page: fill_page(self.page, self.tables), **texts}


def publish(report: Report, arguments: Sequence[str]) -> int:
    """Prints the report, writes its files, or fails if a file is out of date."""
    match arguments:
        case []:
            parts = {**report.tables, **{name: text.rstrip() for name, text in report.data.items()}}
            print("\n\n".join(f"{name}\n\n{content}" for name, content in parts.items()))
        case ["--write"]:
            for path, text in report.files().items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        case ["--check"]:
            for path, text in report.files().items():
                if not path.exists() or path.read_text(encoding="utf-8") != text:
                    sys.exit(f"{path.relative_to(ROOT)} is out of date: run `make cost-write`")
        case _:
            sys.exit(f"usage: {Path(sys.argv[0]).name} [--write | --check]")
    return 0


def fill_page(page: Path, tables: Mapping[str, str]) -> str:
    """Returns the page with each table between the marks that name it."""
    text = page.read_text(encoding="utf-8")
    for name, content in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
        if text.count(begin) != 1 or text.count(end) != 1:
            sys.exit(f"{page.name}: expected the marks of {name} once")
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(end)
        text = f"{head}{begin}\n{content}\n\n{end}{tail}"
    return text


def render_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Renders a Markdown table. A `>` before a column name aligns the column to the right."""
    rule = ["---:" if name.startswith(">") else "---" for name in head]
    lines = [[name.removeprefix(">") for name in head], rule, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def render_csv(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Renders a CSV file with a header line."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    return text.getvalue()


def format_money(dollars: Decimal) -> str:
    """Formats an amount with cents."""
    return f"{dollars.quantize(Decimal('0.01'), ROUND_HALF_EVEN):,}"


def format_difference(dollars: Decimal) -> str:
    """Formats an amount with cents and a sign."""
    return f"{dollars.quantize(Decimal('0.01'), ROUND_HALF_EVEN):+,}"


def format_share(part: Decimal, whole: Decimal) -> str:
    """Formats a share in whole percent."""
    return f"{(100 * part / whole).quantize(Decimal(1), ROUND_HALF_EVEN)}%"


def format_number(number: Decimal) -> str:
    """Formats a number with at most four decimal places, without trailing zeros."""
    return f"{_shorten(number):,f}"


def format_data(number: Decimal) -> str:
    """Formats a number for a CSV file: like `format_number`, without thousands separators."""
    return f"{_shorten(number):f}"


def _shorten(number: Decimal) -> Decimal:
    return number.quantize(Decimal("0.0001"), ROUND_HALF_EVEN).normalize()
