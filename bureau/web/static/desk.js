// Keeps the list of interceptions fresh while the page is open. Without it the page works as it is.
"use strict";
(function () {
  const live = document.getElementById("live");
  if (!live || !window.EventSource) return;
  let busy = false;
  let again = false;

  async function refresh() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(live.dataset.rows, { credentials: "same-origin" });
      if (answer.status === 401) { window.location.reload(); return; }
      if (answer.ok) {
        // The server escaped every value; DOMParser runs no script in what it parses.
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        live.replaceChildren(...page.body.childNodes);
      }
    } catch (error) {
      // The stream reconnects by itself and the next event asks again.
    } finally {
      busy = false;
      if (again) { again = false; refresh(); }
    }
  }

  new EventSource(live.dataset.events).addEventListener("arrived", refresh);
})();
