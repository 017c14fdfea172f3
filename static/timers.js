// The server's clock as this screen knows it, and everything that ticks by it; knows no connection.
// A television's own clock is often wrong, so only the steady performance.now() is used of it.
(function () {
  "use strict";

  const root = document.documentElement;
  const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const KEPT_SAMPLES = 30;
  const TICKING = "[data-since], [data-last-event], [data-utc-offset]";
  // Tiles on another page are filled when they are turned to.
  const ON_THIS_PAGE =
    "li:not([data-off]) > [data-since], li:not([data-off]) p [data-since], .hero [data-since], [data-last-event], [data-utc-offset]";

  // Each sample is server time minus performance.now(), too small by its delay: the largest is the best.
  // Those of another clock, or of before a step of this one, tell nothing any more.
  let samples = [Number(root.dataset.now) - performance.now()];
  let best = samples[0];
  let samplesOf = "";
  let ticking = null; // elements

  // `of` names the server's clock; it changes when that is stepped, and when another server answers.
  function heardServerTime(iso, of) {
    const instant = Date.parse(iso);
    if (isNaN(instant)) return;
    if (of !== samplesOf) samples = [];
    samplesOf = of;
    samples.push(instant - performance.now());
    if (samples.length > KEPT_SAMPLES) samples.shift();
    best = Math.max.apply(null, samples);
  }

  function serverNow() {
    return best + performance.now();
  }

  // The board's own time of day, as milliseconds of a day that began at the epoch's midnight.
  function localNow() {
    const offset = document.querySelector("[data-utc-offset]");
    return serverNow() + (offset ? Number(offset.dataset.utcOffset) * 1000 : 0);
  }

  function two(number) {
    return (number < 10 ? "0" : "") + number;
  }

  function duration(milliseconds) {
    const seconds = Math.max(0, Math.floor(milliseconds / 1000));
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return minutes + ":" + two(seconds % 60);
    return Math.floor(minutes / 60) + ":" + two(minutes % 60) + ":" + two(seconds % 60);
  }

  function age(milliseconds) {
    const seconds = Math.max(0, Math.floor(milliseconds / 1000));
    if (seconds < 60) return seconds + " s ago";
    if (seconds < 3600) return Math.floor(seconds / 60) + " min ago";
    return Math.floor(seconds / 3600) + " h ago";
  }

  function clock(element, now) {
    const there = new Date(now + Number(element.dataset.utcOffset) * 1000);
    if (element.dataset.shows === "time") return two(there.getUTCHours()) + ":" + two(there.getUTCMinutes());
    return DAYS[there.getUTCDay()] + " " + there.getUTCDate() + " " + MONTHS[there.getUTCMonth()];
  }

  // The style sheet makes a long duration smaller where the template asks for it with data-chars.
  function write(element, text) {
    const node = element.firstChild;
    if (!node) element.textContent = text;
    else if (node.data !== text) node.data = text;
    const chars = element.getAttribute("data-chars");
    if (chars !== null && chars !== String(text.length)) element.setAttribute("data-chars", text.length);
  }

  // `dataset` would make an object of each element.
  function fillIn(element, now) {
    const since = element.getAttribute("data-since");
    if (since !== null) return write(element, duration(now - Number(since)));
    const last = element.getAttribute("data-last-event");
    write(element, last === null ? clock(element, now) : age(now - Number(last)));
  }

  // Looked for when something has come, gone or turned, and not each second.
  function tickingNow() {
    if (ticking === null || !ticking.length || !ticking[0].isConnected) ticking = document.querySelectorAll(ON_THIS_PAGE);
    return ticking;
  }

  function tick() {
    const now = serverNow();
    const frozen = root.dataset.link === "stale"; // what is not known to go on must not seem to
    const elements = tickingNow();
    for (let i = 0; i < elements.length; i++) {
      if (!frozen || !elements[i].hasAttribute("data-since") || !elements[i].firstChild) fillIn(elements[i], now);
    }
  }

  // What a swap is about to bring is blank; everything else is right until the second is over.
  function fill(fragment) {
    const now = serverNow();
    const ticks = fragment.querySelectorAll(TICKING);
    for (let i = 0; i < ticks.length; i++) fillIn(ticks[i], now);
    ticking = null;
  }

  function turned() {
    ticking = null;
    tick();
  }

  function tickEachSecond() {
    tick();
    setTimeout(tickEachSecond, 1005 - (serverNow() % 1000));
  }

  window.wallboard = { heardServerTime: heardServerTime, serverNow: serverNow, localNow: localNow, fill: fill };
  document.addEventListener("wallboard:turned", turned);
  tickEachSecond();
})();
