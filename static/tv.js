// Tells the server how this television is, and does what the supervisor's list asks of it.
(function () {
  "use strict";

  const root = document.documentElement;
  const CHECK_EVERY = 500; // milliseconds, as all of these
  const REPORT_EVERY = 20000;
  const REPORT_AGAIN = 1500; // at the soonest, when the link has changed
  const REPORT_RETRY = 4000; // when it did not get through
  const REPORT_GIVES_UP = 8000;
  const IDENTIFY_FOR = 15000;
  const RELOAD_AGAIN = 10000;
  const RELOAD_TRIES = 30;
  const FEATURES = {
    "wake lock": "wakeLock" in navigator,
    audio: !!(window.AudioContext || window.webkitAudioContext),
    storage: storage(),
    "secure context": !!window.isSecureContext,
    clamp: !!(window.CSS && CSS.supports && CSS.supports("width", "clamp(1px, 2px, 3px)")),
  };

  const identity = wallboard.identity;
  const done = []; // the ids of commands that this page has obeyed
  let known = identity.id; // as the server knows it: a paired television has another id there
  let errors = 0;
  let lastError = "";
  let reportedAt = null;
  let reportAt = 0;
  let reporting = false;
  let sign = null;
  let signUntil = 0;

  function storage() {
    try {
      return !!window.localStorage;
    } catch (error) {
      return false;
    }
  }

  function has(name) {
    return FEATURES[name];
  }

  function said(link) {
    const heard = wallboard.link();
    return {
      page: identity.page,
      board: root.dataset.slug,
      build: root.dataset.build,
      name: identity.name(),
      agent: navigator.userAgent,
      width: window.innerWidth,
      height: window.innerHeight,
      pixel_ratio: window.devicePixelRatio || 1,
      features: Object.keys(FEATURES).filter(has),
      clock_offset_ms: Math.round(Date.now() - wallboard.serverNow()),
      link: link || root.dataset.link,
      transport: root.dataset.transport || "",
      reconnects: heard.reconnects,
      heartbeat_age_ms: heard.ageMs,
      missing_fragments: heard.missing,
      errors: errors,
      last_error: lastError,
      wake_lock: wallboard.wakeLockState(),
      sound: wallboard.soundState(),
    };
  }

  function send(link, options) {
    return fetch(
      "/tvs/" + identity.id,
      Object.assign(
        {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(said(link)),
          cache: "no-store",
          credentials: "same-origin",
          redirect: "error",
          referrerPolicy: "same-origin", // without it Chromium 69 hides where the page is from, and is refused
        },
        options
      )
    );
  }

  function report() {
    const abort = new AbortController();
    const alarm = setTimeout(function () {
      abort.abort();
    }, REPORT_GIVES_UP);
    const finish = function () {
      clearTimeout(alarm);
      reporting = false;
    };
    const fail = function () {
      finish();
      reportAt = Math.min(reportAt, performance.now() + REPORT_RETRY);
    };
    reporting = true;
    reportedAt = performance.now();
    reportAt = reportedAt + REPORT_EVERY;
    send("", { signal: abort.signal })
      .then(function (response) {
        if (response.status === 401) wallboard.goHome(401);
        return response.ok ? response.json() : { name: "", commands: [] };
      })
      .then(function (answer) {
        known = answer.id || known;
        if (answer.home && answer.home !== wallboard.owner()) wallboard.goHome(0);
        if (answer.name) identity.rename(answer.name);
        answer.commands.forEach(obey);
      })
      .then(finish, fail);
  }

  function reportSoon() {
    reportAt = reportedAt === null ? 0 : reportedAt + REPORT_AGAIN;
  }

  function obey(command) {
    if (command.tv !== known || done.indexOf(command.id) >= 0) return;
    done.push(command.id);
    if (command.do === "rename") rename(command.name);
    if (command.page !== identity.page) return; // asked of a page that was here before
    if (command.do === "identify") identify();
    if (command.do === "move") wallboard.goHome(0);
    if (command.do === "reload") reload(RELOAD_TRIES);
  }

  function rename(name) {
    identity.rename(name);
    reportSoon();
  }

  function reload(tries) {
    wallboard.reload().then(function (gone) {
      if (gone || tries <= 1) return;
      setTimeout(function () {
        reload(tries - 1);
      }, RELOAD_AGAIN);
    });
  }

  function identify() {
    if (sign) sign.remove();
    sign = wallboard.sign("tv-identify", null, identity.name() || identity.id);
    const below = document.createElement("span");
    below.textContent = (identity.name() ? identity.id + " · " : "") + "board " + root.dataset.slug;
    sign.appendChild(below);
    signUntil = performance.now() + IDENTIFY_FOR;
  }

  function check() {
    const now = performance.now();
    if (sign && now >= signUntil) {
      sign.remove();
      sign = null;
    }
    if (!reporting && now >= reportAt) report();
  }

  window.addEventListener("error", function (event) {
    errors += 1;
    lastError = String(event.message);
  });
  window.addEventListener("unhandledrejection", function (event) {
    errors += 1;
    lastError = String(event.reason);
  });
  if (identity.isPreview) return;
  window.addEventListener("pagehide", function () {
    send("closed", { keepalive: true, headers: {} }).catch(function () {}); // Chromium 69 keeps alive what is plain
  });
  document.addEventListener("wallboard:link", reportSoon);
  document.addEventListener("wallboard:reconnected", reportSoon);
  document.addEventListener("wallboard:command", function (event) {
    obey(event.detail);
  });
  setInterval(check, CHECK_EVERY);
  check();
})();
