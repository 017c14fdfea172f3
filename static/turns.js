// Shows as many tiles of a panel as have a place: what needs somebody always, the calm ones page by page.
// Knows no size and no call: fit.js says how many places there are.
(function () {
  "use strict";

  const EVERY = 10000; // milliseconds
  const DAYS_SHARE = 2 / 3; // of the places, for those whose day alone goes badly

  const starts = {}; // by panel: the first calm tile of its page
  let paged = [];

  function mark(element, name, wanted) {
    if (element.hasAttribute(name) === wanted) return;
    if (wanted) element.setAttribute(name, "");
    else element.removeAttribute(name);
  }

  function isUrgent(tile) {
    return tile.dataset.state === "ringing" || (tile.dataset.alarm !== undefined && tile.dataset.alarm !== "calm");
  }

  function isBad(tile) {
    return tile.dataset.level === "alarm" || tile.dataset.abandons === "alarm";
  }

  // In their order: those that stay, and the others.
  function parted(tiles, places) {
    const urgent = tiles.filter(isUrgent);
    if (urgent.length >= places) return { stay: [], turn: urgent.concat(tiles.filter(isCalm)) };
    const bad = tiles.filter(function (tile) {
      return isUrgent(tile) || isBad(tile);
    });
    const stay = bad.length <= places * DAYS_SHARE ? bad : urgent;
    const turn = tiles.filter(function (tile) {
      return stay.indexOf(tile) < 0;
    });
    return { stay: stay, turn: turn };
  }

  function isCalm(tile) {
    return !isUrgent(tile);
  }

  function pageOf(panel, places) {
    const list = panel.querySelector(".tiles");
    const tiles = list ? Array.prototype.slice.call(list.children) : [];
    if (tiles.length <= places) return null;
    const parts = parted(tiles, places);
    const room = places - parts.stay.length;
    const total = parts.turn.length;
    if ((starts[panel.id] || 0) >= total) starts[panel.id] = 0;
    const start = Math.min(starts[panel.id] || 0, Math.max(0, total - room));
    return { list: list, tiles: tiles, stay: parts.stay, shown: parts.turn.slice(start, start + room), start: starts[panel.id] || 0, room: room, total: total };
  }

  function showPanel(each) {
    const panel = document.getElementById(each.id);
    const page = pageOf(panel, each.places);
    const list = panel.querySelector(".tiles");
    if (list) mark(list, "data-paged", page !== null);
    if (!page) return clear(panel, list);
    const on = new Set(page.stay.concat(page.shown));
    const first = new Set(page.stay);
    page.tiles.forEach(function (tile) {
      mark(tile, "data-off", !on.has(tile));
      mark(tile, "data-first", first.has(tile));
    });
    number(panel, Math.ceil(page.start / page.room) + 1, Math.ceil(page.total / page.room));
  }

  function clear(panel, list) {
    delete starts[panel.id];
    const marked = list ? list.querySelectorAll("[data-off], [data-first]") : [];
    for (let i = 0; i < marked.length; i++) {
      mark(marked[i], "data-off", false);
      mark(marked[i], "data-first", false);
    }
    mark(panel.querySelector(".title"), "data-page", false);
  }

  function number(panel, page, pages) {
    const title = panel.querySelector(".title");
    const text = page + "/" + Math.max(page, pages);
    const place = title.querySelector(".more");
    mark(title, "data-page", true);
    if (place.textContent !== text) place.textContent = text;
  }

  // Of calls that have no place, only how many there are is told.
  function countCut() {
    const panels = document.querySelectorAll(".calls .panel");
    for (let i = 0; i < panels.length; i++) {
      const title = panels[i].querySelector(".title");
      const place = title.querySelector(".more");
      const hidden = Number(title.dataset.hidden) + panels[i].querySelectorAll(".tiles > [data-off]").length;
      const text = hidden ? "+" + hidden + " more" : "";
      if (place.textContent !== text) place.textContent = text;
    }
  }

  function show(panels) {
    paged = panels;
    paged.forEach(showPanel);
    countCut();
  }

  function turn() {
    paged.forEach(function (each) {
      const page = pageOf(document.getElementById(each.id), each.places);
      if (page) starts[each.id] = page.start + page.room;
      showPanel(each);
    });
    document.dispatchEvent(new Event("wallboard:turned"));
  }

  window.wallboard.turns = { mark: mark, show: show, turn: turn };
  setInterval(turn, EVERY);
})();
