// How a frame of the stream comes into the page, and how htmx brings a fragment in: what is there stays, and only
// what the server says otherwise than the page is touched. Knows no tile.
// What ticks is filled in (timers.js) before it is compared, and what fit.js and turns.js have written is left alone.
(function () {
  "use strict";

  const OURS = /^(style|data-lines|data-off|data-first|data-paged|data-page)$/; // set by fit.js and turns.js

  const frame = document.createElement("div");
  let changed = null; // tiles, and lists of tiles, that are not what they were

  function bring(old, fresh) {
    if (fresh.hasAttribute("data-order") || fresh.querySelector("[id]")) return bringAround(old, fresh);
    if (old.isEqualNode(fresh)) return;
    changed.tiles.push(old);
    patch(old, fresh);
  }

  // --- within a tile --------------------------------------------------------------------------------------

  // Of most only the text differs: their attributes are looked at one by one only if it was not that.
  function patch(old, fresh) {
    if (areAlike(old, fresh)) patchChildren(old, fresh);
    else replaceChildren(old, fresh);
    if (!old.isEqualNode(fresh)) takeAttributes(old, fresh);
  }

  function patchChildren(old, fresh) {
    let there = old.firstChild;
    for (let node = fresh.firstChild; node; node = node.nextSibling) {
      if (node.nodeType !== Node.ELEMENT_NODE) write(there, node.data);
      else if (!there.isEqualNode(node)) patch(there, node);
      there = there.nextSibling;
    }
  }

  function write(text, data) {
    if (text.data !== data) text.data = data;
  }

  function takeAttributes(old, fresh) {
    const names = fresh.getAttributeNames(); // `attributes` would make an object of each
    for (let i = 0; i < names.length; i++) {
      const value = fresh.getAttribute(names[i]);
      if (old.getAttribute(names[i]) !== value && names[i] !== "data-order") old.setAttribute(names[i], value);
    }
    const there = old.getAttributeNames();
    for (let i = 0; i < there.length; i++) {
      if (names.indexOf(there[i]) < 0 && !OURS.test(there[i])) old.removeAttribute(there[i]);
    }
  }

  // Whether both have the same children, looked at from outside.
  function areAlike(old, fresh) {
    let there = old.firstChild;
    let node = fresh.firstChild;
    while (there && node && there.nodeName === node.nodeName) {
      there = there.nextSibling;
      node = node.nextSibling;
    }
    return !there && !node;
  }

  function replaceChildren(old, fresh) {
    old.textContent = "";
    for (let node = fresh.firstChild; node; node = node.nextSibling) old.appendChild(document.importNode(node, true));
  }

  // --- around the tiles -----------------------------------------------------------------------------------

  // By their ids, and the white space between them does not matter.
  function bringAround(old, fresh) {
    takeAttributes(old, fresh);
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
    frame.innerHTML = html;
    window.wallboard.fill(frame);
    changed = { tiles: [], lists: [] };
    for (let fresh = frame.firstElementChild; fresh; fresh = fresh.nextElementSibling) {
      const old = document.getElementById(fresh.id);
      if (old) bring(old, fresh);
      else disagree();
    }
    frame.textContent = "";
    return changed;
  }

  window.wallboard.swap = swap;
  htmx.defineExtension("morph", {
    isInlineSwap: function (style) {
      return style === "morph";
    },
    handleSwap: function (style, target, fragment) {
      if (style !== "morph") return false;
      window.wallboard.fill(fragment);
      changed = { tiles: [], lists: [] };
      bring(target, fragment.firstElementChild);
      return [];
    },
  });
})();
