// Versions of one stretch, two or more, decoded and started at the same instant, of which one is heard: switching is a cross-fade
// of two gains, so that nothing shifts. Without this script the page still has two ordinary players.
(() => {
  "use strict";
  const FADE_S = 0.015;
  const HEADROOM_S = 0.03;
  const SEEK_S = 2;
  let context = null;
  let current = null;

  const bytesOf = (address) => {
    const text = atob(address.slice(address.indexOf(",") + 1));
    const bytes = new Uint8Array(text.length);
    for (let index = 0; index < text.length; index += 1) bytes[index] = text.charCodeAt(index);
    return bytes.buffer;
  };

  const clock = (seconds) => {
    const whole = Math.floor(seconds + 1e-6);
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  };

  class Player {
    constructor(file) {
      this.file = file;
      this.listen = file.querySelector(".listen");
      this.startS = Number(this.listen.dataset.start);
      this.lengthS = Number(this.listen.dataset.length);
      this.fileS = Number(this.listen.dataset.duration);
      this.audio = [...this.listen.querySelectorAll("audio")];
      this.playButton = this.listen.querySelector(".play");
      this.sideButtons = [...this.listen.querySelectorAll(".sides button")];
      this.range = this.listen.querySelector("input[type=range]");
      this.clock = this.listen.querySelector("output");
      this.isMatched = this.listen.querySelector("[name=matched]");
      this.isLooped = this.listen.querySelector("[name=loop]");
      this.figures = [...file.querySelectorAll(".pair figure")];
      this.side = 0;
      this.atS = 0;
      this.sources = null;
      this.buffers = null;
      this.connect();
    }

    connect() {
      this.playButton.addEventListener("click", () => this.toggle());
      this.sideButtons.forEach((button, side) => button.addEventListener("click", () => this.choose(side)));
      this.range.addEventListener("input", () => this.seek(Number(this.range.value)));
      this.isMatched.addEventListener("change", () => this.setGains());
      this.isLooped.addEventListener("change", () => this.setLoop());
      this.file.querySelectorAll(".can-seek").forEach((plot) => plot.addEventListener("click", (event) => {
        const box = plot.getBoundingClientRect();
        this.seek(((event.clientX - box.left) / box.width) * this.fileS - this.startS);
      }));
      this.file.addEventListener("pointerdown", () => { current = this; });
      this.file.addEventListener("focusin", () => { current = this; });
      this.listen.classList.add("is-ready");
      this.choose(0);
      this.show();
    }

    async load() {
      context = context || new AudioContext();
      await context.resume();
      if (this.buffers) return;
      players.forEach((other) => { if (other !== this) other.buffers = null; });
      this.buffers = await Promise.all(this.audio.map((element) => context.decodeAudioData(bytesOf(element.src))));
    }

    async toggle() {
      if (this.sources) { this.pause(); return; }
      players.forEach((other) => other.pause());
      current = this;
      try {
        await this.load();
      } catch (error) {
        this.listen.classList.remove("is-ready");
        this.listen.querySelector(".trouble").textContent = `This browser cannot decode the excerpts for switching (${error.message}); the players below work one at a time.`;
        return;
      }
      this.start();
    }

    start() {
      const from = this.atS >= this.lengthS - 0.01 ? 0 : this.atS;
      this.begunS = context.currentTime + HEADROOM_S - from;
      this.gains = this.buffers.map(() => { const gain = context.createGain(); gain.gain.value = 0; gain.connect(context.destination); return gain; });
      this.sources = this.buffers.map((buffer, side) => {
        const source = context.createBufferSource();
        source.buffer = buffer;
        source.loop = this.isLooped.checked;
        source.loopEnd = this.lengthS;
        source.connect(this.gains[side]);
        source.start(context.currentTime + HEADROOM_S, from);
        return source;
      });
      const [first] = this.sources;
      first.onended = () => { if (this.sources && this.sources[0] === first) { this.pause(); this.atS = 0; this.show(); } };
      this.setGains();
      this.playButton.textContent = "Pause";
      this.follow();
    }

    pause() {
      if (!this.sources) return;
      this.atS = this.now();
      const stopped = this.sources;
      const gains = this.gains;
      this.sources = null;
      gains.forEach((gain) => gain.gain.setTargetAtTime(0, context.currentTime, FADE_S / 3));
      stopped.forEach((source) => source.stop(context.currentTime + 2 * FADE_S));
      this.playButton.textContent = "Play";
      this.show();
    }

    now() {
      if (!this.sources) return this.atS;
      const passed = Math.max(0, context.currentTime - this.begunS);
      return this.isLooped.checked ? passed % this.lengthS : Math.min(passed, this.lengthS);
    }

    setLoop() {
      if (!this.sources) return;
      // The position is counted from the start of this round from now on, whether another one follows or not.
      const passed = Math.max(0, context.currentTime - this.begunS);
      this.begunS += Math.floor(passed / this.lengthS) * this.lengthS;
      this.sources.forEach((source) => { source.loop = this.isLooped.checked; });
    }

    seek(toS) {
      const wasPlaying = this.sources !== null;
      this.pause();
      this.atS = Math.min(Math.max(toS, 0), this.lengthS);
      if (wasPlaying) this.start();
      this.show();
    }

    choose(side) {
      this.side = side;
      this.sideButtons.forEach((button, index) => button.setAttribute("aria-pressed", String(index === side)));
      this.setGains();
      this.show();
    }

    setGains() {
      if (!this.sources) return;
      this.gains.forEach((gain, side) => {
        const { matched, plain } = this.audio[side].dataset;
        const level = side === this.side ? Number(this.isMatched.checked ? matched : plain) : 0;
        gain.gain.setTargetAtTime(level, context.currentTime, FADE_S / 3);
      });
    }

    follow() {
      if (!this.sources) return;
      this.show();
      requestAnimationFrame(() => this.follow());
    }

    show() {
      const at = this.now();
      this.range.value = String(at);
      const shown = `${clock(this.startS + at)} / ${clock(this.startS + this.lengthS)}`;
      if (this.clock.textContent !== shown) {
        this.clock.textContent = shown;
        this.range.setAttribute("aria-valuetext", shown);
      }
      this.figures.forEach((figure, side) => figure.classList.toggle("is-playing", this.sources !== null && side === this.side));
      const isShown = this.sources !== null || at > 0;
      this.file.querySelectorAll(".cursor").forEach((cursor) => {
        cursor.style.left = `${((this.startS + at) / this.fileS) * 100}%`;
        cursor.style.display = isShown ? "block" : "none";
      });
    }
  }

  const players = [...document.querySelectorAll(".file")].filter((file) => file.querySelector(".listen audio")).map((file) => new Player(file));
  current = players[0] || null;

  const isTyping = (target) => target.matches("input:not([type=range]), textarea, select, audio, a, summary, [contenteditable]");
  document.addEventListener("keydown", (event) => {
    if (!current || event.ctrlKey || event.metaKey || event.altKey) return;
    const { target, key } = event;
    const letter = key.toLowerCase();
    if (key === " " && !isTyping(target) && !target.matches("button")) { event.preventDefault(); current.toggle(); }
    if (letter === "x") current.choose((current.side + 1) % current.audio.length);
    if (key >= "1" && key <= "9" && Number(key) <= current.audio.length && !isTyping(target)) current.choose(Number(key) - 1);
    if (letter === "a" || letter === "b") current.choose(letter === "a" ? 0 : 1);
    if ((key === "ArrowLeft" || key === "ArrowRight") && !isTyping(target) && !target.matches("input")) {
      event.preventDefault();
      current.seek(current.now() + (key === "ArrowLeft" ? -SEEK_S : SEEK_S));
    }
  });
})();
