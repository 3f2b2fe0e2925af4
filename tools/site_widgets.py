"""The widgets that need no kernel, as JupyterLab has them, on a page of their own."""

import json
from pathlib import Path

import site_frame
from anywidget import AnyWidget

from course_lib.files import write_atomically
from course_lib.widgets.advisor import Advisor
from course_lib.widgets.live import LiveWidget
from course_lib.widgets.weights_flow import WeightsFlow

BODY = """<h1>Which strategy for my problem?</h1>
<p>Place your problem on the plane, by a preset, the sliders or a click. The text below follows.</p>
<div id="advisor"></div>
<h2>The six steps of transfer learning</h2>
<p>On WorldNet, measured: shapes come from a picture sent through the net, and what changed from
training steps compared
before and after.</p>
<div id="weights-flow"></div>
<script>
// Stands in for the kernel's side: these widgets have traits, and no work to be done elsewhere.
function model(traits) {{
  const heard = {{}};
  return {{
    get: (name) => traits[name],
    set(name, value) {{
      traits[name] = value;
      (heard["change:" + name] ?? []).forEach((callback) => callback(value));
    }},
    on: (event, callback) => (heard[event] ??= []).push(callback),
    off() {{}}, save_changes() {{}}, send() {{}},
  }};
}}
{calls}
</script>"""
END = "export default { render };"


def make(path: Path) -> None:
    """Write the page."""
    widgets = {"advisor": Advisor(), "weights-flow": WeightsFlow()}
    calls = "\n".join(_call(place, widget) for place, widget in widgets.items())
    page = site_frame.page("Advisor", BODY.format(calls=calls))
    write_atomically(path, page)


def _call(place: str, widget: LiveWidget) -> str:
    """The widget's module as a function of its own, called for its place on the page."""
    script, end, _ = str(widget._esm).rpartition(END)
    assert end, f"{place}: a widget's module ends in {END!r}"
    own = set(type(widget).class_trait_names(sync=True)) - set(AnyWidget.class_trait_names())
    traits = json.dumps({name: getattr(widget, name) for name in own}).replace("</", "<\\/")
    script = script.replace("</script", "<\\/script")
    target = f'document.getElementById("{place}")'
    return f"(() => {{\n{script}\nrender({{ model: model({traits}), el: {target} }});\n}})();"
