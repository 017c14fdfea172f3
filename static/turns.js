// Shows as many tiles of a panel as have a place: what needs somebody always, the calm ones page by page.
// Knows no size and no call: fit.js says how many places there are.
(function () {
  "use strict";

  const EVERY = 10000; // milliseconds
  const DAYS_SHARE = 2 / 3; // of the places, for those whose day alone goes badly

  const starts = {}; // by panel: the first calm tile of its page
  let paged = []; // panels, and how many places each has
  const cuts = new Map(); // by panel of calls: how many have no place, where there are any
  let marks = new WeakMap(); // by tile: the mark that it was given

  function mark(element, name, wanted) {
    if (element.hasAttribute(name) === wanted) return;
    if (wanted) element.setAttribute(name, "");
    else element.removeAttribute(name);
  }

  // One of: none, data-off (on another page), data-first (stays, before those that turn).
  function markTile(tile, name) {
    const was = marks.get(tile) || "";
    if (was === name) return;
    if (was) tile.removeAttribute(was);
    if (name) tile.setAttribute(name, "");
    marks.set(tile, name);
  }

  function isUrgent(tile) {
    const alarm = tile.getAttribute("data-alarm");
    return alarm === null ? tile.getAttribute("data-state") === "ringing" : alarm !== "calm";
  }

  function isBad(tile) {
    return tile.getAttribute("data-level") === "alarm" || tile.getAttribute("data-abandons") === "alarm";
  }

  // In their order: those that stay, and the others.
  function parted(tiles, places) {
    const urgent = [];
    const calm = [];
    for (let i = 0; i < tiles.length; i++) (isUrgent(tiles[i]) ? urgent : calm).push(tiles[i]);
    if (urgent.length >= places) return { stay: [], turn: urgent.concat(calm) };
    const bad = calm.filter(isBad);
    if (!bad.length || urgent.length + bad.length > places * DAYS_SHARE) return { stay: urgent, turn: calm };
    const stay = new Set(urgent.concat(bad));
    return { stay: Array.from(stay), turn: without(tiles, stay) };
  }

  function without(tiles, some) {
    return Array.prototype.filter.call(tiles, function (tile) {
      return !some.has(tile);
    });
  }

  function listIn(panel) {
    const list = panel.lastElementChild;
    return list.className === "tiles" ? list : null;
  }

  function pageOf(each) {
    const list = listIn(each.panel);
    if (!list || list.children.length <= each.places) return null;
    const id = each.panel.id;
    const parts = parted(list.children, each.places);
    const room = each.places - parts.stay.length;
    const total = parts.turn.length;
    if ((starts[id] || 0) >= total) starts[id] = 0;
    const start = Math.min(starts[id] || 0, Math.max(0, total - room));
    return { parts: parts, from: start, start: starts[id] || 0, room: room, total: total };
  }

  function showPanel(each) {
    const list = listIn(each.panel);
    const page = pageOf(each);
    each.turns = page !== null;
    if (!page) return clear(each.panel, list);
    mark(list, "data-paged", true);
    page.parts.stay.forEach(function (tile) {
      markTile(tile, "data-first");
    });
    page.parts.turn.forEach(function (tile, place) {
      markTile(tile, place >= page.from && place < page.from + page.room ? "" : "data-off");
    });
    number(each.panel, Math.ceil(page.start / page.room) + 1, Math.ceil(page.total / page.room));
  }

  function clear(panel, list) {
    const title = panel.firstElementChild;
    if (!title.hasAttribute("data-page")) return;
    delete starts[panel.id];
    if (list) mark(list, "data-paged", false);
    for (let i = 0; list && i < list.children.length; i++) markTile(list.children[i], "");
    title.lastElementChild.textContent = "";
    mark(title, "data-page", false);
  }

  function number(panel, page, pages) {
    const title = panel.firstElementChild;
    mark(title, "data-page", true);
    write(title.lastElementChild, page + "/" + Math.max(page, pages));
  }

  function write(place, text) {
    if (place.textContent !== text) place.textContent = text;
  }

  // Of calls that have no place, only how many there are is told.
  function countCut(panel, cut) {
    const title = panel.firstElementChild;
    const hidden = Number(title.getAttribute("data-hidden")) + cut;
    if (cut) cuts.set(panel, cut);
    else cuts.delete(panel);
    write(title.lastElementChild, hidden ? "+" + hidden + " more" : "");
  }

  function cutOf(panel) {
    return cuts.get(panel) || 0;
  }

  // The panels that have not always room for all; what was marked before is marked anew.
  function page(panels) {
    paged = panels;
    paged.forEach(showPanel);
  }

  // After a swap: only where something is new, and not all has a place.
  function show(changed) {
    const turning = paged.filter(function (each) {
      return each.turns;
    });
    if (!turning.length && !cuts.size) return;
    const panels = new Set();
    changed.tiles.concat(changed.lists).forEach(function (element) {
      panels.add(element.closest(".panel"));
    });
    turning.forEach(function (each) {
      if (panels.has(each.panel)) showPanel(each);
    });
    panels.forEach(function (panel) {
      if (panel && cutOf(panel)) countCut(panel, cutOf(panel));
    });
  }

  function forget() {
    paged = [];
    cuts.clear();
    marks = new WeakMap();
  }

  function turn() {
    paged.forEach(function (each) {
      const now = pageOf(each);
      if (now) starts[each.panel.id] = now.start + now.room;
      showPanel(each);
    });
    document.dispatchEvent(new Event("wallboard:turned"));
  }

  window.wallboard.turns = { mark: mark, page: page, show: show, countCut: countCut, cutOf: cutOf, forget: forget, turn: turn };
  setInterval(turn, EVERY);
})();
