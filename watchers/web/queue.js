// What is being worked on and what waits: one row a bounce.
import { arrange, byId, el, roughly, say } from "/assets/dom.js";

const WORDS = {
  discovered: "Just seen",
  settling: "Still being written",
  queued: "Waiting",
  running: "Restoring",
  parked: "On hold",
};
const RANK = { running: 0, queued: 1, parked: 2, settling: 3, discovered: 3 };

export function showQueue(jobs, hidden, hasFolders) {
  const ordered = [...jobs].sort((one, other) => RANK[one.state] - RANK[other.state]);
  arrange(byId("jobs"), ordered, (job) => `${job.folder}-${job.id}`, () => jobRow(hasFolders));
  byId("queue-idle").hidden = jobs.length > 0;
  byId("queue-more").hidden = hidden <= 0;
  say(byId("queue-more"), `and ${hidden} more`);
}

function jobRow(hasFolders) {
  const name = el("bdi", { class: "name" });
  const place = el("bdi", { class: "place" });
  const state = el("span", { class: "state" });
  const eta = el("span", { class: "eta" });
  const bar = el("progress", { max: "1" });
  const reason = el("p", { class: "reason" });
  const node = el("li", { class: "job" },
    el("p", { class: "job-line" }, name, place), el("p", { class: "job-state" }, state, eta), bar, reason);
  return {
    node,
    update(job) {
      const isRunning = job.state === "running";
      node.dataset.state = job.state;
      say(name, job.name);
      say(place, [hasFolders() ? job.folderName : "", job.place].filter(Boolean).join(" / "));
      say(state, `${WORDS[job.state]}${job.state === "discovered" ? "" : `, ${job.preset}`}`);
      say(reason, job.reason || "");
      bar.hidden = !isRunning;
      bar.setAttribute("aria-label", `Progress of ${job.name}`);
      // Without a value the bar says that something happens, and not how far it is.
      if (isRunning && job.progress > 0) bar.value = job.progress;
      else bar.removeAttribute("value");
      const parts = [];
      if (isRunning && job.progress > 0) parts.push(`${Math.floor(job.progress * 100)}%`);
      if (isRunning && job.eta_s !== null) parts.push(`about ${roughly(job.eta_s)} left`);
      say(eta, parts.join(", "));
    },
  };
}
