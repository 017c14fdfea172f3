// Looks after the screen itself: keeps it awake, moves the picture against burn-in, darkens it out of hours, puts up signs; knows no
// call and no connection. What a browser does not have is left out.
(function () {
  "use strict";

  const root = document.documentElement;
  const CHECK_EVERY = 1000; // milliseconds, as all of these
  const LOCK_AGAIN = 60 * 1000;
  const SHIFT_EVERY = 60 * 1000;
  const MINUTE = 60 * 1000;
  const SHIFT_PART = 0.008; // of the shorter side; the margin for overscan has 0.025

  let lock = null;
  let lockState = navigator.wakeLock ? "refused" : "absent";
  let lockAgainAt = 0;
  let asking = false;

  function stayAwake() {
    if (!navigator.wakeLock || lock || asking || document.visibilityState !== "visible") return;
    if (performance.now() < lockAgainAt) return;
    lockAgainAt = performance.now() + LOCK_AGAIN;
    asking = true;
    navigator.wakeLock.request("screen").then(
      function (held) {
        lock = held;
        lockState = "held";
        asking = false;
        held.addEventListener("release", function () {
          lock = null;
          lockState = "refused";
        });
      },
      function () {
        asking = false;
      }
    );
  }

  function stayAwakeAtOnce() {
    lockAgainAt = 0;
    stayAwake();
  }

  // One step of a walk that comes to every place in the margin, at an angle. It goes up and to the left only, as
  // what hangs out there makes no scroll bar; by the time of day, so that a reload makes no jump.
  function shift() {
    const screen = document.querySelector(".screen");
    const reach = Math.round(Math.min(window.innerWidth, window.innerHeight) * SHIFT_PART);
    const step = Math.floor(wallboard.serverNow() / SHIFT_EVERY);
    const across = -wave(step, reach);
    const up = -wave(step + Math.floor(step / (2 * reach)), reach);
    const moved = "translate(" + across + "px, " + up + "px)";
    if (screen.style.transform !== moved) screen.style.transform = moved;
  }

  function wave(step, reach) {
    return reach - Math.abs((step % (2 * reach)) - reach);
  }

  function minuteOf(clock) {
    const parts = clock.split(":");
    return Number(parts[0]) * 60 + Number(parts[1]);
  }

  function isOutOfHours() {
    if (!root.hasAttribute("data-dim-from")) return false;
    const from = minuteOf(root.dataset.dimFrom);
    const to = minuteOf(root.dataset.dimTo);
    const now = Math.floor(wallboard.localNow() / MINUTE) % (24 * 60);
    return from <= to ? from <= now && now < to : from <= now || now < to;
  }

  function dim() {
    const dimmed = isOutOfHours() && !wallboard.alarmNow();
    if (dimmed === root.hasAttribute("data-dimmed")) return;
    if (dimmed) root.setAttribute("data-dimmed", "");
    else root.removeAttribute("data-dimmed");
  }

  function check() {
    stayAwake();
    shift();
    dim();
  }

  // A sign over the board, with a picture drawn by one path, or without.
  function sign(name, path, text) {
    const element = document.createElement("p");
    element.className = "tv-sign " + name;
    element.setAttribute("role", "status");
    if (path) element.appendChild(picture(path));
    element.appendChild(document.createElement("b")).textContent = text;
    return document.body.appendChild(element);
  }

  function picture(path) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    svg.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "path")).setAttribute("d", path);
    return svg;
  }

  const cover = document.createElement("div");
  cover.className = "tv-cover";
  document.body.appendChild(cover);

  wallboard.sign = sign;
  wallboard.wakeLockState = function () {
    return lockState;
  };
  document.addEventListener("visibilitychange", stayAwakeAtOnce);
  document.addEventListener("wallboard:swapped", dim);
  window.addEventListener("resize", shift);
  setInterval(check, CHECK_EVERY);
  check();
})();
