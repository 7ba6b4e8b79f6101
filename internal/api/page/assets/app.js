// Keeps an open page up to date: clocks tick here, everything else is asked for
// once a second, and put in place only when it has changed.
"use strict";

const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

// words writes a duration in milliseconds with two units at most.
function words(ms) {
	let s = Math.max(0, Math.floor(ms / 1000));
	const out = [];
	for (const [unit, size] of units) {
		if (s >= size && out.length < 2) {
			out.push(Math.floor(s / size) + " " + unit);
			s %= size;
		}
	}
	return out.join(" ") || "0 s";
}

function tick() {
	const now = Date.now();
	for (const e of document.querySelectorAll("[data-since]")) {
		e.textContent = words(now - Number(e.dataset.since));
	}
	for (const e of document.querySelectorAll("[data-until]")) {
		const left = Number(e.dataset.until) - now;
		e.textContent = left > 0 ? "in " + words(left + 999) : "now";
	}
}

let tag = "";

async function refresh() {
	const main = document.querySelector("main");
	if (!main.hasAttribute("data-live") || document.hidden || isBusy(main)) {
		return;
	}
	const offline = document.getElementById("offline");
	try {
		const reply = await fetch(location.href, {headers: tag ? {"If-None-Match": tag} : {}, cache: "no-store"});
		offline.hidden = true;
		if (reply.status === 200 && !isBusy(main)) {
			tag = reply.headers.get("ETag") || "";
			replace(main, new DOMParser().parseFromString(await reply.text(), "text/html"));
		}
	} catch {
		offline.hidden = false;
	}
}

// isBusy: somebody is typing, or has typed, or has marked some text.
function isBusy(main) {
	const typing = main.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
	const typed = Array.from(main.querySelectorAll("textarea")).some(t => t.value !== t.defaultValue);
	return typing || typed || String(getSelection()) !== "";
}

// replace puts in the new page and leaves open what was opened by hand.
function replace(main, fresh) {
	const next = fresh.querySelector("main");
	for (const d of main.querySelectorAll("details[id]")) {
		const same = next.querySelector("#" + CSS.escape(d.id));
		if (same && d.dataset.touched) {
			same.open = d.open;
			same.dataset.touched = "1";
		}
	}
	main.replaceWith(next);
	document.title = fresh.title;
	tick();
}

document.addEventListener("click", e => {
	const details = e.target.closest("summary")?.parentElement;
	if (details) {
		details.dataset.touched = "1";
	}
});
document.addEventListener("submit", e => {
	const question = e.target.dataset.confirm;
	if (question && !confirm(question)) {
		e.preventDefault();
	}
});
tick();
setInterval(tick, 500);
setInterval(refresh, 1000);
