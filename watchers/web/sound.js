// One side of a bounce that can be heard: an audio element and its gain. The browser streams it, however long it is; and
// since it has few connections to one service, nothing is fetched before it is played, and all is let go of afterwards.
import { el, fetched } from "/assets/dom.js";

const FADE_S = 0.015;
const HAVE_FUTURE_DATA = 3;
let context = null;

// To be called when a button was pressed: at other times a browser lets no page make a sound.
export function wake() {
  context = context || new AudioContext({ latencyHint: "interactive" });
  return context.resume();
}

export const sleep = () => context?.suspend();

export class Sound {
  constructor(side, { onended, onerror }) {
    this.side = side;
    this.nodes = [];
    this.waiting = [];
    this.audio = el("audio", { preload: "none", "aria-label": side.title, oncanplay: () => this.tell(), onseeked: () => this.tell(),
      onended: () => onended(this), onerror: () => onerror(this) });
  }

  get atS() { return this.audio.currentTime; }

  set atS(toS) { this.audio.currentTime = toS; }

  // Fetch it, from the position on; resolves when it can be played from there.
  load() {
    if (!this.audio.hasAttribute("src")) {
      const { atS } = this;
      this.audio.preload = "auto";
      this.audio.src = this.side.sound;
      this.audio.load(); // while a button is pressed, this allows it to be played a little later
      this.atS = atS;
    }
    return new Promise((resolve) => { this.waiting.push(resolve); this.tell(); });
  }

  tell() {
    if (this.audio.readyState < HAVE_FUTURE_DATA || this.audio.seeking) return;
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  // Let go of its connection; the position stays.
  release() {
    if (!this.audio.hasAttribute("src")) return;
    const { atS } = this;
    this.audio.removeAttribute("src");
    this.audio.load();
    this.atS = atS;
  }

  // The gain goes through the audio graph: a phone lets no page set the volume of an element.
  connect() {
    if (this.nodes.length) return;
    const gain = context.createGain();
    gain.gain.value = 0;
    this.nodes = [context.createMediaElementSource(this.audio), gain];
    this.nodes[0].connect(gain).connect(context.destination);
    this.audio.preservesPitch = false;
  }

  fadeTo(level) {
    this.nodes[1]?.gain.setTargetAtTime(level, context.currentTime, FADE_S / 3);
  }

  close() {
    this.release();
    for (const node of this.nodes) node.disconnect();
    this.nodes = [];
  }

  // Why it cannot be heard, after the element said so with this code: it does not say what the service answered.
  async trouble(code) {
    try {
      await fetched(this.side.sound, { cache: "no-store", headers: { Range: "bytes=0-0" } });
    } catch (problem) {
      return problem instanceof TypeError ? "The service does not answer; press Play again when it is there." : problem.message;
    }
    if (code === MediaError.MEDIA_ERR_NETWORK) return "The sound broke off; press Play to go on.";
    return `This browser cannot play "${this.side.title}"; download the files to hear them.`;
  }
}
