// Finished files that the service tells of no more as newer ones took their places: those that were asked for, and the
// one that lies open.
import { fetched } from "/assets/dom.js";

const PAGE_ROWS = 100;
const END_STATES = ["done", "unchanged", "failed"];
const kept = new Map(); // folder -> id -> row
const ends = new Map(); // folder and state -> the last row that was asked for, null after the very last

const nameOf = (key, state) => `${key} ${state}`;
const rowsOf = (key) => kept.get(key) || kept.set(key, new Map()).get(key);
const isBefore = (one, other) => one.finished_at < other.finished_at || (one.finished_at === other.finished_at && one.id < other.id);
const hasPages = (key) => [...ends.keys()].some((name) => name.startsWith(`${key} `));

export const olderRows = (key) => [...rowsOf(key).values()];

export function forget(key, id) {
  rowsOf(key).delete(id);
}

// A folder is told anew. What was pushed out by newer ones stays where older ones are shown already, so that no gap is
// between; the row that lies open stays whatever happens, unless the service says that it is finished no more.
export function keepOld(old, view, openId, onChange) {
  const rows = rowsOf(view.key);
  const listed = new Set(view.finished.map((row) => row.id));
  for (const row of [...view.finished, ...view.queue]) rows.delete(row.id);
  if (!old) return;
  const isBegunAgain = new Set(view.queue.map((row) => row.id));
  const edge = view.finished[view.latest - 1];
  for (const row of old.finished) {
    if (listed.has(row.id) || isBegunAgain.has(row.id)) continue;
    const isPushedOut = Boolean(edge) && row.state !== "failed" && isBefore(row, edge);
    if (row.id === openId || (isPushedOut && hasPages(view.key))) rows.set(row.id, row);
    if (row.id === openId && !isPushedOut) check(view.key, row.id, onChange);
  }
  const isGap = old.latest > 0 && !old.finished.slice(0, old.latest).some((row) => listed.has(row.id));
  if (isGap) for (const name of [...ends.keys()]) if (name.startsWith(`${view.key} `)) ends.delete(name);
}

async function check(key, id, onChange) {
  const told = await fetched(`/bounces/${key}/${id}`).catch(() => null);
  if (told && END_STATES.includes(told.state)) return;
  forget(key, id);
  onChange();
}

// Where the next page of a folder begins; null where there is none.
function end(view, state) {
  const name = nameOf(view.key, state);
  if (ends.has(name)) return ends.get(name);
  const shown = state === "failed" ? view.finished.filter((row) => row.state === "failed") : view.finished.slice(0, view.latest);
  return shown.at(-1) || null;
}

export const hasOlder = (views, state) => views.some((view) => end(view, state));

export async function askOlder(views, state) {
  await Promise.all(views.filter((view) => end(view, state)).map(async (view) => {
    const last = end(view, state);
    const wanted = new URLSearchParams({ at: last.finished_at, id: last.id, ...(state === "all" ? {} : { state }) });
    const { finished } = await fetched(`/folders/${view.key}/older?${wanted}`);
    for (const row of finished) rowsOf(view.key).set(row.id, row);
    ends.set(nameOf(view.key, state), finished.length < PAGE_ROWS ? null : finished.at(-1));
  }));
}
