"""Draws the spans of one trace: lines of JSON as `oteltap` prints them on standard input, a PNG as the argument.

Needs matplotlib. Times are in milliseconds from the first start.
"""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SHOWN = (
    "http.response.status_code",
    "http_context.connection.id",
    "http_context.connection.reused",
    "outcome",
)


def value(attribute):
    return str(next(iter(attribute["value"].values()))).lower()


spans = [json.loads(line) for line in sys.stdin if line.startswith("{") and "spanId" in line]
spans.sort(key=lambda span: int(span["startTimeUnixNano"]))
begun = int(spans[0]["startTimeUnixNano"])
parents = {span["spanId"]: span.get("parentSpanId", "") for span in spans}


def depth(span_id):
    parent = parents.get(span_id)
    return 0 if parent not in parents else 1 + depth(parent)


plt.style.use("dark_background")
figure, axes = plt.subplots(figsize=(11, 0.55 * len(spans) + 1.1), facecolor="#111217")
axes.set_facecolor("#111217")
labels = []
longest = max(int(span["endTimeUnixNano"]) for span in spans) - begun
for row, span in enumerate(spans):
    start = (int(span["startTimeUnixNano"]) - begun) / 1e6
    length = (int(span["endTimeUnixNano"]) - begun) / 1e6 - start
    attributes = {one["key"]: value(one) for one in span["attributes"]}
    url = attributes.get("url.full", "").partition("://")[2]
    labels.append("    " * depth(span["spanId"]) + " ".join(filter(None, [span["name"], url])))
    color = "#73bf69" if url else "#5794f2"
    axes.broken_barh([(start, max(length, longest / 1e6 / 400))], (row - 0.32, 0.64), color=color)
    told = [f"{key.removeprefix('http_context.')} {attributes[key]}" for key in SHOWN if key in attributes]
    note = f"{length:.1f} ms   " + "   ".join(told)
    axes.text(start + length + longest / 1e6 / 100, row, note, va="center", fontsize=8, color="#ccccdc")
axes.set_yticks(range(len(spans)), labels, fontsize=9, ha="left")
axes.tick_params(axis="y", length=0, pad=max(map(len, labels)) * 5.4)
axes.invert_yaxis()
axes.set_xlim(0, longest / 1e6 * 1.75)
axes.set_xlabel("milliseconds", fontsize=9)
axes.grid(axis="x", color="#2c3235", linewidth=0.6)
axes.set_axisbelow(True)
for side in axes.spines.values():
    side.set_visible(False)
trace = spans[0]["traceId"]
axes.set_title(f"trace {trace}", loc="left", fontsize=9, color="#ccccdc")
figure.savefig(sys.argv[1], dpi=110, bbox_inches="tight", facecolor=figure.get_facecolor())
