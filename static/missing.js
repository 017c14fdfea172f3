// A page that stands in for a board, which is missing or not ready yet: looks again and again, and loads the page anew
// as soon as the server has another answer. A server that does not answer is waited for; an error page shows nothing.
(function () {
  "use strict";

  const root = document.documentElement;
  const LOOK_EVERY = Number(root.dataset.lookEvery) || 5000; // milliseconds
  const GIVES_UP = 10000;

  let looking = false;

  function look() {
    if (looking) return;
    looking = true;
    const abort = new AbortController();
    const alarm = setTimeout(function () {
      abort.abort();
    }, GIVES_UP);
    const done = function () {
      clearTimeout(alarm);
      looking = false;
    };
    fetch(location.href, { cache: "no-store", credentials: "same-origin", redirect: "manual", signal: abort.signal })
      .then(function (response) {
        const answered = response.type === "opaqueredirect" || (response.status > 0 && response.status < 500);
        if (answered && response.status !== Number(root.dataset.status)) location.reload();
      })
      .then(done, done);
  }

  setInterval(look, LOOK_EVERY);
})();
