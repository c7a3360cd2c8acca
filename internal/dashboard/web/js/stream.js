// The link to Central: server-sent events. It is lost when the stream breaks or brings
// no frame for FRAME_TIMEOUT; then it reconnects with a backoff, or at once by connect().
// A hidden page lets go of it: a browser opens six connections to one host, so the seventh
// tab would wait for ever.
const FRAME_TIMEOUT = 4000; // ms; Central sends a frame at least once a second
const HIDDEN_AFTER = 1000; // ms; a page that is hidden for less keeps its stream
const TASK_TIME = 8; // ms of a task that go to frames, before the page answers
const BACKOFF = [500, 1000, 2000, 5000]; // ms

export class Stream {
  // handlers: snapshot(data), delta(data), beat(data), state() when alive or lost changed, failed()
  // after each attempt that failed
  constructor(url, handlers) {
    this.url = url;
    this.on = handlers;
    this.lost = false;
    this.attempt = 0;
    this.lastId = ''; // of the last frame that changed anything
    this.lastFrameAt = performance.now(); // the last frame
    this.retryAt = 0; // when the next attempt begins; 0 = one is under way
    this.triedAt = 0; // when the last attempt began
    this.offset = Date.now() / 1000; // Central's clock at performance.now() = 0
    this.paused = false; // hidden: there is no stream
    this.frames = []; // that came and are not used yet: functions
    this.spent = 0; // ms of this task that went to frames
    this.nextTask = 0; // the timer of the next one
    if (document.hidden) this.pause(); else this.connect();
    setInterval(() => this.check(), 250);
    document.addEventListener('visibilitychange', () => this.visibility());
    // A page that was left may be kept for the way back; it must not keep a connection.
    addEventListener('pagehide', () => this.pause());
    addEventListener('pageshow', (e) => { if (e.persisted && this.paused) this.connect(); });
  }

  visibility() {
    clearTimeout(this.hiding);
    if (document.hidden) this.hiding = setTimeout(() => this.pause(), HIDDEN_AFTER);
    else if (this.paused) this.connect();
    else this.check();
  }

  pause() {
    clearTimeout(this.timer);
    if (this.source) this.source.close();
    this.paused = true;
  }

  // now is Central's clock: a wrong clock of this browser changes no age.
  now() { return this.offset + performance.now() / 1000; }

  // secondsSinceFrame is the age of the last frame.
  secondsSinceFrame() { return (performance.now() - this.lastFrameAt) / 1000; }

  // renew connects as who has just signed in or out: with a snapshot, as if for the first time.
  renew() {
    this.lastId = '';
    this.connect();
  }

  connect() {
    clearTimeout(this.timer);
    if (this.source) this.source.close();
    this.frames = [];
    this.paused = false;
    this.retryAt = 0;
    this.triedAt = performance.now();
    // What came since the last frame follows, or a snapshot where that is too long ago.
    const source = this.source = new EventSource(this.url + (this.lastId ? '?after=' + encodeURIComponent(this.lastId) : ''));
    const on = (name, use) => source.addEventListener(name, (e) => {
      this.lastFrameAt = performance.now();
      this.take(() => { if (source === this.source) use(JSON.parse(e.data), e); });
    });
    const frame = (name, use) => on(name, (data, e) => {
      this.lastId = e.lastEventId || this.lastId;
      this.syncClock(data.now);
      this.attempt = 0;
      use(data);
      this.connected();
    });
    let cps = []; // of a snapshot that is still to come
    on('part', (d) => { cps.push(...d.cps); });
    frame('snapshot', (d) => {
      d.cps = cps.concat(d.cps);
      cps = [];
      this.on.snapshot(d);
    });
    frame('delta', (d) => this.on.delta(d));
    frame('beat', (d) => this.on.beat(d));
    source.onerror = () => { if (source === this.source) this.fail(); };
  }

  // take uses a frame, now or after those before it. A browser hands over many in one task; what
  // is beyond TASK_TIME waits for another, so that the page answers in between.
  take(use) {
    this.frames.push(use);
    this.use();
  }
  use() {
    this.nextTask ||= setTimeout(() => {
      this.nextTask = this.spent = 0;
      if (this.frames.length) this.use();
    });
    while (this.frames.length && this.spent < TASK_TIME) {
      const began = performance.now(), use = this.frames.shift();
      use();
      this.spent += performance.now() - began;
    }
  }

  // syncClock follows the frame with the smallest delay, and a later one slowly: a frame
  // that was delayed does not set the clock back.
  syncClock(now) {
    this.lastFrameAt = performance.now();
    const offset = now - this.lastFrameAt / 1000;
    this.offset = Math.abs(offset - this.offset) > 2 || offset > this.offset ? offset : this.offset + (offset - this.offset) * 0.05;
  }

  connected() {
    if (!this.lost) return;
    this.lost = false;
    this.on.state();
  }

  fail() {
    if (this.source) this.source.close();
    this.frames = []; // they come again
    this.attempt++;
    const wait = BACKOFF[Math.min(this.attempt, BACKOFF.length) - 1] * (0.8 + 0.4 * Math.random());
    this.retryAt = performance.now() + wait;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), wait);
    if (!this.lost) { this.lost = true; this.on.state(); }
    this.on.failed();
  }

  check() {
    const t = performance.now();
    if (!this.paused && !this.retryAt && t - Math.max(this.lastFrameAt, this.triedAt) > FRAME_TIMEOUT) this.fail();
  }
}
