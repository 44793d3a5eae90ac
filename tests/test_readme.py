"""README's tables say what the metrics in git say."""

from pathlib import Path

from benchmarks.readme import NUMBER, renewed, rewritten

ROOT = Path(__file__).parents[1]


def test_a_cell_keeps_its_form():
    assert renewed("13.87 (13.87¹)", 1234.5678) == "1,234.57 (13.87¹)"
    assert renewed("**1.90**", 2.0) == "**2.00**"
    assert renewed("2.82 %", 0.0251) == "2.51 %"
    assert renewed("47,854", 2837314) == "2,837,314"
    assert renewed("2.84 M", 1420814) == "1.42 M"
    assert renewed("0.14", -0.344) == "−0.34"
    assert NUMBER.match("no code at all") is None


def test_the_tables_are_those_of_the_metrics():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    new = rewritten(text)
    changed = [
        f"{there}\n  should be\n{should}"
        for there, should in zip(text.split("\n"), new.split("\n"), strict=True)
        if there != should
    ]
    assert not changed, "run: python benchmarks/readme.py\n" + "\n".join(changed)
