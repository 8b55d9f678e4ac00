"""Draw the logo and the favicon: a leaf whose vein is a Pareto front. Run it from the repository's root."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFont

ASSETS = Path(__file__).resolve().parents[1] / "assets"
GREEN = (32, 155, 114, 255)  # readable on white and on black
OVERSAMPLE = 8


def leaf(side: int) -> Image.Image:
    """Return the leaf on a transparent square of `side` pixels."""
    size = side * OVERSAMPLE
    lower, upper = Image.new("L", (size, size), 0), Image.new("L", (size, size), 0)
    ImageDraw.Draw(lower).ellipse((-0.30 * size, -0.30 * size, 0.96 * size, 0.96 * size), fill=255)
    ImageDraw.Draw(upper).ellipse((0.04 * size, 0.04 * size, 1.30 * size, 1.30 * size), fill=255)
    blade = ImageChops.multiply(lower, upper)
    draw = ImageDraw.Draw(blade)
    steps = [(0.20, 0.80), (0.36, 0.80), (0.36, 0.62), (0.54, 0.62), (0.54, 0.42), (0.72, 0.42), (0.72, 0.26)]
    points = [(x * size, y * size) for x, y in steps]
    draw.line(points, fill=0, width=round(0.055 * size), joint="curve")
    for x, y in ((0.36, 0.62), (0.54, 0.42)):
        draw.ellipse([(c - 0.065) * size for c in (x, y)] + [(c + 0.065) * size for c in (x, y)], fill=0)
    whole = Image.new("RGBA", (size, size), GREEN)
    whole.putalpha(blade)
    return whole.resize((side, side), Image.Resampling.LANCZOS)


def wordmark(height: int) -> Image.Image:
    """Return the leaf with the product's name beside it."""
    font = ImageFont.load_default(size=height * 0.52)
    name = "Green AI Explorer"
    whole = Image.new("RGBA", (round(height * 1.2 + font.getlength(name)) + 4, height), (0, 0, 0, 0))
    whole.alpha_composite(leaf(height), (0, 0))
    ImageDraw.Draw(whole).text((height * 1.2, height / 2), name, font=font, fill=GREEN, anchor="lm")
    return whole


if __name__ == "__main__":
    ASSETS.mkdir(exist_ok=True)
    leaf(64).save(ASSETS / "favicon.png", optimize=True)
    wordmark(96).save(ASSETS / "logo.png", optimize=True)
