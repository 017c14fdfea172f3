// Takes a link's code out of the address, so that no history and no screenshot keeps it, and sends it in a form's body.
(function () {
  "use strict";

  const code = location.hash.slice(1);
  const form = document.getElementById("code-form");
  if (!code || !form) return;
  history.replaceState(null, "", location.pathname);
  document.getElementById("code").value = code;
  form.submit();
})();
