// Waveform and spectrogram of each side with their axes, one cursor through all of them.
import { el } from "/assets/dom.js";

export function figures(sides, frequencies) {
  const all = sides.map((side) => figure(side, frequencies));
  return {
    node: el("div", { class: sides.length === 2 ? "pair" : "pair single" }, all),
    onSeek(seek) {
      all.forEach((node, index) => node.querySelectorAll(".can-seek").forEach((plot) => plot.addEventListener("click", (event) => {
        const box = plot.getBoundingClientRect();
        seek(((event.clientX - box.left) / box.width) * sides[index].duration_s, index);
      })));
    },
    show(atS, heard, isPlaying) {
      all.forEach((node, index) => {
        node.classList.toggle("is-playing", isPlaying && index === heard);
        const share = sides[index].duration_s > 0 ? atS / sides[index].duration_s : 0;
        node.querySelectorAll(".cursor").forEach((cursor) => {
          cursor.style.left = `${Math.min(share, 1) * 100}%`;
          cursor.style.display = isPlaying || atS > 0 ? "block" : "none";
        });
      });
    },
  };
}

function figure(side, frequencies) {
  const lanes = side.channels === 1 ? [[0.5, "M"]] : side.channels === 2 ? [[0.75, "L"], [0.25, "R"]] : [];
  return el("figure", {},
    el("figcaption", {}, side.title),
    plot("wave", side.wave, `Waveform, ${side.title.toLowerCase()}`, side.channels === 1 ? " mono" : "", levelAxis(lanes)),
    plot("spectrum", side.spectrum, `Spectrogram, ${side.title.toLowerCase()}`, "", [...levelAxis(frequencies), ...timeAxis(side.ticks)]));
}

function plot(kind, address, alt, extra, axes) {
  return el("div", { class: `plot ${kind}${extra} can-seek` },
    el("img", { src: address, alt, decoding: "async" }), el("span", { class: "cursor" }), axes);
}

function levelAxis(ticks) {
  return ticks.flatMap(([place, label]) => [placed("tick level", "bottom", place), placed("axis level", "bottom", place, label)]);
}

function timeAxis(ticks) {
  return ticks.flatMap(([place, label]) => {
    const edge = place < 0.02 ? " first" : place > 0.97 ? " last" : "";
    return [placed("tick time", "left", place), placed(`axis time${edge}`, "left", place, label)];
  });
}

function placed(kind, edge, place, label = "") {
  const node = el("span", { class: kind, "aria-hidden": "true" }, label);
  node.style.setProperty(edge, `${place * 100}%`);
  return node;
}
