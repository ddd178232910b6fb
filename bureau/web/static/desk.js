// Keeps an open list fresh and lets the keyboard move in it. Without it every page works as it is.
"use strict";
(function () {
  const live = document.getElementById("live");
  if (live && window.EventSource) follow(live);
  document.addEventListener("keydown", press);

  function follow(box) {
    let busy = false;
    let again = false;
    async function refresh() {
      if (busy) { again = true; return; }
      busy = true;
      try {
        const answer = await fetch(box.dataset.rows, { credentials: "same-origin" });
        if (answer.status === 401) { window.location.reload(); return; }
        if (answer.ok) {
          // The server escaped every value; DOMParser runs no script in what it parses.
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          box.replaceChildren(...page.body.childNodes);
        }
      } catch (error) {
        // The stream reconnects by itself and the next event asks again.
      } finally {
        busy = false;
        if (again) { again = false; refresh(); }
      }
    }
    new EventSource(box.dataset.events).addEventListener("arrived", refresh);
  }

  // "/" to the search, "j" and "k" along the rows, Enter on the row's link.
  function press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (/^(input|textarea|select)$/i.test(event.target.tagName)) return;
    if (event.key === "/") {
      const box = document.getElementById("q");
      if (box) { box.focus(); box.select(); event.preventDefault(); }
    } else if (event.key === "j" || event.key === "k") {
      step(event.key === "j" ? 1 : -1);
    }
  }

  function step(by) {
    const rows = Array.from(document.querySelectorAll("table.rows tbody tr")).filter((row) => row.querySelector("a.open"));
    if (!rows.length) return;
    const here = rows.findIndex((row) => row.classList.contains("here"));
    const next = rows[Math.min(Math.max(here + by, 0), rows.length - 1)];
    if (here >= 0) rows[here].classList.remove("here");
    next.classList.add("here");
    next.querySelector("a.open").focus();
    next.scrollIntoView({ block: "nearest" });
  }
})();
