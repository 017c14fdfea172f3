// How a frame of the stream comes into the page, and how htmx brings a fragment in: what is there stays, and only
// what the server says otherwise than before is touched. Knows no tile.
// A general morph compares a tile with what stands on the page, where timers.js, fit.js and turns.js have written
// too. This one keeps what the server said of each tile and compares that, which the browser does by itself.
(function () {
  "use strict";

  const OURS = /^(style|data-lines|data-off|data-first|data-paged|data-page)$/; // set by fit.js and turns.js
  const TICKING = "[data-since], [data-last-event], [data-utc-offset]"; // filled by timers.js

  const said = new WeakMap(); // by tile, as it stands on the page: what the server last said of it
  let changed = null; // tiles, and lists of tiles, that are not what they were

  function bring(old, fresh) {
    if (fresh.hasAttribute("data-order") || fresh.querySelector("[id]")) return bringAround(old, fresh);
    const before = said.get(old) || pristine(old);
    said.set(old, fresh);
    if (before.isEqualNode(fresh)) return;
    changed.tiles.push(old);
    patch(old, before, fresh);
  }

  // A tile of the page itself, as the server must have said it.
  function pristine(old) {
    const copy = old.cloneNode(true);
    for (let i = copy.attributes.length - 1; i >= 0; i--) {
      if (OURS.test(copy.attributes[i].name)) copy.removeAttribute(copy.attributes[i].name);
    }
    const ticking = copy.querySelectorAll(TICKING);
    for (let i = 0; i < ticking.length; i++) {
      ticking[i].textContent = "";
      if (ticking[i].hasAttribute("data-chars")) ticking[i].setAttribute("data-chars", "");
    }
    return copy;
  }

  // --- within a tile --------------------------------------------------------------------------------------

  function patch(old, before, fresh) {
    if (fresh.nodeType !== Node.ELEMENT_NODE) {
      old.data = fresh.data;
      return;
    }
    takeAttributes(old, before, fresh);
    if (!areAlike(old, before, fresh)) return replaceChildren(old, fresh);
    let there = old.firstChild;
    let was = before.firstChild;
    for (let node = fresh.firstChild; node; node = node.nextSibling) {
      const next = there.nextSibling;
      if (!was.isEqualNode(node)) patch(there, was, node);
      there = next;
      was = was.nextSibling;
    }
  }

  function takeAttributes(old, before, fresh) {
    const names = fresh.getAttributeNames(); // `attributes` would make an object of each
    for (let i = 0; i < names.length; i++) {
      const value = fresh.getAttribute(names[i]);
      if (before.getAttribute(names[i]) !== value) old.setAttribute(names[i], value);
    }
    const gone = before.getAttributeNames();
    for (let i = 0; i < gone.length; i++) {
      if (names.indexOf(gone[i]) < 0) old.removeAttribute(gone[i]);
    }
  }

  // Whether all three have the same children, looked at from outside.
  function areAlike(old, before, fresh) {
    let there = old.firstChild;
    let was = before.firstChild;
    let node = fresh.firstChild;
    if (!was && !node) return true; // what stands on the page then was written there by timers.js
    while (there && was && node && was.nodeName === node.nodeName && there.nodeName === node.nodeName) {
      there = there.nextSibling;
      was = was.nextSibling;
      node = node.nextSibling;
    }
    return !there && !was && !node;
  }

  function replaceChildren(old, fresh) {
    old.textContent = "";
    for (let node = fresh.firstChild; node; node = node.nextSibling) old.appendChild(document.importNode(node, true));
  }

  // --- around the tiles -----------------------------------------------------------------------------------

  // By their ids, and the white space between them does not matter.
  function bringAround(old, fresh) {
    takeOuterAttributes(old, fresh);
    const wanted = wantedIn(old, fresh);
    let moved = removeOthers(old, wanted);
    let at = old.firstElementChild;
    wanted.forEach(function (node, key) {
      const there = at && isOf(at, key) ? at : elsewhere(old, key);
      if (!there && !node) return disagree();
      if (there && node) bring(there, node);
      if (there && there === at) {
        at = at.nextElementSibling;
        return;
      }
      old.insertBefore(there || adopted(node), at);
      moved = true;
    });
    while (at) {
      const after = at.nextElementSibling;
      old.removeChild(at);
      at = after;
      moved = true;
    }
    if (moved) changed.lists.push(old);
  }

  function takeOuterAttributes(old, fresh) {
    const names = fresh.getAttributeNames();
    for (let i = 0; i < names.length; i++) {
      const value = fresh.getAttribute(names[i]);
      if (names[i] !== "data-order" && old.getAttribute(names[i]) !== value) old.setAttribute(names[i], value);
    }
  }

  // What shall be there, in its order. A list may tell how that differs (data-order) and bring those only that are new.
  function wantedIn(old, fresh) {
    const order = fresh.getAttribute("data-order");
    const wanted = new Map();
    if (order) idsInOrder(old, order.split(" ")).forEach(function (id) {
      wanted.set(id, null);
    });
    for (let node = fresh.firstElementChild; node; node = node.nextElementSibling) wanted.set(node.id || node, node);
    return wanted;
  }

  // "a +3 -b": first a, then the next three of those that stand there and are not named; b goes (wallboard/orders.py).
  function idsInOrder(old, words) {
    const staying = [];
    for (let node = old.firstElementChild; node; node = node.nextElementSibling) {
      if (words.indexOf(node.id) < 0 && words.indexOf("-" + node.id) < 0) staying.push(node.id);
    }
    let ids = [];
    let used = 0;
    words.forEach(function (word) {
      const run = word[0] === "+" ? Number(word.slice(1)) : 0;
      if (run) ids = ids.concat(staying.slice(used, used + run));
      else if (word[0] !== "-") ids.push(word);
      used += run;
    });
    if (used !== staying.length) disagree();
    return ids;
  }

  function removeOthers(old, wanted) {
    let removed = false;
    for (let node = old.firstElementChild; node; ) {
      const next = node.nextElementSibling;
      if (node.id && !wanted.has(node.id)) {
        old.removeChild(node);
        removed = true;
      }
      node = next;
    }
    return removed;
  }

  // A key is an id, or the fresh element itself if that has none.
  function isOf(there, key) {
    if (typeof key === "string") return there.id === key;
    return !there.id && there.nodeName === key.nodeName && there.className === key.className;
  }

  function elsewhere(old, key) {
    const found = typeof key === "string" ? document.getElementById(key) : null;
    return found && found.parentNode === old ? found : null;
  }

  function adopted(fresh) {
    changed.tiles.push(fresh);
    return fresh;
  }

  // A tile that should have stayed is not there: keeper.js asks for everything anew.
  function disagree() {
    document.body.dispatchEvent(new Event("htmx:oobErrorNoTarget"));
  }

  // Brings a frame of the stream in: what htmx would do with its out-of-band fragments, by the shortest way. htmx
  // parses each answer as a document of its own, which costs an old television more than all the rest. Tells which
  // tiles and which lists of tiles are not what they were.
  function swap(html) {
    const frame = document.createElement("div");
    frame.innerHTML = html;
    changed = { tiles: [], lists: [] };
    for (let fresh = frame.firstElementChild; fresh; fresh = fresh.nextElementSibling) {
      const old = document.getElementById(fresh.id);
      if (old) bring(old, fresh);
      else disagree();
    }
    return changed;
  }

  window.wallboard.swap = swap;
  htmx.defineExtension("morph", {
    isInlineSwap: function (style) {
      return style === "morph";
    },
    handleSwap: function (style, target, fragment) {
      if (style !== "morph") return false;
      changed = { tiles: [], lists: [] };
      bring(target, fragment.firstElementChild);
      return [];
    },
  });
})();
