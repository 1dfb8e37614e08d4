// Listens to the service and shows what it says. Nothing is asked for twice: the service tells what changed.
import { ask, byId, choose, el, isolated, say, toast } from "/assets/dom.js";
import { openId, showFinished } from "/assets/finished.js";
import { askOlder, hasOlder, keepOld, olderRows } from "/assets/older.js";
import { showQueue } from "/assets/queue.js";

const HIDDEN_MS = 60000;
const TRY_AGAIN_MS = 3000;
const CLOCK_MS = 20000;
const ALL = "all";
const WAITING = ["discovered", "settling", "queued", "parked"];
const END_WORDS = { done: "restored", unchanged: "unchanged", failed: "failed" };

const state = { page: null, folders: new Map(), chosen: ALL, version: null, refused: "" };
let stream = null;
let hideTimer = 0;

function listen() {
  stream?.close();
  stream = new EventSource("/events");
  stream.addEventListener("open", () => { link("live", "Live"); refuse(""); });
  stream.addEventListener("page", (event) => onPage(JSON.parse(event.data)));
  stream.addEventListener("folder", (event) => onFolder(JSON.parse(event.data)));
  stream.addEventListener("progress", (event) => onProgress(JSON.parse(event.data)));
  stream.addEventListener("error", () => {
    // After an answer that is no stream the browser neither says what it was nor tries again by itself.
    if (stream.readyState !== EventSource.CLOSED) { lost(); return; }
    whyRefused();
    setTimeout(listen, TRY_AGAIN_MS);
  });
}

function lost() {
  refuse("");
  link("lost", "Connection lost, trying again");
}

// What the service answers instead of a stream, as a sentence: that a token is wanted, say, or too many pages are open.
async function whyRefused() {
  const hangUp = new AbortController();
  try {
    const answer = await fetch("/events", { signal: hangUp.signal });
    if (answer.ok) return;
    const text = await answer.text();
    let sentence = text;
    try { sentence = JSON.parse(text).error; } catch { /* plain text */ }
    refuse(sentence || `The service answered ${answer.status}.`);
    link("lost", "Not let in");
  } catch {
    lost();
  } finally {
    hangUp.abort();
  }
}

function refuse(sentence) {
  if (state.refused === sentence) return;
  state.refused = sentence;
  renderNotices();
}

function link(kind, words) {
  byId("link").dataset.state = kind;
  say(byId("link"), words);
}

function onPage(page) {
  if (state.version && state.version !== page.version) { location.reload(); return; }
  state.version = page.version;
  state.page = page;
  for (const key of [...state.folders.keys()]) if (!page.folders.includes(key)) state.folders.delete(key);
  if (state.chosen !== ALL && !page.folders.includes(state.chosen)) state.chosen = ALL;
  render();
}

function onFolder(view) {
  announce(state.folders.get(view.key), view);
  keepOld(state.folders.get(view.key), view, openId(view.key), render);
  state.folders.set(view.key, view);
  render();
}

function onProgress({ key, running }) {
  const known = new Map(running.map(([id, progress, etaS]) => [id, { progress, eta_s: etaS }]));
  const view = state.folders.get(key);
  if (!view) return;
  view.queue = view.queue.map((job) => ({ ...job, ...known.get(job.id) }));
  renderQueue();
}

// A screen reader hears of what has finished since it was last told, and not of each one where there are many.
function announce(old, view) {
  if (!old) return;
  const known = new Set(old.finished.map((file) => `${file.id} ${file.finished_at}`));
  const fresh = view.finished.filter((file) => !known.has(`${file.id} ${file.finished_at}`));
  if (fresh.length === 0) return;
  const words = fresh.length > 3 ? `${fresh.length} files finished` : fresh.map((file) => `${isolated(file.name)}: ${END_WORDS[file.state]}`).join(", ");
  byId("said").textContent = words;
}

const folders = () => (state.page ? state.page.folders : []).map((key) => state.folders.get(key)).filter(Boolean);
const shownFolders = () => folders().filter((view) => state.chosen === ALL || view.key === state.chosen);
const hasFolders = () => folders().length > 1 && state.chosen === ALL;
const inFolder = (view, rows) => rows.map((row) => ({ ...row, folder: view.key, folderName: view.name }));
const jobs = () => shownFolders().flatMap((view) => inFolder(view, view.queue));
const finished = () => shownFolders().flatMap((view) => inFolder(view, [...view.finished, ...olderRows(view.key)]));
const total = (...states) => shownFolders().reduce((sum, view) => sum + states.reduce((part, name) => part + view.counts[name], 0), 0);

function render() {
  if (!state.page) return;
  renderHead();
  renderEmpty();
  renderQueue();
  const counts = { done: total("done"), unchanged: total("unchanged"), failed: total("failed") };
  showFinished(finished(), counts, { render, hasFolders, retryAll, showOlder, hasOlder: (kind) => hasOlder(shownFolders(), kind) });
}

function renderQueue() {
  const shown = jobs();
  showQueue(shown, total("running", ...WAITING) - shown.length, hasFolders);
}

async function retryAll() {
  try {
    const views = shownFolders().filter((view) => view.counts.failed > 0);
    const told = await Promise.all(views.map((view) => ask(`/folders/${view.key}/retry`, {})));
    const count = told.reduce((sum, each) => sum + each.retried, 0);
    toast(count ? `${count === 1 ? "1 file is" : `${count} files are`} queued again.` : "Newer bounces of these names are under way.", !count);
  } catch (problem) {
    toast(problem.message, true);
  }
}

async function showOlder(kind) {
  try {
    await askOlder(shownFolders(), kind);
    render();
  } catch (problem) {
    toast(problem.message, true);
  }
}

function renderHead() {
  const all = folders();
  say(byId("subtitle"), all.length === 1 ? `Watching ${all[0].path}` : `Watching ${all.length} folders`);
  say(byId("version"), `rebounce ${state.page.version}`);
  byId("folders").hidden = all.length < 2;
  choose(byId("folders"), [[ALL, "All folders"], ...all.map((view) => [view.key, view.name])], state.chosen, (value) => { state.chosen = value; render(); });
  const running = total("running");
  const waiting = total(...WAITING);
  const figures = [["Working", running, ""], ["Waiting", waiting, ""], ["Restored", total("done"), total("done") ? "restored" : ""],
    ["Unchanged", total("unchanged"), ""], ["Failed", total("failed"), total("failed") ? "error" : ""]];
  const old = [...byId("counts").querySelectorAll("dd")].map((node) => `${node.textContent} ${node.className}`).join();
  if (old !== figures.map(([, count, kind]) => `${count} ${kind}`).join()) {
    byId("counts").replaceChildren(...figures.map(([title, count, kind]) => el("div", {}, el("dt", {}, title), el("dd", { class: kind }, String(count)))));
  }
  document.title = running + waiting ? `(${running + waiting}) rebounce` : "rebounce";
  renderNotices();
}

function renderNotices() {
  const all = folders();
  const bad = all.filter((view) => view.problem).map((view) => `${isolated(view.name)}: ${view.problem}`);
  if (state.page && !state.page.is_healthy) bad.unshift("The service is not well: nothing is being restored. Its log says why; start it again.");
  if (state.refused) bad.unshift(state.refused);
  notify(byId("notices"), bad, "notice bad");
  const waits = shownFolders().filter((view) => view.waits);
  notify(byId("waits"), waits.map((view) => `${all.length > 1 ? `${isolated(view.name)}: work` : "Work"} waits. ${view.waits}`), "notice");
}

function notify(place, sentences, kind) {
  if (place.textContent === sentences.join("")) return;
  place.replaceChildren(...sentences.map((words) => el("p", { class: kind }, words)));
}

function renderEmpty() {
  const views = shownFolders();
  const isEmpty = views.length > 0 && jobs().length + finished().length === 0 && views.every((view) => !view.problem);
  byId("empty").hidden = !isEmpty;
  byId("queue").hidden = isEmpty;
  byId("finished").hidden = isEmpty;
  if (!isEmpty) return;
  const [first] = views;
  byId("empty").replaceChildren(
    el("img", { src: "/assets/icon.svg", alt: "", width: "56", height: "56" }),
    el("h2", { id: "empty-title" }, "Drop a bounce to begin"),
    el("p", {}, views.length === 1 ? "Export or copy an audio file into" : "Export or copy an audio file into one of"),
    el("ul", { class: "paths" }, views.map((view) => el("li", {}, el("code", {}, view.path), views.length > 1 ? ` with ${view.preset}` : ""))),
    el("p", { class: "soft" }, `It shows up here as soon as it is written to its end. The result lands in ${first.restored}, and what fails in ${first.errors}, with a note that says why.`));
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hideTimer);
  // A page that nobody sees lets go of its connection, of which a browser has few.
  if (document.hidden) hideTimer = setTimeout(() => { stream.close(); link("waiting", "Asleep"); }, HIDDEN_MS);
  else if (stream.readyState === EventSource.CLOSED) listen();
});
setInterval(() => { if (!document.hidden) render(); }, CLOCK_MS);
listen();
