// Keeps the part of a page that is `#live` fresh, and lets the keyboard move in it. Without it every page works as it is.
"use strict";
(function () {
  const live = document.getElementById("live");
  if (live && window.EventSource) follow(live);
  document.addEventListener("keydown", press);
  document.addEventListener("change", repick);
  comeBack();

  // A picker whose choice decides what stands beside it asks for its row anew.
  function repick(event) {
    const button = document.getElementById("refresh");
    if (!button || !event.target.matches("[data-refresh]")) return;
    sessionStorage.setItem("desk.at", event.target.name);
    button.form.requestSubmit(button);
  }

  // To the picker that asked, on the page that answers it.
  function comeBack() {
    const name = sessionStorage.getItem("desk.at");
    sessionStorage.removeItem("desk.at");
    const found = name && document.getElementsByName(name)[0];
    if (found) found.focus();
  }

  function follow(box) {
    let busy = false;
    let again = false;
    let missed = false;
    let stream = null;
    async function refresh() {
      if (busy) { again = true; return; }
      // What somebody has in hand stays; once it is let go, we ask again.
      missed = inHand(box);
      if (missed) return;
      busy = true;
      try {
        const answer = await fetch(box.dataset.rows || window.location.href, { credentials: "same-origin" });
        if (answer.status === 401) { window.location.reload(); return; }
        if (answer.ok) {
          // The server escaped every value; DOMParser runs no script in what it parses.
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          missed = inHand(box);  // begun while we asked
          if (!missed) renew(box, (page.getElementById("live") || page.body).childNodes);
        }
      } catch (error) {
        // The stream reconnects by itself and the next event asks again.
      } finally {
        busy = false;
        if (again) { again = false; refresh(); }
      }
    }
    function listen() {
      stream = new EventSource(box.dataset.events);
      stream.addEventListener("arrived", refresh);
      stream.addEventListener("open", refresh);  // what came since the page was made
    }
    // A browser keeps six connections to a host: pages in the background give theirs back.
    document.addEventListener("visibilitychange", () => {
      if (stream) { stream.close(); stream = null; }
      if (!document.hidden) listen();
    });
    for (const event of ["focusout", "pointerup", "keyup"]) {
      document.addEventListener(event, () => setTimeout(() => { if (missed) refresh(); }));
    }
    listen();
  }

  // The keyboard stays where it was: on the same link or button, or on what stands in its place.
  function renew(box, fresh) {
    const before = reachable(box);
    const place = before.indexOf(document.activeElement);
    const mark = place < 0 ? "" : markOf(before[place]);
    const row = box.querySelector("tr.here a.open");
    const at = row && markOf(row);
    box.replaceChildren(...fresh);
    const after = reachable(box);
    const same = at && after.find((element) => markOf(element) === at);
    if (same) same.closest("tr").classList.add("here");
    if (place < 0 || !after.length) return;
    const again = after.find((element) => markOf(element) === mark) || after[Math.min(place, after.length - 1)];
    again.focus({ preventScroll: true });
  }

  function reachable(box) {
    return Array.from(box.querySelectorAll("a[href], button, summary, [tabindex]"));
  }

  function markOf(element) {
    const form = element.form ? element.form.getAttribute("action") : "";
    const address = element.getAttribute("href") || form || element.textContent.slice(0, 40);
    return [element.tagName, address, element.value || ""].join(" ");
  }

  // Where somebody types, what is pressed at the moment, and words that are not sent yet.
  function inHand(box) {
    const here = document.activeElement;
    if ((box.contains(here) && typing(here)) || box.querySelector(":active")) return true;
    return Array.from(box.querySelectorAll("input, textarea"))
      .some((field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked);
  }

  function typing(element) {
    return /^(input|textarea|select)$/i.test(element.tagName);
  }

  // "/" to the search, "j" and "k" along the rows, Enter on the row's link.
  function press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (typing(event.target)) return;
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
