// Plays two soft notes. They are made here, so there is no file to fetch.

const NOTES = [
  { hertz: 587.33, after: 0 },
  { hertz: 880, after: 0.11 },
];
const LENGTH_S = 0.35;
const RISE_S = 0.012;
const LOUDNESS = 0.12;
const REST_MS = 1_500; // between two chimes, so that a busy room does not ring all the time
const LATE_MS = 1_000; // then it is too late: a browser may delay sounds until somebody clicks

export class Chime {
  #context = null;
  #rangAt = -Infinity;

  async ring() {
    const now = performance.now();
    if (now - this.#rangAt < REST_MS) return;
    this.#rangAt = now;
    try {
      this.#context ??= new AudioContext();
      await this.#context.resume();
    } catch {
      return; // this browser plays no sound
    }
    if (performance.now() - now > LATE_MS) return;
    const tones = NOTES.map((note) => this.#play(note));
    tones.at(-1).onended = () => this.#context.suspend(); // running audio keeps a machine awake
  }

  #play({ hertz, after }) {
    const at = this.#context.currentTime + after;
    const volume = this.#context.createGain();
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(LOUDNESS, at + RISE_S);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + LENGTH_S);
    volume.connect(this.#context.destination);
    const tone = this.#context.createOscillator();
    tone.frequency.value = hertz;
    tone.connect(volume);
    tone.start(at);
    tone.stop(at + LENGTH_S);
    return tone;
  }
}
