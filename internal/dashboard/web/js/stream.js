// The link to Central: server-sent events, watched. It is lost when the stream
// breaks or says nothing for QUIET; then it tries again, more slowly each time,
// and anyone can ask for an attempt at once.
const QUIET = 4000; // Central sends a frame at least once a second
const WAITS = [500, 1000, 2000, 5000];

export class Stream {
  // handlers: snapshot(data), delta(data), state() when alive or lost changed
  constructor(url, handlers) {
    this.url = url;
    this.on = handlers;
    this.lost = false;
    this.attempt = 0;
    this.heardAt = performance.now(); // the last frame
    this.retryAt = 0; // when the next attempt begins; 0 = one is under way
    this.offset = Date.now() / 1000; // Central's clock at performance.now() = 0
    this.connect();
    setInterval(() => this.check(), 250);
    document.addEventListener('visibilitychange', () => this.check());
  }

  // now is Central's clock: a wrong clock in this browser changes no age.
  now() { return this.offset + performance.now() / 1000; }

  // silence is how many seconds ago the last frame came.
  silence() { return (performance.now() - this.heardAt) / 1000; }

  connect() {
    clearTimeout(this.timer);
    if (this.source) this.source.close();
    this.retryAt = 0;
    this.triedAt = performance.now();
    const source = this.source = new EventSource(this.url);
    const frame = (name, use) => source.addEventListener(name, (e) => { const data = JSON.parse(e.data); this.heard(data.now); use(data); });
    frame('snapshot', (d) => { this.attempt = 0; this.found(); this.on.snapshot(d); });
    frame('delta', (d) => this.on.delta(d));
    frame('beat', () => {});
    source.onerror = () => { if (source === this.source) this.fail(); };
  }

  // heard keeps the smallest delay seen, a little forgetful, so that a late frame
  // does not set the clock back.
  heard(now) {
    this.heardAt = performance.now();
    const offset = now - this.heardAt / 1000;
    this.offset = Math.abs(offset - this.offset) > 2 || offset > this.offset ? offset : this.offset + (offset - this.offset) * 0.05;
  }

  found() {
    if (!this.lost) return;
    this.lost = false;
    this.on.state();
  }

  fail() {
    this.source.close();
    this.attempt++;
    const wait = WAITS[Math.min(this.attempt, WAITS.length) - 1] * (0.8 + 0.4 * Math.random());
    this.retryAt = performance.now() + wait;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), wait);
    if (!this.lost) { this.lost = true; this.on.state(); }
  }

  check() {
    const t = performance.now();
    if (!this.retryAt && t - Math.max(this.heardAt, this.triedAt) > QUIET) this.fail();
  }
}
