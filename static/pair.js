// A screen that waits to be paired: shows its code, asks again and again whether it is paired by now, and then goes to
// its board. It never gives up and never leaves the page but for a board that answers. Floor: Chromium 69.
(function () {
  "use strict";

  const ASK_EVERY = 3000; // milliseconds, as all of these
  const GIVES_UP = 8000;
  const LONGEST_PAUSE = 30000;
  const SILENT_AFTER = 12000;
  const RELOAD_WITHIN = 5000;

  const root = document.documentElement;
  const code = document.getElementById("code");
  const qr = document.getElementById("qr");
  const said = document.getElementById("said");

  let shown = "";
  let codeUntil = 0;
  let heardAt = performance.now();
  let failures = 0;
  let keyless = 0; // how often a key that was given was not shown again
  let leaving = false;

  function ask(method) {
    const abort = new AbortController();
    const alarm = setTimeout(function () {
      abort.abort();
    }, GIVES_UP);
    const options = { method: method, cache: "no-store", credentials: "same-origin", redirect: "error", referrerPolicy: "same-origin", signal: abort.signal };
    if (method === "POST") {
      options.headers = { "Content-Type": "application/json" };
      options.body = JSON.stringify({ width: Math.round(window.innerWidth), height: Math.round(window.innerHeight) });
    }
    return fetch("/tv/pairing", options).then(
      function (response) {
        clearTimeout(alarm);
        return response;
      },
      function (error) {
        clearTimeout(alarm);
        throw error;
      }
    );
  }

  function turn(method) {
    ask(method)
      .then(function (response) {
        if (response.status === 200) return method === "POST" ? later("GET", 0) : response.json().then(hear);
        failures += 1;
        later("GET", pause(Number(response.headers.get("Retry-After")) * 1000 || 0));
      })
      .catch(function () {
        failures += 1;
        later("GET", pause(0));
      });
  }

  // Longer after each failure, and never two screens in step.
  function pause(least) {
    const back = Math.min(LONGEST_PAUSE, ASK_EVERY * Math.pow(1.6, failures));
    return Math.max(least, back) * (0.7 + 0.6 * Math.random());
  }

  function later(method, milliseconds) {
    setTimeout(function () {
      turn(method);
    }, milliseconds);
  }

  function hear(answer) {
    heardAt = performance.now();
    if (answer.state === "paired") return arrive(answer.board);
    if (answer.state === "unknown") return begin();
    failures = keyless = 0;
    show(answer);
    if (answer.build !== root.dataset.build) renew();
    later("GET", ASK_EVERY * (0.9 + 0.2 * Math.random()));
  }

  // It has no key, or one that is good for nothing any more: asks for one. A browser that keeps none is told.
  function begin() {
    keyless += 1;
    failures = Math.max(0, keyless - 2);
    if (keyless > 3) return refuse();
    later("POST", keyless === 1 ? 0 : pause(0));
  }

  function refuse() {
    hide();
    root.dataset.pairing = "refused";
    say(window.isSecureContext ? "This browser keeps no cookies here, so it cannot be paired. Allow them for this address." : "This address is not safe enough to pair a screen: open it with https.");
    keyless = 2;
    later("POST", LONGEST_PAUSE);
  }

  function show(answer) {
    codeUntil = heardAt + answer.seconds * 1000;
    root.dataset.pairing = "waiting";
    say("This screen goes to its board by itself as soon as it is paired.");
    if (answer.code === shown) return;
    shown = answer.code;
    draw(answer.code.split(" "));
    drawQr(answer.qr);
  }

  function draw(groups) {
    code.textContent = "";
    groups.forEach(function (group, index) {
      if (index) code.appendChild(document.createTextNode(" "));
      code.appendChild(document.createElement("span")).textContent = group;
    });
  }

  function drawQr(given) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 " + given.size + " " + given.size);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", "QR code that opens the desk with this code");
    svg.setAttribute("shape-rendering", "crispEdges");
    svg.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "path")).setAttribute("d", given.path);
    qr.textContent = "";
    qr.appendChild(svg);
    qr.hidden = false;
  }

  function hide() {
    shown = "";
    code.textContent = "";
    qr.hidden = true;
  }

  function say(text) {
    if (said.textContent !== text) said.textContent = text;
  }

  function address(board) {
    return "/boards/" + encodeURIComponent(board) + location.search;
  }

  // To the board, if it answers: an error page would show nothing and ask nothing.
  function arrive(board) {
    root.dataset.pairing = "paired";
    hide();
    say("Paired. The board is coming …");
    probe(address(board)).then(function (status) {
      if (status === 200 || status === 404) return location.replace(address(board)); // one that is missing waits there
      failures += 1;
      later("GET", pause(0));
    });
  }

  function renew() {
    if (leaving) return;
    leaving = true;
    setTimeout(function () {
      probe("/tv").then(function (status) {
        leaving = false;
        if (status === 200) location.reload();
      });
    }, Math.random() * RELOAD_WITHIN);
  }

  function probe(of) {
    return fetch(of, { cache: "no-store", credentials: "same-origin", redirect: "error" }).then(
      function (response) {
        return response.status;
      },
      function () {
        return 0;
      }
    );
  }

  function check() {
    const now = performance.now();
    if (shown && now > codeUntil) hide();
    if (now - heardAt < SILENT_AFTER) return;
    if (root.dataset.pairing !== "refused") root.dataset.pairing = "silent";
    if (root.dataset.pairing === "silent") say("The wallboard does not answer. This screen goes on asking by itself.");
  }

  document.getElementById("address").textContent = location.origin + "/supervisor/tvs/pair";
  if (location.pathname.indexOf("/boards/") === 0) {
    document.getElementById("sign-in").href = "/sign-in?next=" + encodeURIComponent(location.pathname);
  }
  setInterval(check, 1000);
  turn("GET");
})();
