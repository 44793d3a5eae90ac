"""How long the report takes, what its page weighs, and how fast Chromium opens it.

    python benchmarks/page.py

Runs `ae report` on the artifacts that are there; opening is the median of five, each in a fresh
browser. Chromium and its driver must be installed.
"""

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from selenium import webdriver

PAGE = Path("artifacts/report/index.html")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync")
LOADED = "return performance.getEntriesByType('navigation')[0].loadEventEnd"


def main() -> None:
    began = time.perf_counter()
    subprocess.run(["ae", "report"], check=True)
    print(f"ae report: {time.perf_counter() - began:.1f} s, imports included")
    print(f"page: {PAGE.stat().st_size / 1e6:.1f} MB")
    opened = [opening() for _ in range(5)]
    print(f"opened in {statistics.median(opened):.0f} ms (slowest {max(opened):.0f} ms)")


def opening() -> float:
    """Milliseconds until the page's load event ends."""
    browser, driver_program = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if browser is None or driver_program is None:
        raise SystemExit(
            "Chromium and its driver are needed: apt-get install chromium chromium-driver"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options, webdriver.ChromeService(driver_program))
        try:
            driver.get(PAGE.absolute().as_uri())
            return float(driver.execute_script(LOADED))
        finally:
            driver.quit()


if __name__ == "__main__":
    os.environ["SE_AVOID_STATS"] = "true"
    main()
