// Two versions played at the same time, of which one is heard. The browser streams both, however long they are; the one
// that is not heard is kept in step by playing it a little faster or slower, so that switching is a short cross-fade.
import { clock, el, say } from "/assets/dom.js";

const FADE_S = 0.015;
const SEEK_S = 2;
const STEP_MS = 100;
const NEAR_S = 0.004; // left alone
const FAR_S = 0.12; // jumped to, as it cannot be caught up with soon
const MOST_BEND = 0.06;
let context = null;

export class Player {
  constructor(sides, pictures, about) {
    this.sides = sides;
    this.pictures = pictures;
    this.lengthS = Math.min(...sides.map((side) => side.plays_s));
    this.heard = 0;
    this.isPlaying = false;
    this.gains = [];
    this.timer = 0;
    this.audio = sides.map((side) => el("audio", { src: side.sound, preload: "auto", "aria-label": side.title,
      onended: () => this.ended(side), onerror: () => this.fail(side) }));
    this.node = this.build(about);
    pictures.onSeek((atS) => this.seek(atS));
    this.onKey = (event) => this.key(event);
    document.addEventListener("keydown", this.onKey);
    this.show();
  }

  build(about) {
    this.playButton = el("button", { type: "button", class: "play", onclick: () => this.toggle() }, "Play");
    this.sideButtons = this.sides.map((side, index) => el("button",
      { type: "button", "aria-pressed": String(index === 0), onclick: () => this.choose(index) }, side.title));
    this.range = el("input", { type: "range", min: "0", max: this.lengthS.toFixed(3), step: "0.01", value: "0", "aria-label": "Position",
      oninput: () => this.seek(Number(this.range.value)) });
    this.clock = el("output", { "aria-live": "off" });
    this.isMatched = el("input", { type: "checkbox", checked: true, onchange: () => this.setGains() });
    this.isLooped = el("input", { type: "checkbox" });
    this.trouble = el("span", { class: "trouble", role: "alert" });
    const isPair = this.sides.length > 1;
    const cut = this.sides.some((side) => side.plays_s < side.duration_s) ? `The first ${clock(this.lengthS)} can be heard here.` : "";
    const keys = el("span", { class: "keys" }, el("kbd", {}, "Space"), " plays", isPair ? [", ", el("kbd", {}, "X"), " switches"] : "", ", ",
      el("kbd", {}, "←"), " ", el("kbd", {}, "→"), " move.");
    return el("section", { class: "listen is-ready", "aria-label": "Listen" },
      el("div", { class: "player" },
        this.playButton,
        isPair ? el("div", { class: "sides", role: "group", "aria-label": "Version that is heard" }, this.sideButtons) : "",
        el("div", { class: "seek" }, this.range, this.clock),
        isPair ? el("label", { class: "check" }, this.isMatched, "Matched loudness") : "",
        el("label", { class: "check" }, this.isLooped, "Loop")),
      el("p", { class: "about-sound" }, [about, cut].filter(Boolean).join(" "), " ", keys, " ", this.trouble),
      this.audio);
  }

  close() {
    document.removeEventListener("keydown", this.onKey);
    this.pause();
    for (const audio of this.audio) { audio.removeAttribute("src"); audio.load(); }
  }

  get now() { return this.audio[this.heard].currentTime; }

  async toggle() {
    if (this.isPlaying) { this.pause(); return; }
    this.isPlaying = true;
    this.show();
    try {
      this.connect();
      await context.resume();
      if (this.now >= this.lengthS - 0.01) this.seek(0);
      await Promise.all(this.audio.map((audio) => audio.play()));
    } catch (problem) {
      if (this.isPlaying && problem.name !== "AbortError") this.fail(this.sides[this.heard]);
      return;
    }
    if (this.isPlaying) this.follow();
  }

  // The gain of each side goes through the audio graph: a phone lets no page set the volume of an element.
  connect() {
    context = context || new AudioContext({ latencyHint: "interactive" });
    if (this.gains.length) return;
    this.gains = this.audio.map((audio) => {
      const gain = context.createGain();
      gain.gain.value = 0;
      context.createMediaElementSource(audio).connect(gain).connect(context.destination);
      audio.preservesPitch = false;
      return gain;
    });
    this.setGains();
  }

  pause() {
    this.isPlaying = false;
    clearInterval(this.timer);
    this.timer = 0;
    for (const audio of this.audio) { audio.pause(); audio.playbackRate = 1; }
    this.align();
    this.show();
  }

  seek(toS) {
    const atS = Math.min(Math.max(toS, 0), this.lengthS);
    for (const audio of this.audio) audio.currentTime = atS;
    this.show();
  }

  choose(side) {
    if (side === this.heard) return;
    const [from, to] = [this.audio[this.heard], this.audio[side]];
    if (!this.isPlaying || Math.abs(to.currentTime - from.currentTime) > 3 * NEAR_S) to.currentTime = from.currentTime;
    for (const audio of this.audio) audio.playbackRate = 1;
    this.heard = side;
    this.sideButtons.forEach((button, index) => button.setAttribute("aria-pressed", String(index === side)));
    this.setGains();
    this.show();
  }

  setGains() {
    this.gains.forEach((gain, side) => {
      const level = side !== this.heard ? 0 : this.isMatched.checked ? this.sides[side].gain : 1;
      gain.gain.setTargetAtTime(level, context.currentTime, FADE_S / 3);
    });
  }

  // Paused, the silent side is where the other one is.
  align() {
    this.audio.forEach((audio, side) => { if (side !== this.heard && audio.currentTime !== this.now) audio.currentTime = this.now; });
  }

  // Playing, it is bent back to it.
  keepInStep() {
    const lead = this.audio[this.heard];
    this.audio.forEach((audio, side) => {
      if (side === this.heard || lead.seeking || audio.seeking) return;
      const ahead = audio.currentTime - lead.currentTime;
      if (Math.abs(ahead) > FAR_S) audio.currentTime = lead.currentTime;
      const bend = Math.abs(ahead) < NEAR_S ? 0 : Math.min(Math.max(-2 * ahead, -MOST_BEND), MOST_BEND);
      if (audio.playbackRate !== 1 + bend) audio.playbackRate = 1 + bend;
      if (audio.paused && !audio.ended) audio.play().catch(() => {});
    });
  }

  follow() {
    clearInterval(this.timer);
    this.timer = setInterval(() => this.keepInStep(), STEP_MS);
    const frame = () => {
      if (!this.isPlaying) return;
      if (this.now >= this.lengthS) this.ended(this.sides[this.heard]);
      this.show();
      requestAnimationFrame(frame);
    };
    frame();
  }

  ended(side) {
    if (!this.isPlaying || side !== this.sides[this.heard]) return;
    if (!this.isLooped.checked) this.pause(); // at first: what plays goes on from wherever it is put
    this.seek(0);
    if (this.isLooped.checked) this.audio.forEach((audio) => audio.play().catch(() => {}));
  }

  fail(side) {
    this.pause();
    say(this.trouble, `This browser cannot play "${side.title}"; download the files to hear them.`);
  }

  show() {
    const atS = Math.min(this.now || 0, this.lengthS);
    say(this.playButton, this.isPlaying ? "Pause" : "Play");
    this.range.value = String(atS);
    const shown = `${clock(atS)} / ${clock(this.lengthS)}`;
    if (this.clock.textContent !== shown) {
      this.clock.textContent = shown;
      this.range.setAttribute("aria-valuetext", shown);
    }
    this.pictures.show(atS, this.heard, this.isPlaying);
  }

  // Keys count within the open file, or where nothing else has the focus; buttons and fields keep what is theirs.
  key(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches("select, a, input:not([type=range])")) return;
    if (target !== document.body && !target.closest("li")?.contains(this.node)) return;
    const isButton = target.matches("button");
    const isSide = this.sideButtons.includes(target);
    const letter = key.toLowerCase();
    const other = (this.heard + 1) % this.sides.length;
    if (key === " " && !isButton) { event.preventDefault(); this.toggle(); }
    if (letter === "x") this.choose(other);
    if ((letter === "a" || letter === "b") && this.sides.length > 1) this.choose(letter === "a" ? 0 : 1);
    if (key !== "ArrowLeft" && key !== "ArrowRight") return;
    if (isSide) {
      event.preventDefault();
      this.choose(key === "ArrowLeft" ? 0 : this.sides.length - 1);
      this.sideButtons[this.heard].focus();
    } else if (!target.matches("input")) {
      event.preventDefault();
      this.seek(this.now + (key === "ArrowLeft" ? -SEEK_S : SEEK_S));
    }
  }
}
