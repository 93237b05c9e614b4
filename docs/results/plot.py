"""Line plots of divergence against size, as SVG."""

import math

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 460, 70, 150, 40, 50
COLOURS = ["#0b6e4f", "#b23a48", "#3d5a80", "#c9820a", "#6a4c93"]


def nice_sizes(low, high):
    step = next(s for s in (0.25, 0.5, 1, 2, 5, 10) if (high - low) / s <= 10)
    return [step * k for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def svg(title, series):
    """`series`: (name, [(megabytes, divergence, label)], is_line) each; sizes linear, divergences logarithmic."""
    points = [point for _, values, _ in series for point in values]
    low, high = min(p[0] for p in points) * 0.97, max(p[0] for p in points) * 1.03
    bottom, top = math.log10(min(p[1] for p in points) * 0.8), math.log10(max(p[1] for p in points) * 1.25)

    def x(size):
        return LEFT + (size - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(divergence):
        return TOP + (top - math.log10(divergence)) / (top - bottom) * (HEIGHT - TOP - BOTTOM)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{title}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">whole file, MB</text>',
        f'<text transform="translate(16 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">KL divergence, nats a token</text>',
    ]
    for size in nice_sizes(low, high):
        out.append(f'<line x1="{x(size):.1f}" x2="{x(size):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#e5e5e5"/>')
        out.append(f'<text x="{x(size):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{size:g}</text>')
    for decade in range(math.floor(bottom), math.ceil(top) + 1):
        for factor in (1, 2, 5):
            value = factor * 10.0**decade
            if bottom <= math.log10(value) <= top:
                out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#e5e5e5"/>')
                out.append(f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
    for index, (name, values, is_line) in enumerate(series):
        colour = COLOURS[index % len(COLOURS)]
        if is_line:
            path = " ".join(f"{x(size):.1f},{y(divergence):.1f}" for size, divergence, _ in sorted(values))
            out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        for size, divergence, label in values:
            out.append(
                f'<circle cx="{x(size):.1f}" cy="{y(divergence):.1f}" r="3.4" fill="{colour}">'
                f"<title>{label}: {size:.2f} MB, {divergence:g}</title></circle>")
        out.append(f'<circle cx="{WIDTH - RIGHT + 14}" cy="{TOP + 12 + 20 * index}" r="4" fill="{colour}"/>')
        out.append(f'<text x="{WIDTH - RIGHT + 24}" y="{TOP + 16 + 20 * index}">{name}</text>')
    return "\n".join(out + ["</svg>"]) + "\n"
