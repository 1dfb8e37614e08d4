// Building the page out of nodes. Whatever comes from outside becomes text, never markup.

export const byId = (id) => document.getElementById(id);

// A node with attributes, listeners (names that begin with "on") and children, which are nodes or texts.
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

// A name in a sentence: where it has letters that may run from right to left, such that the rest stays where it is.
export const isolated = (name) => (/[^\0-\u058f]/.test(name) ? `\u2068${name}\u2069` : name);

export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Give a list the rows of these items, in their order; a row that is there already is kept, and with it the focus.
export function arrange(list, items, keyOf, make) {
  const rows = list.rows || (list.rows = new Map());
  const wanted = new Set(items.map(keyOf));
  for (const [key, row] of rows) {
    if (!wanted.has(key)) { row.gone?.(); row.node.remove(); rows.delete(key); }
  }
  items.forEach((item, index) => {
    const key = keyOf(item);
    if (!rows.has(key)) rows.set(key, make(item));
    const row = rows.get(key);
    row.update(item);
    if (list.children[index] !== row.node) list.insertBefore(row.node, list.children[index] || null);
  });
}

// Buttons of which one is pressed. `choices` are [value, label].
export function choose(group, choices, chosen, onChoice) {
  arrange(group, choices, ([value]) => value, ([value]) => {
    const button = el("button", { type: "button", onclick: () => onChoice(value) });
    return { node: button, update: ([, label]) => say(button, label) };
  });
  choices.forEach(([value]) => group.rows.get(value).node.setAttribute("aria-pressed", String(value === chosen)));
}

export function clock(seconds) {
  const whole = Math.floor(seconds + 1e-6);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const end = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${end}` : `${minutes}:${end}`;
}

export function roughly(seconds) {
  if (seconds < 1.5) return "1 s";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function ago(atS) {
  const passed = Math.max(0, Date.now() / 1000 - atS);
  if (passed < 45) return "just now";
  if (passed < 86400) return `${roughly(Math.max(60, passed)).replace(/\.0 h/, " h")} ago`;
  return new Date(atS * 1000).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
}

let toastTimer = 0;
export function toast(text, isBad = false) {
  const node = byId("toast");
  node.classList.toggle("bad", isBad);
  node.textContent = text;
  node.classList.add("is-shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => node.classList.remove("is-shown"), 6000);
}

export async function fetched(address, options = {}) {
  const answer = await fetch(address, options);
  const told = await answer.json().catch(() => ({ error: `the service answered ${answer.status}` }));
  if (!answer.ok) throw new Error(told.error);
  return told;
}

export function ask(address, body) {
  return fetched(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Rebounce": "1" },
    body: JSON.stringify(body),
  });
}
