// A screen examines itself: what its browser has, how its clock is off, whether the stream comes through; shows it and
// reports it. Written in the oldest syntax, as it must run where the board does not.
(function () {
  "use strict";

  var board = "/boards/main"; // or that of a paired screen
  var STREAM_FOR = 9000; // milliseconds, as all of these; three heartbeats and more
  var HELD_BACK = 1500; // how much later than another an event may come before somebody holds them back
  var REPORT_AGAIN = 20000;

  var NEEDED = [
    ["Scripts of 2018", function () { return window.readsSyntax === true; }],
    ["EventSource", function () { return !!window.EventSource; }],
    ["fetch", function () { return !!window.fetch; }],
    ["AbortController", function () { return !!window.AbortController; }],
    ["Promise", function () { return !!window.Promise; }],
    ["performance.now", function () { return !!(window.performance && performance.now); }],
    ["CSS grid", function () { return supports("display", "grid"); }],
    ["CSS custom properties", function () { return supports("--a", "0"); }],
    ["template elements", function () { return "content" in document.createElement("template"); }],
    ["matchMedia", function () { return !!window.matchMedia; }],
  ];
  var WANTED = [
    ["localStorage (keeps the name)", storage],
    ["Secure context (https)", function () { return !!window.isSecureContext; }],
    ["Wake lock (no sleep)", function () { return !!navigator.wakeLock; }],
    ["WebAudio (sound)", function () { return !!(window.AudioContext || window.webkitAudioContext); }],
    ["Intl", function () { return !!window.Intl; }],
    ["CSS clamp()", function () { return supports("width", "clamp(1px, 2px, 3px)"); }],
  ];

  var firstTiles = null;
  var lags = []; // of each heartbeat: this clock less the server's
  var beats = []; // when they came
  var stream = "refused";

  function supports(property, value) {
    return !!(window.CSS && CSS.supports && CSS.supports(property, value));
  }

  function storage() {
    try {
      localStorage.setItem("wallboard.diag", "1");
      return localStorage.getItem("wallboard.diag") === "1";
    } catch (error) {
      return false;
    }
  }

  function write(id, text) {
    document.getElementById(id).textContent = text;
  }

  function examine(list, id) {
    var place = document.getElementById(id);
    var missing = [];
    for (var i = 0; i < list.length; i++) {
      var good = !!list[i][1]();
      var line = document.createElement("li");
      line.setAttribute("data-has", good ? "yes" : "no");
      line.textContent = (good ? "✓ " : "✗ ") + list[i][0];
      place.appendChild(line);
      if (!good) missing.push(list[i][0]);
    }
    return missing;
  }

  function verdict(missing) {
    var fit = missing.length === 0 && stream !== "refused";
    var place = document.getElementById("verdict");
    place.setAttribute("data-verdict", fit ? "fit" : "unfit");
    place.textContent = fit
      ? stream === "unpaired" ? "✓ This browser can show the wallboard. Pair the screen, then come here again to see whether the data comes through." : "✓ This screen can show the wallboard."
      : "✗ This screen cannot show the wallboard: " +
        (missing.length ? "its browser has no " + missing.join(", no ") + "." : "the board’s data does not come through.");
    return fit;
  }

  function home(then) {
    fetch("/tv/pairing", { cache: "no-store", credentials: "same-origin" })
      .then(function (response) { return response.json(); })
      .then(function (answer) {
        if (answer.state === "paired") board = "/boards/" + encodeURIComponent(answer.board);
      })
      .then(then, then);
  }

  function listen(then) {
    var started = performance.now();
    var source = new EventSource(board + "/stream");
    write("stream", "listening for some seconds…");
    source.addEventListener("tiles", function () {
      if (firstTiles === null) firstTiles = Math.round(performance.now() - started);
    });
    source.addEventListener("heartbeat", function (event) {
      beats.push(performance.now());
      lags.push(Date.now() - Date.parse(JSON.parse(event.data).server_now));
    });
    setTimeout(function () {
      source.close();
      if (firstTiles === null || beats.length === 0) return poll(then);
      stream = Math.max.apply(null, lags) - Math.min.apply(null, lags) > HELD_BACK ? "held_back" : "live";
      then();
    }, STREAM_FOR);
  }

  function poll(then) {
    fetch(board + "/tiles", { cache: "no-store", credentials: "same-origin" })
      .then(function (response) {
        if (response.status === 401) stream = "unpaired";
        return response.ok ? response.json() : Promise.reject(response.status);
      })
      .then(function (frame) {
        lags.push(Date.now() - Date.parse(frame.server_now));
        stream = "swallowed";
      })
      .then(then, then);
  }

  function interval() {
    return beats.length < 2 ? null : Math.round((beats[beats.length - 1] - beats[0]) / (beats.length - 1));
  }

  // The event that was least delayed tells best.
  function offset() {
    return lags.length ? Math.round(Math.min.apply(null, lags)) : null;
  }

  function show() {
    var words = {
      live: "✓ live",
      held_back: "✗ something between this screen and the server holds events back: the board lags",
      swallowed: "✗ something between swallows it: the board polls instead, which works",
      unpaired: "not tried: this screen is not paired",
      refused: "✗ neither the stream nor polling comes through",
    };
    write("stream", words[stream]);
    write("first", firstTiles === null ? "none came" : "after " + firstTiles + " ms");
    write("heartbeat", interval() === null ? "none came" : "every " + (interval() / 1000).toFixed(1) + " s");
    write("clock", offset() === null ? "not known" : (offset() / 1000).toFixed(1) + " s against the server’s (the board shows the server’s)");
  }

  function report(missing, fit) {
    if (stream === "unpaired") return write("report", "not sent: this screen is not paired");
    var identity = wallboard.identity;
    var features = WANTED.filter(function (one) { return one[1](); });
    var body = {
      page: identity.page,
      build: document.documentElement.getAttribute("data-build"),
      name: identity.name(),
      agent: navigator.userAgent,
      width: window.innerWidth,
      height: window.innerHeight,
      pixel_ratio: window.devicePixelRatio || 1,
      features: features.map(function (one) { return one[0]; }),
      clock_offset_ms: offset(),
      link: stream === "refused" ? "stale" : "live",
      transport: stream === "swallowed" ? "poll" : "stream",
      diagnosis: { verdict: fit ? "fit" : "unfit", missing: missing, stream: stream, first_tiles_ms: firstTiles, heartbeat_ms: interval() },
    };
    fetch("/tvs/" + identity.id, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      referrerPolicy: "same-origin", // without it Chromium 69 hides where the page is from, and is refused
      credentials: "same-origin",
    })
      .then(function (response) { return response.ok ? response.json() : Promise.reject(response.status); })
      .then(function (answer) {
        write("report", "✓ the supervisor’s list of TVs has it");
        write("tv", answer.name ? answer.name + " (" + identity.id + ")" : identity.id);
      })
      .catch(function () { write("report", "✗ could not be sent"); });
  }

  function start() {
    var missing = examine(NEEDED, "needed");
    examine(WANTED, "wanted");
    write("screen", screen.width + "×" + screen.height + ", window " + window.innerWidth + "×" + window.innerHeight + " at " + (window.devicePixelRatio || 1));
    if (window.wallboard && wallboard.identity) write("tv", wallboard.identity.id);
    if (missing.length) return finish(missing);
    document.getElementById("verdict").textContent = "Examining…";
    home(function () { listen(function () { finish(missing); }); });
  }

  function finish(missing) {
    if (missing.length === 0) show();
    var fit = verdict(missing);
    if (!window.fetch || !window.wallboard || !wallboard.identity) return;
    report(missing, fit);
    setInterval(function () { report(missing, fit); }, REPORT_AGAIN);
  }

  setTimeout(start, 0); // a promise's turn after syntax.js
})();
