"""The search page. Pagefind makes its index where npm has brought it; browsers read it when
served."""

import shutil
import subprocess
from pathlib import Path

import site_frame

from course_lib.commands.report import note
from course_lib.files import write_atomically

BODY = """<h1>Search</h1>
<form role="search" id="form" hidden><label>Words to look for <input type="search"
id="words"></label></form>
<p role="status" id="status">{still}</p>
<ol id="found" class="lessons"></ol>
<script>
const status = document.getElementById("status"), found = document.getElementById("found");
if ({made} && location.protocol !== "file:")
  import("./pagefind/pagefind.js").then((pagefind) => {{
    const words = document.getElementById("words"), form = document.getElementById("form");
    form.hidden = false;
    status.textContent = "";
    form.onsubmit = (event) => event.preventDefault();
    words.oninput = async () => {{
      const answer = await pagefind.debouncedSearch(words.value);
      if (!answer) return; // another letter came
      const pages = await Promise.all(answer.results.slice(0, 20).map((one) => one.data()));
      status.textContent = words.value ? `${{answer.results.length}} pages` : "";
      found.replaceChildren(...pages.map((page) => {{
        const item = document.createElement("li"), link = document.createElement("a"), text =
        document.createElement("p");
        [link.href, link.textContent, text.innerHTML] = [page.url, page.meta.title, page.excerpt];
        item.append(link, text);
        return item;
      }}));
    }};
    words.focus();
  }}, (error) => (status.textContent = `The search did not start: ${{error.message}}`));
</script>"""
SERVED = (
    "A page that was opened from disk may not read the index. Serve the folder "
    "(<code>python -m http.server --directory _site</code>) and the search works."
)
MISSING = "This copy of the site was built without pagefind, which makes the index of the search."


def make(folder: Path) -> bool:
    """Write search.html and, with pagefind, the index; says whether there is one."""
    script = site_frame.SITE / "node_modules" / "pagefind" / "lib" / "runner" / "bin.cjs"
    made = script.is_file() and shutil.which("node") is not None
    still = SERVED if made else MISSING
    body = BODY.format(still=still, made=str(made).lower())
    write_atomically(folder / "search.html", site_frame.page("Search", body))
    if not made:
        note("search: not built; `npm install` in site/ brings pagefind, which it needs.")
        return False
    command = ["node", str(script), "--site", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        note(f"search: pagefind failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return not done.returncode
