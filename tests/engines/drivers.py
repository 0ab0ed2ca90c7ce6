"""Firefox and WebKit behind one small interface: real clicks and keys, and scripts that look."""

from __future__ import annotations

import json
import subprocess
import warnings
from pathlib import Path
from typing import Any, Protocol

from selenium.webdriver import WebKitGTK, WebKitGTKOptions
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from selenium.webdriver.webkitgtk.service import Service

HERE = Path(__file__).resolve().parent


class Driver(Protocol):
    """One browser with one page. Selectors are CSS and must match."""

    name: str

    def goto(self, url: str) -> None:
        """Load an address."""

    def reload(self) -> None:
        """Load the page again."""

    def evaluate(self, script: str) -> Any:
        """Run a function body in the page; what it returns, as JSON."""

    def click(self, selector: str) -> None:
        """Click as a person does."""

    def type(self, selector: str, text: str) -> None:
        """Replace the text of a field."""

    def select(self, selector: str, value: str) -> None:
        """Choose an option."""

    def shot(self, path: Path) -> None:
        """Write a picture of the page."""

    def quit(self) -> None:
        """End the browser."""


class Firefox:
    """Firefox through puppeteer-core and WebDriver BiDi, in a Node process of its own."""

    name = "firefox"

    def __init__(self, executable: str) -> None:
        command = ["node", str(HERE / "firefox.mjs"), executable]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE)
        self._answer()

    def goto(self, url: str) -> None:
        """Load an address."""
        self._do("goto", url=url)

    def reload(self) -> None:
        """Load the page again."""
        self._do("reload")

    def evaluate(self, script: str) -> Any:
        """Run a function body in the page."""
        return self._do("evaluate", script=script)

    def click(self, selector: str) -> None:
        """Click as a person does."""
        self._do("click", selector=selector)

    def type(self, selector: str, text: str) -> None:
        """Replace the text of a field."""
        self._do("type", selector=selector, text=text)

    def select(self, selector: str, value: str) -> None:
        """Choose an option."""
        self._do("select", selector=selector, value=value)

    def shot(self, path: Path) -> None:
        """Write a picture of the page."""
        self._do("shot", path=str(path))

    def quit(self) -> None:
        """End the browser."""
        self._do("quit")
        self._process.communicate(timeout=20)

    def _do(self, name: str, **arguments: Any) -> Any:
        self._process.stdin.write(json.dumps({"do": name, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the Firefox driver ended with {self._process.wait(10)}")
        answer = json.loads(line)
        if not answer["ok"]:
            raise RuntimeError(f"Firefox: {answer['error']}")
        return answer.get("value")


class WebKit:
    """WebKitGTK through its own WebDriver; needs a display."""

    name = "webkit"

    def __init__(self, driver: str, browser: str) -> None:
        options = WebKitGTKOptions()
        options.binary_location = browser
        options.add_argument("--automation")
        with warnings.catch_warnings():  # selenium's own WebKitGTK class still uses what selenium deprecates
            warnings.simplefilter("ignore", DeprecationWarning)
            self._browser = WebKitGTK(options=options, service=Service(executable_path=driver))
        self._browser.set_window_size(1440, 900)
        self._browser.set_page_load_timeout(60)

    def goto(self, url: str) -> None:
        """Load an address."""
        self._browser.get(url)

    def reload(self) -> None:
        """Load the page again."""
        self._browser.refresh()

    def evaluate(self, script: str) -> Any:
        """Run a function body in the page."""
        return self._browser.execute_script(script)

    def click(self, selector: str) -> None:
        """Click as a person does."""
        self._browser.find_element(By.CSS_SELECTOR, selector).click()

    def type(self, selector: str, text: str) -> None:
        """Replace the text of a field."""
        field = self._browser.find_element(By.CSS_SELECTOR, selector)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)

    def select(self, selector: str, value: str) -> None:
        """Choose an option."""
        Select(self._browser.find_element(By.CSS_SELECTOR, selector)).select_by_value(value)

    def shot(self, path: Path) -> None:
        """Write a picture of the page."""
        self._browser.save_screenshot(str(path))

    def quit(self) -> None:
        """End the browser."""
        self._browser.quit()
