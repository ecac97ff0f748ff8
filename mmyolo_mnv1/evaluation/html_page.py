"""An evaluation as one HTML page that needs no other file and no network."""

import io
from base64 import b64encode

import numpy as np
from jinja2 import Environment, StrictUndefined
from PIL import Image

from .average_precision import COLUMNS
from .cases import DETECTION_COLOUR, OBJECT_COLOUR, Case

TABLE = ("objects", "detections", *COLUMNS, "precision", "recall", "f1")

STYLE = """
body { font: 16px/1.45 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 1140px; margin: 0 auto; padding: 0 12px 40px; }
h1 { font-size: 1.4em; }
h1, code, small { overflow-wrap: anywhere; }
h2 { margin-top: 1.8em; border-bottom: 1px solid #ddd; }
.wide { overflow-x: auto; }
table { border-spacing: 0; font-size: .85em; }
th, td { padding: 3px 9px; text-align: right; border-bottom: 1px solid #e4e4e4;
  white-space: nowrap; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0;
  background: #fff; }
tr.mean td { font-weight: 600; }
img { max-width: 100%; height: auto; }
.figures { display: flex; flex-wrap: wrap; gap: 12px; }
.figures img { width: 550px; align-self: start; }
.cases { display: grid; gap: 10px;
  grid-template-columns: repeat(auto-fill, minmax(130px, 1fr)); }
.cases figure { margin: 0; font-size: .8em; line-height: 1.3; }
.cases img { width: 100%; display: block; }
.key { display: inline-block; width: 1em; height: 1em; vertical-align: -2px; }
"""

TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evaluation: {{ report.config }}</title>
<style>{{ style | safe }}</style>
</head>
<body>
{%- macro figure(name, alt) -%}
<img src="data:image/png;base64,{{ pictures[name] | base64 }}" alt="{{ alt }}">
{%- endmacro %}
{%- macro number(x) %}{{ "–" if x is none else "%.3f" % x }}{% endmacro %}
{%- macro blocks(cases) %}
{%- for heading, block in cases.items() %}
<h3>{{ heading }}</h3>
<div class="cases">
{%- for case in block %}
<figure><img src="data:image/jpeg;base64,{{ case.picture | jpeg | base64 }}"
alt="{{ case.reason }}">
<figcaption>{{ case.reason }}<br><small>{{ case.image }}</small></figcaption></figure>
{%- endfor %}
</div>
{%- else %}
<p>None.</p>
{%- endfor %}
{%- endmacro %}
<h1>AP {{ number(report.summary.AP) }}, AP50 {{ number(report.summary.AP50) }}</h1>
<p><code>{{ report.config }}</code>, <code>{{ report.source }}</code>:
{{ report.images }} photos, {{ report.summary.objects }} objects of
<code>{{ report.annotations }}</code>,
{{ report.detections }} detections of any score.</p>
{%- if not report.detections %}
<p><strong>Nothing was detected.</strong></p>
{%- endif %}

<h2>Average precision</h2>
<p>COCO's: AP is the mean over IoU 0.50 to 0.95; AP50 and AP75 are at one IoU; APs, APm
and APl are of objects with an area below 32² px, up to 96² px, and above.
Detections, precision, recall and F1 are at score ≥ {{ "%.3f" % report.score_thr }}
{%- if report.score_thr == report.best_score_thr %}, where F1 is best,{% endif %} and
IoU ≥ {{ "%.2f" % report.iou_thr }}. A dash: there is no such object or detection.</p>
<div class="wide"><table>
<tr><th>class</th>
{%- for c in columns %}<th>{{ "F1" if c == "f1" else c }}</th>{% endfor %}</tr>
{%- for row in rows %}
<tr{% if loop.last %} class="mean"{% endif %}><td>{{ row.name }}</td>
{%- for c in columns %}<td>
{%- if row[c] is integer %}{{ row[c] }}{% else %}{{ number(row[c]) }}{% endif -%}
</td>{% endfor %}</tr>
{%- endfor %}
</table></div>
<h3>AP by IoU</h3>
<div class="wide"><table>
<tr><th>class</th>
{%- for iou in report.summary.by_iou %}<th>{{ iou }}</th>{% endfor %}</tr>
{%- for row in rows %}
<tr{% if loop.last %} class="mean"{% endif %}><td>{{ row.name }}</td>
{%- for x in row.by_iou.values() %}<td>{{ number(x) }}</td>{% endfor %}</tr>
{%- endfor %}
</table></div>
<div class="figures">{{ figure("class_ap", "AP by class") }}</div>

<h2>Precision and recall</h2>
<div class="figures">
{{ figure("pr_iou_50", "precision and recall at IoU 0.50") }}
{{ figure("pr_iou_75", "precision and recall at IoU 0.75") }}
{{ figure("pr_iou_mean", "precision and recall, mean over IoU") }}
{{ figure("scores", "precision, recall and F1 by score") }}
</div>

<h2>Confusion matrix</h2>
<p>Rows: what is there. Columns: what was detected. The last row has detections without
an object, the last column objects without a detection.</p>
{{ figure("confusion", "confusion matrix") }}

<h2>False positives</h2>
<p><span class="key" style="background: {{ detection_colour }}"></span> detection,
<span class="key" style="background: {{ object_colour }}"></span> object.
The highest scores of each kind.</p>
{{- blocks(cases.false_positives) }}

<h2>Misses</h2>
<p>Same colours. The largest in their photo of each kind.</p>
{{- blocks(cases.misses) }}
</body>
</html>
"""


def render_page(
    report: dict, cases: dict[str, dict[str, list[Case]]], pictures: dict[str, bytes]
) -> str:
    """The page.

    Args:
        report (dict): See :func:`.eval_report.eval_report`.
        cases (dict[str, dict[str, list[Case]]]): ``false_positives`` and ``misses``
            by heading.
        pictures (dict[str, bytes]): PNG files by name.

    Returns:
        str: HTML.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters["base64"] = lambda data: b64encode(data).decode()
    environment.filters["jpeg"] = _to_jpeg
    return environment.from_string(TEMPLATE).render(
        style=STYLE,
        columns=TABLE,
        rows=[*report["classes"], report["summary"]],
        object_colour=OBJECT_COLOUR,
        detection_colour=DETECTION_COLOUR,
        report=report,
        cases=cases,
        pictures=pictures,
    )


def _to_jpeg(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=85)
    return file.getvalue()
