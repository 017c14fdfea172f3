// The server's clock as this screen knows it, and everything that ticks by it; knows no connection.
// A television's own clock is often wrong, so only the steady performance.now() is used of it.
(function () {
  "use strict";

  const root = document.documentElement;
  const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const KEPT_SAMPLES = 30;
  const BLANK = "[data-since]:empty";
  const ON_THIS_PAGE = "li:not([data-off]) > [data-since], li:not([data-off]) p [data-since], .hero [data-since]";

  // Each sample is server time minus performance.now(), too small by its delay: the largest is the best.
  // Those of another clock, or of before a step of this one, tell nothing any more.
  let samples = [Number(root.dataset.now) - performance.now()];
  let samplesOf = "";

  // `of` names the server's clock; it changes when that is stepped, and when another server answers.
  function heardServerTime(iso, of) {
    const instant = Date.parse(iso);
    if (isNaN(instant)) return;
    if (of !== samplesOf) samples = [];
    samplesOf = of;
    samples.push(instant - performance.now());
    if (samples.length > KEPT_SAMPLES) samples.shift();
  }

  function serverNow() {
    return Math.max.apply(null, samples) + performance.now();
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
    if (element.hasAttribute("data-chars") && element.dataset.chars !== String(text.length)) element.dataset.chars = text.length;
  }

  // Tiles on another page are filled when they are turned to.
  function each(selector, text) {
    const elements = document.querySelectorAll(selector);
    for (let i = 0; i < elements.length; i++) write(elements[i], text(elements[i]));
  }

  function since(now) {
    return function (element) {
      return duration(now - Number(element.dataset.since));
    };
  }

  function tick() {
    const now = serverNow();
    const frozen = root.dataset.link === "stale"; // what is not known to go on must not seem to
    each(frozen ? BLANK : ON_THIS_PAGE, since(now));
    each("[data-last-event]", function (element) {
      return age(now - Number(element.dataset.lastEvent));
    });
    each("[data-utc-offset]", function (element) {
      return clock(element, now);
    });
  }

  // A swap leaves blank what the server does not fill; everything else is right until the second is over.
  function fill() {
    const now = serverNow();
    each(BLANK, since(now));
    each("[data-last-event]:empty", function (element) {
      return age(now - Number(element.dataset.lastEvent));
    });
    each("[data-utc-offset]:empty", function (element) {
      return clock(element, now);
    });
  }

  function tickEachSecond() {
    tick();
    setTimeout(tickEachSecond, 1005 - (serverNow() % 1000));
  }

  window.wallboard = { heardServerTime: heardServerTime, serverNow: serverNow, localNow: localNow };
  document.addEventListener("wallboard:swapped", fill);
  document.addEventListener("wallboard:turned", tick);
  tickEachSecond();
})();
