// Two versions played at the same time, of which one is heard. The one that is not heard is kept in step by playing it a
// little faster or slower, so that switching is a short cross-fade. One player plays at a time, in all tabs together.
import { clock, el, say } from "/assets/dom.js";
import { sleep, Sound, wake } from "/assets/sound.js";

const SEEK_S = 2;
const STEP_MS = 100;
const NEAR_S = 0.004; // left alone
const FAR_S = 0.12; // jumped to, as it cannot be caught up with soon
const MOST_BEND = 0.06;
const SLOW_MS = 2000; // without a sound so long, it is said
const REST_MS = 10000; // paused so long, it lets go of its connections

export class Player {
  constructor(sides, pictures, about) {
    this.sides = sides;
    this.pictures = pictures;
    this.lengthS = Math.min(...sides.map((side) => side.plays_s));
    this.heard = 0;
    this.isPlaying = false;
    this.attempt = 0;
    this.timers = {};
    this.sounds = sides.map((side) => new Sound(side, { onended: (sound) => this.ended(sound), onerror: (sound) => this.fail(sound) }));
    this.node = this.build(about);
    pictures.onSeek((atS) => this.seek(atS));
    this.listen();
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
    const [{ gone }] = this.sides;
    const keys = el("span", { class: "keys" }, el("kbd", {}, "Space"), " plays", isPair ? [", ", el("kbd", {}, "X"), " switches"] : "", ", ",
      el("kbd", {}, "←"), " ", el("kbd", {}, "→"), " move.");
    return el("section", { class: "listen is-ready", "aria-label": "Listen" },
      el("div", { class: "player" },
        this.playButton,
        isPair ? el("div", { class: "sides", role: "group", "aria-label": "Version that is heard" }, this.sideButtons) : "",
        el("div", { class: "seek" }, this.range, this.clock),
        isPair ? el("label", { class: "check" }, this.isMatched, "Matched loudness") : "",
        el("label", { class: "check" }, this.isLooped, "Loop")),
      el("p", { class: "about-sound" }, [gone, about, cut].filter(Boolean).join(" "), " ", keys, " ", this.trouble),
      this.sounds.map((sound) => sound.audio));
  }

  listen() {
    this.deaf = new AbortController();
    const { signal } = this.deaf;
    document.addEventListener("keydown", (event) => this.key(event), { signal });
    document.addEventListener("visibilitychange", () => { if (document.hidden && !this.isPlaying) this.release(); }, { signal });
    this.others = new BroadcastChannel("playing");
    this.others.onmessage = () => { if (this.isPlaying) this.pause(); this.release(); };
  }

  close() {
    this.deaf.abort();
    this.others.close();
    this.pause();
    clearTimeout(this.timers.rest);
    for (const sound of this.sounds) sound.close();
  }

  get now() { return this.sounds[this.heard].atS; }

  async toggle() {
    if (this.isPlaying) { this.pause(); return; }
    this.begin();
    const attempt = ++this.attempt;
    const isWanted = () => this.isPlaying && attempt === this.attempt;
    try {
      await this.load();
      if (isWanted()) await Promise.all(this.sounds.map((sound) => sound.audio.play()));
      if (isWanted()) this.follow();
    } catch (problem) {
      if (isWanted() && problem.name === "AbortError") this.pause();
      else if (isWanted()) this.fail(this.sounds.find((sound) => sound.audio.error) || this.sounds[this.heard]);
    }
  }

  begin() {
    this.isPlaying = true;
    this.others.postMessage("this one plays now");
    clearTimeout(this.timers.rest);
    say(this.trouble, "");
    this.timers.slow = setTimeout(() => say(this.trouble, "Waiting for the sound…"), SLOW_MS);
    this.show();
  }

  // All sides are there before one of them plays, so that they begin together.
  load() {
    const isAwake = wake();
    for (const sound of this.sounds) sound.connect();
    this.setGains();
    if (this.now >= this.lengthS - 0.01) this.seek(0);
    return Promise.all([isAwake, ...this.sounds.map((sound) => sound.load())]);
  }

  pause() {
    this.isPlaying = false;
    this.attempt += 1;
    this.stopTimers();
    for (const { audio } of this.sounds) { audio.pause(); audio.playbackRate = 1; }
    this.align();
    sleep();
    this.timers.rest = setTimeout(() => this.release(), document.hidden ? 0 : REST_MS);
    this.show();
  }

  stopTimers() {
    clearInterval(this.timers.step);
    clearTimeout(this.timers.slow);
    clearTimeout(this.timers.rest);
    say(this.trouble, "");
  }

  release() {
    for (const sound of this.sounds) sound.release();
  }

  seek(toS) {
    const atS = Math.min(Math.max(toS, 0), this.lengthS);
    for (const sound of this.sounds) sound.atS = atS;
    this.show();
  }

  choose(side) {
    if (side === this.heard) return;
    const [from, to] = [this.sounds[this.heard], this.sounds[side]];
    if (!this.isPlaying || Math.abs(to.atS - from.atS) > 3 * NEAR_S) to.atS = from.atS;
    for (const { audio } of this.sounds) audio.playbackRate = 1;
    this.heard = side;
    this.sideButtons.forEach((button, index) => button.setAttribute("aria-pressed", String(index === side)));
    this.setGains();
    this.show();
  }

  setGains() {
    this.sounds.forEach((sound, side) => {
      sound.fadeTo(side !== this.heard ? 0 : this.isMatched.checked ? this.sides[side].gain : 1);
    });
  }

  // Paused, the silent side is where the other one is.
  align() {
    for (const sound of this.sounds) if (sound.atS !== this.now) sound.atS = this.now;
  }

  // Playing, it is bent back to it.
  keepInStep() {
    const lead = this.sounds[this.heard].audio;
    this.sounds.forEach(({ audio }, side) => {
      if (side === this.heard || lead.seeking || audio.seeking) return;
      const ahead = audio.currentTime - lead.currentTime;
      if (Math.abs(ahead) > FAR_S) audio.currentTime = lead.currentTime;
      const bend = Math.abs(ahead) < NEAR_S ? 0 : Math.min(Math.max(-2 * ahead, -MOST_BEND), MOST_BEND);
      if (audio.playbackRate !== 1 + bend) audio.playbackRate = 1 + bend;
      if (audio.paused && !audio.ended) audio.play().catch(() => {});
    });
  }

  follow() {
    this.stopTimers();
    this.timers.step = setInterval(() => this.keepInStep(), STEP_MS);
    const { attempt } = this;
    const frame = () => {
      if (attempt !== this.attempt) return;
      if (this.now >= this.lengthS) this.ended(this.sounds[this.heard]);
      this.show();
      requestAnimationFrame(frame);
    };
    frame();
  }

  ended(sound) {
    if (!this.isPlaying || sound !== this.sounds[this.heard]) return;
    if (!this.isLooped.checked) this.pause(); // at first: what plays goes on from wherever it is put
    this.seek(0);
    if (this.isLooped.checked) for (const { audio } of this.sounds) audio.play().catch(() => {});
  }

  async fail(sound) {
    const code = sound.audio.error?.code;
    this.pause();
    this.release(); // what failed once never plays again unless it is fetched anew
    const { attempt } = this;
    const words = await sound.trouble(code);
    if (attempt === this.attempt) say(this.trouble, words);
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

  // Keys count while the focus is within the open file, so that nobody who dictates or types elsewhere sets it off; buttons
  // and fields keep what is theirs.
  key(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches("select, a, input:not([type=range])")) return;
    if (!target.closest("li")?.contains(this.node)) return;
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
