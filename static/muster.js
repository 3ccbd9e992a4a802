// Everything works without this file. It adds: live progress, filter-as-you-type, fresh relative times, copy buttons,
// a few keys. No inline code, no eval, no dependency.
"use strict";

const minute = 60, hour = 3600, day = 86400;

// The same words as web/words.rs.
function relative(at, now) {
  const seconds = Math.round((now - at) / 1000), amount = Math.abs(seconds);
  let span;
  if (amount < 45) return seconds >= 0 ? "just now" : "in a moment";
  if (amount < 3570) span = Math.floor((amount + 30) / minute) + " min";
  else if (amount < 84600) span = Math.floor((amount + 1800) / hour) + " h";
  else if (amount < 30 * day) span = Math.floor((amount + 43200) / day) + " d";
  else return null;
  return seconds >= 0 ? span + " ago" : "in " + span;
}

function freshen() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime), words = relative(at, now);
    if (words) time.textContent = words;
    if (!time.dataset.local) {
      time.dataset.local = "yes";
      time.title += " (" + at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" }) + " here)";
    }
  }
}

// Puts a new version of the page's content in place, keeping what has the focus, and what was said once: the new version
// does not say it again.
async function renew(address) {
  const response = await fetch(address, { headers: { Accept: "text/html" } });
  if (response.redirected || !response.ok) { location.reload(); return; }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.getElementById("main"), old = document.getElementById("main");
  if (!fresh || !old) return;
  const focused = document.activeElement && document.activeElement.id;
  for (const details of old.querySelectorAll("details[open][id]")) {
    const same = fresh.querySelector("#" + CSS.escape(details.id));
    if (same) same.open = true;
  }
  for (const node of [...old.childNodes]) if (!node.classList?.contains("flash")) node.remove();
  old.append(...fresh.childNodes);
  document.title = page.title;
  if (focused && focused !== "main") document.getElementById(focused)?.focus();
  freshen();
}

// A run at work: figures as they come; with every change of state the page is read again.
function live() {
  const root = document.querySelector("[data-events]");
  if (!root || !window.EventSource) return;
  let source = null, state = root.dataset.state;
  const show = (event) => {
    const news = JSON.parse(event.data);
    if (news.state !== state) {
      state = news.state;
      renew(location.href).then(() => { if (!document.querySelector("[data-events]")) stop(); });
      return;
    }
    for (const [name, words] of Object.entries(news.words)) {
      for (const element of document.querySelectorAll(`[data-live="${name}"]`)) element.textContent = words;
    }
    const bar = document.querySelector("progress[data-live-bar]");
    if (bar && news.total > 0) { bar.max = news.total; bar.value = Math.min(news.rows, news.total); }
    else if (bar) bar.removeAttribute("value");
  };
  const start = () => {
    if (source) return;
    source = new EventSource(root.dataset.events);
    source.addEventListener("progress", show);
    source.addEventListener("end", () => { stop(); renew(location.href); });
  };
  const stop = () => { source?.close(); source = null; };
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  window.addEventListener("pagehide", stop);
  start();
}

// Forms marked so are sent while one types.
function filterAsYouType() {
  for (const form of document.querySelectorAll("form[data-filter]")) {
    let timer;
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(async () => {
        const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
        const address = form.getAttribute("action") + (query.size ? "?" + query : "");
        const response = await fetch(address);
        if (!response.ok) return;
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        const target = "#" + form.dataset.filter, fresh = page.querySelector(target);
        if (fresh) document.querySelector(target).replaceWith(fresh);
        history.replaceState(null, "", address);
        freshen();
      }, 220);
    });
  }
}

// The beginning of a chosen or dropped file goes into the form as text. What is not UTF-8 is taken for windows-1252.
function dropping() {
  const form = document.querySelector("[data-drop]");
  if (!form) return;
  const chosen = form.querySelector("input[type=file]"), said = form.querySelector("[data-drop-said]");
  const most = 1e6;
  const take = async (file) => {
    if (!file) return;
    const bytes = new Uint8Array(await file.slice(0, most).arrayBuffer());
    const cut = file.size > most;
    let text, encoding = "";
    try { text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: cut }); } catch {
      [text, encoding] = [new TextDecoder("windows-1252").decode(bytes), "windows-1252"];
    }
    if (cut) text = text.slice(0, text.lastIndexOf("\n") + 1);
    form.elements.content.value = text;
    form.elements.file_name.value = file.name;
    form.elements.encoding.value = encoding;
    if (!form.elements.name.value) form.elements.name.value = file.name.replace(/\.[^.]*$/, "");
    said.textContent = file.name + (cut ? ": its first megabyte was taken." : " was taken.");
  };
  chosen.addEventListener("change", () => take(chosen.files[0]));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => { event.preventDefault(); take(event.dataTransfer.files[0]); });
}

function copying() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    const text = source ? source.textContent : button.dataset.copy;
    try { await navigator.clipboard.writeText(text); } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const words = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = words; }, 1500);
  });
}

function shortcuts() {
  const off = () => localStorage.getItem("shortcuts") === "off";
  const toggle = document.querySelector("[data-toggle-shortcuts]");
  const label = () => { if (toggle) toggle.textContent = "Switch shortcuts " + (off() ? "on" : "off"); };
  toggle?.addEventListener("click", () => { localStorage.setItem("shortcuts", off() ? "on" : "off"); label(); });
  label();
  const places = { h: "/", c: "/connectors", j: "/runs", u: "/users", g: "/groups" };
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const open of document.querySelectorAll("details.drop[open]")) open.open = false;
    if (off() || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select")) return;
    if (event.key === "/") {
      document.querySelector("[data-shortcut='/']")?.focus();
      event.preventDefault();
    } else if (event.key === "?") location.href = "/help";
    else if (Date.now() - going < 1200 && places[event.key]) location.href = places[event.key];
    going = event.key === "g" ? Date.now() : 0;
  });
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.drop[open]")) if (!open.contains(event.target)) open.open = false;
  });
}

document.documentElement.classList.add("script");
freshen();
setInterval(freshen, 30000);
live();
filterAsYouType();
copying();
dropping();
shortcuts();
