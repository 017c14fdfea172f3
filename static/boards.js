// The boards' editor: suggests an address, finds names in long lists, reads a file into the box. All of it is a help
// only: without it every form works as well. Listens on the document, for htmx swaps the pages.
(function () {
  "use strict";

  document.documentElement.classList.add("scripted");

  function suggest(input) {
    const slug = document.getElementById(input.dataset.suggests);
    if (!slug || (slug.value && slug.value !== slug.dataset.suggested)) return;
    const plain = input.value.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
    slug.value = plain.replace(/[^a-z0-9]+/g, "-").slice(0, 40).replace(/^-+|-+$/g, "");
    slug.dataset.suggested = slug.value;
  }

  function filter(input) {
    const wanted = input.value.trim().toLowerCase();
    const list = document.getElementById(input.dataset.filters);
    let shown = 0;
    for (const item of list.children) {
      item.hidden = !item.textContent.toLowerCase().includes(wanted);
      shown += item.hidden ? 0 : 1;
    }
    document.getElementById(list.dataset.counted).textContent = wanted ? shown + " of " + list.children.length : "";
  }

  function choose(box) {
    const radio = document.querySelector('[name="' + box.name + '_shown"][value="chosen"]');
    if (radio) radio.checked = true;
  }

  document.addEventListener("input", function (event) {
    const input = event.target;
    if (input.dataset.suggests) suggest(input);
    if (input.dataset.filters) {
      event.stopPropagation(); // looking for a name changes nothing of the board
      filter(input);
    }
    if (input.type === "checkbox" && input.checked) choose(input);
  }, true);

  document.addEventListener("keydown", function (event) {
    if (event.key === "Enter" && event.target.dataset && event.target.dataset.filters) event.preventDefault();
  });

  document.addEventListener("change", function (event) {
    const input = event.target;
    if (!input.dataset.fills || !input.files.length) return;
    input.files[0].text().then(function (text) {
      document.getElementById(input.dataset.fills).value = text;
    });
  });
})();
