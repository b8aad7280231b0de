// One WebSocket, from dialling to its end, which it tells exactly once. A half-open connection
// (Wi-Fi changed, laptop slept) looks open for minutes, so the page sends pings of its own.

const OPENING_MS = 8_000;
const SILENCE_MS = 20_000; // without a byte; then a ping is sent
const ATTENTIVE_MS = 3_000; // the same, while an answer is expected
const ANSWER_MS = 8_000; // after a ping; then the connection is given up

const UNANSWERED = new Set(["ping", "typing"]); // a ping has its own deadline

const LOST = 1006; // what browsers say when a connection ends without a close frame

export class Socket {
  #ws;
  #told;
  #timer;
  #opened = false;

  constructor(url, told, WebSocket = globalThis.WebSocket) {
    this.#told = told;
    this.#ws = new WebSocket(url);
    this.#ws.onopen = () => {
      this.#opened = true;
      this.#heard();
      told.opened();
    };
    this.#ws.onmessage = ({ data }) => {
      this.#heard();
      this.#received(data);
    };
    this.#ws.onclose = ({ code }) => this.#end(code);
    this.#wait(OPENING_MS, () => this.abandon());
  }

  get isOpen() {
    return this.#ws.readyState === 1;
  }

  send(command) {
    if (!this.isOpen) return false;
    this.#ws.send(JSON.stringify(command));
    if (!UNANSWERED.has(command.type)) this.#listen(ATTENTIVE_MS);
    return true;
  }

  // Send a ping, and wait ANSWER_MS for any byte.
  ping() {
    if (!this.send({ type: "ping" })) return;
    this.#listening = false;
    this.#wait(ANSWER_MS, () => this.abandon());
  }

  // Give up without the closing handshake, which a dead peer never answers.
  abandon(code = LOST) {
    this.#ws.close();
    this.#end(code);
  }

  #listening = false;

  #heard() {
    this.#listening = true;
    this.#listen(SILENCE_MS);
  }

  // A ping under way has its own, shorter, deadline.
  #listen(silence) {
    if (this.#listening) this.#wait(silence, () => this.ping());
  }

  #received(json) {
    let event;
    try {
      event = JSON.parse(json);
    } catch {
      return; // it is not of this protocol; the next message may be
    }
    this.#told.received(event);
  }

  #end(code) {
    clearTimeout(this.#timer);
    this.#ws.onopen = this.#ws.onmessage = this.#ws.onclose = null;
    const told = this.#told;
    this.#told = { opened() {}, received() {}, closed() {} };
    told.closed({ code, opened: this.#opened });
  }

  #wait(ms, then) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, ms);
  }
}
