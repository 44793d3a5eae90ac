import csv

import numpy as np
import pandas as pd

from pipelines.cli.classify import TABLES
from pipelines.cli.code_files import read_codes, write_codes


def cells(path):
    with path.open(newline="", encoding="utf-8") as file:
        return [*csv.reader(file)]


def test_a_spreadsheet_runs_no_name_beside_codes(tmp_path):
    codes = np.array([[-1.5, 0.25], [2, -0.1], [0, 1]], dtype=np.float32)
    names = ["=1+1.png", "a.png", "--text:0"]
    write_codes(tmp_path / "codes.csv", names, codes)
    header, *rows = cells(tmp_path / "codes.csv")
    assert header == ["input", "code_0", "code_1"]
    assert [row[0] for row in rows] == ["'=1+1.png", "a.png", "'--text:0"]
    assert rows[0][1:] == ["-1.5", "0.25"]
    assert np.array_equal(read_codes(tmp_path / "codes.csv"), codes)
    write_codes(tmp_path / "codes.parquet", names, codes)
    assert pd.read_parquet(tmp_path / "codes.parquet")["input"].tolist() == names


def test_a_spreadsheet_runs_no_class_of_an_image(tmp_path):
    frame = pd.DataFrame({"input": ["@a", "b"], "class": ["-x", "y"], "probability": [0.75, 0.5]})
    frame = frame.assign(**{"-x": [0.75, 0.5], "y": [0.25, 0.5]})
    TABLES[".csv"](frame, tmp_path / "t.csv")
    assert cells(tmp_path / "t.csv") == [
        ["input", "class", "probability", "'-x", "y"],
        ["'@a", "'-x", "0.750000", "0.750000", "0.250000"],
        ["b", "y", "0.500000", "0.500000", "0.500000"],
    ]
