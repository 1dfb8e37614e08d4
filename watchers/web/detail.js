// All there is of one finished bounce: what was measured and found, how it looks and sounds, and what can be asked for.
import { el, fetched } from "/assets/dom.js";
import { figures } from "/assets/pictures.js";
import { Player } from "/assets/player.js";

const ASK_AGAIN_MS = 600;

export function openDetail(region, file, context) {
  const address = `/bounces/${file.folder}/${file.id}`;
  const sight = el("div", { class: "sight" }, el("p", { class: "soft making", role: "status" }, "Drawing the pictures…"));
  let player = null;
  let isClosed = false;

  async function show() {
    try {
      const bounce = await fetched(address);
      if (isClosed) return;
      region.replaceChildren(...about(bounce), sight, actions(bounce, context));
      await look(bounce);
    } catch (problem) {
      if (!isClosed) sight.replaceChildren(el("p", { class: "soft" }, problem.message));
      if (!isClosed && !sight.isConnected) region.replaceChildren(sight);
    }
  }

  async function look(bounce) {
    let seen = await fetched(`${address}/sights`);
    while (!isClosed && seen.state === "making") {
      await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
      if (!isClosed) seen = await fetched(`${address}/sights`);
    }
    if (isClosed) return;
    if (seen.state === "failed") {
      sight.replaceChildren(el("p", { class: "soft" }, `No pictures and no sound: ${seen.problem}`));
      return;
    }
    const titles = { after: "After", before: { unchanged: "Before and after", failed: "The bounce" }[bounce.state] || "Before" };
    const sides = Object.entries(seen.sides).map(([side, told]) => ({ ...told, side, title: titles[side], gain: bounce.gains[side] }));
    if (sides.length === 1) sides[0].gain = 1;
    const pair = figures(sides, seen.frequencies);
    const words = sides.length === 2 ? bounce.matching : "";
    player = new Player(sides, pair, words);
    sight.replaceChildren(player.node, pair.node);
  }

  show();
  return { close() { isClosed = true; player?.close(); } };
}

function about(bounce) {
  const meta = bounce.about ? `${bounce.about}, preset ${bounce.preset}` : `Preset ${bounce.preset}`;
  const parts = [el("p", { class: "meta" }, meta)];
  if (bounce.error) parts.push(el("p", { class: "failure" }, bounce.error));
  if (bounce.measured.length) parts.push(el("div", { class: "notes" }, table(bounce), words(bounce)));
  return parts;
}

function table(bounce) {
  const titles = ["Before", "After", "Change"].map((title) => el("th", { scope: "col", class: "number" }, title));
  const rows = bounce.measured.map(([title, ...cells]) => el("tr", {},
    el("th", { scope: "row" }, title), cells.map((cell) => el("td", { class: "number" }, cell))));
  return el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Measured"), titles)), el("tbody", {}, rows)));
}

function words(bounce) {
  const list = (title, lines) => (lines.length === 0 ? "" : el("div", {}, el("h4", {}, title),
    el("ul", {}, lines.map((line) => el("li", {}, line)))));
  return el("div", { class: "words" }, list("Findings", bounce.findings), list("Done", bounce.messages));
}

function actions(bounce, context) {
  const select = el("select", { id: `preset-${bounce.folder}-${bounce.id}` },
    bounce.presets.map(([preset, label]) => el("option", { value: preset }, label)));
  select.value = (bounce.presets.find(([, label]) => label !== bounce.preset) || bounce.presets[0])[0];
  const what = bounce.state === "failed" ? "retry" : "rerun";
  const links = [["after", "Download the result"], ["before", "Download the original"]]
    .filter(([side]) => bounce.files[side])
    .map(([side, title]) => el("a", { href: bounce.files[side], download: true, class: "download" }, title));
  return el("div", { class: "actions" },
    el("div", { class: "again" }, el("label", { for: select.id }, "Run again with"), select,
      el("button", { type: "button", class: "quiet", onclick: () => context.again(what, select.value, select.selectedOptions[0].text) }, "Run again")),
    el("p", { class: "links" }, links));
}
