"""Every state of the page, in both languages: axe-core finds nothing in either scheme, nothing
is lost on the narrowest screens or in twice the size, and every target suits a thumb."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.browser.states import WIDE, Tour
from tests.browser.tab import Tab
from tests.browser.test_page import _CONTRAST
from tests.support.servers import ChatServer

Enter = Callable[..., Tab]

# The rules that axe runs only when it is asked to.
_RULES = ("css-orientation-lock", "focus-order-semantics", "p-as-heading", "target-size")

_AXE = """async ([rules, only, whole]) => {
  const options = { resultTypes: ["violations", "incomplete"] };
  if (only) options.runOnly = { type: "rule", values: rules };
  else options.rules = Object.fromEntries(rules.map((rule) => [rule, { enabled: true }]));
  // Of two thousand emoji, check only the first group. Messages stay from state to state: once all
  // of them have been checked, check only the last ones.
  const before = whole ? [] : [["#messages > :nth-last-child(n + 4)"]];
  const exclude = [["#emoji-list > :nth-child(n + 2)"], ...before];
  // Behind a modal dialog nothing can be reached. It was checked before the dialog opened.
  const dialog = [...document.querySelectorAll("dialog:modal")].at(-1);
  const context = dialog ? { include: [dialog], exclude } : { exclude };
  const { violations, incomplete } = await axe.run(context, options);
  const told = (results) => results.flatMap(({ id, nodes }) => nodes.map((node) =>
    ({ id, target: node.target.join(" "), why: node.failureSummary, html: node.html })));
  return [told(violations), told(incomplete)];
}"""

# The states in which all messages are checked. In the other states they have not changed.
_WHOLE = ("busy", "scrolled up, new messages", "the beginning", "somebody muted")

_CONTRASTS = f"""(targets) =>
  targets.map((target) => ({_CONTRAST})(document.querySelector(target)))"""

# Finds elements that cannot be read or reached: outside the window where nothing scrolls, or cut
# off by a box. The room's name and the line about who is writing are cut with an ellipsis, which is
# allowed; the menu has the whole name.
_LOST = """(targets) => {
  const told = (element, what) => [
    `${what}:`, element.outerHTML.replace(/>.*/s, ">"), ...[...element.textContent].slice(0, 40),
  ].join(" ");
  const scrolls = (box, axis) => /auto|scroll/.test(getComputedStyle(box)[`overflow${axis}`]);
  const lost = (element) => {
    if (!element.checkVisibility({ visibilityProperty: true })) return null;
    const at = element.getBoundingClientRect();
    if (at.width <= 1 || at.height <= 1 || element.closest(".spoken")) return null;
    let [freeX, freeY] = [false, false];
    for (let box = element.parentElement; box && box !== document.body; box = box.parentElement) {
      const style = getComputedStyle(box);
      const to = box.getBoundingClientRect();
      if (to.width <= 1 || to.height <= 1) return null; // for screen readers only
      freeX ||= scrolls(box, "X");
      freeY ||= scrolls(box, "Y") || box.matches(".long:not(.whole)"); // a button shows the rest
      if (/hidden|clip/.test(style.overflowX) && !freeX && style.textOverflow !== "ellipsis"
        && (at.left < to.left - 1 || at.right > to.right + 1)) return told(element, "cut off");
      if (/hidden|clip/.test(style.overflowY) && !freeY
        && (at.top < to.top - 1 || at.bottom > to.bottom + 1)) return told(element, "cut off");
      if (style.position === "fixed" || box.matches("dialog")) break;
    }
    const [tooWide, tooHigh] = [at.left < -0.5 || at.right > innerWidth + 0.5,
      at.top < -0.5 || at.bottom > innerHeight + 0.5];
    if (tooWide && !freeX) return told(element, "too wide");
    if (tooHigh && !freeY) return told(element, "too high");
    if (!targets || !element.matches("button, input, select, textarea, a[href]")) return null;
    const hit = element.closest("label")?.getBoundingClientRect() ?? at;
    const inText = element.matches(".text a"); // as high as its line
    return Math.min(hit.width, hit.height) < 44 && !inText ? told(element, "too small") : null;
  };
  const shown = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  return [...shown.querySelectorAll("*:not(svg *)")].map(lost).filter(Boolean);
}"""

# 320 px; twice the size of 1280 × 800.
_SMALL = ({"width": 320, "height": 568}, {"width": 640, "height": 400})


def axe(page: Page, *, whole: bool, colours: bool = False) -> list[str]:
    """List what axe finds; with `colours`, about colours only. If axe is unsure, measure here."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    rules = ["color-contrast", "link-in-text-block"] if colours else list(_RULES)
    violations, unsure = page.evaluate(_AXE, [rules, colours, whole])
    # Another element lies over it or beside it: compare it with the element that it belongs to.
    measured = [each for each in unsure if each["id"] == "color-contrast"]
    contrasts = page.evaluate(_CONTRASTS, [each["target"] for each in measured])
    violations += [each for each in unsure if each not in measured]
    violations += [each for each, by in zip(measured, contrasts, strict=True) if by < 4.5]
    return [
        f"{each['id']} {each['target']} {each['html'][:120]} {each['why']}" for each in violations
    ]


@pytest.mark.timeout(300)  # a tour of forty states, each in several sizes
@pytest.mark.parametrize(
    "wide", [False, pytest.param(True, marks=pytest.mark.long)], ids=["phone", "wide"]
)
def test_every_state_is_for_everybody(
    make_server: Callable[..., ChatServer], open_tab: Enter, wide: bool
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.start()
    # French is longer than English, so it is what needs the space.
    tab = open_tab(base_url=server.url, viewport=WIDE, reduced_motion="reduce", locale="fr-FR")
    page = tab.page
    found: dict[str, list[str]] = {}
    for name, layouts in Tour(server, tab, "fr").states():
        whole = name in _WHOLE
        if wide:
            if WIDE in layouts:
                found[name] = axe(page, whole=whole)
            continue
        layout = layouts[-1]
        page.set_viewport_size(layout)  # type: ignore[arg-type]
        found[f"{name}, {layout['width']} px"] = axe(page, whole=whole)
        page.emulate_media(color_scheme="dark")
        found[f"{name}, dark"] = axe(page, whole=whole, colours=True)
        page.emulate_media(color_scheme="light")
        for size in _SMALL:
            page.set_viewport_size(size)
            found[f"{name}, {size['width']} px, lost"] = page.evaluate(_LOST, True)
        page.set_viewport_size(layout)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        # On a phone with letters of twice the size, not everything fits into the height.
        lost = page.evaluate(_LOST, False)
        found[f"{name}, letters of twice the size"] = [
            each for each in lost if layout == WIDE or not each.startswith("too high")
        ]
        page.evaluate("document.documentElement.style.fontSize = ''")
        page.set_viewport_size(WIDE)
    problems = {where: what for where, what in found.items() if what}
    assert problems == {}
