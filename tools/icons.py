"""Draw the icons of the installed page from chat/static/icon.svg, with Chromium: `make icons`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

_STATIC = Path(__file__).parent.parent / "chat" / "static"
_GROUND = "#0f6c78"

# name: (pixels, the drawing's part of the width, whether it is white on a coloured ground).
# Systems cut some icons to their own shape. Such an icon must have its drawing within the middle
# 80 %, and no transparent part.
_ICONS = {
    "192.png": (192, 1.0, False),
    "512.png": (512, 1.0, False),
    "maskable-512.png": (512, 0.62, True),
    "apple-touch.png": (180, 0.7, True),
}


def main() -> None:
    """Write each icon into chat/static/icons/."""
    drawing = (_STATIC / "icon.svg").read_text("utf-8")
    # For white on the ground, swap the two colours.
    turned = drawing.replace(_GROUND, "white").replace("#fff", _GROUND)
    if turned.count(_GROUND) != 1 or "white" not in turned:
        sys.exit(f"icon.svg is no longer drawn in {_GROUND} and #fff: look at tools/icons.py")
    system = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system, args=["--no-sandbox"])
        for name, (pixels, part, grounded) in _ICONS.items():
            page = browser.new_page(viewport={"width": pixels, "height": pixels})
            page.set_content(
                "<style>body { margin: 0; height: 100vh; display: grid; place-items: center;"
                f" background: {_GROUND if grounded else 'transparent'} }}"
                f" svg {{ width: {part:.0%} }}</style>{turned if grounded else drawing}"
            )
            page.screenshot(path=_STATIC / "icons" / name, omit_background=not grounded)
        browser.close()


if __name__ == "__main__":
    main()
