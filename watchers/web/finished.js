// What is finished: one row a bounce, which opens to show all there is to say, see and hear.
import { ago, arrange, ask, byId, choose, el, isolated, say, toast } from "/assets/dom.js";
import { openDetail } from "/assets/detail.js";
import { forget } from "/assets/older.js";

const WORDS = { done: "Restored", unchanged: "Unchanged", failed: "Failed" };
const CLASSES = { done: "restored", unchanged: "unchanged", failed: "error" };
let shownState = "all";
let opened = null;

export const keyOf = (file) => `${file.folder}-${file.id}`;

// The number of the file that lies open, where it is one of this folder.
export const openId = (folder) => (opened && opened.file().folder === folder ? opened.file().id : null);

export function showFinished(files, counts, context) {
  const failed = counts.failed;
  const choices = [["all", "All"], ["done", "Restored"], ["unchanged", "Unchanged"], ["failed", failed ? `Failed (${failed})` : "Failed"]];
  choose(byId("filters"), choices, shownState, (value) => { shownState = value; context.render(); });
  byId("filters").hidden = files.length === 0;
  const wanted = files.filter((file) => shownState === "all" || file.state === shownState);
  wanted.sort((one, other) => other.finished_at - one.finished_at);
  keepFocus(() => arrange(byId("files"), wanted, keyOf, (file) => fileRow(file, context)));
  const total = (shownState === "all" ? ["done", "unchanged", "failed"] : [shownState]).reduce((sum, state) => sum + counts[state], 0);
  byId("finished-none").hidden = wanted.length > 0;
  say(byId("finished-none"), shownState === "all" ? "Nothing yet." : `None of the latest is ${WORDS[shownState].toLowerCase()}.`);
  byId("finished-more").hidden = total <= wanted.length;
  say(byId("finished-more"), `These are the latest; ${total - wanted.length} more lie in the folder.`);
  showButtons(total > wanted.length && context.hasOlder(shownState), failed, context);
  openLinked(wanted);
}

function showButtons(isMore, failed, context) {
  const [older, all] = [byId("show-older"), byId("retry-all")];
  const held = [older, all].find((button) => button === document.activeElement);
  older.hidden = !isMore;
  older.onclick = () => context.showOlder(shownState);
  all.hidden = failed < 2;
  all.onclick = () => context.retryAll();
  if (held?.hidden) byId("finished").focus({ preventScroll: true });
}

// A row that went away with the focus in it hands the focus to the one that is in its place now, or to the list.
function keepFocus(change) {
  const held = document.activeElement?.closest(".files > li");
  const index = held ? [...held.parentNode.children].indexOf(held) : 0;
  change();
  if (!held || held.isConnected) return;
  const rows = byId("files").children;
  const next = rows[Math.min(index, rows.length - 1)]?.querySelector(".open") || byId("finished");
  next.focus({ preventScroll: true });
}

function openLinked(files) {
  const wanted = location.hash.slice(1);
  if (opened || !wanted) return;
  const file = files.find((each) => keyOf(each) === wanted);
  if (file) byId("files").rows.get(keyOf(file)).open();
}

function fileRow(first, context) {
  let file = first;
  let detail = null;
  const id = `detail-${keyOf(first)}`;
  const name = el("bdi", { class: "name" });
  const place = el("bdi", { class: "place" });
  const preset = el("bdi", {});
  const result = el("bdi", {});
  const resultWords = el("span", {}, ", result ", result);
  const made = el("span", { class: "made" }, "with ", preset, resultWords);
  const state = el("span", { class: "status" });
  const summary = el("span", { class: "summary" });
  const time = el("time", {});
  const button = el("button", { type: "button", class: "open", "aria-expanded": "false", "aria-controls": id, onclick: () => (detail ? close() : open()) },
    el("span", { class: "who" }, name, place, made), state, summary, time, el("span", { class: "chevron", "aria-hidden": "true" }));
  const retry = el("button", { type: "button", class: "quiet retry", onclick: () => again("retry", null) }, "Retry");
  // It takes the focus where somebody clicks into it, as on a picture, so that the keys of the player count.
  const region = el("div", { id, class: "detail", tabindex: "-1", hidden: true });
  const node = el("li", {}, el("div", { class: "row" }, el("h3", {}, button), retry), region);

  function open() {
    opened?.close();
    opened = row;
    region.hidden = false;
    button.setAttribute("aria-expanded", "true");
    node.classList.add("is-open");
    history.replaceState(null, "", `#${keyOf(file)}`);
    detail = openDetail(region, file, { ...context, again });
  }

  function close() {
    detail?.close();
    detail = null;
    region.replaceChildren();
    region.hidden = true;
    button.setAttribute("aria-expanded", "false");
    node.classList.remove("is-open");
    if (opened === row) { opened = null; history.replaceState(null, "", location.pathname); }
  }

  async function again(what, preset, label = "") {
    try {
      await ask(`/bounces/${file.folder}/${file.id}/${what}`, { preset });
      if (what === "retry") forget(file.folder, file.id);
      toast(`${isolated(file.name)} is queued again${preset ? `, with ${isolated(label)}` : ""}.`);
    } catch (problem) {
      toast(problem.message, true);
    }
  }

  const row = {
    node,
    open,
    close,
    gone: close,
    file: () => file,
    update(next) {
      const isOther = next.finished_at !== file.finished_at;
      file = next;
      say(name, file.name);
      say(place, [context.hasFolders() ? file.folderName : "", file.place].filter(Boolean).join(" / "));
      say(preset, file.preset);
      say(result, file.result || "");
      resultWords.hidden = !file.result;
      say(state, WORDS[file.state]);
      state.className = `status ${CLASSES[file.state]}`;
      say(summary, file.summary);
      summary.classList.toggle("error", file.state === "failed");
      say(time, ago(file.finished_at));
      time.dateTime = new Date(file.finished_at * 1000).toISOString();
      retry.hidden = file.state !== "failed";
      retry.setAttribute("aria-label", `Retry ${file.name}`);
      if (isOther && detail) { close(); open(); }
    },
  };
  return row;
}
