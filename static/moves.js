// Every leaving of the page, and none but for a page that answers: the nightly reload, the rotation through boards,
// the way home, and what others ask for (a new build, the supervisor's list). An error page would bring no board back.
(function () {
  "use strict";

  const root = document.documentElement;
  const CHECK_EVERY = 1000; // milliseconds, as all of these
  const PROBE_GIVES_UP = 10000;
  const MINUTE = 60 * 1000;
  const HOUR = 60 * MINUTE;
  const NIGHT_FROM = 2.5 * HOUR; // of the board's day
  const NIGHT_LASTS = 2 * HOUR;
  const YOUNGEST = 6 * HOUR; // a page that has just been loaded waits for the next night
  const NIGHT_AGAIN = 5 * MINUTE;
  const TURN_AGAIN = 10 * 1000;
  const LONGEST_HELD = 5 * MINUTE;
  const HOME_AGAIN = 1500;

  let leaving = false;

  // True, and gone, if the page at `address` answers and has `mark` in it.
  function leave(address, mark) {
    if (leaving) return Promise.resolve(false);
    leaving = true;
    return probe(address, mark).then(function (good) {
      leaving = good;
      if (good) go(address);
      return good;
    });
  }

  function probe(address, mark) {
    const abort = new AbortController();
    const alarm = setTimeout(function () {
      abort.abort();
    }, PROBE_GIVES_UP);
    return fetch(address, { cache: "no-store", credentials: "same-origin", redirect: "error", signal: abort.signal })
      .then(function (response) {
        return response.status === 200 ? response.text() : "";
      })
      .then(function (text) {
        clearTimeout(alarm);
        return text.indexOf(mark) >= 0;
      })
      .catch(function () {
        clearTimeout(alarm);
        return false;
      });
  }

  function go(address) {
    if (address === location.href) return location.reload();
    location.replace(address); // months of turns must not become months of history
  }

  function boardMark(slug) {
    return 'data-slug="' + slug + '"';
  }

  function reload() {
    return leave(location.href, boardMark(root.dataset.slug));
  }

  // The nightly reload gives back what a browser has gathered in a day.
  let reloadAt = null; // in the server's time, at a minute of this television's own
  let nightAgainAt = 0;

  function nextNight() {
    const local = wallboard.localNow();
    const earliest = local + YOUNGEST;
    let from = Math.floor(earliest / (24 * HOUR)) * 24 * HOUR + NIGHT_FROM;
    if (from < earliest) from += 24 * HOUR;
    return from + Math.random() * NIGHT_LASTS - local + wallboard.serverNow();
  }

  function nightly() {
    const now = wallboard.serverNow();
    if (reloadAt === null || reloadAt - now > 36 * HOUR) reloadAt = nextNight(); // or the server's clock was set back
    if (now < reloadAt || performance.now() < nightAgainAt) return;
    nightAgainAt = performance.now() + NIGHT_AGAIN * (1 + Math.random());
    reload();
  }

  // The rotation belongs to the board that it began with, and travels in the address (#rotation=board:seconds:boards),
  // which needs no memory of the browser's. Its own board always has a turn, and there it is read anew.
  let failures = 0;
  let turnAt = null;

  function rotation() {
    const carried = /^#rotation=([a-z0-9-]+):(\d+):([a-z0-9,-]+)$/.exec(location.hash);
    if (carried && carried[1] !== root.dataset.slug) {
      return { owner: carried[1], seconds: Number(carried[2]), boards: carried[3].split(",") };
    }
    const boards = (root.dataset.rotation || "").split(" ").filter(Boolean);
    if (boards.length && boards.indexOf(root.dataset.slug) < 0) boards.unshift(root.dataset.slug);
    return { owner: root.dataset.slug, seconds: Number(root.dataset.rotationSeconds) || 30, boards: boards };
  }

  // A board that does not answer is passed over the next time.
  function next(boards) {
    const others = boards.filter(function (slug) {
      return slug !== root.dataset.slug;
    });
    const after = boards.indexOf(root.dataset.slug) < 0 ? 0 : boards.indexOf(root.dataset.slug);
    return others[(after + failures) % others.length];
  }

  function rotate() {
    const turn = rotation();
    if (turn.boards.length < 2 || wallboard.identity.isPreview) return;
    const shownFor = performance.now();
    if (shownFor < turn.seconds * 1000 || (turnAt !== null && shownFor < turnAt)) return;
    if (wallboard.alarmNow() && shownFor < turn.seconds * 1000 + LONGEST_HELD) return;
    turnAt = shownFor + TURN_AGAIN;
    const slug = next(turn.boards);
    const hash = "#rotation=" + turn.owner + ":" + turn.seconds + ":" + turn.boards.join(",");
    leave("/boards/" + slug + location.search + hash, boardMark(slug)).then(function (good) {
      if (!good) failures += 1;
    });
  }

  // Where this screen belongs, by the server's own word: to its board, or to the page that pairs it. `refused` is the
  // status that the server answered instead of the board, or 0. While the server does not answer, the old board stays.
  let homeAgainAt = 0;

  function goHome(refused) {
    if (wallboard.identity.isPreview || performance.now() < homeAgainAt) return;
    homeAgainAt = performance.now() + HOME_AGAIN;
    fetch("/tv/pairing", { cache: "no-store", credentials: "same-origin", redirect: "error" })
      .then(function (response) {
        return response.status === 200 ? response.json() : Promise.reject(new Error("not known"));
      })
      .then(function (answer) {
        const address = homeOf(answer, refused);
        if (address) return arrive(address);
      })
      .catch(function () {});
  }

  function homeOf(answer, refused) {
    const isHome = answer.board === root.dataset.slug || (!refused && answer.board === rotation().owner);
    if (answer.state === "paired") return isHome ? "" : "/boards/" + encodeURIComponent(answer.board) + location.search;
    if (refused === 401) return "/tv" + location.search;
    return refused === 403 ? "/" : ""; // somebody who has signed in, but not for this board
  }

  function arrive(address) {
    return fetch(address, { cache: "no-store", credentials: "same-origin", redirect: "error" }).then(function (response) {
      if (response.status === 200 || response.status === 404) location.replace(address); // a missing board is waited for there
    });
  }

  function owner() {
    return rotation().owner;
  }

  wallboard.goHome = goHome;
  wallboard.owner = owner;
  wallboard.leave = leave;
  wallboard.reload = reload;
  setInterval(function () {
    nightly();
    rotate();
  }, CHECK_EVERY);
})();
