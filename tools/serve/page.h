#pragma once

namespace lanner::tools {

// The page to drop an image on.
inline constexpr const char* kServePage = R"(<!doctype html>
<html lang="en"><meta charset="utf-8"><title>lanner</title><link rel="icon" href="data:,">
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
#drop { display: block; border: 2px dashed #888; border-radius: 8px; padding: 2rem; text-align: center }
#drop.over { background: #eef }
img { max-width: 100%; margin-top: 1rem }
tr > * { text-align: left; padding: 0 1rem 0 0 }
#error { color: #b00 }
</style>
<h1>lanner</h1>
<label id="drop">Drop an image here, or choose one: <input type="file" accept="image/*"></label>
<p id="error"></p><img id="picture" alt="" hidden><table id="objects"></table>
<script>
const drop = document.getElementById("drop"), input = document.querySelector("input");
const error = document.getElementById("error"), picture = document.getElementById("picture");
const table = document.getElementById("objects");
async function send(file) {
  error.textContent = "";
  picture.hidden = true;
  table.replaceChildren();
  let answer, found;
  try {
    answer = await fetch("detect", {method: "POST", body: file});
    found = await answer.json();
  } catch (reason) { error.textContent = "the server does not answer"; return; }
  if (!answer.ok) { error.textContent = found.error; return; }
  table.insertRow().innerHTML = "<th>class<th>score<th>x, y, width, height";
  for (const o of found.objects) {
    const row = table.insertRow();
    for (const text of [o.category, o.score.toFixed(2), o.bbox.map(Math.round).join(", ")])
      row.insertCell().textContent = text;
  }
  const drawn = await fetch("detect?format=jpeg", {method: "POST", body: file});
  picture.src = URL.createObjectURL(await drawn.blob());
  picture.hidden = false;
}
input.onchange = () => send(input.files[0]);
drop.ondragover = event => { event.preventDefault(); drop.className = "over"; };
drop.ondragleave = () => drop.className = "";
drop.ondrop = event => { event.preventDefault(); drop.className = ""; send(event.dataTransfer.files[0]); };
</script></html>
)";

}  // namespace lanner::tools
